"""The door to torchvision: it opens on a CPU torch, and it is the only one."""

import re
from pathlib import Path

import pytest
import torch

from strata.vision import import_torchvision

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def torchvision():
    return import_torchvision()


@pytest.fixture(scope="module")
def resnet(torchvision):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torchvision.models.resnet18(weights=None).eval()


def test_import_may_be_repeated(torchvision):
    assert import_torchvision() is torchvision
    assert torch.ops.torchvision.nms is not None


def test_resnet_runs(resnet):
    with torch.no_grad():
        assert resnet(torch.zeros(1, 3, 32, 32)).shape == (1, 1000)


def test_extracted_features_are_those_of_the_net(torchvision, resnet):
    from torchvision.models.feature_extraction import create_feature_extractor

    x = torch.linspace(-1, 1, 3 * 32 * 32).reshape(1, 3, 32, 32)
    extractor = create_feature_extractor(resnet, {"layer1": "early", "fc": "logits"})
    with torch.no_grad():
        features = extractor(x)
        stem = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(x))))
        torch.testing.assert_close(features["early"], resnet.layer1(stem))
        torch.testing.assert_close(features["logits"], resnet(x))


def test_transforms_and_datasets_work(torchvision):
    from torchvision.transforms import v2

    assert v2.CenterCrop(4)(torch.zeros(3, 8, 8)).shape == (3, 4, 4)
    assert len(torchvision.datasets.FakeData(size=2, image_size=(3, 4, 4))) == 2


def test_nobody_else_imports_torchvision():
    direct = re.compile(r"^[\s\"]*(import|from)\s+torchvision\b", re.MULTILINE)
    files = [*(PROJECT / "src/strata").rglob("*.py"), *(PROJECT / "notebooks").rglob("*.ipynb")]
    assert len(files) > 5
    assert [f.name for f in files if direct.search(f.read_text(encoding="utf-8"))] == []

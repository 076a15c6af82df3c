"""The ResNet-50: torchvision's own where it is standard, its counts, and its initial weights."""

import math

import pytest
import torch
from torch import nn

from strata.nets.resnet import autocast, blocks, resnet50, standardised
from strata.vision import import_torchvision

models = import_torchvision().models


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _count(width, classes, stem):
    """Count the parameters by hand: convolutions without bias, two numbers a norm channel."""
    total = 3 * width * (9 if stem == "small" else 49) + 2 * width
    fan_in = width
    for stage, depth in enumerate((3, 4, 6, 3)):
        inner, outer = width * 2**stage, 4 * width * 2**stage
        total += fan_in * outer + 2 * outer  # the projection
        for _ in range(depth):
            total += fan_in * inner + 9 * inner**2 + inner * outer + 2 * (2 * inner + outer)
            fan_in = outer
    return total + fan_in * classes + classes


def test_the_standard_net_is_that_of_torchvision():
    net = resnet50(1000, generator=_generator())
    assert isinstance(net, models.ResNet)
    assert sum(p.numel() for p in net.parameters()) == 25_557_032
    with torch.device("meta"):
        theirs = models.resnet50()
    shapes = {name: entry.shape for name, entry in theirs.state_dict().items()}
    assert {name: entry.shape for name, entry in net.state_dict().items()} == shapes
    theirs.load_state_dict(net.state_dict(), assign=True)
    x = torch.randn(2, 3, 48, 40, generator=_generator())
    with torch.no_grad():
        assert torch.equal(net.eval()(x), theirs.eval()(x))


@pytest.mark.parametrize("stem", ["standard", "small"])
@pytest.mark.parametrize(("width", "classes"), [(8, 10), (16, 7), (64, 1000)])
def test_parameters_are_counted_by_hand(stem, width, classes):
    net = resnet50(classes, stem=stem, width=width, generator=None)
    assert sum(p.numel() for p in net.parameters()) == _count(width, classes, stem)
    assert all(entry.is_meta for entry in net.state_dict().values())


def test_the_small_stem_keeps_the_size_until_the_pooling():
    net = resnet50(5, stem="small", width=8, generator=_generator())
    x = torch.zeros(2, 3, 32, 32)
    assert net.conv1(x).shape == (2, 8, 32, 32)
    h = net.maxpool(net.relu(net.bn1(net.conv1(x))))
    assert h.shape == (2, 8, 16, 16)
    for stage, side in ((net.layer1, 16), (net.layer2, 8), (net.layer3, 4), (net.layer4, 2)):
        h = stage(h)
        assert h.shape[2:] == (side, side)
    assert h.shape[1] == 256
    assert net(x).shape == (2, 5)


def test_there_are_sixteen_blocks_of_which_four_project():
    found = blocks(resnet50(5, width=8, generator=None))
    assert len(found) == 16
    assert [i for i, block in enumerate(found) if block.downsample is not None] == [0, 3, 7, 13]
    assert [block.stride for block in found] == [1] * 3 + [2, *[1] * 3, 2, *[1] * 5, 2, 1, 1]
    assert all(isinstance(block, models.resnet.Bottleneck) for block in found)


@pytest.mark.parametrize("width", [16, 64])
def test_weights_depend_on_the_generator_only(width):
    before = torch.get_rng_state()
    one, same, other = (
        resnet50(10, stem="small", width=width, generator=_generator(s)).state_dict()
        for s in (0, 0, 1)
    )
    assert torch.equal(torch.get_rng_state(), before)
    for name in one:
        assert torch.equal(one[name], same[name])
    for name in ("conv1.weight", "layer4.2.conv3.weight", "fc.weight", "fc.bias"):
        assert not torch.equal(one[name], other[name])


def test_initial_weights_have_the_distributions_of_torchvision():
    net = resnet50(1000, stem="small", width=32, generator=_generator())
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            n = module.weight.numel()
            variance = 2 / (module.out_channels * math.prod(module.kernel_size))
            # Sample means and variances of normals: five of their standard deviations.
            assert abs(module.weight.mean()) < 5 * math.sqrt(variance / n)
            assert abs(module.weight.square().mean() / variance - 1) < 5 * math.sqrt(2 / n)
        elif isinstance(module, nn.BatchNorm2d):
            assert (module.bias == 0).all()
            assert (module.running_mean == 0).all()
            assert (module.running_var == 1).all()
            assert module.num_batches_tracked == 0
    for values in (net.fc.weight, net.fc.bias):
        share = values.detach().abs() * math.sqrt(net.fc.in_features)
        assert share.max() <= 1
        assert abs(share.mean() - 0.5) < 5 * math.sqrt(1 / 12 / share.numel())
    gammas = {name: p for name, p in net.named_parameters() if "bn" in name and "weight" in name}
    for name, gamma in gammas.items():
        assert (gamma == (0 if name.endswith("bn3.weight") else 1)).all()
    assert sum(name.endswith("bn3.weight") for name in gammas) == 16


@pytest.mark.parametrize(
    ("classes", "setting", "message"),
    [
        (0, {}, "at least 1"),
        (2, {"width": 0}, "at least 1"),
        (2, {"stem": "large"}, "'standard' or 'small'"),
    ],
)
def test_bad_settings_are_refused(classes, setting, message):
    with pytest.raises(ValueError, match=message):
        resnet50(classes, generator=_generator(), **setting)


def test_pixels_of_both_kinds_become_the_same_numbers():
    whole = torch.arange(2 * 3 * 4 * 5, dtype=torch.uint8).view(2, 3, 4, 5)
    shares = whole.float() / 255
    kept = shares.clone()
    found = standardised(whole)
    assert torch.equal(found, standardised(shares))
    assert torch.equal(shares, kept)
    torch.testing.assert_close(found, 4 * shares - 2)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert standardised(shares.double()).dtype == torch.float32


def test_what_is_no_image_is_refused():
    with pytest.raises(ValueError, match="height, width"):
        standardised(torch.zeros(3, 8, 8))
    with pytest.raises(ValueError, match="height, width"):
        standardised(torch.zeros(2, 1, 8, 8))
    with pytest.raises(TypeError, match="int64"):
        standardised(torch.zeros(2, 3, 8, 8, dtype=torch.int64))
    with pytest.raises(ValueError, match="float16"):
        autocast("float16", torch.device("cpu"))

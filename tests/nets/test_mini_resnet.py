"""Untrained ResNets for inversion: shapes, numbers, and what calibration does."""

import pytest
import torch
from torch import nn

from strata.nets.mini_resnet import (
    equal_planes,
    mini_resnet50,
    pretrained_resnet50,
    standard_resnet50,
)
from strata.nets.stages import STAGES, calibrate_, embedding


def small(**options):
    return mini_resnet50(10, generator=torch.Generator().manual_seed(0), **options)


def images(n=8, size=16):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(1))


def test_its_stages_have_the_ratios_of_the_large_net():
    with torch.no_grad():
        sizes = [embedding(small(), images(1, 32), stage)[0].numel() / 3072 for stage in STAGES]
    assert sizes == pytest.approx([16 / 3, 4 / 3, 16 / 3, 8 / 3, 4 / 3, 2 / 3])


def test_the_standard_net_has_the_numbers_of_the_study():
    net = standard_resnet50(1000, generator=None)
    assert sum(p.numel() for p in net.parameters()) == 25_557_032
    image = torch.empty(1, 3, 299, 299, device="meta")
    counts = [embedding(net, image, stage).numel() for stage in STAGES]
    assert counts == [1_440_000, 360_000, 1_440_000, 739_328, 369_664, 204_800]


def test_equal_planes_make_all_later_stages_as_large_as_the_pooled_map():
    net = small(planes=equal_planes(16))
    with torch.no_grad():
        counts = {embedding(net, images(1, 32), stage).numel() for stage in STAGES[1:]}
    assert counts == {4096}
    with pytest.raises(ValueError, match="multiple of 4"):
        equal_planes(6)


def test_its_weights_come_from_the_generator_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, second = small(), small()
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert all(bool((block.bn3.weight == 1).all()) for block in first.layer1)
    # Kaiming with fan_out: variance 2 / (output channels times the area of the kernel).
    weight = first.layer4[0].conv2.weight.detach()
    assert float(weight.std()) == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)


def test_stages_lead_to_the_logits_of_the_net():
    net, x = calibrate_(small(), images()), images()
    with torch.no_grad():
        last = embedding(net, x, "c5")
        torch.testing.assert_close(net.fc(last.mean((2, 3))), net(x))
        assert all(bool((embedding(net, x, stage) >= 0).all()) for stage in STAGES)
    with pytest.raises(ValueError, match="unknown stage"):
        embedding(net, x, "c6")


def test_an_untrained_net_does_not_normalise():
    net, bare = small(), small()
    bare.bn1 = nn.Identity()
    for layer in (bare.layer1, bare.layer2, bare.layer3, bare.layer4):
        for block in layer:
            block.bn1 = block.bn2 = block.bn3 = nn.Identity()
            if block.downsample is not None:
                block.downsample[1] = nn.Identity()
    with torch.no_grad():
        torch.testing.assert_close(
            embedding(net, images(), "c5"), embedding(bare, images(), "c5"), rtol=1e-3, atol=1e-4
        )


def test_calibration_gives_the_statistics_of_the_images_and_keeps_the_weights():
    net, x = small(), images(40)
    weights = [p.clone() for p in net.parameters()]
    assert calibrate_(net, x) is net
    assert not net.training
    with torch.no_grad():
        maps = net.conv1(x)
    torch.testing.assert_close(net.bn1.running_mean, maps.mean((0, 2, 3)))
    torch.testing.assert_close(net.bn1.running_var, maps.transpose(0, 1).flatten(1).var(1))
    assert all(torch.equal(a, b) for a, b in zip(weights, net.parameters(), strict=True))
    assert net.bn1.momentum == 0.1
    # Once more changes nothing: what was there before does not count.
    state = {name: value.clone() for name, value in net.state_dict().items()}
    calibrate_(net, x)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, state[name])
    # Two batches of equal size give the mean of their means.
    calibrate_(net, x, batch_size=20)
    torch.testing.assert_close(net.bn1.running_mean, maps.mean((0, 2, 3)))
    with pytest.raises(ValueError, match="no statistics"):
        calibrate_(net, x[:1])


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        small(width=0)
    with pytest.raises(ValueError, match="four stages"):
        small(planes=(4, 4))


def test_weights_that_cannot_be_had_are_an_error_that_says_where_they_are(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with pytest.raises(OSError, match="cannot be had"):
        pretrained_resnet50()

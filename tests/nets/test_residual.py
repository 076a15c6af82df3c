"""The shortcut by hand, and the distribution of the weights drawn."""

import math

import pytest
import torch
from torch import nn

from strata.nets.residual import draw_, shortcut


def test_a_strided_shortcut_by_hand():
    x = torch.stack([torch.arange(16.0).view(4, 4), 100 + torch.arange(16.0).view(4, 4)])[None]
    found = shortcut(x, 5, 2)
    zero = torch.zeros(2, 2)
    kept = torch.tensor([[0.0, 2], [8, 10]])
    # Three channels are missing: one before, two behind.
    assert torch.equal(found, torch.stack([zero, kept, 100 + kept, zero, zero])[None])


@pytest.mark.parametrize("side", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_shortcut_has_the_shape_of_the_convolution_beside_it(side, stride):
    x = torch.zeros(2, 3, side, side + 1)
    beside = nn.functional.conv2d(x, torch.zeros(6, 3, 3, 3), stride=stride, padding=1)
    assert shortcut(x, 6, stride).shape == beside.shape


def test_a_shortcut_between_equal_shapes_is_the_input_itself():
    x = torch.ones(1, 3, 2, 2)
    assert shortcut(x, 3, 1) is x


def test_a_shortcut_drops_no_channel():
    with pytest.raises(ValueError, match="from 3 to 2"):
        shortcut(torch.zeros(1, 3, 2, 2), 2, 1)


def test_weights_have_variance_2_over_fan_in_and_come_from_the_generator_only():
    with torch.device("meta"):
        conv, linear = nn.Conv2d(20, 200, 3), nn.Linear(150, 200)
        net = nn.Sequential(conv, nn.BatchNorm2d(200), linear, nn.Conv2d(200, 5, 1, bias=False))
    before = torch.get_rng_state()
    draw_(net, torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)
    for layer, fan_in in ((conv, 180), (linear, 150), (net[3], 200)):
        n = layer.weight.numel()
        # Sample means and variances of normals: five of their standard deviations.
        assert abs(layer.weight.mean()) < 5 * math.sqrt(2 / fan_in / n)
        assert abs(layer.weight.square().mean() * fan_in / 2 - 1) < 5 * math.sqrt(2 / n)
    for layer, fan_in in ((conv, 180), (linear, 150)):
        share = layer.bias.detach().abs() * math.sqrt(fan_in)
        assert share.max() <= 1
        assert abs(share.mean() - 0.5) < 5 * math.sqrt(1 / 12 / len(share))
    norm = net[1]
    assert (norm.weight == 1).all()
    assert (norm.running_var == 1).all()
    assert not norm.bias.any()
    assert not norm.running_mean.any()
    assert norm.num_batches_tracked == 0

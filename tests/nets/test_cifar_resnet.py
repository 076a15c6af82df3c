"""The small ResNets: a second formula, counts, the feature before its ReLU, initial weights."""

import pytest
import torch
from relu_paths import longest
from torch.nn import functional as F

from strata.nets.cifar_resnet import cifar_resnet
from strata.nets.counting import cost

DEPTHS = (8, 14, 20, 32, 44)


def small(depth=8, seed=0, widths=(4, 6, 9)):
    return cifar_resnet(depth, 5, widths=widths, generator=torch.Generator().manual_seed(seed))


def images(n=6, side=8, seed=1):
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


def by_hand(net, x):
    """The feature, from the entries of the state in their order."""
    entries = iter(net.state_dict().values())

    def layer(x, stride=1):
        z = F.conv2d(x, next(entries), stride=stride, padding=1)
        gamma, beta, mean, variance, _ = (next(entries)[..., None, None] for _ in range(5))
        return gamma * (z - mean) / (variance + 1e-5).sqrt() + beta

    x = layer(x).relu()
    n = net.feature_relus // 6
    for block in range(3 * n):
        stride = 2 if block in (n, 2 * n) else 1
        z = layer(layer(x, stride).relu())
        padded = torch.zeros_like(z)
        first = (z.shape[1] - x.shape[1]) // 2
        padded[:, first : first + x.shape[1]] = x[:, :, ::stride, ::stride]
        x = z + padded
        if block < 3 * n - 1:
            x = x.relu()
    return x, next(entries), next(entries)


@pytest.mark.parametrize(("depth", "widths"), [(8, (4, 6, 9)), (14, (3, 3, 3)), (20, (2, 4, 8))])
def test_the_net_is_its_formula(depth, widths):
    net, x = small(depth, widths=widths), images()
    net(x)  # moves the statistics off 0 and 1
    net.eval()
    with torch.no_grad():
        feature, weight, bias = by_hand(net, x)
        torch.testing.assert_close(net.features(x), feature)
        logits = feature.relu().mean((2, 3)) @ weight.T + bias
        torch.testing.assert_close(net(x), logits)
        torch.testing.assert_close(net.head(feature), logits)
    assert (feature < 0).any()


def test_the_head_leaves_its_feature_as_it_was():
    net, f = small(), torch.randn(2, 9, 2, 2, generator=torch.Generator().manual_seed(0))
    kept = f.clone()
    net.head(f)
    assert torch.equal(f, kept)


@pytest.mark.parametrize("depth", DEPTHS)
def test_relus_parameters_and_the_feature_of_the_papers_nets(depth):
    n = (depth - 2) // 6
    net = cifar_resnet(depth, 10, generator=None)
    assert all(entry.is_meta for entry in net.state_dict().values())
    found = cost(net, (3, 32, 32), part="features")
    assert found.outputs == (64, 8, 8)
    assert found.relus == net.feature_relus == 6 * n
    weights = 27 * 16 + 9 * (2 * n * 16**2 + 16 * 32 + (2 * n - 1) * 32**2)
    weights += 9 * (32 * 64 + (2 * n - 1) * 64**2) + 64 * 10 + 10
    norms = 2 * 16 + 4 * n * (16 + 32 + 64)
    assert found.parameters == weights + norms
    # Convolutions and the last layer: the depth in the name.
    assert sum(p.ndim > 1 for p in net.parameters()) == depth


@pytest.mark.parametrize("depth", [8, 20])
def test_relus_lie_on_the_longest_way(depth):
    net, x = small(depth), images()
    assert longest(net.features(x)) == net.feature_relus == depth - 2
    assert longest(net(x)) == depth - 1


@pytest.mark.parametrize("side", [4, 12, 32])
def test_the_feature_has_a_quarter_of_the_side(side):
    assert small().features(images(2, side)).shape == (2, 9, side // 4, side // 4)


def test_weights_depend_on_the_generator_only():
    before = torch.get_rng_state()
    one, same, other = (small(seed=s).state_dict() for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert all(one[n].equal(other[n]) == ("norm" in n or "stem.1" in n) for n in one)


@pytest.mark.parametrize(
    ("depth", "classes", "widths", "message"),
    [
        (2, 10, (4, 8, 16), r"6 n \+ 2"),
        (18, 10, (4, 8, 16), r"6 n \+ 2"),
        (8, 0, (4, 8, 16), "at least 1"),
        (8, 10, (0, 8, 16), "at least 1"),
        (8, 10, (4, 8, 6), "as wide"),
    ],
)
def test_bad_settings_are_refused(depth, classes, widths, message):
    with pytest.raises(ValueError, match=message):
        cifar_resnet(depth, classes, widths=widths, generator=None)

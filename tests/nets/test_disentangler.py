"""The disentangler nets: second formulas, their order, the warm start, initial weights."""

import re

import pytest
import torch
from relu_paths import longest
from torch.nn import functional as F

from strata.nets.counting import cost
from strata.nets.disentangler import Disentangler, copy_shallower_


def small(blocks=2, seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    return Disentangler(blocks, 5, base=4, generator=generator, **options)


def images(n=6, side=8, seed=1):
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


def used(net):
    """The net after one batch, so that its statistics are not 0 and 1, in evaluation mode."""
    net.train()(images(seed=2))
    return net.eval()


def by_hand(net, x, *, stem=1, pool=False, strides=(1, 2, 2), skips=True):
    """The outputs, from the entries of the state in their order."""
    entries = iter(net.state_dict().values())

    def layer(x, stride):
        weight = next(entries)
        z = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        gamma, beta, mean, variance, _ = (next(entries)[..., None, None] for _ in range(5))
        return gamma * (z - mean) / (variance + 1e-5).sqrt() + beta

    x = layer(x, stem).relu()
    if pool:
        x = F.max_pool2d(x, 3, stride=2, padding=1)
    for first in strides:
        for block in range(net.blocks):
            stride = first if block == 0 else 1
            z = layer(x, stride)
            if skips:
                before = (z.shape[1] - x.shape[1]) // 2
                z[:, before : before + x.shape[1]] += x[:, :, ::stride, ::stride]
            x = z.relu()
    return F.conv2d(x, next(entries), next(entries))


KINDS = {
    "small": {"stem": 1},
    "large": {"stem": 2, "pool": True, "strides": (2, 2, 2)},
    "middle": {"stem": 2},
}


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize("stem", KINDS)
def test_the_net_is_its_formula_with_and_without_the_addition(stem, skips):
    net, x = used(small(stem=stem, skips=skips)), images(side=16)
    with torch.no_grad():
        torch.testing.assert_close(net(x), by_hand(net, x, skips=skips, **KINDS[stem]))


def test_skips_take_no_parameters_and_do_something():
    plain, net = used(small(skips=False)), used(small())
    assert plain.state_dict().keys() == net.state_dict().keys()
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), net.parameters(), strict=True))
    with torch.no_grad():
        assert not torch.allclose(plain(images()), net(images()), atol=0.01)


@pytest.mark.parametrize(
    ("stem", "side", "feature"), [("small", 32, 8), ("large", 224, 7), ("middle", 224, 28)]
)
def test_the_feature_has_the_side_of_the_target(stem, side, feature):
    net = Disentangler(2, 512, stem=stem, generator=None)
    assert all(entry.is_meta for entry in net.state_dict().values())
    assert cost(net, (3, side, side)).outputs == (512, feature, feature)


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_the_order_is_the_number_of_relus_on_the_longest_way(blocks, skips):
    net = Disentangler(blocks, 7, base=2, skips=skips, generator=None)
    assert net.order == 3 * blocks + 1
    assert cost(net, (3, 8, 8)).relus == net.order
    assert longest(net(torch.empty(1, 3, 8, 8, device="meta"))) == net.order


@pytest.mark.parametrize(("blocks", "base", "outputs"), [(1, 128, 64), (3, 6, 5), (5, 16, 512)])
def test_parameters_are_counted_by_hand(blocks, base, outputs):
    weights, inputs = 27 * base, base
    for width in (base, 2 * base, 4 * base):
        weights += 9 * (inputs * width + (blocks - 1) * width**2)
        inputs = width
    norms = 2 * base + 2 * blocks * 7 * base
    net = Disentangler(blocks, outputs, base=base, generator=None)
    found = cost(net, (3, 8, 8)).parameters
    assert found == weights + norms + 4 * base * outputs + outputs


@pytest.mark.parametrize(("side", "feature"), [(4, 1), (10, 3), (16, 4), (20, 5)])
def test_any_size_of_image_is_taken(side, feature):
    assert small()(images(2, side)).shape == (2, 5, feature, feature)


def test_weights_depend_on_the_generator_only():
    before = torch.get_rng_state()
    one, same, other = (small(seed=s).state_dict() for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    drawn = [n for n in one if "conv.weight" in n or n == "stem.0.weight" or "output" in n]
    assert len(drawn) == 9
    assert all(one[name].equal(other[name]) == (name not in drawn) for name in one)


def test_the_warm_start_copies_exactly_what_both_nets_have():
    shallower, net = used(small(2, seed=3)), used(small(4, seed=4))
    before = {name: entry.clone() for name, entry in net.state_dict().items()}
    source = shallower.state_dict()
    assert copy_shallower_(net, shallower) is net
    copied = 0
    for name, entry in net.state_dict().items():
        block = re.match(r"stages\.(\d)\.(\d)", name)
        shared = block is None or int(block[2]) < 2
        copied += shared
        assert torch.equal(entry, source[name] if shared else before[name])
        if not name.endswith(("tracked", "bias", "norm.weight", "stem.1.weight")):
            assert torch.equal(entry, before[name]) != shared
    assert copied == len(source)
    with torch.no_grad():
        net.output.bias.add_(1)
    assert torch.equal(shallower.output.bias, source["output.bias"])
    assert not torch.equal(net.output.bias, shallower.output.bias)


def test_a_warm_net_whose_new_blocks_give_nothing_is_the_shallower_net():
    # Behind a ReLU, a block that adds nothing to its input lets it through.
    shallower, net = used(small(1, seed=3)), small(3, seed=4)
    copy_shallower_(net, shallower).eval()
    with torch.no_grad():
        assert not torch.allclose(net(images()), shallower(images()), atol=0.01)
        for stage in net.stages:
            for block in stage[1:]:
                block.norm.weight.zero_()
        torch.testing.assert_close(net(images()), shallower(images()))


def test_a_copy_of_equal_depth_is_the_same_net():
    one, other = used(small(seed=3)), used(small(seed=4))
    with torch.no_grad():
        assert torch.equal(copy_shallower_(other, one)(images()), one(images()))


def test_what_does_not_fit_is_refused_and_nothing_changes():
    net = small(2)
    before = {name: entry.clone() for name, entry in net.state_dict().items()}
    with pytest.raises(ValueError, match=r"stages\.0\.2\.conv"):
        copy_shallower_(net, small(3))
    wider = Disentangler(1, 6, base=4, generator=torch.Generator())
    with pytest.raises(ValueError, match=r"output\.weight, output\.bias"):
        copy_shallower_(net, wider)
    with pytest.raises(ValueError, match=r"stem\.0\.weight"):
        copy_shallower_(net, small(1, stem="middle"))
    assert all(torch.equal(entry, before[name]) for name, entry in net.state_dict().items())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"blocks": 0, "outputs": 3}, "at least 1"),
        ({"blocks": 1, "outputs": 0}, "at least 1"),
        ({"blocks": 1, "outputs": 3, "base": 0}, "at least 1"),
        ({"blocks": 1, "outputs": 3, "stem": "tiny"}, "one of"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Disentangler(**settings, generator=None)

"""Pruning and shared values: exact shares, nothing twice, bounds of the error, nets apart."""

import math

import pytest
import torch

from strata.nets.compression import (
    clustered_values,
    compression_rate,
    even_values,
    magnitude_masks,
    sensitivity_masks,
)

QUANTISERS = (even_values, clustered_values)


@pytest.fixture
def layers():
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 20, 11), (3, 7, 20), (3, 5, 7)]
    return [
        torch.randn(shape, generator=generator) * (1 + place) for place, shape in enumerate(shapes)
    ]


def counts(masks):
    return torch.stack([mask.flatten(1).sum(1) for mask in masks])


@pytest.mark.parametrize("share", [0.0, 0.25, 1 / 3, 0.83, 1.0])
def test_exactly_the_share_is_pruned_of_a_net_or_of_each_layer(layers, share):
    sizes = [layer[0].numel() for layer in layers]
    kept = counts(magnitude_masks(layers, share))
    assert (kept.sum(0) == sum(sizes) - round(share * sum(sizes))).all()
    kept = counts(magnitude_masks(layers, share, scope="layer"))
    assert kept.T.tolist() == [[size - round(share * size) for size in sizes]] * 3


@pytest.mark.parametrize("scope", ["net", "layer"])
def test_what_stays_is_larger_than_what_goes(layers, scope):
    masks = magnitude_masks(layers, 0.6, scope=scope)
    groups = zip(layers, masks, strict=True)
    if scope == "net":
        groups = [(torch.cat([x.flatten(1) for x in each], dim=1) for each in (layers, masks))]
    for weight, mask in groups:
        for values, stays in zip(weight.abs(), mask, strict=True):
            assert values[stays].min() >= values[~stays].max()


@pytest.mark.parametrize("scope", ["net", "layer"])
def test_pruning_twice_is_pruning_once_and_rounds_are_nested(layers, scope):
    masks = magnitude_masks(layers, 0.5, scope=scope)
    pruned = [layer * mask for layer, mask in zip(layers, masks, strict=True)]
    again = magnitude_masks(pruned, 0.5, scope=scope)
    assert all(torch.equal(a, b) for a, b in zip(masks, again, strict=True))
    further = magnitude_masks(pruned, 0.8, scope=scope)
    assert not any((more & ~once).any() for more, once in zip(further, masks, strict=True))


def test_of_equals_the_exact_number_goes():
    (mask,) = magnitude_masks([torch.ones(2, 10)], 0.3)
    assert mask.sum(1).tolist() == [7, 7]


def test_nets_of_a_stack_do_not_see_each_other(layers):
    alone = [[layer[i : i + 1] for layer in layers] for i in range(3)]
    for together, apart in (
        (magnitude_masks(layers, 0.4), [magnitude_masks(net, 0.4) for net in alone]),
        (sensitivity_masks(layers, 0.9), [sensitivity_masks(net, 0.9) for net in alone]),
        (
            [clustered_values(layer, 3) for layer in layers],
            [[clustered_values(layer, 3) for layer in net] for net in alone],
        ),
        (
            [even_values(layer, 3) for layer in layers],
            [[even_values(layer, 3) for layer in net] for net in alone],
        ),
    ):
        for place, layer in enumerate(together):
            assert torch.equal(layer, torch.cat([net[place] for net in apart]))


def test_a_rate_of_one_prunes_two_thirds_of_a_normal_layer_whatever_its_scale():
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(2, 200_000, generator=generator) * torch.tensor([[0.01], [30.0]])
    for rate in (0.5, 1.0, 2.0):
        (mask,) = sensitivity_masks([weight], rate)
        expected = math.erf(rate / math.sqrt(2))
        assert 1 - mask.double().mean(1).numpy() == pytest.approx([expected] * 2, abs=0.005)
    assert sensitivity_masks([weight], 0.0)[0].all()


def test_the_rate_of_compression_counts_all_layers_together():
    masks = [torch.ones(2, 4, dtype=torch.bool), torch.zeros(2, 6, dtype=torch.bool)]
    masks[1][0, 0] = True
    assert compression_rate(masks) == [2.0, 2.5]
    assert compression_rate(masks[1:]) == [6.0, math.inf]


@pytest.mark.parametrize("quantise", QUANTISERS)
@pytest.mark.parametrize("bits", [2, 3, 5, 8])
def test_few_values_are_left_and_a_second_time_changes_nothing(layers, quantise, bits):
    weight = layers[0].clone()
    weight[:, :10] = 0
    found = quantise(weight, bits)
    assert found.shape == weight.shape
    assert (found[weight == 0] == 0).all()
    for net in found:
        assert len(net[net != 0].unique()) <= 2**bits
    assert torch.allclose(quantise(found, bits), found, rtol=1e-6, atol=0)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_even_values_are_off_by_half_a_step_at_most(layers, bits):
    for layer in layers:
        steps = layer.flatten(1).abs().amax(1) / (2 ** (bits - 1) - 1)
        worst = (even_values(layer, bits) - layer).flatten(1).abs().amax(1)
        assert (worst <= steps / 2 * (1 + 1e-5)).all()


@pytest.mark.parametrize("bits", [2, 4, 6])
def test_clusters_are_no_worse_than_the_even_centres_they_begin_with(layers, bits):
    weight = layers[0]
    for net, found in zip(weight, clustered_values(weight, bits), strict=True):
        centres = torch.linspace(net.min().item(), net.max().item(), 2**bits)
        begun = (net.flatten()[:, None] - centres).abs().amin(1)
        error = (net - found).flatten()
        assert error.square().mean() <= begun.square().mean()
        assert begun.amax() <= (net.max() - net.min()) / (2**bits - 1) / 2 * (1 + 1e-5)


def test_clusters_that_stand_apart_become_their_means():
    parts = torch.tensor([-5.0, -1.0, 2.0, 4.0])
    weight = (parts[:, None] + torch.tensor([-0.1, 0.0, 0.1])).reshape(1, -1)
    assert torch.allclose(clustered_values(weight, 2), parts.repeat_interleave(3)[None])


def test_clusters_keep_the_mean_of_what_is_not_pruned(layers):
    weight = layers[1].double()
    assert torch.allclose(clustered_values(weight, 4).sum((1, 2)), weight.sum((1, 2)))


@pytest.mark.parametrize("quantise", QUANTISERS)
def test_nothing_but_zeros_stays_so(quantise):
    assert quantise(torch.zeros(2, 3), 4).tolist() == [[0.0] * 3] * 2


def test_faults_are_named():
    weight = torch.ones(2, 3)
    for share in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="share"):
            magnitude_masks([weight], share)
    for rate in (-1.0, math.nan):
        with pytest.raises(ValueError, match="rate"):
            sensitivity_masks([weight], rate)
    for bits in (1, 17):
        for quantise in QUANTISERS:
            with pytest.raises(ValueError, match="bits"):
                quantise(weight, bits)
    for layers in ([], [weight, torch.ones(3, 3)]):
        with pytest.raises(ValueError, match="one stack"):
            magnitude_masks(layers, 0.5)

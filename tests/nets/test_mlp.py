"""MLPs: the distribution of their weights, their function, and the stack against the nets."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from strata.nets.mlp import ACTIVATIONS, MLP, StackedMLP, gaussian_init_

PHI = {"relu": lambda z: z.clamp(min=0), "tanh": torch.tanh, "identity": lambda z: z}


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _nets(m, widths=(2, 5, 7, 3), activation="relu", dtype=torch.float64):
    return [
        MLP(widths, generator=_generator(i), activation=activation, dtype=dtype) for i in range(m)
    ]


def test_default_init_has_the_distribution_of_torch():
    mine = MLP([400, 300, 200], generator=_generator())
    with torch.random.fork_rng():
        torch.manual_seed(1)
        theirs = [nn.Linear(400, 300), nn.Linear(300, 200)]
    for layer, peer in zip(mine.layers, theirs, strict=True):
        bound = 1 / math.sqrt(layer.in_features)
        for name in ("weight", "bias"):
            a, b = getattr(layer, name).detach().flatten(), getattr(peer, name).detach().flatten()
            assert a.abs().max() <= bound
            assert b.abs().max() <= bound
            # Kolmogorov-Smirnov distance to the uniform distribution: both pass at 1e-6.
            for values in (a, b):
                cdf = (values.double().sort().values / bound + 1) / 2
                steps = torch.arange(1, len(cdf) + 1, dtype=torch.float64) / len(cdf)
                assert (cdf - steps).abs().max() < 2.7 / math.sqrt(len(cdf))


def test_init_draws_only_from_the_generator():
    before = torch.get_rng_state()
    one, same, other = (MLP([2, 4, 2], generator=_generator(s)) for s in (0, 0, 1))
    gaussian_init_(other, weight_variance=1, bias_variance=1, generator=_generator())
    StackedMLP([one, same]).unstack()
    assert torch.equal(torch.get_rng_state(), before)
    for a, b, c in zip(one.parameters(), same.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_gaussian_init_has_the_stated_variances():
    net = MLP([300, 400, 200], generator=_generator())
    assert gaussian_init_(net, weight_variance=2, bias_variance=0.5, generator=_generator(1)) is net
    for layer in net.layers:
        n = layer.weight.numel()
        # The variance of the sample variance of normals is 2 sigma^4 / n: five of its roots.
        expected = 2 / layer.in_features
        assert layer.weight.var().item() == pytest.approx(expected, rel=5 * math.sqrt(2 / n))
        bias_tolerance = 5 * math.sqrt(2 / layer.out_features)
        assert layer.bias.var().item() == pytest.approx(0.5, rel=bias_tolerance)
    gaussian_init_(net, weight_variance=0, bias_variance=0, generator=_generator())
    assert not net(torch.ones(2, 300)).any()


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_forward_is_the_formula(activation):
    (net,) = _nets(1, activation=activation)
    x = torch.randn(4, 2, generator=_generator(), dtype=torch.float64)
    z = x @ net.layers[0].weight.T + net.layers[0].bias
    for layer in net.layers[1:]:
        z = PHI[activation](z) @ layer.weight.T + layer.bias
    torch.testing.assert_close(net(x), z)
    assert [part.shape[1] for part in net.preactivations(x)] == [5, 7, 3]


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_representations_are_the_inputs_of_the_maps(activation):
    (net,) = _nets(1, activation=activation)
    x = torch.randn(6, 2, generator=_generator(), dtype=torch.float64)
    inputs, outputs = net.representations(x), net.preactivations(x)
    assert inputs[0] is x
    for layer, h, z in zip(net.layers, inputs, outputs, strict=True):
        assert torch.equal(layer(h), z)
    # The last map takes seven numbers to three: its output alone does not tell its input.
    for h, z in zip(inputs[1:], outputs[:-1], strict=True):
        assert torch.equal(h, PHI[activation](z))


def test_a_single_map_has_its_data_as_only_representation():
    (net,) = _nets(1, widths=(2, 3))
    x = torch.ones(4, 2, dtype=torch.float64)
    (only,) = net.representations(x)
    assert only is x


def test_float32_is_the_default():
    assert MLP([2, 2], generator=_generator()).layers[0].bias.dtype == torch.float32


@settings(max_examples=25, deadline=None)
@given(
    m=st.integers(1, 4),
    widths=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
)
def test_stack_is_the_nets_side_by_side(m, widths, activation):
    nets = _nets(m, widths, activation)
    x = torch.randn(m, 3, widths[0], generator=_generator(), dtype=torch.float64)
    expected = torch.stack([net(part) for net, part in zip(nets, x, strict=True)])
    stack = StackedMLP(nets)
    torch.testing.assert_close(stack(x), expected)
    for net, copy in zip(nets, stack.unstack(), strict=True):
        assert (copy.widths, copy.activation) == (net.widths, net.activation)
        for mine, theirs in zip(net.parameters(), copy.parameters(), strict=True):
            assert torch.equal(mine, theirs)
            assert mine.data_ptr() != theirs.data_ptr()


def test_gradients_of_the_stack_are_those_of_the_nets():
    nets = _nets(3)
    x = torch.randn(3, 4, 2, generator=_generator(), dtype=torch.float64)
    stack = StackedMLP(nets)
    stack(x).square().sum().backward()
    for net, part, row in zip(nets, x, stack.flat.grad, strict=True):
        net(part).square().sum().backward()
        expected = torch.cat([p.grad.flatten() for p in net.parameters()])
        torch.testing.assert_close(row, expected)


def test_keep_drops_the_others():
    nets = _nets(4)
    stack = StackedMLP(nets)
    stack.keep(torch.tensor([True, False, False, True]))
    x = torch.ones(2, 3, 2, dtype=torch.float64)
    torch.testing.assert_close(stack(x), torch.stack([nets[0](x[0]), nets[3](x[1])]))


def test_bad_input_is_refused():
    for widths in ([2], [], [2, 0, 1]):
        with pytest.raises(ValueError, match="two or more positive"):
            MLP(widths, generator=_generator())
    with pytest.raises(ValueError, match="unknown activation 'sine'"):
        MLP([2, 2], generator=_generator(), activation="sine")
    for bad in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="variances"):
            gaussian_init_(*_nets(1), weight_variance=bad, bias_variance=1, generator=_generator())
    for nets in ([], [*_nets(1), *_nets(1, activation="tanh")], [*_nets(1), *_nets(1, (2, 3))]):
        with pytest.raises(ValueError, match="one shape"):
            StackedMLP(nets)
    stack = StackedMLP(_nets(2))
    for shape in ((4, 2), (3, 4, 2)):
        with pytest.raises(ValueError, match="inputs must be"):
            stack(torch.zeros(shape, dtype=torch.float64))
    for mask in ([False, False], [True], [1, 0]):
        with pytest.raises(ValueError, match="mask"):
            stack.keep(torch.tensor(mask))

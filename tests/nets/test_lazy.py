"""Centred and linearised nets: what they are at the start, and what training does to them."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from strata.measures.ntk import empirical_ntk
from strata.nets.lazy import Centred, Linearised
from strata.nets.mlp import ACTIVATIONS, MLP
from strata.training import Schedule, train

SGD = Schedule(optimizer="sgd", lr=0.1, epochs=30)
both = pytest.mark.parametrize(
    "make", [lambda net: Centred(net, 3.0), Linearised], ids=["centred", "linearised"]
)


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _net(widths=(2, 5, 4, 3), activation="tanh", dtype=torch.float64, bias=True):
    net = MLP(widths, generator=_generator(), activation=activation, dtype=dtype)
    if not bias:
        with torch.no_grad():
            for layer in net.layers:
                layer.bias.zero_()
    return net


def _x(n=6, d=2, dtype=torch.float64):
    return torch.randn(n, d, generator=_generator(1), dtype=dtype)


def _y(n=6):
    return torch.randint(3, (n,), generator=_generator(2))


def _vector(net):
    return nn.utils.parameters_to_vector(net.parameters()).detach().clone()


def _set(net, vector):
    nn.utils.vector_to_parameters(vector.clone(), net.parameters())


def _jacobian(function, x):
    """Rows are samples and outputs, columns the parameters: by one backward pass a row."""
    parameters = list(function.parameters())
    values = function(x).flatten()
    rows = [torch.autograd.grad(value, parameters, retain_graph=True) for value in values]
    return torch.stack([torch.cat([part.flatten() for part in row]) for row in rows])


@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0])
def test_a_centred_net_is_zero_at_the_start_and_the_scaled_change_later(scale):
    net, x = _net(), _x()
    centred = Centred(net, scale)
    assert not centred(x).any()
    later = _vector(net) + torch.randn(_vector(net).shape, generator=_generator(3)).double()
    _set(centred, later)
    moved = copy.deepcopy(net)
    _set(moved, later)
    torch.testing.assert_close(centred(x), scale * (moved(x) - net(x)))


@pytest.mark.parametrize("scale", [0.1, 100.0])
def test_the_kernel_of_a_centred_net_is_scale_squared_times_that_of_the_net(scale):
    net, x = _net(), _x()
    jacobian = _jacobian(Centred(net, scale), x)
    torch.testing.assert_close(jacobian, scale * _jacobian(net, x))
    blocks = jacobian.view(len(x), 3, -1).transpose(0, 1)
    kernel = (blocks @ blocks.transpose(1, 2)).sum(0)
    torch.testing.assert_close(kernel, scale**2 * empirical_ntk(net, x))


def test_a_step_of_lr_over_scale_squared_moves_the_parameters_by_one_over_scale():
    net, x, y = _net(), _x(), _y()
    moves = []
    for scale in (1.0, 10.0, 100.0):
        schedule = Schedule(optimizer="sgd", lr=0.1 / scale**2, epochs=1)
        trained = train(Centred(net, scale), x, y, schedule, seed=0)
        assert trained.loss[0] == pytest.approx(math.log(3))
        moves.append(scale * (_vector(trained.net) - _vector(net)))
    assert moves[0].norm() > 1e-3
    for move in moves[1:]:
        torch.testing.assert_close(move, moves[0], rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_a_linearised_net_is_the_jacobian_at_the_start_times_theta(activation):
    net, x = _net(activation=activation), _x()
    jacobian, linearised = _jacobian(net, x), Linearised(net)
    for theta in (_vector(net), torch.randn(len(_vector(net)), generator=_generator(3)).double()):
        _set(linearised, theta)
        torch.testing.assert_close(linearised(x).flatten(), jacobian @ theta)
        # Its own Jacobian is the same wherever theta is: its kernel cannot move.
        torch.testing.assert_close(_jacobian(linearised, x), jacobian)


def test_a_linearised_net_is_linear_in_theta():
    net, x = _net(), _x()
    linearised = Linearised(net)
    one, other = (torch.randn(len(_vector(net)), generator=_generator(s)).double() for s in (3, 4))
    values = []
    for theta in (one, other, 2 * one - 3 * other):
        _set(linearised, theta)
        values.append(linearised(x))
    torch.testing.assert_close(values[2], 2 * values[0] - 3 * values[1])


def test_with_the_offset_it_is_the_net_to_first_order():
    net, x = _net(), _x()
    linearised = Linearised(net)
    offset = (net(x) - linearised(x)).detach()
    direction = torch.randn(len(_vector(net)), generator=_generator(3)).double()
    errors = []
    for step in (1e-2, 5e-3):
        _set(linearised, _vector(net) + step * direction)
        errors.append((linearised.restored()(x) - linearised(x) - offset).norm().item())
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize("activation", ["identity", "relu"])
def test_without_biases_it_starts_as_the_net_times_the_number_of_maps(activation):
    """Euler's theorem: such a net is homogeneous in its weights, of that degree."""
    net, x = _net(activation=activation, bias=False), _x()
    torch.testing.assert_close(Linearised(net)(x), len(net.layers) * net(x))


def test_of_a_product_of_matrices_it_is_the_sum_with_one_factor_exchanged():
    net, x = _net(activation="identity", bias=False), _x()
    start = [layer.weight.detach() for layer in net.layers]
    other = [torch.randn(w.shape, generator=_generator(3), dtype=w.dtype) for w in start]
    linearised = Linearised(net)
    with torch.no_grad():
        for layer, weight in zip(linearised.net.layers, other, strict=True):
            layer.weight.copy_(weight)
    expected = torch.zeros(len(x), 3, dtype=x.dtype)
    for place in range(len(start)):
        first, second, third = [*start[:place], other[place], *start[place + 1 :]]
        expected += x @ (third @ second @ first).T
    torch.testing.assert_close(linearised(x), expected)


def test_training_it_is_regression_on_the_jacobian():
    net, x, y = _net(), _x(), _y()
    trained = train(Linearised(net), x, y, SGD, seed=0)
    features, theta = _jacobian(net, x), _vector(net)
    for epoch in range(SGD.epochs):
        logits = (features @ theta).view(len(x), 3)
        assert trained.loss[epoch] == pytest.approx(F.cross_entropy(logits, y).item())
        slope = (logits.softmax(1) - F.one_hot(y, 3)) / len(x)
        theta = theta - SGD.lr * features.T @ slope.flatten()
    torch.testing.assert_close(_vector(trained.net), theta)


@both
def test_training_leaves_the_start_alone(make):
    net, x, y = _net(), _x(), _y()
    weights, module = _vector(net), make(net)
    trained = train(module, x, y, SGD, seed=0).net
    assert (_vector(trained) - weights).norm() > 1e-3
    assert torch.equal(_vector(net), weights)
    assert torch.equal(_vector(module), weights)
    for one in (module, trained):
        start = torch.cat([value.flatten() for value in one.start().values()])
        assert torch.equal(start, weights)
    back = copy.deepcopy(trained)
    _set(back, weights)
    assert torch.equal(back(x), make(net)(x))


@both
def test_the_start_is_neither_parameter_nor_buffer(make):
    net = _net()
    module = make(net)
    assert [p.shape for p in module.parameters()] == [p.shape for p in net.parameters()]
    assert list(module.buffers()) == []
    module.start()["layers.0.weight"].zero_()
    assert torch.equal(module.start()["layers.0.weight"], net.layers[0].weight)


@both
def test_a_change_of_dtype_takes_the_start_along(make):
    net = _net(dtype=torch.float32)
    module = make(net).double()
    x = _x()
    torch.testing.assert_close(module(x), make(copy.deepcopy(net).double())(x), rtol=0, atol=0)
    assert net.layers[0].weight.dtype == torch.float32


def test_the_restored_net_has_theta_as_its_weights_and_is_a_copy():
    net, x = _net(), _x()
    linearised = Linearised(net)
    theta = _vector(net) + 1
    _set(linearised, theta)
    restored = linearised.restored()
    assert isinstance(restored, MLP)
    assert torch.equal(_vector(restored), theta)
    _set(restored, _vector(net))
    assert torch.equal(restored(x), net(x))
    assert torch.equal(_vector(linearised), theta)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_a_scale_that_is_not_positive_is_refused(scale):
    with pytest.raises(ValueError, match="scale must be positive"):
        Centred(_net(), scale)

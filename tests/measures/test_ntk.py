"""The NTK against the Jacobian route of torch.func, closed forms and its own identities."""

import itertools
import random

import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev, vmap

from strata.measures.ntk import empirical_ntk, layerwise_ntk

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def mlp(depth, width=7, outputs=2, activation=nn.Tanh, bias=True, dtype=torch.float64, d=3, seed=0):
    """An MLP with `depth` hidden layers and Gaussian weights and biases of size about 1."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [d] + [width] * depth + [outputs]
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out, bias=bias, dtype=dtype), activation()]
    for parameter in nn.Sequential(*layers).parameters():
        scale = parameter.shape[1] ** -0.5 if parameter.ndim == 2 else 1.0
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data = (scale * noise).to(dtype)
    return nn.Sequential(*layers[:-1])


def points(n=10, d=3, dtype=torch.float64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64).to(dtype)


def jacobian_ntk(net, x1, x2=None, output=None, only=None):
    """J(x1) J(x2)^T from per-sample Jacobians, summed over outputs; `only` names one layer."""
    parameters = {name: p.detach() for name, p in net.named_parameters()}

    def f(p, x):
        out = functional_call(net, p, (x[None],))[0]
        return out if output is None else out[output : output + 1]

    def jacobians(x):
        found = vmap(jacrev(f), (None, 0))(parameters, x)
        return {name: j.flatten(2) for name, j in found.items()}

    left = jacobians(x1)
    right = left if x2 is None else jacobians(x2)
    chosen = [name for name in left if only is None or name.rpartition(".")[0] == only]
    return sum(torch.einsum("naf,maf->nm", left[name], right[name]) for name in chosen)


def assert_close(found, expected):
    """Relative difference, Frobenius and largest entry, within the tolerance of the dtype."""
    tolerance = TOLERANCE[expected.dtype]
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert (found - expected).norm() <= tolerance * expected.norm()
    assert (found - expected).abs().max() <= tolerance * expected.abs().max()


GRID = random.Random(0).sample(
    list(
        itertools.product(
            [1, 2, 3, 8], [1, 5, 40], [1, 2, 3], list(ACTIVATIONS), [True, False], [None, 0, -1]
        )
    ),
    40,
)


# -- against the Jacobian --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize(("depth", "width", "outputs", "activation", "bias", "output"), GRID)
def test_it_is_the_jacobian_kernel(depth, width, outputs, activation, bias, output, dtype):
    net = mlp(depth, width, outputs, ACTIVATIONS[activation], bias, dtype)
    output = outputs - 1 if output == -1 else output
    x1, x2 = points(9, dtype=dtype), points(6, dtype=dtype, seed=2)
    assert_close(empirical_ntk(net, x1, output=output), jacobian_ntk(net, x1, output=output))
    assert_close(
        empirical_ntk(net, x1, x2, output=output), jacobian_ntk(net, x1, x2, output=output)
    )


@pytest.mark.parametrize("output", [None, 1])
def test_each_layer_is_its_part_of_the_jacobian_kernel(output):
    net, x1, x2 = mlp(3), points(), points(4, seed=2)
    for other in (None, x2):
        found = dict(layerwise_ntk(net, x1, other, output=output))
        assert list(found) == ["0", "2", "4", "6"]
        for name, kernel in found.items():
            assert_close(kernel, jacobian_ntk(net, x1, other, output, only=name))
        assert_close(sum(found.values()), empirical_ntk(net, x1, other, output=output))


def test_any_structure_of_linear_layers():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            # Registered in another order than used; one layer without bias, one called by keyword.
            self.head = nn.Linear(4, 2)
            self.blocks = nn.ModuleDict(
                {"b": nn.Linear(4, 4, bias=False), "a": nn.Sequential(nn.Linear(3, 4), nn.GELU())}
            )
            self.skip = nn.Linear(4, 2)
            self.norm = nn.LayerNorm(4, elementwise_affine=False)

        def forward(self, x):
            h = self.blocks["a"](x)
            h = h + torch.sin(self.blocks["b"](self.norm(h)))
            return self.head(input=h).softmax(1) * self.skip(h[:, :])

    torch.manual_seed(0)
    net, x = Residual().double(), points()
    kernels = dict(layerwise_ntk(net, x))
    assert list(kernels) == ["blocks.a.0", "blocks.b", "head", "skip"]
    for name, kernel in kernels.items():
        assert_close(kernel, jacobian_ntk(net, x, only=name))


def test_an_activation_in_place_changes_nothing():
    net, x = mlp(3, activation=nn.ReLU), points()
    in_place = nn.Sequential(*(nn.ReLU(True) if isinstance(m, nn.ReLU) else m for m in net))
    torch.testing.assert_close(empirical_ntk(in_place, x), empirical_ntk(net, x), rtol=0, atol=0)


def test_batch_norm_and_dropout_in_evaluation_mode():
    net = nn.Sequential(
        nn.Linear(3, 5),
        nn.BatchNorm1d(5, affine=False),
        nn.Dropout(0.5),
        nn.ReLU(),
        nn.Linear(5, 2),
    ).double()
    net(points(50))  # moves the running statistics off their start
    net.eval()
    assert_close(empirical_ntk(net, points()), jacobian_ntk(net, points()))


# -- closed forms ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("bias", "outputs"), [(True, 1), (True, 3), (False, 3)])
def test_one_linear_layer(bias, outputs):
    x1, x2 = points(), points(4, seed=2)
    net = nn.Linear(3, outputs, bias=bias, dtype=torch.float64)
    torch.testing.assert_close(empirical_ntk(net, x1, x2), (x1 @ x2.T + bias) * outputs)
    torch.testing.assert_close(empirical_ntk(net, x1, output=0), x1 @ x1.T + bias)


def test_two_linear_layers_without_activation():
    # f = W1 (W0 x + b0) + b1, so K = (x x'^T + 1) |W1|^2 + outputs (h h'^T + 1).
    x = points()
    first, second = nn.Linear(3, 4).double(), nn.Linear(4, 2).double()
    h = first(x).detach()
    expected = (x @ x.T + 1) * second.weight.detach().square().sum() + 2 * (h @ h.T + 1)
    torch.testing.assert_close(empirical_ntk(nn.Sequential(first, second), x), expected)


def test_one_hidden_relu_layer():
    x = points()
    first, second = nn.Linear(3, 6).double(), nn.Linear(6, 1).double()
    with torch.no_grad():
        h = first(x).relu()
        g = (h > 0) * second.weight
        expected = (x @ x.T + 1) * (g @ g.T) + h @ h.T + 1
    torch.testing.assert_close(empirical_ntk(nn.Sequential(first, nn.ReLU(), second), x), expected)


# -- identities ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_it_is_symmetric_and_positive(dtype):
    net, x = mlp(4, dtype=dtype), points(40, dtype=dtype)
    for kernel in (empirical_ntk(net, x, block=16), *(k for _, k in layerwise_ntk(net, x))):
        assert torch.equal(kernel, kernel.T)
        values = torch.linalg.eigvalsh(kernel.double())
        assert values.min() >= -1e-6 * values.max()


def test_the_trace_is_the_sum_of_the_outputs():
    net, x = mlp(3, outputs=3), points()
    each = [empirical_ntk(net, x, output=k) for k in range(3)]
    assert_close(sum(each), empirical_ntk(net, x))


@pytest.mark.parametrize("block", [1, 2, 3, 7, 20, 21, 1000])
def test_the_block_size_changes_nothing(block):
    net, x1, x2 = mlp(3), points(20), points(13, seed=2)
    assert_close(empirical_ntk(net, x1, block=block), empirical_ntk(net, x1))
    assert_close(empirical_ntk(net, x1, x2, block=block), empirical_ntk(net, x1, x2))


def test_a_cross_kernel_is_a_block_of_the_joint_kernel():
    net, x1, x2 = mlp(3), points(8), points(5, seed=2)
    joint = empirical_ntk(net, torch.cat([x1, x2]))
    assert_close(empirical_ntk(net, x1, x2), joint[:8, 8:])
    assert_close(empirical_ntk(net, x2, x1), joint[8:, :8])
    assert_close(empirical_ntk(net, x1, x1), joint[:8, :8])


def test_permuted_rows_permute_the_kernel():
    net, x = mlp(3), points(20)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    assert_close(empirical_ntk(net, x[order]), empirical_ntk(net, x)[order][:, order])


def test_scaling_the_output_scales_the_kernel_by_the_square():
    class Scaled(nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, x):
            return -3 * self.net(x)

    net, x = mlp(3), points()
    assert_close(empirical_ntk(Scaled(net), x), 9 * empirical_ntk(net, x))


def test_a_relu_net_without_biases_is_homogeneous():
    net, x = mlp(3, activation=nn.ReLU, bias=False), points()
    assert_close(empirical_ntk(net, 2 * x), 4 * empirical_ntk(net, x))


def test_a_small_gradient_step_moves_the_outputs_by_the_kernel():
    # df = -lr K(x, x0) for a step on f(x0), up to second order: the kernel's meaning.
    net, x, x0 = mlp(3, outputs=1), points(), points(1, seed=2)
    kernel, before, rate = empirical_ntk(net, x, x0), net(x).detach(), 1e-6
    grads = torch.autograd.grad(net(x0).sum(), list(net.parameters()))
    with torch.no_grad():
        for parameter, grad in zip(net.parameters(), grads, strict=True):
            parameter -= rate * grad
        torch.testing.assert_close((before - net(x)) / rate, kernel, rtol=1e-4, atol=1e-4)


# -- side effects ----------------------------------------------------------------------------------


def test_the_net_and_the_inputs_are_left_as_they_were():
    net, x = mlp(2), points().requires_grad_()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    kernel = empirical_ntk(net, x)
    assert not kernel.requires_grad
    assert x.grad is None
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter, before[name])
        assert parameter.grad is None
        assert parameter.requires_grad
    assert not any(module._forward_hooks for module in net.modules())


def test_frozen_parameters_count_and_no_grad_does_not_matter():
    net, x = mlp(2), points()
    expected = empirical_ntk(net, x)
    net[0].requires_grad_(False)
    net[2].bias.requires_grad_(False)
    assert torch.equal(empirical_ntk(net, x), expected)
    net.requires_grad_(False)
    with torch.no_grad():
        assert torch.equal(empirical_ntk(net, x), expected)


def test_hooks_are_removed_after_an_error():
    net = nn.Sequential(mlp(1), nn.Flatten(0))
    with pytest.raises(ValueError, match="not \\(n, outputs\\)"):
        empirical_ntk(net, points())
    assert not any(module._forward_hooks for module in net.modules())


# -- refusals of inputs ----------------------------------------------------------------------------


@pytest.mark.parametrize("measure", [empirical_ntk, layerwise_ntk])
@pytest.mark.parametrize(
    ("x1", "x2", "options", "error", "message"),
    [
        (points() * float("nan"), None, {}, ValueError, "x1 holds NaN"),
        (points(), points() / 0, {}, ValueError, "x2 holds NaN or infinite"),
        (points()[:0], None, {}, ValueError, "not be empty"),
        (points(), points()[:0], {}, ValueError, "not be empty"),
        (points()[0], None, {}, ValueError, "shape"),
        (points(), points(d=2), {}, ValueError, "3 columns, but x2 has 2"),
        (points().float(), None, {}, TypeError, "torch.float64, not torch.float32"),
        (points().numpy(), None, {}, TypeError, "ndarray"),
        (points(), None, {"output": 2}, ValueError, r"0\.\.1, not 2"),
        (points(), None, {"output": -1}, ValueError, r"0\.\.1, not -1"),
        (points(), None, {"output": 0.0}, TypeError, "output"),
        (points(), None, {"output": True}, TypeError, "output"),
        (points(), None, {"block": 0}, ValueError, "block"),
    ],
)
def test_bad_inputs_are_refused_at_the_call(measure, x1, x2, options, error, message):
    with pytest.raises(error, match=message):
        measure(mlp(2), x1, x2, **options)


def test_values_that_are_not_finite_are_refused():
    net = mlp(2)
    net[2].weight.data[0, 0] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        empirical_ntk(net, points())
    root = nn.Sequential(nn.Linear(1, 1), Root()).double()
    root[0].weight.data.fill_(1)
    root[0].bias.data.fill_(0)
    with pytest.raises(ValueError, match="not finite"):
        empirical_ntk(root, torch.tensor([[1.0], [0.0]], dtype=torch.float64))


class Root(nn.Module):
    def forward(self, x):
        return x.sqrt()

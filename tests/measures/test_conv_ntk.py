"""The layer-wise NTK with convolutions, against gradients made one by one and known cases."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from strata.measures.conv_ntk import conv_ntk
from strata.measures.ntk import layerwise_ntk
from strata.nets.mlp import MLP
from strata.nets.small_conv import SmallConv
from strata.seeding import torch_generator

DOUBLE = torch.float64


def images(n: int = 5, size: int = 8) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch_generator("images"), dtype=DOUBLE)


def conv_net(blocks: int = 3) -> SmallConv:
    return SmallConv(blocks, channels=4, size=8, generator=torch_generator("net"), dtype=DOUBLE)


def one_by_one(net: nn.Module, x: torch.Tensor, output: int) -> dict[str, torch.Tensor]:
    """Kernels from a backward pass for every sample."""
    rows: dict[str, list[torch.Tensor]] = {}
    for sample in x:
        net.zero_grad()
        net(sample[None])[0, output].backward()
        for name, layer in net.named_modules():
            own = [p.grad.flatten() for p in layer.parameters(recurse=False)]
            if own:
                rows.setdefault(name, []).append(torch.cat(own))
    return {name: torch.stack(r) @ torch.stack(r).T for name, r in rows.items()}


@pytest.mark.parametrize("output", [0, 1])
def test_it_is_the_product_of_gradients_made_one_by_one(output: int):
    net, x = conv_net(), images()
    expected = one_by_one(net, x, output)
    found = dict(conv_ntk(net, x, output=output))
    assert list(found) == ["convolutions.0", "convolutions.1", "convolutions.2", "output"]
    for name, kernel in found.items():
        assert torch.allclose(kernel, expected[name], rtol=1e-10, atol=1e-10)


def test_dilated_strided_convolutions_without_bias_too():
    net = nn.Sequential(
        nn.Conv2d(3, 4, (3, 2), stride=(1, 2), padding=(2, 1), dilation=(2, 1), bias=False),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(4 * 8 * 5, 2),
    ).double()
    x = images()
    expected = one_by_one(net, x, 1)
    for name, kernel in conv_ntk(net, x, output=1):
        assert torch.allclose(kernel, expected[name], rtol=1e-10, atol=1e-10)


def test_linear_layers_give_what_the_kernel_without_gradients_gives():
    net = MLP([6, 5, 4, 2], generator=torch_generator("mlp"), dtype=DOUBLE)
    x = torch.randn(7, 6, generator=torch_generator("x"), dtype=DOUBLE)
    pairs = zip(conv_ntk(net, x, output=1), layerwise_ntk(net, x, output=1), strict=True)
    for (name, kernel), (other_name, other) in pairs:
        assert name == other_name
        assert torch.allclose(kernel, other, rtol=1e-12)


def test_the_last_layers_kernel_is_that_of_its_inputs():
    """f = w h + b: the gradient is [h, 1], whatever the weights are."""
    net, x = conv_net(2), images()
    h = torch.relu(net.preactivations(x)[-2]).flatten(1)
    *_, (_, kernel) = conv_ntk(net, x, output=0)
    assert torch.allclose(kernel, h @ h.T + 1)


def test_a_kernel_does_not_depend_on_the_company_and_is_positive():
    net, x = conv_net(), images(6)
    whole, part = (dict(conv_ntk(net, rows, output=0)) for rows in (x, x[:4]))
    for name, kernel in whole.items():
        assert torch.allclose(kernel[:4, :4], part[name], rtol=1e-12)
        assert torch.linalg.eigvalsh(kernel).min() > -1e-9 * kernel.trace()


def test_twice_the_output_gives_four_times_the_kernels_before_it():
    net, x = conv_net(), images()
    before = dict(conv_ntk(net, x, output=0))
    with torch.no_grad():
        net.output.weight.mul_(2)
    for name, kernel in conv_ntk(net, x, output=0):
        factor = 1 if name == "output" else 4
        assert torch.allclose(kernel, factor * before[name], rtol=1e-12)


def test_frozen_nets_and_activations_in_place_change_nothing():
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2)]
    plain = nn.Sequential(*layers).double()
    x = images()
    expected = dict(conv_ntk(plain, x, output=0))
    in_place = nn.Sequential(layers[0], nn.ReLU(inplace=True), *layers[2:]).requires_grad_(False)
    for name, kernel in conv_ntk(in_place, x, output=0):
        assert torch.allclose(kernel, expected[name], rtol=1e-12)
    assert not any(layer._forward_hooks for layer in plain)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3).double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.layer(x))


class Unused(Twice):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x)


ROWS = torch.ones(4, 3, dtype=DOUBLE)


@pytest.mark.parametrize(
    ("net", "x", "error", "message"),
    [
        (nn.BatchNorm1d(3).double(), ROWS, TypeError, "neither"),
        (nn.Conv2d(4, 4, 3, groups=2).double(), ROWS, TypeError, "neither"),
        (nn.ReLU(), ROWS, ValueError, "no convolution"),
        (Twice(), ROWS, ValueError, "more than once"),
        (Unused(), ROWS, ValueError, "not called"),
        (nn.Linear(3, 2), ROWS, TypeError, "dtype"),
        (nn.Linear(3, 2).double(), ROWS[:0], ValueError, "empty"),
        (nn.Linear(3, 2).double(), ROWS * torch.nan, ValueError, "finite"),
    ],
)
def test_what_the_formula_does_not_cover_is_refused(net, x, error, message):
    with pytest.raises(error, match=message):
        conv_ntk(net, x, output=0)


def test_an_output_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="output must be"):
        conv_ntk(nn.Linear(3, 2).double(), ROWS, output=2)

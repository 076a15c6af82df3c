"""Fully connected nets, one at a time or many of one shape stacked into one batched net."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

import torch
from torch import Tensor, nn


def _identity(z: Tensor) -> Tensor:
    return z


ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"relu": torch.relu, "tanh": torch.tanh, "identity": _identity}
)


class MLP(nn.Module):
    """A fully connected net: linear maps with an activation between them, none after the last.

    z_0 = W_0 x + b_0, z_l = W_l phi(z_{l-1}) + b_l; the output is the last z. Weights and biases
    are drawn uniformly from [-1/sqrt(fan_in), 1/sqrt(fan_in)], the default of torch's `Linear`,
    but only from the generator passed.

    Parameters
    ----------
    widths
        Inputs, hidden widths, outputs: L hidden layers give L + 1 linear maps.
    generator
        Source of the initial weights; the global state is not touched.
    activation
        A name in `ACTIVATIONS`.
    dtype
        Of the weights.

    Raises
    ------
    ValueError
        If there are fewer than two widths, one is not positive, or the activation is unknown.
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        generator: torch.Generator,
        activation: str = "relu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"widths must be two or more positive numbers, not {list(widths)}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation {activation!r}, use one of {list(ACTIVATIONS)}")
        self.widths = tuple(widths)
        self.activation = activation
        # skip_init: the constructor of Linear would draw from the global state.
        self.layers = nn.ModuleList(
            nn.utils.skip_init(nn.Linear, fan_in, fan_out, dtype=dtype)
            for fan_in, fan_out in pairwise(widths)
        )
        with torch.no_grad():
            for layer in self.layers:
                bound = 1 / math.sqrt(layer.in_features)
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.uniform_(-bound, bound, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs (n, d) to outputs (n, k)."""
        return self.preactivations(x)[-1]

    def preactivations(self, x: Tensor) -> list[Tensor]:
        """Return z_0 ... z_L, each (n, width), for inputs (n, d); the last is the output."""
        phi = ACTIVATIONS[self.activation]
        outputs: list[Tensor] = []
        for layer in self.layers:
            outputs.append(layer(phi(outputs[-1]) if outputs else x))
        return outputs

    def representations(self, x: Tensor) -> list[Tensor]:
        """Return h_0 = x, h_1 ... h_L, the inputs (n, width) of the maps, for inputs (n, d)."""
        phi = ACTIVATIONS[self.activation]
        return [x, *(phi(z) for z in self.preactivations(x)[:-1])]


def gaussian_init_(
    net: MLP, *, weight_variance: float, bias_variance: float, generator: torch.Generator
) -> MLP:
    """Redraw W ~ N(0, weight_variance / fan_in) and b ~ N(0, bias_variance), in place.

    Returns
    -------
    MLP
        The net itself.

    Raises
    ------
    ValueError
        If a variance is negative or not finite.
    """
    if not all(math.isfinite(v) and v >= 0 for v in (weight_variance, bias_variance)):
        raise ValueError(f"variances must be >= 0, not {weight_variance} and {bias_variance}")
    with torch.no_grad():
        for layer in net.layers:
            deviation = math.sqrt(weight_variance / layer.in_features)
            layer.weight.normal_(0, deviation, generator=generator)
            layer.bias.normal_(0, math.sqrt(bias_variance), generator=generator)
    return net


class StackedMLP(nn.Module):
    """Many MLPs of one shape as one batched net; net i sees only input i.

    All weights lie in one parameter `flat` (m, P), a net a row, in the order of
    ``MLP.parameters()``. Inside, samples are the last axis: with tens of features and hundreds
    of samples the matrix products are about a fifth faster this way round.

    Parameters
    ----------
    nets
        Copied, not shared.

    Raises
    ------
    ValueError
        If there is no net, or widths, activation or dtype differ.
    """

    def __init__(self, nets: Sequence[MLP]) -> None:
        super().__init__()
        kinds = {(net.widths, net.activation, net.layers[0].weight.dtype) for net in nets}
        if len(kinds) != 1:
            raise ValueError(f"a stack needs nets of one shape, activation and dtype, not {kinds}")
        ((self.widths, self.activation, self._dtype),) = kinds
        rows = [nn.utils.parameters_to_vector(net.parameters()).detach() for net in nets]
        self.flat = nn.Parameter(torch.stack(rows))

    def __len__(self) -> int:
        return len(self.flat)

    def views(self, rows: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return (weight (m, out, in), bias (m, out, 1)) a layer, as views of rows (m, P)."""
        layers, start = [], 0
        for fan_in, fan_out in pairwise(self.widths):
            middle, end = start + fan_in * fan_out, start + (fan_in + 1) * fan_out
            weight = rows[:, start:middle].unflatten(1, (fan_out, fan_in))
            layers.append((weight, rows[:, middle:end].unsqueeze(2)))
            start = end
        return layers

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs (m, n, d) to outputs (m, n, k), net by net.

        Raises
        ------
        ValueError
            If x does not hold one set of inputs a net.
        """
        if x.ndim != 3 or len(x) != len(self):
            raise ValueError(f"inputs must be ({len(self)}, n, d), not {tuple(x.shape)}")
        phi = ACTIVATIONS[self.activation]
        h = x.transpose(1, 2)
        for i, (weight, bias) in enumerate(self.views(self.flat)):
            h = torch.baddbmm(bias, weight, phi(h) if i else h)
        return h.transpose(1, 2)

    def unstack(self) -> list[MLP]:
        """Return the nets, copied out of the stack."""
        nets = []
        for row in self.flat.detach():
            unset = torch.Generator()
            net = MLP(self.widths, generator=unset, activation=self.activation, dtype=self._dtype)
            nn.utils.vector_to_parameters(row.clone(), net.parameters())
            nets.append(net)
        return nets

    def keep(self, mask: Tensor) -> None:
        """Drop the nets whose entry of mask (m,) is False; `flat` becomes a new parameter.

        Raises
        ------
        ValueError
            If the mask is not (m,) of bool or keeps no net.
        """
        if mask.dtype != torch.bool or mask.shape != (len(self),) or not mask.any():
            raise ValueError(f"the mask must keep some of {len(self)} nets, not {mask}")
        self.flat = nn.Parameter(self.flat.detach()[mask])

"""Two ways to keep a net near its start: a scaled and centred output, and the linearised net.

Both work on copies and keep the start theta_0 beside their parameters, neither as a parameter nor
as a buffer: it is not trained, and it follows the net through `copy.deepcopy` and `Module.to`.
"""

import copy
import math
from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp

from strata.nets.mlp import MLP


class _Started(nn.Module):
    """A net, whose parameters are those of this module, beside the parameters it started with."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = copy.deepcopy(net)
        self._start = {name: p.detach().clone() for name, p in self.net.named_parameters()}

    def start(self) -> dict[str, Tensor]:
        """Return copies of the parameters at construction, theta_0, by their names in the net."""
        return {name: value.clone() for name, value in self._start.items()}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # What `double`, `to` and the like call on registered tensors.
        self._start = {name: fn(value) for name, value in self._start.items()}
        return super()._apply(fn, recurse)


class Centred(_Started):
    """The function f(x) = scale * (net(x) - net_0(x)), with net_0 the net at construction.

    It is zero at the start and has scale^2 times the net's tangent kernel. Gradient descent on it
    with the step size lr / scale^2 thus moves the function as fast for every scale, to first
    order, but the parameters by 1 / scale of the way: the larger the scale, the lazier the net.

    Parameters
    ----------
    net
        Any module without buffers. Copied, not shared; the copy is the attribute `net`.
    scale
        Of the output, alpha in the paper; positive.

    Raises
    ------
    ValueError
        If the scale is not positive and finite.

    Notes
    -----
    Chizat, Oyallon & Bach 2019, "On lazy training in differentiable programming", section 1.2.
    A forward pass costs two of the net.

    Examples
    --------
    >>> net = MLP([2, 3, 1], generator=torch.Generator().manual_seed(0))
    >>> Centred(net, 10.0)(torch.ones(2, 2)).tolist()
    [[0.0], [0.0]]
    """

    def __init__(self, net: nn.Module, scale: float) -> None:
        if not (math.isfinite(scale) and scale > 0):
            raise ValueError(f"the scale must be positive and finite, not {scale}")
        super().__init__(net)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs (n, d) to outputs (n, k)."""
        with torch.no_grad():
            offset = functional_call(self.net, self._start, (x,))
        return self.scale * (self.net(x) - offset)


class Linearised(_Started):
    """The function f(x) = J(x) theta, J being the net's Jacobian at its start theta_0.

    The parameters are theta, in the net's shapes; they start at theta_0. The function is linear in
    them. It is not the first-order expansion of the net, net_0(x) + J(x) (theta - theta_0): the
    two differ by net_0(x) - J(x) theta_0, which stays the same while theta is trained.

    Parameters
    ----------
    net
        Copied, not shared. The copy's parameters are theta.

    Notes
    -----
    The study's own recipe for lazy nets (its mode 1); the Jacobian-vector product is taken in
    forward mode, so that no Jacobian is stored. A step costs about 5/3 of one of the net.

    Examples
    --------
    One linear map with a bias is its own linearisation.

    >>> net = MLP([2, 1], generator=torch.Generator().manual_seed(0))
    >>> x = torch.eye(2)
    >>> torch.equal(Linearised(net)(x), net(x))
    True
    """

    net: MLP

    def __init__(self, net: MLP) -> None:
        super().__init__(net)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs (n, d) to outputs (n, k)."""

        def at(parameters: dict[str, Tensor]) -> Tensor:
            return functional_call(self.net, parameters, (x,))

        return jvp(at, (self._start,), (dict(self.net.named_parameters()),))[1]

    def restored(self) -> MLP:
        """Return the nonlinear net with the present theta as its weights; a copy."""
        return copy.deepcopy(self.net)

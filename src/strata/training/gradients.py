"""The cross-entropy and its gradient, of one net by autograd or of a stack of MLPs by formula.

Both give the training loop one face: all weights of a net in a row of one flat parameter, so that
an optimiser step is one operation, and the same answers within rounding.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from strata.nets.mlp import ACTIVATIONS, StackedMLP


class Gradient(Protocol):
    """What the training loop needs of m nets and their n samples each."""

    weights: nn.Parameter  # (m, P), with its gradient in .grad
    samples: int

    def shuffle(self, orders: Sequence[Tensor]) -> None:
        """Put the samples of each net into the order (n,) given for it."""

    def batch(self, low: int, high: int) -> tuple[Tensor, Tensor]:
        """Set the gradient of the mean loss of samples low to high, in the present order.

        Returns the mean losses (m,) and the numbers of misclassified samples (m,), both before
        any update.
        """

    def mistakes(self) -> Tensor:
        """Return the numbers of misclassified samples (m,) among all, at the present weights."""

    def keep(self, mask: Tensor) -> None:
        """Drop the nets whose entry of mask (m,) is False."""


class ModuleGradient:
    """The gradient of any one net (m = 1) by autograd; works on a copy of the net.

    Raises
    ------
    ValueError
        If the net has buffers, which the flat weights do not hold.
    """

    def __init__(self, net: nn.Module, x: Tensor, y: Tensor) -> None:
        if any(True for _ in net.buffers()):
            raise ValueError("only nets without buffers can be trained here")
        self._net = copy.deepcopy(net)
        self._all, self._present = (x, y), (x, y)
        self.samples = len(y)
        parameters = list(self._net.parameters())
        self.weights = nn.Parameter(nn.utils.parameters_to_vector(parameters).detach()[None])
        self.weights.grad = torch.zeros_like(self.weights)
        start = 0
        for parameter in parameters:  # from now on views of the flat row and of its gradient
            end = start + parameter.numel()
            parameter.data = self.weights.data[0, start:end].view_as(parameter)
            parameter.grad = self.weights.grad[0, start:end].view_as(parameter)
            start = end

    def shuffle(self, orders: Sequence[Tensor]) -> None:
        """Take the samples of each net in the order given for it."""
        (order,) = orders
        self._present = (self._all[0][order], self._all[1][order])

    def batch(self, low: int, high: int) -> tuple[Tensor, Tensor]:
        """Set the gradient of samples low to high; return losses (m,) and mistakes (m,)."""
        x, y = (part[low:high] for part in self._present)
        self.weights.grad.zero_()
        logits = self._net(x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        return loss.detach()[None], _wrong(logits.detach(), y)[None]

    def mistakes(self) -> Tensor:
        """Count the misclassified samples (m,) at the present weights."""
        with torch.no_grad():
            return _wrong(self._net(self._all[0]), self._all[1])[None]

    def keep(self, mask: Tensor) -> None:
        """Drop the nets whose entry of mask (m,) is False."""
        if not mask.all():
            raise ValueError("the only net cannot be dropped")


# Gradient before the activation, from the gradient after it and the activation's value.
_BACKWARD: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {
        "relu": lambda gradient, value: torch.ops.aten.threshold_backward(gradient, value, 0),
        "tanh": torch.ops.aten.tanh_backward,
        "identity": lambda gradient, value: gradient,
    }
)


class StackGradient:
    """The gradient of a stack of MLPs by the chain rule, written out.

    With logits z and one-hot labels t, dloss/dz = (softmax(z) - t) / n; then layer by layer
    dloss/dW = g h^T, dloss/db = sum g and g <- phi'(z) W^T g. Saves autograd's bookkeeping, a
    third of the time at batches of a hundred.

    Parameters
    ----------
    stack
        Used, not copied: its weights change.
    x
        Inputs (m, n, d).
    y
        Class indices (m, n).
    """

    def __init__(self, stack: StackedMLP, x: Tensor, y: Tensor) -> None:
        self._stack = stack
        self._phi = ACTIVATIONS[stack.activation]
        self._phi_backward = _BACKWARD[stack.activation]
        self.samples = y.shape[1]
        self._all = (x.transpose(1, 2).contiguous(), y)
        self._arrange(*self._all)
        self._point()

    def _arrange(self, x: Tensor, y: Tensor) -> None:
        hot = F.one_hot(y, self._stack.widths[-1]).transpose(1, 2)
        self._present = (x, y, hot.to(x.dtype, memory_format=torch.contiguous_format))

    def _point(self) -> None:
        self.weights = self._stack.flat
        self.weights.grad = torch.zeros_like(self.weights)
        self._layers = self._stack.views(self.weights.detach())
        self._slopes = self._stack.views(self.weights.grad)

    def shuffle(self, orders: Sequence[Tensor]) -> None:
        """Take the samples of each net in the order given for it."""
        order = torch.stack(list(orders))
        x, y = self._all
        self._arrange(x.gather(2, order[:, None].expand_as(x)), y.gather(1, order))

    @torch.no_grad()
    def batch(self, low: int, high: int) -> tuple[Tensor, Tensor]:
        """Set the gradient of samples low to high; return losses (m,) and mistakes (m,)."""
        x, y, hot = (part[..., low:high] for part in self._present)
        inputs, z = self._forward(x)
        logp = torch.log_softmax(z, 1)
        loss = (logp * hot).sum((1, 2)).div_(low - high)  # low - high: the sign too
        wrong = _wrong(z, y)
        g = logp.exp_().sub_(hot).div_(high - low)
        for i in reversed(range(len(inputs))):
            weight, _ = self._layers[i]
            slope, bias_slope = self._slopes[i]
            torch.bmm(g, inputs[i].transpose(1, 2), out=slope)
            torch.sum(g, 2, keepdim=True, out=bias_slope)
            if i:
                g = self._phi_backward(torch.bmm(weight.transpose(1, 2), g), inputs[i])
        return loss, wrong

    def _forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        inputs, z = [], x
        for i, (weight, bias) in enumerate(self._layers):
            inputs.append(self._phi(z) if i else z)
            z = torch.baddbmm(bias, weight, inputs[-1])
        return inputs, z

    @torch.no_grad()
    def mistakes(self) -> Tensor:
        """Count the misclassified samples (m,) at the present weights."""
        x, y = self._all
        return _wrong(self._forward(x)[1], y)

    def keep(self, mask: Tensor) -> None:
        """Drop the nets whose entry of mask (m,) is False."""
        self._stack.keep(mask)
        self._all = tuple(part[mask] for part in self._all)
        self._present = tuple(part[mask] for part in self._present)
        self._point()


def _wrong(logits: Tensor, y: Tensor) -> Tensor:
    # Along an inner axis, max is about ten times faster than argmax, with the same answer.
    return (logits.max(1).indices != y).sum(-1)

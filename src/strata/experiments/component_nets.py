"""One face for the nets of study B: stacks of dense nets, and image nets one at a time.

A stack maps inputs (m, n, ...) to outputs (m, n, ...), net by net. Dense nets of one shape are
trained as one stack; an image net is a stack of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from strata.nets.dense import DenseStack
from strata.nets.disentangler import Disentangler, copy_shallower_
from strata.nets.resnet import Precision, autocast

_ROWS = 1000


class Alone(nn.Module):
    """A stack of one image net: inputs (1, n, 3, h, w), outputs (1, n, k, h', w').

    Parameters
    ----------
    net
        Maps (n, 3, h, w) to (n, k, h', w').
    dtype
        Of convolutions in training mode; in evaluation mode always float32.
    """

    def __init__(self, net: nn.Module, dtype: Precision = "float32") -> None:
        super().__init__()
        self.net = net.to(memory_format=torch.channels_last)
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """Map the inputs of the only net."""
        (images,) = x
        with autocast(self.dtype if self.training else "float32", x.device):
            out = self.net(images.contiguous(memory_format=torch.channels_last))
        return out.float()[None]


class Heads(nn.Module):
    """A linear head a net: features (m, n, k, ...) to logits (m, n, C)."""

    def __init__(self, k: int, classes: int, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        weight = torch.stack([torch.randn(classes, k, generator=g) / k**0.5 for g in generators])
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(len(generators), classes))

    def forward(self, features: Tensor) -> Tensor:
        """Apply ReLU, mean over positions, and each net's linear map."""
        pooled = torch.relu(features)
        if pooled.ndim > 3:
            pooled = pooled.mean(dim=tuple(range(3, pooled.ndim)))
        return torch.baddbmm(self.bias[:, None], pooled, self.weight.transpose(1, 2))


def net_states(stack: nn.Module, heads: Heads) -> NDArray[np.float32]:
    """Give all that each net of a stack and its head have learned, a row a net (m, P)."""
    m = len(heads.bias)
    # Every entry of a stack has the nets in front.
    return torch.cat([e.reshape(m, -1).float() for e in _entries(stack, heads)], dim=1).numpy()


def load_net_states_(stack: nn.Module, heads: Heads, states: NDArray[np.float32]) -> None:
    """Fill a stack and its heads with rows of `net_states`, in place."""
    entries = _entries(stack, heads)
    sizes = [entry.numel() // len(heads.bias) for entry in entries]
    with torch.no_grad():
        for entry, part in zip(entries, torch.tensor(states).split(sizes, dim=1), strict=True):
            entry.copy_(part.reshape(entry.shape))


def _entries(*parts: nn.Module) -> list[Tensor]:
    return [entry for part in parts for entry in part.state_dict().values()]


def stacks(m: int, inputs: Sequence[int]) -> list[list[int]]:
    """Say which of m nets are trained together, given the shape of one input."""
    return [list(range(m))] if len(inputs) == 1 else [[i] for i in range(m)]


def make_students(
    inputs: Sequence[int],
    outputs: int,
    order: int,
    generators: Sequence[torch.Generator],
    *,
    width: int,
    skips: bool = True,
    dtype: Precision = "float32",
) -> nn.Module:
    """Make a stack of disentangler nets of one order.

    Parameters
    ----------
    inputs
        Shape of one input: (d,) or (3, size, size).
    outputs
        Channels of the feature.
    order
        Number of ReLUs; of image nets 4, 7, 10 and so on.
    generators
        One a net.
    width
        Of dense nets, or the channels of the first stage.

    Raises
    ------
    ValueError
        If there is no net of the order, or several image nets are asked for in one stack.
    """
    if len(inputs) == 1:
        return DenseStack(
            inputs[0], width, outputs, blocks=order - 1, generators=generators, skips=skips
        )
    blocks, rest = divmod(order - 1, 3)
    if rest or blocks < 1:
        raise ValueError(f"image nets have the orders 4, 7, 10 and so on, not {order}")
    (generator,) = generators
    return Alone(Disentangler(blocks, outputs, base=width, skips=skips, generator=generator), dtype)


def take_over_(students: nn.Module, shallower: nn.Module) -> None:
    """Start students from shallower ones: stem, first blocks, statistics and output."""
    if isinstance(students, Alone):
        copy_shallower_(students.net, shallower.net)
    else:
        students.copy_shallower_(shallower)


@torch.no_grad()
def evaluated(
    stack: nn.Module, x: Tensor, then: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """Run a stack, in evaluation mode, on inputs (n, ...) that all its nets get.

    Parameters
    ----------
    then
        Applied to the outputs (m, rows, ...) of some rows at a time.

    Returns
    -------
    Tensor
        Outputs (m, n, ...). The stack is left in evaluation mode.
    """
    stack.eval()
    parts = []
    for rows in x.split(_ROWS):
        out = stack(rows.expand(_count(stack), *rows.shape))
        parts.append(then(out) if then else out)
    return torch.cat(parts, dim=1)


def _count(stack: nn.Module) -> int:
    return 1 if isinstance(stack, Alone) else len(stack)

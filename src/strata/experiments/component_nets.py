"""One face for the nets of study B: stacks of dense nets, and image nets one at a time.

A stack maps inputs (m, n, ...) to outputs (m, n, ...), net by net. Dense nets of one shape are
trained as one stack; an image net is a stack of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
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

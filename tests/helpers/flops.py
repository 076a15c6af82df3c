"""Floating-point operations of matrix products and convolutions, counted while they are done.

By torch's own formulas: 2 m n k for a product of (m, k) with (k, n), for each of a batch, and for a
convolution 2 for each number that it puts out and each weight that leads there; its two gradients
as much each. Zeros count, as they take time. All else counts as nothing: sums, maxima,
activations, normalisations, products with one vector, and decompositions, which are no products.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

aten = torch.ops.aten
FORMULAS = flop_registry | {
    in_place: flop_registry[plain]
    for in_place, plain in ((aten.addmm_, aten.addmm), (aten.baddbmm_, aten.baddbmm))
}


class _Counter(TorchDispatchMode):
    """Torch's own counter takes no `torch.autograd.grad` with respect to an input alone."""

    total = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        if formula := FORMULAS.get(function.overloadpacket):
            self.total += formula(*args, **kwargs, out_val=result)
        return result


def flops(function: Callable[[], Any]) -> int:
    """Call a function that computes on this thread, and count."""
    with _Counter() as counter:
        function()
    return int(counter.total)

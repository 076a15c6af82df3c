"""What the small residual nets share: a shortcut without weights, and how weights are drawn."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def shortcut(x: Tensor, channels: int, stride: int) -> Tensor:
    """Bring a block's input to the shape of its output without any weight ("option A").

    Every `stride`-th position of each row and column is taken; missing channels are zeros, half
    of them before those of `x` and half behind (one more behind when their number is odd).

    Parameters
    ----------
    x
        Maps (n, c, h, w).
    channels
        Of the result, c or more.
    stride
        1 or more.

    Returns
    -------
    Tensor
        (n, channels, ceil(h / stride), ceil(w / stride)): what a 3x3 convolution of this stride
        and padding 1 gives. `x` itself where nothing changes.

    Raises
    ------
    ValueError
        If there are fewer channels than `x` has.

    Notes
    -----
    He et al. 2016, section 4.2.

    Examples
    --------
    >>> x = torch.arange(1.0, 5).view(1, 1, 2, 2)
    >>> shortcut(x, 3, 2).flatten()
    tensor([0., 1., 0.])
    """
    missing = channels - x.shape[1]
    if missing < 0:
        raise ValueError(f"a shortcut cannot go from {x.shape[1]} to {channels} channels")
    if stride > 1:
        x = x[:, :, ::stride, ::stride]
    return F.pad(x, (0, 0, 0, 0, missing // 2, missing - missing // 2)) if missing else x


def draw_(net: nn.Module, generator: torch.Generator) -> None:
    """Give a net on the device ``meta`` its numbers, from the generator only.

    Weights of convolutions and linear maps are normal with variance 2 / fan_in, their biases
    uniform within 1 / sqrt(fan_in); normalisations start at 1 and 0. They are drawn in the order
    of ``net.modules()``.

    Parameters
    ----------
    net
        With no other parameters than these. Changed in place: afterwards it lies on the CPU, the
        channels last in memory.
    generator
        On the CPU.

    Notes
    -----
    He et al. 2015, section 2.2. Channels last from the start, so that no two nets differ by the
    layout's rounding.
    """
    net.to_empty(device="cpu")
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                if module.bias is not None:
                    bound = 1 / math.sqrt(module.weight[0].numel())
                    module.bias.uniform_(-bound, bound, generator=generator)
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
    net.to(memory_format=torch.channels_last)

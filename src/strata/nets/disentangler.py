"""The disentangler net: all that a chosen number of ReLUs can say about a feature.

It is trained to give another net's feature for the same image. What a net of l ReLUs gives and
one of fewer ReLUs does not is called the feature's component of order l.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from strata.nets.residual import draw_, shortcut

Stem = Literal["small", "large", "middle"]
STRIDES: dict[Stem, tuple[int, int, int]] = {
    "small": (1, 2, 2),
    "large": (2, 2, 2),
    "middle": (1, 2, 2),
}
"""Of the first block of each stage."""


class Block(nn.Module):
    """relu(BN(conv 3x3(x)) + shortcut of x): one convolution, one ReLU.

    Parameters
    ----------
    inputs, outputs
        Channels.
    stride
        Of the convolution and of the shortcut.
    skip
        Whether the shortcut is added.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int, skip: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.skip = skip

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, outputs, ceil(h / stride), ceil(w / stride))."""
        z = self.norm(self.conv(x))
        if self.skip:
            z = z + shortcut(x, self.conv.out_channels, self.conv.stride[0])
        return self.relu(z)


class Disentangler(nn.Module):
    """A net of order l = 3 * blocks + 1: so many ReLUs on the longest way from image to output.

    A stem (convolution, normalisation, ReLU), three stages of `base`, 2 `base` and 4 `base`
    channels with `blocks` blocks each, and a linear 1x1 convolution with bias. The skips go
    around one convolution each, so that the outputs also hold all lower orders.

    Parameters
    ----------
    blocks
        Of each stage, 1 or more.
    outputs
        Channels of the feature that it is to give.
    base
        Channels of the stem and of the first stage: 128 r for the width factor r of the paper.
    stem
        ``small``: 3x3 convolution of stride 1, the stages halve the side twice (32 px to 8x8).
        ``large``: 7x7 convolution of stride 2 and max-pooling, every stage halves the side
        (224 px to 7x7). ``middle``: 7x7 convolution of stride 2 without pooling, the stages halve
        the side twice (224 px to 28x28).
    skips
        Whether blocks add their input; without, the same parameters are a plain net.
    generator
        Source of the weights, on the CPU; the global state is not touched. None: a net on the
        device ``meta``, which has shapes and no numbers.

    Raises
    ------
    ValueError
        If a number is less than 1 or the stem is unknown.

    Notes
    -----
    Ren et al. 2021 (arXiv 2006.15920), appendix A; normalisations as in the authors' code.

    Examples
    --------
    >>> g = torch.Generator().manual_seed(0)
    >>> net = Disentangler(2, 32, base=16, generator=g)
    >>> net.order, net(torch.zeros(5, 3, 16, 16)).shape
    (7, torch.Size([5, 32, 4, 4]))
    """

    def __init__(
        self,
        blocks: int,
        outputs: int,
        *,
        base: int = 128,
        stem: Stem = "small",
        skips: bool = True,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        if min(blocks, outputs, base) < 1:
            raise ValueError(
                f"blocks, outputs and base are at least 1, not {blocks}, {outputs} and {base}"
            )
        if stem not in STRIDES:
            raise ValueError(f"the stem is one of {list(STRIDES)}, not {stem!r}")
        self.blocks, self.order = blocks, 3 * blocks + 1
        kernel, stride = (3, 1) if stem == "small" else (7, 2)
        # On the device meta the constructors draw nothing from the global state.
        with torch.device("meta"):
            self.stem = nn.Sequential(
                nn.Conv2d(3, base, kernel, stride=stride, padding=kernel // 2, bias=False),
                nn.BatchNorm2d(base),
                nn.ReLU(inplace=True),
            )
            if stem == "large":
                self.stem.append(nn.MaxPool2d(3, stride=2, padding=1))
            self.stages = nn.ModuleList()
            inputs = base
            for width, stride in zip((base, 2 * base, 4 * base), STRIDES[stem], strict=True):
                first = Block(inputs, width, stride=stride, skip=skips)
                rest = (Block(width, width, stride=1, skip=skips) for _ in range(blocks - 1))
                self.stages.append(nn.Sequential(first, *rest))
                inputs = width
            self.output = nn.Conv2d(inputs, outputs, 1)
        if generator is not None:
            draw_(self, generator)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, 3, h, w) to features (n, outputs, h / 4, w / 4), sides rounded up.

        With the large stem the sides are divided by 32, with the middle one by 8.
        """
        x = self.stem(images)
        for stage in self.stages:
            x = stage(x)
        return self.output(x)


def copy_shallower_(net: Disentangler, shallower: Disentangler) -> Disentangler:
    """Start a net from the weights of a shallower one: stem, first blocks, statistics, output.

    In *every* stage the first ``shallower.blocks`` blocks are copied; the blocks behind them keep
    their random weights, so the function is not that of the shallower net.

    Parameters
    ----------
    net
        Changed in place.
    shallower
        Of the same outputs, base and stem, with as many blocks or fewer; copied, not shared.

    Returns
    -------
    Disentangler
        The net itself.

    Raises
    ------
    ValueError
        If the shallower net has more blocks, or its layers have other shapes.

    Notes
    -----
    The warm start of the authors' code: all entries of the state that both nets have.

    Examples
    --------
    >>> g = torch.Generator().manual_seed(0)
    >>> first, second = (Disentangler(m, 4, base=2, generator=g) for m in (1, 2))
    >>> copy_shallower_(second, first) is second
    True
    >>> bool((second.stages[2][0].conv.weight == first.stages[2][0].conv.weight).all())
    True
    """
    target, source = net.state_dict(), shallower.state_dict()
    wrong = [
        name for name, x in source.items() if name not in target or target[name].shape != x.shape
    ]
    if wrong:
        raise ValueError(f"the shallower net does not fit into the net: {', '.join(wrong)}")
    net.load_state_dict(source, strict=False)
    return net

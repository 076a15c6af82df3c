"""What one image costs in a ResNet-50: shapes and work, without any number."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch

from strata.nets.counting import cost
from strata.nets.resnet import resnet50
from strata.nets.taps import activations


@dataclass(frozen=True)
class NetShape:
    """What one image costs in a net.

    Attributes
    ----------
    parameters
        Numbers that are trained.
    state
        These and the statistics of the normalisations: what a kept epoch holds.
    multiply_adds
        Of the convolutions and of the last layer, as `strata.nets.counting.cost` counts them.
    outputs
        Numbers that the convolutions put out, each of which training keeps.
    stream
        Channels after each of the 16 blocks.
    side
        Positions along a side of the last maps.
    """

    parameters: int
    state: int
    multiply_adds: int
    outputs: int
    stream: tuple[int, ...]
    side: int


@cache
def net_shape(
    classes: int, *, stem: Literal["standard", "small"], width: int, size: int
) -> NetShape:
    """Run one image that has no pixels through a net that has no weights, and count.

    Parameters
    ----------
    classes, stem, width
        As of `strata.nets.resnet.resnet50`.
    size
        Side of the images in pixels.

    Returns
    -------
    NetShape

    Raises
    ------
    ValueError
        As `resnet50` does for these settings.

    Examples
    --------
    >>> shape = net_shape(1000, stem="standard", width=64, size=224)
    >>> shape.parameters, round(shape.multiply_adds / 1e9, 2), shape.side
    (25557032, 4.09, 7)
    """
    net = resnet50(classes, stem=stem, width=width, generator=None)
    counted = cost(net, (3, size, size))
    images = torch.empty(1, 3, size, size, dtype=torch.uint8, device="meta")
    found = activations(net, images, parts=("stream", "penultimate"))
    return NetShape(
        parameters=counted.parameters,
        state=sum(entry.numel() for entry in net.state_dict().values()),
        multiply_adds=counted.multiply_adds,
        outputs=counted.activations - classes,
        stream=tuple(stream.shape[1] for stream in found.stream),
        side=found.penultimate.shape[-1],
    )

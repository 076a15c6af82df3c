"""A small convolutional net without normalisation, whose depth is the only thing that changes."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

SHRINKING = 2
"""So many first blocks halve the sides of their maps."""


class SmallConv(nn.Module):
    """Blocks of a 3x3 convolution and a ReLU, then one linear map of all positions to the logits.

    z_0 = C_0 x, z_l = C_l relu(z_{l-1}); the first two convolutions have stride 2, the others
    stride 1, so that nets of two blocks and more read out equally many numbers. All positions go
    into the last map: after a mean over positions no net could read the place of an object.
    Weights are drawn from N(0, 2 / fan_in), those of the last map from N(0, 1 / fan_in); biases
    are zero. No buffers, so that `strata.training.train` takes it.

    Parameters
    ----------
    blocks
        Number of convolutions, at least 2.
    channels
        Of every map.
    size
        Side of the images in pixels, a multiple of 4.
    classes
        Number of logits.
    generator
        Source of the weights; the global state is not touched.
    colours
        Channels of the images.
    dtype
        Of the weights.

    Raises
    ------
    ValueError
        If there are fewer than 2 blocks, another count is less than 1, or the size is no multiple
        of 4.

    Notes
    -----
    He et al. 2015, "Delving deep into rectifiers", for the variances.

    Examples
    --------
    >>> net = SmallConv(3, size=32, generator=torch.Generator().manual_seed(0))
    >>> [tuple(z.shape[1:]) for z in net.preactivations(torch.zeros(5, 3, 32, 32))]
    [(16, 16, 16), (16, 8, 8), (16, 8, 8), (2,)]
    """

    def __init__(
        self,
        blocks: int,
        *,
        generator: torch.Generator,
        channels: int = 16,
        size: int = 32,
        classes: int = 2,
        colours: int = 3,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if blocks < SHRINKING or min(channels, classes, colours) < 1:
            raise ValueError(
                f"blocks must be at least {SHRINKING}, channels, classes and colours 1, "
                f"not {blocks}, {channels}, {classes}, {colours}"
            )
        if size < 1 or size % 2**SHRINKING:
            raise ValueError(f"the size must be a multiple of {2**SHRINKING}, not {size}")
        # skip_init: the constructors would draw from the global state.
        self.convolutions = nn.ModuleList(
            nn.utils.skip_init(
                nn.Conv2d, before, after, 3, 2 if place < SHRINKING else 1, padding=1, dtype=dtype
            )
            for place, (before, after) in enumerate(pairwise([colours, *[channels] * blocks]))
        )
        positions = (size // 2**SHRINKING) ** 2
        self.output = nn.utils.skip_init(nn.Linear, channels * positions, classes, dtype=dtype)
        with torch.no_grad():
            for layer in (*self.convolutions, self.output):
                gain = 1 if layer is self.output else 2
                deviation = math.sqrt(gain / layer.weight[0].numel())
                layer.weight.normal_(0, deviation, generator=generator)
                layer.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, colours, size, size) to logits (n, classes)."""
        return self.preactivations(x)[-1]

    def preactivations(self, x: Tensor) -> list[Tensor]:
        """Return the maps z_0, z_1, ... (n, channels, h, w) before the ReLU, and the logits."""
        found: list[Tensor] = []
        for layer in self.convolutions:
            found.append(layer(torch.relu(found[-1]) if found else x))
        found.append(self.output(torch.relu(found[-1]).flatten(1)))
        return found

"""Images as vectors for the fully connected nets of study D: originals, starts and references."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor
from torch.nn import functional as F

from strata.data.fingerprint import fingerprint
from strata.data.images import ImageSet
from strata.data.images.cifar import SIDE
from strata.data.labelled import DataName, held_out_images
from strata.experiments.inversions import NOISE
from strata.measures.inversion import noisy_start
from strata.seeding import numpy_generator, torch_generator


class Vectors(BaseModel):
    """Some held-out images of a seed.

    Attributes
    ----------
    data
        Which images.
    seed
        Of the draw.
    images
        How many.
    side
        Pixels a side, to which images of 32 pixels are brought by averages; a vector has three
        numbers a pixel, from 0 to 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: DataName
    seed: int
    images: int
    side: int

    @property
    def inputs(self) -> int:
        """Numbers in a vector."""
        return 3 * self.side**2

    @property
    def reference(self) -> float:
        """Root mean square distance of a noisy copy a' to its original."""
        return NOISE * math.sqrt(self.inputs)


def originals(config: Vectors) -> Tensor:
    """The vectors, (images, inputs), float64.

    Raises
    ------
    DataError
        The data set is not here; the message says what to do.
    ValueError
        It has too few images.
    """
    pixels = torch.from_numpy(_drawn(config).images).double() / 255
    return F.adaptive_avg_pool2d(pixels, config.side).flatten(1)


@lru_cache(maxsize=16)
def _drawn(config: Vectors) -> ImageSet:
    rng = numpy_generator("inversion-vectors", config.data, config.seed)
    return held_out_images(config.data, config.images, rng, size=SIDE)


def starts(config: Vectors) -> Tensor:
    """What descents start from, of the shape of `originals`; see `noisy_start`."""
    generator = torch_generator("inversion-vectors-start", config.seed)
    return noisy_start((config.images, config.inputs), generator, torch.float64)


def data_source(config: Vectors) -> str:
    """What a page calls the images."""
    return _drawn(config).source


def data_fingerprint(config: Vectors) -> str:
    """Fingerprint of the vectors."""
    return fingerprint(originals(config))


def linear_map(layers: torch.nn.ModuleList) -> Tensor:
    """Product of the weights of linear layers, (outputs, inputs)."""
    product = layers[0].weight
    for layer in list(layers)[1:]:
        product = layer.weight @ product
    return product.detach()

"""The data of study B: a pool to learn from, and test images that nothing learns from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

from strata.data.fingerprint import fingerprint
from strata.data.images.cifar import SIDE
from strata.data.labelled import train_and_held_out
from strata.data.manifold import hidden_manifold
from strata.nets.resnet import standardised
from strata.seeding import numpy_generator

VectorName = Literal["manifold", "digits"]
ImageName = Literal["shapes", "cifar10", "own"]
DIGITS = (1200, 597)
"""Pool and test images of the digits: all there are."""


class Data(BaseModel):
    """Which data, and how much of it.

    Attributes
    ----------
    name
        ``manifold``: 64 inputs from 6 latent numbers, labels of a random net, procedural.
        ``digits``: scikit-learn's 8 x 8 digits. ``shapes``, ``cifar10`` and ``own``: colour images.
    pool
        Samples that targets and students may learn from.
    test
        Samples that only measures see.
    size
        Side of the images in pixels; None for vectors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: VectorName | ImageName
    pool: int
    test: int
    size: int | None = None

    @classmethod
    def vectors(cls, name: VectorName, pool: int, test: int) -> Data:
        """Vectors of a name; of the digits always all."""
        return (
            cls(name=name, pool=DIGITS[0], test=DIGITS[1])
            if name == "digits"
            else cls(name=name, pool=pool, test=test)
        )


@dataclass(frozen=True)
class Pool:
    """A pool and its test images, standardised.

    Attributes
    ----------
    inputs, test_inputs
        float32, (n, d) or (n, 3, size, size).
    labels, test_labels
        int64, (n,).
    classes
        How many.
    source
        What a page calls the data.
    """

    inputs: Tensor
    labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor
    classes: int
    source: str


@lru_cache(maxsize=4)
def load(data: Data) -> Pool:
    """Draw the data, the same for every seed of a net.

    Vectors are shifted and divided by one number each, the mean and the deviation of the pool;
    pixels p from 0 to 1 become (p - 0.5) / 0.25.

    Raises
    ------
    DataError
        The data set is not here; the message says what to do.
    ValueError
        It has too few images, or vectors have a size.
    """
    rng = numpy_generator("component-data", data.name)
    if data.name in ("manifold", "digits"):
        if data.size is not None:
            raise ValueError(f"{data.name} are vectors and have no size in pixels")
        return _vectors(data, rng)
    if data.size is None:
        raise ValueError(f"the images of {data.name} need a size in pixels")
    return _images(data, data.size, rng)


def _vectors(data: Data, rng: np.random.Generator) -> Pool:
    n = data.pool + data.test
    if data.name == "digits":
        x, y = load_digits(return_X_y=True)
        if n > len(y):
            raise ValueError(f"there are {len(y)} digits, not {n}")
        order = rng.permutation(len(y))[:n]
        x, y = x[order], y[order]
        source = "scikit-learn's digits"
    else:
        sample = hidden_manifold(n, rng)
        x, y = sample.x, sample.y
        source = "hidden manifold"
    pool = x[: data.pool]
    scaled = torch.tensor((x - pool.mean()) / pool.std(), dtype=torch.float32)
    labels = torch.tensor(y, dtype=torch.int64)
    n = data.pool
    return Pool(scaled[:n], labels[:n], scaled[n:], labels[n:], int(y.max()) + 1, source)


def _images(data: Data, size: int, rng: np.random.Generator) -> Pool:
    drawn_size = SIDE if data.name == "cifar10" else size
    drawn = train_and_held_out(data.name, data.pool, data.test, rng, size=drawn_size)
    pool, test = drawn.train, drawn.held_out
    return Pool(
        _shrunk(pool.images, size),
        torch.from_numpy(pool.labels),
        _shrunk(test.images, size),
        torch.from_numpy(test.labels),
        len(pool.classes),
        pool.source,
    )


def _shrunk(images: NDArray[np.uint8], size: int) -> Tensor:
    """Standardise images, and bring them to a smaller side by averages of pixels."""
    pixels = standardised(torch.from_numpy(images))
    return pixels if pixels.shape[-1] == size else F.adaptive_avg_pool2d(pixels, size)


@lru_cache(maxsize=64)
def data_fingerprint(data: Data) -> str:
    """Fingerprint of the inputs and labels of pool and test images."""
    pool = load(data)
    return fingerprint(pool.inputs, pool.labels, pool.test_inputs, pool.test_labels)

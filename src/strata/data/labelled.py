"""Labelled images by the name of their set, `shapes` or photographs, some of them held out."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from strata.data.images import ImageSet
from strata.data.images.named import photographs
from strata.data.shapes import ShapeSet, make_shapes, task

DataName = Literal["shapes", "cifar10", "imagenet", "own"]
SHAPES_TASK = ("shape", "relation")
"""What nets tell apart on `shapes`: 4 shapes in 4 relations to the second object."""


@dataclass(frozen=True, eq=False)
class Split:
    """Images to learn from and held-out ones.

    ``factors`` are those of the held-out images of `shapes`, by name, (n,); else empty.
    """

    train: ImageSet
    held_out: ImageSet
    factors: dict[str, NDArray]


def train_and_held_out(
    name: DataName, train: int, held_out: int, rng: np.random.Generator, *, size: int
) -> Split:
    """Draw so many images to learn from, and so many others.

    Parameters
    ----------
    name
        Of the set; held-out photographs are test or validation images.
    train, held_out
        Numbers of images.
    rng
        The same state gives the same images.
    size
        Side in pixels.

    Raises
    ------
    DataError, ValueError
        As from `photographs`, or a number is below 1.

    Examples
    --------
    >>> found = train_and_held_out("shapes", 32, 16, np.random.default_rng(0), size=16)
    >>> len(found.train), len(found.held_out), len(found.factors["hue"]), found.train.source
    (32, 16, 16, 'shapes')
    """
    if name == "shapes":
        drawn = make_shapes(train + held_out, rng, size=size)
        every = _labelled(drawn)
        first, second = (
            replace(every, images=every.images[part], labels=every.labels[part])
            for part in (slice(train), slice(train, None))
        )
        return Split(first, second, {key: v[train:] for key, v in drawn.factors.items()})
    first = photographs(name, train, rng, size=size)
    return Split(first, photographs(name, held_out, rng, size=size, held_out=True), {})


def held_out_images(name: DataName, n: int, rng: np.random.Generator, *, size: int) -> ImageSet:
    """Draw held-out images only; parameters and errors as of `train_and_held_out`."""
    if name == "shapes":
        return _labelled(make_shapes(n, rng, size=size))
    return photographs(name, n, rng, size=size, held_out=True)


def _labelled(drawn: ShapeSet) -> ImageSet:
    labels, classes = task(drawn, *SHAPES_TASK)
    return ImageSet(drawn.images, labels, classes, source="shapes", split="all")

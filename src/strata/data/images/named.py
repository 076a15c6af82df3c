"""Photographs by the name of their set: some of them, balanced by class, brought to one size."""

from typing import Literal

import numpy as np

from strata.data.images import ImageSet
from strata.data.images.cifar import SIDE, load_cifar10
from strata.data.images.files import ImageFolder, load_images
from strata.data.images.location import find_imagenet, find_own, held_out_split


def photographs(
    name: Literal["cifar10", "imagenet", "own"],
    n: int,
    rng: np.random.Generator,
    *,
    size: int,
    held_out: bool = False,
) -> ImageSet:
    """Draw n images of a set of photographs.

    Parameters
    ----------
    name
        ``cifar10`` and ``imagenet`` are looked for where ``STRATA_DATA`` says, ``own`` where
        ``STRATA_IMAGES`` says.
    n
        Number of images; the classes have equally many, up to one.
    rng
        The same state gives the same images.
    size
        Side in pixels.
    held_out
        Draw from the test or validation images, not from those for training.

    Raises
    ------
    MissingDataError
        The set is not here.
    DataError
        It is damaged or laid out in another way.
    ValueError
        It has too few images, or CIFAR-10 is asked for in another size than its own.
    """
    if name == "cifar10":
        if size != SIDE:
            raise ValueError(f"images of CIFAR-10 have {SIDE} pixels a side, not {size}")
        return load_cifar10("test" if held_out else "train").subset(n, rng)
    path = find_imagenet() if name == "imagenet" else find_own()
    split = held_out_split(path) if held_out else "train"
    if path.is_dir():
        # File by file, as such a folder need not fit into the memory.
        return ImageFolder.at(path, split).subset(n, size, rng)
    return load_images(path, size=size, split=split).subset(n, rng)

"""The layout ``[split/]class/file`` of images: classes, order, and what can be wrong with it."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strata.data.images.location import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm")
"""Ends of the names of image files, in small letters; other files are passed over."""
SPLITS = ("train", "test", "val", "valid")
"""Names of folders that are splits when they hold class folders."""
ALL = "all"
"""The split of a set that has none."""


class Place(NamedTuple):
    """A file's name, read from its end; `above` is what stands before split and class."""

    above: tuple[str, ...]
    split: str
    label: str
    file: str


class Arranged(NamedTuple):
    """The images of a split: by class and then by file name, classes in the order of names."""

    classes: tuple[str, ...]
    files: tuple[str, ...]
    labels: NDArray[np.int64]


def is_image(name: str) -> bool:
    """Say whether a file's name ends like that of an image."""
    return name.lower().endswith(SUFFIXES)


def placed(name: str) -> Place:
    """Read the class of an image from its name, and the split if there is one.

    Raises
    ------
    DataError
        The file is in no class folder.

    Examples
    --------
    >>> placed("set/train/cat/1.jpg")
    Place(above=('set',), split='train', label='cat', file='1.jpg')
    >>> placed("train/1.jpg").label  # the vehicle
    'train'
    """
    *above, file = name.split("/")
    if not above:
        raise DataError(f"{name} is in no class folder: images must be in [split/]class/file")
    label = above.pop()
    split = above.pop() if above and above[-1] in SPLITS else ALL
    return Place(tuple(above), split, label, file)


def arranged(names: Iterable[str], folders: Iterable[str], split: str, where: str) -> Arranged:
    """Put the images of a split in order and check the layout of the whole set.

    Parameters
    ----------
    names
        Images of all splits.
    folders
        The folders that are known: one beside class folders, but without images, is an error.
    split
        One of `SPLITS`, or `ALL` for a set without splits.
    where
        What errors call the set.

    Raises
    ------
    DataError
        There is no image or no such split, files lie at different depths, a class is empty, or
        splits have different classes, which would give labels different meanings.

    Notes
    -----
    Linear in the number of names, but for the sort.
    """
    places = {name: placed(name) for name in names}
    if not places:
        raise DataError(f"{where} holds no images: they must be in [split/]class/file")
    layouts = {(place.above, place.split == ALL): name for name, place in places.items()}
    if len(layouts) > 1:
        one, other, *_ = sorted(layouts.values())
        raise DataError(f"{where} has images at different levels: {one} and {other}")
    ((above, _),) = layouts
    classes: dict[str, set[str]] = defaultdict(set)
    for place in places.values():
        classes[place.split].add(place.label)
    if split not in classes:
        has = "no splits" if ALL in classes else f"the splits {', '.join(sorted(classes))}"
        asked = "none was asked for" if split == ALL else f"{split!r} was asked for"
        raise DataError(f"{where} has {has}, and {asked}")
    _refuse_empty(above, classes, folders, where)
    for other, theirs in classes.items():
        for name in sorted(theirs ^ classes[split]):
            raise DataError(f"{where}: only one of {split} and {other} has the class {name!r}")
    chosen = [(p.label, p.file, name) for name, p in places.items() if p.split == split]
    chosen.sort()
    number = {name: label for label, name in enumerate(sorted(classes[split]))}
    labels = np.array([number[label] for label, _, _ in chosen], np.int64)
    return Arranged(tuple(number), tuple(name for _, _, name in chosen), labels)


def _refuse_empty(
    above: tuple[str, ...], classes: dict[str, set[str]], folders: Iterable[str], where: str
) -> None:
    parents = {(*above, *(() if split == ALL else (split,))): classes[split] for split in classes}
    for folder in folders:
        *parent, name = folder.split("/")
        held = parents.get(tuple(parent))
        if held is not None and name not in held:
            raise DataError(f"{where}: the class folder {folder} holds no image: fill or remove it")

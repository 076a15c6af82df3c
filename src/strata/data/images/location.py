"""Where the reader's data are: ``STRATA_DATA`` names known sets, ``STRATA_IMAGES`` any others.

Only names are looked at here: what the files hold is checked when they are read.
"""

import os
import zipfile
from pathlib import Path

VARIABLE = "STRATA_DATA"
IMAGES_VARIABLE = "STRATA_IMAGES"
IMAGENET_CLASSES = 1000
IMAGENET_HOW = (
    "ImageNet's images can be had from https://image-net.org for research: sort them into "
    "train/class/file and val/class/file (the 50,000 of the validation set, too), and set "
    "STRATA_DATA to that folder, or to a folder that holds it under the name imagenet."
)
OWN_HOW = (
    "Set STRATA_IMAGES to a folder with train/class/file and test/class/file (val or valid will "
    "do for test), or to an .npz with train_images, train_labels, test_images and test_labels."
)
_HELD_OUT = ("test", "val", "valid")


class DataError(ValueError):
    """Data that are missing, damaged or not what they should be; the message says what to do."""


class MissingDataError(DataError):
    """Data that are not here at all, which is nobody's fault.

    Parameters
    ----------
    what
        Name of the set: "CIFAR-10".
    why
        Where it was looked for, and how to get it.
    """

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what, why)
        self.what = what

    def __str__(self) -> str:
        return "{} is not here: {}".format(*self.args)


class DataWarning(UserWarning):
    """Something about stored data that was put right, and that costs time."""


def data_location(what: str, how: str, variable: str = VARIABLE) -> Path:
    """Give the folder or file that an environment variable names.

    Parameters
    ----------
    what
        The data that are asked for, for the message.
    how
        Where to get them, for the message.
    variable
        ``STRATA_DATA``, or the one that is asked for this kind of data.

    Returns
    -------
    Path
        An absolute path of something that exists. A relative one counts from the working folder;
        ``strata run`` hands it on to notebooks as the absolute one, see `absolute_locations`.

    Raises
    ------
    MissingDataError
        The variable is not set, or names nothing.
    """
    named = os.environ.get(variable)
    if not named:
        raise MissingDataError(what, f"{variable} is not set. {how}")
    path = _absolute(named)
    if not path.exists():
        raise MissingDataError(what, f"{variable} names {path}, which does not exist. {how}")
    return path


def existing(location: Path | str, how: str = "") -> Path:
    """Give the absolute path of what exists.

    Raises
    ------
    DataError
        There is nothing: "the location names …, which does not exist", and `how`.
    """
    path = _absolute(location)
    if not path.exists():
        raise DataError(f"the location names {path}, which does not exist. {how}".rstrip())
    return path


def absolute_locations() -> dict[str, str]:
    """Give the variables that are set, with absolute paths, for a process in another folder."""
    named = {name: os.environ.get(name) for name in (VARIABLE, IMAGES_VARIABLE)}
    return {name: str(_absolute(location)) for name, location in named.items() if location}


def find_imagenet() -> Path:
    """Give the folder of ImageNet's images: ``STRATA_DATA``, or ``imagenet`` in it.

    Returns
    -------
    Path
        A folder with ``train`` and ``val``, of 1,000 class folders each.

    Raises
    ------
    MissingDataError
        There is none.
    DataError
        It lacks a split, or has another number of classes, and so is something else.
    """
    named = data_location("ImageNet", IMAGENET_HOW)
    inside = named / "imagenet"
    path = inside if inside.is_dir() else named
    if path == named and not all((path / split).is_dir() for split in ("train", "val")):
        raise MissingDataError("ImageNet", f"there is none in {named}. {IMAGENET_HOW}")
    for split in ("train", "val"):
        if not (path / split).is_dir():
            raise DataError(f"{path} has no folder {split}, so it is not ImageNet. {IMAGENET_HOW}")
        classes = sum(entry.is_dir() for entry in os.scandir(path / split))
        if classes != IMAGENET_CLASSES:
            raise DataError(
                f"{path / split} has {classes} classes, and ImageNet has {IMAGENET_CLASSES:,}: "
                f"for images of your own there is {IMAGES_VARIABLE}"
            )
    return path


def find_own() -> Path:
    """Give the reader's own images: the folder or ``.npz`` that ``STRATA_IMAGES`` names.

    Raises
    ------
    MissingDataError
        The variable is not set, or names nothing.
    DataError
        It is neither, or has no images for training, or none to hold out.
    """
    path = data_location("a set of your own images", OWN_HOW, IMAGES_VARIABLE)
    held_out_split(path)
    return path


def held_out_split(path: Path) -> str:
    """Give the split of a folder or ``.npz`` that is held out: the first of test, val and valid.

    Raises
    ------
    DataError
        It is neither folder nor ``.npz``, or has no images for training, or none to hold out.
    """
    if path.is_dir():
        splits = {entry.name for entry in os.scandir(path) if entry.is_dir()}
    elif path.suffix == ".npz" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as arrays:
            splits = {name.removesuffix("_images.npy") for name in arrays.namelist()}
    else:
        raise DataError(f"{path} is neither a folder nor an .npz. {OWN_HOW}")
    found = next((split for split in _HELD_OUT if split in splits), None)
    if "train" not in splits or found is None:
        lacking = "images for training" if "train" not in splits else "images to hold out"
        raise DataError(f"{path} has no {lacking}. {OWN_HOW}")
    return found


def _absolute(location: Path | str) -> Path:
    return Path(location).expanduser().absolute()

"""CIFAR-10 from ``STRATA_DATA``: the official files in either version, or a copy as image files.

What calls itself official is checked: the labels and pixels of each batch, in their order, have the
published SHA-256. So "CIFAR-10" in a result means these bits, in whichever form they came. A copy
in class folders cannot prove that and is called by its format, "CIFAR-10, JPEG copy".

The Python version consists of pickles, and no pickle is ever loaded here: labels and pixels are
read off the list of its instructions, none of which is carried out.
"""

import hashlib
import pickletools
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from strata.data.images import ImageSet
from strata.data.images.archives import content_key, entries
from strata.data.images.cache import cached
from strata.data.images.class_folders import is_image, placed
from strata.data.images.files import decode_all
from strata.data.images.location import DataError, MissingDataError, data_location, existing

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
"""In the order of the labels 0 to 9, which is that of the names."""
PER_CLASS: Mapping[str, int] = MappingProxyType({"train": 5000, "test": 1000})
"""Images of each class."""
SIDE = 32
HOW = (
    "Get CIFAR-10 as cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html, or "
    "with torchvision.datasets.CIFAR10(FOLDER, download=True), and set STRATA_DATA to its folder."
)
BATCHES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "train": {
            "data_batch_1": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            "data_batch_2": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            "data_batch_3": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            "data_batch_4": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            "data_batch_5": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        },
        "test": {
            "test_batch": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        },
    }
)
"""SHA-256 of the records of each batch: the ``.bin`` files as they are."""

_PIXELS = 3 * SIDE * SIDE
_OFFICIAL = ("cifar-10-batches-bin", "cifar-10-batches-py")
_NAMED_SO = re.compile(r"cifar-?10(?!0)", re.IGNORECASE)
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def load_cifar10(split: str, location: Path | str | None = None) -> ImageSet:
    """Load the training or the test images of CIFAR-10.

    Parameters
    ----------
    split
        "train" (50,000 images) or "test" (10,000).
    location
        A folder or an archive; by default what ``STRATA_DATA`` names. See `find_cifar10`.

    Returns
    -------
    ImageSet
        (n, 3, 32, 32). Official files in their own order, copies by class and file name. The
        source is "CIFAR-10", or for a copy "CIFAR-10, JPEG copy" and the like.

    Raises
    ------
    DataError
        The data are not there, damaged, or not CIFAR-10. Nothing takes their place.

    Notes
    -----
    Source: Krizhevsky, Learning multiple layers of features from tiny images, 2009. The checksums
    of the binary version's files are those that public loaders carry.
    """
    if split not in BATCHES:
        raise DataError(f"CIFAR-10 has the splits {' and '.join(BATCHES)}, not {split!r}")
    path = find_cifar10(location)
    if path.is_dir() and path.name in _OFFICIAL:
        return _official(path, split)
    key = content_key(path, lambda name: is_image(name) and placed(name).split == split)
    read = _copy if path.is_dir() or _holds_images(path) else _official
    return cached((key, "cifar-10", split), lambda: read(path, split))


def find_cifar10(location: Path | str | None = None) -> Path:
    """Give the folder or archive that CIFAR-10 is to be read from.

    Parameters
    ----------
    location
        By default what ``STRATA_DATA`` names: an archive; or a folder that is or holds
        ``cifar-10-batches-bin`` or ``cifar-10-batches-py``, that holds ``train`` and ``test``, or
        in which exactly one folder or archive is called cifar10 or cifar-10 and something. The
        first of these that is there.

    Raises
    ------
    MissingDataError
        There is none.
    DataError
        There is more than one of the last kind. Only names are looked at.
    """
    path = data_location("CIFAR-10", HOW) if location is None else existing(location, how=HOW)
    while path.is_dir():
        official = [path] if path.name in _OFFICIAL else [path / name for name in _OFFICIAL]
        for folder in official:
            if folder.is_dir():
                return folder
        if all((path / split).is_dir() for split in BATCHES):
            return path
        found = sorted(p for p in path.iterdir() if _NAMED_SO.match(p.name) and _may_hold(p))
        if not found:
            raise MissingDataError("CIFAR-10", f"there is none in {path}. {HOW}")
        if len(found) > 1:
            names = ", ".join(p.name for p in found)
            raise DataError(
                f"{path} holds CIFAR-10 more than once: {names}. Set STRATA_DATA to one of them"
            )
        (path,) = found
    return path


def _may_hold(path: Path) -> bool:
    return path.is_dir() or path.name.lower().endswith(_ARCHIVES)


def _holds_images(archive: Path) -> bool:
    """Whether the first file of an archive is an image."""
    return next((is_image(e.name) for e in entries(archive) if not e.is_folder), False)


def _copy(path: Path, split: str) -> ImageSet:
    images, formats = decode_all(path, None, split)
    if images.classes != CLASSES:
        odd = sorted(set(images.classes) ^ set(CLASSES))
        raise DataError(f"{path.name} is not CIFAR-10, whose classes are others: {', '.join(odd)}")
    counts = images.counts()
    for name, count in zip(CLASSES, counts, strict=True):
        if count != PER_CLASS[split]:
            raise DataError(
                f"{path.name} is not the whole CIFAR-10: {split}/{name} holds {count} images of "
                f"{PER_CLASS[split]}. For a set of your own there is load_images"
            )
    if images.images.shape[2:] != (SIDE, SIDE):
        height, width = images.images.shape[2:]
        raise DataError(f"{path.name} is not CIFAR-10: its images have {width} × {height} pixels")
    return replace(images, source=f"CIFAR-10, {' and '.join(sorted(formats))} copy")


def _official(path: Path, split: str) -> ImageSet:
    """Read the batches of a folder or an archive and check that they are the published ones."""
    found = {}
    for entry in entries(path):
        batch = entry.name.rpartition("/")[2]
        name = batch.removesuffix(".bin")
        if not entry.is_folder and name in BATCHES[split]:
            content = entry.read()
            records = content if batch.endswith(".bin") else _records_of_pickle(content, batch)
            if hashlib.sha256(records).hexdigest() != BATCHES[split][name]:
                raise DataError(f"{path.name}: {batch} is not CIFAR-10's or is damaged. {HOW}")
            found[name] = np.frombuffer(records, np.uint8).reshape(-1, 1 + _PIXELS)
    missing = [name for name in BATCHES[split] if name not in found]
    if missing:
        raise DataError(f"{path.name} lacks {', '.join(missing)} of CIFAR-10. {HOW}")
    records = np.concatenate([found[name] for name in BATCHES[split]])
    images = np.ascontiguousarray(records[:, 1:]).reshape(-1, 3, SIDE, SIDE)
    return ImageSet(images, records[:, 0].astype(np.int64), CLASSES, "CIFAR-10", split)


def _records_of_pickle(content: bytes, name: str) -> bytes:
    """Labels and pixels of a batch of the Python version, in the form of the binary version.

    A pickle is a list of instructions. The labels are the small numbers after the text "labels",
    the pixels are the longest text, and the bool before them says whether they go down columns.
    """
    labels: list[int] = []
    pixels, by_columns, flag, last = "", False, False, ""
    try:
        for instruction, value, _ in pickletools.genops(content):
            if instruction.name in ("SHORT_BINSTRING", "BINSTRING"):
                last = value
                if len(value) > len(pixels):
                    pixels, by_columns = value, flag
            elif instruction.name == "BININT1" and last == "labels":
                labels.append(value)
            elif instruction.name in ("NEWTRUE", "NEWFALSE"):
                flag = instruction.name == "NEWTRUE"
        flat = np.frombuffer(pixels.encode("latin-1"), np.uint8)
        images = flat.reshape((len(labels), _PIXELS), order="F" if by_columns else "C")
    except ValueError as error:
        raise DataError(f"{name} is no batch of CIFAR-10 or is damaged ({error}). {HOW}") from error
    return np.column_stack([np.array(labels, np.uint8), images]).tobytes()

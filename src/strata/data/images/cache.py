"""Decoded images on disk, so that only the first load of an archive or a folder takes long.

One ``.npz`` an entry, named by the checksum of what it was made from, in the folder
``STRATA_CACHE``, else in the user's cache folder. It may be deleted at any time.
"""

import contextlib
import hashlib
import os
import secrets
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
from PIL import features

from strata.data.images import ImageSet
from strata.data.images.location import DataWarning

# To be raised when the same files would give other arrays than before.
_VERSION = "images-1"
_DAY = 86_400.0
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    zipfile.BadZipFile,
    NotImplementedError,  # a compression that nobody wrote
    RuntimeError,  # a password that nobody set
    MemoryError,  # a size that nobody wrote
)


class _DamagedError(Exception):
    """What is wrong with an entry."""


def cache_folder() -> Path:
    """Give ``STRATA_CACHE``, else ``strata`` in ``XDG_CACHE_HOME``, else ``~/.cache/strata``."""
    named = os.environ.get("STRATA_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "strata"


def cached(parts: tuple[str, ...], build: Callable[[], ImageSet]) -> ImageSet:
    """Give the images of an entry; where there is none, or a damaged one, build and keep it.

    Parameters
    ----------
    parts
        What decides the images: checksum of their files, split, size, … The versions of the
        decoders belong to it and are added here.
    build
        Makes the images.

    Warns
    -----
    DataWarning
        The entry is damaged and built anew, or it cannot be written and the next load will take
        as long again.

    Notes
    -----
    An entry is written under a temporary name and renamed. Every read checks the fingerprint of
    the arrays: about half a second for 50,000 images of 32 × 32.
    """
    decoders = (PIL.__version__, str(features.version("jpg")), str(features.version("zlib")))
    key = hashlib.sha256("\0".join((_VERSION, *decoders, *parts)).encode()).hexdigest()
    path = cache_folder() / f"{key[:32]}.npz"
    try:
        return _read(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except _DamagedError as damage:
        warnings.warn(f"{path} is damaged ({damage}): made again", DataWarning, stacklevel=3)
    images = build()
    try:
        _write(path, images)
    except OSError as error:
        warnings.warn(
            f"the images are not kept ({error}), so that the next load takes as long: "
            "set STRATA_CACHE to a folder with room that you may write",
            DataWarning,
            stacklevel=3,
        )
    return images


def _read(path: Path) -> ImageSet:
    try:
        with np.load(path, allow_pickle=False) as entry:
            images = ImageSet(
                entry["images"],
                entry["labels"],
                tuple(entry["classes"].tolist()),
                entry["source"].item(),
                entry["split"].item(),
            )
            expected = entry["fingerprint"].item()
    except (FileNotFoundError, NotADirectoryError):
        raise
    except _DAMAGED as error:
        raise _DamagedError(str(error)) from None
    if images.fingerprint() != expected:
        raise _DamagedError("it does not have its fingerprint")
    return images


def _write(path: Path, images: ImageSet) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(".tmp-*"):  # of killed processes
        with contextlib.suppress(FileNotFoundError):
            if time.time() - leftover.stat().st_mtime > _DAY:
                leftover.unlink()
    temporary = path.with_name(f".tmp-{path.stem}-{secrets.token_hex(4)}")
    try:
        with temporary.open("wb") as file:
            np.savez(
                file,
                images=images.images,
                labels=images.labels,
                classes=np.array(images.classes),
                source=np.array(images.source),
                split=np.array(images.split),
                fingerprint=np.array(images.fingerprint()),
            )
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)

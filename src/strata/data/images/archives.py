"""Reading folders, tar archives and zip archives alike, without unpacking.

For 60,000 small images in a ``.tar.xz``, unpacking takes three times as long as reading the archive
from front to end, and 240 MB of the disk. Since nothing is unpacked, no name can lead out of a
folder; an archive with such names is refused all the same, and so is one with links.
"""

import hashlib
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from strata.data.images.location import DataError

DEPTH = 4
"""Levels of a folder that are looked at: ``top/split/class/file``."""

_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,  # an encrypted zip archive
    NotImplementedError,  # a compression that zipfile does not know
)


@dataclass(frozen=True)
class Entry:
    """A file or folder: its name with ``/``, and how to read it.

    An entry of an archive can be read only until the next one is asked for.
    """

    name: str
    is_folder: bool
    read: Callable[[], bytes]


def entries(location: Path) -> Iterator[Entry]:
    """Go through the files and folders below a folder or in an archive, but not the hidden ones.

    Parameters
    ----------
    location
        A folder, of which four levels are seen, or a ``.zip``, ``.tar``, ``.tar.gz``,
        ``.tar.bz2`` or ``.tar.xz``, told apart by content.

    Yields
    ------
    Entry
        In a folder sorted by name, in an archive in its own order. Hidden is what has a part that
        starts with a dot, and ``__MACOSX``.

    Raises
    ------
    DataError
        The file is no such archive or is damaged, or a name in it is absolute, goes upwards
        or is a link.
    """
    if location.is_dir():
        found = _of_folder(location)
    elif zipfile.is_zipfile(location):
        found = _of_zip(location)
    elif _is_tar(location):
        found = _of_tar(location)
    else:
        raise DataError(f"{location.name} is no folder and no tar or zip archive, or is damaged")
    return (entry for entry in found if not _is_hidden(entry.name))


def content_key(location: Path, wanted: Callable[[str], bool] = lambda name: True) -> str:
    """Give the SHA-256 of an archive, or of the names below a folder and of the wanted files.

    Linear in the bytes that are read; about a second for 60,000 small files.
    """
    if not location.is_dir():
        with location.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for entry in entries(location):
        digest.update(f"{entry.name}\0{entry.is_folder};".encode())
        if not entry.is_folder and wanted(entry.name):
            digest.update(hashlib.sha256(entry.read()).digest())
    return digest.hexdigest()


def _of_folder(root: Path) -> Iterator[Entry]:
    def fail(error: OSError) -> None:
        raise DataError(f"{root.name} cannot be read: {error}") from error

    for folder, folders, files in os.walk(root, onerror=fail, followlinks=True):
        here = Path(folder).relative_to(root)
        folders[:] = sorted(folders) if len(here.parts) < DEPTH - 1 else []
        for name in folders:
            yield Entry((here / name).as_posix(), True, bytes)
        for name in sorted(files):
            path = root / here / name
            yield Entry((here / name).as_posix(), False, path.read_bytes)


def _of_tar(path: Path) -> Iterator[Entry]:
    # A stream: every block is decompressed once, which an index would not allow.
    with _explained(path), tarfile.open(path, "r|*") as archive:
        for member in archive:
            name = _checked(path, member.name)
            if not (member.isfile() or member.isdir()):
                raise DataError(f"{path.name} is refused: {member.name!r} is a link or a device")

            def read(member: tarfile.TarInfo = member) -> bytes:
                with _explained(path):
                    return archive.extractfile(member).read()

            yield Entry(name, member.isdir(), read)


def _of_zip(path: Path) -> Iterator[Entry]:
    with _explained(path), zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = _checked(path, info.filename)

            def read(info: zipfile.ZipInfo = info) -> bytes:
                with _explained(path):
                    return archive.read(info)

            yield Entry(name, info.is_dir(), read)


def _checked(path: Path, name: str) -> str:
    """The name without ``./`` and a final ``/``, if it stays below the archive's top."""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if ".." in windows.parts or posix.is_absolute() or windows.drive or windows.root:
        raise DataError(f"{path.name} is refused: the name {name!r} leads out of the archive")
    return posix.as_posix()


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _is_tar(path: Path) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except _DAMAGED:
        return False


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what a damaged archive raises into one error that names it."""
    try:
        yield
    except _DAMAGED as error:
        raise DataError(f"{path.name} is truncated or damaged ({error}): get it again") from error

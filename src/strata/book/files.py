"""Files that are written whole: whatever is killed, a reader finds the old one or the new one."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a text file; its folder is made where it is missing."""
    with _replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file, also from another file system; the target's folder is made if missing."""
    with _replacing(target) as part:
        shutil.copyfile(source, part)


def require_writable(folder: Path) -> None:
    """Make a folder and try to write in it, before hours of work are to be kept there.

    Raises
    ------
    ValueError
        It cannot be made or written; names it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"cannot write in {folder}: {error.strerror}") from None


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a place beside a file; what is written there takes the file's place at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)

"""Scratch folders of running commands, and the end of those that killed commands have left."""

from __future__ import annotations

import math
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from strata.runs.locks import folder_locked, remove_if_dead

MONTH = 30 * 86_400.0
"""Seconds."""


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Make a folder that lasts as long as the block; its lock tells that we are alive."""
    parent.mkdir(parents=True, exist_ok=True)
    clean(parent)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{platform.node()}-", dir=parent))
        with folder_locked(folder) as taken:
            # Another command may take the folder for a dead one's before we lock it.
            if taken is False:
                continue
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return


def clean(parent: Path) -> None:
    """Remove what killed commands have left.

    Locks of one machine may be unknown to another that shares the folder. So what another has
    left goes only after a month in which nothing changed there. Where folders cannot be locked,
    all stays.
    """
    for folder in parent.iterdir():
        with suppress(OSError):  # it is gone by now, or no folder
            if folder.name.rpartition("-")[0] == platform.node() or _is_old(folder):
                remove_if_dead(folder, older_than=math.inf)


def _is_old(folder: Path) -> bool:
    newest = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    return time.time() - newest > MONTH

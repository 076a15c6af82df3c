"""Advisory locks that the kernel releases when their process dies.

Where there are none (Windows, some network file systems) the caller goes on without: locks only
save double work, the store stays whole without them.
"""

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

# EBADF: NFS cannot lock a folder.
_UNSUPPORTED = {
    errno.ENOLCK,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EINVAL,
    errno.EBADF,
}


def _lock(descriptor: int, *, wait: bool) -> bool | None:
    """Take the exclusive lock of an open file or folder.

    Returns
    -------
    bool or None
        True: taken. False: another holds it (only with ``wait=False``). None: no locks here.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return None
        raise
    return True


def _is_still_at(descriptor: int, path: Path) -> bool:
    """Say whether the open file is the one that the path names now."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def file_locked(path: Path) -> Iterator[None]:
    """Hold the lock file at ``path``, waiting for it; the file is removed at the end."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            taken = _lock(descriptor, wait=True)
        except BaseException:
            os.close(descriptor)
            raise
        # The one before us may have removed the file while we waited.
        if taken is None or _is_still_at(descriptor, path):
            break
        os.close(descriptor)
    try:
        yield
    finally:
        if taken:
            with contextlib.suppress(OSError):
                path.unlink()
            # Explicitly: a forked child may still have the descriptor open.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


@contextlib.contextmanager
def folder_locked(folder: Path) -> Iterator[bool | None]:
    """Hold the lock of a folder, which tells others that its owner is alive.

    Yields True if we have it, False if another holds it or the folder is gone, None if folders
    cannot be locked here.
    """
    if not hasattr(os, "O_DIRECTORY"):
        yield None
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        taken = _lock(descriptor, wait=False)
        yield taken if taken is None else taken and _is_still_at(descriptor, folder)
    finally:
        os.close(descriptor)


def remove_if_dead(folder: Path, *, older_than: float) -> None:
    """Remove a folder whose owner held its lock and is dead.

    Where folders cannot be locked: one that has not changed for ``older_than`` seconds.
    """
    with contextlib.suppress(OSError), folder_locked(folder) as taken:
        if taken or (taken is None and time.time() - folder.stat().st_mtime > older_than):
            shutil.rmtree(folder, ignore_errors=True)

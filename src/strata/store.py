"""The run store: one folder a point, whole or absent, checked on every read.

``<root>/<experiment>/<key>/`` holds ``config.json`` (the config and what the key was made of),
``metrics.json``, ``arrays.npz`` and ``checksums.json``. No pickle is ever loaded.
"""

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from strata.paths import project_root
from strata.runs.locks import file_locked, folder_locked, remove_if_dead
from strata.runs.point import Experiment, Point, key_of
from strata.runs.result import Result, arrays_from_bytes, arrays_to_bytes, metrics_to_bytes
from strata.sources import source_files

__all__ = ["Point", "Result", "Store", "StoreError", "StoreWarning", "default_store"]

_FILES = ("config.json", "metrics.json", "arrays.npz")
_NO_SPACE = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}
_DAY = 86_400.0


class StoreError(RuntimeError):
    """The store's folder cannot be used; the message names it and says what to do."""


class StoreWarning(UserWarning):
    """An entry of the store was damaged and has been set aside."""


class _DamagedError(Exception):
    """What is wrong with an entry."""


def default_store() -> "Store":
    """Give the store at ``STRATA_STORE``, else at ``_store`` in the project's folder.

    A relative ``STRATA_STORE`` counts from the project's folder, so that a command and the
    notebooks that it starts mean the same one.
    """
    named = Path(os.environ.get("STRATA_STORE") or "_store").expanduser()
    return Store(named if named.is_absolute() else project_root() / named)


class Store:
    """Results on disk, in ``root``, which need not exist yet.

    An entry is written under a temporary name, synced to the disk and renamed; whoever comes
    second leaves the first entry in place. So an entry is whole or absent at any time, whatever
    is killed and however many processes write.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).absolute()

    def key(self, experiment: Experiment, config: BaseModel) -> str:
        """Give the key of a point that is computed alone; see `strata.runs.point.Point`."""
        return Point.of(experiment, config).key

    def folder(self, point: Point) -> Path:
        """Give the folder of a point's entry, whether it is there or not."""
        return self.root / point.short_name / point.key

    def has(self, point: Point) -> bool:
        """Say whether there is an entry; only `get` checks its content."""
        with self._explained():
            return self.folder(point).is_dir()

    def get(self, point: Point) -> Result | None:
        """Read a point; None if it is not there.

        A truncated, altered or incomplete entry is named in a `StoreWarning`, moved aside to
        ``.corrupt-<key>-…`` and counts as not there.

        Raises
        ------
        StoreError
            The folder cannot be read, or a damaged entry cannot be moved.
        """
        folder = self.folder(point)
        with self._explained():
            if not folder.is_dir():
                return None
            try:
                return _read(folder, point.key)
            except _DamagedError as damage:
                return self._set_aside(point, damage)

    def digest(self, point: Point) -> str | None:
        """Give the SHA-256 of a point's metrics and arrays (`Result.digest`), None if absent."""
        result = self.get(point)
        return None if result is None else result.digest()

    def put(self, point: Point, result: Result) -> None:
        """Publish a result and drop the point's scratch folder.

        If the point is there already, it stays and this result is dropped.

        Raises
        ------
        ValueError, TypeError
            The result cannot be stored (NaN among the metrics, an array of objects, …).
        StoreError
            The folder cannot be written, or its disk is full. Nothing half-written remains.
        """
        made_of = {**point.made_of, "key": point.key, "files": source_files([point.experiment])}
        contents = {
            "config.json": (json.dumps(made_of, indent=1, sort_keys=True) + "\n").encode(),
            "metrics.json": metrics_to_bytes(result.metrics),
            "arrays.npz": arrays_to_bytes(result.arrays),
        }
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        contents["checksums.json"] = (json.dumps(sums, indent=1) + "\n").encode()
        with self._explained(), self._temporary(point) as temporary:
            for name, content in contents.items():
                with (temporary / name).open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            _sync_folder(temporary)
            try:
                temporary.rename(self.folder(point))
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
            _sync_folder(temporary.parent)
        shutil.rmtree(self._scratch_folder(point), ignore_errors=True)

    def scratch(self, point: Point) -> Path:
        """Make a folder for the point's checkpoints; it lasts until the point is stored.

        Only one process at a time should use it: the one that holds `lock`.
        """
        folder = self._scratch_folder(point)
        with self._explained():
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextlib.contextmanager
    def lock(self, *points: Point) -> Iterator[None]:
        """Keep other processes from computing these points, waiting for those that do now.

        Advisory: a dead process holds nothing, and without locks in the file system the work is
        done twice at worst. Locks are taken in the order of the keys, so no two can block each
        other.
        """
        with contextlib.ExitStack() as stack:
            with self._explained():
                for point in sorted(points, key=lambda point: point.key):
                    folder = self.root / point.short_name / ".locks"
                    folder.mkdir(parents=True, exist_ok=True)
                    stack.enter_context(file_locked(folder / f"{point.key}.lock"))
            yield

    def prepare(self, short_name: str) -> None:
        """Make an experiment's folder, try to write in it and remove what dead processes left.

        Raises
        ------
        StoreError
            The folder cannot be made or written.
        """
        folder = self.root / short_name
        with self._explained():
            folder.mkdir(parents=True, exist_ok=True)
            for leftover in folder.glob(".tmp-*"):
                remove_if_dead(leftover, older_than=_DAY)
            trial = folder / f".tmp-trial-{secrets.token_hex(4)}"
            trial.mkdir()
            with contextlib.suppress(FileNotFoundError):  # another's clearing up may be first
                trial.rmdir()

    @contextlib.contextmanager
    def _temporary(self, point: Point) -> Iterator[Path]:
        """Make a folder that lasts as long as the block; its lock tells that we are alive."""
        parent = self.root / point.short_name
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            folder = parent / f".tmp-{point.key}-{secrets.token_hex(4)}"
            folder.mkdir()
            with folder_locked(folder) as taken:
                # Another process may take a folder for a dead one's before we lock it.
                if taken is False or not folder.is_dir():
                    continue
                try:
                    yield folder
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                return

    def _set_aside(self, point: Point, damage: _DamagedError) -> Result | None:
        folder = self.folder(point)
        aside = folder.with_name(f".corrupt-{point.key}-{secrets.token_hex(4)}")
        try:
            folder.rename(aside)
        except FileNotFoundError:
            return None  # another process has set it aside
        try:
            result = _read(aside, point.key)
        except _DamagedError:
            warnings.warn(
                f"store entry {point} is damaged ({damage}); moved to {aside.name} in "
                f"{folder.parent}, to be computed again",
                StoreWarning,
                stacklevel=3,
            )
            return None
        # Between our read and our move another process put a sound one there: give it back.
        try:
            aside.rename(folder)
        except OSError:
            shutil.rmtree(aside, ignore_errors=True)
        return result

    def _scratch_folder(self, point: Point) -> Path:
        return self.root / point.short_name / f".scratch-{point.key}"

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn an OSError into a StoreError that says what to do."""
        try:
            yield
        except OSError as error:
            if error.errno in _NO_SPACE:
                what = "has no room left"
                remedy = "free some, or set STRATA_STORE to a folder on another disk"
            elif error.errno in _FORBIDDEN:
                what = "cannot be written or read"
                remedy = "set STRATA_STORE to a folder that you may write"
            else:
                what = "cannot be used"
                remedy = "set STRATA_STORE to another folder"
            raise StoreError(f"the run store {self.root} {what} ({error}): {remedy}") from error


def _read(folder: Path, key: str) -> Result:
    """Read and check an entry."""
    try:
        sums = json.loads((folder / "checksums.json").read_bytes())
        contents = {name: (folder / name).read_bytes() for name in _FILES}
        for name, content in contents.items():
            if sums[name] != hashlib.sha256(content).hexdigest():
                raise _DamagedError(f"{name} does not have its checksum")
        if key_of(json.loads(contents["config.json"])) != key:
            raise _DamagedError("config.json is that of another point")
        return Result(
            metrics=json.loads(contents["metrics.json"]),
            arrays=arrays_from_bytes(contents["arrays.npz"]),
        )
    except FileNotFoundError as error:
        raise _DamagedError(f"{Path(error.filename).name} is missing") from None
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
        raise _DamagedError(f"unreadable: {error}") from None


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder last through a power cut, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)

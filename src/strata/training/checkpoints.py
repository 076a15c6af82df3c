"""One file that lets a long training go on after a stop, and that is never trusted blindly."""

import hashlib
import os
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strata.data.fingerprint import fingerprint

_SEAL = "seal"
_IDENTITY = "identity"


def save_checkpoint(path: Path, arrays: Mapping[str, NDArray], identity: str) -> None:
    """Write arrays to an npz file in one step: a reader finds the old file or the new one.

    A file that cannot be written (disk full, folder read-only) is reported by a warning and the
    training goes on: the checkpoint saves time and decides nothing.

    Parameters
    ----------
    path
        The file; its folder is made where it is missing.
    arrays
        By name; ``seal`` and ``identity`` are taken.
    identity
        Says which training this is; `load_checkpoint` wants the same.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    content = {**arrays, _IDENTITY: np.array(identity)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                np.savez(file, allow_pickle=False, **content, **{_SEAL: np.array(_seal(content))})
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        warnings.warn(f"no checkpoint written to {path}: {error}", stacklevel=2)


def load_checkpoint(path: Path, identity: str) -> dict[str, NDArray] | None:
    """Read what `save_checkpoint` wrote; warn and return None if it cannot be used.

    A file that is truncated, altered, no checkpoint at all, or of another training (other seed,
    schedule, data, initial weights) is named in a warning and otherwise ignored. No pickle is
    ever loaded. A missing file is no news: None without a warning.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        return _ignored(path, f"cannot be read ({error})")
    seal = arrays.pop(_SEAL, None)
    if seal is None or _IDENTITY not in arrays or str(seal) != _seal(arrays):
        return _ignored(path, "was altered")
    if str(arrays.pop(_IDENTITY)) != identity:
        return _ignored(path, "belongs to another training")
    return arrays


def _seal(arrays: Mapping[str, NDArray]) -> str:
    parts = [f"{name}:{fingerprint(arrays[name])}" for name in sorted(arrays)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _ignored(path: Path, why: str) -> None:
    warnings.warn(f"checkpoint {path} {why}: ignored, training starts anew", stacklevel=3)

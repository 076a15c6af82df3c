"""What a point of an experiment gives: numbers and arrays, and how they become bytes."""

import hashlib
import io
import json
import math
import re
import zipfile
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Result:
    """The outcome of one point.

    Parameters
    ----------
    metrics
        Numbers, texts, lists and dicts of them: what strict JSON can hold (no NaN).
    arrays
        Named arrays of any numeric, boolean or text dtype (NaN allowed); no objects.
    """

    metrics: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def digest(self) -> str:
        """Give the SHA-256 (hex) of the content: metrics, array names, dtypes, shapes, values."""
        sha = hashlib.sha256(metrics_to_bytes(self.metrics))
        for name, array in sorted(self.arrays.items()):
            _check_array(name, array)
            little = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
            header = json.dumps([name, little.dtype.descr, little.shape])
            sha.update(header.encode() + little.tobytes())
        return sha.hexdigest()


def metrics_to_bytes(metrics: dict[str, Any]) -> bytes:
    """Write metrics as strict JSON, keys sorted.

    Raises
    ------
    ValueError
        A number is NaN or infinite; the message says which.
    TypeError
        Something is no plain Python value (a numpy scalar, a tensor, a key that is no text).
    """
    if not isinstance(metrics, dict):
        raise TypeError(f"metrics must be a dict, not {type(metrics).__name__}")
    _check_metric("metrics", metrics)
    return (json.dumps(metrics, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def arrays_to_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """Write arrays as an uncompressed ``.npz``: the same bytes for the same arrays.

    Raises
    ------
    TypeError
        A value is no numpy array, or holds Python objects.
    ValueError
        A name has other characters than letters, digits, ``_``, ``-`` and ``.``.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in sorted(arrays.items()):
            _check_array(name, array)
            # A ZipInfo of its own carries a fixed date.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                ordered = np.asarray(array, order="C")
                np.lib.format.write_array(file, ordered, allow_pickle=False)
    return buffer.getvalue()


def arrays_from_bytes(content: bytes) -> dict[str, np.ndarray]:
    """Read arrays back; objects, which would need pickle, are refused with a ValueError."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _check_metric(where: str, value: object) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                raise TypeError(f"{where}: the key {name!r} must be a text")
            _check_metric(f"{where}[{name!r}]", item)
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            _check_metric(f"{where}[{place}]", item)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(
                f"{where} is {value}: JSON has no such number; use None, or put it in an array"
            )
    elif not (value is None or isinstance(value, bool | int | str)):
        raise TypeError(
            f"{where} is of type {type(value).__module__}.{type(value).__name__}: "
            "make it a plain int, float, bool, str, list or dict, or put it in `arrays`"
        )


def _check_array(name: str, array: object) -> None:
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise ValueError(f"an array cannot be named {name!r}: use letters, digits, _, - and .")
    if not isinstance(array, np.ndarray):
        raise TypeError(f"arrays[{name!r}] is of type {type(array).__name__}, not a numpy array")
    if array.dtype.hasobject:
        raise TypeError(f"arrays[{name!r}] holds Python objects (dtype {array.dtype}): refused")

"""The fingerprint of arrays: what a result is keyed by, so that changed data is noticed."""

import hashlib

import numpy as np
from numpy.typing import ArrayLike


def fingerprint(*arrays: ArrayLike) -> str:
    """Return the SHA-256, in hex, of the types, shapes and bytes of arrays.

    Memory layout and byte order do not matter; dtype, shape and the order of the arrays do.
    Floats are compared by their bits: 0.0 and -0.0 differ, equal NaN are equal.

    Parameters
    ----------
    arrays
        NumPy arrays, CPU tensors or nested sequences of bool, int, float, complex, bytes or str.

    Raises
    ------
    TypeError
        If an array holds Python objects or records, whose bytes say nothing.
    ValueError
        If there is no array.

    Notes
    -----
    Linear in the bytes; a copy is made only of what is not C-contiguous and little endian.

    Examples
    --------
    >>> a = np.arange(6).reshape(2, 3)
    >>> fingerprint(a) == fingerprint(np.asfortranarray(a)), fingerprint(a) == fingerprint(a.T)
    (True, False)
    """
    if not arrays:
        raise ValueError("a fingerprint needs at least one array")
    digest = hashlib.sha256()
    for value in arrays:
        array = np.asarray(value)
        if array.dtype.kind not in "biufcSU":
            raise TypeError(f"arrays of dtype {array.dtype} have no fingerprint")
        plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        # The length of the shape is fixed by its parentheses, so no two headers run together.
        digest.update(f"{plain.dtype.str}{array.shape};".encode())
        digest.update(plain.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()

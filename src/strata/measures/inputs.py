"""Inputs of measures as tensors, and what is refused: each error names the input and its fault.

Tensors stay on their device and keep their memory. So do arrays, where they are contiguous and may
be written to; the measures do not write to it.
"""

from numbers import Integral

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor


def real_matrix(name: str, values: ArrayLike | Tensor) -> Tensor:
    """The values as a matrix (n, m) that is not empty, in their own dtype, without gradient."""
    result = _tensor(values)
    if result.ndim != 2 or result.numel() == 0:
        raise ValueError(f"{name} must be a matrix and not empty, not of shape {(*result.shape,)}")
    return _finite(name, result)


def float_matrix(name: str, values: ArrayLike | Tensor) -> Tensor:
    """The values as a matrix in float32, or in float64 where that would lose digits."""
    result = real_matrix(name, values)
    narrow = result.dtype in (torch.float16, torch.bfloat16, torch.float32)
    return result.float() if narrow else result.double()


def samples(name: str, values: ArrayLike | Tensor) -> Tensor:
    """The values as a matrix with a row per sample, further axes flattened, in their own dtype."""
    result = _tensor(values)
    if result.ndim == 0 or result.numel() == 0:
        raise ValueError(f"{name} must have rows and not be empty: {tuple(result.shape)}")
    return _finite(name, result).reshape(len(result), -1)


def check_positive(name: str, value: int) -> None:
    """Refuse what is not a whole number from 1, with a ValueError."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a positive int, not {value!r}")


def check_count(k: int, n: int) -> None:
    """Refuse a count that is not a whole number from 1 to n, with a ValueError."""
    if isinstance(k, bool) or not isinstance(k, Integral) or not 1 <= k <= n:
        raise ValueError(f"k must be an int in 1..{n}, not {k!r}")


def _tensor(values: ArrayLike | Tensor) -> Tensor:
    if isinstance(values, Tensor):
        return values.detach()
    array = np.asarray(values)
    # Torch warns of arrays that must not be written to, and refuses those that run backwards.
    shared = array.flags.writeable and array.flags.forc
    return torch.from_numpy(array if shared else np.array(array))


def _finite(name: str, values: Tensor) -> Tensor:
    if values.is_complex():
        raise ValueError(f"{name} is complex")
    # NaN passes through both extremes; a mask of all values would take more memory.
    if values.is_floating_point() and not torch.stack(values.aminmax()).isfinite().all():
        raise ValueError(f"{name} holds NaN or infinite values")
    return values

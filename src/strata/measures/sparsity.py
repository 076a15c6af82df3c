"""Sparsity of a direction: held by one neuron, or spread over all."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def hoyer(d: ArrayLike, axis: int = -1) -> NDArray[np.float64]:
    """Hoyer's sparsity of each vector.

    .. math:: \\frac{\\sqrt{n} - \\|d\\|_1 / \\|d\\|_2}{\\sqrt{n} - 1}

    Parameters
    ----------
    d : array_like, shape (..., n)
        Vectors, such as the atoms of a dictionary; signs do not matter.
    axis : int
        The one along which the vectors lie.

    Returns
    -------
    ndarray, shape (...)
        From 0, where all entries are equal in size, to 1, where a single one is not zero.

    Raises
    ------
    ValueError
        A vector is zero or has fewer than 2 entries, where the formula is 0/0; there is none; NaN
        or infinite values.

    Notes
    -----
    Source: Hoyer 2004, "Non-negative matrix factorization with sparseness constraints", section
    3.1. For m equal entries and zeros elsewhere it is (sqrt(n) - sqrt(m)) / (sqrt(n) - 1), so that
    values depend on n: a random direction with normal entries has about 0.2. Time O(size).

    Examples
    --------
    >>> hoyer([[0.0, 3.0, 0.0, 0.0], [1.0, -1.0, 1.0, 1.0]]).tolist()
    [1.0, 0.0]
    """
    vectors = np.moveaxis(np.atleast_1d(np.asarray(d, dtype=np.float64)), axis, -1)
    n = vectors.shape[-1]
    if n < 2 or not vectors.size:
        raise ValueError(f"d must hold vectors of at least 2 entries, not {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise ValueError("d holds NaN or infinite values")
    largest = np.abs(vectors).max(axis=-1, keepdims=True)
    if not largest.all():
        raise ValueError("a vector of d is zero: it has no sparsity")
    sizes = np.abs(vectors) / largest  # so that squares neither overflow nor vanish
    ratio = sizes.sum(axis=-1) / np.sqrt((sizes**2).sum(axis=-1))
    return np.clip((np.sqrt(n) - ratio) / (np.sqrt(n) - 1), 0, 1)

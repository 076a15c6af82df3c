"""How far samples are from the nearest of others when only their direction counts."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_ROUNDING = 1e-9  # size against the row up to which what is left of it counts as nothing


def directions(samples: ArrayLike, centre: ArrayLike | None = None) -> NDArray[np.float64]:
    """Take a mean off each sample and bring it to length one.

    .. math:: u_i = (x_i - c) / \\|x_i - c\\|

    Parameters
    ----------
    samples : array_like, shape (n, ...)
    centre : array_like, shape (...), optional
        What is taken off; without it each sample loses the mean of its own numbers.

    Returns
    -------
    ndarray, shape (n, d)

    Raises
    ------
    ValueError
        No samples, NaN or infinite values, or a sample that is its centre: it has no direction.

    Notes
    -----
    Brightness and contrast of an image are gone. A distance of raw images is small to any flat
    image, which is why it says little about where an image belongs. Time O(n d).

    Examples
    --------
    >>> directions([[1.0, 3.0], [6.0, 2.0]]).round(3).tolist()
    [[-0.707, 0.707], [0.707, -0.707]]
    """
    rows = np.asarray(samples, dtype=np.float64)
    if rows.ndim < 2 or not rows.size or not np.isfinite(rows).all():
        raise ValueError(f"samples must be finite, (n, ...) and not empty, not {rows.shape}")
    rows = rows.reshape(len(rows), -1)
    own = rows.mean(axis=1, keepdims=True) if centre is None else np.reshape(centre, (1, -1))
    rest = rows - own
    lengths = np.linalg.norm(rest, axis=1, keepdims=True)
    if (lengths <= _ROUNDING * np.linalg.norm(rows, axis=1, keepdims=True)).any():
        raise ValueError("a sample is its centre: it has no direction")
    return rest / lengths


def nearest_distance(points: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
    """Distance of each point to the nearest of others, all of length one.

    .. math:: d_i = \\min_j \\|u_i - v_j\\| = \\sqrt{2 - 2 \\max_j \\langle u_i, v_j \\rangle}

    Parameters
    ----------
    points : array_like, shape (n, d)
        As `directions` gives them.
    others : array_like, shape (m, d)

    Returns
    -------
    ndarray, shape (n,)
        0 for a direction that is among the others, 1.41 at right angles to all, 2 at most.

    Raises
    ------
    ValueError
        Shapes that do not fit, nothing to compare, or rows that are not of length one.

    Notes
    -----
    Of images this is the largest correlation, as a distance. The more others, the smaller: compare
    equal numbers only. Time O(n m d), memory O(n d + m d + n m).

    Examples
    --------
    >>> nearest_distance([[1.0, 0.0], [0.0, 1.0]], [[-1.0, 0.0], [1.0, 0.0]]).round(2).tolist()
    [0.0, 1.41]
    """
    u, v = (np.asarray(rows, dtype=np.float64) for rows in (points, others))
    if u.ndim != 2 or v.ndim != 2 or u.shape[1] != v.shape[1] or not u.size or not v.size:
        raise ValueError(f"points {u.shape} and others {v.shape} must be (n, d) and (m, d)")
    for rows in (u, v):
        _check_length(rows)
    return np.sqrt(np.maximum(2 - 2 * (u @ v.T).max(axis=1), 0))


def mixtures(points: ArrayLike, originals: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
    """Mix each original with something else, so that it stays as near to itself as a point is.

    .. math:: w_i = c_i u_i + \\sqrt{1 - c_i^2}\\, e_i, \\qquad c_i = \\langle p_i, u_i \\rangle

    with e the part of the other at right angles to u, of length one.

    Parameters
    ----------
    points, originals, others : array_like, shape (n, d)
        p, u and what is mixed in, all as `directions` gives them.

    Returns
    -------
    ndarray, shape (n, d)
        Of length one.

    Raises
    ------
    ValueError
        Shapes that differ, rows that are not of length one, or an other that is its original or
        the negative of it.

    Notes
    -----
    Ours. A point that has c of its original is near to whatever that is near to. The mixture is as
    near for this reason and for no other, as far as what is mixed in is near to nothing. Time
    O(n d).

    Examples
    --------
    >>> mixtures([[0.6, 0.0, 0.8]], [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]).tolist()
    [[0.6, 0.8, 0.0]]
    """
    p, u, v = (np.asarray(rows, dtype=np.float64) for rows in (points, originals, others))
    if not p.shape == u.shape == v.shape or p.ndim != 2:
        raise ValueError(f"shapes {p.shape}, {u.shape} and {v.shape} must be one (n, d)")
    for rows in (p, u, v):
        _check_length(rows)
    rest = v - (v * u).sum(axis=1, keepdims=True) * u
    lengths = np.linalg.norm(rest, axis=1, keepdims=True)
    if (lengths <= _ROUNDING).any():
        raise ValueError("what is mixed in is the original: nothing is left of it")
    share = np.clip((p * u).sum(axis=1, keepdims=True), -1, 1)
    return share * u + np.sqrt(1 - share**2) * rest / lengths


def _check_length(rows: NDArray[np.float64]) -> None:
    if not np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6):
        raise ValueError("rows must be of length one")

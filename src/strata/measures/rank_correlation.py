"""Rank correlation: whether two quantities rise together, plain and with others held fixed."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

_ROUNDING = 1e-9  # share of the ranks' variation up to which a residual counts as zero


class DeterminedError(ValueError):
    """What is held fixed determines the ranks, so that nothing is left to correlate."""


def spearman(x: ArrayLike, y: ArrayLike) -> float:
    """Spearman's rank correlation: Pearson's correlation of the ranks.

    .. math:: \\rho = \\sum_i (r_i - \\bar r)(s_i - \\bar s) \\Big/
        \\sqrt{\\sum_i (r_i - \\bar r)^2 \\, \\sum_i (s_i - \\bar s)^2}

    with r, s the ranks of x and y. Equal values share the mean of their ranks.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        One value per item, in the same order in both.

    Returns
    -------
    float
        From -1 to 1; exactly those where one is a monotone function of the other.

    Raises
    ------
    ValueError
        Not vectors of one length; fewer than two items; NaN or infinite values; all values of `x`
        or of `y` are equal, where the formula is 0/0.

    Notes
    -----
    Source: Kendall 1970, "Rank correlation methods", chapters 1 and 3. Time O(n log n).

    Examples
    --------
    >>> spearman([1.0, 2.0, 3.0, 4.0], [1.0, 10.0, 100.0, 1000.0])
    1.0
    >>> spearman([1, 2, 3], [2, 3, 1])
    -0.5
    """
    a, b = _ranks("x", x), _ranks("y", y)
    if len(a) != len(b):
        raise ValueError(f"x has {len(a)} values, y has {len(b)}")
    return _cosine(a, b)


def partial_spearman(x: ArrayLike, y: ArrayLike, given: ArrayLike) -> float:
    """Rank correlation of what other quantities leave unexplained in x and in y.

    All are ranked. Least squares with an intercept predicts the ranks of x, and those of y, from
    the ranks of the others; the result is Pearson's correlation of the two residuals. For a single
    other quantity g it is

    .. math:: \\rho_{xy \\cdot g} = \\frac{\\rho_{xy} - \\rho_{xg} \\rho_{yg}}
        {\\sqrt{(1 - \\rho_{xg}^2)(1 - \\rho_{yg}^2)}}

    Parameters
    ----------
    x, y : array_like, shape (n,)
        One value per item.
    given : array_like, shape (n,) or (n, p)
        What is held fixed, a column each. Constant columns and repeated ones change nothing.

    Returns
    -------
    float
        From -1 to 1. Zero does not follow from independence given the others, only nearly: for
        normal x and y, each the same g plus independent noise of equal size, it is 0.012.

    Raises
    ------
    ValueError
        As for `spearman`; `given` does not fit, is empty, or holds NaN or infinite values; there
        are fewer than p + 3 items; the others' ranks determine those of `x` or of `y`.

    Notes
    -----
    Source: Kendall 1970, "Rank correlation methods", chapter 8, with Spearman's coefficient in the
    place of Kendall's. Time O(n log n + n p^2).

    Examples
    --------
    >>> g, a, b = np.random.default_rng(0).standard_normal((3, 4000))
    >>> round(spearman(g + a, g + b), 1), round(abs(partial_spearman(g + a, g + b, g)), 1)
    (0.5, 0.0)
    """
    a, b = _ranks("x", x), _ranks("y", y)
    others = np.asarray(given, dtype=np.float64)
    if others.ndim not in (1, 2) or not others.size:
        raise ValueError(f"given must have 1 or 2 axes and not be empty, not {others.shape}")
    if not len(a) == len(b) == len(others):
        raise ValueError(f"x, y and given have {len(a)}, {len(b)} and {len(others)} values")
    if not np.isfinite(others).all():
        raise ValueError("given holds NaN or infinite values")
    columns = others.reshape(len(others), -1)
    if len(a) < columns.shape[1] + 3:
        raise ValueError(f"{columns.shape[1]} quantities cannot be held fixed for {len(a)} items")
    basis = _directions(rankdata(columns, axis=0))
    return _cosine(_residual("x", a, basis), _residual("y", b, basis))


def _ranks(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Ranks about their mean."""
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or len(vector) < 2:
        raise ValueError(f"{name} must be a vector of at least 2 values, not {vector.shape}")
    if not np.isfinite(vector).all():
        raise ValueError(f"{name} holds NaN or infinite values")
    if (vector == vector[0]).all():
        raise ValueError(f"all values of {name} are equal: no correlation is defined")
    return rankdata(vector) - (len(vector) + 1) / 2


def _directions(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal columns that span the given ones about their means, (n, rank)."""
    left, sizes, _ = np.linalg.svd(columns - columns.mean(axis=0), full_matrices=False)
    return left[:, sizes > _ROUNDING * sizes[0]]


def _residual(
    name: str, ranks: NDArray[np.float64], basis: NDArray[np.float64]
) -> NDArray[np.float64]:
    left = ranks - basis @ (basis.T @ ranks)
    if np.linalg.norm(left) <= _ROUNDING * np.linalg.norm(ranks):
        raise DeterminedError(
            f"the given ranks determine those of {name}: nothing is left to correlate"
        )
    return left


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))

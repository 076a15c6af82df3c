"""Spectra, and how many directions they fill: soft rank, stable rank, numerical rank, top share.

A spectrum is a vector of eigenvalues of a positive semi-definite matrix, or of singular values.
The soft ranks of the two differ, as singular values are square roots: say which one you plot.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from strata.measures.inputs import check_count

NEGATIVE_TOLERANCE = 1e-6
"""Negative values down to minus this share of the largest count as zero.

Rounding makes the smallest eigenvalues of a float64 kernel negative by about 1e-15 of the largest,
and those of a kernel computed in float32 by about 1e-8.
"""


def soft_rank(spectrum: ArrayLike | Tensor) -> float:
    """Soft rank: the exponential of the Shannon entropy of the normalised spectrum.

    .. math:: R(s) = \\exp\\Big(-\\sum_{p_i > 0} p_i \\ln p_i\\Big), \\qquad p = s / \\sum_j s_j

    It lies between 1 and the number of positive values, reaches the latter when they are all
    equal, and does not depend on scale or order. A spectrum of zeros has soft rank 0, the rank of
    the zero matrix: a convention, as the formula has no limit there. Measured on a kernel in
    float32 it is off by about 1e-5, from the tail of eigenvalues that are only rounding.

    Parameters
    ----------
    spectrum : array_like, shape (n,)
        Eigenvalues or singular values, in any order and unit. Values in
        [-NEGATIVE_TOLERANCE * max, 0) count as zero.

    Returns
    -------
    float
        Soft rank, a number of directions.

    Raises
    ------
    ValueError
        The spectrum is not a vector, is empty, holds NaN or infinite values, or is negative beyond
        rounding.

    Notes
    -----
    Source: Roy & Vetterli 2007, "The effective rank: a measure of effective dimensionality".

    Examples
    --------
    >>> round(soft_rank([2.0, 2.0, 2.0, 0.0]), 12)
    3.0
    """
    s = _non_negative(spectrum)
    if not s.any():
        return 0.0
    p = s / s.sum()
    p = p[p > 0]
    return float(np.exp(-(p * np.log(p)).sum()))


def stable_rank(singular_values: ArrayLike | Tensor) -> float:
    """Stable rank: squared Frobenius norm over squared spectral norm.

    .. math:: \\sum_i \\sigma_i^2 / \\max_i \\sigma_i^2

    Parameters
    ----------
    singular_values : array_like, shape (n,)
        In any order and unit.

    Returns
    -------
    float
        Between 1 and the number of positive values; 0 for a spectrum of zeros.

    Raises
    ------
    ValueError
        As for `soft_rank`.

    Notes
    -----
    Source: Rudelson & Vershynin 2007, "Sampling from large matrices", section 1 (numerical rank).

    Examples
    --------
    >>> stable_rank([2.0, 1.0, 1.0])
    1.5
    """
    return float((_non_negative(singular_values) ** 2).sum())


def numerical_rank(singular_values: ArrayLike | Tensor, rtol: float | None = None) -> int:
    """Count the singular values above `rtol` times the largest.

    Parameters
    ----------
    singular_values : array_like, shape (n,)
        In any order and unit.
    rtol : float, optional
        Without it, n times the float64 rounding unit, as in `numpy.linalg.matrix_rank` for a
        square matrix.

    Returns
    -------
    int
        Between 1 and n; 0 for a spectrum of zeros.

    Raises
    ------
    ValueError
        As for `soft_rank`; or `rtol` is not in [0, 1).

    Notes
    -----
    Source: Golub & Van Loan 2013, "Matrix computations", section 5.4 (numerical rank).

    Examples
    --------
    >>> numerical_rank([3.0, 1.0, 1e-20])
    2
    >>> numerical_rank([3.0, 1.0, 1e-20], rtol=0.5)
    1
    """
    s = _non_negative(singular_values)
    if rtol is None:
        rtol = len(s) * float(np.finfo(np.float64).eps)
    if not 0 <= rtol < 1:
        raise ValueError(f"rtol must be in [0, 1), not {rtol}")
    return int((s > rtol).sum())


def top_share(spectrum: ArrayLike | Tensor, k: int) -> float:
    """Share of the spectrum's sum that its `k` largest values hold.

    Parameters
    ----------
    spectrum : array_like, shape (n,)
        As for `soft_rank`.
    k : int
        From 1 to n.

    Returns
    -------
    float
        Between k/n and 1.

    Raises
    ------
    ValueError
        As for `soft_rank`; or `k` is out of range; or all values are zero, which has no shares.

    Notes
    -----
    Source: the share of variance explained by k principal components; Jolliffe 2002, "Principal
    component analysis", section 6.1.1.

    Examples
    --------
    >>> top_share([1.0, 4.0, 3.0], 2)
    0.875
    """
    sums = np.cumsum(np.sort(_non_negative(spectrum))[::-1])
    check_count(k, len(sums))
    if sums[-1] == 0:
        raise ValueError("all values are zero, so there are no shares")
    return float(sums[k - 1] / sums[-1])


def _non_negative(spectrum: ArrayLike | Tensor) -> NDArray[np.float64]:
    """The spectrum divided by its largest value, rounding below zero clipped."""
    if isinstance(spectrum, Tensor):
        spectrum = spectrum.detach().cpu().numpy()
    s = np.asarray(spectrum, dtype=np.float64)
    if s.ndim != 1 or s.size == 0:
        raise ValueError(f"a spectrum must be a vector and not empty, not of shape {s.shape}")
    if not np.isfinite(s).all():
        raise ValueError("the spectrum holds NaN or infinite values")
    largest = s.max()
    if s.min() < -NEGATIVE_TOLERANCE * max(largest, 0.0):
        raise ValueError(f"the spectrum has the negative value {s.min():.3g} beside {largest:.3g}")
    return np.clip(s, 0.0, None) / largest if largest > 0 else np.zeros_like(s)

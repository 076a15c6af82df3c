"""Sensitivity: how far noise on the images moves the codes of features."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Sensitivity:
    """How far each feature's code moves, on average over images.

    Attributes
    ----------
    variance : ndarray, shape (k,)
        Mean of the variance over draws, in squared units of the code. It grows with the scale of
        the feature.
    relative : ndarray, shape (k,)
        The same divided by the variance of the clean codes over images: without a unit, 0 for a
        feature that noise does not move. NaN for a feature whose clean codes are all equal.
    range : ndarray, shape (k,)
        Mean of the largest less the smallest code of an image, in units of the code. It grows with
        the number of draws.
    """

    variance: NDArray[np.float64]
    relative: NDArray[np.float64]
    range: NDArray[np.float64]


def sensitivity(noisy: ArrayLike, clean: ArrayLike) -> Sensitivity:
    """Spread of the codes of noisy copies of each image.

    .. math:: \\mathbb{E}_x \\, \\mathrm{Var}_\\epsilon \\, z(x + \\epsilon), \\qquad
        \\text{relative: divided by } \\mathrm{Var}_x \\, z(x)

    The spread is about the mean of the noisy codes: a shift that all draws share is not in it. Only
    the relative score can be compared between features of different scale. The study has the other.

    Parameters
    ----------
    noisy : array_like, shape (draws, n, k)
        Codes of n images and k features, for each draw of the noise.
    clean : array_like, shape (n, k)
        Codes of the images as they are.

    Returns
    -------
    Sensitivity

    Raises
    ------
    ValueError
        Shapes do not fit, an array is empty or holds NaN or infinite values, or there are fewer
        than two draws.

    Notes
    -----
    Source: Fel et al. 2024, "Understanding visual feature reliance through the lens of complexity",
    appendix F; `relative` is this book's. The variance over draws is the unbiased one (divided by
    draws - 1), so that few draws estimate the same as many; that over images is the mean squared
    difference to the mean. Say with a result what the noise is measured in: a standard deviation in
    pixels from 0 to 1 is another one than in normalised units. Time O(draws n k).

    Examples
    --------
    >>> found = sensitivity([[[1.0], [5.0]], [[3.0], [5.0]]], [[2.0], [6.0]])
    >>> found.variance.tolist(), found.relative.tolist(), found.range.tolist()
    ([1.0], [0.25], [1.0])
    """
    codes, still = np.asarray(noisy, np.float64), np.asarray(clean, np.float64)
    if still.ndim != 2 or codes.ndim != 3 or codes.shape[1:] != still.shape or not still.size:
        raise ValueError(f"noisy codes {codes.shape} are not draws of clean ones {still.shape}")
    if len(codes) < 2:
        raise ValueError(f"at least 2 draws are needed, not {len(codes)}")
    if not np.isfinite(codes).all() or not np.isfinite(still).all():
        raise ValueError("codes hold NaN or infinite values")
    variance = codes.var(axis=0, ddof=1).mean(axis=0)
    varies = np.ptp(still, axis=0) > 0
    relative = np.full(len(variance), np.nan)
    np.divide(variance, still.var(axis=0), out=relative, where=varies)
    return Sensitivity(variance, relative, np.ptp(codes, axis=0).mean(axis=0))

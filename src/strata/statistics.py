"""Intervals over seeds: the seed (a trained net, or a set of them) is the unit of replication."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

RESAMPLES = 4000


@dataclass(frozen=True)
class Estimate:
    """A statistic with its interval, the number of independent replicates and how it was made."""

    value: float
    low: float
    high: float
    n: int
    method: str

    def to_json(self) -> dict[str, float | int | str]:
        """Return the estimate as plain numbers, ready for a record."""
        return asdict(self)


def _replicates(values: ArrayLike) -> NDArray[np.float64]:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim == 0 or len(sample) < 2:
        raise ValueError(f"an interval needs at least 2 replicates, got shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ValueError("replicates hold NaN or infinite values")
    return sample


def mean_interval(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Mean over seeds with Student's t interval.

    Parameters
    ----------
    values : array_like, shape (seeds,)
        One number per seed.
    level : float
        Two-sided coverage; 0.90 gives the bounds of one-sided 5 % tests.

    Returns
    -------
    Estimate
        ``mean ± t * s / sqrt(seeds)``, in the unit of the values.

    Raises
    ------
    ValueError
        For fewer than two seeds or values that are not finite.

    Notes
    -----
    Student (1908), *The probable error of a mean*.

    Examples
    --------
    >>> e = mean_interval([1.0, 2.0, 3.0])
    >>> round(e.value, 2), round(e.low, 2), round(e.high, 2), e.n
    (2.0, -0.48, 4.48, 3)
    """
    sample = _replicates(values)
    n = len(sample)
    half = stdtrit(n - 1, 0.5 + level / 2) * sample.std(ddof=1) / np.sqrt(n)
    centre = sample.mean()
    label = f"mean over seeds, {level:.0%} t interval"
    return Estimate(float(centre), float(centre - half), float(centre + half), n, label)


def ratio_interval(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Geometric mean over seeds of positive ratios, with the t interval of their logarithm.

    Parameters
    ----------
    values : array_like, shape (seeds,)
        One positive ratio per seed.
    level : float
        Two-sided coverage.

    Raises
    ------
    ValueError
        For a ratio that is not positive, fewer than two seeds, or values that are not finite.

    Examples
    --------
    >>> round(ratio_interval([0.5, 2.0]).value, 6)
    1.0
    """
    sample = _replicates(values)
    if (sample <= 0).any():
        raise ValueError("ratios must be positive")
    log = mean_interval(np.log(sample), level)
    label = f"geometric mean over seeds, {level:.0%} t interval of the logarithm"
    value, low, high = (float(np.exp(v)) for v in (log.value, log.low, log.high))
    return Estimate(value, low, high, log.n, label)


def bootstrap_interval(
    samples: ArrayLike,
    statistic: Callable[[NDArray[np.float64]], float],
    *,
    seed: int = 0,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Percentile interval of any statistic of the seeds, by resampling whole seeds.

    Parameters
    ----------
    samples : array_like, shape (seeds, ...)
        One row per seed.
    statistic : callable
        From an array of the same shape (resampled rows) to a number.
    seed : int
        Of the resampling; the same seed gives the same interval.

    Notes
    -----
    Efron (1979). For statistics with no standard error, such as the place of a maximum. With few
    seeds the interval is somewhat too narrow, which is why means use Student's t instead.

    Examples
    --------
    >>> curves = [[1.0, 3.0, 2.0], [1.0, 4.0, 2.0]]
    >>> e = bootstrap_interval(curves, lambda rows: float(rows.mean(axis=0).argmax()))
    >>> e.value, e.low, e.high
    (1.0, 1.0, 1.0)
    """
    sample = _replicates(samples)
    rng = np.random.default_rng(seed)
    picks = rng.integers(len(sample), size=(resamples, len(sample)))
    draws = np.array([statistic(sample[pick]) for pick in picks])
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], method="nearest")
    label = f"{level:.0%} percentile bootstrap over seeds"
    return Estimate(float(statistic(sample)), float(low), float(high), len(sample), label)


def held_out_peak(curves: ArrayLike) -> NDArray[np.int64]:
    """Place of the maximum of the mean curve of the *other* seeds, for each seed.

    A peak picked and measured on the same seeds is too high on average; picked on the others it
    is not.

    Parameters
    ----------
    curves : array_like, shape (seeds, places)

    Returns
    -------
    ndarray of int, shape (seeds,)
        Column of the peak to be used with the seed's own row.

    Examples
    --------
    >>> held_out_peak([[0, 1, 9], [0, 5, 0], [0, 6, 0]])
    array([1, 2, 2])
    """
    sample = _replicates(curves)
    if sample.ndim != 2:
        raise ValueError(f"curves must have the shape (seeds, places), got {sample.shape}")
    others = sample.sum(axis=0, keepdims=True) - sample
    return others.argmax(axis=1)

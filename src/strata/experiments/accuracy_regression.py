"""Predicting a net's accuracy from its components, and from the number of training samples alone.

A table has one row a trained net: ``seed``, ``depth``, ``samples``, what is to be predicted, and
`component_columns`. Every prediction is of a net that the fit has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]

COMPONENTS = ("reliable_", "unreliable_")
"""Columns with a component's variance over that of the feature, by order: the study's numbers."""
AGREED = ("agreed_",)
"""Columns with the part of a component's variance on which two chains agree."""
REPEATS = 1000


def component_columns(nets: pd.DataFrame, prefixes: tuple[str, ...] = COMPONENTS) -> list[str]:
    """Names of the columns with the components' numbers, in the order of the table."""
    return [name for name in nets.columns if name.startswith(prefixes)]


def _by_samples(degree: int, *, depth: bool = False) -> Callable[[pd.DataFrame], Numbers]:
    def columns(nets: pd.DataFrame) -> Numbers:
        log = np.log(nets["samples"].to_numpy(dtype=np.float64))
        powers = [log**power for power in range(1, degree + 1)]
        if depth:
            powers.append(np.log(nets["depth"].to_numpy(dtype=np.float64)))
        return np.stack(powers, axis=1) if powers else np.empty((len(nets), 0))

    return columns


def _numbers(prefixes: tuple[str, ...]) -> Callable[[pd.DataFrame], Numbers]:
    return lambda nets: nets[component_columns(nets, prefixes)].to_numpy(dtype=np.float64)


def _both(nets: pd.DataFrame) -> Numbers:
    return np.c_[PREDICTORS["components"](nets), PREDICTORS["size"](nets)]


PREDICTORS: Mapping[str, Callable[[pd.DataFrame], Numbers]] = {
    "components": _numbers(COMPONENTS),
    "agreed": _numbers(AGREED),
    "constant": _by_samples(0),
    "log n": _by_samples(1),
    "log n, square": _by_samples(2),
    "size": _by_samples(2, depth=True),
    "both": _both,
}
"""From a table to the numbers (nets, p) that a net is predicted from.

``components``: the study's. ``agreed``: shared significance. ``size``: log n, its square and the
log of the depth, which are known before a net is trained. ``both``: these and the components.
"""


def fitted(x: ArrayLike, y: ArrayLike, new: ArrayLike) -> Numbers:
    """Predict by ordinary least squares with an intercept.

    Parameters
    ----------
    x, y : array_like, shapes (n, p) and (n,)
        The nets that are known; p may be 0.
    new : array_like, shape (k, p)
        Those to be predicted.

    Returns
    -------
    ndarray, shape (k,)
        Where the known nets do not decide the weights, the smallest weights are taken.

    Raises
    ------
    ValueError
        If there is no known net, or an input is not finite.

    Notes
    -----
    Ren, Li, Liu, Zhang 2021 (arXiv 2006.15920), appendix K.

    Examples
    --------
    >>> fitted([[0.0], [1.0]], [1.0, 3.0], [[2.0], [10.0]]).round(6).tolist()
    [5.0, 21.0]
    """
    known, target, asked = (np.asarray(each, dtype=np.float64) for each in (x, y, new))
    if len(known) == 0:
        raise ValueError("a fit needs at least one net")
    if not all(np.isfinite(each).all() for each in (known, target, asked)):
        raise ValueError("the numbers of a net must be finite")
    centre, mean = known.mean(axis=0), target.mean()
    weights, *_ = np.linalg.lstsq(known - centre, target - mean)
    return (asked - centre) @ weights + mean


def held_out(x: ArrayLike, y: ArrayLike, groups: ArrayLike) -> Numbers:
    """Predict each net by a fit on all nets with which it shares no group.

    Parameters
    ----------
    x, y : array_like, shapes (n, p) and (n,)
    groups : array_like, shape (n,) or (n, g)
        Each different: leave one out. The seed: leave one seed out. Seed and samples side by side:
        no net of the same seed, and none of the same number of samples.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ValueError
        If a net shares a group with all others.

    Examples
    --------
    >>> held_out([[0.0], [1.0], [2.0]], [0.0, 1.0, 4.0], [0, 1, 2]).round(6).tolist()
    [-2.0, 2.0, 2.0]
    """
    known, target, labels = np.asarray(x), np.asarray(y), np.asarray(groups)
    labels = labels.reshape(len(labels), -1)
    predicted = np.empty(len(target))
    for group in np.unique(labels, axis=0):
        own = (labels == group).all(axis=1)
        others = (labels != group).all(axis=1)
        predicted[own] = fitted(known[others], target[others], known[own])
    return predicted


def errors(nets: pd.DataFrame, target: str, predictor: str, groups: ArrayLike) -> Numbers:
    """Absolute errors of held-out predictions of a column.

    Parameters
    ----------
    nets
        The table.
    target
        For example ``accuracy`` or ``loss``.
    predictor
        A key of `PREDICTORS`.
    groups
        As in `held_out`.

    Returns
    -------
    ndarray, shape (n,)
        In the unit of the column.

    Raises
    ------
    ValueError
        See `held_out`.
    """
    y = nets[target].to_numpy(dtype=np.float64)
    return np.abs(held_out(PREDICTORS[predictor](nets), y, groups) - y)


def random_splits(
    nets: pd.DataFrame,
    target: str,
    predictor: str,
    rng: np.random.Generator,
    *,
    share: float = 0.2,
    repeats: int = REPEATS,
) -> float:
    """Mean absolute error over random splits into nets to fit and nets to predict, as the study's.

    Parameters
    ----------
    rng
        Of the splits; the same state gives the same splits for any predictor.
    share
        Of the nets that is predicted.

    Raises
    ------
    ValueError
        See `fitted`.
    """
    x, y = PREDICTORS[predictor](nets), nets[target].to_numpy(dtype=np.float64)
    count = max(1, round(share * len(y)))
    found = []
    for _ in range(repeats):
        order = rng.permutation(len(y))
        new, known = order[:count], order[count:]
        found.append(np.abs(fitted(x[known], y[known], x[new]) - y[new]).mean())
    return float(np.mean(found))


def added_share(nets: pd.DataFrame, target: str, groups: ArrayLike) -> float:
    """Share of the squared error of ``size`` that the components take away, on held-out nets.

    A partial R² that chance does not make positive: components that say nothing add error.

    Returns
    -------
    float
        At most 1; negative where the components do harm.

    Raises
    ------
    ValueError
        See `held_out`.
    """
    without, both = (
        np.square(errors(nets, target, name, groups)).sum() for name in ("size", "both")
    )
    return float(1 - both / without)

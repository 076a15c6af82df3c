"""From one number a net to the intervals of the claims of study A, and to where else they hold.

A claim's statistic is a number of one net, taken apart by one kind of dictionary. Judged are the
nets of the first data set and the usual width, in both kinds of dictionary; the others are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from strata.experiments import features
from strata.experiments.tables import ONE_SIDED
from strata.statistics import Estimate, mean_interval

PLACE = ["data", "width", "dictionary"]
LEAST = 3
"""A tenth of a small dictionary has at least so many features."""

Numbers = Mapping[str, float]
_Net = TypeVar("_Net")


def tenths(
    values: ArrayLike, alive: ArrayLike | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the features with the lowest and with the highest tenth of values.

    Parameters
    ----------
    values : array_like, shape (k,)
        For example the complexity of each feature.
    alive : array_like of bool, shape (k,), optional
        Features that count. One that is 0 on all images has no complexity.

    Returns
    -------
    tuple of ndarray of int
        Indices of the simplest and of the most complex, as many in both: a tenth of those that
        count, rounded, and at least `LEAST`. Of equals the first comes first.

    Raises
    ------
    ValueError
        If the tenths would overlap.

    Examples
    --------
    >>> low, high = tenths([5.0, 1.0, 9.0, 4.0, 2.0, 8.0, 7.0], alive=[1, 1, 1, 1, 1, 1, 0])
    >>> low.tolist(), high.tolist()
    ([1, 4, 3], [0, 5, 2])
    """
    order = _ordered(values, alive)
    count = _tenth(len(order))
    if 2 * count > len(order):
        raise ValueError(f"{len(order)} features are too few for two tenths of {count}")
    return order[:count], order[-count:]


def highest_tenth(values: ArrayLike, alive: ArrayLike | None = None) -> NDArray[np.int64]:
    """The second of `tenths` alone; all features that count, if they are fewer than `LEAST`.

    Examples
    --------
    >>> highest_tenth([5.0, 1.0, 9.0], alive=[True, True, False]).tolist()
    [1, 0]
    """
    order = _ordered(values, alive)
    return order[-_tenth(len(order)) :]


def _ordered(values: ArrayLike, alive: ArrayLike | None) -> NDArray[np.int64]:
    """Indices of the features that count, by growing value."""
    numbers = np.asarray(values, dtype=np.float64)
    counting = np.arange(len(numbers))
    if alive is not None:
        counting = counting[np.asarray(alive, dtype=bool)]
    return counting[np.argsort(numbers[counting], kind="stable")]


def _tenth(count: int) -> int:
    return max(LEAST, round(count / 10))


def by_net(
    configs: Sequence[features.Config], nets: Sequence[_Net], statistic: Callable[[_Net], Numbers]
) -> pd.DataFrame:
    """Take the statistics of every net and dictionary.

    Parameters
    ----------
    configs
        The features of a net at its last epoch; those that are judged come first.
    nets
        What was measured, in the same order.
    statistic
        From one of them to numbers by name.

    Returns
    -------
    DataFrame
        A row for each, with its place, its ``seed`` and its numbers.
    """
    rows = [
        {
            "data": config.net.data,
            "width": config.net.width,
            "dictionary": config.dictionary,
            "seed": config.net.seed,
            **statistic(net),
        }
        for config, net in zip(configs, nets, strict=True)
    ]
    return pd.DataFrame(rows)


def judged(numbers: pd.DataFrame, two_sided: Sequence[str] = ()) -> dict[str, Estimate]:
    """Give the estimates that are judged: first data set, usual width, both kinds of dictionary.

    Parameters
    ----------
    numbers
        As `by_net` gives it.
    two_sided
        Statistics whose criterion has two bounds; the others have one, and their intervals the
        bounds of one-sided tests.

    Returns
    -------
    dict of Estimate
        By the name of the statistic for the joint dictionary, and by that name and ``_classwise``
        for the other.

    Raises
    ------
    ValueError
        If a kind of dictionary is missing, or there are fewer than two seeds.
    """
    first = numbers.iloc[0]
    place = (numbers["data"] == first["data"]) & (numbers["width"] == first["width"])
    estimates = {}
    for dictionary, suffix in (("joint", ""), ("classwise", "_classwise")):
        nets = numbers[place & (numbers["dictionary"] == dictionary)]
        if nets.empty:
            raise ValueError(f"the claims are judged in both dictionaries, {dictionary} is missing")
        for name in numbers.columns.drop([*PLACE, "seed"]):
            level = 0.95 if name in two_sided else ONE_SIDED
            estimates[name + suffix] = mean_interval(nets[name], level)
    return estimates


def elsewhere(numbers: pd.DataFrame) -> pd.DataFrame:
    """Say how every statistic comes out for every data set, width and kind of dictionary.

    Parameters
    ----------
    numbers
        As `by_net` gives it.

    Returns
    -------
    DataFrame
        A row for each place, in the order of the sweep, and its number of nets ``n``; a column for
        each statistic, with its mean and 95 % t interval over seeds as text. One net has no
        interval.
    """
    rows = []
    for place, nets in numbers.groupby(PLACE, sort=False):
        row = dict(zip(PLACE, place, strict=True)) | {"n": len(nets)}
        for name in numbers.columns.drop([*PLACE, "seed"]):
            row[name] = _shown(nets[name])
        rows.append(row)
    return pd.DataFrame(rows)


def _shown(values: pd.Series) -> str:
    if len(values) < 2:
        return f"{values.iloc[0]:.2f}"
    estimate = mean_interval(values)
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"

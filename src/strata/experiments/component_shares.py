"""Shares of a feature by complexity order: a table of nets, and what is computed of it.

A number is taken of every net, then averaged over the nets of a seed. Shares from which the noise
of training has been taken out can be negative where there is nothing. They stay as they are:
clipped, noise would look like signal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from strata.experiments import component_orders
from strata.experiments.component_significance import Config, of_net
from strata.experiments.tables import ONE_SIDED, check_complete
from strata.runs.result import Result
from strata.statistics import Estimate, mean_interval

Matrix = NDArray[np.float64]

LOW = 2
"""So many of the lowest orders are called low, as of the study's six."""


def table(points: Sequence[Config], results: Sequence[Result]) -> pd.DataFrame:
    """A row for each net: its place in the design, and what was measured of it as arrays.

    Returns
    -------
    DataFrame
        ``data``, ``seed``, ``depth``, ``samples``, ``test_accuracy``; ``orders`` (L,); and the
        arrays of `component_significance.run`, of one net each, missing where a net has no such
        control.

    Raises
    ------
    ValueError
        If a seed lacks a net that another has, or has one twice.
    """
    rows = []
    for point, result in zip(points, results, strict=True):
        placed = placed_nets(point.chain, result)
        rows += [place | of_net(result.arrays, i) for i, place in enumerate(placed)]
    nets = pd.DataFrame(rows)
    for _, of_data in nets.groupby("data", sort=False):
        designs = of_data["depth"].astype(str) + "/" + of_data["samples"].astype(str)
        check_complete(of_data.assign(net=designs), "net")
    return nets


def placed_nets(chain: component_orders.Config, result: Result) -> list[dict[str, Any]]:
    """The place of each net of a chain in the design, its test accuracy, and the orders."""
    family = {"data": chain.targets.data.name, "seed": chain.targets.seed}
    kept = ("depth", "samples", "test_accuracy")
    return [
        family
        | {name: target[name] for name in kept}
        | {"orders": np.array(result.metrics["orders"])}
        for target in result.metrics["targets"]
    ]


def component_floor(net: pd.Series) -> Matrix:
    """What the significance of each order would be if it held noise of training alone (L,).

    A component is the difference of two students with noise of their own, half of the ``floor`` of
    each order; the first is one student.
    """
    halves = net["floor"] / 2
    return halves + np.concatenate([[0.0], halves[:-1]])


def mean_order(shares: ArrayLike, orders: ArrayLike) -> float:
    """Mean binary logarithm of the order, for shares that may be negative by chance.

    Parameters
    ----------
    shares : array_like, shape (L,)
        With a positive sum, by which they are divided.
    orders : array_like, shape (L,)

    Notes
    -----
    ``sum(shares * log2(orders)) / sum(shares)``, linear in the shares up to their sum, so that the
    noise of a share of 0 adds nothing on average. The same as the highest log2-order minus the
    steps between log2-orders, each times the cumulative share below it.

    Raises
    ------
    ValueError
        If the shares do not have a positive sum.

    Examples
    --------
    >>> round(mean_order([0.9, -0.1, 0.2], [1, 2, 4]), 6)
    0.3
    """
    weights = _normalised(shares)
    return float(weights @ np.log2(np.asarray(orders, dtype=np.float64)))


def net_order(net: pd.Series) -> float:
    """Mean log2-order of the shared significance of a net."""
    return mean_order(net["shared"], net["orders"])


def distance(p: ArrayLike, q: ArrayLike) -> float:
    """Total variation of two sets of shares that may be negative by chance.

    Examples
    --------
    >>> distance([3.0, 1.0], [1.0, 1.0])
    0.25
    """
    return float(np.abs(_normalised(p) - _normalised(q)).sum() / 2)


def _normalised(shares: ArrayLike) -> Matrix:
    values = np.asarray(shares, dtype=np.float64)
    if not values.sum() > 0:
        raise ValueError(f"shares of variance need a positive sum, not {values}")
    return values / values.sum()


def low_share(shares: Matrix) -> Matrix:
    """Part of all shares (..., L) that the `LOW` lowest orders hold."""
    return shares[..., :LOW].sum(axis=-1) / shares.sum(axis=-1)


def slope(values: ArrayLike, places: ArrayLike) -> float:
    """Least-squares slope of values on the binary logarithm of their places; NaN for one place.

    Examples
    --------
    >>> slope([1.0, 1.5, 2.0], [2, 4, 8])
    0.5
    """
    x = np.log2(np.asarray(places, dtype=np.float64))
    x = x - x.mean()
    size = x @ x
    return float(x @ np.asarray(values, dtype=np.float64) / size) if size else float("nan")


def by_seed(nets: pd.DataFrame, number: Callable[[pd.Series], float]) -> Matrix:
    """Mean over the nets of each seed of a number of a net (seeds,)."""
    values = pd.Series([float(number(net)) for _, net in nets.iterrows()], index=nets.index)
    return values.groupby(nets["seed"]).mean().sort_index().to_numpy()


def ratio_by_seed(
    nets: pd.DataFrame,
    above: Callable[[pd.Series], float],
    below: Callable[[pd.Series], float],
) -> Matrix:
    """Ratio of two means over the nets of each seed, so that no small divisor decides (seeds,)."""
    return by_seed(nets, above) / by_seed(nets, below)


def first_data(nets: pd.DataFrame, place: int = 0) -> pd.DataFrame:
    """The nets of the first data set, or of another.

    Raises
    ------
    ValueError
        If there are not so many data sets.
    """
    names = nets["data"].unique()
    if place >= len(names):
        raise ValueError(f"the claim is judged on {place + 1} data sets, there are {list(names)}")
    return nets[nets["data"] == names[place]]


def one_sided(values: ArrayLike) -> Estimate:
    """Mean over seeds with the bounds of one-sided tests."""
    return mean_interval(values, ONE_SIDED)

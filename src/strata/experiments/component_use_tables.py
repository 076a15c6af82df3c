"""From the results of `strata.experiments.component_use` to a table, and from it to arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from strata.experiments.component_use import STUDENTS, TAKEN_APART, Config
from strata.experiments.tables import ONE_SIDED
from strata.runs.result import Result
from strata.statistics import Estimate, mean_interval

Cube = NDArray[np.float64]

AXES = ("seed", "depth", "samples", "order")
_EFFECTS = ("phi_train", "phi_test", "effectiveness", "overfitting")
_OF_ORDERS = [
    f"{name}{about}{kind}"
    for kind in TAKEN_APART
    for name in _EFFECTS
    for about in ("", "_centred")
]


def table(points: Sequence[Config], results: Sequence[Result]) -> pd.DataFrame:
    """Put the results of a sweep into rows.

    Returns
    -------
    DataFrame
        A row for each net and order, with its place ``data``, ``seed``, ``depth``, ``relus``,
        ``samples`` and ``order``; and ``net``, the net's own test accuracy in points. With the
        endings of `component_use.TAKEN_APART`: ``phi_train``, ``phi_test``, ``effectiveness`` and
        ``overfitting``, each also with ``_centred`` before the ending. With those of
        `component_use.STUDENTS`: ``gain``, points of test accuracy with the student minus with the
        feature; ``fall``, how much lower the test loss is; ``residual``, share of the feature's
        variance that the student leaves. NaN for students that a point does not have.
    """
    rows = []
    for point, result in zip(points, results, strict=True):
        data, arrays = point.targets.data, result.arrays
        for i, net in enumerate(result.metrics["targets"]):
            place = {
                "data": data.name,
                "seed": point.targets.seed,
                "depth": net["depth"],
                # A dense net's depth counts them; a ResNet's name also counts stem and head.
                "relus": net["depth"] if data.size is None else net["depth"] - 2,
                "samples": net["samples"],
                "net": 100 * arrays["net_accuracy"][i],
            }
            for j, order in enumerate(point.settings.orders):
                effects = {n: arrays[n][i, j] if n in arrays else np.nan for n in _OF_ORDERS}
                rows.append(place | {"order": order} | effects | _of_students(arrays, i, j))
    return pd.DataFrame(rows)


def _of_students(arrays: dict[str, NDArray[Any]], i: int, j: int) -> dict[str, float]:
    """What the students of net i and order j give."""
    found = {}
    for kind in STUDENTS:
        known = f"accuracy{kind}" in arrays
        accuracy, loss, residual = (
            arrays[name + kind][i, j] if known else np.nan
            for name in ("accuracy", "loss", "residual")
        )
        found[f"gain{kind}"] = 100 * (accuracy - arrays["net_accuracy"][i])
        found[f"fall{kind}"] = arrays["net_loss"][i] - loss
        found[f"residual{kind}"] = residual
    return found


def cube(nets: pd.DataFrame, column: str) -> Cube:
    """A number of every net and order of one data set as an array, its axes `AXES`, all growing.

    Raises
    ------
    ValueError
        If the table holds several data sets, lacks a net or an order, or has one twice.
    """
    if nets["data"].nunique() != 1:
        raise ValueError("take one data set at a time")
    if nets.duplicated(list(AXES)).any():
        raise ValueError("the table has a net twice")
    shape = [nets[axis].nunique() for axis in AXES]
    if len(nets) != np.prod(shape):
        raise ValueError("the table is not complete: a seed lacks a net")
    return nets.sort_values(list(AXES))[column].to_numpy(dtype=np.float64).reshape(shape)


def data_sets(nets: pd.DataFrame) -> list[pd.DataFrame]:
    """The table by data set, in the order of the sweep."""
    return [rows for _, rows in nets.groupby("data", sort=False)]


def relus(nets: pd.DataFrame) -> NDArray[np.int64]:
    """Number of ReLUs of the nets of each depth, (depths,)."""
    return nets.groupby("depth")["relus"].first().sort_index().to_numpy()


def nearest(nets: pd.DataFrame, wanted: ArrayLike) -> NDArray[np.int64]:
    """Place of the order that is nearest to each wanted number, by ratio; of equals the first."""
    orders = np.sort(nets["order"].unique())
    return np.abs(np.log2(orders) - np.log2(np.asarray(wanted))[:, None]).argmin(axis=-1)


def estimates(numbers: dict[str, Cube]) -> dict[str, Estimate]:
    """Means over seeds of the numbers of each seed, with the bounds of one-sided tests."""
    return {name: mean_interval(values, ONE_SIDED) for name, values in numbers.items()}

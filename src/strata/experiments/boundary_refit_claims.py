"""The statistics of claims C10 and C10b: what a refit at the predicted boundary gains.

Each function takes the table of :func:`table`. One seed, with its data and its nets of every
depth, is one replicate. Accuracies are shares of conflicting test samples; layers are indices into
h_0 ... h_L.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strata.experiments.tables import ONE_SIDED, Curves, curves
from strata.runs.result import Result
from strata.statistics import Estimate, held_out_peak, mean_interval

PLACE = ["strength", "agreement", "depth"]


def table(points: Sequence[object], results: Sequence[Result]) -> pd.DataFrame:
    """One row a net: its place in the sweep and every number measured on it."""
    rows = [
        {
            "strength": point.strength,
            "agreement": point.agreement,
            "depth": point.depth,
            "seed": point.seed,
        }
        | result.metrics
        for point, result in zip(points, results, strict=True)
    ]
    return pd.DataFrame(rows)


def judged(nets: pd.DataFrame) -> pd.DataFrame:
    """The rows that are judged: those of the first strength and the first agreement."""
    first = nets.iloc[0]
    same = (nets["strength"] == first["strength"]) & (nets["agreement"] == first["agreement"])
    return nets[same]


def predicted_layer(net: pd.Series) -> int:
    """The boundary predicted for a net; without a transition the last layer, where h ends."""
    last = len(net["refit_conflicting"]) - 1
    return last if pd.isna(net["boundary"]) else int(net["boundary"])


def best_layer(net: pd.Series) -> int:
    """The layer whose refit is best on the selection set, the first of equals."""
    return int(np.argmax(net["refit_selection"]))


def boundary_gain(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C10: what a refit at the predicted boundary of the deepest nets gains over four others.

    Parameters
    ----------
    nets
        As `table` gives it; at least two seeds.

    Returns
    -------
    dict of Estimate
        Differences of conflicting accuracy, with the bounds of one-sided tests: ``gain``, boundary
        minus last layer; ``best``, layer chosen on the selection set minus last layer;
        ``untrained``, boundary minus the untrained net's best layer, chosen on the other seeds;
        ``unbalanced``, boundary minus the same layer refitted on as many unbalanced points.
        And ``place``, the share of nets whose chosen layer is at most one off the boundary.

    Raises
    ------
    ValueError
        If there are fewer than two seeds, or a seed lacks a depth.
    """
    deepest = _deepest(judged(nets))
    balanced = _layers(deepest, "refit_conflicting")
    unbalanced = _layers(deepest, "unbalanced_conflicting")
    untrained = _layers(deepest, "untrained_conflicting")
    boundary = _each(deepest, predicted_layer)
    best = _each(deepest, best_layer)
    at_boundary, last = _pick(balanced, boundary), balanced[:, -1]
    start = _pick(untrained, held_out_peak(untrained))
    return {
        "gain": mean_interval(at_boundary - last, ONE_SIDED),
        "best": mean_interval(_pick(balanced, best) - last, ONE_SIDED),
        "place": mean_interval(np.abs(best - boundary) <= 1),
        "untrained": mean_interval(at_boundary - start, ONE_SIDED),
        "unbalanced": mean_interval(at_boundary - _pick(unbalanced, boundary), ONE_SIDED),
    }


def depth_hurts(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C10b: what a refit of the last layer loses from the smallest depth to the greatest."""
    last = curves(judged(nets), lambda net: net["refit_conflicting"][-1])
    return {"depth": mean_interval(last[:, -1] - last[:, 0], ONE_SIDED)}


def gains(nets: pd.DataFrame) -> pd.DataFrame:
    """The gain of the boundary over the last layer everywhere in the sweep.

    Returns
    -------
    DataFrame
        A row for each strength, agreement and depth, in the order of the sweep: mean ``gain`` in
        conflicting accuracy with its 95 % t interval ``low`` to ``high`` over ``n`` seeds, and
        the share ``located`` of nets that have a transition. Nets without one count as gain 0.

    Raises
    ------
    ValueError
        If there are fewer than two seeds.
    """
    rows = []
    for place, group in nets.groupby(PLACE, sort=False):
        balanced = _layers(group, "refit_conflicting")
        gain = _pick(balanced, _each(group, predicted_layer)) - balanced[:, -1]
        estimate = mean_interval(gain)
        rows.append(
            dict(zip(PLACE, place, strict=True))
            | {"gain": estimate.value, "low": estimate.low, "high": estimate.high}
            | {"n": estimate.n, "located": float(group["boundary"].notna().mean())}
        )
    return pd.DataFrame(rows)


def _deepest(nets: pd.DataFrame) -> pd.DataFrame:
    """The nets of the greatest depth, a row a seed."""
    deepest = nets[nets["depth"] == nets["depth"].max()].sort_values("seed")
    if deepest["seed"].tolist() != sorted(nets["seed"].unique()):
        raise ValueError("the sweep is not complete: a seed lacks a depth")
    return deepest


def _layers(nets: pd.DataFrame, column: str) -> Curves:
    """A list of every net as an array (seeds, layers)."""
    return np.array(nets[column].tolist(), dtype=np.float64)


def _each(nets: pd.DataFrame, layer: Callable[[pd.Series], int]) -> NDArray[np.int64]:
    return np.array([layer(net) for _, net in nets.iterrows()], dtype=np.int64)


def _pick(values: Curves, layers: NDArray[np.int64]) -> NDArray[np.float64]:
    """The value of each seed at its own layer."""
    return values[np.arange(len(values)), layers]

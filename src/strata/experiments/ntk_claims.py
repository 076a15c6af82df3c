"""The statistics of claims C1 to C5: from the table of nets to estimates with intervals.

Each function takes the table of :func:`table` and returns an estimate for each part of a claim in
``book/claims.yml``. One seed, with its data and its nets of every depth, is one replicate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from strata.experiments.tables import ONE_SIDED, Curves, curves
from strata.runs.result import Result
from strata.statistics import (
    Estimate,
    bootstrap_interval,
    held_out_peak,
    mean_interval,
    ratio_interval,
)

TEN = 10
DEEP = 3
BUMP_DEPTH, BUMP_FROM, BUMP_TO = 6, 3, 5


def table(points: Sequence[object], results: Sequence[Result]) -> pd.DataFrame:
    """One row a net: its place in the sweep and every number measured on it."""
    rows = [
        {"task": point.task, "depth": point.depth, "seed": point.seed} | result.metrics
        for point, result in zip(points, results, strict=True)
    ]
    return pd.DataFrame(rows)


def depths(nets: pd.DataFrame) -> NDArray[np.int64]:
    """The depths of the sweep, growing."""
    return np.sort(nets["depth"].unique())


def peak_depth(nets: pd.DataFrame) -> Estimate:
    """Depth at which the mean curve of the rank is highest."""
    places = depths(nets)
    return bootstrap_interval(
        curves(nets, "rank"), lambda rows: float(places[rows.mean(axis=0).argmax()])
    )


def _at_peak(nets: pd.DataFrame, values: Curves) -> NDArray[np.float64]:
    """Values at the depth where the *other* seeds have their highest mean rank."""
    peaks = held_out_peak(curves(nets, "rank"))
    return values[np.arange(len(values)), peaks]


def rank_peak(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C1: where the rank peaks, how far it rises to the peak and falls after it."""
    rank = curves(nets, "rank")
    top = _at_peak(nets, rank)
    return {
        "peak": peak_depth(nets),
        "rise": ratio_interval(top / rank[:, 0]),
        "fall": ratio_interval(rank[:, -1] / top, ONE_SIDED),
    }


def rank_peak_text(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C1b: the same peak, to be held against the depths named in the text."""
    return {"peak": peak_depth(nets)}


def rank_at_start(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C2: how the rank of the untrained kernel depends on depth, and what training adds."""
    rank, start = curves(nets, "rank"), curves(nets, "rank_init")
    slopes = np.polyfit(depths(nets), np.log(start).T, 1)[0]
    return {
        "slope": mean_interval(slopes),
        "no_rise": ratio_interval(_at_peak(nets, start) / start[:, 0]),
        "trained": ratio_interval(_at_peak(nets, rank) / _at_peak(nets, start)),
    }


def untrained_peak(ranks: Curves) -> dict[str, Estimate]:
    """C2b: number of maps at which untrained nets have their highest rank.

    ``ranks`` has the shape (seeds, maps + 1), place 0 being the data itself.
    """
    return {"peak": bootstrap_interval(ranks, lambda rows: float(rows.mean(axis=0).argmax()))}


def layer_trend(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C3: how the layer-wise rank falls from the first map to the last."""
    deep = nets[nets["depth"] >= DEEP]

    def spearman(row: pd.Series) -> float:
        ranks = row["layer_ranks"]
        return float(stats.spearmanr(range(len(ranks)), ranks).statistic)

    return {
        "trend": mean_interval(curves(deep, spearman).mean(axis=1)),
        "first": mean_interval(
            curves(deep, lambda row: float(np.argmax(row["layer_ranks"]) == 0)).mean(axis=1)
        ),
        "last": mean_interval(curves(deep, lambda row: row["layer_ranks"][-1]).mean(axis=1)),
    }


def layer_bump(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C3b: does the layer-wise rank of the deepest nets rise again between two fixed maps?"""
    deepest = nets[nets["depth"] >= BUMP_DEPTH]

    def log_ratio(row: pd.Series) -> float:
        return float(np.log(row["layer_ranks"][BUMP_TO] / row["layer_ranks"][BUMP_FROM]))

    return {"bump": ratio_interval(np.exp(curves(deepest, log_ratio).mean(axis=1)))}


def concentration(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C4: does the spectrum concentrate in the first eigenvalues beyond the peak?"""
    top1, tail = curves(nets, "top1"), curves(nets, "tail")
    return {
        "top1": mean_interval(top1[:, -1] - _at_peak(nets, top1), ONE_SIDED),
        "tail": ratio_interval(tail[:, -1] / _at_peak(nets, tail), ONE_SIDED),
    }


def alignment_at_ten(row: pd.Series, column: str = "alignment") -> float:
    """A_10: share of the labels that the first ten eigenfunctions of a net carry."""
    return row[column][TEN - 1]


def alignment_growth(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C5: does the alignment with the labels grow up to the peak, and not beyond?"""
    after = curves(nets, alignment_at_ten)
    before = curves(nets, lambda row: alignment_at_ten(row, "alignment_init"))
    top = _at_peak(nets, after)
    return {
        "grows": mean_interval(top - after[:, 0], ONE_SIDED),
        "stops": mean_interval(after[:, -1] - top, ONE_SIDED),
        "trained": mean_interval(top - _at_peak(nets, before), ONE_SIDED),
    }


def boundary_energy(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C5b: is the first eigenfunction concentrated near the boundary between the classes?"""
    deep = nets[nets["depth"] >= DEEP]
    after = curves(deep, lambda row: row["edge_energy"][0])
    before = curves(deep, lambda row: row["edge_energy_init"][0])
    chance = curves(deep, "edge_share")
    return {
        "chance": mean_interval((after - chance).mean(axis=1), ONE_SIDED),
        "trained": mean_interval((after - before).mean(axis=1), ONE_SIDED),
    }

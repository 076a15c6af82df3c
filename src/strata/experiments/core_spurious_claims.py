"""The statistics of claims C8 and C9: from the table of nets to estimates with intervals.

Each function takes the table of :func:`table` and returns an estimate for each part of a claim in
``book/claims.yml``. One seed, with its data and all its nets, is one replicate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from strata.experiments.core_spurious import (
    LEARNED,
    STATED_AGREEMENT,
    STATED_STRENGTH,
    SWEPT_STRENGTH,
    WEAK_STRENGTH,
)
from strata.experiments.tables import Curves, check_complete, curves
from strata.runs.result import Result
from strata.statistics import Estimate, mean_interval, ratio_interval

EARLY_MAPS = (1, 2)


def table(points: Sequence[object], results: Sequence[Result]) -> pd.DataFrame:
    """One row a net: its place in the sweep and every number measured on it."""
    fields = ("strength", "agreement", "noise_dims", "depth", "seed")
    rows = [
        {name: getattr(point, name) for name in fields}
        | {"budget": point.schedule.epochs}
        | result.metrics
        for point, result in zip(points, results, strict=True)
    ]
    return pd.DataFrame(rows).astype({"transition": float})


def cell(nets: pd.DataFrame, **where: float) -> pd.DataFrame:
    """The rows with the given values in the given columns; an empty cell is an error."""
    for column, value in where.items():
        nets = nets[nets[column] == value]
    if nets.empty:
        raise ValueError(f"the sweep has no net with {where}")
    return nets


def epochs_to_core(nets: pd.DataFrame) -> pd.Series:
    """Epochs until the core was learned, at least 1; the whole budget if it was not."""
    return nets["epochs_to_core"].astype(float).fillna(nets["budget"]).clip(lower=1)


def _by_depth(nets: pd.DataFrame, column: str, over: str) -> Curves:
    """A column as an array (seeds, depths), mean over the values of another column."""
    return np.mean([curves(group, column) for _, group in nets.groupby(over)], axis=0)


def reliance_on_depth(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C8: accuracy on conflicting samples at the stated parameters, deepest minus shallowest."""
    stated = cell(nets, strength=STATED_STRENGTH, agreement=STATED_AGREEMENT, noise_dims=0)
    by_depth = curves(stated, "conflicting")
    return {"depth": mean_interval(by_depth[:, -1] - by_depth[:, 0])}


def depth_or_patience(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C8b: the gap between depths at weak cores, where patience stops and after the budget.

    Mean over the core strengths up to the weak one.
    """
    usual = cell(nets, agreement=STATED_AGREEMENT, noise_dims=0)
    weak = usual[usual["strength"] <= WEAK_STRENGTH]
    stopped, ended = (
        _by_depth(weak, column, over="strength")
        for column in ("conflicting_patience", "conflicting")
    )
    return {
        "patience": mean_interval(stopped[:, 0] - stopped[:, -1]),
        "budget": mean_interval(ended[:, 0] - ended[:, -1]),
        "rule": mean_interval(ended[:, -1] - stopped[:, -1]),
    }


def correlation(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C8c: accuracy on conflicting samples at p = 1 (best depth) and below (worst p and depth)."""
    swept = cell(nets, strength=SWEPT_STRENGTH, noise_dims=0)
    found = {p: curves(group, "conflicting") for p, group in swept.groupby("agreement")}
    perfect = found.pop(1.0)
    return {
        "perfect": mean_interval(perfect.max(axis=1)),
        "imperfect": mean_interval(np.min([c.min(axis=1) for c in found.values()], axis=0)),
    }


def time_to_core(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C8d: epochs until a weak core is learned, deepest over shallowest."""
    weak = cell(nets, strength=WEAK_STRENGTH, agreement=STATED_AGREEMENT, noise_dims=0)
    wait = curves(weak.assign(wait=epochs_to_core(weak)), "wait")
    return {"epochs": ratio_interval(wait[:, -1] / wait[:, 0])}


def deepest_by_strength(nets: pd.DataFrame, noise_dims: int = 0) -> pd.DataFrame:
    """The nets of the greatest depth at the stated correlation, for all core strengths."""
    deepest = cell(
        nets, agreement=STATED_AGREEMENT, noise_dims=noise_dims, depth=nets["depth"].max()
    )
    check_complete(deepest, "strength")
    return deepest


def _learned(nets: pd.DataFrame) -> pd.DataFrame:
    return nets[nets["conflicting"] >= LEARNED]


def _interval(values: Sequence[float]) -> Estimate:
    if len(values) < 2:
        raise ValueError(
            "fewer than two seeds learned the core at enough strengths to judge the transition "
            "layer: allow more epochs, or stronger cores"
        )
    return mean_interval(values)


def transition_slope(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C9: slope of the transition layer by tenfold core strength, a line for each seed."""
    located = _learned(deepest_by_strength(nets)).dropna(subset=["transition"])
    slopes = [
        np.polyfit(np.log10(group["strength"]), group["transition"], 1)[0]
        for _, group in located.groupby("seed")
        if len(group) >= 2
    ]
    return {"slope": _interval(slopes)}


def transition_needs_core(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C9b: share of nets in which the core is learned and a transition is there, or neither.

    The deepest nets at every p and the strengths up to the stated one: a stronger core gives the
    input itself two directions.
    """
    deepest = cell(nets, noise_dims=0, depth=nets["depth"].max())
    weak = deepest[deepest["strength"] <= STATED_STRENGTH]
    same = (weak["conflicting"] >= LEARNED) == weak["transition"].notna()
    rows = [
        curves(group.assign(same=same.astype(float)), "same", along="strength")
        for _, group in weak.groupby("agreement")
    ]
    return {"agreement": mean_interval(np.mean(rows, axis=(0, 2)))}


def noise_pins_transition(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C9c: share of the nets that learned the core amid noise with their transition at 1 or 2.

    A net without a transition is a miss.
    """
    learned = _learned(deepest_by_strength(nets, int(nets["noise_dims"].max())))
    early = learned["transition"].isin(EARLY_MAPS)
    return {"place": _interval(early.groupby(learned["seed"]).mean().tolist())}

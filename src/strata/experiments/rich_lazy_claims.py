"""The statistics of claims C11 and C11b: from the table of nets to estimates with intervals.

One seed, with its data and its initial net, is one replicate: the recipes are paired by seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strata.experiments.rich_lazy import Config
from strata.experiments.tables import Curves, curves
from strata.runs.result import Result
from strata.statistics import Estimate, mean_interval

SETTING = "A"


def table(points: Sequence[Config], results: Sequence[Result]) -> pd.DataFrame:
    """One row a net: its recipe and every number measured on it."""
    rows = [
        {"setting": p.setting, "recipe": p.recipe, "scale": p.scale, "seed": p.seed}
        | result.metrics
        for p, result in zip(points, results, strict=True)
    ]
    return pd.DataFrame(rows)


def hidden_rank(row: pd.Series) -> float:
    """Mean soft rank of the hidden maps z_0 to z_{L-1}: without the input and the logits."""
    return float(np.mean(row["ranks"][1:-1]))


def by_scale(
    nets: pd.DataFrame, value: str | Callable[[pd.Series], float], setting: str = SETTING
) -> Curves:
    """A number of every scaled net of a setting as an array (seeds, scales), both growing.

    Raises
    ------
    ValueError
        If there is no such net, or a seed lacks a scale.
    """
    return curves(_chosen(nets, setting, "scaled"), value, along="scale")


def rich_rank(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C11: rank that rich training adds to the hidden maps, and how lazy the lazy nets are."""
    ranks, kernels = by_scale(nets, hidden_rank), by_scale(nets, "kernel_change")
    return {
        "rank": mean_interval(ranks[:, 0] - ranks[:, -1]),
        "lazy_kernel": mean_interval(kernels[:, -1]),
        "rich_kernel": mean_interval(kernels[:, 0]),
    }


def study_recipe(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C11b: does the net of the study's recipe fit, and did its parameters stay near?"""
    rows = _chosen(nets, SETTING, "linearised")
    return {
        "error": mean_interval(_column(rows, "train_error_restored")),
        "distance": mean_interval(_column(rows, "relative_distance")),
    }


def _chosen(nets: pd.DataFrame, setting: str, recipe: str) -> pd.DataFrame:
    rows = nets[(nets["setting"] == setting) & (nets["recipe"] == recipe)]
    if rows.empty:
        raise ValueError(f"the sweep has no {recipe} net of setting {setting}")
    return rows


def _column(rows: pd.DataFrame, name: str) -> NDArray[np.float64]:
    return rows[name].to_numpy(dtype=np.float64)

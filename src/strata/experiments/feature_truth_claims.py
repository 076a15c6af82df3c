"""The statistics of claims A0 and A0b: does complexity say of known things what it should?

Each function takes the table of `table`: a row for each net and each thing looked for in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from strata.experiments.feature_truth import COLOUR, LAST, NEWEST, NOISE, WHERE, Config
from strata.experiments.tables import ONE_SIDED, curves
from strata.measures.rank_correlation import spearman
from strata.measures.vinformation import complexity
from strata.runs.result import Result
from strata.statistics import Estimate, mean_interval

MADE_UP = (COLOUR, WHERE, LAST, NEWEST, NOISE)
POSITION = ("x", "y")
THERE, KEPT = 0.2, 0.5
"""Held-out R² from which on something counts as found in a block; share of the best block's R²
that the last block must reach for it to count as kept."""


def table(points: Sequence[Config], results: Sequence[Result]) -> pd.DataFrame:
    """Give every net and everything that was looked for in it a row.

    Returns
    -------
    DataFrame
        Place of the net (``data``, ``width``, ``seed``) and ``name`` of what was looked for.
        Complexity with blocks pooled to means, ``complexity``, to 2 x 2 cells, ``in_cells``, and
        before training, ``untrained``. ``lowpass``, R² from 4 x 4 cells of the pixels. ``curve``
        and ``untrained_curve``: R² in the blocks, pooled to means.
    """
    rows = []
    for point, result in zip(points, results, strict=True):
        found = result.arrays
        by_grid = [complexity(found[f"r2_{grid}"]) for grid in (1, 2)]
        for i, name in enumerate(result.metrics["names"]):
            rows.append(
                {
                    "data": point.net.data,
                    "width": point.net.width,
                    "seed": point.net.seed,
                    "name": name,
                    "complexity": by_grid[0][i],
                    "in_cells": by_grid[1][i],
                    "untrained": 1 - found["untrained_r2"][:, i].mean(),
                    "lowpass": found["lowpass_r2"][i],
                    "curve": found["r2_1"][:, i],
                    "untrained_curve": found["untrained_r2"][:, i],
                }
            )
    return pd.DataFrame(rows)


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the rows that are judged: nets on `shapes`, of the usual width, which comes first.

    Raises
    ------
    ValueError
        If no net was trained on `shapes`.
    """
    shapes = rows[rows["data"] == "shapes"]
    if shapes.empty:
        raise ValueError("the factors are known on `shapes` only, and no net was trained on it")
    return shapes[shapes["width"] == shapes["width"].iloc[0]]


def ground_truth(rows: pd.DataFrame) -> dict[str, Estimate]:
    """A0: what complexity says of things whose place is known.

    Parameters
    ----------
    rows
        As `table` gives them; at least two seeds.

    Returns
    -------
    dict of Estimate
        With the bounds of one-sided tests: complexity of a linear read-out of the mean ``colour``,
        of the discrete ``hue``, of what the ``last`` block adds, of ``noise``; what the 2 x 2 cells
        take from the complexity of the ``position``; and ``order``, Spearman's correlation over the
        factors of complexity in cells and minus R² from the low-passed pixels.

    Raises
    ------
    ValueError
        As for `judged`; or there are fewer than two seeds.
    """
    nets = judged(rows)
    kappa, cells, lowpass = (
        curves(nets, column, along="name") for column in ("complexity", "in_cells", "lowpass")
    )
    names = sorted(nets["name"].unique())
    factors = [i for i, name in enumerate(names) if name not in MADE_UP]
    position = [names.index(name) for name in POSITION]
    order = [spearman(c, -p) for c, p in zip(cells[:, factors], lowpass[:, factors], strict=True)]
    parts = {
        "colour": kappa[:, names.index(COLOUR)],
        "hue": kappa[:, names.index("hue")],
        "last": kappa[:, names.index(LAST)],
        "noise": kappa[:, names.index(NOISE)],
        "position": (kappa - cells)[:, position].mean(axis=1),
        "order": order,
    }
    return {name: mean_interval(values, ONE_SIDED) for name, values in parts.items()}


def any_read_out(rows: pd.DataFrame) -> dict[str, Estimate]:
    """A0b: complexity of linear read-outs of the pixels that depend on the place.

    Parameters
    ----------
    rows
        As `table` gives them; at least two seeds.

    Returns
    -------
    dict of Estimate
        With the bounds of one-sided tests: from blocks pooled to their means, ``pooled``, and to
        2 x 2 cells, ``cells``.

    Raises
    ------
    ValueError
        As for `ground_truth`.
    """
    nets = judged(rows)
    read_outs = nets[nets["name"] == WHERE]
    columns = {"pooled": "complexity", "cells": "in_cells"}
    return {name: mean_interval(read_outs[c], ONE_SIDED) for name, c in columns.items()}


def fate(curve: ArrayLike) -> str:
    """Say what becomes of something on its way through the blocks, by its R² in each.

    Examples
    --------
    >>> fate([0.9, 0.8, 0.8]), fate([0.9, 0.5, 0.0]), fate([0.0, 0.1, 0.1])
    ('kept', 'dropped on the way', 'never found')
    """
    scores: NDArray[np.float64] = np.asarray(curve, dtype=np.float64)
    if scores.max() < THERE:
        return "never found"
    return "kept" if scores[-1] >= KEPT * scores.max() else "dropped on the way"

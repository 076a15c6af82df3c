"""From a table of nets, one row each, to arrays with one row a seed: what all claims begin with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Curves = NDArray[np.float64]

ONE_SIDED = 0.90
"""Level of a two-sided interval whose bounds are one-sided 95 % bounds."""


def curves(
    nets: pd.DataFrame, value: str | Callable[[pd.Series], float], along: str = "depth"
) -> Curves:
    """A number of every net as an array (seeds, places), both growing.

    Parameters
    ----------
    nets
        One row for each seed and place.
    value
        A column, or a function of a row.
    along
        Column that holds the place, such as the depth.

    Raises
    ------
    ValueError
        If a seed lacks a place, or has two nets there, or a net has no number.
    """
    check_complete(nets, along)
    values = nets[value] if isinstance(value, str) else nets.apply(value, axis=1)
    wide = nets.assign(value=values).pivot(index="seed", columns=along, values="value")
    if wide.isna().any(axis=None):
        raise ValueError("the sweep is not complete: a net lacks its number")
    return wide.sort_index().sort_index(axis=1).to_numpy(dtype=np.float64)


def check_complete(nets: pd.DataFrame, along: str = "depth") -> None:
    """Refuse a table in which a seed lacks a place or has two nets there, with a ValueError."""
    counts = nets.groupby(["seed", along]).size()
    if (counts > 1).any():
        raise ValueError(f"the sweep has duplicate nets: a seed has two at one {along}")
    if len(counts) < nets["seed"].nunique() * nets[along].nunique():
        raise ValueError(f"the sweep is not complete: a seed lacks a {along}")

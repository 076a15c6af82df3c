"""The statistics of claims D1 to D3: reconstructions get worse with depth, and why.

Each function takes a table of `strata.experiments.inversion_depth_tables` and gives the parts of a
claim. A seed, which draws a net and its images, is the unit of replication: numbers are first
averaged over the judged images of a seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strata.experiments.inversion_depth import EARLY, FIRST, LATE, MAIN, METHODS, MIDDLE
from strata.experiments.tables import ONE_SIDED, curves
from strata.measures.rank_correlation import spearman
from strata.statistics import Estimate, mean_interval, ratio_interval


def by_stage(
    images: pd.DataFrame, kind: str, method: str, column: str = "inputs"
) -> NDArray[np.float64]:
    """A number of a net averaged over its judged images, by stage: an array (seeds, stages).

    Parameters
    ----------
    images
        As `by_image` gives it.

    Raises
    ------
    ValueError
        If there is no such net, or a net lacks a stage, or an image at one.
    """
    chosen = _judged(images, kind)
    chosen = chosen[chosen["method"] == method]
    return curves(_means(chosen, ["seed", "place"], column), column, along="place")


def less_accurate(images: pd.DataFrame, kind: str) -> dict[str, Estimate]:
    """D1, D1b: distance to the original by stage, for both methods."""
    found = {}
    for method in METHODS:
        found |= _rise(images, kind, method, "inputs", method)
    return found


def at_equal_embedding(images: pd.DataFrame) -> dict[str, Estimate]:
    """D1c: the same where the embeddings are equally near."""
    return {
        **_rise(images, "untrained", MAIN, "at_reference", "untrained"),
        **_rise(images, "calibrated", MAIN, "at_nearest", "calibrated"),
    }


def with_equal_stages(images: pd.DataFrame) -> dict[str, Estimate]:
    """D1d: the ratio of D1 for the net whose stages are equally large."""
    found = _rise(images, "equal", MAIN, "inputs", MAIN)
    return {f"ratio_{MAIN}": found[f"ratio_{MAIN}"]}


def fewer_edges(images: pd.DataFrame) -> dict[str, Estimate]:
    """D1e: correlation of fine parts at the last stage minus half of that at the pooling."""
    found = {}
    for kind in ("untrained", "calibrated"):
        for method in METHODS:
            early, late = _ends(images, kind, method, "hpcorr")
            found[f"{kind}_{method}"] = _interval(late - early / 2)
    return found


def inverted_distances(images: pd.DataFrame, starts: pd.DataFrame) -> dict[str, Estimate]:
    """D2: shares of images with inverted distances, and the spread of ends over their distance.

    Parameters
    ----------
    images
        As `by_image` gives it.
    starts
        As `by_start` gives it.
    """
    found = {}
    for kind, word in (("untrained", "untrained"), ("natural", "trained")):
        shares = by_stage(images, kind, MAIN, "inverted")
        first, late = (_place(images, kind, stage) for stage in (FIRST, LATE))
        found[f"late_{word}"] = _interval(shares[:, late])
        found[f"first_{word}"] = _interval(shares[:, first])
        found[f"spread_{word}"] = _interval(_by_seed(starts, kind, LATE, "spread"))
    return found


def near_by_the_layer(images: pd.DataFrame) -> dict[str, Estimate]:
    """D2b: distance of embeddings over that to the nearest other image, last stage."""
    return {
        word: _interval(_ends(images, kind, MAIN, "to_nearest")[1])
        for kind, word in (
            ("untrained", "untrained"),
            ("calibrated", "calibrated"),
            ("natural", "trained"),
        )
    }


def many_inputs(starts: pd.DataFrame) -> dict[str, Estimate]:
    """D2c: share of pairs of starts that end at two inputs with one embedding.

    Beside it both factors: the share of searches that arrive, and of arrived pairs that are apart.
    """
    found = {"first": _interval(_by_seed(starts, "untrained", FIRST, "many"))}
    for kind, word in (("untrained", "untrained"), ("natural", "trained")):
        found[word] = _interval(_by_seed(starts, kind, LATE, "many"))
        found[f"arrived_{word}"] = _interval(_by_seed(starts, kind, LATE, "one_embedding"))
        found[f"apart_{word}"] = _share(
            *(_by_seed(starts, kind, LATE, column) for column in ("many", "pairs"))
        )
    return found


def noisy_copies(images: pd.DataFrame) -> dict[str, Estimate]:
    """D2d: distance of a noisy copy over that of the nearest other image, last stage."""
    return {
        kind: _interval(_ends(images, kind, MAIN, "reference_to_nearest")[1])
        for kind in ("calibrated", "untrained")
    }


def more_steps(budgets: pd.DataFrame, stage: str = LATE) -> dict[str, Estimate]:
    """D3: distances after the larger budget over those after the usual.

    Parameters
    ----------
    budgets
        As `by_budget` gives it.
    """
    found = {}
    for kind, word in (("untrained", "untrained"), ("natural", "trained")):
        for column, name in (("inputs", "input"), ("embedding", "embedding")):
            usual, large = (_by_seed(budgets, kind, stage, column + end) for end in ("", "_large"))
            found[f"{name}_{word}"] = ratio_interval(large / usual, ONE_SIDED)
    return found


def more_steps_in_the_middle(budgets: pd.DataFrame) -> dict[str, Estimate]:
    """D3b: the same for the stage in the middle."""
    return more_steps(budgets, MIDDLE)


def first_layer_comes_back(images: pd.DataFrame) -> dict[str, Estimate]:
    """D3c: distance to the original over that of the start, first stage."""
    found = {}
    for kind, word in (("untrained", "untrained"), ("natural", "trained")):
        place = _place(images, kind, FIRST)
        ends, starts = (by_stage(images, kind, MAIN, column) for column in ("inputs", "start"))
        found[word] = _interval(ends[:, place] / starts[:, place])
    return found


def _rise(
    images: pd.DataFrame, kind: str, method: str, column: str, word: str
) -> dict[str, Estimate]:
    """Rank correlation of stage and a distance, and its ratio of the last stage to the pooling."""
    rows = by_stage(images, kind, method, column)
    early, late = _ends(images, kind, method, column)
    return {
        f"rank_{word}": _interval([spearman(range(len(row)), row) for row in rows]),
        f"ratio_{word}": ratio_interval(late / early, ONE_SIDED),
    }


def _ends(
    images: pd.DataFrame, kind: str, method: str, column: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A number at the pooling and at the last stage, by seed."""
    rows = by_stage(images, kind, method, column)
    early, late = (rows[:, _place(images, kind, stage)] for stage in (EARLY, LATE))
    return early, late


def _place(images: pd.DataFrame, kind: str, stage: str) -> int:
    chosen = images[(images["kind"] == kind) & (images["stage"] == stage)]
    return int(chosen["place"].iloc[0])


def _by_seed(rows: pd.DataFrame, kind: str, stage: str, column: str) -> NDArray[np.float64]:
    chosen = _judged(rows, kind)
    return _means(chosen[chosen["stage"] == stage], ["seed"], column)[column].to_numpy(float)


def _judged(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    chosen = rows[(rows["kind"] == kind) & rows["judged"]]
    if chosen.empty:
        raise ValueError(f"there is no net of the kind {kind!r}")
    return chosen


def _means(rows: pd.DataFrame, by: Sequence[str], column: str) -> pd.DataFrame:
    groups = rows.groupby(list(by))[column]
    if groups.size().nunique() > 1:
        raise ValueError("the sweep is not complete: an image lacks its number")
    return groups.mean().reset_index()


def _interval(values: Sequence[float] | NDArray[np.float64]) -> Estimate:
    """Of a statistic whose criterion has one bound."""
    return mean_interval(values, ONE_SIDED)


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> Estimate:
    """A share over the seeds that have a whole; with fewer than two of them any share may be."""
    there = whole > 0
    shares = part[there] / whole[there]
    if len(shares) < 2:
        value = float(shares.mean()) if len(shares) else 0.5
        return Estimate(value, 0.0, 1.0, len(shares), "fewer than two seeds: any share")
    return _interval(shares)

"""The statistics of claims C6, C7 and C13: from the table of nets to estimates with intervals.

Each function takes the table of :func:`table` (or the rows of one task) and returns an estimate for
each part of a claim in ``book/claims.yml``. One seed, with its data and its nets of every depth, is
one replicate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from strata.experiments.tables import ONE_SIDED, Curves, check_complete, curves
from strata.runs.result import Result
from strata.statistics import (
    Estimate,
    bootstrap_interval,
    held_out_peak,
    mean_interval,
    ratio_interval,
)

DEEP = 4
MARGIN = 0.01 + 1e-9  # a difference of just one hundredth is within
EARLY_MAPS = (1, 2)


def table(points: Sequence[object], results: Sequence[Result]) -> pd.DataFrame:
    """One row a net: its place in the sweep, every number and the RBF CKA maps measured on it.

    The rows and columns of a CKA map are the input and z_0 ... z_L.
    """
    rows = [
        {"task": point.task, "depth": point.depth, "seed": point.seed}
        | result.metrics
        | {"cka": result.arrays["cka_rbf"], "cka_init": result.arrays["cka_rbf_init"]}
        for point, result in zip(points, results, strict=True)
    ]
    return pd.DataFrame(rows).astype({"transition": float})


def by_map(nets: pd.DataFrame, column: str) -> Curves:
    """A list-valued column of nets of one depth as an array (seeds, places), seeds growing."""
    if nets["depth"].nunique() != 1:
        raise ValueError("nets of several depths have lists of several lengths")
    return np.array(nets.sort_values("seed")[column].tolist(), dtype=np.float64)


def boundary(net: pd.Series) -> int | None:
    """Index of the first input h that lies past the peak of the rank; None without a transition."""
    return None if pd.isna(net["transition"]) else int(net["transition"]) + 1


def _deep(nets: pd.DataFrame) -> pd.DataFrame:
    return nets[nets["depth"] >= DEEP]


def _by_seed(nets: pd.DataFrame, value: str | Callable[[pd.Series], float]) -> Curves:
    """Mean over the nets of each seed, seeds growing."""
    return curves(nets, value).mean(axis=1)


def _rank_curves(nets: pd.DataFrame, column: str) -> list[Curves]:
    """The curves (seeds, maps) of each depth, depths growing."""
    check_complete(nets)
    return [by_map(group, column) for _, group in nets.groupby("depth")]


def peak_map(nets: pd.DataFrame) -> Estimate:
    """Map at the maximum of the mean curve over seeds, averaged over the deep depths."""
    by_depth = _rank_curves(_deep(nets), "covariance_ranks")
    seeds = np.arange(len(by_depth[0]), dtype=np.float64)

    def place(picked: Curves) -> float:
        rows = picked.astype(int)
        return float(np.mean([curve[rows].mean(axis=0).argmax() for curve in by_depth]))

    return bootstrap_interval(seeds, place)


def _log_at_peak(ranks: Sequence[Curves], values: Sequence[Curves]) -> Curves:
    """Log of values at the place where the *other* seeds' mean curve peaks; mean over depths."""
    logs = [
        np.log(value[np.arange(len(value)), held_out_peak(curve)])
        for curve, value in zip(ranks, values, strict=True)
    ]
    return np.mean(logs, axis=0)


def rank_peak(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C6: where the covariance rank peaks, how far it rises, and whether training makes it fall."""
    deep = _deep(nets)
    after, before = (_rank_curves(deep, c) for c in ("covariance_ranks", "covariance_ranks_init"))
    first = np.mean([np.log(curve[:, 0]) for curve in after], axis=0)

    def fall(ranks: Sequence[Curves]) -> Curves:
        last = np.mean([np.log(curve[:, -2]) for curve in ranks], axis=0)
        return last - _log_at_peak(after, ranks)

    return {
        "peak": peak_map(nets),
        "share": mean_interval(
            _by_seed(deep, lambda net: float(int(np.argmax(net["covariance_ranks"])) in EARLY_MAPS))
        ),
        "rise": ratio_interval(np.exp(_log_at_peak(after, after) - first)),
        "training": ratio_interval(np.exp(fall(after) - fall(before))),
    }


def rank_peak_text(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C6b: the same peak, held against the range of the study's text."""
    return {"peak": peak_map(nets)}


def provenance(
    core: pd.DataFrame, plane: pd.DataFrame, published: Mapping[int, Sequence[float]]
) -> dict[str, Estimate]:
    """C6c: do nets on core and spurious features give the published curves, or those on yin-yang?

    Parameters
    ----------
    core, plane
        Nets of the same depths and seeds on the two tasks.
    published
        Ranks of z_0 ... z_L by depth.
    """

    def distance(net: pd.Series) -> float:
        theirs = np.asarray(published[net["depth"]])
        return float(np.abs(np.asarray(net["covariance_ranks"]) - theirs).mean())

    return {
        "start": mean_interval(_by_seed(core, lambda net: net["covariance_ranks"][0])),
        "distance": mean_interval(_by_seed(core, distance) - _by_seed(plane, distance)),
    }


def shallow_peaks(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C6d: the share of shallow and of deep nets whose rank has a peak past map 0."""

    def peaks(net: pd.Series) -> float:
        return float(net["transition"] > 0)

    return {
        "shallow": mean_interval(_by_seed(nets[nets["depth"] < DEEP], peaks)),
        "deep": mean_interval(_by_seed(_deep(nets), peaks)),
    }


def late_block(net: pd.Series, column: str = "cka") -> float:
    """Mean CKA over the pairs of different maps among the last L // 2."""
    count = net["depth"] // 2
    block = np.asarray(net[column])[-count:, -count:]
    return float(block[np.triu_indices(count, 1)].mean())


def blocks(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C7: how alike the late maps are, how far from the first, and whether training does it."""
    deep = _deep(nets)
    after = _by_seed(deep, late_block)
    return {
        "block": mean_interval(after),
        "ends": mean_interval(_by_seed(deep, lambda net: net["cka"][1, -1])),
        "trained": mean_interval(after - _by_seed(deep, lambda net: late_block(net, "cka_init"))),
    }


def past_boundary(net: pd.Series, column: str) -> float:
    """Accuracy of the net minus that of a replacement, mean over the cuts from the boundary on.

    A net without a transition has no tunnel; only its last cut counts.
    """
    start = min(boundary(net) or net["depth"], net["depth"])
    return float(net["accuracy"] - np.mean(net[column][start:]))


def piped(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C13: what a kernel or a linear read-out loses past the boundary, and before it."""
    deep = _deep(nets)
    return {
        "after": mean_interval(_by_seed(deep, lambda net: past_boundary(net, "piped_fresh"))),
        "probe": mean_interval(_by_seed(deep, lambda net: past_boundary(net, "probe"))),
        "before": mean_interval(
            _by_seed(deep, lambda net: net["accuracy"] - net["piped_fresh"][0]), ONE_SIDED
        ),
    }


def first_sufficient_cut(net: pd.Series, column: str = "piped_fresh") -> int:
    """First cut from which on a replacement stays within 0.01 of the net; L + 1 if none does."""
    short = np.flatnonzero(net["accuracy"] - np.asarray(net[column]) > MARGIN)
    return int(short[-1]) + 1 if len(short) else 0


def cut_against_boundary(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C13b: share of nets whose first sufficient cut is the predicted boundary, to one layer.

    Both predictions, by rank and by the CKA block, name a map z_l, so that the input past it,
    h_{l+1}, is where to cut. A net without a transition counts as if its boundary lay behind its
    last map.
    """

    def hits(net: pd.Series, place: float) -> float:
        return float(abs(first_sufficient_cut(net) - place) <= 1)

    def by_rank(net: pd.Series) -> float:
        place = boundary(net)
        return hits(net, net["depth"] + 1 if place is None else place)

    deep = _deep(nets)
    return {
        "rank": mean_interval(_by_seed(deep, by_rank)),
        "block": mean_interval(_by_seed(deep, lambda net: hits(net, net["block_start"] + 1))),
    }

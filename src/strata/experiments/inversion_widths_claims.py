"""The statistics of claims D6 to D10: widths, depths and exact inverses of fully connected nets.

`linear`, `relu` and `square` turn results into tables; the other functions give the parts of a
claim from them. A seed, with its images and its nets, is the unit of replication; distances are
averaged over its images first, unless the worst image is judged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from strata.experiments.inversion_exact import SHIFT
from strata.experiments.inversion_linear import LAST, WIDE
from strata.experiments.inversion_relu import NARROW, NEAR
from strata.experiments.inversion_relu import WIDE as RELU_WIDE
from strata.experiments.tables import ONE_SIDED, curves
from strata.runs.result import Result
from strata.statistics import Estimate, bootstrap_interval, mean_interval, ratio_interval

DISTANCES = ("short", "long", "scaled", "squares", "least", "adam")
MEDIAN_NORMAL = float(norm.ppf(0.75))
"""Median of the absolute value of a standard normal number."""


def linear(points: Sequence[object], results: Sequence[Result]) -> pd.DataFrame:
    """One row for each point of `inversion_linear`.

    Columns beside the place in the sweep and the metrics: mean distances over the images
    (`DISTANCES`, ``start``, ``floor``); ``copy``, that of a noisy copy; ``kept_floor``, the
    largest deviation from 1 of the null part after descent over that of the start, and
    ``adam_floor``, the mean one after Adam, both NaN where there is no null space; ``unsolved``,
    the largest distance of the least-squares solution over that of the start.
    """
    rows = []
    for point, result in zip(points, results, strict=True):
        found = result.arrays
        narrow = point.ratio < 1
        rows.append(
            {
                "seed": point.vectors.seed,
                "depth": point.depth,
                "ratio": point.ratio,
                "last": point.last,
                **result.metrics,
                **{name: float(found[name].mean()) for name in (*DISTANCES, "start", "floor")},
                "copy": point.vectors.reference,
                "kept_floor": _off(found, "long_null").max() if narrow else np.nan,
                "adam_floor": _off(found, "adam_null").mean() if narrow else np.nan,
                "unsolved": float((found["least"] / found["start"]).max()),
            }
        )
    return pd.DataFrame(rows)


def _off(found: dict[str, NDArray], name: str) -> NDArray[np.float64]:
    return np.abs(found[name] / found["floor"] - 1)


def width_threshold(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D6: nets of one depth and all widths, before and after the threshold."""
    narrow, rest = nets[nets["ratio"] < 1], nets[nets["ratio"] >= 1]
    widest = nets[nets["ratio"] == nets["ratio"].max()]
    return {
        "floor": _seeds(narrow.groupby("seed")["kept_floor"].max()),
        "narrow": _seeds((narrow["long"] / narrow["copy"]).groupby(narrow["seed"]).min()),
        "wide": _seeds((widest["long"] / widest["copy"]).groupby(widest["seed"]).max()),
        "exact": _seeds(rest.groupby("seed")["unsolved"].max()),
    }


def adam_leaves(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D6b: the null part after Adam, narrow nets of one depth."""
    narrow = nets[nets["ratio"] < 1]
    return {"adam": _seeds(narrow.groupby("seed")["adam_floor"].mean())}


def depth_and_budget(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D7: nets of all depths, wider than the input."""
    wide = nets[nets["ratio"] == WIDE]
    return {
        "hurts": _growth(wide, "short"),
        "short": _deepest(wide, "short"),
        "long": _deepest(wide, "long"),
    }


def square_depth(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D7b: nets of all depths, as wide as the input."""
    square = nets[nets["ratio"] == 1]
    return {"hurts": _growth(square, "short"), "long": _deepest(square, "long")}


def shrinkage(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D7c: nets of all depths, wider than the input, plain and scaled."""
    wide = nets[nets["ratio"] == WIDE]
    plain, scaled = (curves(wide, name)[:, -1] for name in ("short", "scaled"))
    return {
        "shrinkage": ratio_interval(scaled / plain, ONE_SIDED),
        "conditioning": _growth(wide, "scaled"),
    }


def last_width(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D8: nets with last layers of several widths.

    Raises
    ------
    ValueError
        If a net's rank is not the same as that of the others of its seed.
    """
    if (nets.groupby("seed")["rank"].nunique() > 1).any():
        raise ValueError("nets with wider last layers have another rank")
    return {"faster": _wider(nets, "short")}


def last_width_alone(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D8b: the same with nothing left but the conditioning."""
    return {"squares": _wider(nets, "squares")}


def last_width_scaled(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D8c: the same by the study's descent, all nets scaled to one largest singular value."""
    return {"sign": _wider(nets, "scaled")}


def relu(points: Sequence[object], results: Sequence[Result]) -> pd.DataFrame:
    """One row for each seed, ratio, depth and shape of net of `inversion_relu`.

    Columns: ``full``, the share of images at which the Jacobian has full rank; ``enough``, the
    share with enough active units in each layer; ``agree``, the share at which these say the same;
    ``apart``, the share at which the layers can be read back one by one; ``kept``, the least
    singular value that counts, and ``dropped``, the largest that does not, over the images.
    """
    rows = []
    for point, result in zip(points, results, strict=True):
        found, inputs = result.arrays, result.metrics["inputs"]
        for i, ratio in enumerate(point.ratios):
            nets = [(depth, "", (i, j)) for j, depth in enumerate(point.depths)]
            for depth, prefix, place in (*nets, (point.depths[-1], "grown_", (i,))):
                full = found[f"{prefix}rank"][place] == inputs
                enough = found[f"{prefix}active"][place] >= inputs
                rows.append(
                    {
                        "seed": point.vectors.seed,
                        "ratio": ratio,
                        "depth": depth,
                        "growing": bool(prefix),
                        "full": full.mean(),
                        "enough": enough.mean(),
                        "agree": (full == enough).mean(),
                        "apart": found[f"{prefix}apart"][place].mean(),
                        "kept": found[f"{prefix}kept"][place].min(),
                        "dropped": found[f"{prefix}dropped"][place].max(),
                    }
                )
    return pd.DataFrame(rows)


def relu_threshold(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D9: full rank below and above twice the width, nets of one width throughout."""
    by_ratio = nets[~nets["growing"]].groupby(["seed", "ratio"])["full"].mean()
    return {
        "narrow": _seeds(by_ratio.xs(NARROW, level="ratio")),
        "wide": _seeds(by_ratio.xs(RELU_WIDE, level="ratio")),
    }


def constant_width(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D9b: full rank in the deepest nets of one width throughout."""
    same = nets[~nets["growing"] & (nets["ratio"] == RELU_WIDE)]
    deepest = same[same["depth"] == same["depth"].max()]
    return {"constant": _seeds(deepest.groupby("seed")["full"].mean())}


def active_units(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D9c: whether the count of active units says what the rank is, near the threshold."""
    near = nets[~nets["growing"] & nets["ratio"].isin(NEAR)]
    return {"agree": _seeds(near.groupby("seed")["agree"].mean())}


def crossing(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D9d: the ratio at which half of the images have full rank.

    Taken from the shares by linear interpolation, each at least that of the ratio before; the first
    or the last ratio where the shares do not cross one half.
    """
    same = nets[~nets["growing"]].groupby(["seed", "ratio"])["full"].mean().reset_index()
    shares = np.maximum.accumulate(curves(same, "full", "ratio"), axis=1)
    ratios = np.sort(same["ratio"].unique())
    return {"crossing": mean_interval([np.interp(0.5, row, ratios) for row in shares])}


def square(points: Sequence[object], results: Sequence[Result]) -> pd.DataFrame:
    """One row for each point of `inversion_exact`, with medians over images and draws.

    Columns beside the seed and the metrics: ``random``, ``clipped``, ``descent``, ``other``,
    ``start``, ``exact``, ``exact_single``, ``descent_embedding`` and ``random_embedding``, and
    ``truncated``, NaN where there is none; ``predicted``, of ``random``, from the least singular
    value.
    """
    names = ("random", "clipped", "descent", "other", "start", "exact", "exact_single")
    names += ("descent_embedding", "random_embedding")
    rows = [
        {
            "seed": point.vectors.seed,
            **result.metrics,
            **{name: float(np.median(result.arrays[name])) for name in names},
            "truncated": float(np.median(result.arrays.get("truncated", np.nan))),
            "predicted": MEDIAN_NORMAL * SHIFT / result.metrics["least"],
        }
        for point, result in zip(points, results, strict=True)
    ]
    return pd.DataFrame(rows)


def random_preimages(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D10: random preimages beside descent, and their distance itself."""
    return {
        "nearer": _median(np.log10(nets["random"] / nets["descent"])),
        "published": _median(np.log10(nets["random"])),
    }


def tamed_preimages(small: pd.DataFrame) -> dict[str, Estimate]:
    """D10b: truncated inverses and clipped preimages, smaller nets."""
    return {
        "truncated": _median(np.log10(small["truncated"] / small["descent"])),
        "clipped": _median(small["clipped"] / small["other"]),
    }


def heavy_tail(small: pd.DataFrame) -> dict[str, Estimate]:
    """D10c: the prediction from the least singular value, and the spread over seeds."""
    logs = np.log10(small["random"].to_numpy())

    def spread(values: NDArray[np.float64]) -> float:
        low, high = np.quantile(values, [0.25, 0.75])
        return float(high - low)

    return {
        "law": _median(np.log10(small["random"] / small["predicted"])),
        "spread": bootstrap_interval(logs, spread),
    }


def _growth(nets: pd.DataFrame, column: str) -> Estimate:
    """Deepest over shallowest net of each seed."""
    by_depth = curves(nets, column)
    return ratio_interval(by_depth[:, -1] / by_depth[:, 0], ONE_SIDED)


def _deepest(nets: pd.DataFrame, column: str) -> Estimate:
    """Distance of the deepest net over that of a noisy copy."""
    deepest = nets[nets["depth"] == nets["depth"].max()].sort_values("seed")
    return ratio_interval((deepest[column] / deepest["copy"]).to_numpy(), ONE_SIDED)


def _wider(nets: pd.DataFrame, column: str) -> Estimate:
    """Last layer `LAST` times as wide over as wide as the others."""
    by_last = nets[nets["last"].isin((1, LAST))]
    pair = curves(by_last, column, "last")
    return ratio_interval(pair[:, 1] / pair[:, 0], ONE_SIDED)


def _median(values: pd.Series) -> Estimate:
    return bootstrap_interval(values.to_numpy(), lambda rows: float(np.median(rows)))


def _seeds(values: pd.Series) -> Estimate:
    return mean_interval(values.to_numpy(), ONE_SIDED)

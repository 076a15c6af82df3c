"""The statistics of claims D4 and D5: ranks of stages, null-space steps and walks.

`stages`, `steps` and `walks` turn results into tables; the other functions give the parts of a
claim from them. A seed, with its images and its nets of all kinds, is the unit of replication.
Facts that must hold at every image are judged by the worst one of a seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from strata.experiments.inversion_ranks import SMALL
from strata.experiments.tables import ONE_SIDED, curves
from strata.measures.rank_correlation import partial_spearman, spearman
from strata.nets.stages import STAGES
from strata.runs.result import Result
from strata.statistics import Estimate, mean_interval

NAMES = {"untrained": "untrained", "calibrated": "calibrated", "natural": "trained"}
SHORT, LONG = 0.01, 0.1
"""Lengths of the steps that are judged."""


def stages(points: Sequence[object], results: Sequence[Result]) -> pd.DataFrame:
    """One row for each point of `inversion_ranks`, image and stage.

    Columns beside the place in the sweep: ``share`` of the inputs that the rank is; ``live``, the
    outputs that are seen to change at the image, over the number of inputs; ``full``,
    whether the rank is all that the sizes allow; ``log_gap``, log10 of ``kept`` over ``dropped``;
    ``small``, the share of non-zero singular values below `SMALL` of the largest, and
    ``small_inputs``, the same as a share of the inputs; ``typical``, log10 of the largest over
    the median non-zero one; ``left``, the distance of the reconstruction, NaN if there is none.
    """
    rows = []
    for point, result in zip(points, results, strict=True):
        found, inputs = result.arrays, result.metrics["inputs"]
        for image in range(point.images):
            for place, stage in enumerate(point.stages):
                rank = int(found["rank"][image, place])
                values = found["values"][image, place, :rank]
                shares = values / values[0]
                dropped = max(found["dropped"][image, place], np.finfo(np.float64).eps)
                rows.append(
                    {
                        "kind": point.net.kind,
                        "pooling": point.pooling,
                        "side": point.side,
                        "seed": point.net.seed,
                        "image": image,
                        "stage": stage,
                        "place": STAGES.index(stage),
                        "outputs": int(found["outputs"][place]),
                        "rank": rank,
                        "share": rank / inputs,
                        "live": found["live"][image, place] / inputs,
                        "full": rank == min(inputs, found["outputs"][place]),
                        "kept": found["kept"][image, place],
                        "dropped": found["dropped"][image, place],
                        "log_gap": float(np.log10(found["kept"][image, place] / dropped)),
                        "small": float((shares < SMALL).mean()),
                        "small_inputs": float((shares < SMALL).sum() / inputs),
                        "typical": float(-np.log10(np.median(shares))),
                        "left": (
                            found["inputs_left"][image, place] if "inputs_left" in found else np.nan
                        ),
                    }
                )
    return pd.DataFrame(rows)


def steps(points: Sequence[object], results: Sequence[Result]) -> pd.DataFrame:
    """One row for each point of `inversion_ranks`, image and length of a step at the last stage.

    Columns ``null`` and ``random``: how far steps in the null space and in a random direction move
    the embedding, over the distance m_r to a noisy copy.
    """
    rows = []
    for point, result in zip(points, results, strict=True):
        found = result.arrays
        for image in range(point.images):
            reference = found["reference"][image, -1]
            for place, length in enumerate(found["lengths"]):
                rows.append(
                    {
                        "kind": point.net.kind,
                        "seed": point.net.seed,
                        "image": image,
                        "length": float(length),
                        "null": found["seen_null"][image, place] / reference,
                        "random": found["seen_random"][image, place] / reference,
                    }
                )
    return pd.DataFrame(rows)


def walks(points: Sequence[object], results: Sequence[Result]) -> pd.DataFrame:
    """One row for each walk: distances at its end, over those of a noisy copy or of others."""
    rows = []
    for point, result in zip(points, results, strict=True):
        found, metrics = result.arrays, result.metrics
        end = found["embedding"][-1]
        rows.append(
            {
                "kind": point.net.kind,
                "seed": point.net.seed,
                "far": found["inputs"][-1] / metrics["reference_input"],
                "near": end / metrics["reference"],
                "random": end / found["random_embedding"][-1],
                "straight": end / found["straight_embedding"][-1],
                "other": end / metrics["nearest"],
                "outside": metrics["outside"],
            }
        )
    return pd.DataFrame(rows)


def exact_loss(nets: pd.DataFrame, large: pd.DataFrame) -> dict[str, Estimate]:
    """D4: ranks of `stages`, and `steps` on larger images."""
    lossy = nets[~nets["full"]]
    return {
        "conv1": _worst(nets[nets["stage"] == "conv1"], "share", "min"),
        "pool": _worst(nets[nets["stage"] == "pool"], "share", "max"),
        "c4": _worst(nets[nets["stage"] == "c4"], "share", "max"),
        "gap": _worst(lossy, "log_gap", "min"),
        "step": _seeds(_at(large, LONG).groupby("seed")["null"].mean()),
    }


def by_pooling(nets: pd.DataFrame, averaged: pd.DataFrame) -> dict[str, Estimate]:
    """D4b: ranks after pooling by maxima and by averages.

    Raises
    ------
    ValueError
        If the two were not measured on the same nets and images.
    """
    keys = ["kind", "seed", "image"]
    pooled = nets[(nets["stage"] == "pool") & nets["kind"].isin(averaged["kind"])]
    both = pooled.merge(averaged, on=keys, suffixes=("", "_average"), validate="one_to_one")
    if not len(both) == len(pooled) == len(averaged):
        raise ValueError("the pooling was not changed for the same nets and images")
    both["drop"] = both["share"] - both["share_average"]
    calibrated = averaged[averaged["kind"] == "calibrated"]
    return {"drop": _worst(both, "drop", "max"), "average": _worst(calibrated, "share", "min")}


def walked(ends: pd.DataFrame) -> dict[str, Estimate]:
    """D4c: where `walks` ended."""
    return {"far": _worst(ends, "far", "min")} | {
        name: _worst(ends, name, "max") for name in ("near", "random", "other")
    }


def other_sizes(large: pd.DataFrame) -> dict[str, Estimate]:
    """D4d: ranks of `stages` on larger images."""
    return {"pool": _worst(large[large["stage"] == "pool"], "share", "max")}


def against_random(large: pd.DataFrame, short: pd.DataFrame) -> dict[str, Estimate]:
    """D4e: null over random steps, on larger images, and short ones of all kinds of nets."""
    long, brief = _at(large, LONG), _at(short, SHORT)
    by_kind = (brief["null"] / brief["random"]).groupby([brief["seed"], brief["kind"]]).mean()
    return {
        "step": _seeds((long["null"] / long["random"]).groupby(long["seed"]).mean()),
        "short": _seeds(by_kind.groupby("seed").max()),
    }


def near_loss(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D5: singular values of the stages from pooling on, relative to the largest."""
    late = nets[nets["place"] >= STAGES.index("pool")]
    found, rises = {}, []
    for kind, name in NAMES.items():
        rows = late[late["kind"] == kind].groupby(["seed", "place"]).mean(numeric_only=True)
        small, typical = (curves(rows.reset_index(), c, "place") for c in ("small", "typical"))
        found[name] = mean_interval(small[:, -1] - small[:, 0], ONE_SIDED)
        order = np.arange(small.shape[1])
        found[f"trend_{name}"] = mean_interval([_trend(order, row) for row in small], ONE_SIDED)
        rises.append(typical[:, -1] - typical[:, 0])
    return found | {"condition": mean_interval(np.mean(rises, axis=0), ONE_SIDED)}


def with_reconstructions(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D5b: nearly lost directions and distances of reconstructions, given rank and stage."""
    return {"stage": mean_interval(_partial(nets, ["share", "place"]), ONE_SIDED)}


def given_rank(nets: pd.DataFrame) -> Estimate:
    """The correlation of D5b given the rank alone, which depth by itself makes positive."""
    return mean_interval(_partial(nets, ["share"]), ONE_SIDED)


def _partial(nets: pd.DataFrame, given: list[str]) -> list[float]:
    """Partial correlation over stages and kinds, a number a seed."""
    cells = nets.groupby(["seed", "kind", "place"]).mean(numeric_only=True).reset_index()
    return [
        partial_spearman(rows["small_inputs"], rows["left"], rows[given])
        for _, rows in cells.groupby("seed")
    ]


def _trend(order: np.ndarray, values: np.ndarray) -> float:
    """Rank correlation, 0 where all values are equal."""
    return 0.0 if np.ptp(values) == 0 else spearman(order, values)


def _at(rows: pd.DataFrame, length: float) -> pd.DataFrame:
    return rows[np.isclose(rows["length"], length)]


def _worst(rows: pd.DataFrame, column: str, which: str) -> Estimate:
    """Of the least or the largest value of each seed."""
    return _seeds(rows.groupby("seed")[column].agg(which))


def _seeds(values: pd.Series) -> Estimate:
    return mean_interval(values.to_numpy(), ONE_SIDED)

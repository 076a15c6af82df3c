"""The statistics of claims C12p to C12w: what layers trained on digits have of learned latents.

Each function takes the table of `table` and returns an estimate for each part of a claim in
``book/claims.yml``. One seed, with its digits, its encoder and its nets of every depth, is one
replicate: numbers are averaged over the nets of a seed first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from strata.experiments.digit_encoder import REFERENCES
from strata.experiments.layer_latents import CKA_KINDS
from strata.experiments.tables import ONE_SIDED, Curves, check_complete, curves
from strata.runs.result import Result
from strata.statistics import Estimate, held_out_peak, mean_interval

SCALARS = ("accuracy", "train_error", "epochs", "covariance_ranks", "covariance_ranks_init")
LEARNED = "encoder"
JUDGED = {"": "cka", "_debiased": "cka_debiased"}
"""Ends of the names of parts, and the measure: the RBF CKA of layers of high rank is too high."""


def table(points: Sequence[object], results: Sequence[Result]) -> pd.DataFrame:
    """One row a net: depth, seed, its numbers, and lists over z_0 ... z_L.

    The columns of lists are named by measure and latents: ``cka encoder``, ``r2_init within``.
    """
    measures = [name + end for name in (*CKA_KINDS, "r2") for end in ("", "_init")]
    rows = []
    for point, result in zip(points, results, strict=True):
        row = {"depth": point.depth, "seed": point.seed}
        row |= {name: result.metrics[name] for name in SCALARS}
        for measure in measures:
            for latents, values in result.metrics[measure].items():
                row[f"{measure} {latents}"] = values
        rows.append(row)
    return pd.DataFrame(rows)


def by_layer(nets: pd.DataFrame, column: str) -> Curves:
    """A column of lists of nets of one depth as an array (seeds, layers), seeds growing."""
    if nets["depth"].nunique() != 1:
        raise ValueError("nets of several depths have lists of several lengths")
    return np.array(nets.sort_values("seed")[column].tolist(), dtype=np.float64)


def _by_seed(nets: pd.DataFrame, value: Callable[[pd.Series], float]) -> Curves:
    """Mean over the nets of each seed, seeds growing."""
    return curves(nets, value).mean(axis=1)


def _from_depth(nets: pd.DataFrame, least: int) -> pd.DataFrame:
    check_complete(nets)
    return nets[nets["depth"] >= least]


def sentence(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C12p: how alike to the learned latents the layer is that is most like them."""

    def highest(measure: str) -> Estimate:
        return mean_interval(_by_seed(nets, lambda net: max(net[f"{measure} {LEARNED}"])))

    return {"highest": highest("cka"), "linear": highest("cka_linear")}


def hidden_gain(net: pd.Series, measure: str, latents: str) -> float:
    """Mean similarity of the hidden maps with the latents, trained net minus untrained."""
    after, before = (net[f"{measure}{end} {latents}"][:-1] for end in ("", "_init"))
    return float(np.mean(after) - np.mean(before))


def approach(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C12q: does training bring layers nearer to the learned latents, and not to any latents?"""
    found = {}
    for end, measure in JUDGED.items():
        learned, before, within = (
            _by_seed(nets, lambda net, name=name, kind=measure: hidden_gain(net, kind, name))
            for name in (LEARNED, "untrained", "within")
        )
        found[f"nearer{end}"] = mean_interval(learned, ONE_SIDED)
        found[f"learned{end}"] = mean_interval(learned - before, ONE_SIDED)
        found[f"within{end}"] = mean_interval(within, ONE_SIDED)
    return found


def _at_peak(curve: Curves) -> Curves:
    """Each seed's value (seeds,) where the mean curve of the other seeds peaks.

    So a place is not picked by the same noise that it is measured with.
    """
    return curve[np.arange(len(curve)), held_out_peak(curve)]


def _references(encoders: Sequence[Result], measure: str, reference: str) -> Curves:
    """What pixels or label have of the learned latents, (seeds,)."""
    place = REFERENCES.index(reference)
    return np.array([e.metrics["references"][measure][LEARNED][place] for e in encoders])


def peak(nets: pd.DataFrame, encoders: Sequence[Result]) -> dict[str, Estimate]:
    """C12r: is an inner map more like the learned latents than all before, and than the logits?

    ``encoders`` holds a result a seed, seeds growing. Before lie the pixels and the first map.
    """
    deep = _from_depth(nets, 3)
    found = {}
    for end, measure in JUDGED.items():
        pixels, rises, falls = _references(encoders, measure, "pixels"), [], []
        for _, group in deep.groupby("depth"):
            curve = by_layer(group, f"{measure} {LEARNED}")
            best = _at_peak(curve[:, 1:-1])
            rises.append(best - np.maximum(curve[:, 0], pixels))
            falls.append(best - curve[:, -1])
        found[f"rise{end}"] = mean_interval(np.mean(rises, axis=0), ONE_SIDED)
        found[f"fall{end}"] = mean_interval(np.mean(falls, axis=0), ONE_SIDED)
    return found


def beyond(nets: pd.DataFrame, encoders: Sequence[Result], reference: str) -> dict[str, Estimate]:
    """C12v, C12w: is the best hidden map more like the learned latents than pixels or label are?

    ``encoders`` holds a result a seed, seeds growing.
    """
    check_complete(nets)
    found = {}
    for end, measure in JUDGED.items():
        column = f"{measure} {LEARNED}"
        best = [_at_peak(by_layer(group, column)[:, :-1]) for _, group in nets.groupby("depth")]
        gain = np.mean(best, axis=0) - _references(encoders, measure, reference)
        found[f"cka{end}"] = mean_interval(gain, ONE_SIDED)
    return found


def disagreement(nets: pd.DataFrame, encoders: Sequence[Result]) -> dict[str, Estimate]:
    """C12s: at the middle hidden map, what is left of the pixels' similarity, and R² itself.

    ``encoders`` holds a result a seed, seeds growing.
    """
    deep = _from_depth(nets, 4)
    middle = {
        measure: _by_seed(
            deep, lambda net, kind=measure: net[f"{kind} {LEARNED}"][net["depth"] // 2]
        )
        for measure in ("cka", "r2")
    }
    return {
        "cka": mean_interval(middle["cka"] / _references(encoders, "cka", "pixels"), ONE_SIDED),
        "r2": mean_interval(middle["r2"], ONE_SIDED),
    }


def change(net: pd.Series, measure: str, latents: str) -> float:
    """From the first map to the last hidden one: trained net minus untrained."""
    after, before = (net[f"{measure}{end} {latents}"] for end in ("", "_init"))
    return float((after[-2] - after[0]) - (before[-2] - before[0]))


def shed(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C12t: what depth does to the part of the latents that the label does not tell."""
    deep = _from_depth(nets, 2)
    return {
        measure: mean_interval(
            _by_seed(deep, lambda net, kind=measure: change(net, kind, "within")), ONE_SIDED
        )
        for measure in ("r2", *JUDGED.values())
    }


def encoder_check(encoders: Sequence[Result]) -> dict[str, Estimate]:
    """C12u: how much better the trained encoder's latents tell the digit; one result a seed."""
    probes = pd.DataFrame([result.metrics["probe"] for result in encoders])
    return {
        part: mean_interval(probes[LEARNED] - probes[other], ONE_SIDED)
        for part, other in (("learned", "untrained"), ("projection", "projection"))
    }

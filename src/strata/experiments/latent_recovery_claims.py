"""The statistics of claims C12 to C12i: do maps recover latents, and which, and by which measure?

Each function takes rows of :func:`table` and gives the parts of a claim in ``book/claims.yml``. A
list has one number for the input and one for each map z_0 ... z_L; z_l is at place l + 1. One seed,
with its world and its nets of every set-up, is one replicate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from strata.experiments.extractor_tunnel_claims import by_map
from strata.experiments.latent_recovery import CKA_KINDS, Config
from strata.experiments.tables import ONE_SIDED, Curves, check_complete, curves
from strata.runs.result import Result
from strata.statistics import (
    Estimate,
    held_out_peak,
    mean_interval,
    ratio_interval,
)

INPUT, FIRST_MAP = 0, 1
RANKS = {"covariance": "covariance_ranks", "singular": "singular_value_ranks"}


def table(points: Sequence[Config], results: Sequence[Result]) -> pd.DataFrame:
    """One row a net: its set-up, its seed and every number measured on it."""
    rows = []
    for point, result in zip(points, results, strict=True):
        kind = (point.setting, point.teacher, point.decoder, point.activation)
        names = dict(zip(("setting", "teacher", "decoder", "activation"), kind, strict=True))
        setup = ", ".join((*kind, str(point.depth)))
        rows.append(
            names | {"depth": point.depth, "seed": point.seed, "setup": setup} | result.metrics
        )
    return pd.DataFrame(rows)


def middle(depth: int) -> int:
    """Place of the middle hidden map, z_l with l = L // 2."""
    return depth // 2 + FIRST_MAP


def last_hidden(depth: int) -> int:
    """Place of the last hidden map, z_{L-1}."""
    return depth


def recovery(slides: pd.DataFrame, text: pd.DataFrame) -> dict[str, Estimate]:
    """C12: rise and fall of CKA with the latents, in the study's own set-ups."""
    parts = {}
    for name, nets in (("slides", slides), ("text", text)):
        found = _peaks(nets, "latents")
        parts |= {f"{name}_{part}": found[part] for part in ("rise", "fall")}
    return parts


def peak(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C12b, C12c: CKA with the latents that matter at the best inner map, and what it beats."""
    return _peaks(nets, "relevant")


def _peaks(nets: pd.DataFrame, which: str) -> dict[str, Estimate]:
    """The best inner map by each kind of CKA against all else; of both kinds the weaker case."""
    found = []
    for kind in CKA_KINDS:
        column = f"{kind}_{which}"
        best, before = _best_inner(nets, column)
        found.append(
            {
                "rise": best - _input(nets, column),
                "fall": best - _late(nets, column),
                "score": best - _by_seed(nets, f"score_{column}"),
                "label": best - _by_seed(nets, f"label_{column}"),
                "trained": best - before,
            }
        )
    return {part: _one_sided(min((each[part] for each in found), key=np.mean)) for part in found[0]}


def disagreement(text: pd.DataFrame, own: pd.DataFrame) -> dict[str, Estimate]:
    """C12d: what CKA keeps at the middle hidden map, and what a read-out still finds there."""

    def kept(nets: pd.DataFrame) -> Curves:
        return _by_seed(
            nets, lambda net: net["rbf_latents"][middle(net["depth"])] / net["rbf_latents"][INPUT]
        )

    return {
        "cka_text": _one_sided(kept(text)),
        "r2_text": _one_sided(_at(text, "r2_latents", middle)),
        "cka": _one_sided(kept(own)),
        "r2": _one_sided(_at(own, "r2_latents", middle)),
        "unrelated": _one_sided(_at(own, "r2_unrelated", middle)),
    }


def coincidence(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C12e: is there a rank peak, and how far from it is the map most like the latents?"""
    rises = []
    for group in _setups(nets):
        ranks = by_map(group, "covariance_ranks")[:, FIRST_MAP:]
        later = ranks[:, 1:]
        best = later[np.arange(len(later)), held_out_peak(later)]
        rises.append(np.log(best / ranks[:, 0]))
    parts = {"rank": ratio_interval(np.exp(np.mean(rises, axis=0)), ONE_SIDED)}
    for name in ("covariance", "singular"):
        found = [peak_distance(nets, RANKS[name], kind) for kind in CKA_KINDS]
        distance, chance = max(found, key=lambda pair: pair[0].mean())
        parts[name] = _one_sided(distance)
        parts[f"{name}_chance"] = _one_sided(distance - chance)
    return parts


def peak_places(net: pd.Series, ranks: str, kind: str = "rbf") -> tuple[int, int]:
    """Places of the highest CKA with the latents that matter, and of the highest rank.

    The similarity may be highest at the input. The rank of the input, which is that of the data,
    does not count.
    """
    alike = int(np.argmax(net[f"{kind}_relevant"]))
    return alike, int(np.argmax(net[ranks][FIRST_MAP:])) + FIRST_MAP


def peak_distance(nets: pd.DataFrame, ranks: str, kind: str = "rbf") -> tuple[Curves, Curves]:
    """How many maps the two peaks of a net are apart; that of a place drawn evenly; by seed."""

    def apart(net: pd.Series) -> float:
        alike, rank = peak_places(net, ranks, kind)
        return float(abs(alike - rank))

    def by_chance(net: pd.Series) -> float:
        return float(np.abs(peak_places(net, ranks, kind)[1] - np.arange(net["depth"] + 2)).mean())

    return _by_seed(nets, apart), _by_seed(nets, by_chance)


def dropped_by_similarity(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C12f: CKA with the latents that matter minus with the others, at the middle hidden map."""
    return _apart(nets, "rbf", middle)


def dropped_by_decodability(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C12g: the same of held-out R^2, at the last hidden map."""
    return _apart(nets, "r2", last_hidden)


def one_number(text: pd.DataFrame, own: pd.DataFrame) -> dict[str, Estimate]:
    """C12h: CKA with the latents, last hidden map against the teacher's score: how far apart."""

    def beyond(nets: pd.DataFrame) -> Estimate:
        def off(net: pd.Series) -> float:
            return abs(net["rbf_latents"][last_hidden(net["depth"])] - net["score_rbf_latents"])

        return _one_sided(_by_seed(nets, off))

    return {"text": beyond(text), "linear": beyond(own[own["teacher"] == "even"])}


def undone(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C12i: R^2 of the latents that matter, best map past z_0 minus input and minus untrained."""
    best, before = _best_inner(nets, "r2_relevant", FIRST_MAP + 1)
    return {
        "gain": _one_sided(best - _input(nets, "r2_relevant")),
        "trained": _one_sided(best - before),
    }


def _apart(nets: pd.DataFrame, kind: str, place: Callable[[int], int]) -> dict[str, Estimate]:
    def difference(rows: pd.DataFrame, suffix: str = "") -> Curves:
        kept, other = (
            # A negative R^2 says no more than 0: that nothing was found.
            _at(rows, f"{kind}_{name}{suffix}", place).clip(min=0)
            for name in ("relevant", "irrelevant")
        )
        return kept - other

    return {
        "linear": _one_sided(difference(nets[nets["teacher"] == "even"])),
        "products": _one_sided(difference(nets[nets["teacher"] == "products"])),
        "start": mean_interval(difference(nets, "_init")),
    }


def _setups(nets: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The nets of each set-up, all of the same seeds."""
    check_complete(nets, "setup")
    return (group for _, group in nets.groupby("setup", sort=False))


def _by_seed(nets: pd.DataFrame, value: str | Callable[[pd.Series], float]) -> Curves:
    """Mean over the set-ups of each seed, seeds growing."""
    return curves(nets, value, "setup").mean(axis=1)


def _at(nets: pd.DataFrame, column: str, place: Callable[[int], int]) -> Curves:
    """A list's number at the place that the depth gives, by seed."""
    return _by_seed(nets, lambda net: net[column][place(net["depth"])])


def _input(nets: pd.DataFrame, column: str) -> Curves:
    return _at(nets, column, lambda depth: INPUT)


def _best_inner(nets: pd.DataFrame, column: str, first: int = FIRST_MAP) -> tuple[Curves, Curves]:
    """By seed, a list at the inner map that is best on the other seeds: trained, and before."""
    after, before = [], []
    for group in _setups(nets):
        values, start = by_map(group, column), by_map(group, f"{column}_init")
        seeds, place = np.arange(len(values)), held_out_peak(values[:, first:-1]) + first
        after.append(values[seeds, place])
        before.append(start[seeds, place])
    return np.mean(after, axis=0), np.mean(before, axis=0)


def _late(nets: pd.DataFrame, column: str) -> Curves:
    """By seed, a list at the last hidden map or the logits, whichever is more on other seeds."""
    found = []
    for group in _setups(nets):
        ends = by_map(group, column)[:, -2:]
        found.append(ends[np.arange(len(ends)), held_out_peak(ends)])
    return np.mean(found, axis=0)


def _one_sided(values: Curves) -> Estimate:
    return mean_interval(values, ONE_SIDED)

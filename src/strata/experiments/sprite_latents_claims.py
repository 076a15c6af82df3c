"""The statistics of claims C14d to C14m: from nets on sprites to estimates with intervals.

Each function takes the table of :func:`table` and gives the parts of a claim. One seed, with its
images and its nets of every depth, is one replicate. Maps are counted from 0; the input is left
out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from strata.data.sprites import LATENTS
from strata.experiments.sprite_latents import DEEP, UNCORRELATED, Config
from strata.experiments.sprite_layers import GROUPS, TARGETS
from strata.experiments.tables import ONE_SIDED, Curves, check_complete, curves
from strata.runs.result import Result
from strata.statistics import Estimate, held_out_peak, mean_interval, ratio_interval

ARCHS = ("mlp", "conv")
CKA = "rbf_flat"
KINDS = (CKA, "debiased_flat")
"""Similarities of the claims, of whole maps: the study's kernel, and the linear one debiased. The
first is above 0 for maps of many numbers that have nothing to do with the latents."""
OTHERS = ("spurious", "noise")


def table(points: Sequence[Config], results: Sequence[Result]) -> pd.DataFrame:
    """One row a net: its place in the sweep, its accuracies, and the arrays measured on it."""
    most = max(point.training_images for point in points)
    rows = [
        {
            "arch": point.arch,
            "depth": point.depth,
            "seed": point.seed,
            "shortcut": point.agreement != UNCORRELATED,
            "few": point.training_images < most,
        }
        | result.metrics
        | {"gap": result.metrics["id"] - result.metrics["ood"]}
        | result.arrays
        for point, result in zip(points, results, strict=True)
    ]
    return pd.DataFrame(rows)


def nets_of(
    nets: pd.DataFrame, arch: str, *, few: bool = False, shortcut: bool = True
) -> pd.DataFrame:
    """Nets of one kind, by what they were trained on."""
    return nets[(nets["arch"] == arch) & (nets["shortcut"] == shortcut) & (nets["few"] == few)]


def deep(nets: pd.DataFrame) -> pd.DataFrame:
    """Nets of depth `DEEP` and more."""
    return nets[nets["depth"] >= DEEP]


def similarity(net: pd.Series, group: str, column: str = CKA) -> Curves:
    """CKA of the maps (L + 1,) with a group of latents."""
    return net[column][GROUPS.index(group), 1:]


def readable(net: pd.Series, targets: Sequence[str], column: str = "read_flat") -> Curves:
    """Held-out R² of the maps (L + 1,), the mean over targets; what misleads counts as nothing."""
    rows = [TARGETS.index(name) for name in targets]
    return net[column][rows, 1:].clip(min=0).mean(axis=0)


def rank_peak(net: pd.Series, column: str = "rank_flat") -> int:
    """Map of the largest rank. That of the input, which is the images', does not count."""
    return int(net[column][1:].argmax())


def core_peak(net: pd.Series, column: str = CKA) -> int:
    """Map of the largest similarity to the core latents; -1 is the input."""
    return int(net[column][GROUPS.index("core")].argmax()) - 1


def by_seed(nets: pd.DataFrame, value: str | Callable[[pd.Series], float]) -> Curves:
    """Mean over depths for each seed, seeds growing."""
    return curves(nets, value).mean(axis=1)


def shortcut_cost(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C14d: ID minus OOD accuracy, and what of it nets without the correlation do not have."""
    parts = {}
    for arch in ARCHS:
        parts[arch] = _interval(by_seed(nets_of(nets, arch), "gap"))
        parts[f"{arch}_control"] = _interval(_beyond_control(nets, arch, few=False))
    return parts


def _beyond_control(nets: pd.DataFrame, arch: str, *, few: bool) -> Curves:
    """Gap of the deepest nets minus that of the same nets trained without the correlation."""
    chosen, without = (nets_of(nets, arch, few=few, shortcut=s) for s in (True, False))
    same = chosen[chosen["depth"].isin(without["depth"])]
    return by_seed(same, "gap") - by_seed(without, "gap")


def cost_with_depth(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C14e: ID minus OOD accuracy, greatest depth minus smallest."""
    parts = {}
    for arch in ARCHS:
        for name, few in ((arch, False), (f"{arch}_few", True)):
            gap = curves(nets_of(nets, arch, few=few), "gap")
            parts[name] = _interval(gap[:, -1] - gap[:, 0])
    return parts


def cost_with_few(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C14k: ID minus OOD accuracy with few images; minus that with many, and the control's."""
    parts = {}
    for arch in ARCHS:
        few, many = (by_seed(nets_of(nets, arch, few=few), "gap") for few in (True, False))
        parts[arch] = _interval(few)
        parts[f"{arch}_more"] = _interval(few - many)
        parts[f"{arch}_control"] = _interval(_beyond_control(nets, arch, few=True))
    return parts


def inner_peak(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C14f: similarity to the core latents at the best inner map minus that at the better end."""
    return {
        arch: _least(_inner_gain(deep(nets_of(nets, arch)), kind) for kind in KINDS)
        for arch in ARCHS
    }


def _inner_gain(nets: pd.DataFrame, kind: str) -> Curves:
    """For each seed, both places picked on the others; mean over depths."""
    check_complete(nets)
    gains = []
    for _, group in nets.groupby("depth"):
        ordered = group.sort_values("seed")
        core = np.array([similarity(net, "core", kind) for _, net in ordered.iterrows()])
        seeds, inner, ends = np.arange(len(core)), core[:, 1:-1], core[:, [0, -1]]
        gains.append(inner[seeds, held_out_peak(inner)] - ends[seeds, held_out_peak(ends)])
    return np.mean(gains, axis=0)


def peaks_together(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C14g: distance of the two peaks, that from the rank's peak to an even draw, and the peak."""
    parts = {}
    for arch in ARCHS:
        chosen = deep(nets_of(nets, arch))
        apart = [
            by_seed(chosen, lambda net, k=kind: abs(rank_peak(net) - core_peak(net, k)))
            for kind in KINDS
        ]
        chance = by_seed(chosen, _chance_distance)
        parts[f"{arch}_rank"] = ratio_interval(np.exp(_rank_rise(chosen)), ONE_SIDED)
        parts[arch] = _greatest(apart)
        parts[f"{arch}_chance"] = _greatest(distance - chance for distance in apart)
    return parts


def habit(nets: pd.DataFrame) -> Curves:
    """For each seed, distance from the rank's peak to the CKA's in nets of *other* seeds.

    Mean over depths. As small as the distance within a net, if both peaks have fixed places.
    """
    check_complete(nets)
    distances = []
    for _, group in nets.groupby("depth"):
        rows = [net for _, net in group.sort_values("seed").iterrows()]
        ranks, cores = (np.array([peak(net) for net in rows]) for peak in (rank_peak, core_peak))
        apart = np.abs(ranks[:, None] - cores)
        distances.append((apart.sum(axis=1) - apart.diagonal()) / (len(rows) - 1))
    return np.mean(distances, axis=0)


def _rank_rise(nets: pd.DataFrame) -> Curves:
    """For each seed, log of the rank at its peak past z_0 over that at z_0; mean over depths."""
    check_complete(nets)
    rises = []
    for _, group in nets.groupby("depth"):
        logs = np.log(np.stack(group.sort_values("seed")["rank_flat"].tolist())[:, 1:])
        later = logs[:, 1:]
        rises.append(later[np.arange(len(logs)), held_out_peak(later)] - logs[:, 0])
    return np.mean(rises, axis=0)


def _chance_distance(net: pd.Series) -> float:
    places = np.arange(-1, net["depth"] + 1)  # the input, and all maps
    return float(np.abs(rank_peak(net) - places).mean())


def held_though_unlike(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C14h: CKA and held-out R² of the last hidden map: of place or of noise, the larger.

    And R² of the first map, the smaller: what cannot be read there could not be lost.
    """
    parts = {}
    for arch in ARCHS:
        chosen = deep(nets_of(nets, arch))
        alike = [
            by_seed(chosen, lambda net, g=group, k=kind: similarity(net, g, k)[-2])
            for group in OTHERS
            for kind in KINDS
        ]
        read = [
            by_seed(chosen, lambda net, g=group: readable(net, LATENTS[g])[-2]) for group in OTHERS
        ]
        parts[f"{arch}_cka"], parts[f"{arch}_read"] = _greatest(alike), _greatest(read)
        parts[f"{arch}_first"] = _least(
            by_seed(chosen, lambda net, g=group: readable(net, LATENTS[g])[0]) for group in OTHERS
        )
    return parts


def core_rises(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C14i: similarity to the core latents, logits minus first map."""
    return {
        arch: _least(
            by_seed(nets_of(nets, arch), lambda n, k=kind: core_rise(n, k)) for kind in KINDS
        )
        for arch in ARCHS
    }


def core_rise(net: pd.Series, column: str = CKA) -> float:
    """Similarity of the logits to the core latents, minus that of the first map."""
    core = similarity(net, "core", column)
    return float(core[-1] - core[0])


def label_is_nearer(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C14l: similarity of the logits to the label, minus to the core latents."""

    def lead(net: pd.Series, kind: str) -> float:
        return float(similarity(net, "label", kind)[-1] - similarity(net, "core", kind)[-1])

    return {
        arch: _least(by_seed(nets_of(nets, arch), lambda n, k=kind: lead(n, k)) for kind in KINDS)
        for arch in ARCHS
    }


def kernel_falls(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C14j: Spearman correlation of map and layer-wise NTK rank."""
    return {arch: _interval(_trend(nets, arch, "ntk")) for arch in ARCHS}


def training_lets_it_fall(nets: pd.DataFrame) -> dict[str, Estimate]:
    """C14m: the same correlation, trained minus untrained."""
    return {
        arch: _interval(_trend(nets, arch, "ntk") - _trend(nets, arch, "ntk_init"))
        for arch in ARCHS
    }


def _trend(nets: pd.DataFrame, arch: str, column: str) -> Curves:
    return by_seed(deep(nets_of(nets, arch)), lambda net: kernel_trend(net[column]))


def kernel_trend(ranks: Curves) -> float:
    """Spearman correlation of the index of a map and its rank."""
    return float(spearmanr(np.arange(len(ranks)), ranks).statistic)


def _least(options: Iterable[Curves]) -> Estimate:
    """The interval of the smallest mean: what is above a bound for one is so for all."""
    return min((_interval(values) for values in options), key=lambda e: e.value)


def _greatest(options: Iterable[Curves]) -> Estimate:
    """The interval of the largest mean."""
    return max((_interval(values) for values in options), key=lambda e: e.value)


def _interval(values: Curves) -> Estimate:
    """Of a statistic whose criterion has one bound."""
    return mean_interval(values, ONE_SIDED)

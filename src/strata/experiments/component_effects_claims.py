"""The statistics of claims B8, B9 and B9b: which components help, and which are learned by heart.

Each function takes the table of `component_use_tables.table`, a row for each net and order, and
gives the parts of a claim. The unit is the seed: a number of one seed is an average over its
depths and numbers of samples. B8 is judged on the first data set, the others on the second too.
``chain`` says whose components: those of warm students, which are the study's (``"_warm"``), or
those of cold ones (``""``).
"""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from strata.experiments.component_shares import LOW, mean_order
from strata.experiments.component_use_tables import (
    Cube,
    cube,
    data_sets,
    estimates,
    nearest,
    relus,
)
from strata.measures.rank_correlation import spearman
from strata.measures.shapley import overfitting
from strata.statistics import Estimate


def peaks(
    nets: pd.DataFrame, column: str = "effectiveness"
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Say where each net's components are most effective, and where half of its ReLUs lie.

    Returns
    -------
    tuple of ndarray
        Places among the orders: of the greatest value (seeds, depths, samples), and of the order
        nearest to half of the number of ReLUs, by ratio, (depths,). Of equals the first.
    """
    return cube(nets, column).argmax(axis=-1), nearest(nets, relus(nets) / 2)


def slopes(nets: pd.DataFrame, column: str = "effectiveness") -> Cube:
    """How the centre of the effectiveness moves with depth, both as log2: a number a seed.

    The centre is the mean log2 order, weighted by the effectiveness, negative values included: if
    they were set to 0, noise would pull it to high orders. If it lay at half of the depth, the
    slope would be 1; without any connection it is 0.

    Raises
    ------
    ValueError
        If the values of a net do not have a positive sum, or there is one depth.
    """
    orders, depths = (np.sort(nets[axis].unique()) for axis in ("order", "depth"))
    if len(depths) < 2:
        raise ValueError("a slope needs at least two depths")
    centres = np.apply_along_axis(mean_order, -1, cube(nets, column), orders).mean(axis=2)
    away = np.log2(depths) - np.log2(depths).mean()
    return centres @ away / (away @ away)


def steps(nets: pd.DataFrame, column: str = "effectiveness") -> Cube:
    """Steps of orders from the most effective one to half of the depth, mean of each seed."""
    found, wanted = peaks(nets, column)
    return np.abs(found - wanted[:, None]).mean(axis=(1, 2))


def nearer(nets: pd.DataFrame, column: str = "effectiveness") -> Cube:
    """Steps from the most effective order to half of the depth, minus those to another net's.

    The other is a net of the same seed, itself included: the mean over all of them is what the
    peaks would give if they had nothing to do with depth. A number a seed.
    """
    found, wanted = peaks(nets, column)
    steps = np.abs(found[:, :, :, None] - wanted)
    own = np.take_along_axis(steps, np.arange(len(wanted))[None, :, None, None], axis=3)
    # Whole numbers until the end: peaks that never move must give 0 and no rounding.
    more = (len(wanted) * own - steps.sum(axis=3, keepdims=True)).sum(axis=(1, 2, 3))
    return more / (len(wanted) * found[0].size)


def peak_correlations(nets: pd.DataFrame, column: str = "effectiveness") -> tuple[Cube, Cube]:
    """Rank correlation of the most effective order with depth, and how often chance gives it.

    Returns
    -------
    tuple of ndarray, shape (seeds,)
        Spearman's correlation over the nets of a seed, 0 where all peaks are at one order; and the
        share of all exchanges of depths among nets of as many samples that give as much or more.

    Notes
    -----
    Exact: the sums over nets of the products of ranks are counted number of samples by number of
    samples. Time O(N D! V) for D depths, N numbers of samples and V different sums.
    """
    found, wanted = peaks(nets, column)
    depths = rankdata(np.arange(len(wanted))) - (len(wanted) + 1) / 2
    rhos, shares = [], []
    for places in found:
        ranks = rankdata(places).reshape(places.shape) - (places.size + 1) / 2
        sums = Counter({0.0: 1})
        for group in ranks.T:
            given = Counter(float(np.dot(order, group)) for order in permutations(depths))
            added = Counter()
            for value, times in sums.items():
                for more, often in given.items():
                    added[value + more] += times * often
            sums = added
        own = float((depths @ ranks).sum())
        size = np.sqrt((ranks**2).sum() * (depths**2).sum() * places.shape[1])
        rhos.append(own / size if size else 0.0)
        shares.append(sum(times for value, times in sums.items() if value >= own) / sums.total())
    return np.array(rhos), np.array(shares)


def peak_at_half_depth(nets: pd.DataFrame, chain: str = "_warm") -> dict[str, Estimate]:
    """B8: where components are most effective, plain and about their means, against depth."""
    first = data_sets(nets)[0]
    found = {}
    for kind in ("", "_centred"):
        for name, statistic in (("steps", steps), ("slope", slopes), ("nearer", nearer)):
            found[f"{name}{kind}"] = statistic(first, f"effectiveness{kind}{chain}")
    return estimates(found)


def trends(nets: pd.DataFrame, values: Cube) -> Cube:
    """Spearman's correlation with the number of samples, for each seed, depth and order.

    Parameters
    ----------
    values
        As `cube` gives them. A net without a value is left out.

    Returns
    -------
    ndarray, shape (seeds, depths, orders)
        NaN where fewer than two nets have a value; 0 where all values are equal.
    """
    samples = np.sort(nets["samples"].unique())
    return np.apply_along_axis(_trend, 2, values, samples)


def _trend(values: Cube, samples: Cube) -> float:
    known = np.isfinite(values)
    if known.sum() < 2:
        return np.nan
    return spearman(samples[known], values[known]) if np.ptp(values[known]) > 0 else 0.0


def left_out(nets: pd.DataFrame, chain: str = "_warm") -> Cube:
    """Share of nets without an over-fitting value of a single order, by order and samples."""
    return np.isnan(cube(nets, f"overfitting{chain}")).mean(axis=(0, 1)).T


def overfitting_together(nets: pd.DataFrame, orders: slice, chain: str = "_warm") -> Cube:
    """Over-fitting of several orders as one: that of the sums of their Shapley values.

    Returns
    -------
    ndarray, shape (seeds, depths, samples, 1)
        NaN where the sum on the training samples is not positive.
    """
    train, test = (cube(nets, f"phi_{kind}{chain}")[..., orders] for kind in ("train", "test"))
    return overfitting(train.sum(axis=-1, keepdims=True), test.sum(axis=-1, keepdims=True))


def low_trends(nets: pd.DataFrame, chain: str = "_warm") -> dict[str, Cube]:
    """Correlations with the number of samples, averaged over depths: numbers of each seed.

    Returns
    -------
    dict of ndarray, shape (seeds,)
        ``low``, of the over-fitting of the low orders together; ``whole``, of all orders;
        ``beyond``, of the first minus the second; ``gap``, of phi_train - phi_test of the low
        orders; ``train`` and ``test``, of these two.
    """
    train, test = (
        cube(nets, f"phi_{kind}{chain}")[..., :LOW].sum(axis=-1, keepdims=True)
        for kind in ("train", "test")
    )
    low, whole = (overfitting_together(nets, slice(stop), chain) for stop in (LOW, None))
    values = {
        "low": low,
        "whole": whole,
        "beyond": low - whole,
        "gap": train - test,
        "train": train,
        "test": test,
    }
    return {name: np.nanmean(trends(nets, each), axis=(1, 2)) for name, each in values.items()}


def fewer_samples_overfit(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B9: over-fitting of low orders against the number of samples, on two data sets.

    Raises
    ------
    ValueError
        If there is no second data set.
    """
    return _on_two(nets, ("low", "gap"))


def beyond_the_whole(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B9b: the same of the low orders minus that of all, with the same error."""
    return _on_two(nets, ("beyond",))


def _on_two(nets: pd.DataFrame, names: tuple[str, ...]) -> dict[str, Estimate]:
    sets = data_sets(nets)
    if len(sets) < 2:
        raise ValueError("claims B9 and B9b are judged on two data sets")
    found = {}
    for rows, suffix in zip(sets, ("", "_second"), strict=False):
        numbers = low_trends(rows)
        found |= {f"{name}{suffix}": numbers[name] for name in names}
    return estimates(found)

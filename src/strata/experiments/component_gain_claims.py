"""The statistics of claims B10 and B11 and of check BV5: doing without the complex components.

Each function takes the table of `component_use_tables.table`, a row for each net and order, and
gives the parts of a claim. The unit is the seed: a number of one seed is an average over its
depths and numbers of samples. Judged is the first data set. Names without an ending are those of
cold students of the pool, with ``_warm`` of warm ones, as the study has them, and with ``_own`` of
cold students of the net's own samples. ``chain`` is such an ending.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from strata.experiments.component_use import TAKEN_APART
from strata.experiments.component_use_tables import (
    Cube,
    cube,
    data_sets,
    estimates,
    nearest,
    relus,
)
from strata.measures.rank_correlation import DeterminedError, partial_spearman, spearman
from strata.statistics import Estimate, held_out_peak

SEVENTH = 1
"""Place of the order that stands for the study's 7: like that one the second."""


def wins(gains: Cube) -> Cube:
    """Share of the nets of a seed that gain, an equal score counting half: (seeds, ...)."""
    scored = (gains > 0) + 0.5 * (gains == 0)
    return scored.mean(axis=(1, 2))


def better_without_the_rest(nets: pd.DataFrame, chain: str = "_warm") -> dict[str, Estimate]:
    """B10: gain at the second order, and the share of nets that gain."""
    gains = cube(data_sets(nets)[0], f"gain{chain}")[..., SEVENTH]
    return estimates({"gain": gains.mean(axis=(1, 2)), "nets": wins(gains)})


def humps(curves: Cube) -> dict[str, Cube]:
    """Say how a curve over the orders rises and falls.

    Parameters
    ----------
    curves
        Gains (seeds, orders).

    Returns
    -------
    dict of ndarray, shape (seeds,)
        ``quadratic``, the second-degree coefficient over the place of the order, negative for a
        hump; ``rise``, from the first order to the peak of the other seeds' mean curve, and
        ``fall``, from there to the last order, 0 where that peak is at the end.

    Raises
    ------
    ValueError
        If there are fewer than three orders or two seeds.
    """
    places = curves.shape[1]
    if places < 3:
        raise ValueError(f"a peak inside needs at least 3 orders, not {places}")
    peak = np.take_along_axis(curves, held_out_peak(curves)[:, None], axis=1)[:, 0]
    return {
        "quadratic": np.polyfit(np.arange(places), curves.T, 2)[0],
        "rise": peak - curves[:, 0],
        "fall": peak - curves[:, -1],
    }


def interior(gains: Cube) -> Cube:
    """Share of the nets of a seed whose best order is neither end, minus what noise gives.

    Of L values that are all alike but for noise the greatest is inside with probability
    (L - 2) / L. A tie counts by its share of places inside.
    """
    best = gains == gains.max(axis=-1, keepdims=True)
    inside = best[..., 1:-1].sum(axis=-1) / best.sum(axis=-1)
    places = gains.shape[-1]
    return inside.mean(axis=(1, 2)) - (places - 2) / places


def hump(nets: pd.DataFrame, column: str) -> dict[str, Cube]:
    """The numbers of `humps`, of the mean over the nets of a seed, and `interior`."""
    gains = cube(nets, column)
    return humps(gains.mean(axis=(1, 2))) | {"interior": interior(gains)}


def rises_then_falls(nets: pd.DataFrame, chain: str = "_warm") -> dict[str, Estimate]:
    """B11: gain against order."""
    return estimates(hump(data_sets(nets)[0], f"gain{chain}"))


def pool_needed(nets: pd.DataFrame) -> dict[str, Estimate]:
    """BV5: gain at the second order with the pool; minus without; and without, minus half of it.

    All students are cold.
    """
    first = data_sets(nets)[0]
    full, own = (cube(first, name)[..., SEVENTH].mean(axis=(1, 2)) for name in ("gain", "gain_own"))
    return estimates({"gain": full, "pool": full - own, "own": own - full / 2})


def fidelity(nets: pd.DataFrame) -> dict[str, Cube]:
    """Does the order say more of a gain than how well the student gives the feature?

    Over the cold and warm students of the pool of each net, of all orders.

    Returns
    -------
    dict of ndarray, shape (seeds,)
        Spearman's correlations, means over the nets of a seed; 0 where one is not defined:
        ``order`` and ``residual``, of the gain with these two; ``order_given`` and
        ``residual_given``, of the gain with each when the other is held fixed.
    """
    gain, residual = (
        np.concatenate([cube(nets, f"{name}{kind}") for kind in TAKEN_APART], axis=-1)
        for name in ("gain", "residual")
    )
    order = np.tile(np.sort(nets["order"].unique()), len(TAKEN_APART)).astype(np.float64)
    names = ("order", "residual", "order_given", "residual_given")
    found = {name: np.empty(gain.shape[:3]) for name in names}
    for place in np.ndindex(gain.shape[:3]):
        y, left = gain[place], residual[place]
        pairs = {"order": (order, None), "residual": (left, None)}
        pairs |= {"order_given": (order, left), "residual_given": (left, order)}
        for name, (x, given) in pairs.items():
            found[name][place] = _correlation(x, y, given)
    return {name: values.mean(axis=(1, 2)) for name, values in found.items()}


def _correlation(x: Cube, y: Cube, given: Cube | None) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    try:
        return spearman(x, y) if given is None else partial_spearman(x, y, given)
    except DeterminedError:
        return 0.0


def at_own_depth(nets: pd.DataFrame, column: str = "gain") -> Cube:
    """Gain of the student whose order is nearest to the depth of the net itself: (seeds, D, N).

    It tells a low order from a second training of a net that is as deep as the first.
    """
    places = nearest(nets, relus(nets))
    values = cube(nets, column)
    return np.stack([values[:, depth, :, place] for depth, place in enumerate(places)], axis=1)


def shallower(nets: pd.DataFrame) -> dict[str, Cube]:
    """What a deep net gains from a student as deep as the shallowest net, and that net's lead.

    Returns
    -------
    dict of ndarray, shape (seeds,)
        Means over all nets but the shallowest, in points of test accuracy above their own:
        ``net``, of the shallowest net, trained on the same samples with their labels; ``gain`` and
        ``gain_own``, of students whose order is nearest to its depth, of pool and own samples.

    Raises
    ------
    ValueError
        If there is one depth.
    """
    accuracy = cube(nets, "net")[..., 0]
    if accuracy.shape[1] < 2:
        raise ValueError("a shallower net needs at least two depths")
    (place,) = nearest(nets, [nets["relus"].min()])
    found = {"net": accuracy[:, :1] - accuracy[:, 1:]}
    found |= {name: cube(nets, name)[:, 1:, :, place] for name in ("gain", "gain_own")}
    return {name: values.mean(axis=(1, 2)) for name, values in found.items()}

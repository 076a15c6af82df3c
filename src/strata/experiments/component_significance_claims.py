"""The statistics of claims B1, B4, B6, B16 and BV1 to BV3b: what a component of a feature is.

Each function takes the table of `component_shares.table`, a row for each net that was taken apart,
and gives the parts of a claim. The intervals are over seeds; the nets of a seed are averaged. B16
takes the table of `map_table` instead, and its intervals are over image nets.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strata.experiments import component_maps
from strata.experiments.component_shares import (
    by_seed,
    distance,
    first_data,
    low_share,
    net_order,
    one_sided,
    placed_nets,
    ratio_by_seed,
    slope,
)
from strata.experiments.component_significance import WARM
from strata.runs.result import Result
from strata.statistics import Estimate

Matrix = NDArray[np.float64]

DEPTH_MARGIN = 0.25
"""Of claim B6, as ``book/claims.yml`` has it."""


def low_orders(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B1: what the lowest orders hold, and whether significance falls; the authors' chain."""
    found = order_numbers(first_data(nets), WARM)
    return {name: one_sided(found[name]) for name in ("low", "monotone")}


def shared_low_orders(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B1b: the same for what two students of equal budgets share."""
    found = order_numbers(first_data(nets))
    return {name: one_sided(found[name]) for name in ("low_shared", "falls")}


def order_numbers(nets: pd.DataFrame, chain: str = "") -> dict[str, Matrix]:
    """For each seed ``low``, ``monotone``, ``low_shared`` and ``falls`` of a kind of chain."""
    own, shared = f"{chain}significance", f"{chain}shared"
    return {
        "low": by_seed(nets, lambda net: low_share(net[own]).mean()),
        "monotone": by_seed(nets, lambda net: (np.diff(net[own]) < 0).all(axis=-1).mean()),
        "low_shared": by_seed(nets, lambda net: low_share(net[shared])),
        "falls": by_seed(nets, lambda net: slope(net[shared][1:], net["orders"][1:])),
    }


def training_samples(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B4: more samples, higher orders, but not much; on the first two data sets."""
    found = {}
    for place, suffix in enumerate(("", "_second")):
        judged = first_data(nets, place)
        found[f"slope{suffix}"] = one_sided(sample_slopes(judged))
        found[f"small{suffix}"] = one_sided(moved_shares(judged))
    return found


def sample_slopes(nets: pd.DataFrame) -> Matrix:
    """Slope of the mean log2-order on log2 of the samples, mean over depths (seeds,)."""
    orders = nets.assign(order=[net_order(net) for _, net in nets.iterrows()])
    slopes = orders.groupby(["seed", "depth"])[["order", "samples"]].apply(
        lambda group: slope(group["order"], group["samples"])
    )
    return slopes.groupby("seed").mean().sort_index().to_numpy()


def sample_distances(nets: pd.DataFrame) -> Matrix:
    """Total variation between the fewest and the most samples, mean over depths (seeds,)."""
    few, many = _ends(nets)
    apart = pd.Series([distance(p, q) for p, q in zip(few, many, strict=True)], index=few.index)
    return apart.groupby("seed").mean().to_numpy()


def moved_shares(nets: pd.DataFrame) -> Matrix:
    """`sample_distances` as a share of what the two hold above the lowest order (seeds,).

    Without that, a feature that is nearly all of the lowest order could not move far. Where nothing
    is above it, the divisor is noise of either sign, and its size is taken: about 1 comes out.
    """
    above = [
        end.map(lambda shares: 1 - shares[0] / shares.sum()).groupby("seed").mean()
        for end in _ends(nets)
    ]
    return sample_distances(nets) / np.abs((above[0] + above[1]).to_numpy() / 2)


def _ends(nets: pd.DataFrame) -> list[pd.Series]:
    """Shared significances with the fewest and with the most samples, by seed and depth."""
    places = nets.set_index(["seed", "depth"]).sort_index()
    numbers = (nets["samples"].min(), nets["samples"].max())
    return [places.loc[places["samples"] == n, "shared"] for n in numbers]


def seed_distances(nets: pd.DataFrame) -> Matrix:
    """Total variation between nets that differ in their seed only, for each pair of seeds.

    What `sample_distances` is when the number of samples does nothing.
    """
    shares = nets.set_index(["depth", "samples", "seed"])["shared"].unstack("seed").to_numpy()
    count = shares.shape[1]
    return np.array(
        [
            np.mean([distance(p, q) for p, q in zip(shares[:, i], shares[:, j], strict=True)])
            for i in range(count)
            for j in range(i)
        ]
    )


def target_depth(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B6: of all depths and numbers of samples, the deviation that decides.

    One that lies outside `DEPTH_MARGIN` altogether, if there is one; else the one whose interval
    reaches furthest from 0. If that is inside the margin, all are.
    """
    cells = depth_deviations(first_data(nets)).values()
    outside = [c for c in cells if c.low > DEPTH_MARGIN or c.high < -DEPTH_MARGIN]
    return {"furthest": max(outside or cells, key=lambda cell: max(-cell.low, cell.high))}


def depth_deviations(nets: pd.DataFrame) -> dict[tuple[int, int], Estimate]:
    """How far each depth is from the mean over depths, at equal samples and seed.

    Returns
    -------
    dict of Estimate
        By depth and samples, the deviation of the mean log2-order as a share of its mean over
        depths and seeds at these samples (of its size, should noise make it negative). Intervals
        are those of two one-sided tests each.
    """
    orders = nets.assign(order=[net_order(net) for _, net in nets.iterrows()])
    mean = orders.groupby(["seed", "samples"])["order"].transform("mean")
    whole = orders.groupby("samples")["order"].transform("mean").abs()
    apart = orders.assign(apart=(orders["order"] - mean) / whole)
    return {place: one_sided(cell["apart"]) for place, cell in apart.groupby(["depth", "samples"])}


def signal(nets: pd.DataFrame) -> dict[str, Estimate]:
    """BV1: how much of the components of the authors' chain two of them agree on, and improves."""
    return {name: one_sided(v) for name, v in signal_numbers(first_data(nets), WARM).items()}


def cold_signal(nets: pd.DataFrame) -> dict[str, Estimate]:
    """BV1b: how much of the components two chains of equal budgets agree on."""
    found = signal_numbers(first_data(nets))
    return {name: one_sided(found[name]) for name in ("second", "last")}


def signal_numbers(nets: pd.DataFrame, chain: str = "") -> dict[str, Matrix]:
    """For each seed ``second``, ``last`` and ``improvement`` of a kind of chain."""

    def agreed(place: int) -> Matrix:
        return ratio_by_seed(
            nets,
            lambda net: net[f"{chain}shared"][place],
            lambda net: net[f"{chain}significance"][:, place].mean(),
        )

    return {
        "second": agreed(1),
        "last": agreed(-1),
        "improvement": ratio_by_seed(
            nets,
            lambda net: -np.diff(net[f"{chain}residual"][:, [0, -1]]).mean(),
            lambda net: net[f"{chain}significance"][:, 1:].sum(axis=1).mean(),
        ),
    }


def training_time(nets: pd.DataFrame) -> dict[str, Estimate]:
    """BV2: what training on brings, against what the next order of the authors' chain brings."""
    return {name: one_sided(values) for name, values in time_numbers(first_data(nets)).items()}


def time_numbers(nets: pd.DataFrame) -> dict[str, Matrix]:
    """The parts of BV2 for each seed: ``change``, ``change_all``, ``gain`` and ``gain_all``."""

    def changes(count: int | None) -> Matrix:
        return ratio_by_seed(
            nets,
            lambda net: net["continued_change"][:-1][:count].sum(),
            lambda net: net["warm_significance"].mean(axis=0)[1:][:count].sum(),
        )

    def gains(count: int | None) -> Matrix:
        # A difference, since a ratio to a gain near 0 could be anything.
        return by_seed(nets, lambda net: (time_gain(net) - depth_gain(net) / 2)[:count].sum())

    return {
        "change": changes(1),
        "change_all": changes(None),
        "gain": gains(1),
        "gain_all": gains(None),
    }


def time_gain(net: pd.Series) -> Matrix:
    """By how much training on lowers the residual, for all orders but the last (L - 1,)."""
    return (net["residual"][0] - net["continued_residual"])[:-1]


def depth_gain(net: pd.Series) -> Matrix:
    """By how much the next order of the authors' chain lowers the residual (L - 1,)."""
    return -np.diff(net["warm_residual"].mean(axis=0))


def additivity(nets: pd.DataFrame) -> dict[str, Estimate]:
    """BV3: whether the parts of a feature are orthogonal; the authors' chain."""
    return {name: one_sided(v) for name, v in split_numbers(first_data(nets), WARM).items()}


def cold_additivity(nets: pd.DataFrame) -> dict[str, Estimate]:
    """BV3b: the same for students of equal budgets."""
    return {name: one_sided(v) for name, v in split_numbers(first_data(nets)).items()}


def split_numbers(nets: pd.DataFrame, chain: str = "") -> dict[str, Matrix]:
    """For each seed ``rest``, ``neighbours`` and ``sum`` of a kind of chain, all absolute."""

    def neighbours(net: pd.Series) -> float:
        first = np.arange(len(net["orders"]) - 1)
        return np.abs(net[f"{chain}cosines"][:, first, first + 1]).mean()

    def excess(net: pd.Series) -> float:
        parts = net[f"{chain}significance"].sum(axis=1)
        return np.abs(parts + net[f"{chain}residual"][:, -1] - 1).mean()

    return {
        "rest": by_seed(nets, lambda net: np.abs(net[f"{chain}rest"]).mean()),
        "neighbours": by_seed(nets, neighbours),
        "sum": by_seed(nets, excess),
    }


def map_table(points: Sequence[component_maps.Config], results: Sequence[Result]) -> pd.DataFrame:
    """A row for each image net: its place in the design, and its spatial statistics as arrays."""
    rows = []
    for point, result in zip(points, results, strict=True):
        for i, place in enumerate(placed_nets(point.chain, result)):
            measured = {
                name: array[i]
                for name, array in result.arrays.items()
                if not name.startswith("shown")
            }
            rows.append(place | measured)
    return pd.DataFrame(rows)


def shape_and_noise(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B16: maps of low orders are smooth, those of high orders rough.

    Over seeds, or where there is one only over its nets.
    """
    judged = first_data(nets)
    found = map_numbers(judged)
    seeds = judged["seed"].to_numpy()
    if len(set(seeds)) > 1:
        found = {
            name: np.array([values[seeds == seed].mean() for seed in sorted(set(seeds))])
            for name, values in found.items()
        }
    return {name: one_sided(values) for name, values in found.items()}


def map_numbers(nets: pd.DataFrame) -> dict[str, Matrix]:
    """The parts of B16 for each net: ``smoother``, ``rougher`` and ``shared``.

    ``shared`` is the covariance of neighbours in what two students share of all orders above the
    lowest, minus what it would be if that part were as smooth as the lowest order, over the power
    of the lowest. It has no small divisor: where nothing is shared it is 0.
    """
    lag, high = np.stack(nets["lag_component"]), np.stack(nets["high_component"])
    agreed, power = np.stack(nets["lag_shared"]), np.stack(nets["power_shared"])
    apart = (agreed - agreed[:, :1]) * power
    return {
        "smoother": lag[:, 0] - lag[:, -1],
        "rougher": high[:, -1] - high[:, 0],
        "shared": apart[:, 1:].sum(axis=1) / power[:, 0],
    }

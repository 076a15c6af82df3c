"""The statistics of claims B2 and B3: do harder tasks need higher orders, and says every net so?

Each function takes the table of :func:`table`, with a row for each task, kind of family and kind of
student, and gives the parts of a claim. The unit of replication is the seed of the tasks. Only the
orders that all chains have count, except where a function says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from strata.experiments.component_shares import distance, one_sided
from strata.experiments.component_task_orders import FAMILIES, MAIN, USUAL, Family, Students
from strata.measures.components import (
    residuals,
    seed_floor,
    shared_significance,
    significance,
)
from strata.measures.rank_correlation import spearman
from strata.runs.result import Result
from strata.statistics import Estimate

Matrix = NDArray[np.float64]

PLAIN = Students(USUAL, skips=True)
"""The usual students."""
POOLED, NORMALISED = FAMILIES[1:3]


def table(
    found: Mapping[tuple[Family, Students], Iterable[tuple[Result, Result, Result]]],
) -> pd.DataFrame:
    """A row for each task: its place, how simple it is, and what two chains of students say of it.

    Parameters
    ----------
    found
        For each kind of family and of students, for each seed: the family and its two chains.

    Returns
    -------
    DataFrame
        ``form``, ``learned``, ``factor``, ``skips``, ``seed``; the numbers of the task as in
        `strata.experiments.component_tasks.run`; and arrays, for L orders, on test samples:
        ``orders`` (L,), ``significance`` and ``residual`` (2, L) of either chain, ``shared`` and
        ``floor`` (L,) of both, and ``shared_whole`` (L,), the covariance of their outputs.
    """
    rows = []
    for (family, students), seeds in found.items():
        for seed, (tasks, *chains) in enumerate(seeds):
            place = family._asdict() | students._asdict() | {"seed": seed}
            for i, task in enumerate(tasks.metrics["targets"]):
                feature = tasks.arrays["test"][i]
                outputs = [chain.arrays["test"][:, i] for chain in chains]
                orders = {"orders": np.array(chains[0].metrics["orders"])}
                rows.append(place | task | orders | _measured(feature, *outputs))
    return pd.DataFrame(rows)


def _measured(feature: NDArray, first: NDArray, second: NDArray) -> dict[str, Matrix]:
    whole = [
        shared_significance(a[None], b[None], feature)[0]
        for a, b in zip(first, second, strict=True)
    ]
    return {
        "significance": np.stack([significance(chain, feature) for chain in (first, second)]),
        "residual": np.stack([residuals(chain, feature) for chain in (first, second)]),
        "shared": shared_significance(first, second, feature),
        "floor": seed_floor(first, second, feature),
        "shared_whole": np.array(whole),
    }


def common(nets: pd.DataFrame) -> pd.DataFrame:
    """The table, cut to the orders that all chains have."""
    count = min(len(orders) for orders in nets["orders"])
    arrays = ("orders", "significance", "residual", "shared", "floor", "shared_whole")
    return nets.assign(**{name: [a[..., :count] for a in nets[name]] for name in arrays})


def chosen(nets: pd.DataFrame, family: Family = MAIN, students: Students = PLAIN) -> pd.DataFrame:
    """The rows of a kind of family and students, by seed and growing ReLUs.

    Raises
    ------
    ValueError
        If there are none.
    """
    place = family._asdict() | students._asdict()
    rows = nets[(nets[list(place)] == pd.Series(place)).all(axis=1)]
    if rows.empty:
        raise ValueError(f"the sweep has no {family} with {students}")
    return rows.sort_values(["seed", "relus"])


def beyond_first(shares: ArrayLike) -> float:
    """Sum of the shares (L,) of all orders but the first."""
    return float(np.sum(np.asarray(shares)[1:]))


def by_seed(nets: pd.DataFrame, statistic: Callable[[pd.DataFrame], float]) -> Matrix:
    """A number of the tasks of each seed (seeds,)."""
    return np.array([statistic(tasks) for _, tasks in nets.groupby("seed")])


def trend(nets: pd.DataFrame) -> Matrix:
    """Spearman's correlation of ReLUs and shared significance beyond the first order (seeds,)."""
    return by_seed(nets, lambda tasks: spearman(tasks["relus"], tasks["shared"].map(beyond_first)))


def hardness(nets: pd.DataFrame) -> Matrix:
    """Spearman's correlation of ReLUs and what linear regression leaves of a task (seeds,)."""
    return by_seed(nets, lambda tasks: spearman(tasks["relus"], 1 - tasks["linear_r2"]))


def more_relus(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B3: the more ReLUs a task has, the more lies beyond the first order."""
    nets = common(nets)
    return {
        "plain": one_sided(trend(chosen(nets))),
        "pooled": one_sided(trend(chosen(nets, POOLED))),
    }


def harder_tasks(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B3b: the same for tasks that more ReLUs make harder, and that they do so."""
    tasks = chosen(common(nets), NORMALISED)
    return {"harder": one_sided(hardness(tasks)), "trend": one_sided(trend(tasks))}


def half_of_first(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B3c: of the last three orders, how much the second and third hold for each part of the first.

    For the task with most ReLUs, with all orders that its chains have. What the first of the three
    holds is all that its students know, not its component.
    """
    tasks = chosen(nets)
    hardest = tasks[tasks["relus"] == tasks["relus"].max()]
    ratios = np.array(
        [
            shared[-2:] / whole[-3]
            for shared, whole in zip(hardest["shared"], hardest["shared_whole"], strict=True)
        ]
    )
    return {"second": one_sided(ratios[:, 0]), "third": one_sided(ratios[:, 1])}


def same_distribution(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B2: width and shortcuts of the students move significance less than half as far as the task.

    If each of two distributions moves by less than half of their distance, they stay apart.
    """
    kinds, margin = {"widths": width_pairs(nets), "skips": [SKIPS]}, task_distances(nets) / 2
    found = {
        name: one_sided(setting_distances(nets, pairs) - margin) for name, pairs in kinds.items()
    }
    orders = {f"order_{name}": one_sided(same_order(nets, pairs)) for name, pairs in kinds.items()}
    return found | orders


def same_shared_distribution(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B2b: the same of that part of the significance on which two seeds agree.

    The noise of one estimate from a pair of chains makes every distance larger: those between
    settings count once and those between tasks half, so that noise alone does not bring agreement.
    """
    margin = task_distances(nets, shared_distance) / 2
    return {
        name: one_sided(setting_distances(nets, pairs, shared_distance) - margin)
        for name, pairs in {"widths": width_pairs(nets), "skips": [SKIPS]}.items()
    }


SKIPS = (PLAIN, Students(USUAL, skips=False))
"""The usual students, with and without shortcuts."""
Pair = tuple[Students, Students]
Distance = Callable[[pd.Series, pd.Series], float]


def width_pairs(nets: pd.DataFrame) -> list[Pair]:
    """All pairs of width factors, with shortcuts."""
    factors = sorted(nets.loc[nets["skips"], "factor"].unique())
    return list(combinations([Students(factor, True) for factor in factors], 2))


def excess_distance(one: pd.Series, other: pd.Series) -> float:
    """Total variation between two significances, minus that between two seeds of the same.

    The mean over pairs of chains with different seeds, one of each row, minus the mean over the
    pairs within either. If both rows have the same law, 0 on average, whatever the noise.

    Notes
    -----
    Half of the energy distance, from two samples of each (Székely and Rizzo 2013). Total variation
    is of negative type, as all sums of absolute differences are, so that the mean is not negative.
    """
    first, second = one["significance"], other["significance"]
    across = (distance(first[0], second[1]) + distance(first[1], second[0])) / 2
    return across - (distance(*first) + distance(*second)) / 2


def seed_distance(net: pd.Series) -> float:
    """Total variation between the significances of two chains that differ in their seed only."""
    return distance(*net["significance"])


def shared_distance(one: pd.Series, other: pd.Series) -> float:
    """Half the summed absolute difference of two shared significances, as shares of Var f.

    They are not divided by their sum, which can be 0 where students agree on nothing.
    """
    return float(np.abs(one["shared"] - other["shared"]).sum() / 2)


def setting_distances(
    nets: pd.DataFrame, pairs: Iterable[Pair], between: Distance = excess_distance
) -> Matrix:
    """Mean distance between kinds of students, over pairs of them and tasks (seeds,)."""
    nets = common(nets)
    return np.mean([_over_tasks(nets, pair, between) for pair in pairs], axis=0)


def _over_tasks(nets: pd.DataFrame, pair: Pair, between: Distance) -> Matrix:
    one, other = (chosen(nets, students=students) for students in pair)
    rows = zip(one.iterrows(), other.iterrows(), strict=True)
    apart = pd.Series([between(a, b) for (_, a), (_, b) in rows], index=one["seed"])
    return apart.groupby(level=0).mean().to_numpy()


def task_distances(nets: pd.DataFrame, between: Distance = excess_distance) -> Matrix:
    """Mean distance between two tasks under the usual students (seeds,)."""

    def mean(tasks: pd.DataFrame) -> float:
        pairs = combinations([task for _, task in tasks.iterrows()], 2)
        return float(np.mean([between(a, b) for a, b in pairs]))

    return by_seed(chosen(common(nets)), mean)


def same_order(nets: pd.DataFrame, pairs: Iterable[Pair]) -> Matrix:
    """Spearman's correlation of the tasks' significance beyond the first order (seeds,).

    Between two kinds of students, from chains with different seeds; mean over pairs of kinds.
    """
    nets = common(nets)

    def order(one: pd.DataFrame, other: pd.DataFrame) -> float:
        a, b = (
            np.array([[beyond_first(chain) for chain in net] for net in kind["significance"]]).T
            for kind in (one, other)
        )
        return (spearman(a[0], b[1]) + spearman(a[1], b[0])) / 2

    found = []
    for pair in pairs:
        one, other = (chosen(nets, students=students).groupby("seed") for students in pair)
        both = zip(one, other, strict=True)
        found.append([order(a, b) for (_, a), (_, b) in both])
    return np.mean(found, axis=0)

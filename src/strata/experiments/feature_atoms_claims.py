"""How much of a dictionary is there twice, not at all, or only with this seed.

No claim of the study, but what its claims rest on: a dictionary is one local minimum of many.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from strata.experiments.feature_tables import Numbers
from strata.measures.rank_correlation import spearman
from strata.measures.vinformation import complexity
from strata.runs.result import Result

TWINS = 0.95
"""Cosine from which on two atoms are near-twins."""


def cosines(one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """Cosines between the rows of two matrices (k, d) and (m, d), none of them zero: (k, m)."""
    a, b = (np.asarray(rows, dtype=np.float64) for rows in (one, other))
    lengths = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)
    return a @ b.T / lengths


def matched(one: ArrayLike, other: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pair the atoms of two dictionaries, each with one, so that the sum of cosines is greatest.

    Parameters
    ----------
    one, other : array_like, shape (k, d)

    Returns
    -------
    partner : ndarray of int, shape (k,)
        The atom of the other dictionary for each of this one.
    cosine : ndarray, shape (k,)

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    Kuhn 1955, "The Hungarian method for the assignment problem".

    Examples
    --------
    >>> partner, cosine = matched([[1.0, 0.0], [0.0, 2.0]], [[0.0, 1.0], [3.0, 4.0]])
    >>> partner.tolist(), cosine.tolist()
    ([1, 0], [0.6, 1.0])
    """
    if np.shape(one) != np.shape(other):
        raise ValueError(f"dictionaries of {np.shape(one)} and {np.shape(other)} have no matching")
    table = cosines(one, other)
    rows, partner = linear_sum_assignment(table, maximize=True)
    return partner, table[rows, partner]


def twins(atoms: ArrayLike) -> float:
    """Share of the atoms that have another one in the same direction, up to a cosine of `TWINS`."""
    table = cosines(atoms, atoms)
    np.fill_diagonal(table, -1.0)
    return float((table.max(axis=1) > TWINS).mean())


def stability(runs: Sequence[Result], rng: np.random.Generator) -> Numbers:
    """What dictionaries of one net from different seeds have in common.

    Parameters
    ----------
    runs
        Of `strata.experiments.features`, at least two.
    rng
        Shuffles the neurons of a dictionary for comparison, all atoms alike.

    Returns
    -------
    mapping of numbers
        Means over the pairs of seeds: ``cosine`` of matched atoms; ``above``, share of them with a
        cosine above `TWINS`; ``shuffled``, the cosine if the neurons of one dictionary are
        shuffled; ``complexity``, Spearman's correlation of the complexities of matched features.

    Raises
    ------
    ValueError
        If there are fewer than two runs.
    """
    if len(runs) < 2:
        raise ValueError("stability needs dictionaries of two seeds")
    found = []
    for one, other in combinations((run.arrays for run in runs), 2):
        partner, cosine = matched(one["atoms"], other["atoms"])
        shuffled = rng.permutation(other["atoms"], axis=1)
        kappas = complexity(one["r2_1"]), complexity(other["r2_1"])[partner]
        found.append(
            {
                "cosine": cosine.mean(),
                "above": (cosine > TWINS).mean(),
                "shuffled": matched(one["atoms"], shuffled)[1].mean(),
                "complexity": spearman(*kappas),
            }
        )
    return {name: float(np.mean([pair[name] for pair in found])) for name in found[0]}

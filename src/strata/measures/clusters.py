"""Whether features that point the same way are alike: groups of atoms, and a value in them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import cut_tree, ward


@dataclass(frozen=True)
class Explained:
    """Share of a value's variance that lies between groups, for each number of groups.

    Attributes
    ----------
    cuts : tuple of int
        The numbers of groups.
    eta2 : ndarray, shape (cuts,)
        From 0 to 1. It never falls as the groups of a tree are split further.
    null_mean, null_quantile : ndarray, shape (cuts,)
        Mean and 95 % quantile of the same for shuffled values. The mean is close to
        (c - 1) / (k - 1) for c groups of k atoms, whatever the groups.
    excess : ndarray, shape (cuts,)
        `eta2` less `null_mean`: what can be compared between numbers of groups.
    """

    cuts: tuple[int, ...]
    eta2: NDArray[np.float64]
    null_mean: NDArray[np.float64]
    null_quantile: NDArray[np.float64]

    @property
    def excess(self) -> NDArray[np.float64]:
        """`eta2` less `null_mean`."""
        return self.eta2 - self.null_mean


def variance_explained(
    values: ArrayLike,
    atoms: ArrayLike,
    *,
    rng: np.random.Generator,
    cuts: Sequence[int] = (2, 4, 8, 16),
    permutations: int = 200,
) -> Explained:
    """How much of a value's variance lies between groups of similar atoms.

    .. math:: \\eta^2 = \\sum_g n_g (\\bar v_g - \\bar v)^2 \\Big/ \\sum_i (v_i - \\bar v)^2

    The groups are those of one tree (Ward's, of the atoms at unit length), cut at several heights.

    Parameters
    ----------
    values : array_like, shape (k,)
        One for each atom, such as complexity or importance.
    atoms : array_like, shape (k, d)
        The dictionary.
    rng : numpy.random.Generator
        Shuffles the values.
    cuts : sequence of int
        Numbers of groups, from 2 to k. At k nothing is left to explain.
    permutations : int
        Number of shuffles, the same for all cuts.

    Returns
    -------
    Explained

    Raises
    ------
    ValueError
        Shapes do not fit; NaN or infinite values; an atom is zero; all values are equal, where the
        formula is 0/0; a number of groups is out of range or there is none; `permutations` is below
        1.

    Notes
    -----
    Source: for this book, as a number for the trees of Fel et al. 2024, "Understanding visual
    feature reliance through the lens of complexity", appendix H, where the linkage is not stated;
    Ward 1963, "Hierarchical grouping to optimize an objective function". Atoms of one direction
    have the same place whatever their lengths. Time O(k^2 d), and O(k c) for each shuffle and
    number of groups c.

    Examples
    --------
    >>> atoms = [[1.0, 0.0], [5.0, 0.1], [0.0, 1.0], [0.1, 2.0]]
    >>> found = variance_explained(
    ...     [0.0, 1.0, 4.0, 5.0], atoms, cuts=[2], rng=np.random.default_rng(0)
    ... )
    >>> round(float(found.eta2[0]), 3)
    0.941
    """
    v, rows = np.asarray(values, np.float64), np.asarray(atoms, np.float64)
    if v.ndim != 1 or rows.ndim != 2 or len(v) != len(rows) or not rows.size:
        raise ValueError(f"values {v.shape} and atoms {rows.shape} do not fit")
    if not np.isfinite(v).all() or not np.isfinite(rows).all():
        raise ValueError("values or atoms hold NaN or infinite values")
    if (v == v[0]).all():
        raise ValueError("all values are equal: there is no variance to explain")
    if not len(cuts) or not all(2 <= cut <= len(v) for cut in cuts):
        raise ValueError(f"cuts are from 2 to the {len(v)} atoms, at least one, not {list(cuts)}")
    if permutations < 1:
        raise ValueError(f"permutations must be at least 1, not {permutations}")
    tree = ward(_unit(rows))
    # One cut at a time: for several, scipy's labels of k groups are wrong.
    groups = [cut_tree(tree, n_clusters=cut)[:, 0] for cut in cuts]
    shuffled = rng.permuted(np.tile(v, (permutations, 1)), axis=1)
    null = np.stack([_eta2(shuffled, labels) for labels in groups])
    return Explained(
        cuts=tuple(cuts),
        eta2=np.concatenate([_eta2(v[None], labels) for labels in groups]),
        null_mean=null.mean(axis=1),
        null_quantile=np.quantile(null, 0.95, axis=1),
    )


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    largest = np.abs(rows).max(axis=1, keepdims=True)
    if not largest.all():
        raise ValueError("an atom is zero: it has no direction")
    scaled = rows / largest  # so that squares neither overflow nor vanish
    return scaled / np.linalg.norm(scaled, axis=1, keepdims=True)


def _eta2(values: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each row of values, (rows,)."""
    centred = values - values.mean(axis=1, keepdims=True)
    members = (labels[:, None] == np.unique(labels)).astype(np.float64)
    between = ((centred @ members) ** 2 / members.sum(axis=0)).sum(axis=1)
    return np.minimum(between / (centred**2).sum(axis=1), 1)

"""The statistics of claims A5 and A6: how complex the features are at each epoch of training.

Each takes one net in one kind of dictionary, as `strata.experiments.feature_flow_claims.follow`
gives it. The initialisation, epoch 0, is shown in figures and is no part of a trend: trends begin
with the first trained epoch that was kept. A feature that is 0 on all held-out images is left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strata.experiments.feature_flow_claims import Arrays, Followed
from strata.experiments.feature_tables import highest_tenth
from strata.measures.rank_correlation import spearman
from strata.measures.vinformation import complexity
from strata.seeding import numpy_generator

Curve = NDArray[np.float64]

DRAWS = 100
"""Random sets that the important features are held against."""
STRATA = 5
"""Classes of prevalence, or of variance, within which these are drawn."""


def mean_complexity(net: Followed) -> Curve:
    """Mean complexity of the features found anew at each epoch, (epochs,)."""
    return np.array([complexity(found["r2_1"])[_alive(found)].mean() for found in net.found])


def complexity_of_important(net: Followed) -> Curve:
    """The same of the tenth with the greatest importance, chosen anew at each epoch, (epochs,)."""
    return np.array([complexity(found["r2_1"])[_important(found)].mean() for found in net.found])


def fixed_set(net: Followed, like: str = "prevalence") -> tuple[Curve, NDArray[np.float64]]:
    """Follow the final features backwards: the important ones, and random sets like them.

    Parameters
    ----------
    net
    like
        What random sets share with the important ones: ``prevalence``, or ``variance``, the size
        of the codes, which prevalence leaves open.

    Returns
    -------
    tuple of ndarray
        Mean complexity, at each epoch, of the final features of greatest importance, (epochs,); and
        of random sets of as many final features in each class of prevalence or of variance,
        (draws, epochs). The important ones are not kept out of these.
    """
    final, by_epoch = net.found[-1], np.array([complexity(r2) for r2 in net.flow["r2_epochs"]])
    chosen = _important(final)
    rng = numpy_generator("feature-epochs", *net.place)
    random = matched_sets(final[like], chosen, net.alive, rng)
    return by_epoch[:, chosen].mean(axis=1), by_epoch[:, random].mean(axis=2).T


def matched_sets(
    values: ArrayLike, chosen: ArrayLike, alive: ArrayLike, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw sets of features whose values are about those of the chosen ones.

    Parameters
    ----------
    values : array_like, shape (k,)
        For example the prevalence of each feature.
    chosen : array_like of int, shape (m,)
        Indices of features that are alive.
    alive : array_like of bool, shape (k,)
        From these the sets are drawn, the chosen ones among them.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (DRAWS, m)
        Each row has as many features of each of `STRATA` equal classes of values as the chosen.
    """
    candidates = np.flatnonzero(alive)
    order = candidates[np.argsort(np.asarray(values)[candidates], kind="stable")]
    parts = []
    for stratum in np.array_split(order, STRATA):
        count = int(np.isin(chosen, stratum).sum())
        parts.append(rng.permuted(np.tile(stratum, (DRAWS, 1)), axis=1)[:, :count])
    return np.concatenate(parts, axis=1)


def rise_and_plateau(net: Followed) -> dict[str, float]:
    """A5: how the mean complexity of all features changes early and late.

    Returns
    -------
    dict of float
        ``rise``: from the first trained epoch kept to the middle; ``plateau``: from there to the
        end. The middle is the kept epoch nearest to half of the training, after the first.
    """
    means, middle = mean_complexity(net), middle_epoch(net)
    return {
        "rise": float(means[middle] - means[1]),
        "plateau": float(means[-1] - means[middle]),
    }


def middle_epoch(net: Followed) -> int:
    """Index among the epochs kept of the one nearest to half of the training, at least 2."""
    return 2 + int(np.abs(np.array(net.epochs[2:]) - net.epochs[-1] / 2).argmin())


def sedimentation(net: Followed) -> dict[str, float]:
    """A6: do the important features become simpler?

    Returns
    -------
    dict of float
        ``trend``: Spearman correlation of the epoch and the complexity of the important features,
        chosen anew; ``gap``: how their distance to all features changes from the first trained
        epoch kept to the last; ``fixed``: how the complexity of the final important features
        changes meanwhile, minus the mean of random sets of the same prevalence; ``fixed_scale``,
        minus that of random sets of the same variance.
    """
    important = complexity_of_important(net)
    gap = important - mean_complexity(net)
    found = {
        "trend": spearman(net.epochs[1:], important[1:]),
        "gap": float(gap[-1] - gap[1]),
    }
    for name, like in (("fixed", "prevalence"), ("fixed_scale", "variance")):
        fixed, random = fixed_set(net, like)
        change = fixed[-1] - fixed[1]
        found[name] = float(change - (random[:, -1] - random[:, 1]).mean())
    return found


def _alive(found: Arrays) -> NDArray[np.bool_]:
    return found["variance"] > 0


def _important(found: Arrays) -> NDArray[np.int64]:
    """The tenth with the greatest importance."""
    return highest_tenth(found["importance"], _alive(found))

"""The statistics of claims A1, A2, A13 to A16: how complexity is spread over the features.

Each takes one net in one kind of dictionary, as `Spread`; `strata.experiments.feature_tables` makes
intervals of them. A feature that is 0 on all held-out images is left out. Complexity is the
scale-free one, with blocks pooled to means, as measured: R² below 0 counts as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strata.experiments import feature_spectrum
from strata.experiments.feature_tables import Numbers
from strata.measures.clusters import Explained, variance_explained
from strata.measures.rank_correlation import partial_spearman, spearman
from strata.measures.sparsity import hoyer
from strata.measures.vinformation import complexity
from strata.runs.result import Result
from strata.seeding import numpy_generator

CUTS = (2, 4, 8, 16)
"""Numbers of groups; no more of them than features."""
Arrays = Mapping[str, NDArray]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """The features of a net that are not dead, and what they are held against.

    Attributes
    ----------
    place
        Data, width and seed of the net, and kind of dictionary.
    found
        Arrays of `strata.experiments.features`.
    scores
        Arrays of `strata.experiments.feature_spectrum`.
    fidelity
        Share of images on which the dictionary leads to the net's own prediction.
    """

    place: tuple[str | int, ...]
    found: Arrays
    scores: Arrays
    fidelity: float

    @property
    def alive(self) -> NDArray[np.bool_]:
        """Which features of the dictionary are some image's, (atoms,)."""
        return self.found["variance"] > 0

    @property
    def complexity(self) -> Values:
        """Of the k features that are."""
        return complexity(self.found["r2_1"])[self.alive]


def gather(
    points: Sequence[feature_spectrum.Config], found: Sequence[Result], scores: Sequence[Result]
) -> list[Spread]:
    """Put together what two experiments measured on the same features."""
    return [
        Spread(
            place=(p.net.data, p.net.width, p.net.seed, p.dictionary),
            found=own.arrays,
            scores=other.arrays,
            fidelity=own.metrics["fidelity"],
        )
        for p, own, other in zip((q.features for q in points), found, scores, strict=True)
    ]


def width_of(values: ArrayLike) -> float:
    """Interquartile range."""
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high - low)


def spectrum(net: Spread) -> Numbers:
    """A1: is there a spectrum, and is it one of features?

    ``range``: share of features with a complexity from 0 to 1. ``halves``: rank correlation of the
    complexities measured on two halves of the images. ``spread``: interquartile range over the
    features minus that over random directions of the same activations.
    """
    kappa = net.complexity
    halves = [complexity(half)[net.alive] for half in net.scores["half_r2"]]
    return {
        "range": float(((kappa >= 0) & (kappa <= 1)).mean()),
        "halves": spearman(*halves),
        "spread": width_of(kappa) - width_of(complexity(net.scores["random_r2"])),
    }


def spectrum_beside(net: Spread) -> Numbers:
    """What stands beside A1: where complexities lie, and their spread over principal components."""
    kappa = net.complexity
    return {
        "median": float(np.median(kappa)),
        "spread of features": width_of(kappa),
        "of random directions": width_of(complexity(net.scores["random_r2"])),
        "of principal components": width_of(complexity(net.scores["principal_r2"])),
    }


def raw_complexity(net: Spread) -> Values:
    """Complexity as the study has it, by V-information: R² times the variance of the codes."""
    return complexity(net.found["r2_1"] * net.found["variance"])[net.alive]


def pixels(net: Spread) -> Numbers:
    """A2: are simple features those that the low-passed pixels tell?

    ``lowpass``: Spearman's correlation of complexity with minus R² of the feature from 4 x 4 cells
    of the image. ``given``: the same with R² in the last block and prevalence held fixed, since a
    feature that is hard to predict at all is complex and not in the pixels either.
    """
    kappa, alive = net.complexity, net.alive
    others = np.stack([net.found["r2_1"][-1], net.found["prevalence"]], axis=1)[alive]
    far = -net.scores["lowpass_r2"][alive]
    return {"lowpass": spearman(kappa, far), "given": partial_spearman(kappa, far, others)}


def pixels_beside(net: Spread) -> Numbers:
    """What stands beside A2: the same for the mean colour of the image."""
    return {"colour": spearman(net.complexity, -net.scores["colour_r2"][net.alive])}


def groups(net: Spread, values: ArrayLike) -> Explained:
    """How much of the variance of a value of the features lies between groups of their atoms."""
    cuts = [min(cut, int(net.alive.sum())) for cut in CUTS]
    rng = numpy_generator("feature-spectrum", "groups", *net.place)
    return variance_explained(values, net.found["atoms"][net.alive], rng=rng, cuts=cuts)


def clusters_of_complexity(net: Spread) -> Numbers:
    """A14: do features that point the same way have the same complexity?

    ``first``: share of the variance of complexity between the first two groups of the tree of
    atoms, less the same for shuffled complexities. ``growing``: the same for the last cut, minus
    that for the first.
    """
    return _first_and_growing(groups(net, net.complexity))


def clusters_of_importance(net: Spread) -> Numbers:
    """A15: as `clusters_of_complexity`, for the importance of the features."""
    return _first_and_growing(groups(net, net.found["importance"][net.alive]))


def _first_and_growing(found: Explained) -> Numbers:
    return {
        "first": float(found.excess[0]),
        "growing": float(found.excess[-1] - found.excess[0]),
    }


def locality(net: Spread) -> Numbers:
    """A13: Spearman's correlation of complexity with the sparsity of the atoms."""
    return {"hoyer": spearman(net.complexity, hoyer(net.found["atoms"])[net.alive])}


def fidelity(net: Spread) -> Numbers:
    """A16: share of images on which the dictionary leads to the net's own prediction."""
    return {"agreement": net.fidelity}

"""The statistics of claims A3 to A3d and A4: where features flow, and since when.

Each takes one net in one kind of dictionary, as `follow` gives it, to numbers by name; intervals
over nets come from `strata.experiments.feature_tables`. Blocks are counted from 1 to 16. A feature
that is 0 on all held-out images is left out everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strata.experiments import feature_flow, features
from strata.experiments.feature_flow import BRANCHES
from strata.experiments.feature_tables import tenths
from strata.measures.rank_correlation import partial_spearman, spearman
from strata.measures.vinformation import complexity, time_to_decode
from strata.runs.result import Result

Arrays = Mapping[str, NDArray]
Matrix = NDArray[np.float64]

NEARLY, HALF = 0.9, 0.5
"""Share of the last block's value at which a feature is there: of CKA, and of R²."""


@dataclass(frozen=True)
class Followed:
    """A net in one kind of dictionary.

    Attributes
    ----------
    epochs
        Those kept, from 0 to the last.
    flow
        Arrays of `strata.experiments.feature_flow`.
    found
        Arrays of `strata.experiments.features`, of the features found anew at each epoch.
    place
        What tells this net and dictionary from the others, for random draws.
    """

    epochs: tuple[int, ...]
    flow: Arrays
    found: Sequence[Arrays]
    place: tuple[str | int, ...]

    @property
    def alive(self) -> NDArray[np.bool_]:
        """The final features that are not 0 on all held-out images, (k,)."""
        return self.found[-1]["variance"] > 0

    @property
    def complexity(self) -> Matrix:
        """Complexity of the final features in the final net, (k,)."""
        return complexity(self.flow["r2_epochs"][-1])

    @property
    def decode_scores(self) -> Matrix:
        """R² of the final features from the last block, trained epochs only, (e - 1, k)."""
        return self.flow["r2_epochs"][1:, -1]

    @property
    def tenths(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The simplest and the most complex tenth of the final features."""
        return tenths(self.complexity, self.alive)

    def of_branch(self, name: str, branch: str) -> Matrix:
        """An array of the flow, ``cka`` for example, at one of the branches, (16, k)."""
        return self.flow[name][BRANCHES.index(branch)]


def follow(
    points: Sequence[feature_flow.Config],
    flows: Sequence[Result],
    configs: Sequence[features.Config],
    found: Sequence[Result],
) -> list[Followed]:
    """Bring together what was measured on each net.

    Parameters
    ----------
    points, flows
        The sweep of `strata.experiments.feature_flow`.
    configs, found
        The sweep of `strata.experiments.features` over all epochs of the same nets.

    Raises
    ------
    KeyError
        If an epoch of a net is missing.
    """
    anew = {
        (config.net, config.dictionary, config.epoch): result.arrays
        for config, result in zip(configs, found, strict=True)
    }
    return [
        Followed(
            epochs=point.features.net.keep,
            flow=flow.arrays,
            found=[
                anew[point.features.net, point.features.dictionary, epoch]
                for epoch in point.features.net.keep
            ],
            place=(
                point.features.net.data,
                point.features.net.width,
                point.features.net.seed,
                point.features.dictionary,
            ),
        )
        for point, flow in zip(points, flows, strict=True)
    ]


def first_block(values: Matrix, share: float) -> NDArray[np.int64]:
    """The first block at which each feature has a share of its value at the last block.

    Parameters
    ----------
    values : ndarray, shape (blocks, k)
        CKA or R².
    share : float
        From 0 to 1.

    Returns
    -------
    ndarray of int, shape (k,)
        Counted from 1. The last block for a feature whose value there is not positive.

    Examples
    --------
    >>> first_block(np.array([[0.1, 0.8, 0.5], [0.5, 0.2, 0.3], [0.9, 0.8, -0.1]]), 0.5).tolist()
    [2, 1, 3]
    """
    reached = values >= share * values[-1]
    return np.where(values[-1] > 0, reached.argmax(axis=0) + 1, len(values))


def saturation(net: Followed) -> dict[str, float]:
    """A3: how many blocks later the most complex tenth is there than the simplest tenth.

    Returns
    -------
    dict of float
        In blocks: ``cka``, for nine tenths of the last block's CKA with the stream; ``r2``, for
        half of its R²; and ``early``, the block itself at which the simplest tenth has nine tenths
        of the CKA, counted from 1.
    """
    cka, r2 = net.of_branch("cka", "stream"), net.of_branch("r2_branches", "stream")
    return {
        "cka": _later(first_block(cka, NEARLY), net.tenths),
        "r2": _later(first_block(r2, HALF), net.tenths),
        "early": float(first_block(cka, NEARLY)[net.tenths[0]].mean()),
    }


def saturation_beyond_selection(net: Followed) -> dict[str, float]:
    """A3d: `saturation`, minus what random directions show when they are split in the same way.

    Returns
    -------
    dict of float
        ``cka`` and ``r2`` as in `saturation`, minus the same difference among random directions,
        in tenths of the complexity of their own.
    """
    random_cka, random_r2 = net.flow["random_cka"], net.flow["random_r2"]
    random = tenths(complexity(random_r2))
    found = saturation(net)
    return {
        "cka": found["cka"] - _later(first_block(random_cka, NEARLY), random),
        "r2": found["r2"] - _later(first_block(random_r2, HALF), random),
    }


def accumulation(net: Followed) -> dict[str, float]:
    """A3b: does the CKA of complex features rise along both branches?

    Returns
    -------
    dict of float
        ``main`` and ``residual``: Spearman correlation of block and CKA with the output of the main
        branch or of the shortcut, feature by feature, mean over the most complex tenth.
    """
    _, complex_ = net.tenths
    blocks = np.arange(1, len(net.flow["cka"][0]) + 1)
    return {
        name: float(
            np.mean(
                [spearman(blocks, curve) for curve in net.of_branch("cka", branch)[:, complex_].T]
            )
        )
        for name, branch in (("main", "main"), ("residual", "shortcut"))
    }


def main_branch(net: Followed) -> dict[str, float]:
    """A3c: what the main branches hold of simple features, block by block.

    Returns
    -------
    dict of float
        ``slope``: of the mean R² of the simplest tenth from the main branch, per block; ``gap``:
        mean R² there of the simplest minus the most complex tenth, at the block where it is least.
    """
    simple, complex_ = (group_curve(net, "r2_branches", "main", group) for group in net.tenths)
    blocks = np.arange(1, len(simple) + 1)
    return {
        "slope": float(np.polyfit(blocks, simple, 1)[0]),
        "gap": float((simple - complex_).min()),
    }


def group_curve(net: Followed, name: str, branch: str, group: NDArray[np.int64]) -> Matrix:
    """Mean over a group of features of an array of the flow, block by block, (16,)."""
    return net.of_branch(name, branch)[:, group].mean(axis=1)


def unshared_scores(net: Followed) -> tuple[Matrix, Matrix]:
    """Complexity without the last block and time to decode without the last epoch, each (k,)."""
    return complexity(net.flow["r2_epochs"][-1, :-1]), time_to_decode(net.decode_scores[:-1])


def complexity_and_time(net: Followed) -> dict[str, float]:
    """A4: do complex features become decodable late?

    Returns
    -------
    dict of float
        Correlations over features of complexity and time to decode, from the trained epochs that
        were kept: ``pearson``, and again as ``magnitude``; ``spearman``; ``unshared``, Spearman
        without the term that both have in common, the last block at the last epoch; ``partial``,
        Spearman given that term and the prevalence.
    """
    alive = net.alive
    k, late = net.complexity[alive], time_to_decode(net.decode_scores)[alive]
    first_k, first_late = unshared_scores(net)
    given = np.column_stack([net.decode_scores[-1], net.found[-1]["prevalence"]])[alive]
    pearson = float(np.corrcoef(k, late)[0, 1])
    return {
        "pearson": pearson,
        "spearman": spearman(k, late),
        "unshared": spearman(first_k[alive], first_late[alive]),
        "partial": partial_spearman(k, late, given),
        "magnitude": pearson,
    }


def _later(blocks: NDArray[np.int64], groups: tuple[NDArray[np.int64], ...]) -> float:
    simple, complex_ = groups
    return float(blocks[complex_].mean() - blocks[simple].mean())

"""Redundancy: what is left of a feature in a layer when random neurons are taken away."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from strata.measures.moments import moments, samples_and_targets, scale_and_shift
from strata.measures.vinformation import held_out_r2

Score = Literal["cka", "r2"]

LEAST_R2 = 0.05
"""Held-out R^2 of the whole layer below which shares of it would be noise."""

_MASKS = {"cka": 20, "r2": 5}
_Scores = NDArray[np.float64]


def redundancy(
    x: ArrayLike | Tensor,
    z: ArrayLike | Tensor,
    *,
    rng: np.random.Generator,
    shares: Sequence[float] = (0.1, 0.5, 0.9),
    masks: int | None = None,
    score: Score = "cka",
) -> NDArray[np.float64]:
    """Score of a feature in what is left of a layer, divided by its score in the whole layer.

    .. math:: \\frac{1}{|P|} \\sum_{p \\in P}
        \\mathbb{E}_m \\frac{S(X \\odot m, z)}{S(X, z)}, \\qquad
        m \\in \\{0, 1\\}^d \\text{ with } p d \\text{ zeros}

    where S is linear CKA, as in `feature_cka.feature_cka`, or `vinformation.held_out_r2`.

    The ratio of CKA hardly tells features apart: of neurons that are independent and vary equally
    it is sqrt(1 - p) on average, for a feature that is one of them and for a sum of all. It exceeds
    1 where the masks mostly take away what has nothing to do with the feature. The ratio of R^2
    does tell: there 1 - p where one neuron holds the feature, and 1 where every neuron does.

    Parameters
    ----------
    x : array_like, shape (n, d)
        Activations of a layer, a row per sample; further axes are flattened.
    z : array_like, shape (n, k) or (n,)
        Features, a column each.
    rng : numpy.random.Generator
        Draws the masks, the same for all features.
    shares : sequence of float
        Shares p of neurons to remove, from 0 to below 1; p d is rounded, and one neuron stays.
    masks : int, optional
        Number for each share. Without it 20 for CKA and 5 for R^2, which takes a probe each.
    score : {"cka", "r2"}

    Returns
    -------
    ndarray, shape (k,)
        1 for a feature that loses nothing. NaN where the whole layer scores nothing: CKA of 0, or
        R^2 below `LEAST_R2`. Below 0 where probes of the masked layer are worse than the mean.

    Raises
    ------
    ValueError
        As for `vinformation.held_out_r2`; a share is out of range or there are none; `masks` is
        below 1; the score is unknown.

    Notes
    -----
    Source: Fel et al. 2024, "Understanding visual feature reliance through the lens of complexity",
    appendix E, with CKA; after Nanda et al. 2023, "Diffused redundancy in pre-trained
    representations". The ratio of R^2 is this book's. CKA takes time O(n d (d + k)), and
    O(d (d + k)) for each mask, as it needs only blocks of X^T X and X^T Z; for R^2 each mask takes
    as long as `vinformation.held_out_r2`.

    Examples
    --------
    >>> x = np.repeat(np.arange(20.0)[:, None], 10, axis=1)  # each neuron is the feature
    >>> redundancy(x, x[:, 0], rng=np.random.default_rng(0)).round(9).tolist()
    [1.0]
    """
    samples, targets = samples_and_targets(x, z)
    if score not in _MASKS:
        raise ValueError(f"score must be one of {', '.join(_MASKS)}, not {score!r}")
    if not len(shares) or not all(0 <= share < 1 for share in shares):
        raise ValueError(f"shares are from 0 to below 1, at least one, not {list(shares)}")
    d = samples.shape[1]
    kept = [max(1, d - round(share * d)) for share in shares]
    count = _MASKS[score] if masks is None else masks
    draws = np.concatenate([_growing_masks(d, [size], count, rng)[0] for size in kept])
    by_mask = (_cka_by_mask if score == "cka" else _r2_by_mask)(samples, targets)
    whole = by_mask(np.ones((1, d), dtype=bool))[0]
    enough = whole >= LEAST_R2 if score == "r2" else whole > 0
    left = by_mask(draws).mean(axis=0)
    return np.divide(left, whole, out=np.full(len(whole), np.nan), where=enough)


def neurons_needed(
    x: ArrayLike | Tensor,
    z: ArrayLike | Tensor,
    *,
    rng: np.random.Generator,
    share: float = 0.9,
    sizes: Sequence[float] = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85),
    masks: int = 5,
) -> NDArray[np.float64]:
    """Share of a layer's neurons, taken at random, that a feature needs.

    The least share f of neurons for which the mean of held-out R^2, over random sets of f d
    neurons, reaches `share` of the whole layer's. Between the sizes tried R^2 is taken as linear in
    log f; where it crosses more than once the first crossing counts.

    Parameters
    ----------
    x, z, rng
        As for `redundancy`.
    share : float
        Of the whole layer's R^2, above 0 and up to 1.
    sizes : sequence of float
        Shares f to try, above 0 and up to 1; f d is rounded, and at least one neuron is kept. The
        whole layer is always tried.
    masks : int
        Random orders of the neurons, the same for all features. A set is the beginning of one, so
        that sets grow with the size and R^2 does not fall by another draw.

    Returns
    -------
    ndarray, shape (k,)
        Above 0 and up to 1. The least size tried where that is enough: the answer may be smaller.
        NaN where the R^2 of the whole layer is below `LEAST_R2`.

    Raises
    ------
    ValueError
        As for `redundancy`; `share` or a size is out of range.

    Notes
    -----
    A stand-in of this book. The complexity study (Fel et al. 2024, appendix E) says that its K goes
    with a complexity built on redundancy by Chen et al. 2024. That measure is another one and is
    not computed here, so that a result with this one says little of theirs.
    Time: a run of `vinformation.held_out_r2` for each size and mask.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = np.repeat(rng.standard_normal((40, 1)), 50, axis=1)  # each neuron is the feature
    >>> neurons_needed(x, x[:, 0], rng=rng).round(9).tolist()
    [0.02]
    """
    samples, targets = samples_and_targets(x, z)
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and up to 1, not {share}")
    if not all(0 < size <= 1 for size in sizes):
        raise ValueError(f"sizes are above 0 and up to 1, not {list(sizes)}")
    d = samples.shape[1]
    counts = sorted({max(1, round(size * d)) for size in sizes} - {d})
    draws = _growing_masks(d, counts, masks, rng)
    by_mask = _r2_by_mask(samples, targets)
    whole = by_mask(np.ones((1, d), dtype=bool))
    curve = np.stack([by_mask(sets).mean(axis=0) for sets in draws] + [whole[0]])
    positions = np.log(np.array([*counts, d]) / d)
    found = np.full(len(whole[0]), np.nan)
    for i in np.flatnonzero(whole[0] >= LEAST_R2):
        found[i] = np.exp(_first_reach(positions, curve[:, i], share * whole[0, i]))
    return found


def _first_reach(positions: _Scores, values: _Scores, goal: float) -> float:
    """Where values first reach the goal, linear between positions; the last one reaches it."""
    after = int(np.argmax(values >= goal))
    if after == 0:
        return float(positions[0])
    low, high = values[after - 1], values[after]
    step = (goal - low) / (high - low)
    return float(positions[after - 1] + step * (positions[after] - positions[after - 1]))


def _growing_masks(
    d: int, kept: Sequence[int], masks: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """For each number of neurons kept the first of some random orders, (numbers, masks, d)."""
    if masks < 1:
        raise ValueError(f"masks must be at least 1, not {masks}")
    places = rng.permuted(np.tile(np.arange(d), (masks, 1)), axis=1)
    return places < np.reshape(kept, (-1, 1, 1))


def _cka_by_mask(x: Tensor, z: Tensor) -> Callable[[NDArray[np.bool_]], _Scores]:
    """CKA times the features' variance and n, a row for each mask."""
    scale, shift = scale_and_shift(z)
    rows = torch.arange(len(x), device=x.device)
    sums = moments(x, (z * scale).sub_(shift), rows, *scale_and_shift(x, together=True))
    xx, xz, _ = sums.about(sums.x / sums.n, sums.z / sums.n)
    gram, between = xx.square().cpu().numpy(), xz.square().cpu().numpy()

    def scores(masks: NDArray[np.bool_]) -> _Scores:
        m = masks.astype(np.float64)
        norms = np.sqrt(((m @ gram) * m).sum(axis=1, keepdims=True))
        return np.divide(m @ between, norms, out=np.zeros((len(m), z.shape[1])), where=norms > 0)

    return scores


def _r2_by_mask(x: Tensor, z: Tensor) -> Callable[[NDArray[np.bool_]], _Scores]:
    def scores(masks: NDArray[np.bool_]) -> _Scores:
        return np.stack(
            [held_out_r2(x[:, torch.from_numpy(mask).to(x.device)], z) for mask in masks]
        )

    return scores

"""Support features: what a read-out loses when features are taken away, and a fair comparison.

Taking many features away always hurts, and important ones hurt more. So a curve for one order of
removal says little beside nothing: `matched_order` gives random orders that remove, at every step,
as many important and as many unimportant features as the order they are compared with.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def support_curve(
    codes: ArrayLike,
    head: ArrayLike,
    bias: ArrayLike,
    labels: ArrayLike,
    order: ArrayLike,
    fractions: Sequence[float],
) -> NDArray[np.float64]:
    """Accuracy of the read-out z D W^T + b without the first features of an order.

    .. math::
        \\frac{\\mathrm{acc}(Z_{\\setminus S} D W^T + b)}{\\mathrm{acc}(Z D W^T + b)},
        \\qquad S = \\text{the first } f k \\text{ of the order}

    Parameters
    ----------
    codes : array_like, shape (n, k)
        The features Z of the images.
    head : array_like, shape (k, classes)
        D W^T: what each feature adds to each logit, as `importance.feature_head` gives it.
    bias : array_like, shape (classes,)
        Of the last layer.
    labels : array_like of int, shape (n,)
        The right classes.
    order : array_like of int, shape (k,)
        All features, the first to go first.
    fractions : sequence of float
        Shares f of the features to remove, each from 0 to 1; f k is rounded to a whole number.

    Returns
    -------
    ndarray, shape (fractions,)
        1 where nothing is lost; above 1 where the read-out gains. With all features gone the bias
        alone decides.

    Raises
    ------
    ValueError
        Shapes do not fit, `order` is no permutation of the features, a fraction is out of range,
        or the read-out of all features is never right.

    Notes
    -----
    Source: Fel et al. 2024, "Understanding visual feature reliance through the lens of complexity",
    figure 9, where the most complex features go first. Of logits that are equal the first counts.
    Time O(n k classes) for each fraction.

    Examples
    --------
    >>> codes, head = [[2.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]
    >>> support_curve(codes, head, [0.0, 0.0], [0, 1], [1, 0], [0, 0.5]).tolist()
    [1.0, 0.5]
    """
    z, weight = np.asarray(codes, np.float64), np.asarray(head, np.float64)
    offset, right = np.asarray(bias, np.float64), np.asarray(labels)
    sequence = np.asarray(order)
    if z.ndim != 2 or weight.ndim != 2 or z.shape[1] != len(weight) or not z.size:
        raise ValueError(f"codes {z.shape} and head {weight.shape} do not fit")
    if offset.shape != weight.shape[1:] or right.shape != z.shape[:1]:
        raise ValueError(f"bias {offset.shape} or labels {right.shape} do not fit")
    _check_order(sequence, len(weight))
    counts = _counts(fractions, len(weight))

    def accuracy(kept: NDArray[np.int64]) -> float:
        logits = z[:, kept] @ weight[kept] + offset
        return float(np.mean(logits.argmax(axis=1) == right))

    whole = accuracy(sequence)
    if whole == 0:
        raise ValueError("the read-out of all features is never right")
    return np.array([accuracy(sequence[count:]) for count in counts]) / whole


def matched_order(
    order: ArrayLike, scores: ArrayLike, rng: np.random.Generator, *, strata: int = 10
) -> NDArray[np.int64]:
    """A random order that removes, at every step, as many features of each stratum as another.

    Features are sorted by their scores and cut into strata of equal size. Within a stratum they
    change places at random. So each beginning of the new order holds as many features of each
    stratum as the same beginning of the old one, and about the same sum of scores.

    Parameters
    ----------
    order : array_like of int, shape (k,)
        The order to compare with.
    scores : array_like, shape (k,)
        What is matched, such as importance.
    rng : numpy.random.Generator
        Draws the places.
    strata : int
        From 1, where nothing is matched and the order is random, to k, where nothing moves. Equal
        scores are told apart by their place.

    Returns
    -------
    ndarray of int, shape (k,)

    Raises
    ------
    ValueError
        `order` is no permutation, the lengths differ, a score is not finite, or `strata` is out of
        range.

    Notes
    -----
    For this book; stratified permutation as in Good 2005, "Permutation, parametric and bootstrap
    tests of hypotheses". Time O(k log k).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = matched_order([3, 2, 1, 0], [0.1, 0.2, 8.0, 9.0], rng, strata=2)
    >>> sorted(found[:2].tolist()), sorted(found[2:].tolist())
    ([2, 3], [0, 1])
    """
    sequence, values = np.asarray(order), np.asarray(scores, np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError("scores are one finite number for each feature")
    _check_order(sequence, len(values))
    if not 1 <= strata <= len(values):
        raise ValueError(f"strata are from 1 to the {len(values)} features, not {strata}")
    stand_in = np.empty(len(values), dtype=np.int64)
    for members in np.array_split(np.argsort(values, kind="stable"), strata):
        stand_in[members] = rng.permutation(members)
    return stand_in[sequence]


def removed_share(
    order: ArrayLike, scores: ArrayLike, fractions: Sequence[float]
) -> NDArray[np.float64]:
    """Share of all scores that goes with the first features of an order.

    Parameters
    ----------
    order : array_like of int, shape (k,)
        All features, the first to go first.
    scores : array_like, shape (k,)
        Not negative, such as importance.
    fractions : sequence of float
        As for `support_curve`.

    Returns
    -------
    ndarray, shape (fractions,)
        From 0 to 1.

    Raises
    ------
    ValueError
        `order` is no permutation, the lengths differ, a score is negative or not finite, all are
        0, or a fraction is out of range.

    Notes
    -----
    For this book, to see whether a `matched_order` is matched. Time O(k).

    Examples
    --------
    >>> removed_share([2, 0, 1], [1.0, 3.0, 4.0], [0, 1 / 3, 2 / 3, 1]).tolist()
    [0.0, 0.5, 0.625, 1.0]
    """
    sequence, values = np.asarray(order), np.asarray(scores, np.float64)
    if values.ndim != 1 or not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise ValueError("scores are one number for each feature, not negative and not all 0")
    _check_order(sequence, len(values))
    sums = np.r_[0, np.cumsum(values[sequence])]
    return sums[_counts(fractions, len(values))] / sums[-1]


def _counts(fractions: Sequence[float], features: int) -> list[int]:
    if not all(0 <= fraction <= 1 for fraction in fractions):
        raise ValueError(f"fractions are from 0 to 1, not {list(fractions)}")
    return [round(fraction * features) for fraction in fractions]


def _check_order(order: NDArray[np.int64], features: int) -> None:
    if order.shape != (features,) or not np.array_equal(np.sort(order), np.arange(features)):
        raise ValueError(f"order is no permutation of {features} features")

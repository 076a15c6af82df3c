"""Exact Shapley values: what each component of a feature is worth to the network that reads it.

A coalition S of L players is a number whose bit i says whether player i is in it. The worth of all
2^L coalitions comes as an array that these numbers index. Here the players are the components of a
feature, and the worth is the loss that they save.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strata.measures.components import variance

_CHUNK = 1 << 17  # numbers of one coalition's features held at a time: they stay in the cache


def shapley_values(worth: ArrayLike) -> NDArray[np.float64]:
    """Share of each player in the worth of all, from the worth of every coalition.

    .. math:: \\phi_i = \\sum_{S \\not\\ni i} \\frac{|S|!\\,(L - |S| - 1)!}{L!}
        \\big( v(S \\cup \\{i\\}) - v(S) \\big)

    the mean, over all orders in which the players may come, of what player i adds when it comes.
    The only shares that sum to v(all) - v(none), are equal for players that add the same to all
    coalitions, are zero for a player that adds nothing to any, and are linear in v.

    Parameters
    ----------
    worth : array_like, shape (2**L,) or (2**L, ...)
        v, with the coalition's number first. Further axes are games of their own.

    Returns
    -------
    ndarray, shape (L,) or (L, ...)

    Raises
    ------
    ValueError
        The first axis is not 2**L with L at least 1, or there are NaN or infinite values.

    Notes
    -----
    Source: Shapley 1953, "A value for n-person games". Time and memory O(L 2^L) a game.

    Examples
    --------
    Alone they are worth 1 and 2, together 5: the two that are left over are shared.

    >>> shapley_values([0.0, 1.0, 2.0, 5.0]).tolist()
    [2.0, 3.0]
    """
    v = np.asarray(worth, dtype=np.float64)
    players = len(v).bit_length() - 1 if v.ndim else 0
    if players < 1 or len(v) != 1 << players:
        raise ValueError(f"the first axis must hold 2**L coalitions, L > 0, not {v.shape}")
    if not np.isfinite(v).all():
        raise ValueError("worth holds NaN or infinite values")
    coalitions = np.arange(1 << players)
    inside = (coalitions >> np.arange(players)[:, None] & 1).astype(bool)
    sizes = inside.sum(axis=0)
    joining = np.array([1 / (players * math.comb(players - 1, s)) for s in range(players)])
    # As the last of a coalition the player brings it about, as the next one it leaves it behind.
    weights = np.where(inside, joining[sizes - 1], -joining[np.minimum(sizes, players - 1)])
    return np.tensordot(weights, v - v[0], axes=1)


def sample_losses(
    components: ArrayLike,
    rest: ArrayLike,
    loss: Callable[..., ArrayLike],
    labels: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Loss of every image under every coalition of components.

    Coalition S gives the head ``rest + sum of components[i] for i in S``. Each such sum takes one
    addition to a sum that is still there, and is the same to the last bit as one made anew, from
    the last component to the first.

    Parameters
    ----------
    components : array_like, shape (L, n, ...)
        The players. Sums have the dtype of `components` and `rest`.
    rest : array_like, shape (n, ...)
        What is always there.
    loss : callable
        ``loss(features)``, or with labels ``loss(features, labels)``, the loss of each image. It
        must not write into the features nor keep them.
    labels : array_like, shape (n, ...), optional
        With labels the images are taken a few at a time, so that all sums stay in the cache of the
        processor; without, all images at once, with memory for L + 1 times `rest`.

    Returns
    -------
    ndarray, shape (2**L, n)
        `shapley_values` makes of it the values of each image; their mean over images is the value
        of the mean loss, and their spread gives its standard error.

    Raises
    ------
    ValueError
        Shapes that do not fit, or a loss that does not give one number per image.

    Notes
    -----
    Time O(2^L n k) and 2^L calls of the loss for each group of images.

    Examples
    --------
    >>> parts, rest = np.array([[[1.0]], [[10.0]]]), np.array([[0.5]])
    >>> sample_losses(parts, rest, lambda x: x[:, 0]).tolist()
    [[0.5], [1.5], [10.5], [11.5]]
    """
    parts, base = np.asarray(components), np.asarray(rest)
    if parts.ndim < 2 or not len(parts) or not base.size or parts.shape[1:] != base.shape:
        raise ValueError(f"components {parts.shape} do not fit the rest {base.shape}")
    n = len(base)
    if labels is None:
        return _all_coalitions(parts, base, loss)
    y = np.asarray(labels)
    if len(y) != n:
        raise ValueError(f"there are {n} images and {len(y)} labels")
    step = max(1, _CHUNK * n // base.size)
    found = []
    for start in range(0, n, step):
        few = slice(start, start + step)
        found.append(_all_coalitions(parts[:, few], base[few], lambda x, y=y[few]: loss(x, y)))
    return np.concatenate(found, axis=1)


def coalition_losses(
    components: ArrayLike,
    rest: ArrayLike,
    loss: Callable[..., ArrayLike],
    labels: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Mean over images of `sample_losses`, (2**L,); the same parameters and errors.

    The worth of a coalition in the study is the loss that it saves: ``losses[0] - losses``.

    >>> parts, rest = np.array([[[1.0], [3.0]]]), np.zeros((2, 1))
    >>> coalition_losses(parts, rest, lambda x: x[:, 0]).tolist()
    [0.0, 2.0]
    """
    return sample_losses(components, rest, loss, labels).mean(axis=1)


def cross_entropy(logits: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Cross-entropy of each image, ``-log softmax(logits)[label]``, (n,).

    Logits have the shape (n, C), labels (n,) and go from 0 to C - 1; a ValueError else.

    >>> cross_entropy([[0.0, 0.0], [1000.0, 0.0]], [0, 0]).round(4).tolist()
    [0.6931, 0.0]
    """
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if z.ndim != 2 or y.shape != z.shape[:1]:
        raise ValueError(f"logits {z.shape} and labels {y.shape} do not fit")
    if ((y < 0) | (y >= z.shape[1])).any():
        raise ValueError(f"labels must be from 0 to {z.shape[1] - 1}")
    z = z - z.max(axis=1, keepdims=True)
    return np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]


def centred(
    components: ArrayLike, rest: ArrayLike, means: ArrayLike | None = None
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Move the mean over images of each component to the rest.

    The lowest component carries the mean of the feature. The variance ignores a mean, the loss does
    not, so that the loss saved per deviation of that component is too large.

    The sum of all components and the rest is what it was. Give the `means` (L, ...) of the training
    images for test images too: then both are the same game on other data. Raises a ValueError for
    shapes that do not fit.

    >>> parts, rest = centred(np.array([[[1.0], [3.0]]]), np.zeros((2, 1)))
    >>> parts.tolist(), rest.tolist()
    ([[[-1.0], [1.0]]], [[2.0], [2.0]])
    """
    parts, base = np.asarray(components), np.asarray(rest)
    moved = parts.mean(axis=1) if means is None else np.asarray(means)
    if parts.shape[1:] != base.shape or moved.shape != (len(parts), *base.shape[1:]):
        raise ValueError(f"{parts.shape}, {base.shape} and {moved.shape} do not fit")
    return parts - moved[:, None], base + moved.sum(axis=0)


def effectiveness(values: ArrayLike, components: ArrayLike) -> NDArray[np.float64]:
    """Shapley value of each component per standard deviation of it.

    .. math:: \\alpha_{\\mathrm{eff}}^{(l)} = \\phi^{(l)} / \\sqrt{\\mathrm{Var}[c^{(l)}]}

    The values (L,) are of the loss saved on the training images, the components (L, n, ...); their
    variance is that of `strata.measures.components`, averaged over units. A ValueError meets shapes
    that do not fit and a component that does not vary. Source: Ren et al. 2021, section 3.3.

    >>> effectiveness([1.0], [[[0.0], [4.0]]]).tolist()
    [0.5]
    """
    phi = np.asarray(values, dtype=np.float64)
    spread = np.sqrt([variance(c) for c in np.asarray(components)])
    if phi.shape != spread.shape:
        raise ValueError(f"values {phi.shape} do not fit {len(spread)} components")
    if not spread.all():
        raise ValueError("a component does not vary")
    return phi / spread


def overfitting(
    train: ArrayLike, test: ArrayLike, error: ArrayLike = 0.0, least: float = 2.0
) -> NDArray[np.float64]:
    """Share of what a component saves on the training images that it does not save on others.

    .. math:: \\alpha_{\\mathrm{over}} = (\\phi_{\\mathrm{train}} - \\phi_{\\mathrm{test}}) \\big/
        \\phi_{\\mathrm{train}} = 1 - \\phi_{\\mathrm{test}} / \\phi_{\\mathrm{train}}

    The study takes the Shapley value of the game "test loss minus training loss" for the numerator.
    As the values are linear in the game, two games, one a set, are enough.

    NaN where the value on the training images is not clearly positive, ``train <= least * error``:
    the quotient of two noises has no mean, and a share of nothing, or of harm, means nothing. Say
    how many were NaN, and show the two values themselves beside the ratio.

    Parameters
    ----------
    train, test : array_like, of one shape
        Shapley values of the loss saved on training and on other images.
    error : array_like
        Standard error of `train`: standard deviation over images of the values of
        `sample_losses`, divided by the root of their number. With 0 only values that are not
        positive give NaN.
    least : float
        Number of standard errors that `train` must exceed.

    Returns
    -------
    ndarray, of that shape
        0: all of it carries over. 1: nothing does. Above 1: harmful on other images.

    Raises
    ------
    ValueError
        Shapes that do not fit, NaN or infinite values, or an error that is negative.

    Notes
    -----
    Source: Ren et al. 2021, section 3.3, who divide whatever the sign and size.

    Examples
    --------
    >>> overfitting([2.0, 0.1, -1.0], [1.0, 0.3, 1.0], error=0.2).tolist()
    [0.5, nan, nan]
    """
    a, b = np.asarray(train, dtype=np.float64), np.asarray(test, dtype=np.float64)
    noise = np.asarray(error, dtype=np.float64)
    if a.shape != b.shape or not all(np.isfinite(v).all() for v in (a, b, noise)):
        raise ValueError("train and test must be finite and of one shape")
    if (noise < 0).any() or least < 0:
        raise ValueError("errors must not be negative")
    clear = a > least * noise
    return 1 - np.divide(b, a, out=np.full(a.shape, np.nan), where=clear)


def _all_coalitions(
    parts: NDArray, rest: NDArray, loss: Callable[[NDArray], ArrayLike]
) -> NDArray[np.float64]:
    """Losses (2**L, n). Coalition S is S without its first member, plus that member.

    What S is without it has a later first member. It is the last coalition to have had that one,
    so its sum is still there when one sum is kept for each first member.
    """
    players, n = len(parts), len(rest)
    sums = np.empty(parts.shape, np.result_type(parts, rest))
    losses = np.empty((1 << players, n))
    for coalition in range(1 << players):
        features = rest
        if coalition:
            first = (coalition & -coalition).bit_length() - 1
            others = coalition & (coalition - 1)
            before = sums[(others & -others).bit_length() - 1] if others else rest
            features = np.add(before, parts[first], out=sums[first])
        found = np.asarray(loss(features))
        if found.shape != (n,):
            raise ValueError(f"the loss gave the shape {found.shape} for {n} images")
        losses[coalition] = found
    return losses

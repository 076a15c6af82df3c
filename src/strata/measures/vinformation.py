"""V-information: how much of a feature a linear probe finds in a layer, and complexity from it.

Two scores, which a plot has to tell apart. The complexity study's own is Var(z) R^2: it grows with
the scale of the feature z, so that rare or faint features look complex whatever the layers hold.
R^2 alone does not depend on scale. Both are measured here on samples that the probe was not fitted
on: on its own samples it finds d/(n - 1) of pure noise, more in wider layers.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from strata.measures.ridge import PENALTIES, cross_fit, fold_labels


def held_out_r2(
    x: ArrayLike | Tensor,
    z: ArrayLike | Tensor,
    *,
    folds: int | ArrayLike = 2,
    rng: np.random.Generator | None = None,
    penalties: Sequence[float] = PENALTIES,
) -> NDArray[np.float64]:
    """Share of each feature's variance that a linear probe predicts on held-out samples.

    Ridge regression on the other folds, with a penalty per feature by generalised cross-validation
    and an intercept; the exact definitions are those of `cross_fit`.

    Parameters
    ----------
    x : array_like, shape (n, d)
        Activations of a layer, a row per sample; further axes are flattened, so pool before.
    z : array_like, shape (n, k) or (n,)
        Features to predict, a column each.
    folds : int or array_like of int, shape (n,)
        Number of random folds, or the fold of each sample.
    rng : numpy.random.Generator, optional
        Draws the folds. Without it a fixed one: layers and epochs with equal n share their folds.
    penalties : sequence of float
        As for `cross_fit`.

    Returns
    -------
    ndarray, shape (k,)
        At most 1. About 0, or somewhat below, where the probe is useless: not clipped. 0 for a
        constant feature and for a layer that is constant.

    Raises
    ------
    ValueError
        As for `cross_fit` and `fold_labels`; or `rng` is given with the fold of each sample.

    Notes
    -----
    Source: Fel et al. 2024, "Understanding visual feature reliance through the lens of complexity",
    appendix C, as the R^2 there; held-out and penalised for this book. With fewer samples a probe
    is worse: compare only scores of equal n. Complexity: see `cross_fit`.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((400, 3))
    >>> z = np.c_[x[:, 0] - 2 * x[:, 1], x[:, 2] ** 2, np.ones(400)]
    >>> [round(abs(float(r2)), 1) for r2 in held_out_r2(x, z)]
    [1.0, 0.0, 0.0]
    """
    return held_out_r2_by_layer([x], z, folds=folds, rng=rng, penalties=penalties)[0]


def held_out_r2_by_layer(
    layers: Iterable[ArrayLike | Tensor],
    z: ArrayLike | Tensor,
    *,
    folds: int | ArrayLike = 2,
    rng: np.random.Generator | None = None,
    penalties: Sequence[float] = PENALTIES,
) -> NDArray[np.float64]:
    """`held_out_r2` of the same features in several layers, or epochs, with the same folds.

    Parameters
    ----------
    layers : iterable of m array_like, shapes (n, d_l)
        One row per sample, in the same order everywhere. A generator will do: one layer at a time
        is held.
    z, folds, rng, penalties
        As for `held_out_r2`.

    Returns
    -------
    ndarray, shape (m, k)

    Raises
    ------
    ValueError
        As for `held_out_r2`; or there are no layers.

    Notes
    -----
    Source and complexity: as for `held_out_r2`, a layer at a time.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((400, 3))
    >>> held_out_r2_by_layer([np.zeros((400, 2)), x], x @ [1.0, 2.0, 3.0]).round(6).tolist()
    [[0.0], [1.0]]
    """
    if np.ndim(folds) == 0:
        labels = fold_labels(len(z), int(folds), rng)
    elif rng is None:
        labels = np.asarray(folds)
    else:
        raise ValueError("the fold of each sample is given, so rng has nothing to draw")
    scores = [cross_fit(x, z, labels, penalties).r2 for x in layers]
    if not scores:
        raise ValueError("there are no layers")
    return np.stack(scores)


def v_information(
    x: ArrayLike | Tensor,
    z: ArrayLike | Tensor,
    *,
    folds: int | ArrayLike = 2,
    rng: np.random.Generator | None = None,
    penalties: Sequence[float] = PENALTIES,
) -> NDArray[np.float64]:
    """V-information from a layer to each feature: its variance times `held_out_r2`.

    .. math::
        I_V(x \\to z) = H_V(z) - H_V(z|x) = \\frac{\\mathrm{Var}(z)}{2 \\sigma^2} R^2
        = \\mathrm{Var}(z) \\, R^2

    for predictors that are linear with Gaussian errors of variance sigma^2 = 1/2.

    Parameters
    ----------
    x, z, folds, rng, penalties
        As for `held_out_r2`.

    Returns
    -------
    ndarray, shape (k,)
        At most Var(z), in squared units of z; not clipped at 0.

    Raises
    ------
    ValueError
        As for `held_out_r2`.

    Notes
    -----
    Source: Fel et al. 2024, section 2 and appendix C. The last step there fixes sigma^2 = 1/2.
    Complexity: as for `held_out_r2`. For both scores at once see `variance_weighted`.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((400, 3))
    >>> once, twice = v_information(x, np.c_[x[:, 0], 2 * x[:, 0]])
    >>> round(float(twice / once), 6)
    4.0
    """
    return variance_weighted(held_out_r2(x, z, folds=folds, rng=rng, penalties=penalties), z)


def variance_weighted(r2: ArrayLike, z: ArrayLike | Tensor) -> NDArray[np.float64]:
    """V-information from R^2 that has been measured: Var(z) R^2, with the variance of all samples.

    Parameters
    ----------
    r2 : array_like, shape (k,) or (m, k)
        Of each feature, or layer by layer.
    z : array_like, shape (n, k) or (n,)
        The features.

    Returns
    -------
    ndarray
        Shape of `r2`, in squared units of z.

    Raises
    ------
    ValueError
        The numbers of features differ; an array is empty or holds NaN or infinite values.

    Notes
    -----
    Source: Fel et al. 2024, appendix C. Var is the mean squared difference to the mean (ddof 0).

    Examples
    --------
    >>> variance_weighted([[0.5, 1.0]], [[1.0, 2.0], [-1.0, -2.0]]).tolist()
    [[0.5, 4.0]]
    """
    scores = np.asarray(r2, dtype=np.float64)
    features = (
        z.detach().double() if isinstance(z, Tensor) else torch.tensor(np.asarray(z)).double()
    )
    if features.ndim not in (1, 2) or not features.numel():
        raise ValueError(f"z must have 1 or 2 axes and not be empty, not {tuple(features.shape)}")
    if not features.isfinite().all() or not np.isfinite(scores).all():
        raise ValueError("r2 or z holds NaN or infinite values")
    variance = features.reshape(len(features), -1).var(dim=0, correction=0).cpu().numpy()
    if scores.ndim not in (1, 2) or scores.shape[-1] != len(variance):
        raise ValueError(f"r2 of shape {scores.shape} does not fit {len(variance)} features")
    return scores * variance


def complexity(scores_by_layer: ArrayLike, *, clip: bool = False) -> NDArray[np.float64]:
    """K: one minus the mean over layers of what a probe finds of a feature there.

    .. math:: K = 1 - \\frac{1}{m} \\sum_{l=1}^{m} S_l

    High is complex: the feature is found late or nowhere. What the net drops on the way and what
    it never computes both count as complex; the scores layer by layer tell them apart.

    Parameters
    ----------
    scores_by_layer : array_like, shape (m, k)
        R^2 from `held_out_r2_by_layer`, for the K of this book, or V-information from
        `variance_weighted`, for the paper's.
    clip : bool
        Count negative scores as 0.

    Returns
    -------
    ndarray, shape (k,)
        With R^2 from 0 to about 1, and with `clip` exactly so. With V-information there is no lower
        bound.

    Raises
    ------
    ValueError
        Not a matrix, empty, or with NaN or infinite values.

    Notes
    -----
    Source: Fel et al. 2024, section 2, the definition of K. Its text says once that high is simple;
    the formula, the appendix and the figures say the opposite.

    Examples
    --------
    >>> complexity([[1.0, 0.0], [1.0, 0.0], [1.0, 0.5], [1.0, -0.1]]).round(12).tolist()
    [0.0, 0.9]
    >>> complexity([[0.5], [-0.5]], clip=True).tolist()
    [0.75]
    """
    return _one_minus_mean("layers", scores_by_layer, clip)


def time_to_decode(scores_by_epoch: ArrayLike, *, clip: bool = False) -> NDArray[np.float64]:
    """Lambda: one minus the mean over epochs of what a probe finds in the penultimate layer.

    .. math:: \\Lambda = 1 - \\frac{1}{e} \\sum_{i=1}^{e} S_i

    The features are those of the last epoch throughout. Low is early.

    Parameters
    ----------
    scores_by_epoch : array_like, shape (e, k)
        R^2 or V-information as for `complexity`, a row per epoch.
    clip : bool
        Count negative scores as 0.

    Returns
    -------
    ndarray, shape (k,)
        As for `complexity`.

    Raises
    ------
    ValueError
        As for `complexity`.

    Notes
    -----
    Source: Fel et al. 2024, section 5. The last layer of the last epoch is in both K and Lambda and
    correlates them: leave that row out of both to see how much. The mean is over the epochs given,
    evenly spaced or not.

    Examples
    --------
    >>> time_to_decode([[0.0, 1.0], [1.0, 1.0]]).tolist()
    [0.5, 0.0]
    """
    return _one_minus_mean("epochs", scores_by_epoch, clip)


def _one_minus_mean(rows: str, scores: ArrayLike, clip: bool) -> NDArray[np.float64]:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"scores must be of shape ({rows}, features), not {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("scores hold NaN or infinite values")
    return 1 - (np.maximum(values, 0) if clip else values).mean(axis=0)

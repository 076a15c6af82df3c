"""Cross-fitted ridge regression of many targets at once: one factorisation a fold for all of them.

Ridge solutions of all targets and penalties share the eigenvectors of the features' Gram matrix.
So a fold costs one eigendecomposition and some products; each target gets a penalty of its own.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from strata.measures.moments import moments, sample_gram, samples_and_targets, scale_and_shift

PENALTIES = tuple(float(p) for p in np.logspace(-6, 4, 15))
"""Penalties, as noise-to-signal ratios: from R^2 = 1 - 1e-6 down to R^2 = 1e-4. See `cross_fit`.

The least of them spares directions that hold much more than 1e-6 / n of the features' variance.
A grid of 120 costs little more; in three trials it gained 0.0005 to 0.004 of R^2 on average.
"""


@dataclass(frozen=True)
class CrossFit:
    """How well probes predict samples that they were not fitted on.

    Attributes
    ----------
    r2 : ndarray, shape (k,)
        See `cross_fit`.
    penalties : ndarray, shape (folds, k)
        The penalty chosen without the samples of each fold.
    """

    r2: NDArray[np.float64]
    penalties: NDArray[np.float64]


def fold_labels(
    n: int, folds: int = 2, rng: np.random.Generator | None = None
) -> NDArray[np.int64]:
    """Split n samples at random into folds, from 2 to n of them, whose sizes differ by at most one.

    Without `rng` a fixed one draws: equal `n` and `folds` give equal splits. Returns the fold of
    each sample, counted from 0. Raises a ValueError if `folds` is out of range.

    Examples
    --------
    >>> np.bincount(fold_labels(7, 3)).tolist()
    [3, 2, 2]
    """
    if not 2 <= folds <= n:
        raise ValueError(f"folds must be from 2 to the {n} samples, not {folds}")
    return (rng or np.random.default_rng(0)).permutation(np.arange(n) % folds)


def cross_fit(
    x: ArrayLike | Tensor,
    z: ArrayLike | Tensor,
    labels: ArrayLike | None = None,
    penalties: Sequence[float] = PENALTIES,
) -> CrossFit:
    """Predict every target in each fold by ridge regression on the other folds.

    In the training samples, with means taken off, the weights of a target are

    .. math:: w = (X^T X + \\lambda I)^{-1} X^T z, \\qquad \\lambda = p \\sum_j \\mathrm{Var}(x_j)

    where p is the one of `penalties` with the least generalised cross-validation error

    .. math:: \\mathrm{GCV} = n \\|(I - H) z\\|^2 / (n - \\mathrm{tr} H)^2, \\qquad
        H = 1 1^T / n + X (X^T X + \\lambda I)^{-1} X^T

    of that target. The intercept, which is not penalised, comes from the training means. For
    weights of no preferred direction p is best at the ratio of noise to signal, (1 - R^2) / R^2.
    A penalty that leaves no degree of freedom is not chosen if there is another.

    The score sums over all samples, each predicted from the other folds, the mean included:

    .. math:: R^2 = 1 - \\sum_i (z_i - \\hat z_i)^2 \\big/ \\sum_i (z_i - \\bar z_i)^2

    So a probe that learned only the mean has R^2 = 0 to the last bit, where the mean of the test
    fold below the line would make it negative; and what was learned by mistake makes it negative. A
    constant target has R^2 = 0: a convention, as the formula is 0/0 there.

    Parameters
    ----------
    x : array_like, shape (n, d)
        Features, a row per sample; further axes are flattened. Columns are not scaled. Those that
        vary only by rounding (4 units in the last place of their dtype) count as constant. Float32
        is enough: all sums are in float64, on the device of `x`.
    z : array_like, shape (n, k) or (n,)
        Targets, a column each. Constant columns as in `x`.
    labels : array_like of int, shape (n,), optional
        The fold of each sample; else `fold_labels(n)`. Samples that depend on each other, such as
        positions of one image, belong in the same fold.
    penalties : sequence of float
        Values of p, not negative. At 0 the weights are those of least norm. The first of equals is
        chosen.

    Returns
    -------
    CrossFit

    Raises
    ------
    ValueError
        An array is empty, complex or holds NaN or infinite values; numbers of samples differ; there
        are fewer than two folds, or fewer than two samples outside one; there are no penalties, or
        one is negative or not finite.

    Notes
    -----
    Source: Golub, Heath & Wahba 1979, "Generalized cross-validation as a method for choosing a good
    ridge parameter", equation 1.4; Hastie, Tibshirani & Friedman 2009, "The elements of statistical
    learning", sections 3.4.1 and 7.10.

    Time O(n d (d + k)) and O(d^2 (d + k)) a fold; memory O(d (d + k)) a fold, beside the inputs and
    z in float64. Where a training fold has fewer than d samples, the n x n matrix takes the place
    of the d x d one: time O(n^2 (d + k)) and O(n^2 (n + k)) a fold, memory O(n (n + k)).

    Examples
    --------
    >>> x = np.arange(6.0)[:, None]
    >>> fit = cross_fit(x, 2 * x + 1, labels=[0, 1, 0, 1, 0, 1], penalties=[0.0])
    >>> fit.r2.round(12).tolist(), fit.penalties.tolist()
    ([1.0], [[0.0], [0.0]])
    """
    samples, targets = samples_and_targets(x, z)
    grid = np.asarray(penalties, dtype=np.float64)
    if grid.ndim != 1 or not len(grid) or not (np.isfinite(grid) & (grid >= 0)).all():
        raise ValueError(f"penalties must be finite, not negative and at least one: {penalties}")
    folds = _folds(len(samples), labels)
    scale, shift = scale_and_shift(targets)
    centred = (targets * scale).sub_(shift)  # in float64, as the scale is
    fewest = len(samples) - max(len(rows) for rows in folds)
    route = _by_features if samples.shape[1] <= fewest else _by_samples
    found = route(samples, centred, folds, torch.from_numpy(grid).to(samples.device))
    sse, sst, chosen = (torch.stack(values) for values in zip(*found, strict=True))
    sse, sst = sse.sum(dim=0), sst.sum(dim=0)
    # Of a constant target nothing is left, so that both sums are exactly 0.
    r2 = torch.where(sst > 0, 1 - sse.clamp(min=0) / sst, 0.0)
    return CrossFit(r2.cpu().numpy(), grid[chosen.cpu().numpy()])


def in_sample_r2(x: ArrayLike | Tensor, z: ArrayLike | Tensor) -> NDArray[np.float64]:
    """R^2 of least squares on the samples that it was fitted on: a pitfall, for comparison.

    For features that have nothing to do with the layer it is d/(n - 1) on average, and 1 where d
    reaches n - 1. So wider layers, which come later, seem to hold more.

    Parameters
    ----------
    x, z : array_like
        As for `cross_fit`.

    Returns
    -------
    ndarray, shape (k,)
        From 0 to 1. 0 for a constant feature.

    Raises
    ------
    ValueError
        As for `cross_fit`.

    Notes
    -----
    Source: Fel et al. 2024, appendix C, taken as it stands: neither held-out samples nor a penalty
    are mentioned. Complexity: as for `cross_fit`, with 2 n samples.

    Examples
    --------
    >>> x, z = np.random.default_rng(0).standard_normal((2, 11, 5))
    >>> in_sample_r2(np.c_[x, x**2], z).round(9).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    x, z = samples_and_targets(x, z)
    # Two folds that hold the same samples: each is predicted from itself.
    labels = np.repeat([0, 1], len(z))
    return cross_fit(torch.cat([x, x]), torch.cat([z, z]), labels, penalties=[0.0]).r2


_T = TypeVar("_T")
_Sums = tuple[Tensor, Tensor, Tensor]
"""Of one fold, (k,) each: squared errors of the probe and of the mean, index of the penalty."""

# -- one training fold, whatever the route ---------------------------------------------------------


def _choose(
    s: Tensor, c: Tensor, zz: Tensor, n: int, unit: Tensor, grid: Tensor
) -> tuple[Tensor, Tensor]:
    """Index of the penalty with the least GCV for each target, and its weights over c.

    `s` (r,) are eigenvalues of the centred Gram matrix, `c` (r, k) the centred targets in its
    orthonormal eigenvectors of n entries, `zz` (k,) their squared norms, `unit` what a penalty of
    1 amounts to. In these coordinates the prediction is c s / (s + penalty).
    """
    left = grid[:, None] * unit / (s + grid[:, None] * unit)  # of each direction, in the residual
    energy = c.square()
    more = max(n - 1 - len(s), 0)  # directions without features; the intercept takes one
    outside = (zz - energy.sum(dim=0)).clamp(min=0) if more else 0.0
    residual, freedom = outside + left.square() @ energy, more + left.sum(dim=1, keepdim=True)
    gcv = torch.where(freedom > 0, residual / freedom.square(), math.inf)
    chosen = gcv.argmin(dim=0)
    return chosen, c / (s[:, None] + unit * grid[chosen])


def _eigen(centred: Tensor, raw: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Eigenvalues and vectors of a Gram matrix, but for what rounding may have made out of zeros.

    `raw` is the matrix before its means were taken off: if the training samples are all equal, and
    only they, then what is left of it is rounding.
    """
    values, vectors = torch.linalg.eigh(centred)
    size_of_all = torch.maximum(values[-1], raw.diagonal().max())
    keep = values > size * torch.finfo(values.dtype).eps * size_of_all
    return values[keep], vectors[:, keep]


# -- the two routes --------------------------------------------------------------------------------


def _by_features(x: Tensor, z: Tensor, folds: list[Tensor], grid: Tensor) -> list[_Sums]:
    """By the d x d matrices of second moments."""
    frame = scale_and_shift(x, together=True)
    parts = _for_each(lambda rows: moments(x, z, rows, *frame), folds)

    def solve(fold: int) -> _Sums:
        test, others = parts[fold], parts[:fold] + parts[fold + 1 :]
        train = sum(others[1:], others[0])
        means = train.x / train.n, train.z / train.n
        xx, xz, zz = train.about(*means)
        s, vectors = _eigen(xx, train.xx, max(train.n, len(xx)))
        root = s.sqrt()[:, None]
        c = vectors.T @ xz / root
        chosen, weights = _choose(s, c, zz, train.n, xx.trace() / train.n, grid)
        weights = vectors @ (root * weights)
        xx, xz, zz = test.about(*means)
        return zz - (weights * (2 * xz - xx @ weights)).sum(dim=0), zz, chosen

    return _for_each(solve, range(len(folds)))


def _by_samples(x: Tensor, z: Tensor, folds: list[Tensor], grid: Tensor) -> list[_Sums]:
    """By the n x n Gram matrix of the samples."""
    gram = sample_gram(x, *scale_and_shift(x, together=True))

    def solve(fold: int) -> _Sums:
        test, train = folds[fold], torch.cat(folds[:fold] + folds[fold + 1 :])
        raw, between = gram[train][:, train], gram[test][:, train]
        means = raw.mean(dim=0)
        shift = means - means.mean()
        z_mean = z[train].mean(dim=0)
        fitted, held_out = z[train] - z_mean, z[test] - z_mean
        inner = raw - means[:, None] - shift
        s, vectors = _eigen(inner, raw, max(x.shape))
        c, zz = vectors.T @ fitted, fitted.square().sum(dim=0)
        chosen, weights = _choose(s, c, zz, len(train), inner.trace() / len(train), grid)
        between = between - between.mean(dim=1, keepdim=True) - shift
        errors = held_out - between @ (vectors @ weights)
        return errors.square().sum(dim=0), held_out.square().sum(dim=0), chosen

    return _for_each(solve, range(len(folds)))


def _for_each(function: Callable[[Any], _T], folds: Sequence) -> list[_T]:
    """Call once a fold, folds side by side: eigendecompositions gain little from more threads."""
    threads = torch.get_num_threads()
    workers = min(threads, len(folds))
    if workers == 1:
        return [function(fold) for fold in folds]
    try:
        # A new thread starts with as many as the process did: each has to be told.
        with ThreadPoolExecutor(workers, "fold", torch.set_num_threads, (threads // workers,)) as p:
            return list(p.map(function, folds))
    finally:
        torch.set_num_threads(threads)


# -- inputs ----------------------------------------------------------------------------------------


def _folds(n: int, labels: ArrayLike | None) -> list[Tensor]:
    """Rows of each fold, in the order of their labels."""
    found = fold_labels(n) if labels is None else np.asarray(labels)
    if found.shape != (n,) or found.dtype.kind not in "biu":
        raise ValueError(f"labels must be {n} integers, not {found.dtype} of {found.shape}")
    names, counts = np.unique(found, return_counts=True)
    if len(names) < 2:
        raise ValueError("all samples are in one fold, so none is left to fit on")
    if n - counts.max() < 2:
        raise ValueError(f"too few samples: at least 2 must lie outside each fold, of {n}")
    return [torch.from_numpy(np.flatnonzero(found == name)) for name in names]

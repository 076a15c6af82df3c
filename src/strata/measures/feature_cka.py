"""How alike a layer and a single scalar feature are by CKA, for many features at once.

CKA does not say whether a feature can be read from a layer. A feature that is an exact linear
function of the layer scores near 0 if it lies along directions of little variance, and what share
of the variance that is changes from layer to layer. So compare features within a layer, divide by
the last layer's score before comparing layers, and show the probes' R^2 (`vinformation`) beside it.
"""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from strata.measures.moments import moments, sample_gram, samples_and_targets, scale_and_shift


def feature_cka(
    x: ArrayLike | Tensor, z: ArrayLike | Tensor, *, literal: bool = False
) -> NDArray[np.float64]:
    """Linear CKA of a layer with each feature.

    .. math:: \\mathrm{CKA}(X, z) = \\|X^T z\\|^2 / (\\|X^T X\\|_F \\, \\|z\\|^2)

    with columns centred. It is `cka.linear_cka` of X and z. The complexity study's own formula
    has Gram matrices in the place of X and z. Read literally it is

    .. math::
        \\frac{\\|K_X K_z\\|_F^2}{\\|K_X K_X\\|_F \\, \\|K_z K_z\\|_F}
        = \\frac{\\|X X^T z\\|^2}{\\|(X^T X)^2\\|_F \\, \\|z\\|^2},
        \\qquad K_X = X X^T, \\; K_z = z z^T

    as K_z K_z is z z^T times the squared length of z: CKA of squared kernels, where directions of
    much variance count even more.

    Parameters
    ----------
    x : array_like, shape (n, ...)
        Activations of a layer, a row per sample; further axes are flattened. Columns that vary only
        by rounding (4 units in the last place of their dtype) count as constant.
    z : array_like, shape (n, k) or (n,)
        Features, a column each; constant ones as in `x`.
    literal : bool
        The study's formula, instead of linear CKA.

    Returns
    -------
    ndarray, shape (k,)
        From 0 to 1. 1 only if the layer has a single direction, and the feature is it: no feature
        gets above the share of the largest eigenvalue in the norm of X^T X (or of its square). 0
        for a constant feature and for a layer that is constant: a convention, as the formula is
        0/0 there.

    Raises
    ------
    ValueError
        An array is empty, complex or holds NaN or infinite values; numbers of samples differ;
        there are fewer than 2 samples.

    Notes
    -----
    Source: Kornblith, Norouzi, Lee & Hinton 2019, "Similarity of neural network representations
    revisited", section 3; the literal reading is of Fel et al. 2024, "Understanding visual feature
    reliance through the lens of complexity", appendix E. Time O(n d (d + k)) by features or
    O(n^2 (d + k)) by samples, whichever is less; literal, O(min(n, d)^2 (min(n, d) + k)) more.

    Examples
    --------
    >>> x = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> (feature_cka(x, x) * np.sqrt(17)).round(9).tolist()
    [4.0, 1.0]
    >>> (feature_cka(x, x, literal=True) * np.sqrt(257)).round(9).tolist()
    [16.0, 1.0]
    """
    samples, targets = samples_and_targets(x, z)
    n, d = samples.shape
    if n < 2:
        raise ValueError(f"at least 2 samples are needed, not {n}")
    scale, shift = scale_and_shift(targets)
    features = (targets * scale).sub_(shift)
    frame = scale_and_shift(samples, together=True)
    if d <= n:
        sums = moments(samples, features, torch.arange(n, device=samples.device), *frame)
        gram, between, squares = sums.about(sums.x / n, sums.z / n)
        products = (between * (gram @ between if literal else between)).sum(dim=0)
    else:
        gram = _centred(sample_gram(samples, *frame))
        features -= features.mean(dim=0)
        images = gram @ features
        products = (images * (images if literal else features)).sum(dim=0)
        squares = features.square().sum(dim=0)
    size = torch.linalg.matrix_norm(gram @ gram if literal else gram)
    norms = size * squares
    found = torch.where(norms > 0, products / norms, 0.0).clamp(0, 1)
    return found.cpu().numpy()


def feature_cka_by_layer(
    layers: Iterable[ArrayLike | Tensor], z: ArrayLike | Tensor, *, literal: bool = False
) -> NDArray[np.float64]:
    """`feature_cka` of the same features with several layers, branches or epochs.

    Parameters
    ----------
    layers : iterable of m array_like, shapes (n, ...)
        One row per sample, in the same order everywhere. A generator will do: one layer at a time
        is held.
    z, literal
        As for `feature_cka`.

    Returns
    -------
    ndarray, shape (m, k)

    Raises
    ------
    ValueError
        As for `feature_cka`; or there are no layers.

    Notes
    -----
    Source and complexity: as for `feature_cka`, a layer at a time.

    Examples
    --------
    >>> z = [1.0, 0.0, 0.0, -1.0]
    >>> feature_cka_by_layer([np.zeros((4, 3)), z], z).round(9).tolist()
    [[0.0], [1.0]]
    """
    scores = [feature_cka(x, z, literal=literal) for x in layers]
    if not scores:
        raise ValueError("there are no layers")
    return np.stack(scores)


def _centred(gram: Tensor) -> Tensor:
    """H K H, with H = I - 1 1^T / n."""
    means = gram.mean(dim=0)
    return gram - means[:, None] - (means - means.mean())

"""Centred kernel alignment (CKA): how alike layers represent the same samples, pair by pair."""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from strata.measures.inputs import samples

Kind = Literal["linear", "debiased", "rbf"]

_LEAST_SAMPLES = {"linear": 2, "debiased": 4, "rbf": 2}
_PANEL = 256  # rows of a kernel that are worked on at a time
_ROUNDING = 1e-12  # share of the sum of its terms up to which a difference counts as zero


def linear_cka(x: ArrayLike | Tensor, y: ArrayLike | Tensor) -> float:
    """Linear CKA of two representations of the same samples.

    .. math:: \\|Y^T X\\|_F^2 / (\\|X^T X\\|_F \\, \\|Y^T Y\\|_F), \\qquad \\text{columns centred}

    Parameters
    ----------
    x, y : array_like, shapes (n, ...)
        One row per sample, in the same order in both; further axes are flattened.

    Returns
    -------
    float
        From 0 to 1. A constant representation has 0 with everything.

    Raises
    ------
    ValueError
        As for `cka_map`.

    Notes
    -----
    Source: Kornblith, Norouzi, Lee & Hinton 2019, "Similarity of neural network representations
    revisited", section 3. Complexity: see `cka_map`.

    Examples
    --------
    >>> x = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]
    >>> round(linear_cka(x, [1.0, 0.0, -1.0, 0.0]) ** 2, 12)
    0.5
    """
    return float(cka_map([x, y], kind="linear")[0, 1])


def debiased_cka(x: ArrayLike | Tensor, y: ArrayLike | Tensor) -> float:
    """Linear CKA with unbiased estimates of its three inner products.

    For independent features that far outnumber the samples, `linear_cka` goes to 1, this to 0.

    Parameters
    ----------
    x, y : array_like, shapes (n, ...)
        As for `linear_cka`; n at least 4.

    Returns
    -------
    float
        From -1 to 1. It is 0 with a representation whose unbiased self-product is zero: constant,
        or all samples at equal distances, or all equal but one.

    Raises
    ------
    ValueError
        As for `cka_map`.

    Notes
    -----
    Source: Nguyen, Raghu & Kornblith 2021, "Do wide and deep networks learn the same things?",
    with the estimator HSIC_1 of Song et al. 2012, "Feature selection via dependence maximization".
    Complexity: see `cka_map`.

    Examples
    --------
    >>> x = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [0.0, 0.0]]
    >>> round(debiased_cka(x, [1.0, 0.0, -1.0, 0.0, 0.0]) ** 2, 12)
    0.666666666667
    """
    return float(cka_map([x, y], kind="debiased")[0, 1])


def rbf_cka(x: ArrayLike | Tensor, y: ArrayLike | Tensor) -> float:
    """CKA with Gaussian kernels, each as wide as its own representation.

    .. math::
        \\langle HKH, HLH \\rangle_F / (\\|HKH\\|_F \\, \\|HLH\\|_F), \\qquad
        K_{ij} = \\exp(-d_{ij}^2 / 2\\sigma^2), \\quad
        \\sigma^2 = \\mathrm{median}\\{d_{ij}^2 : d_{ij} > 0\\}

    with d_ij the distances in `x`, L likewise from `y`, and H = I - 1 1^T / n.

    Parameters
    ----------
    x, y : array_like, shapes (n, ...)
        As for `linear_cka`. Samples closer than 1e-6 of their norms (centred) count as equal.

    Returns
    -------
    float
        From 0 to 1. A constant representation has 0 with everything.

    Raises
    ------
    ValueError
        As for `cka_map`.

    Notes
    -----
    Source: Kornblith et al. 2019 as for `linear_cka`, where the width is a share of the median
    distance. Here the share is 1, and equal samples do not count. Complexity: see `cka_map`.

    Examples
    --------
    >>> round(rbf_cka([0.0, 1.0, 3.0], [5.0, 7.0, 11.0]), 12)
    1.0
    """
    return float(cka_map([x, y], kind="rbf")[0, 1])


def cka_map(layers: Sequence[ArrayLike | Tensor], kind: Kind = "linear") -> NDArray[np.float64]:
    """CKA of all pairs of representations of the same samples.

    Rotations, shifts and one scale for all columns of a layer change nothing. Computed in float64
    by torch, so that torch's number of threads governs.

    Parameters
    ----------
    layers : sequence of m array_like, each of shape (n, ...)
        One row per sample, in the same order everywhere; further axes are flattened. Columns that
        vary only by rounding (4 units in the last place of their dtype) count as constant.
    kind : {"linear", "debiased", "rbf"}
        See `linear_cka`, `debiased_cka` and `rbf_cka`.

    Returns
    -------
    ndarray, shape (m, m)
        Symmetric. The diagonal is exactly 1, but for a representation without variation its row
        and column are 0: a convention, as the formula is 0/0 there.

    Raises
    ------
    ValueError
        There are no layers; a layer is complex, empty, or holds NaN or infinite values; layers
        differ in n; n is below 2 (debiased: 4); the kind is unknown.

    Notes
    -----
    With D features in all: linear and debiased take time O(n D^2) by features or O(n^2 (D + m^2))
    by samples, whichever is less, and memory O(n (D + 256 m)). Rbf takes time O(n^2 (D + m^2)) and
    holds half of each centred kernel, 4 m n^2 bytes. Values are within 1e-10 of the formulas'.

    Examples
    --------
    >>> cka_map([[[1.0, 0.0], [0.0, 2.0]], [3.0, 4.0], [5.0, 5.0]]).round(12).tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    if kind not in _LEAST_SAMPLES:
        raise ValueError(f"kind must be one of {', '.join(_LEAST_SAMPLES)}, not {kind!r}")
    features = _features(layers, _LEAST_SAMPLES[kind])
    if kind == "rbf":
        products = _rbf_products(features)
    elif _features_win([x.shape[1] for x in features], len(features[0])):
        products = _products_by_features(features)
    else:
        products = _products_by_samples(features)
    plain = products.diagonal()
    if kind == "debiased":
        products = _debiased(products, features)
    alive = products.diagonal() > _ROUNDING * plain  # else nothing is left after centring
    norms = torch.where(alive, products.diagonal(), 1.0).sqrt()
    cosines = (products + products.T) / torch.outer(2 * norms, norms)
    cosines.clamp_(-1.0 if kind == "debiased" else 0.0, 1.0)
    return torch.where(alive & alive[:, None], cosines.fill_diagonal_(1.0), 0.0).numpy()


# -- inner products of centred kernels -------------------------------------------------------------


def _features_win(widths: list[int], n: int) -> bool:
    """Whether products of features with features are less work than kernels."""
    total = sum(widths)
    return total**2 + sum(d**2 for d in widths) < n * (total + len(widths) ** 2)


def _products_by_features(features: list[Tensor]) -> Tensor:
    """<X X^T, Y Y^T> = ||X^T Y||^2."""
    products = torch.empty(len(features), len(features), dtype=torch.float64)
    for i, x in enumerate(features):
        for j, y in enumerate(features[: i + 1]):
            products[i, j] = products[j, i] = (x.T @ y).square().sum()
    return products


def _products_by_samples(features: list[Tensor]) -> Tensor:
    """From the kernels themselves, a panel of all of them at a time."""
    products = torch.zeros(len(features), len(features), dtype=torch.float64)
    for rows, panels in _empty_panels(len(features), len(features[0])):
        for x, panel in zip(features, panels, strict=True):
            torch.mm(x[rows], x[rows.start :].T, out=panel)
        products += _panel_products(panels)
    return products


def _debiased(products: Tensor, features: list[Tensor]) -> Tensor:
    """HSIC_1 without its factor 1 / n (n - 3), from the inner products of centred kernels."""
    # HSIC_1 leaves the kernels' diagonals out, the squared norms r of the rows. As the rows of a
    # centred kernel sum to zero, all that this changes in its three terms follows from r.
    r = torch.stack([x.square().sum(dim=1) for x in features])
    n, total = r.shape[1], r.sum(dim=1)
    return products - n / (n - 2) * (r @ r.T) + torch.outer(total, total) / ((n - 1) * (n - 2))


def _empty_panels(m: int, n: int) -> Iterator[tuple[slice, Tensor]]:
    """Rows of the kernels, and room for their columns from the first of these rows onwards."""
    for start in range(0, n, _PANEL):
        rows = slice(start, min(start + _PANEL, n))
        yield rows, torch.empty(m, rows.stop - start, n - start, dtype=torch.float64)


def _panel_products(panels: Tensor) -> Tensor:
    """Inner products of the panels, where each entry off the kernels' diagonal stands for two."""
    panels.triu_().diagonal(dim1=1, dim2=2).mul_(0.5**0.5)
    flat = panels.flatten(1)
    return 2 * (flat @ flat.T)


def _rbf_products(features: list[Tensor]) -> Tensor:
    held = list(_empty_panels(len(features), len(features[0])))
    for i, x in enumerate(features):
        _fill_with_centred_rbf(x, [(rows, panels[i]) for rows, panels in held])
    return torch.stack([_panel_products(panels) for _, panels in held]).sum(dim=0)


def _fill_with_centred_rbf(x: Tensor, panels: list[tuple[slice, Tensor]]) -> None:
    variance = _fill_with_distances(x, panels)
    sums = torch.full((len(x),), -1.0, dtype=torch.float64)  # the ones of the diagonal come twice
    for rows, panel in panels:
        panel.mul_(-0.5 / variance).exp_().triu_()
        sums[rows] += panel.sum(dim=1)
        sums[rows.start :] += panel.sum(dim=0)
    shift = (sums - sums.mean() / 2) / len(x)  # HKH takes off both means, adds the mean of all
    for rows, panel in panels:
        panel.sub_(shift[rows, None]).sub_(shift[rows.start :])


def _fill_with_distances(x: Tensor, panels: list[tuple[slice, Tensor]]) -> float:
    """Fill in squared distances, 0 for equal points, and return the median of the others."""
    norms = x.square().sum(dim=1)
    for rows, panel in panels:
        largest = norms[rows, None] + norms[rows.start :]
        torch.addmm(largest, x[rows], x[rows.start :].T, alpha=-2.0, out=panel)
        panel.masked_fill_(panel <= largest.mul_(_ROUNDING), 0.0).triu_()  # each pair once
    positive = torch.cat([panel[panel > 0] for _, panel in panels]).numpy()
    return float(np.median(positive, overwrite_input=True)) if positive.size else 1.0


# -- inputs ----------------------------------------------------------------------------------------


def _features(layers: Sequence[ArrayLike | Tensor], least: int) -> list[Tensor]:
    """Each layer as (n, d) in float64, its columns centred, its entries of size 1."""
    features = [_centred(i, layer) for i, layer in enumerate(layers)]
    if not features:
        raise ValueError("there are no layers")
    n = len(features[0])
    if odd := [i for i, x in enumerate(features) if len(x) != n]:
        raise ValueError(f"layer {odd[0]} has {len(features[odd[0]])} samples, layer 0 has {n}")
    if n < least:
        raise ValueError(f"at least {least} samples are needed, not {n}")
    return features


def _centred(index: int, layer: ArrayLike | Tensor) -> Tensor:
    layer = samples(f"layer {index}", layer).cpu()
    rounding = 4 * torch.finfo(layer.dtype).eps if layer.is_floating_point() else 0.0
    x = _scaled(layer.double())
    low, high = x.aminmax(dim=0)
    varies = high - low > rounding * torch.maximum(low.abs(), high.abs())
    x = _scaled((x - x.mean(dim=0)) * varies)
    return x - x.mean(dim=0)  # again, as the first mean is rounded to the size of the offset


def _scaled(x: Tensor) -> Tensor:
    """Largest entry near 1, so that squares neither overflow nor vanish; exact, by powers of 2."""
    _, exponent = math.frexp(x.abs().max().item())
    return x / 2.0 ** min(max(exponent, -1000), 1000)

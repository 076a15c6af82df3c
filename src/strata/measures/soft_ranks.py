"""The soft ranks of layers: of representations, of NTK matrices, of weights.

All are `strata.measures.rank.soft_rank`, of different spectra, and their values differ. The depth
study writes one definition, the exponential of the entropy of the normalised singular values, and
uses four spectra; a plot has to say which:

- R_cov, `covariance_rank`: its figure of representation rank and CKA against depth (``rank_cka``);
- R_sv, `singular_value_rank`: all its slides of 2024;
- R_K, `ntk_rank`: its figures of NTK rank against depth and layer by layer (``ntk_rank``,
  ``layerw_ntk_rank``);
- R_W, `weight_rank` and `effective_weight_rank`: its code only, which plots the entropy without
  the exponential.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from strata.measures.inputs import real_matrix
from strata.measures.rank import soft_rank
from strata.measures.spectrum import eigenvalues, singular_values

_EPS = float(np.finfo(np.float64).eps)


def covariance_rank(z: ArrayLike | Tensor) -> float:
    """R_cov: soft rank of the eigenvalues of a layer's centred covariance.

    .. math:: R(\\lambda(C)), \\qquad C = \\tfrac{1}{n} \\sum_i (z_i - \\bar z)(z_i - \\bar z)^T

    It is at most the dimension of the affine hull of the rows: at most 2 at z_0 for data in the
    plane, as z_0 is an affine map of it, and 1 for two antisymmetric logits. It does not depend
    on rotation, scale or shift of the rows. A feature that is constant adds nothing; if all are,
    the rank is 0.

    Parameters
    ----------
    z : array_like, shape (n, d)
        A row per sample, at least two. The study takes pre-activations. Float32 values will do:
        their rounding moved the rank by up to 1e-7 in layers of width 50.

    Returns
    -------
    float
        Between 1 and min(n - 1, d), or 0.

    Raises
    ------
    ValueError
        Not a matrix, one sample, empty, complex, or with NaN or infinite values.

    Notes
    -----
    Source: the study's code and its figure ``rank_cka``; Roy & Vetterli 2007 for the soft rank.
    Time O(n d min(n, d)): for d > n, of the n x n Gram matrix, which has the same positive
    eigenvalues.

    Examples
    --------
    >>> round(covariance_rank([[1.0, 5.0], [-1.0, 5.0], [0.0, 6.0], [0.0, 4.0]]), 12)
    2.0
    >>> round(covariance_rank([[2.0, -2.0], [-1.0, 1.0], [3.0, -3.0]]), 12)
    1.0
    """
    z = _layer(z)
    if len(z) < 2:
        raise ValueError("one sample has no covariance")
    # Less the first row first: a constant feature is then zero to the last bit. Half of each row,
    # as the difference of two numbers may overflow.
    z = _unit_size(z / 2 - z[0] / 2)
    z = _unit_size(z - z.mean(dim=0))
    gram = z @ z.T if z.shape[1] > len(z) else z.T @ z
    return soft_rank(_without_rounding(eigenvalues(gram), max(z.shape)))


def singular_value_rank(z: ArrayLike | Tensor) -> float:
    """R_sv: soft rank of the singular values of a layer, not centred.

    .. math:: R(\\sigma(Z)), \\qquad Z = (z_1, \\dots, z_n)^T

    Singular values are square roots of eigenvalues, so that small directions count for more: for
    rows of mean zero R_sv is never below R_cov. The mean of the rows is a direction of its own.
    Through it the first layer of a net on data in the plane, with R_cov <= 2, may reach 3, the
    third direction being that of the biases; and a large mean hides the rest, with R_sv near 1. It
    does not depend on rotation and scale; it does on shift.

    Parameters
    ----------
    z : array_like, shape (n, d)
        A row per sample. Float32 values will do: their rounding moved the rank by up to 1e-5 in
        layers of width 50.

    Returns
    -------
    float
        Between 1 and min(n, d), or 0 for a matrix of zeros.

    Raises
    ------
    ValueError
        Not a matrix, empty, complex, or with NaN or infinite values.

    Notes
    -----
    Source: inferred for the study's slides, from the soft rank of the input that they print for
    their settings A and C (1.39 and 1.28), which only this spectrum gives; Roy & Vetterli 2007 for
    the soft rank. Time O(n d min(n, d)).

    Examples
    --------
    >>> round(singular_value_rank([[3.0, 0.0], [0.0, 3.0], [0.0, 0.0]]), 12)
    2.0
    """
    z = _unit_size(_layer(z))
    return soft_rank(_without_rounding(singular_values(z), max(z.shape)))


def ntk_rank(kernel: ArrayLike | Tensor) -> float:
    """R_K: soft rank of the eigenvalues of an NTK matrix.

    For K = J J^T the eigenvalues are the squared singular values of J, and R_K(K) is never above
    the soft rank of those.

    Parameters
    ----------
    kernel : array_like, shape (n, n)
        Symmetric up to rounding, of a net or of one of its layers. Compute it in float64: the
        eigenvalues of a kernel in float32 end in a tail of rounding.

    Returns
    -------
    float
        Between 1 and n, or 0 for a kernel of zeros.

    Raises
    ------
    ValueError
        Not square, not symmetric, empty, complex, with NaN or infinite values, or with a negative
        eigenvalue beyond rounding.

    Notes
    -----
    Source: the study's code and its figures ``ntk_rank`` and ``layerw_ntk_rank``, for one logit;
    Roy & Vetterli 2007 for the soft rank. Time O(n^3).

    Examples
    --------
    >>> round(ntk_rank([[2.0, 0.0], [0.0, 2.0]]), 12)
    2.0
    """
    return soft_rank(_without_rounding(eigenvalues(kernel), len(kernel)))


def weight_rank(weight: ArrayLike | Tensor) -> float:
    """R_W: soft rank of the singular values of a layer's weights, the bias left out.

    Parameters
    ----------
    weight : array_like, shape (out, in)

    Returns
    -------
    float
        Between 1 and min(out, in), or 0 for weights of zero.

    Raises
    ------
    ValueError
        Not a matrix, empty, complex, or with NaN or infinite values.

    Notes
    -----
    Source: the study's code, which plots the entropy: the logarithm of this. It has no figure of
    it. Roy & Vetterli 2007 for the soft rank. Time O(out in min(out, in)).

    Examples
    --------
    >>> round(weight_rank([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), 12)
    2.0
    """
    return singular_value_rank(weight)


def effective_weight_rank(weights: Sequence[ArrayLike | Tensor]) -> float:
    """R_W of a product W_l ... W_0: the linear map of a net whose biases and ReLUs are left out.

    Parameters
    ----------
    weights : sequence of array_like, shapes (out, in)
        The factors as they are written, the last layer's first.

    Returns
    -------
    float
        At least 1 and at most the smallest side of a factor, or 0 where the product is zero up to
        rounding.

    Raises
    ------
    ValueError
        There is no factor, two neighbours do not fit, or a factor is refused by `weight_rank`.

    Notes
    -----
    Source: the study's code, the "effective" weight rank; as for `weight_rank`. Time O(d^3) a
    factor of side d.

    Examples
    --------
    >>> first, last = [[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]], [[1.0, 0.0, 5.0]]
    >>> round(effective_weight_rank([last, first]), 12)
    1.0
    """
    factors = [real_matrix(f"factor {i}", weight).double() for i, weight in enumerate(weights)]
    if not factors:
        raise ValueError("a product needs at least one factor")
    for left, right in pairwise(factors):
        if left.shape[1] != right.shape[0]:
            raise ValueError(
                f"factors of shape {tuple(left.shape)} and {tuple(right.shape)} do not fit: "
                "the last layer comes first"
            )
    # Each factor and each product is scaled to norm 1: long products neither vanish nor overflow.
    product = _unit_norm(factors[0])
    for factor in factors[1:]:
        size = max(factor.shape)
        product = product @ _unit_norm(factor)
        if torch.linalg.matrix_norm(product) <= size * _EPS:
            return 0.0
        product = _unit_norm(product)
    return singular_value_rank(product)


def _layer(values: ArrayLike | Tensor) -> Tensor:
    return real_matrix("the layer", values).double()


def _unit_size(z: Tensor) -> Tensor:
    """The matrix over its largest entry: no product of two entries overflows or vanishes."""
    size = z.abs().max()
    return z / size if size > 0 else z


def _unit_norm(z: Tensor) -> Tensor:
    z = _unit_size(z)
    norm = torch.linalg.matrix_norm(z)
    return z / norm if norm > 0 else z


def _without_rounding(spectrum: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The spectrum, with values that float64 cannot tell from zero set to zero.

    The bound is that of `numpy.linalg.matrix_rank`: the rounding unit, times the larger side of
    the matrix, times the largest value.
    """
    bound = size * _EPS * np.abs(spectrum).max()
    return np.where(np.abs(spectrum) <= bound, 0.0, spectrum)

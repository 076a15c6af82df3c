"""Spectra of matrices, in float64 and largest first: eigenvalues, eigenvectors, singular values."""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from strata.measures.inputs import check_count, real_matrix


def eigenvalues(kernel: ArrayLike | Tensor) -> NDArray[np.float64]:
    """Eigenvalues of a symmetric matrix, in float64, largest first.

    Computed by torch, so that torch's number of threads governs. Time O(n^3).

    Parameters
    ----------
    kernel : array_like, shape (n, n)
        Symmetric up to rounding: entries may differ by the square root of the dtype's rounding
        unit times the largest entry (3e-4 of it in float32, 1e-8 in float64).

    Returns
    -------
    ndarray, shape (n,)
        In the kernel's unit. Small negative values from rounding are left as they are.

    Raises
    ------
    ValueError
        The kernel is not square, x or holds NaN or infinite
        values.

    Examples
    --------
    >>> [round(float(value), 12) for value in eigenvalues([[2.0, 1.0], [1.0, 2.0]])]
    [3.0, 1.0]
    """
    return torch.linalg.eigvalsh(_symmetric(kernel)).flip(0).cpu().numpy()


def leading_eigenvectors(
    kernel: ArrayLike | Tensor, k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the `k` largest eigenvalues of a symmetric matrix and their eigenvectors, in float64.

    An eigenvector's sign is free. Here the first of its entries that reaches its largest magnitude
    (up to 0.1 percent, so that rounding does not choose between mirror images) is positive.
    Computed by torch, so that torch's number of threads governs. Time O(n^3).

    Parameters
    ----------
    kernel : array_like, shape (n, n)
        As for `eigenvalues`.
    k : int
        From 1 to n.

    Returns
    -------
    values : ndarray, shape (k,)
        Largest first, in the kernel's unit.
    vectors : ndarray, shape (n, k)
        Orthonormal columns in the order of `values`.

    Raises
    ------
    ValueError
        As for `eigenvalues`; or `k` is out of range.

    Examples
    --------
    >>> values, vectors = leading_eigenvectors([[1.0, 0.0], [0.0, 4.0]], 1)
    >>> values.tolist(), vectors.tolist()
    ([4.0], [[0.0], [1.0]])
    """
    matrix = _symmetric(kernel)
    check_count(k, len(matrix))
    values, vectors = torch.linalg.eigh(matrix)
    values, vectors = values.flip(0)[:k].cpu().numpy(), vectors.flip(1)[:, :k].cpu().numpy()
    size = np.abs(vectors)
    first = (size >= 0.999 * size.max(axis=0)).argmax(axis=0)
    return values, vectors * np.sign(vectors[first, np.arange(k)])


def singular_values(matrix: ArrayLike | Tensor) -> NDArray[np.float64]:
    """Singular values of a matrix, in float64, largest first.

    Computed by torch, so that torch's number of threads governs. Time O(n m min(n, m)).

    Parameters
    ----------
    matrix : array_like, shape (n, m)

    Returns
    -------
    ndarray, shape (min(n, m),)
        In the matrix's unit.

    Raises
    ------
    ValueError
        The input is not a matrix, is empty or complex, or holds NaN or infinite values.

    Examples
    --------
    >>> [round(float(value), 12) for value in singular_values([[3.0, 0.0], [0.0, -4.0]])]
    [4.0, 3.0]
    """
    return torch.linalg.svdvals(real_matrix("the matrix", matrix).double()).cpu().numpy()


def _symmetric(kernel: ArrayLike | Tensor) -> Tensor:
    """The kernel in float64, its rounding-size asymmetry averaged out."""
    k = real_matrix("the kernel", kernel)
    if k.shape[0] != k.shape[1]:
        raise ValueError(f"a kernel must be square, not of shape {tuple(k.shape)}")
    eps = torch.finfo(k.dtype).eps if k.is_floating_point() else 0.0
    k = k.double()
    asymmetry = (k - k.T).abs().max()
    if asymmetry > eps**0.5 * k.abs().max():
        raise ValueError(f"the kernel is not symmetric: entries differ by up to {asymmetry:.3g}")
    return (k + k.T) / 2

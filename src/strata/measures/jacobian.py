"""How an embedding changes with its input: Jacobian, rank, singular values and null directions.

For Jacobians that fit into memory; `strata.measures.jacobian_products` does without. Take nets in
float64: then what is lost exactly stands at 1e-16 of the largest singular value, far below what is
merely small.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from strata.measures.inputs import check_positive, real_matrix

Embed = Callable[[Tensor], Tensor]
THRESHOLD = 1e-10
"""Singular values above this share of the largest count for the rank; for float64."""


@dataclass(frozen=True)
class Rank:
    """A rank with the gap in the spectrum that it rests on.

    Attributes
    ----------
    rank
        Number of singular values above the threshold.
    kept
        The last of them, as a share of the largest; 0 if there is none.
    dropped
        The first that does not count, as a share of the largest; 0 if there is none.
    """

    rank: int
    kept: float
    dropped: float


def input_jacobian(embed: Embed, x: Tensor, *, block: int = 64) -> Tensor:
    """Jacobian of an embedding at one input, with no approximation but rounding.

    .. math:: J_{ij} = \\partial O_i(x) / \\partial x_j

    Parameters
    ----------
    embed : callable
        O: inputs (n, ...) to embeddings (n, ...), row by row.
    x : Tensor
        One input, without a batch axis.
    block : int
        Rows or columns at a time. It changes speed and memory only.

    Returns
    -------
    Tensor, shape (outputs, inputs)
        In the dtype of the embedding.

    Raises
    ------
    ValueError
        `block` is not positive, or the embedding is not one row a row.

    Notes
    -----
    The chain rule, backwards where there are at most as many outputs as inputs, forwards
    otherwise; a pass for each of the smaller number. Griewank & Walther 2008, "Evaluating
    derivatives", section 3.

    Examples
    --------
    >>> input_jacobian(lambda x: torch.stack([x[:, 0] * x[:, 1]], 1), torch.tensor([2.0, 3.0]))
    tensor([[3., 2.]])
    """
    check_positive("block", block)
    with torch.no_grad():
        probe = embed(x[None])
    if len(probe) != 1:
        raise ValueError(f"the embedding of one input has the shape {tuple(probe.shape)}")
    outputs, inputs = probe.numel(), x.numel()
    parts = []
    if outputs <= inputs:
        for rows in _units(outputs, block, probe):
            copies = x.expand(len(rows), *x.shape).clone().requires_grad_(True)
            embedded = embed(copies)
            (part,) = torch.autograd.grad(embedded, copies, rows.view_as(embedded))
            parts.append(part.flatten(1))
        return torch.cat(parts)
    for columns in _units(inputs, block, x):
        copies = x.expand(len(columns), *x.shape).clone()
        _, part = torch.func.jvp(embed, (copies,), (columns.view_as(copies),))
        parts.append(part.flatten(1))
    return torch.cat(parts).T


def gap_rank(singular_values: ArrayLike, threshold: float = THRESHOLD) -> Rank:
    """Rank of a matrix from its singular values, with the gap around the threshold.

    Parameters
    ----------
    singular_values : array_like, shape (n,)
        Largest first.
    threshold : float
        Share of the largest from which a value counts.

    Returns
    -------
    Rank

    Raises
    ------
    ValueError
        The values are not a falling vector from 0 up, or the threshold is not between 0 and 1.

    Notes
    -----
    Golub & Van Loan 2013, "Matrix computations", section 5.4 (numerical rank).

    Examples
    --------
    >>> gap_rank([4.0, 2.0, 4e-14])
    Rank(rank=2, kept=0.5, dropped=1e-14)
    """
    values = np.asarray(singular_values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"singular values must be a finite vector, not of shape {values.shape}")
    if (np.diff(values) > 0).any() or values[-1] < 0:
        raise ValueError("singular values must fall and not be negative")
    if not 0 < threshold < 1:
        raise ValueError(f"the threshold must be between 0 and 1, not {threshold}")
    if values[0] == 0:
        return Rank(0, 0.0, 0.0)
    shares = values / values[0]
    rank = int((shares > threshold).sum())
    dropped = float(shares[rank]) if rank < len(shares) else 0.0
    return Rank(rank, float(shares[rank - 1]), dropped)


def row_space(matrix: Tensor, threshold: float = THRESHOLD) -> tuple[Tensor, NDArray[np.float64]]:
    """Orthonormal basis of the directions that a matrix sees, and its singular values.

    Parameters
    ----------
    matrix : Tensor, shape (m, n)
    threshold : float
        As for `gap_rank`.

    Returns
    -------
    basis : Tensor, shape (rank, n)
        Rows in the order of falling singular values, float64.
    values : ndarray, shape (min(m, n),)
        All singular values, largest first.

    Raises
    ------
    ValueError
        The matrix is empty or not finite; or as for `gap_rank`.

    Notes
    -----
    From the singular value decomposition; time O(m n min(m, n)).

    Examples
    --------
    >>> basis, values = row_space(torch.tensor([[0.0, 3.0], [0.0, 0.0]]))
    >>> basis.abs().tolist(), values.tolist()
    ([[0.0, 1.0]], [3.0, 0.0])
    """
    _, values, right = torch.linalg.svd(
        real_matrix("the matrix", matrix).double(), full_matrices=False
    )
    found = values.numpy()
    return right[: gap_rank(found, threshold).rank], found


def null_part(basis: Tensor, directions: Tensor) -> Tensor:
    """What of directions a matrix does not see: their parts orthogonal to its row space.

    Parameters
    ----------
    basis : Tensor, shape (rank, n)
        As `row_space` gives it.
    directions : Tensor, shape (..., n)

    Returns
    -------
    Tensor, shape (..., n)

    Raises
    ------
    ValueError
        The directions have another length than the rows of the basis.

    Notes
    -----
    d - V V^T d with the rows of V^T as basis; Golub & Van Loan 2013, "Matrix computations",
    section 2.5.

    Examples
    --------
    >>> null_part(torch.tensor([[0.0, 1.0]]), torch.tensor([5.0, 7.0]))
    tensor([5., 0.])
    """
    if directions.shape[-1] != basis.shape[1]:
        raise ValueError(f"directions of {directions.shape[-1]} numbers, rows of {basis.shape[1]}")
    return directions - (directions @ basis.T) @ basis


def _units(count: int, block: int, like: Tensor) -> list[Tensor]:
    """The rows of a unit matrix, some at a time."""
    unit = torch.eye(count, dtype=like.dtype)
    return list(unit.split(block))

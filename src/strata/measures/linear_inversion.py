"""Descent on the input of a linear net: what is left of the distance to the original.

A linear net maps a difference of inputs d to J d, whatever the input is, so that descent on the
input can be followed as descent on the difference alone.
"""

from collections.abc import Collection

import torch
from torch import Tensor

from strata.measures.inputs import check_positive

WEIGHT = 0.35
"""Of the study's loss for fully connected nets."""
RATES = (0.1, 1e-4)
"""First and last step size: the study's code has the first, its page the last."""


def sign_descent(
    matrix: Tensor,
    differences: Tensor,
    *,
    steps: int,
    rates: tuple[float, float] = RATES,
    weight: float = WEIGHT,
    checks: Collection[int] = (),
) -> tuple[Tensor, Tensor, Tensor]:
    """Plain descent on the study's loss, weight * sum abs(J d), with falling step sizes.

    .. math:: d_{k+1} = d_k - \\epsilon_k\\, w\\, J^\\top \\mathrm{sign}(J d_k)

    Parameters
    ----------
    matrix : Tensor, shape (outputs, inputs)
        J.
    differences : Tensor, shape (n, inputs)
        d, starts less originals, a problem a row.
    steps : int
        Number of updates.
    rates : pair of float
        First and last step size, linear in between.
    weight : float
        w.
    checks : collection of int
        Numbers of steps after which distances are taken, beside 0 and the last.

    Returns
    -------
    left : Tensor, shape (n, inputs)
        d in the end.
    taken : Tensor, shape (c,)
        The numbers of steps at which distances were taken.
    distances : Tensor, shape (2, n, c)
        Euclidean lengths of d, and of J d, at these.

    Raises
    ------
    ValueError
        The number of steps or of columns does not fit, or rates do not fall.

    Notes
    -----
    arXiv 2211.06496 and its code. Every step lies in the row space of J: the part of d in the null
    space never changes. Two products with J a step.

    Examples
    --------
    >>> left, _, _ = sign_descent(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 2.0]]), steps=100)
    >>> [round(float(value), 2) for value in left[0]]
    [0.0, 2.0]
    """
    check_positive("steps", steps)
    if matrix.shape[1] != differences.shape[1]:
        raise ValueError(
            f"differences have {differences.shape[1]} numbers, the matrix {matrix.shape[1]} columns"
        )
    if not 0 < rates[1] <= rates[0]:
        raise ValueError(f"rates must fall and be positive, not {rates}")
    kept = sorted({0, steps, *(check for check in checks if check <= steps)})
    d, lengths = differences.T.clone(), []
    for step in range(steps + 1):
        embedded = matrix @ d
        if step in kept:
            lengths.append(torch.stack([d.norm(dim=0), embedded.norm(dim=0)]))
        if step < steps:
            rate = rates[0] + (rates[1] - rates[0]) * step / max(1, steps - 1)
            d = d - rate * weight * (matrix.T @ embedded.sign())
    return d.T, torch.tensor(kept), torch.stack(lengths, dim=-1)


def squares_descent(basis: Tensor, values: Tensor, differences: Tensor, steps: float) -> Tensor:
    """Plain descent on squares, by its formula: step size one over the squared largest value.

    .. math:: d_k = d_0 - V \\big( 1 - (1 - \\sigma^2 / \\sigma_1^2)^k \\big) V^\\top d_0

    Parameters
    ----------
    basis : Tensor, shape (rank, inputs)
        V^T, orthonormal rows.
    values : Tensor, shape (rank,)
        Singular values in the same order, the largest first.
    differences : Tensor, shape (n, inputs)
        d_0.
    steps : float
        k.

    Returns
    -------
    Tensor, shape (n, inputs)
        d_k. It does not change if J is multiplied by a number.

    Raises
    ------
    ValueError
        There is not one value for each row of the basis, or the largest does not come first.

    Notes
    -----
    The step size is the largest with which no direction overshoots; Nocedal & Wright 2006,
    "Numerical optimization", section 3.3, for the speed of descent on quadratic functions.

    Examples
    --------
    >>> unit, d = torch.eye(2), torch.tensor([[1.0, 1.0]])
    >>> squares_descent(unit, torch.tensor([2.0, 1.0]), d, 2)
    tensor([[0.0000, 0.5625]])
    """
    if len(values) != len(basis) or bool((values > values[0]).any()):
        raise ValueError("values must be one for each row of the basis, the largest first")
    reached = 1 - (1 - (values / values[0]) ** 2) ** steps
    return differences - (differences @ basis.T * reached) @ basis

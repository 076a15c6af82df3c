"""Singular values and null directions of a Jacobian that is not formed, only multiplied."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from strata.measures.inputs import check_positive
from strata.measures.jacobian import Embed, null_part


@dataclass(frozen=True)
class Products:
    """A Jacobian as two functions: `push` J v of a vector of inputs, `pull` J^T u of outputs."""

    push: Callable[[Tensor], Tensor]
    pull: Callable[[Tensor], Tensor]


def products(embed: Embed, x: Tensor) -> Products:
    """Products with the Jacobian of an embedding at one input, without forming it.

    Parameters
    ----------
    embed, x
        As for `strata.measures.jacobian.input_jacobian`.

    Returns
    -------
    Products
        Of flat vectors. Each product costs about as much as a pass through the net.

    Notes
    -----
    Forward and backward differentiation; Griewank & Walther 2008, "Evaluating derivatives",
    chapter 3. Only errors of the embedding itself are raised.

    Examples
    --------
    >>> found = products(lambda x: x**2, torch.tensor([1.0, 3.0]))
    >>> found.push(torch.tensor([1.0, 1.0])), found.pull(torch.tensor([0.0, 1.0]))
    (tensor([2., 6.]), tensor([0., 6.]))
    """

    def flat(vector: Tensor) -> Tensor:
        return embed(vector.view(1, *x.shape)).flatten()

    centre = x.flatten()
    _, pulled = torch.func.vjp(flat, centre)
    return Products(
        push=lambda v: torch.func.jvp(flat, (centre,), (v,))[1], pull=lambda u: pulled(u)[0]
    )


def ritz_values(jacobian: Products, start: Tensor, steps: int) -> NDArray[np.float64]:
    """Approximate singular values of a Jacobian that is not formed.

    Parameters
    ----------
    jacobian : Products
    start : Tensor, shape (inputs,)
        A random direction.
    steps : int
        Dimension of the space that is searched.

    Returns
    -------
    ndarray, shape (steps,) or shorter
        Largest first. Each bounds a singular value: the k-th of them is at most the k-th largest
        singular value, and the last is at least the least one of a matrix with `inputs` columns.
        The first ones converge quickly. Shorter where the space is exhausted.

    Raises
    ------
    ValueError
        The start is zero or `steps` is not positive.

    Notes
    -----
    Golub & Kahan 1965, bidiagonalisation with full reorthogonalisation: `steps` pairs of products
    and O(steps^2) vector operations.

    Examples
    --------
    >>> stretch = torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64)
    >>> diagonal = Products(lambda v: stretch * v, lambda u: stretch * u)
    >>> [round(float(v), 9) for v in ritz_values(diagonal, torch.ones(3).double(), 3)]
    [3.0, 2.0, 1.0]
    """
    check_positive("steps", steps)
    if not float(start.norm()) > 0:
        raise ValueError("the start must not be zero")
    rights, images = [start / start.norm()], []
    for step in range(steps):
        images.append(jacobian.push(rights[-1]))
        following = jacobian.pull(images[-1])
        basis = torch.stack(rights)
        for _ in range(2):  # once is not enough in floating point
            following = null_part(basis, following)
        size = float(following.norm())
        if step == steps - 1 or size <= 1e-12 * float(images[0].norm()) ** 2:
            break
        rights.append(following / size)
    return torch.linalg.svdvals(torch.stack(images)).numpy()


def unseen_part(jacobian: Products, direction: Tensor, steps: int) -> Tensor:
    """Remove from a direction what a Jacobian sees of it, as far as some steps go.

    Parameters
    ----------
    jacobian : Products
    direction : Tensor, shape (inputs,)
    steps : int
        Of the iteration. With enough of them the result is that of
        `strata.measures.jacobian.null_part`; before, it keeps what belongs to small singular
        values.

    Returns
    -------
    Tensor, shape (inputs,)

    Raises
    ------
    ValueError
        `steps` is not positive.

    Notes
    -----
    Conjugate gradients for least squares (Hestenes & Stiefel 1952): the smallest z with J z = J d,
    taken from d. A pair of products a step.

    Examples
    --------
    >>> seen = torch.tensor([1.0, 0.0])
    >>> first = Products(lambda v: seen * v, lambda u: seen * u)
    >>> unseen_part(first, torch.tensor([5.0, 7.0]), 2)
    tensor([0., 7.])
    """
    check_positive("steps", steps)
    residual = jacobian.push(direction)
    gradient = jacobian.pull(residual)
    move, found, size = gradient, torch.zeros_like(direction), float(gradient @ gradient)
    first = size
    for _ in range(steps):
        if size <= 1e-28 * first:
            break
        pushed = jacobian.push(move)
        rate = size / float(pushed @ pushed)
        found, residual = found + rate * move, residual - rate * pushed
        gradient = jacobian.pull(residual)
        before, size = size, float(gradient @ gradient)
        move = gradient + (size / before) * move
    return direction - found

"""Codes with a fixed dictionary: non-negative least squares, for many images at once."""

import warnings

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from strata.measures.inputs import check_positive, float_matrix
from strata.measures.nonnegative import solve


def nnls(
    x: ArrayLike | Tensor, atoms: ArrayLike | Tensor, *, tol: float = 1e-9, batch: int = 4096
) -> Tensor:
    """Codes of images with a fixed dictionary, by non-negative least squares.

    .. math:: z_i = \\arg\\min_{z \\ge 0} \\|x_i - z D\\|_2

    The problem is convex. The codes are unique where the atoms are linearly independent. Otherwise,
    as always for k > d, they need not be, and one solution is returned.

    Parameters
    ----------
    x : array_like, shape (n, d)
        A row per image, of either sign.
    atoms : array_like, shape (k, d)
        The dictionary D, of either sign. An atom of zeros gets the code 0.
    tol : float
        Largest residual of the optimality conditions, in the unit of `kkt_residual`.
    batch : int
        Images worked on at a time, which changes the codes by rounding only. Memory is
        O(batch k + k^2).

    Returns
    -------
    Tensor, shape (n, k)
        Codes, never negative, on the device of `x`. Computed in float64, returned in the wider
        dtype of `x` and `atoms`.

    Raises
    ------
    ValueError
        An input is not a matrix, is empty, complex, or holds NaN or infinite values; they differ
        in d; `tol` or `batch` is not positive.

    Warns
    -----
    UserWarning
        An image did not reach `tol`.

    Notes
    -----
    Source: the codes of new images in Fel et al. 2024, "Understanding visual feature reliance
    through the lens of complexity", section 2. Method: active sets as in Lawson & Hanson 1974,
    "Solving least squares problems", chapter 23, for a batch of images and with many atoms
    entering or leaving at a time, started from rounds of coordinate descent in float32. Time
    O(n k (d + 30 k)) for the start, then O(s^3) for each system in s atoms: measured, 1 to 3 an
    image, and 10 to 20 where k > d and the images lie almost in the atoms' cone.

    Examples
    --------
    >>> nnls([[3.0, 1.0], [-2.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]]).round(decimals=9).tolist()
    [[2.0, 1.0], [0.0, 0.0]]
    """
    x, atoms = _pair(x, atoms)
    if not tol > 0:
        raise ValueError(f"tol must be positive, not {tol}")
    check_positive("batch", batch)
    dictionary, lengths = _unit_rows(atoms)
    gram = dictionary @ dictionary.T
    codes = x.new_empty(len(x), len(atoms), dtype=torch.promote_types(x.dtype, atoms.dtype))
    worst = 0.0
    for start in range(0, len(x), batch):
        images, norms = _unit_rows(x[start : start + batch])
        z, residual = solve(images @ dictionary.T, gram, tol)
        codes[start : start + batch] = z * norms[:, None] / lengths
        worst = max(worst, residual)
    if worst > tol:
        warnings.warn(f"the codes are optimal up to {worst:.1e}, not {tol:.1e}", stacklevel=2)
    return codes


def kkt_residual(
    x: ArrayLike | Tensor, codes: ArrayLike | Tensor, atoms: ArrayLike | Tensor
) -> Tensor:
    """How far codes are from optimal: residual of the Karush-Kuhn-Tucker conditions.

    .. math:: \\max_j |\\min(z_j, g_j)|, \\qquad g = (z D - x) D^T

    for images and atoms divided by their lengths. At the solution each code is 0 with a gradient
    that is not negative, or positive with gradient 0.

    Parameters
    ----------
    x : array_like, shape (n, d)
    codes : array_like, shape (n, k)
    atoms : array_like, shape (k, d)

    Returns
    -------
    Tensor, shape (n,), float64
        Zero at a solution, without a unit: scaling images or atoms changes nothing.

    Raises
    ------
    ValueError
        An input is not a matrix, is empty, complex, or holds NaN or infinite values; shapes do not
        fit.

    Notes
    -----
    Source: Boyd & Vandenberghe 2004, "Convex optimization", section 5.5.3.

    Examples
    --------
    >>> kkt_residual([[4.0, 0.0]], [[4.0, 0.0]], [[1.0, 0.0], [0.0, 2.0]]).item()
    0.0
    >>> kkt_residual([[4.0, 0.0]], [[3.0, 0.0]], [[1.0, 0.0], [0.0, 2.0]]).item()
    0.25
    """
    x, atoms = _pair(x, atoms)
    codes = float_matrix("codes", codes)
    if codes.shape != (len(x), len(atoms)):
        expected = (len(x), len(atoms))
        raise ValueError(f"codes must have shape {expected}, not {tuple(codes.shape)}")
    (images, norms), (dictionary, lengths) = _unit_rows(x), _unit_rows(atoms)
    z = codes.to(images) * lengths / norms[:, None]
    gradient = (z @ dictionary - images) @ dictionary.T
    return torch.minimum(z, gradient).abs().amax(dim=1)


def relative_error(
    activations: ArrayLike | Tensor, codes: ArrayLike | Tensor, atoms: ArrayLike | Tensor
) -> float:
    """What a factorisation leaves out, as a share of the activations' Frobenius norm.

    .. math:: \\|A - Z D\\|_F / \\|A\\|_F

    Parameters
    ----------
    activations : array_like, shape (n, d)
    codes : array_like, shape (n, k)
    atoms : array_like, shape (k, d)

    Returns
    -------
    float
        0 for an exact factorisation, 1 for codes of zero. Its square is the share of the sum of
        squares (not of the variance: nothing is centred) that is not fitted.

    Raises
    ------
    ValueError
        An input is not a matrix, is empty, complex, or holds NaN or infinite values; shapes do not
        fit; all activations are zero.

    Notes
    -----
    Source: the objective of Fel et al. 2024, section 2, without its scale. Time O(n k d).

    Examples
    --------
    >>> relative_error([[3.0, 4.0]], [[3.0]], [[1.0, 0.0]])
    0.8
    """
    a, z = float_matrix("activations", activations), float_matrix("codes", codes)
    d = float_matrix("atoms", atoms)
    if z.shape != (len(a), len(d)) or d.shape[1] != a.shape[1]:
        shapes = ", ".join(str(tuple(x.shape)) for x in (a, z, d))
        raise ValueError(f"activations, codes and atoms do not fit: {shapes}")
    if not (scale := a.abs().max().item()):
        raise ValueError("all activations are zero")
    left = whole = 0.0
    for rows in torch.arange(len(a), device=a.device).split(2048):
        x = a[rows].double() / scale
        whole += x.square().sum().item()
        left += (x - z[rows].to(x) / scale @ d.to(x)).square().sum().item()
    return float(np.sqrt(left / whole))


# -- inputs ----------------------------------------------------------------------------------------


def _pair(x: ArrayLike | Tensor, atoms: ArrayLike | Tensor) -> tuple[Tensor, Tensor]:
    x, atoms = float_matrix("x", x), float_matrix("atoms", atoms)
    if x.shape[1] != atoms.shape[1]:
        raise ValueError(f"x has {x.shape[1]} columns, atoms have {atoms.shape[1]}")
    return x, atoms.to(x.device)


def _unit_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """Rows in float64 divided by their lengths, and the lengths; rows of zeros stay, with 1."""
    largest = x.abs().amax(dim=1).double()
    largest[largest == 0] = 1.0
    x = x.double() / largest[:, None]  # so that squares neither vanish nor overflow
    lengths = x.norm(dim=1)
    lengths[lengths == 0] = 1.0
    return x / lengths[:, None], lengths * largest

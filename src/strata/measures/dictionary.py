"""Dictionaries of features: non-negative matrix factorisation (NMF) of activations."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from strata.measures.inputs import check_count, check_positive, float_matrix
from strata.measures.nonnegative import RELAXATION, sweep

_MEAN = 0.2  # of the mean row in an atom's start


@dataclass(frozen=True)
class Dictionary:
    """A factorisation A = Z D, nearly, of n rows of d activations into k atoms."""

    atoms: Tensor
    """D, shape (k, d): not negative, each of length 1, so that the codes carry the scale."""
    codes: Tensor
    """Z, shape (n, k): not negative."""
    objective: NDArray[np.float64]
    """Squared Frobenius norm of A - Z D at each iteration; beyond rounding it never rises."""
    converged: bool
    """Whether the tolerance was reached before the last iteration allowed."""
    owners: Tensor | None = None
    """The class of each atom, shape (k,), in a class-wise dictionary."""

    @property
    def dead(self) -> Tensor:
        """Whether an atom is in no row's code, beyond rounding; shape (k,)."""
        largest = self.codes.amax(dim=0)
        return largest <= torch.finfo(largest.dtype).eps * largest.max()


def nmf(
    activations: ArrayLike | Tensor,
    atoms: int | ArrayLike | Tensor,
    *,
    generator: torch.Generator | None = None,
    tol: float = 1e-4,
    max_iter: int = 200,
    batch: int = 4096,
) -> Dictionary:
    """Dictionary of features by non-negative matrix factorisation.

    .. math:: \\min_{Z \\ge 0, D \\ge 0} \\|A - Z D\\|_F^2

    The problem is not convex: the result is a local minimum, which depends on the start. On small
    simulated activations, objectives from different draws differed by 1 to 6 percent.

    Parameters
    ----------
    activations : array_like, shape (n, d)
        A, not negative. A row per image, or per position. Float32 is worked on in float32.
    atoms : int or array_like, shape (k, d)
        The number k of atoms, which then start from rows of A, drawn without replacement from
        those that are not zero, and a fifth of the mean row; or the atoms to start from.
    generator : torch.Generator, optional
        Of the CPU, for the draw. Without it, one with seed 0.
    tol : float
        It stops when an iteration lowers the objective by at most this share of it.
    max_iter : int
        The most iterations.
    batch : int
        Rows worked on at a time, which changes the result by rounding only. Memory beside A and Z
        is O(batch (k + d) + k (k + d)).

    Returns
    -------
    Dictionary
        On the device of `activations`. An atom that no code uses starts anew from what is left of
        the row that is fitted worst; if some are dead in the end, fewer suffice. The codes are near
        the best ones for these atoms, which `strata.measures.codes.nnls` gives.

    Raises
    ------
    ValueError
        An input is not a matrix, is empty, complex, negative, or holds NaN or infinite values; k
        is not in 1..(number of rows that are not zero); atoms to start from have another d, or one
        is zero; `tol` is negative; `max_iter` or `batch` is not a positive int.

    Notes
    -----
    Source: Fel et al. 2024, "Understanding visual feature reliance through the lens of
    complexity", section 2 and appendix A, where scikit-learn's coordinate descent solves it.
    Method: the same descent, known as hierarchical alternating least squares (Cichocki, Zdunek &
    Amari 2007), in blocks and over-relaxed, with one round over Z and one over D an iteration.
    Time O(n k (3 d + 2 k)) an iteration, nearly all of it in matrix products.

    Examples
    --------
    >>> a = [[2.0, 0.0, 1.0], [0.0, 3.0, 0.0], [4.0, 3.0, 2.0]]
    >>> found = nmf(a, 2, tol=1e-9)
    >>> (found.codes @ found.atoms).round(decimals=3).tolist()
    [[2.0, 0.0, 1.0], [0.0, 3.0, 0.0], [4.0, 3.0, 2.0]]
    >>> found.dead.tolist()
    [False, False]
    """
    a = _non_negative("activations", activations)
    if not tol >= 0:
        raise ValueError(f"tol must not be negative, but is {tol}")
    check_positive("max_iter", max_iter)
    check_positive("batch", batch)
    d = _start(a, atoms, generator)
    # Of size 1, so that squares neither overflow nor vanish; exact, as a power of 2.
    scale = 2.0 ** torch.frexp(a.max()).exponent.item()
    # All atoms alike: from zero, the first ones would take nearly everything.
    whole = d.sum(dim=0)
    codes = (a @ (whole / (scale * whole.square().sum())))[:, None].repeat(1, len(d))
    lengths, objective = torch.ones_like(d[:, 0]), []
    for iteration in range(max_iter):
        relaxation = RELAXATION if iteration else 1.0  # nothing to overshoot yet
        gram, descent, misfit = _update_codes(a, scale, codes, d, lengths, relaxation, batch)
        objective.append(misfit.sum(dtype=torch.float64).item())
        converged = iteration > 0 and objective[-2] - objective[-1] <= tol * objective[-1]
        if converged or iteration == max_iter - 1:
            break
        energy, old = gram.diagonal(), d
        d = old.clone()
        sweep(d, torch.addmm(descent, gram, old), gram)
        lengths = d.norm(dim=1)
        dead = (energy <= torch.finfo(a.dtype).eps ** 2 * energy.max()) | (lengths == 0)
        d = torch.where(dead[:, None], old, d / lengths[:, None])
        lengths[dead] = 0.0
        if dead.any():
            _revive(a, scale, codes, d, lengths, dead, misfit)
    return Dictionary(d, codes.mul_(scale), np.array(objective) * scale * scale, converged)


def classwise_nmf(
    activations: ArrayLike | Tensor,
    labels: ArrayLike | Tensor,
    atoms: int = 10,
    *,
    generator: torch.Generator | None = None,
    tol: float = 1e-4,
    max_iter: int = 200,
    batch: int = 4096,
) -> Dictionary:
    """Dictionary of each class's own activations, one under the other.

    Parameters
    ----------
    activations : array_like, shape (n, d)
    labels : array_like of int, shape (n,)
        The class of each row.
    atoms : int
        Atoms of each class.
    generator, tol, max_iter, batch
        As for `nmf`.

    Returns
    -------
    Dictionary
        The classes in rising order; `owners` says whose an atom is. A row has codes for the atoms
        of its own class only: `strata.measures.codes.nnls` gives those for all. The objective is
        the sum over the classes, each held at its last value.

    Raises
    ------
    ValueError
        As for `nmf`, for any class; or the labels are not whole numbers, one a row.

    Notes
    -----
    Source: one reading of the "10 concepts per class" of Fel et al. 2024; their text does not say
    whether the dictionary is joint or class-wise. Complexity: that of `nmf` for each class.

    Examples
    --------
    >>> a = [[2.0, 0.0], [0.0, 3.0], [4.0, 0.0]]
    >>> found = classwise_nmf(a, [5, 7, 5], atoms=1)
    >>> found.owners.tolist(), found.atoms.tolist(), found.codes.tolist()
    ([5, 7], [[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, 3.0], [4.0, 0.0]])
    """
    a = _non_negative("activations", activations)
    y = labels.detach() if isinstance(labels, Tensor) else torch.from_numpy(np.array(labels))
    if y.shape != a.shape[:1] or y.is_floating_point() or y.is_complex():
        raise ValueError(f"labels must be {len(a)} ints, not {y.dtype} of shape {(*y.shape,)}")
    y = y.to(a.device)
    classes = y.unique()
    generator = generator or torch.Generator().manual_seed(0)
    check_positive("atoms", atoms)
    found, codes = [], a.new_zeros(len(a), atoms * len(classes))
    for i, label in enumerate(classes):
        rows = (y == label).nonzero()[:, 0]
        try:
            one = nmf(a[rows], atoms, generator=generator, tol=tol, max_iter=max_iter, batch=batch)
        except ValueError as error:
            raise ValueError(f"class {label.item()}: {error}") from error
        codes[rows, i * atoms : (i + 1) * atoms] = one.codes
        found.append(one)
    longest = max(len(one.objective) for one in found)
    histories = [np.pad(f.objective, (0, longest - len(f.objective)), "edge") for f in found]
    return Dictionary(
        torch.cat([one.atoms for one in found]),
        codes,
        np.sum(histories, axis=0),
        all(one.converged for one in found),
        classes.repeat_interleave(atoms),
    )


# -- the descent -----------------------------------------------------------------------------------


def _update_codes(
    a: Tensor,
    scale: float,
    codes: Tensor,
    d: Tensor,
    lengths: Tensor,
    relaxation: float,
    batch: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Improve the codes in place, batch by batch; say what the update of the atoms needs.

    That is Z^T Z, Z^T (A - Z D) and the squared residual of each row. The codes that come in
    belong to atoms of these lengths.
    """
    gram, descent = d.new_zeros(len(d), len(d)), torch.zeros_like(d)
    misfit, dd = a.new_empty(len(a)), d @ d.T
    for start in range(0, len(a), batch):
        x = a[start : start + batch] / scale
        z = (codes[start : start + batch] * lengths).T.contiguous()
        sweep(z, d @ x.T, dd, relaxation)
        codes[start : start + batch] = z.T
        residual = torch.addmm(x, z.T, d, alpha=-1)
        misfit[start : start + batch] = residual.square().sum(dim=1)
        gram.addmm_(z, z.T)
        descent.addmm_(z, residual)
    return gram, descent, misfit


def _revive(
    a: Tensor,
    scale: float,
    codes: Tensor,
    d: Tensor,
    lengths: Tensor,
    dead: Tensor,
    misfit: Tensor,
) -> None:
    """Point dead atoms to what the worst rows have beyond their fit, where that is no rounding."""
    rows = misfit.topk(min(int(dead.sum()), len(a))).indices
    x = a[rows] / scale
    left = torch.addmm(x, codes[rows] * lengths, d, alpha=-1).clamp_(min=0)
    norms = left.norm(dim=1)
    more = norms > 100 * torch.finfo(a.dtype).eps * x.norm(dim=1)
    d[dead.nonzero()[: len(rows), 0][more]] = left[more] / norms[more, None]


# -- inputs ----------------------------------------------------------------------------------------


def _non_negative(name: str, value: ArrayLike | Tensor) -> Tensor:
    value = float_matrix(name, value)
    if (least := value.min().item()) < 0:
        raise ValueError(f"{name} must not be negative, but go down to {least:.3g}")
    return value


def _start(a: Tensor, atoms: int | ArrayLike | Tensor, generator: torch.Generator | None) -> Tensor:
    """Atoms of length 1: those given, or rows drawn and a little of the mean row."""
    rows = (a > 0).any(dim=1).nonzero()[:, 0]
    if not len(rows):
        raise ValueError("all activations are zero")
    if isinstance(atoms, Integral | float):
        check_count(atoms, len(rows))
        generator = generator or torch.Generator().manual_seed(0)
        drawn = torch.randperm(len(rows), generator=generator)[:atoms].to(a.device)
        # With some of the mean no row of A is orthogonal to all atoms, which would leave it out.
        d = _unit(a[rows[drawn]]) + _MEAN * _unit(a.mean(dim=0, keepdim=True))
    else:
        d = _non_negative("atoms", atoms).to(a)
        check_count(len(d), len(rows))
        if d.shape[1] != a.shape[1]:
            raise ValueError(f"atoms have {d.shape[1]} columns, activations {a.shape[1]}")
        if not (d > 0).any(dim=1).all():
            raise ValueError("an atom to start from is zero")
    return _unit(d)


def _unit(rows: Tensor) -> Tensor:
    rows = rows / rows.amax(dim=1, keepdim=True)  # so that squares neither overflow nor vanish
    return rows / rows.norm(dim=1, keepdim=True)

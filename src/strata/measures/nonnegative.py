"""Non-negative quadratic programs, many at once: coordinate descent, and exact active sets.

Minimise z G z^T / 2 - c z^T over z >= 0, with one Gram matrix G of atoms and one c for each image.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

RELAXATION = 1.5
"""Share of the exact step that a coordinate takes; any in (0, 2) lowers the objective.

With 1.5, NMF of ReLU activations took less than half of the iterations that it takes with 1.
"""

_BLOCK = 64  # coordinates between two products with the whole Gram matrix
_SWEEPS = 30  # rounds of coordinate descent that guess the active sets
_SYSTEMS = 500  # linear systems that an image may take
_RIDGE = 1e-11  # keeps the systems of dependent atoms definite; the atoms have unit length


def sweep(z: Tensor, linear: Tensor, gram: Tensor, relaxation: float = RELAXATION) -> None:
    """One round of coordinate descent on z^T G z / 2 - c^T z over z >= 0, in place.

    Of shapes (k, m) for z and c, and (k, k) for G, for m problems at once. Coordinates go in
    blocks, so that nearly all of the work is matrix products. Where G has 0 on the diagonal, z
    stays.
    """
    diagonal = gram.diagonal()
    alive = diagonal > torch.finfo(gram.dtype).tiny
    steps = torch.where(alive, relaxation / diagonal, 0.0).tolist()
    for start in range(0, len(z), _BLOCK):
        stop = min(start + _BLOCK, len(z))
        descent = torch.addmm(linear[start:stop], gram[start:stop], z, alpha=-1)
        for j in range(start, stop):
            new = torch.add(z[j], descent[j - start], alpha=steps[j]).clamp_(min=0)
            # The rest of the block sees the change now, the other blocks at their product.
            descent[j - start + 1 :].addr_(gram[j + 1 : stop, j], new - z[j], alpha=-1)
            z[j] = new


def solve(linear: Tensor, gram: Tensor, tol: float) -> tuple[Tensor, float]:
    """Minimise z G z^T / 2 - c z^T over z >= 0 for rows c; G has unit (or zero) diagonal.

    Returns the z and their largest residual. Each image has a set of atoms that may have positive
    codes. It moves to the least point within its set, where it can, and atoms along which the
    objective still falls enter. As the objective falls each time, no set comes twice.
    """
    n, k = linear.shape
    guess = torch.zeros(k, n, dtype=torch.float32, device=linear.device)
    coarse = linear.T.to(torch.float32, memory_format=torch.contiguous_format), gram.float()
    for _ in range(_SWEEPS):
        sweep(guess, *coarse)
    # A last row and column of zeros, which stand for the atoms that an image does not have.
    z = pad(guess.T.double(), (0, 1))
    linear = pad(linear, (0, 1))
    gram = pad(gram, (0, 1, 0, 1))
    free = z > 0
    residual = torch.full((n,), math.inf, dtype=z.dtype, device=z.device)
    left = torch.arange(n, device=z.device)
    for _ in range(_SYSTEMS):
        inside = _move(left, z, free, linear, gram)
        slope = z[left] @ gram - linear[left]
        within = torch.where(free[left], slope.abs(), 0.0).amax(dim=1)
        outside = torch.where(free[left], 0.0, -slope).amax(dim=1)
        before, residual[left] = residual[left], torch.maximum(within, outside)
        # Not all along which it falls, as most would leave again; none that rounding may have made.
        least = torch.maximum(outside / 2, within).clamp(min=tol)
        enters = slope < -least[:, None]
        free[left] |= enters
        # With none to enter, another system is of use while it lessens the rounding.
        of_use = enters.any(dim=1) | ~inside | (residual[left] < before / 2)
        left = left[(residual[left] > tol) & of_use]
        if not len(left):
            break
    return z[:, :k], residual.max().item()


def _move(left: Tensor, z: Tensor, free: Tensor, linear: Tensor, gram: Tensor) -> Tensor:
    """Move images to the least points within their sets; say for which no code got to 0 first.

    An atom whose code does leaves the set.
    """
    counts = free[left].sum(dim=1)
    all_inside = torch.ones(len(left), dtype=torch.bool, device=z.device)
    order = counts.argsort(descending=True, stable=True)
    entries = 2**19 if z.device.type == "cpu" else 2**26  # what fits in a cache, or in a GPU
    start = 0
    while start < len(left) and (size := int(counts[order[start]])):
        part = order[start : start + max(1, entries // size**2)]
        start += len(part)
        images = left[part]
        columns = _columns(free[images], size)
        real = columns < free.shape[1] - 1
        system = gram[columns[:, :, None], columns[:, None, :]]
        new = z[images].gather(1, columns)
        descent = linear[images].gather(1, columns) - (system @ new[:, :, None])[:, :, 0]
        system.diagonal(dim1=1, dim2=2).add_(torch.where(real, _RIDGE, 1.0))
        factor = torch.linalg.cholesky(system)
        step = torch.cholesky_solve(descent[:, :, None], factor)[:, :, 0]
        inside = (new + step >= 0).all(dim=1)
        new[inside] += step[inside]
        if len(cut := (~inside).nonzero()[:, 0]):
            inverse = torch.cholesky_inverse(factor[cut])
            new[cut], real[cut] = _walk(new[cut], step[cut], inverse, real[cut])
        z[images] = torch.zeros_like(z[images]).scatter_(1, columns, new)
        free[images] = torch.zeros_like(free[images]).scatter_(1, columns, real)
        all_inside[part] = inside
    return all_inside


def _walk(z: Tensor, step: Tensor, inverse: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Take the step as far as the codes are positive; fix the first to get to 0, and so on.

    Fixing one takes a pivot on the inverse of the system. As the inverse gets less exact with each,
    this leads near the least point, not to it.
    """
    images = torch.arange(len(z), device=z.device)
    while True:
        reach, j = torch.where(step < 0, z / -step, math.inf).min(dim=1)
        z = (z + reach.clamp(max=1.0)[:, None] * step).clamp_(min=0)
        hits = reach < 1
        if not hits.any():
            return z, real
        column = inverse[images, :, j]
        # At least 1 without rounding, for atoms of length 1.
        pivot = column[images, j].clamp(min=0.5)
        share = torch.where(hits, 1 / pivot, 0.0)[:, None] * column
        step = (1 - reach.clamp(max=1.0))[:, None] * step
        step -= step[images, j][:, None] * share
        real[images[hits], j[hits]] = False
        z, step = z * real, step * real  # what is fixed is exactly so
        inverse.baddbmm_(column[:, :, None], share[:, None, :], alpha=-1)


def _columns(free: Tensor, size: int) -> Tensor:
    """Column numbers of each row's true entries, filled up with the last column to `size`."""
    columns = torch.full((len(free), size), free.shape[1] - 1, device=free.device)
    rows, found = free.nonzero(as_tuple=True)
    columns[rows, (free.cumsum(dim=1) - 1)[rows, found]] = found
    return columns

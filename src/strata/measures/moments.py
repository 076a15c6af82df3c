"""Sums over samples in float64: means, Gram matrices, products of features with targets.

The samples may be float32. They are brought to float64 a chunk at a time, as a whole layer in
float64 would take more memory than all that is computed from it.
"""

import math
from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from strata.measures.inputs import samples

_CHUNK = 2**21  # entries that are held in float64 at a time
_PANEL = 256  # rows of a Gram matrix that are computed at a time, from its diagonal onwards


def samples_and_targets(x: ArrayLike | Tensor, z: ArrayLike | Tensor) -> tuple[Tensor, Tensor]:
    """Both as matrices with a row per sample, on the device of `x`; errors name what is wrong."""
    features, targets = samples("x", x), samples("z", z)
    if len(features) != len(targets):
        raise ValueError(f"x has {len(features)} samples, z has {len(targets)}")
    return features, targets.to(features.device)


@dataclass(frozen=True)
class Moments:
    """Sums over n samples of features x, targets z and their products; they add up."""

    n: int
    x: Tensor  # (d,)
    z: Tensor  # (k,)
    xx: Tensor  # (d, d)
    xz: Tensor  # (d, k)
    zz: Tensor  # (k,)

    def __add__(self, other: "Moments") -> "Moments":
        mine, others = vars(self).values(), vars(other).values()
        return Moments(*(a + b for a, b in zip(mine, others, strict=True)))

    def about(self, x0: Tensor, z0: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sums of the products xx, xz and zz of the differences to x0 and z0."""
        dx, dz = self.x - self.n * x0, self.z - self.n * z0
        xx = self.xx.addr(self.x, x0, alpha=-1).addr_(x0, dx, alpha=-1)
        xz = self.xz.addr(self.x, z0, alpha=-1).addr_(x0, dz, alpha=-1)
        return xx, xz, self.zz - self.z * z0 - z0 * dz


def moments(x: Tensor, z: Tensor, rows: Tensor, scale: Tensor, shift: Tensor) -> Moments:
    """Moments over these rows of features x * scale - shift, and of targets as they are."""
    d, k = x.shape[1], z.shape[1]
    sums = [z.new_zeros(shape) for shape in (d, k, (d, d), (d, k), k)]
    for part in rows.split(_length(d)):
        features, targets = (x[part] * scale).sub_(shift), z[part]
        sums[0] += features.sum(dim=0)
        sums[1] += targets.sum(dim=0)
        _add_gram(sums[2], features.T)
        sums[3].addmm_(features.T, targets)
        sums[4] += targets.square().sum(dim=0)
    sums[2] = _mirrored(sums[2])
    return Moments(len(rows), *sums)


def sample_gram(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Gram matrix (n, n) of the samples x * scale - shift."""
    gram = scale.new_zeros(len(x), len(x))
    length = _length(len(x))
    for part, a, b in zip(
        x.split(length, 1), scale.split(length), shift.split(length), strict=True
    ):
        _add_gram(gram, (part * a).sub_(b))
    return _mirrored(gram)


def scale_and_shift(values: Tensor, together: bool = False) -> tuple[Tensor, Tensor]:
    """A power of 2 for each column (or one for all together) that brings it near 1; a centre then.

    The power is exact, and keeps squares from overflow and underflow. Columns that vary only by
    rounding, 4 units in the last place of their dtype, get the scale 0. The centre is the mean of
    some rows: means are taken off exactly later, and only large ones would cost digits till then.
    """
    rounding = 4 * torch.finfo(values.dtype).eps if values.is_floating_point() else 0.0
    low, high = (v.double() / 2 for v in values.aminmax(dim=0))
    varies = high - low > rounding * torch.maximum(low.abs(), high.abs())
    span = torch.where(varies, high - low, 0.0)
    _, exponent = torch.frexp(span.max().expand_as(span) if together else span)
    scale = torch.where(varies, torch.exp2(-exponent.clamp(-1000, 1000).double()), 0.0)
    some = values[:: math.ceil(len(values) / 1024)].double()
    return scale, (some / len(some)).sum(dim=0) * scale


def _length(width: int) -> int:
    """Rows of this width to a chunk. Short chunks waste time on going through the sums again."""
    return max(1024, _CHUNK // width)


def _add_gram(gram: Tensor, rows: Tensor) -> None:
    """Add the products of all rows to the diagonal of the matrix and to what is right of it."""
    for start in range(0, len(rows), _PANEL):
        gram[start : start + _PANEL, start:].addmm_(rows[start : start + _PANEL], rows[start:].T)


def _mirrored(gram: Tensor) -> Tensor:
    return gram.triu_() + gram.triu(1).T

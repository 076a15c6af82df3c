"""Toy tasks of the depth study: two classes in the plane.

Constants as in the study's own code: the disk holds half of the square [-1, 1]^2; yin-yang has
discs of radius 0.3.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from strata.data.checks import check_count

Points = NDArray[np.float64]
Labels = NDArray[np.int64]

DISK_RADIUS = float(np.sqrt(2 / np.pi))
DISC_RADIUS = 0.3


@dataclass(frozen=True)
class Toy:
    """A labelled sample: x (n, d), y (n,) of -1 and +1, and the known factors, each (n,)."""

    name: str
    x: Points
    y: Labels
    factors: dict[str, NDArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def classes(self) -> Labels:
        """The labels as class indices (n,), as a classifier wants them: 0 for -1 and 1 for +1."""
        return (self.y + 1) // 2


@dataclass(frozen=True)
class Task:
    """A rule that labels the plane, with the distance to its class boundary.

    ``label`` maps points (n, 2) to (n,) of -1 and +1; ``boundary_distance`` maps them to the
    Euclidean distance (n,) to the nearest point at which the label changes. All points of the
    open ball of that radius have one label.
    """

    name: str
    label: Callable[[Points], Labels]
    boundary_distance: Callable[[Points], Points]

    def sample(self, n: int, rng: np.random.Generator) -> Toy:
        """Draw n points uniformly from [-1, 1]^2 and label them.

        Raises
        ------
        ValueError
            If n is not an int of at least 1.
        """
        check_count("n", n, 1)
        x = rng.uniform(-1, 1, size=(n, 2))
        return Toy(self.name, x, self.label(x))


def _disk(name: str, flipped: bool) -> Task:
    """y = +1 where ||x||^2 < 2 / pi; with `flipped`, the opposite sign where x2 > 0."""

    def label(points: Points) -> Labels:
        points = _checked(points)
        inside = (points**2).sum(axis=1) < DISK_RADIUS**2
        return signs(inside ^ (points[:, 1] > 0) if flipped else inside)

    def boundary_distance(points: Points) -> Points:
        points = _checked(points)
        circle = np.abs(np.linalg.norm(points, axis=1) - DISK_RADIUS)
        # The flip changes the label on both sides of the circle: the whole line is boundary.
        return np.minimum(circle, np.abs(points[:, 1])) if flipped else circle

    return Task(name, label, boundary_distance)


def _yin_yang(name: str, centres: tuple[tuple[float, float], ...]) -> Task:
    """y = +1 where x2 <= 0, else -1, with the opposite sign within the discs.

    The discs touch neither the line x2 = 0 nor each other, so that the line and all of each
    circle are class boundary.
    """

    def label(points: Points) -> Labels:
        points = _checked(points)
        positive = points[:, 1] <= 0
        for centre in centres:
            positive ^= ((points - centre) ** 2).sum(axis=1) < DISC_RADIUS**2
        return signs(positive)

    def boundary_distance(points: Points) -> Points:
        points = _checked(points)
        circles = [
            np.abs(np.linalg.norm(points - centre, axis=1) - DISC_RADIUS) for centre in centres
        ]
        return np.minimum.reduce([np.abs(points[:, 1]), *circles])

    return Task(name, label, boundary_distance)


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.name: task
        for task in (
            _disk("disk", flipped=False),
            _disk("disk-flipped", flipped=True),
            _yin_yang("yin-yang", ((0.5, -0.5), (-0.5, 0.5))),
            _yin_yang("yin-yang-2", ((-0.5, -0.5), (-0.5, 0.5))),
        )
    }
)


def signs(positive: NDArray[np.bool_]) -> Labels:
    """Labels (n,): +1 where the condition holds, -1 elsewhere."""
    return np.where(positive, 1, -1).astype(np.int64)


def plane_grid(side: int) -> Points:
    """Return the side^2 points of a regular grid on [-1, 1]^2, its edges included.

    Row-major: reshaped to (side, side), the row is x2 from -1 to 1 and the column is x1.

    Raises
    ------
    ValueError
        If side < 2.

    Examples
    --------
    >>> plane_grid(2).tolist()
    [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]
    """
    if side < 2:
        raise ValueError(f"a grid needs at least 2 points a side, not {side}")
    ticks = np.linspace(-1, 1, side)
    x2, x1 = np.meshgrid(ticks, ticks, indexing="ij")
    return np.stack([x1.ravel(), x2.ravel()], axis=1)


def split_in_order(toy: Toy, fractions: tuple[float, ...] = (0.6, 0.2, 0.2)) -> tuple[Toy, ...]:
    """Cut a sample into consecutive parts, without shuffling.

    The cuts are the cumulative fractions of n, rounded to the nearest point.

    Raises
    ------
    ValueError
        If a fraction is not positive, they do not add up to 1, or a part would be empty.
    """
    if not fractions or not all(f > 0 for f in fractions) or abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(f"fractions must be positive and add up to 1, not {fractions}")
    cuts = [0, *np.rint(np.cumsum(fractions) * len(toy)).astype(int).tolist()]
    if any(low == high for low, high in pairwise(cuts)):
        raise ValueError(f"{len(toy)} points are too few for the fractions {fractions}")
    return tuple(
        Toy(
            toy.name,
            toy.x[low:high],
            toy.y[low:high],
            {name: values[low:high] for name, values in toy.factors.items()},
        )
        for low, high in pairwise(cuts)
    )


def _checked(points: Points) -> Points:
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"points must have shape (n, 2), not {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("points must be finite")
    return points

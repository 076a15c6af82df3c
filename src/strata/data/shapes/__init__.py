"""The image set `shapes`: colour images of one or two objects whose factors are all known.

The main object has one of four shapes. Beside it, or above or below it, is its partner, of the same
colour, texture and area. What `strata.data.shapes.rendering` draws is chosen here: factors,
independent but for a spurious one, which goes along with the label, if asked for.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from strata.data.checks import check_count
from strata.data.shapes.factors import (
    FACTORS,
    Names,
    Spurious,
    agreement,
    chosen_levels,
    classes,
    rounds,
)
from strata.data.shapes.rendering import (
    BACKGROUND_SWING,
    DRAWN,
    MIN_SIZE,
    REACH,
    RING,
    STEP,
    Codes,
    Scene,
    render,
)

MEASURED = ("hue_angle", "radius", "x", "y", "level")
"""Continuous factors. The angle (degrees) and the radius (sides) lie within their hue and size;
the place of the centroid (sides, from the upper left corner) and the gray of the background (in
[0, 1]) depend on nothing."""
HUES = MappingProxyType({"warm": (-30.0, 90.0), "cool": (150.0, 270.0)})
RADII = MappingProxyType({"small": (0.09, 0.1), "large": (0.115, 0.125)})
LEVELS = (0.7, 0.85)
SPREAD = 0.1
"""Half the range of the centroid, so that the largest pair stays within the image."""

assert (0.5 - SPREAD) / RADII["large"][1] >= STEP + REACH
assert LEVELS[1] + math.sqrt(1.5) * BACKGROUND_SWING <= 1


@dataclass(frozen=True)
class ShapeSet:
    """Images (n, 3, size, size), uint8, and what they show.

    ``factors`` maps each discrete factor to its codes, int64 (n,), and each continuous one to its
    values, float64 (n,). ``names`` maps each discrete factor to the names of its codes.
    """

    images: NDArray[np.uint8]
    factors: dict[str, NDArray]
    names: dict[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.images)


def make_shapes(
    n: int,
    rng: np.random.Generator,
    *,
    size: int = 32,
    partner: str | None = "next",
    levels: Mapping[str, Sequence[str]] | None = None,
    spurious: Spurious | None = None,
) -> ShapeSet:
    """Draw images whose factors are independent, but for a spurious one if asked for.

    Parameters
    ----------
    n : int
        Number of images, at least 1.
    rng : Generator
        The same state gives the same bits; the call advances it alike for every n. The first m of
        n images are the m images of a call for m. One seed gives the same scenes at every size,
        and under every shift, but for the spurious factor.
    size : int
        Pixels a side, at least 16.
    partner : {"next", "ring", None}
        Shape of the second object. ``"next"`` is the one that follows in the circle disc, square,
        triangle, cross: only the two together tell shape and order. ``"ring"`` is a ring, so that
        one object tells the shape. None: one object, and no factor ``axis`` or ``order``.
    levels : mapping, optional
        The levels to draw from, for factors of `FACTORS` that shall not have all of them. The
        codes count the levels given, in their order.
    spurious : Spurious, optional

    Returns
    -------
    ShapeSet

    Raises
    ------
    ValueError
        A count is out of range; the partner is unknown, or next among fewer than three shapes
        (of two, each follows the other); a factor, level or shift is unknown or doubled; the
        agreement is not in [0, 1]; or the spurious factor is part of the label, or its levels do
        not divide the classes.

    Notes
    -----
    The discrete factors run through all their combinations (576, or 144 with one object) in a
    random order, then through all of them again in another: over whole rounds any two factors
    are exactly uncorrelated and every task is exactly balanced. The levels agree with the label
    by independent draws. Ours, not the study's, whose images are ImageNet's.

    Shapes have equal mass, both objects have the same colour and size, and the centroid is that of
    their mass: an average over 4 x 4 cells says nothing of shape and order to a linear read-out.
    It does tell the axis, as the mass of a pair lies along it. With the next shape as the partner,
    each shape lies on each side as often in both orders: their mean images are the same, and no
    linear read-out tells the order at any resolution. Of a ring it does (8 x 8 cells: R² .4).
    Colours are mean + swing cos(angle - 0, 120, 240 degrees) on gray, so that the hue is linear in
    the mean colour. 3 size² bytes an image.

    Examples
    --------
    >>> shapes = make_shapes(1152, np.random.default_rng(0))
    >>> shapes.images.shape, shapes.images.dtype
    ((1152, 3, 32, 32), dtype('uint8'))
    >>> np.bincount(shapes.factors["shape"]).tolist(), shapes.names["shape"]
    ([288, 288, 288, 288], ('disc', 'square', 'triangle', 'cross'))
    """
    check_count("n", n, 1)
    check_count("size", size, MIN_SIZE)
    if partner not in ("next", RING, None):
        raise ValueError(f"unknown partner {partner!r}, use 'next', 'ring' or None")
    names = chosen_levels(partner is not None, levels or {})
    if partner == "next" and len(names["shape"]) < 3:
        raise ValueError(f"the next shape needs three or more, not {list(names['shape'])}")
    chance = agreement(spurious, names) if spurious else 0.0

    # Three streams of their own, so that more images go on where fewer ended.
    design, measures, grain = (
        np.random.default_rng(seed) for seed in rng.integers(0, 1 << 63, size=(3, 2))
    )
    factors: dict[str, NDArray] = dict(rounds(n, design, names))
    u = measures.random((n, 10))
    if spurious:
        labels, _ = classes(factors, names, spurious.label)
        kinds = len(names[spurious.factor])
        others = 1 + (u[:, 9] * (kinds - 1)).astype(np.int64)
        # random() is below 1, so that agreement 1 always agrees and agreement 0 never does.
        factors[spurious.factor] = (labels + np.where(u[:, 8] < chance, 0, others)) % kinds
    factors["hue_angle"] = _within(HUES, factors["hue"], names["hue"], u[:, 0])
    factors["radius"] = _within(RADII, factors["size"], names["size"], u[:, 1])
    for name, column in (("x", 2), ("y", 3)):
        factors[name] = 0.5 + SPREAD * (2 * u[:, column] - 1)
    factors["level"] = LEVELS[0] + (LEVELS[1] - LEVELS[0]) * u[:, 4]
    return ShapeSet(render(_scene(factors, names, partner, u[:, 5:8]), size, grain), factors, names)


def task(shapes: ShapeSet, *factors: str) -> tuple[Codes, tuple[str, ...]]:
    """Return the labels of a task and the names of its classes.

    Parameters
    ----------
    shapes : ShapeSet
    factors : str
        Discrete factors; ``"relation"`` stands for ``"axis"`` and ``"order"``. The classes are
        all combinations of their levels, those of the last factor changing fastest.

    Returns
    -------
    labels : ndarray, shape (n,), int64
    classes : tuple of str

    Raises
    ------
    ValueError
        No factor is given, one is unknown or doubled, or there is only one class.

    Examples
    --------
    >>> shapes = make_shapes(1152, np.random.default_rng(0))
    >>> labels, classes = task(shapes, "hue", "order")
    >>> np.bincount(labels).tolist(), classes
    ([288, 288, 288, 288], ('warm, before', 'warm, after', 'cool, before', 'cool, after'))
    >>> task(shapes, "relation")[1]
    ('left', 'right', 'above', 'below')
    """
    return classes(shapes.factors, shapes.names, factors)


def agreeing(shapes: ShapeSet, spurious: Spurious) -> NDArray[np.bool_]:
    """Where the spurious factor has the level that goes with the label: bool, shape (n,).

    Raises
    ------
    ValueError
        As in `make_shapes`.

    Examples
    --------
    >>> rule = Spurious("hue", ("order",), agreement=1.0)
    >>> agreeing(make_shapes(9, np.random.default_rng(0), spurious=rule), rule).all().item()
    True
    """
    agreement(spurious, shapes.names)
    labels, _ = task(shapes, *spurious.label)
    return shapes.factors[spurious.factor] == labels % len(shapes.names[spurious.factor])


def as_float(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the images as light in [0, 1], float32: levels / 255.

    Examples
    --------
    >>> as_float(np.array([0, 51, 255], np.uint8)).tolist()
    [0.0, 0.20000000298023224, 1.0]
    """
    return images / np.float32(255)


def _within(
    ranges: Mapping[str, tuple[float, float]], codes: Codes, names: tuple[str, ...], u: NDArray
) -> NDArray[np.float64]:
    """Uniform in the range of each code."""
    low, high = np.array([ranges[name] for name in names]).T
    return low[codes] + (high - low)[codes] * u


def _scene(
    factors: Mapping[str, NDArray], names: Names, partner: str | None, phases: NDArray
) -> Scene:
    def code(factor: str) -> Codes:
        known = FACTORS[factor]
        return np.array([known.index(name) for name in names[factor]])[factors[factor]]

    shape, second = code("shape"), np.full(len(phases), -1)
    step_x = step_y = np.zeros(len(phases))
    if partner is not None:
        if partner == "next":
            drawn = np.array([DRAWN.index(name) for name in names["shape"]])
            second = drawn[(factors["shape"] + 1) % len(drawn)]
        else:
            second[:] = DRAWN.index(RING)
        step = STEP * (2 * code("order") - 1)
        step_x, step_y = step * (1 - code("axis")), step * code("axis")
    return Scene(
        shape=shape,
        partner=second,
        texture=code("texture"),
        background=code("background"),
        x=factors["x"],
        y=factors["y"],
        step_x=step_x,
        step_y=step_y,
        radius=factors["radius"],
        hue=factors["hue_angle"],
        level=factors["level"],
        phases=phases,
    )

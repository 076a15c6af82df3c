"""Sprites with a core, a shortcut and noise: one object an image, its factors sampled jointly.

The label asks for shape and size together. The shortcut is the place: one quadrant of the range in
which the object lies. Balance and agreement hold to the image, since both are set before anything
is drawn, and every threshold is a constant that no set can move.
"""

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from strata.data.checks import check_count
from strata.data.shapes import HUES, LEVELS, RADII, SPREAD, ShapeSet
from strata.data.shapes.rendering import BACKGROUNDS, MIN_SIZE, SHAPES, TEXTURES, Scene, render

SPRITES = ("square", "triangle")
SIZES = ("small", "large")
RADIUS_THRESHOLD = (RADII["small"][1] + RADII["large"][0]) / 2
"""Above it an object is large: one number for every set."""
PLACE_THRESHOLD = 0.5
"""An object takes the shortcut if both coordinates of its centre are above this."""
LATENTS = MappingProxyType(
    {"core": ("shape", "radius"), "spurious": ("x", "y"), "noise": ("hue_angle", "level")}
)
"""Factors that decide the label, that go along with it, and that have nothing to do with it."""
_QUADRANTS = 4


def make_sprites(n: int, rng: np.random.Generator, *, agreement: float, size: int = 32) -> ShapeSet:
    """Draw balanced images in which label and shortcut agree as often as asked for.

    Parameters
    ----------
    n : int
        Number of images, at least 2.
    rng : Generator
        The same state gives the same bits.
    agreement : float
        Share of images, in each class, whose shortcut equals the label; from 0 to 1.
    size : int
        Pixels a side, at least 16.

    Returns
    -------
    ShapeSet
        With the factors ``label`` (1: a large triangle), ``shortcut`` (1: right of and below the
        middle), ``shape``, ``size`` and the continuous ``radius``, ``x``, ``y``, ``hue_angle``,
        ``level``, as in `strata.data.shapes`.

    Raises
    ------
    ValueError
        A count or the agreement is out of range.

    Notes
    -----
    Half of the images have label 1, up to one image, and in each class a share of `agreement` has
    the shortcut of its label, up to one image. Given the two, all else is independent: the three
    other pairs of shape and size are equally likely in class 0, and the three other quadrants
    where there is no shortcut. At an agreement of 1/2 label and shortcut are independent. Ours,
    for the sprite experiment of the depth study, which filters a set and balances it afterwards.

    Examples
    --------
    >>> sprites = make_sprites(400, np.random.default_rng(0), agreement=0.9, size=16)
    >>> label, shortcut = sprites.factors["label"], sprites.factors["shortcut"]
    >>> int(label.sum()), int((label == shortcut).sum())
    (200, 360)
    """
    check_count("n", n, 2)
    check_count("size", size, MIN_SIZE)
    if not 0 <= agreement <= 1:
        raise ValueError(f"agreement must be in [0, 1], not {agreement}")
    label = np.arange(n) % 2
    shortcut = label.copy()
    for value in (0, 1):
        rows = np.flatnonzero(label == value)
        shortcut[rows[round(agreement * len(rows)) :]] = 1 - value
    order = rng.permutation(n)
    label, shortcut = label[order], shortcut[order]
    u = rng.random((n, 10))
    # Pairs 0, 1, 2 are the other shapes and sizes; pair 3 is a large triangle.
    pair = np.where(label == 1, 3, (3 * u[:, 0]).astype(np.int64))
    quadrant = np.where(shortcut == 1, _QUADRANTS - 1, (3 * u[:, 1]).astype(np.int64))
    shape, large = pair // 2, pair % 2
    low, high = np.array([RADII[name] for name in SIZES]).T
    side = np.stack([quadrant % 2, quadrant // 2], axis=1)
    place = PLACE_THRESHOLD + SPREAD * (side - 1 + u[:, 2:4])
    hue = HUES["warm"]
    factors: dict[str, NDArray] = {
        "label": label,
        "shortcut": shortcut,
        "shape": shape,
        "size": large,
        "radius": low[large] + (high - low)[large] * u[:, 4],
        "x": place[:, 0],
        "y": place[:, 1],
        "hue_angle": hue[0] + (hue[1] - hue[0]) * u[:, 5],
        "level": LEVELS[0] + (LEVELS[1] - LEVELS[0]) * u[:, 6],
    }
    none = np.zeros(n)
    scene = Scene(
        shape=np.array([SHAPES.index(name) for name in SPRITES])[shape],
        partner=np.full(n, -1),
        texture=np.full(n, TEXTURES.index("plain")),
        background=np.full(n, BACKGROUNDS.index("plain")),
        x=factors["x"],
        y=factors["y"],
        step_x=none,
        step_y=none,
        radius=factors["radius"],
        hue=factors["hue_angle"],
        level=factors["level"],
        phases=u[:, 7:10],
    )
    names = {"shape": SPRITES, "size": SIZES}
    return ShapeSet(render(scene, size, rng), factors, names)

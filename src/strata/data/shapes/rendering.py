"""Pictures of one or two small objects, drawn in batches, with soft edges from formulas.

A pixel on a round edge is covered by clip(1/2 - d, 0, 1), with d the signed distance of its centre
to the edge in pixels; shapes with straight edges are integrated over the pixel. Every shape has
the mass of a disc of the same radius.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Codes = NDArray[np.int64]
Image = NDArray[np.float32]

SHAPES = ("disc", "square", "triangle", "cross")
"""Shapes of the main object."""
RING = "ring"
DRAWN = (*SHAPES, RING)
"""All shapes; that of the partner is one of these."""
TEXTURES = ("plain", "striped", "checked")
BACKGROUNDS = ("plain", "striped", "grainy")

MIN_SIZE = 16
"""Pixels a side below which the textures, of 8 periods a side, cannot be told apart."""
STEP = 1.5
"""Radii from the centroid of a pair to each of its objects."""
REACH = float(np.sqrt(4 * np.pi / np.sqrt(27)))
"""Radii from the centre of an object to its farthest point: the corners of a triangle of the area
of the disc, pi."""
ARM = float(np.sqrt(9 * np.pi / 5) / 2)
"""Half the length of a cross whose arms are a third as wide as it is long, likewise."""
HOLE = 0.5
"""Inner radius of a ring in outer radii."""

COLOUR_MEAN, COLOUR_SWING = 0.42, 0.33
"""A channel of an object's colour is mean + swing cos(hue - 0, 120 or 240 degrees)."""
TEXTURE_SWING = 0.33
BACKGROUND_SWING = 0.1
TEXTURE_PERIODS, BACKGROUND_PERIODS = 8, 5
"""Periods a side; those of the background run along the diagonal."""
GRAINS = 32
"""Grains of a grainy background a side, at every image size."""
_CHUNK = 1 << 16
"""Pixels drawn at a time: the arrays of a chunk stay in the processor's cache."""


@dataclass(frozen=True)
class Scene:
    """What each of n images shows: arrays of length n; places and lengths in sides of the image.

    ``shape`` and ``partner`` are codes into `DRAWN`, the partner -1 where there is none;
    ``texture`` and ``background`` are codes into `TEXTURES` and `BACKGROUNDS`. ``x`` (rightwards)
    and ``y`` (downwards) are the centroid; ``step_x`` and ``step_y`` lead from it to the main
    object, in radii, and the opposite step to the partner. ``hue`` is in degrees, ``level`` the
    gray of the background in [0, 1], and ``phases`` (n, 3), in turns, are those of the texture,
    along x and y, and of the background.
    """

    shape: Codes
    partner: Codes
    texture: Codes
    background: Codes
    x: Reals
    y: Reals
    step_x: Reals
    step_y: Reals
    radius: Reals
    hue: Reals
    level: Reals
    phases: Reals

    def __len__(self) -> int:
        return len(self.x)

    def part(self, rows: slice) -> "Scene":
        """Return the images of some rows."""
        return Scene(*(getattr(self, f.name)[rows] for f in fields(self)))


def coverage(shape: str, x: Reals, y: Reals, radius: Reals, size: int) -> Image:
    """Return the share of each pixel that a shape covers.

    Parameters
    ----------
    shape : str
        One of `DRAWN`.
    x, y : ndarray, shape (n,)
        Centre of mass, rightwards and downwards from the upper left corner, in sides.
    radius : ndarray, shape (n,)
        Radius of the disc of the same area, in sides.
    size : int
        Pixels a side.

    Returns
    -------
    ndarray, shape (n, size, size), float32
        Rows are y, columns x; in [0, 1].

    Raises
    ------
    ValueError
        Unknown shape.

    Notes
    -----
    A disc whose edge is smeared over offsets uniform in ±1/2 pixel has the mean area
    pi (r² + 1/12): the 1/12 is taken off. A ring gains and loses the same. Square and cross are
    exact pixel by pixel; the triangle is exact in its mass, and integrated over quarters of rows.

    Examples
    --------
    >>> half = np.array([0.5])
    >>> mass = [coverage(s, half, half, half / 4, 32).sum() for s in DRAWN]
    >>> [round(m / (np.pi * 4**2), 2).item() for m in mass]
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    # Places in float64, so that a shift by whole pixels changes no bit that a picture shows.
    centres = np.arange(size) + 0.5
    u = (centres - x[:, None] * size).astype(np.float32)
    v = (centres - y[:, None] * size).astype(np.float32)
    r = (radius * size)[:, None]
    if shape == "square":
        side = np.sqrt(np.pi) / 2
        return _outer(_bar(u, side * r), _bar(v, side * r))
    if shape == "cross":
        long_u, long_v = _bar(u, ARM * r), _bar(v, ARM * r)
        short_u, short_v = _bar(u, ARM / 3 * r), _bar(v, ARM / 3 * r)
        # Upright and lying bar, less the square counted twice: two products.
        out = _outer(short_u, long_v - short_v)
        out += _outer(long_u, short_v)
        return out
    if shape == "triangle":
        return _triangle(u, v, (REACH * r).astype(np.float32))
    if shape not in ("disc", RING):
        raise ValueError(f"unknown shape {shape!r}, use one of {list(DRAWN)}")
    distance = np.add((u * u)[:, None, :], (v * v)[:, :, None])
    np.sqrt(distance, out=distance)
    if shape == "disc":
        return _smooth(distance, np.sqrt(r**2 - 1 / 12).astype(np.float32))
    outer = (r / np.sqrt(1 - HOLE**2)).astype(np.float32)
    hole = _smooth(distance.copy(), np.float32(HOLE) * outer)
    ring = _smooth(distance, outer)
    ring -= hole
    return ring


def render(scene: Scene, size: int, grain: np.random.Generator) -> NDArray[np.uint8]:
    """Draw the images of a scene.

    Parameters
    ----------
    scene : Scene
    size : int
        Pixels a side, at least `MIN_SIZE`.
    grain : Generator
        For the grainy backgrounds, image after image: the first images do not depend on how many
        follow, and the picture of an image at another size has the same grains.

    Returns
    -------
    ndarray, shape (n, 3, size, size), uint8
        Red, green, blue; 255 is full light.

    Raises
    ------
    ValueError
        The size is too small.

    Notes
    -----
    The mean of an object's three channels does not depend on its hue, and, averaged over the
    phases, neither its mean colour nor that of the background on the pattern. O(n size²) time.
    """
    if size < MIN_SIZE:
        raise ValueError(f"size must be at least {MIN_SIZE}, not {size}")
    images = np.empty((len(scene), 3, size, size), np.uint8)
    rows = max(1, _CHUNK // size**2)
    for start in range(0, len(scene), rows):
        part = slice(start, start + rows)
        _draw(scene.part(part), size, grain, images[part])
    return images


def _draw(scene: Scene, size: int, grain: np.random.Generator, images: NDArray[np.uint8]) -> None:
    covered = _objects(scene, size)
    light = _background(scene, size, grain)
    # Half a level is added here once, so that the cast below rounds.
    light *= 255
    light *= 1 - covered
    light += 0.5
    covered *= _texture(scene, size)
    turns = np.radians(scene.hue[:, None] - np.array([0, 120, 240]))
    colours = (255 * (COLOUR_MEAN + COLOUR_SWING * np.cos(turns))).astype(np.float32)
    channel = np.empty_like(light)
    for c in range(3):
        np.multiply(covered, colours[:, c, None, None], out=channel)
        channel += light
        np.copyto(images[:, c], channel, casting="unsafe")


def _objects(scene: Scene, size: int) -> Image:
    """The share of each pixel that the objects cover; they do not overlap."""
    covered = np.zeros((len(scene), size, size), np.float32)
    for codes, sign in ((scene.shape, 1), (scene.partner, -1)):
        x = scene.x + sign * scene.step_x * scene.radius
        y = scene.y + sign * scene.step_y * scene.radius
        for code, shape in enumerate(DRAWN):
            if (has := codes == code).any():
                covered[has] += coverage(shape, x[has], y[has], scene.radius[has], size)
    return covered


def _texture(scene: Scene, size: int) -> Image:
    """Factor of the colour, in 1 ± swing; it moves with the objects."""
    centres = (np.arange(size) + 0.5) / size
    waves = [
        np.cos(2 * np.pi * (TEXTURE_PERIODS * (centres - place[:, None]) + phase[:, None]))
        for place, phase in ((scene.x, scene.phases[:, 0]), (scene.y, scene.phases[:, 1]))
    ]
    # Stripes lie: plain and striped ignore the phase along x.
    along = np.where((scene.texture == TEXTURES.index("checked"))[:, None], waves[0], 1.0)
    swing = TEXTURE_SWING * (scene.texture != TEXTURES.index("plain"))
    texture = _outer(along.astype(np.float32), (swing[:, None] * waves[1]).astype(np.float32))
    texture += 1
    return texture


def _background(scene: Scene, size: int, grain: np.random.Generator) -> Image:
    """Gray in level ± swing: it stays where it is when the objects move."""
    light = np.empty((len(scene), size, size), np.float32)
    light[:] = scene.level[:, None, None]
    if (has := scene.background == BACKGROUNDS.index("striped")).any():
        # cos(a + b) by products: the waves of rows and columns, not of pixels.
        turn = 2 * np.pi * BACKGROUND_PERIODS / np.sqrt(2) * (np.arange(size) + 0.5) / size
        a = turn + 2 * np.pi * scene.phases[has, 2, None]
        cos, sin = (BACKGROUND_SWING * wave(a) for wave in (np.cos, np.sin))
        waves = _outer(np.cos(turn)[None].astype(np.float32), cos.astype(np.float32))
        waves -= _outer(np.sin(turn)[None].astype(np.float32), sin.astype(np.float32))
        light[has] += waves
    if (has := scene.background == BACKGROUNDS.index("grainy")).any():
        # A whole image's grains are a multiple of 4 bytes: chunks do not change the draws.
        grains = grain.integers(0, 256, (has.sum(), GRAINS, GRAINS), np.uint8)
        places = np.arange(size) * GRAINS // size
        # Uniform light of the variance of a wave: ± sqrt(3/2) of its swing.
        width = np.float32(np.sqrt(6) * BACKGROUND_SWING)
        light[has] += (grains[:, places[:, None], places] / np.float32(255) - 0.5) * width
    return light


def _bar(u: Image, half: Reals) -> Image:
    """Exact share of each pixel, on a line, within ±half of the origin."""
    half = half.astype(np.float32)
    return np.clip(half + np.float32(0.5) - np.abs(u), 0, np.minimum(1, 2 * half))


def _triangle(u: Image, v: Image, reach: Image) -> Image:
    """Share of each pixel in an upright triangle, by strips a quarter of a pixel high."""
    out = np.zeros((len(u), v.shape[1], u.shape[1]), np.float32)
    strip, away = np.empty_like(out), np.float32(0.5) - np.abs(u)[:, None, :]
    for low in np.arange(-2, 2, dtype=np.float32) / 4:
        # The part of the strip between top and base, and half the width at its middle.
        top, base = np.maximum(v + low, -reach), np.minimum(v + low + np.float32(0.25), reach / 2)
        half = ((top + base) / 2 + reach) / np.float32(np.sqrt(3))
        np.add(half[:, :, None], away, out=strip)
        np.clip(strip, 0, np.clip(2 * half, 0, 1)[:, :, None], out=strip)
        strip *= np.maximum(base - top, 0)[:, :, None]
        out += strip
    return out


def _outer(columns: Image, rows: Image) -> Image:
    return rows[:, :, None] * columns[:, None, :]


def _smooth(distance: Image, edge: Image) -> Image:
    """clip(1/2 - (distance - edge), 0, 1), in place."""
    np.subtract((edge + np.float32(0.5))[:, :, None], distance, out=distance)
    return np.clip(distance, 0, 1, out=distance)

"""Sprites: what is exact to the image, what is independent, and what the pictures show."""

import numpy as np
import pytest

from strata.data.shapes import RADII, SPREAD, make_shapes
from strata.data.sprites import (
    LATENTS,
    PLACE_THRESHOLD,
    RADIUS_THRESHOLD,
    make_sprites,
)
from strata.seeding import numpy_generator


@pytest.fixture(scope="module")
def sprites():
    return make_sprites(4000, numpy_generator("test", 0), agreement=0.9, size=16)


@pytest.mark.parametrize("agreement", [0.0, 0.5, 0.73, 1.0])
@pytest.mark.parametrize("n", [2, 101, 400])
def test_balance_and_agreement_hold_to_the_image_in_each_class(n: int, agreement: float):
    factors = make_sprites(n, numpy_generator("test", n), agreement=agreement, size=16).factors
    label, shortcut = factors["label"], factors["shortcut"]
    for value in (0, 1):
        rows = label == value
        assert abs(rows.sum() - n / 2) <= 0.5
        assert abs((shortcut == label)[rows].sum() - agreement * rows.sum()) <= 0.5


def test_the_label_is_a_large_triangle_by_the_fixed_threshold_alone(sprites):
    factors = sprites.factors
    large = factors["radius"] > RADIUS_THRESHOLD
    assert np.array_equal(large, factors["size"] == 1)
    assert np.array_equal(factors["label"], large & (factors["shape"] == 1))
    low, high = RADII["small"][0], RADII["large"][1]
    assert factors["radius"].min() >= low
    assert factors["radius"].max() <= high


def test_the_shortcut_is_one_quadrant_and_the_places_fill_their_range(sprites):
    x, y = sprites.factors["x"], sprites.factors["y"]
    there = (x > PLACE_THRESHOLD) & (y > PLACE_THRESHOLD)
    assert np.array_equal(sprites.factors["shortcut"], there)
    for place in (x, y):
        assert np.abs(place - PLACE_THRESHOLD).max() <= SPREAD
        assert np.ptp(place) > 1.99 * SPREAD


def test_what_is_not_set_is_independent_of_what_is():
    factors = make_sprites(4000, numpy_generator("test", 1), agreement=0.5, size=16).factors
    groups = {name: [factors[f] for f in latents] for name, latents in LATENTS.items()}
    for name, others in (("core", "spurious"), ("core", "noise"), ("spurious", "noise")):
        found = np.corrcoef(groups[name] + groups[others])[:2, 2:]
        # 4000 images: five standard errors.
        assert np.abs(found).max() < 5 / np.sqrt(4000)
    rest = factors["label"] == 0
    pairs = np.bincount(2 * factors["shape"][rest] + factors["size"][rest])
    assert np.abs(pairs / rest.sum() - 1 / 3).max() < 0.05


def test_the_pictures_show_what_the_factors_say(sprites):
    """The centre of what differs from the background, and its mass, from the pixels alone."""
    light = sprites.images.astype(float)
    colour = np.abs(light - light.mean(1, keepdims=True)).sum(1)  # gray has none
    weights = colour / colour.sum((1, 2), keepdims=True)
    centres = (np.arange(16) + 0.5) / 16
    assert np.abs((weights.sum(1) * centres).sum(1) - sprites.factors["x"]).max() < 0.03
    assert np.abs((weights.sum(2) * centres).sum(1) - sprites.factors["y"]).max() < 0.03
    corner = light[:, :, 0, 0] / 255
    assert np.abs(corner - sprites.factors["level"][:, None]).max() < 1 / 255


def test_the_objects_are_those_of_shapes():
    """A triangle has as much mass as a square: the sum of the picture tells size, not shape."""
    made = make_sprites(2000, numpy_generator("test", 2), agreement=0.5, size=32)
    light = made.images.astype(float).sum(1)
    mass = np.abs(light - light[:, :1, :1]).sum((1, 2)) / (3 * 255 * made.factors["level"])
    small = made.factors["size"] == 0
    by_shape = [mass[small & (made.factors["shape"] == kind)].mean() for kind in (0, 1)]
    assert by_shape[0] == pytest.approx(by_shape[1], rel=0.05)
    assert mass[~small].mean() > 1.3 * mass[small].mean()
    assert set(make_shapes(4, numpy_generator("test", 3)).names["size"]) == set(made.names["size"])


def test_the_same_state_gives_the_same_bits():
    first, second = (
        make_sprites(50, numpy_generator("test", 4), agreement=0.8, size=16) for _ in range(2)
    )
    assert np.array_equal(first.images, second.images)
    other = make_sprites(50, numpy_generator("test", 5), agreement=0.8, size=16)
    assert not np.array_equal(first.images, other.images)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"n": 1}, "n must"), ({"size": 8}, "size must"), ({"agreement": 1.1}, "agreement must")],
)
def test_what_cannot_be_drawn_is_refused(change: dict, message: str):
    with pytest.raises(ValueError, match=message):
        make_sprites(**{"n": 10, "rng": numpy_generator("test", 6), "agreement": 0.9} | change)

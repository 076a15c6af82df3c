"""The image set `shapes`: factors that are independent, and pictures that show them and no more."""

import itertools
import math

import numpy as np
import pytest

from strata.data.fingerprint import fingerprint
from strata.data.shapes import (
    LEVELS,
    MEASURED,
    RADII,
    SPREAD,
    Spurious,
    agreeing,
    as_float,
    make_shapes,
    task,
)
from strata.data.shapes.factors import FACTORS
from strata.data.shapes.rendering import (
    COLOUR_MEAN,
    COLOUR_SWING,
    DRAWN,
    SHAPES,
    STEP,
    TEXTURE_SWING,
    Scene,
    coverage,
    render,
)

ROUND = 2 * 2 * 3 * 3 * 4 * 2 * 2
"""Combinations of all levels."""
PLAIN = {"texture": ("plain",), "background": ("plain",)}
PARTNERS = ["next", "ring", None]


def _rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def large():
    return make_shapes(20_000, _rng(1))


def one_hot(codes):
    return np.eye(codes.max() + 1)[codes]


def share_is(found, probability):
    """Whether a mean of zeros and ones is within five standard errors."""
    error = math.sqrt(probability * (1 - probability) / len(found))
    return abs(np.mean(found) - probability) <= 5 * error


def scene(n=1, **changes):
    """n equal images: a large plain disc and its ring on plain gray, in the middle."""
    usual = {
        "shape": 0,
        "partner": DRAWN.index("ring"),
        "texture": 0,
        "background": 0,
        "x": 0.5,
        "y": 0.5,
        "step_x": STEP,
        "step_y": 0.0,
        "radius": 0.12,
        "hue": 0.0,
        "level": 0.8,
        "phases": np.zeros(3),
    }
    return Scene(**{k: np.array([v] * n) for k, v in (usual | changes).items()})


def held_out_r2(x, targets):
    """R^2 of each target on the second half, by ridge regression on the first."""
    half = len(x) // 2
    x = (x - x[:half].mean(axis=0)) / x[:half].std(axis=0)
    x = np.column_stack([x, np.ones(len(x))])
    gram = x[:half].T @ x[:half] + 1e-3 * half * np.eye(x.shape[1])
    w = np.linalg.solve(gram, x[:half].T @ targets[:half])
    rest = targets[half:]
    return 1 - ((rest - x[half:] @ w) ** 2).mean(axis=0) / rest.var(axis=0)


def low_pass(images, cells):
    n, channels, size, _ = images.shape
    pixels = size // cells
    return (
        images.reshape(n, channels, cells, pixels, cells, pixels).mean(axis=(3, 5)).reshape(n, -1)
    )


# -- factors ---------------------------------------------------------------------------------------


def test_factors_of_different_kinds_are_uncorrelated(large):
    # The angle lies within its hue and the radius within its size: there, what is left counts.
    inner = {
        "angle in hue": large.factors["hue_angle"] - 180 * large.factors["hue"],
        "radius in size": large.factors["radius"] - 0.025 * large.factors["size"],
    }
    belongs = {"hue_angle": {"hue", "angle in hue"}, "radius": {"size", "radius in size"}}
    columns = large.factors | inner
    found = {
        name: one_hot(values).T if name in large.names else values[None]
        for name, values in columns.items()
    }
    for one, other in itertools.combinations(found, 2):
        if other in belongs.get(one, ()) or one in belongs.get(other, ()):
            continue
        rows = len(found[one])
        correlation = np.corrcoef(np.vstack([found[one], found[other]]))[:rows, rows:]
        assert np.abs(correlation).max() < 0.03, (one, other)


def test_over_whole_rounds_all_combinations_are_equally_frequent():
    shapes = make_shapes(3 * ROUND, _rng())
    codes = np.stack([shapes.factors[name] for name in FACTORS])
    combinations, counts = np.unique(codes, axis=1, return_counts=True)
    assert combinations.shape[1] == ROUND
    assert (counts == 3).all()
    # In another order in each.
    assert not np.array_equal(codes[:, :ROUND], codes[:, ROUND : 2 * ROUND])


def test_codes_are_int64_and_measures_uniform_float64_in_their_ranges(large):
    assert list(large.factors) == [*FACTORS, *MEASURED]
    assert large.names == dict(FACTORS)
    for name, levels in FACTORS.items():
        assert large.factors[name].dtype == np.int64
        assert set(large.factors[name]) == set(range(len(levels)))
    hue, size = large.factors["hue"], large.factors["size"]
    lowest = {
        "hue_angle": np.where(hue == 0, -30, 150),
        "radius": np.where(size == 0, RADII["small"][0], RADII["large"][0]),
        "x": 0.5 - SPREAD,
        "y": 0.5 - SPREAD,
        "level": LEVELS[0],
    }
    widths = [120, 0.01, 2 * SPREAD, 2 * SPREAD, LEVELS[1] - LEVELS[0]]
    for name, width in zip(MEASURED, widths, strict=True):
        values = large.factors[name]
        assert values.dtype == np.float64
        u = (values - lowest[name]) / width
        assert u.min() > -1e-9
        assert u.max() < 1 + 1e-9
        # Kolmogorov: sup |F_n - F| sqrt(n) > 2.5 has probability 7e-6.
        steps = np.arange(len(u)) / len(u)
        assert np.abs(np.sort(u) - steps).max() * math.sqrt(len(u)) < 2.5


def test_restricted_levels_are_counted_as_given_and_drawn():
    levels = {"shape": ("cross", "disc"), "axis": ["stacked"], **PLAIN}
    shapes = make_shapes(400, _rng(), size=64, partner="ring", levels=levels)
    assert shapes.names["shape"] == ("cross", "disc")
    assert np.bincount(shapes.factors["shape"]).tolist() == [200, 200]
    assert not shapes.factors["axis"].any()
    # A point inside the disc, between the arms of the cross.
    factors = shapes.factors
    sign = 2 * factors["order"] - 1
    corner = 0.62 * factors["radius"]
    column = ((factors["x"] + corner) * 64).astype(int)
    row = ((factors["y"] + sign * STEP * factors["radius"] + corner) * 64).astype(int)
    there = as_float(shapes.images)[np.arange(400), :, row, column]
    contrast = np.abs(there - factors["level"][:, None]).max(axis=1)
    assert contrast[factors["shape"] == 0].max() < contrast[factors["shape"] == 1].min()


def test_one_object_has_no_axis_and_no_order():
    shapes = make_shapes(200, _rng(), partner=None)
    assert set(shapes.factors) == {*FACTORS, *MEASURED} - {"axis", "order"}
    assert task(shapes, "shape", "hue")[1][0] == "disc, warm"
    with pytest.raises(ValueError, match="unknown factor 'axis'"):
        task(shapes, "relation")


# -- same state, same bits -------------------------------------------------------------------------


@pytest.mark.parametrize("partner", PARTNERS)
def test_the_first_images_do_not_depend_on_how_many_follow(partner):
    few, many = (make_shapes(n, _rng(), size=17, partner=partner) for n in (701, 1500))
    assert np.array_equal(few.images, many.images[:701])
    for name, values in few.factors.items():
        assert np.array_equal(values, many.factors[name][:701])


def test_the_same_state_gives_the_same_bits_and_the_next_call_others():
    one, other = _rng(7), _rng(7)
    first, again = make_shapes(50, one), make_shapes(70, other)
    assert fingerprint(first.images) == fingerprint(again.images[:50])
    # A call for 50 and one for 70 leave the generator in the same state.
    second = make_shapes(50, one)
    assert fingerprint(second.images) == fingerprint(make_shapes(50, other).images)
    assert (second.images != first.images).any(axis=(1, 2, 3)).all()


# -- tasks and the spurious factor -----------------------------------------------------------------


@pytest.mark.parametrize(
    "factors", [("hue",), ("shape", "order"), ("relation",), ("relation", "shape")]
)
def test_a_task_is_balanced_over_whole_rounds_and_named_by_its_factors(factors):
    shapes = make_shapes(ROUND, _rng())
    labels, classes = task(shapes, *factors)
    assert labels.dtype == np.int64
    assert np.bincount(labels).tolist() == [ROUND // len(classes)] * len(classes)
    place = {(0, 0): "left", (0, 1): "right", (1, 0): "above", (1, 1): "below"}
    for i in range(60):
        words = [
            place[shapes.factors["axis"][i], shapes.factors["order"][i]]
            if name == "relation"
            else shapes.names[name][shapes.factors[name][i]]
            for name in factors
        ]
        assert classes[labels[i]] == ", ".join(words)


def test_a_task_is_nearly_balanced_within_a_round():
    labels, classes = task(make_shapes(200, _rng()), "shape", "relation")
    counts = np.bincount(labels, minlength=len(classes))
    # Without replacement: the variance is less than that of the multinomial.
    assert np.abs(counts - 12.5).max() < 5 * math.sqrt(12.5)


SHIFTED = [("none", 0.8), ("flipped", 0.2), ("uncorrelated", None)]


@pytest.mark.parametrize(("shift", "expected"), SHIFTED)
@pytest.mark.parametrize(
    ("factor", "label"), [("hue", ("order",)), ("hue", ("shape",)), ("texture", ("background",))]
)
def test_the_spurious_factor_agrees_with_probability_p_in_each_class(
    factor, label, shift, expected
):
    rule = Spurious(factor, label, 0.8, shift)
    shapes = make_shapes(6000, _rng(5), size=16, spurious=rule)
    kinds = len(FACTORS[factor])
    expected = 1 / kinds if expected is None else expected
    labels, classes = task(shapes, *label)
    agrees = agreeing(shapes, rule)
    assert share_is(agrees, expected)
    for k in range(len(classes)):
        assert share_is(agrees[labels == k], expected)
        # The levels that do not go with the class are equally frequent.
        other = shapes.factors[factor][(labels == k) & ~agrees]
        assert set(other) == set(range(kinds)) - {k % kinds}
        for level in set(other):
            assert share_is(other == level, 1 / (kinds - 1))


def test_the_extremes_of_agreement_have_no_exceptions():
    for agreement, shift, share in [(1, "none", 1), (0, "none", 0), (1, "flipped", 0)]:
        rule = Spurious("hue", ("order",), agreement, shift)
        assert agreeing(make_shapes(300, _rng(), spurious=rule), rule).mean() == share


def test_a_spurious_factor_changes_itself_and_nothing_else():
    plain = make_shapes(300, _rng())
    rule = Spurious("hue", ("shape",), 0.9)
    for other in (rule, Spurious("hue", ("shape",), 0.9, "flipped")):
        shapes = make_shapes(300, _rng(), spurious=other)
        for name in set(shapes.factors) - {"hue", "hue_angle"}:
            assert np.array_equal(shapes.factors[name], plain.factors[name])
        # The angle moves with the hue, and an image of the same hue is the same image.
        same = shapes.factors["hue"] == plain.factors["hue"]
        assert 0 < same.mean() < 1
        assert np.array_equal((shapes.images == plain.images).reshape(300, -1).all(axis=1), same)


def test_the_spurious_factor_stays_independent_of_what_is_not_its_label():
    rule = Spurious("hue", ("shape",), 0.95)
    factors = make_shapes(20_000, _rng(2), size=16, spurious=rule).factors
    for name in {*FACTORS, "x", "y", "level", "radius"} - {"hue", "shape"}:
        assert abs(np.corrcoef(factors["hue"], factors[name])[0, 1]) < 0.03


# -- what is drawn ---------------------------------------------------------------------------------


def inside(shape, u, v):
    """Whether points (u, v), in radii from the centre, v downwards, are in a shape of area pi."""
    if shape == "disc":
        return u**2 + v**2 <= 1
    if shape == "ring":
        return (u**2 + v**2 <= 4 / 3) & (u**2 + v**2 >= 1 / 3)
    if shape == "square":
        return np.maximum(abs(u), abs(v)) <= math.sqrt(math.pi) / 2
    if shape == "cross":
        # Five squares of side w: 5 w^2 = pi.
        arm = math.sqrt(math.pi / 5) / 2
        return (np.maximum(abs(u), abs(v)) <= 3 * arm) & (np.minimum(abs(u), abs(v)) <= arm)
    # An equilateral triangle of side s with its centroid at 0: sqrt(3) / 4 s^2 = pi.
    s = math.sqrt(4 * math.pi / math.sqrt(3))
    base, top = s / (2 * math.sqrt(3)), -s / math.sqrt(3)
    return (v <= base) & (abs(u) <= (v - top) / math.sqrt(3))


@pytest.mark.parametrize("shape", DRAWN)
def test_coverage_is_that_of_a_brute_force_count_of_points(shape):
    size, fine = 24, 32
    points = (np.arange(size * fine) + 0.5) / (size * fine)
    rng = _rng(3)
    worst = {"disc": 0.06, "ring": 0.08}
    for _ in range(4):
        x, y, radius = rng.uniform([0.4, 0.4, 0.1], [0.6, 0.6, 0.16])
        points_in = inside(shape, (points - x)[None] / radius, (points - y)[:, None] / radius)
        expected = points_in.reshape(size, fine, size, fine).mean(axis=(1, 3))
        found = coverage(shape, *np.array([[x], [y], [radius]]), size)[0]
        edge = (expected > 0) & (expected < 1)
        # Straight edges are exact, and the count of points is so to 1/32 of a pixel.
        assert np.abs(found - expected).max() < worst.get(shape, 1 / 32)
        assert math.sqrt(((found - expected)[edge] ** 2).mean()) < 0.04


def test_a_pixel_at_the_corner_of_a_square_is_covered_by_the_product_of_its_shares():
    # The square spans 4.25 to 11.75 pixels: 3/4 of the first and last pixel of each line.
    radius = np.array([3.75 * 2 / math.sqrt(math.pi) / 16])
    half = np.array([0.5])
    line = np.array([0] * 4 + [0.75] + [1] * 6 + [0.75] + [0] * 4)
    found = coverage("square", half, half, radius, 16)[0]
    assert found == pytest.approx(np.outer(line, line), abs=1e-6)


@pytest.mark.parametrize(("size", "tolerance"), [(16, 0.004), (32, 0.002), (80, 0.0005)])
def test_the_shapes_have_the_mass_of_the_same_disc_and_their_centroid_where_it_should_be(
    size, tolerance
):
    rng = _rng(4)
    x, y = rng.uniform(0.4, 0.6, (2, 500))
    radius = rng.uniform(RADII["small"][0], RADII["large"][1], 500)
    centres = (np.arange(size) + 0.5) / size
    for shape in DRAWN:
        found = coverage(shape, x, y, radius, size)
        mass = found.sum(axis=(1, 2), dtype=float) / size**2
        ratio = mass / (math.pi * radius**2)
        round_edge = shape in ("disc", "ring")
        assert abs(ratio.mean() - 1) < (tolerance if round_edge else 1e-6), shape
        assert np.abs(ratio - 1).max() < (15 * tolerance if round_edge else 1e-6), shape
        for place, axis in ((x, 1), (y, 2)):
            centroid = found.sum(axis=axis, dtype=float) @ centres / size**2 / mass
            # In pixels.
            assert np.abs(centroid - place).max() * size < 0.06, shape
            assert abs((centroid - place).mean()) * size < 0.01, shape


def test_pictures_of_the_set_have_equal_mean_light_for_all_shapes_and_orders():
    shapes = make_shapes(20 * ROUND, _rng(6), levels=PLAIN)
    gray = shapes.images.mean(axis=(1, 2, 3)) / 255
    # Light taken away: area of two discs times the contrast of the mean colour.
    taken = 2 * math.pi * shapes.factors["radius"] ** 2 * (shapes.factors["level"] - COLOUR_MEAN)
    ratio = (shapes.factors["level"] - gray) / taken
    assert ratio.mean() == pytest.approx(1, abs=0.01)
    for name in ("shape", "axis", "order", "hue"):
        for code in range(len(FACTORS[name])):
            assert ratio[shapes.factors[name] == code].mean() == pytest.approx(1, abs=0.01)


def test_no_object_is_cut_by_the_border_or_touches_the_other():
    extreme = [0.5 - SPREAD, 0.5 + SPREAD]
    radius = RADII["large"][1]
    for shape, partner in [(s, "ring") for s in SHAPES] + list(
        zip(SHAPES, SHAPES[1:] + SHAPES[:1], strict=True)
    ):
        for x, y, axis, sign in itertools.product(extreme, extreme, (0, 1), (-1, 1)):
            step = sign * STEP * radius * np.array([1 - axis, axis])
            masks = [
                coverage(s, *np.array([[x + way[0]], [y + way[1]], [radius]]), 64)[0]
                for s, way in ((shape, step), (partner, -step))
            ]
            border = [m[[0, -1]].sum() + m[:, [0, -1]].sum() for m in masks]
            assert sum(border) == 0
            assert not ((masks[0] > 0) & (masks[1] > 0)).any()


@pytest.mark.parametrize("texture", [0, 1, 2])
@pytest.mark.parametrize("shape", range(4))
def test_moving_the_objects_by_whole_pixels_moves_the_picture(shape, texture):
    fixed = {"shape": shape, "texture": texture, "phases": np.array([0.1, 0.3, 0])}
    here, there = (
        render(scene(x=x, y=y, **fixed), 32, _rng())[0].astype(int)
        for x, y in ((0.46, 0.47), (0.46 + 3 / 32, 0.47 - 2 / 32))
    )
    assert np.abs(np.roll(here, (-2, 3), axis=(1, 2)) - there).max() <= 1


@pytest.mark.parametrize("background", [0, 1, 2])
def test_a_larger_picture_shows_the_same_scene(background):
    small, large = (
        as_float(make_shapes(64, _rng(8), size=s, levels={"background": _name(background)}).images)
        for s in (32, 96)
    )
    pooled = low_pass(large, 32).reshape(small.shape)
    assert np.abs(pooled - small).mean() < 0.006
    # Chance level: against the picture of the next seed's scenes.
    assert np.abs(pooled - small[::-1]).mean() > 0.03


def _name(code):
    return (FACTORS["background"][code],)


def test_a_disc_is_painted_in_the_colour_of_the_formula_on_the_gray_of_the_level():
    for hue, texture in itertools.product((0.0, 77.0, 200.0), (0, 1, 2)):
        phases = np.array([0.15, 0.35, 0.0])
        picture = scene(hue=hue, texture=texture, level=0.8, phases=phases, step_x=0.0, partner=-1)
        image = as_float(render(picture, 33, _rng()))[0]
        # Pixel 16 lies in the middle of the image, where the texture is that of its phases.
        wave = [0, math.cos(2 * math.pi * 0.35)]
        wave.append(wave[1] * math.cos(2 * math.pi * 0.15))
        turns = np.radians(hue - np.array([0, 120, 240]))
        colour = (COLOUR_MEAN + COLOUR_SWING * np.cos(turns)) * (1 + TEXTURE_SWING * wave[texture])
        assert image[:, 16, 16] == pytest.approx(colour, abs=0.51 / 255)
        assert image[:, 0, 0] == pytest.approx(np.full(3, 0.8), abs=0.51 / 255)


def test_no_light_is_out_of_range_before_it_is_rounded():
    # A cast to uint8 wraps around: bright objects would turn black.
    bright = scene(hue=0.0, texture=1, step_x=0.0, partner=-1)
    image = render(bright, 33, _rng())[0]
    assert image[0, 16, 16] == round(255 * 0.75 * 1.33)
    for background in (1, 2):
        level = LEVELS[1]
        backs = render(scene(200, background=background, level=level, radius=0.02), 32, _rng())
        corner = backs[:, :, :8] / 255 - level
        assert corner.min() > -0.13
        assert corner.max() < 0.13
        assert corner.std() == pytest.approx(0.1 / math.sqrt(2), rel=0.1)


def test_images_are_light_in_range_and_use_it(large):
    assert large.images.shape == (20_000, 3, 32, 32)
    assert large.images.dtype == np.uint8
    light = as_float(large.images[:500])
    assert light.dtype == np.float32
    assert light.min() >= 0
    assert light.max() <= 1
    assert light.max() - light.min() > 0.9


@pytest.mark.parametrize("size", [64, 65])
def test_the_ring_lies_where_the_relation_says(size):
    only = PLAIN | {"shape": ("disc",)}
    shapes = make_shapes(400, _rng(9), size=size, partner="ring", levels=only)
    labels, classes = task(shapes, "relation")
    away = {"left": (-1, 0), "right": (1, 0), "above": (0, -1), "below": (0, 1)}
    rows = np.arange(400)
    step = np.array([away[classes[k]] for k in labels]).T * STEP * shapes.factors["radius"]
    images, level = as_float(shapes.images), shapes.factors["level"]
    spread = {}
    for name, sign in (("disc", 1), ("ring", -1)):
        column, row = (
            ((shapes.factors[axis] + sign * along) * size).astype(int)
            for axis, along in zip("xy", step, strict=True)
        )
        spread[name] = np.abs(images[rows, :, row, column] - level[:, None]).max(axis=1)
    # The middle of the disc is coloured; in that of the ring one sees the background.
    assert spread["disc"].min() > 0.2
    assert spread["ring"].max() < 0.005


def test_the_partner_has_the_next_of_the_shapes_given_and_lies_opposite():
    given = ("square", "cross", "disc")
    shapes = make_shapes(60, _rng(9), levels=PLAIN | {"shape": given})
    partner = {"square": "cross", "cross": "disc", "disc": "square"}
    for i in range(60):
        f = {name: values[i] for name, values in shapes.factors.items()}
        shape = given[f["shape"]]
        along = STEP * (1 if f["order"] else -1)
        drawn = scene(
            shape=DRAWN.index(shape),
            partner=DRAWN.index(partner[shape]),
            step_x=0.0 if f["axis"] else along,
            step_y=along if f["axis"] else 0.0,
            hue=f["hue_angle"],
            **{name: f[name] for name in ("x", "y", "radius", "level")},
        )
        assert np.array_equal(render(drawn, 32, _rng())[0], shapes.images[i])


def test_the_phases_of_texture_and_background_depend_on_no_factor():
    only = {"shape": ("disc",), "texture": ("checked",), "background": ("striped",)}
    shapes = make_shapes(8000, _rng(12), size=48, partner=None, levels=only)
    rows, f = np.arange(8000), shapes.factors
    light = as_float(shapes.images).astype(float)
    # Light at places a quarter of a period apart: a phase within a turn shows in one of them.
    seen = [light[:, 0, 0, k] - f["level"] for k in (0, 3)]
    texture = []
    for right, down in ((0, 0), (1 / 32, 0), (0, 1 / 32)):
        column = ((f["x"] + right) * 48).astype(int)
        row = ((f["y"] + down) * 48).astype(int)
        texture.append(light[rows, :, row, column].mean(axis=1) / COLOUR_MEAN - 1)
    # cos a cos b at the centre, -sin a cos b beside it, -cos a sin b below it: each is 0 on average
    # whatever one of the phases does, the products -sin 2a cos² b / 2 and -cos² a sin 2b / 2 not.
    seen += [texture[0] * texture[1], texture[0] * texture[2]]
    factors = [f[name] for name in MEASURED]
    correlation = np.corrcoef([*seen, *factors])
    assert np.array(seen).std(axis=1).min() > 0.01
    assert np.abs(correlation[: len(seen), len(seen) :]).max() < 5 / math.sqrt(8000)
    assert np.abs(correlation[:2, 2 : len(seen)]).max() < 5 / math.sqrt(8000)


# -- what a linear read-out sees -------------------------------------------------------------------


@pytest.mark.parametrize("partner", PARTNERS)
def test_a_low_pass_tells_the_place_but_neither_shape_nor_order(partner):
    shapes = make_shapes(14 * ROUND, _rng(10), partner=partner)
    x = low_pass(as_float(shapes.images), 4).astype(float)
    hidden = [n for n in ("shape", "order", "texture", "background") if n in shapes.factors]
    for name in hidden:
        assert held_out_r2(x, one_hot(shapes.factors[name])).max() < 0.02, name
    seen = np.stack([shapes.factors[n] for n in ("x", "y", "level", "radius")], axis=1)
    assert held_out_r2(x, seen).min() > 0.8
    if partner:
        # The mass of a pair lies along its axis: that much a low-pass must tell.
        assert 0.4 < held_out_r2(x, shapes.factors["axis"][:, None])[0] < 0.9


def test_not_even_a_fine_average_tells_the_order_when_the_next_shape_is_the_partner():
    r2 = {}
    for partner in ("next", "ring"):
        shapes = make_shapes(14 * ROUND, _rng(10), partner=partner)
        x = low_pass(as_float(shapes.images), 8).astype(float)
        r2[partner] = held_out_r2(x, one_hot(shapes.factors["order"])).max()
        assert held_out_r2(x, one_hot(shapes.factors["shape"])).max() < 0.02
    assert r2["next"] < 0.02
    # A ring takes its mass away from its middle: which side is the ring's shows.
    assert r2["ring"] > 0.2


def test_the_mean_picture_of_both_orders_is_the_same_when_the_next_shape_is_the_partner():
    following = np.array([1, 2, 3, 0])
    four = np.arange(4)
    for axis in ((STEP, 0.0), (0.0, STEP)):
        totals = []
        for sign in (-1, 1):
            shapes = scene(4, step_x=sign * axis[0], step_y=sign * axis[1], texture=2, x=0.47)
            shapes.shape[:], shapes.partner[:] = four, following
            totals.append(render(shapes, 32, _rng()).astype(int).sum(axis=0))
        # Each shape is drawn once on each side in both; the four pictures of one order are not
        # those of the other.
        assert np.abs(totals[0] - totals[1]).max() <= 4


def test_the_hue_is_linear_in_the_mean_colour(large):
    mean = as_float(large.images).mean(axis=(2, 3)).astype(float)
    x = np.column_stack([mean, np.ones(len(mean))])
    w, *_ = np.linalg.lstsq(x[:5000], 2.0 * large.factors["hue"][:5000] - 1, rcond=None)
    assert ((x[5000:] @ w > 0) == (large.factors["hue"][5000:] == 1)).mean() > 0.999
    # The angle itself: gray has none, so that the means of two contrasts of channels give it.
    angle = np.degrees(
        np.arctan2(
            (mean[:, 1] - mean[:, 2]) * math.sqrt(3), 2 * mean[:, 0] - mean[:, 1] - mean[:, 2]
        )
    )
    gap = (angle - large.factors["hue_angle"] + 180) % 360 - 180
    assert np.abs(gap).max() < 3


def test_the_mean_of_the_channels_does_not_depend_on_the_hue():
    hues = np.arange(0, 360, 15.0)
    images = np.concatenate([render(scene(hue=h), 32, _rng()) for h in hues]).astype(int)
    light = images.sum(axis=1)
    assert np.ptp(light, axis=0).max() <= 3


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n": 0}, "n must be an int of at least 1"),
        ({"n": 2.5}, "n must be an int of at least 1"),
        ({"n": True}, "n must be an int of at least 1"),
        ({"size": 15}, "size must be an int of at least 16"),
        ({"partner": "square"}, "unknown partner 'square'"),
        ({"levels": {"shape": ("disc", "cross")}}, "three or more"),
        ({"levels": {"colour": ("warm",)}}, "unknown factor 'colour'"),
        ({"levels": {"axis": ("beside",)}, "partner": None}, "unknown factor 'axis'"),
        ({"levels": {"hue": ("red",)}}, "unknown hue 'red'"),
        ({"levels": {"hue": ()}}, "levels of hue must be a list of different names"),
        ({"levels": {"hue": "warm"}}, "levels of hue must be a list of different names"),
        ({"levels": {"hue": ("warm", "warm")}}, "levels of hue must be a list of different names"),
        ({"spurious": Spurious("tone", ("shape",))}, "unknown factor 'tone'"),
        ({"spurious": Spurious("x", ("shape",))}, "unknown factor 'x'"),
        ({"spurious": Spurious("hue", ("tone",))}, "unknown factor 'tone'"),
        ({"spurious": Spurious("hue", ())}, "must be a list of names"),
        ({"spurious": Spurious("hue", "shape")}, "must be a list of names"),
        ({"spurious": Spurious("order", ("relation",))}, "'order' is part of the label"),
        ({"spurious": Spurious("hue", ("texture",))}, "divide the 3 classes"),
        (
            {"spurious": Spurious("hue", ("shape",)), "levels": {"hue": ("warm",)}},
            "must be two or more",
        ),
        ({"spurious": Spurious("hue", ("shape",), 1.1)}, r"agreement must be in \[0, 1\]"),
        ({"spurious": Spurious("hue", ("shape",), math.nan)}, r"agreement must be in \[0, 1\]"),
        ({"spurious": Spurious("hue", ("shape",), 0.9, "moved")}, "unknown shift 'moved'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        make_shapes(**({"n": 3, "rng": _rng()} | changes))


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ((), "must be a list of names"),
        (("tone",), "unknown factor 'tone'"),
        (("x",), "unknown factor 'x'"),
        (("shape", "shape"), "doubled"),
        (("relation", "axis"), "doubled"),
        (("background",), "two classes"),
    ],
)
def test_a_task_that_is_none_is_refused(factors, words):
    shapes = make_shapes(3, _rng(), levels=PLAIN)
    with pytest.raises(ValueError, match=words):
        task(shapes, *factors)


def test_unknown_shapes_and_small_pictures_are_refused():
    one = np.array([0.5])
    with pytest.raises(ValueError, match="unknown shape 'star'"):
        coverage("star", one, one, one, 32)
    with pytest.raises(ValueError, match="size must be at least 16"):
        render(scene(), 8, _rng())

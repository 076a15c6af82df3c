"""Toy data against formulas: areas, boundaries, moments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.data.spurious import slide_setting
from strata.data.toy import DISK_RADIUS, TASKS, plane_grid, signs, split_in_order

NAMES = sorted(TASKS)
COORDINATE = st.floats(-1, 1, allow_nan=False)


def _rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", NAMES)
def test_half_of_the_square_is_positive(name):
    # Midpoints of a fine grid integrate the area; the boundary cuts at most 4 cells in 400.
    side = 800
    ticks = (np.arange(side) + 0.5) / side * 2 - 1
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    assert (TASKS[name].label(points) == 1).mean() == pytest.approx(0.5, abs=1e-3)


def test_disk_area_is_half_of_the_square():
    assert np.pi * DISK_RADIUS**2 == pytest.approx(4 / 2)


@pytest.mark.parametrize(
    ("name", "points", "labels"),
    [
        ("disk", [(0, 0), (0.79, 0), (0.8, 0), (0.7, 0.7)], [1, 1, -1, -1]),
        ("disk-flipped", [(0, -0.1), (0, 0), (0, 0.1), (0.9, 0.9), (0.9, -0.9)], [1, 1, -1, 1, -1]),
        ("yin-yang", [(0, 0), (0, 0.1), (0.5, -0.5), (-0.5, 0.5), (-0.5, -0.5)], [1, -1, -1, 1, 1]),
        (
            "yin-yang-2",
            [(0, 0), (0, 0.1), (-0.5, -0.5), (-0.5, 0.5), (0.5, -0.5)],
            [1, -1, -1, 1, 1],
        ),
    ],
)
def test_labels_by_hand(name, points, labels):
    assert TASKS[name].label(np.array(points)).tolist() == labels


@pytest.mark.parametrize("name", NAMES)
@given(x1=COORDINATE, x2=COORDINATE, angles=st.integers(0, 2**32 - 1))
def test_no_boundary_within_the_distance(name, x1, x2, angles):
    task, point = TASKS[name], np.array([[x1, x2]])
    (distance,) = task.boundary_distance(point)
    rng = _rng(angles)
    angle, radius = rng.uniform(0, 2 * np.pi, 64), distance * np.sqrt(rng.uniform(0, 0.999, 64))
    around = point + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert distance >= 0
    if distance > 1e-9:
        assert (task.label(around) == task.label(point)).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_label_changes_just_beyond_the_distance(name):
    # In some direction, a step a little longer than the distance crosses the boundary.
    task, points = TASKS[name], _rng(1).uniform(-1, 1, (300, 2))
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    directions = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    distance = task.boundary_distance(points)
    reached = points[:, None] + (distance[:, None, None] + 1e-3) * directions
    labels = task.label(reached.reshape(-1, 2)).reshape(300, 720)
    assert (labels != task.label(points)[:, None]).any(axis=1).all()


@pytest.mark.parametrize(
    ("name", "point", "expected"),
    [
        ("disk", (0, 0), DISK_RADIUS),
        ("disk-flipped", (0.1, 0.2), 0.2),
        ("yin-yang", (0.5, -0.5), 0.3),
        ("yin-yang", (0.5, 0.5), 0.5),
        ("yin-yang-2", (0.5, -0.5), 0.5),
        ("yin-yang-2", (-0.5, 0.9), 0.1),
    ],
)
def test_boundary_distances_by_hand(name, point, expected):
    assert TASKS[name].boundary_distance(np.array([point])) == pytest.approx([expected])


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_uniform_labelled_and_repeatable(name):
    toy = TASKS[name].sample(20_000, _rng())
    assert toy.name == name
    assert (toy.x.dtype, toy.y.dtype) == (np.float64, np.int64)
    assert np.array_equal(toy.y, TASKS[name].label(toy.x))
    # U(-1, 1): mean 0, variance 1/3; five standard errors.
    assert np.abs(toy.x.mean(axis=0)).max() < 5 * np.sqrt(1 / 3 / 20_000)
    assert np.abs(toy.x.var(axis=0) - 1 / 3).max() < 5 * np.sqrt((1 / 5 - 1 / 9) / 20_000)
    assert abs(toy.y.mean()) < 5 / np.sqrt(20_000)
    again = TASKS[name].sample(20_000, _rng())
    assert np.array_equal(again.x, toy.x)
    assert not np.array_equal(TASKS[name].sample(20_000, _rng(1)).x, toy.x)


def test_grid_rows_are_x2_and_columns_are_x1():
    grid = plane_grid(5).reshape(5, 5, 2)
    ticks = [-1, -0.5, 0, 0.5, 1]
    assert grid[2, :, 0].tolist() == ticks
    assert grid[:, 3, 1].tolist() == ticks


def test_split_keeps_the_order_and_the_factors():
    toy = slide_setting("A", 3000, _rng())
    parts = split_in_order(toy)
    assert [len(part) for part in parts] == [1800, 600, 600]
    assert np.array_equal(np.concatenate([part.x for part in parts]), toy.x)
    assert np.array_equal(np.concatenate([part.y for part in parts]), toy.y)
    joined = np.concatenate([part.factors["spurious"] for part in parts])
    assert np.array_equal(joined, toy.factors["spurious"])


@given(n=st.integers(20, 500), share=st.floats(0.1, 0.9))
def test_parts_are_within_one_of_their_share(n, share):
    toy = TASKS["disk"].sample(n, _rng())
    first, second = split_in_order(toy, (share, 1 - share))
    assert len(first) + len(second) == n
    assert abs(len(first) - share * n) <= 0.5 + 1e-9


def test_the_classes_of_minus_one_and_plus_one_are_0_and_1():
    toy = TASKS["disk"].sample(100, _rng())
    assert toy.classes.dtype == np.int64
    assert toy.classes.tolist() == [{-1: 0, 1: 1}[label] for label in toy.y.tolist()]


def test_signs_are_plus_one_where_the_condition_holds():
    found = signs(np.array([True, False, True]))
    assert found.dtype == np.int64
    assert found.tolist() == [1, -1, 1]


@pytest.mark.parametrize("n", [0, -3, 2.5, True])
def test_samples_without_a_whole_number_of_points_are_refused(n):
    with pytest.raises(ValueError, match="n must be an int of at least 1"):
        TASKS["disk"].sample(n, _rng())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [[[np.nan, 0]], [[0, np.inf]], [[0, 0, 0]], [0, 0]])
def test_bad_points_are_refused(name, bad):
    for function in (TASKS[name].label, TASKS[name].boundary_distance):
        with pytest.raises(ValueError, match="points must"):
            function(np.array(bad))


def test_other_bad_input_is_refused():
    with pytest.raises(ValueError, match="2 points a side"):
        plane_grid(1)
    toy = TASKS["disk"].sample(10, _rng())
    for fractions in ((), (0.5, 0.4), (1.5, -0.5), (np.nan, 1.0)):
        with pytest.raises(ValueError, match="add up to 1"):
            split_in_order(toy, fractions)
    with pytest.raises(ValueError, match="too few"):
        split_in_order(toy, (0.99, 0.01))

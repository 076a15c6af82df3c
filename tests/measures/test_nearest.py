"""Directions and nearest directions: identities, invariances, second formulas and faults."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from strata.measures.nearest import directions, mixtures, nearest_distance


def images(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, 3, 4, 4))


def test_a_direction_has_no_mean_and_length_one():
    found = directions(images(5))
    assert found.shape == (5, 48)
    assert found.sum(axis=1) == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)


def test_brightness_and_contrast_do_not_matter():
    a = images(4)
    assert directions(0.3 + 2.5 * a) == pytest.approx(directions(a))


def test_a_centre_is_taken_off_instead_of_the_own_mean():
    a, centre = images(4), images(1, seed=1)[0]
    rest = (a - centre).reshape(4, -1)
    assert directions(a, centre) == pytest.approx(
        rest / np.linalg.norm(rest, axis=1, keepdims=True)
    )


def test_distances_are_those_of_scipy():
    u, v = directions(images(6)), directions(images(2500, seed=1))
    assert nearest_distance(u, v) == pytest.approx(cdist(u, v).min(axis=1))


def test_a_distance_is_a_correlation():
    a, b = images(3), images(1, seed=1)
    wanted = [np.sqrt(2 - 2 * np.corrcoef(x.ravel(), b.ravel())[0, 1]) for x in a]
    assert nearest_distance(directions(a), directions(b)) == pytest.approx(wanted)


def test_one_of_the_others_is_at_no_distance_and_its_negative_farthest():
    u = directions(images(3))
    assert nearest_distance(u, np.concatenate([directions(images(9, seed=1)), u])) == pytest.approx(
        0, abs=1e-7
    )
    assert nearest_distance(-u[:1], u[:1]) == pytest.approx(2)


def test_more_others_are_never_farther():
    u, v = directions(images(5)), directions(images(60, seed=1))
    few, many = nearest_distance(u, v[:20]), nearest_distance(u, v)
    assert (many <= few).all()
    assert (many < few).any()


def test_a_rotation_changes_nothing():
    rng = np.random.default_rng(2)
    turn = np.linalg.qr(rng.normal(size=(48, 48)))[0]
    u, v = directions(images(5)), directions(images(7, seed=1))
    assert nearest_distance(u @ turn, v @ turn) == pytest.approx(nearest_distance(u, v))


@pytest.mark.parametrize(
    "samples", [np.ones((1, 4)), np.zeros((0, 4)), np.array([[0.0, np.nan]]), np.ones(3)]
)
def test_what_has_no_direction_is_refused(samples):
    with pytest.raises(ValueError, match=r"direction|finite"):
        directions(samples)


def test_a_sample_that_is_the_centre_is_refused():
    a = images(2)
    with pytest.raises(ValueError, match="no direction"):
        directions(a, a[1])


@pytest.mark.parametrize(
    ("points", "others", "message"),
    [
        (np.eye(3), np.eye(4), "must be"),
        (np.eye(3), np.zeros((0, 3)), "must be"),
        (np.eye(3)[0], np.eye(3), "must be"),
        (2 * np.eye(3), np.eye(3), "length one"),
        (np.eye(3), 2 * np.eye(3), "length one"),
    ],
)
def test_rows_that_do_not_fit_are_refused(points, others, message):
    with pytest.raises(ValueError, match=message):
        nearest_distance(points, others)


def test_a_mixture_is_as_near_to_its_original_as_the_point():
    p, u, v = (directions(images(5, seed)) for seed in range(3))
    found = mixtures(p, u, v)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)
    assert (found * u).sum(axis=1) == pytest.approx((p * u).sum(axis=1))


def test_a_mixture_is_in_the_plane_of_original_and_other():
    p, u, v = (directions(images(3, seed)) for seed in range(3))
    for each in zip(mixtures(p, u, v), u, v, strict=True):
        assert np.linalg.matrix_rank(np.array(each), tol=1e-9) == 2


def test_a_copy_and_a_negative_stay_what_they_are():
    u, v = directions(images(3)), directions(images(3, seed=1))
    assert mixtures(u, u, v) == pytest.approx(u, abs=1e-7)
    assert mixtures(-u, u, v) == pytest.approx(-u, abs=1e-7)


def test_a_point_of_the_plane_is_its_own_mixture():
    p, u = directions(images(3)), directions(images(3, seed=1))
    assert mixtures(p, u, p) == pytest.approx(p)


@pytest.mark.parametrize(
    ("points", "originals", "others", "message"),
    [
        (np.eye(3), np.eye(3), np.eye(3), "nothing is left"),
        (np.eye(3), np.eye(3), -np.eye(3), "nothing is left"),
        (np.eye(3), np.eye(3)[:2], np.eye(3), "must be one"),
        (np.eye(3), np.eye(3), 2 * np.eye(3)[[1, 2, 0]], "length one"),
    ],
)
def test_what_cannot_be_mixed_is_refused(points, originals, others, message):
    with pytest.raises(ValueError, match=message):
        mixtures(points, originals, others)

"""Importance where the contributions are known, and the identity that makes them contributions."""

import numpy as np
import pytest

from strata.measures.importance import (
    feature_head,
    importance,
    importance_by_class,
    shuffled_importance,
)


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    atoms, weight = rng.random((7, 5)), rng.standard_normal((3, 5))
    codes, classes = rng.random((40, 7)), rng.integers(3, size=40)
    return codes, atoms, weight, classes


def test_contributions_add_up_to_the_logit(case):
    codes, atoms, weight, classes = case
    logits = codes @ atoms @ weight.T
    signed = importance(codes, feature_head(atoms, weight), classes, signed=True)
    assert signed.sum() == pytest.approx(logits[np.arange(40), classes].mean())


def test_it_is_gradient_times_input(case):
    codes, atoms, weight, classes = case
    head, step = feature_head(atoms, weight), 1e-6
    for i in range(7):
        moved = codes.copy()
        moved[:, i] += step
        gradient = ((moved - codes) @ atoms @ weight.T)[np.arange(40), classes] / step
        expected = np.abs(gradient * codes[:, i]).mean()
        assert importance(codes, head, classes)[i] == pytest.approx(expected, rel=1e-6)


def test_the_absolute_value_is_taken_image_by_image():
    # One image for, one against: nothing on average, everything in size.
    head = [[1.0, -1.0]]
    assert importance([[2.0], [2.0]], head, [0, 1]) == [2.0]
    assert importance([[2.0], [2.0]], head, [0, 1], signed=True) == [0.0]


def test_it_scales_with_the_codes_and_with_how_often_they_are_there(case):
    codes, atoms, weight, classes = case
    head = feature_head(atoms, weight)
    whole = importance(codes, head, classes)
    np.testing.assert_allclose(importance(3 * codes, head, classes), 3 * whole)
    twice = np.concatenate([codes, 0 * codes])
    np.testing.assert_allclose(importance(twice, head, np.tile(classes, 2)), whole / 2)


def test_classes_average_to_the_whole(case):
    codes, atoms, weight, classes = case
    head = feature_head(atoms, weight)
    by_class = importance_by_class(codes, head, classes)
    shares = np.bincount(classes, minlength=3) / 40
    np.testing.assert_allclose(by_class @ shares, importance(codes, head, classes, signed=True))


def test_a_class_without_images_has_no_importance():
    found = importance_by_class([[1.0]], [[1.0, 2.0]], [1])
    assert np.isnan(found[0, 0])
    assert found[0, 1] == 2.0


def test_shuffling_changes_nothing_where_all_neurons_weigh_the_same(case):
    codes, atoms, weight, classes = case
    equal = np.repeat(weight[:, :1], 5, axis=1)
    plain = importance(codes, feature_head(atoms, equal), classes)
    rows = shuffled_importance(codes, atoms, equal, classes, draws=4, rng=np.random.default_rng(1))
    np.testing.assert_allclose(rows, np.tile(plain, (4, 1)))


def test_shuffling_changes_nothing_for_features_that_all_neurons_hold_alike(case):
    codes, atoms, weight, classes = case
    alike = np.repeat(atoms[:, :1], 5, axis=1)
    first, second = shuffled_importance(
        codes, alike, weight, classes, draws=2, rng=np.random.default_rng(1)
    )
    np.testing.assert_allclose(first, second)


def test_a_shuffled_head_is_one_of_the_heads_with_other_neurons():
    """Two neurons, two features: for all classes they keep their places, or they change them."""
    rng = np.random.default_rng(0)
    codes, weight = rng.exponential(size=(50, 2)), np.array([[3.0, 1.0], [0.5, 2.0]])
    classes = rng.integers(2, size=50)
    expected = [importance(codes, weight[:, order].T, classes) for order in ([0, 1], [1, 0])]
    rows = shuffled_importance(codes, np.eye(2), weight, classes, draws=40, rng=rng)
    matches = [np.isclose(rows, each).all(axis=1) for each in expected]
    assert (matches[0] ^ matches[1]).all()
    assert 5 < matches[0].sum() < 35


@pytest.mark.parametrize(
    ("codes", "head", "classes", "message"),
    [
        ([1.0], [[1.0]], [0], "matrix"),
        ([[1.0]], [[1.0], [1.0]], [0], "columns"),
        ([[1.0]], [[1.0]], [0, 0], "ints"),
        ([[1.0]], [[1.0]], [0.0], "ints"),
        ([[1.0]], [[1.0]], [1], "from 0 to 0"),
        ([[1.0]], [[1.0]], [-1], "from 0 to 0"),
        ([[np.nan]], [[1.0]], [0], "NaN"),
    ],
)
def test_what_does_not_fit_is_refused(codes, head, classes, message):
    with pytest.raises(ValueError, match=message):
        importance(codes, head, classes)


def test_a_head_of_another_width_is_refused():
    with pytest.raises(ValueError, match="columns"):
        feature_head([[1.0, 2.0]], [[1.0]])

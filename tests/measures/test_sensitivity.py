"""Sensitivity to noise on exact small cases, and where the variance is known."""

import numpy as np
import pytest

from strata.measures.sensitivity import sensitivity


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_small_cases_by_hand():
    noisy = np.array([[[0.0, 1.0], [2.0, 1.0]], [[3.0, 1.0], [2.0, 2.0]], [[3.0, 1.0], [2.0, 6.0]]])
    found = sensitivity(noisy, [[1.0, 0.0], [3.0, 4.0]])
    # Variances over draws: 3 and 0; 0 and 7. Of the clean codes: 1 and 4.
    np.testing.assert_allclose(found.variance, [1.5, 3.5], atol=1e-15)
    np.testing.assert_allclose(found.relative, [1.5, 0.875], atol=1e-15)
    np.testing.assert_allclose(found.range, [1.5, 2.5], atol=1e-15)


def test_codes_that_stay_have_no_sensitivity(rng):
    clean = rng.standard_normal((20, 3))
    found = sensitivity([clean] * 4, clean)
    for values in (found.variance, found.relative, found.range):
        np.testing.assert_allclose(values, 0, atol=1e-28)


@pytest.mark.parametrize("draws", [2, 5, 50])
def test_a_linear_code_has_the_variance_of_its_weights(draws, rng):
    # z = x w and noise of deviation s: s^2 |w|^2, however many draws.
    x, w, s = rng.standard_normal((20_000 // draws, 8)), rng.standard_normal((8, 3)), 0.3
    noise = s * rng.standard_normal((draws, *x.shape))
    found = sensitivity((x + noise) @ w, x @ w)
    np.testing.assert_allclose(found.variance, s**2 * (w**2).sum(axis=0), rtol=0.06)
    np.testing.assert_allclose(found.relative, s**2, rtol=0.15)
    if draws == 2:  # the mean distance of two normal numbers
        expected = 2 * s * np.sqrt((w**2).sum(axis=0) / np.pi)
        np.testing.assert_allclose(found.range, expected, rtol=0.05)


def test_scale_shift_and_order(rng):
    noisy, clean = rng.standard_normal((6, 9, 4)), rng.standard_normal((9, 4))
    one, scale = sensitivity(noisy, clean), np.array([1.0, -2.0, 10.0, 0.1])
    other = sensitivity(noisy * scale + 3, clean * scale - 8)
    np.testing.assert_allclose(other.variance, one.variance * scale**2)
    np.testing.assert_allclose(other.relative, one.relative)
    np.testing.assert_allclose(other.range, one.range * abs(scale))
    draws, images = rng.permutation(6), rng.permutation(9)
    mixed = sensitivity(noisy[draws][:, images], clean[images])
    np.testing.assert_allclose(mixed.variance, one.variance)
    np.testing.assert_allclose(mixed.relative, one.relative)
    np.testing.assert_allclose(mixed.range, one.range)


def test_a_feature_without_clean_variation_has_no_relative_score(rng):
    noisy = rng.standard_normal((3, 5, 2))
    found = sensitivity(noisy, np.c_[np.full(5, 0.1), np.arange(5.0)])
    np.testing.assert_array_equal(np.isnan(found.relative), [True, False])
    assert np.isfinite(found.variance).all()


@pytest.mark.parametrize(
    ("noisy", "clean", "message"),
    [
        (np.ones((3, 4, 2)), np.ones((4, 3)), "are not draws of clean ones"),
        (np.ones((4, 2)), np.ones((4, 2)), "are not draws"),
        (np.ones((3, 0, 2)), np.ones((0, 2)), "are not draws"),
        (np.ones((1, 4, 2)), np.ones((4, 2)), "at least 2 draws are needed, not 1"),
        (np.full((3, 4, 2), np.nan), np.ones((4, 2)), "NaN"),
        (np.ones((3, 4, 2)), np.full((4, 2), np.inf), "infinite"),
    ],
)
def test_bad_codes_are_refused(noisy, clean, message):
    with pytest.raises(ValueError, match=message):
        sensitivity(noisy, clean)

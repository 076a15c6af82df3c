"""Hoyer's sparsity where it is known."""

import numpy as np
import pytest

from strata.measures.sparsity import hoyer


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("n", [2, 7, 2048])
def test_equal_entries_beside_zeros(n, rng):
    for m in {1, 2, n // 2, n}:
        d = rng.permutation(np.where(np.arange(n) < m, 0.3, 0.0)) * rng.choice([-1, 1], n)
        expected = (np.sqrt(n) - np.sqrt(m)) / (np.sqrt(n) - 1)
        assert hoyer(d) == pytest.approx(expected, abs=1e-12)


def test_a_case_by_hand():
    assert hoyer([3.0, 4.0]) == pytest.approx((np.sqrt(2) - 7 / 5) / (np.sqrt(2) - 1), abs=1e-14)


def test_normal_entries_have_a_known_sparsity(rng):
    # |d|_1 / |d|_2 goes to sqrt(2 n / pi).
    n = 4000
    expected = (1 - np.sqrt(2 / np.pi)) * np.sqrt(n) / (np.sqrt(n) - 1)
    np.testing.assert_allclose(hoyer(rng.standard_normal((5, n))), expected, atol=0.01)


def test_bounds_scale_signs_and_order(rng):
    d = rng.standard_normal((50, 6)) ** 3
    found = hoyer(d)
    assert ((found > 0) & (found < 1)).all()
    for same in (d * rng.uniform(0.1, 9, (50, 1)), -d, d[:, ::-1], d * 1e-200, d * 1e200):
        np.testing.assert_allclose(hoyer(same), found, atol=1e-12)
    # Moving weight from a small entry to a large one makes a vector sparser.
    assert hoyer([1.0, 2.0, 3.0]) < hoyer([0.5, 2.0, 3.5])


def test_the_axis_is_the_one_of_the_vectors(rng):
    d = rng.standard_normal((3, 4, 5))
    expected = [[hoyer(d[i, :, j]) for j in range(5)] for i in range(3)]
    np.testing.assert_allclose(hoyer(d, axis=1), expected, atol=1e-15)
    assert hoyer(d[0, 0].tolist()).shape == ()


@pytest.mark.parametrize(
    ("d", "message"),
    [
        ([[1.0, 0.0], [0.0, 0.0]], "a vector of d is zero"),
        ([[1.0], [2.0]], "at least 2 entries"),
        (5.0, "at least 2 entries"),
        (np.ones((0, 3)), "at least 2 entries"),
        ([1.0, np.nan], "NaN"),
        ([1.0, np.inf], "infinite"),
    ],
)
def test_what_has_no_sparsity_is_refused(d, message):
    with pytest.raises(ValueError, match=message):
        hoyer(d)

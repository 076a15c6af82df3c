"""Rank correlations against second formulas, known populations and their invariances."""

import numpy as np
import pytest
from hypothesis import assume, settings
from hypothesis import given as for_all
from hypothesis import strategies as st
from scipy.stats import spearmanr

from strata.measures.rank_correlation import partial_spearman, spearman


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def tied(n, rng, columns=3):
    """Correlated columns with many equal values."""
    values = rng.integers(0, 6, (n, columns))
    return values + values[:, :1]


def mixed_normals(n, rng, columns):
    return rng.standard_normal((n, columns)) @ rng.standard_normal((columns, columns))


# -- second formulas -------------------------------------------------------------------------------


def by_differences(x, y):
    """From squared rank differences, with ranks by counting: Kendall 1970, chapter 3."""
    r, s = (
        ((v[:, None] > v).sum(axis=1) + (v[:, None] >= v).sum(axis=1) + 1) / 2
        for v in (np.asarray(x), np.asarray(y))
    )
    n = len(r)
    a, b = (
        (n**3 - n - sum(c**3 - c for c in np.unique(v, return_counts=True)[1])) / 12 for v in (r, s)
    )
    return (a + b - ((r - s) ** 2).sum()) / (2 * np.sqrt(a * b))


@pytest.mark.parametrize("n", [3, 4, 25, 300])
def test_it_is_scipys_and_the_formula_of_rank_differences(n, rng):
    for x, y in [rng.standard_normal((2, n)), tied(n, rng)[:, :2].T]:
        if np.ptp(x) and np.ptp(y):
            assert spearman(x, y) == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
            assert spearman(x, y) == pytest.approx(by_differences(x, y), abs=1e-12)


@pytest.mark.parametrize("p", [1, 2, 5])
@pytest.mark.parametrize("draw", [tied, mixed_normals])
def test_the_partial_one_is_the_inverse_of_the_matrix_of_rank_correlations(p, draw, rng):
    values = draw(40, rng, p + 2)
    precision = np.linalg.inv([[spearman(a, b) for a in values.T] for b in values.T])
    expected = -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])
    found = partial_spearman(values[:, 0], values[:, 1], values[:, 2:])
    assert found == pytest.approx(expected, abs=1e-12)


def test_for_a_single_other_quantity_it_is_yules_formula(rng):
    x, y, g = tied(30, rng).T
    xy, xg, yg = spearman(x, y), spearman(x, g), spearman(y, g)
    expected = (xy - xg * yg) / np.sqrt((1 - xg**2) * (1 - yg**2))
    assert partial_spearman(x, y, g) == pytest.approx(expected, abs=1e-12)
    assert partial_spearman(x, y, g[:, None]) == partial_spearman(x, y, g)


# -- known answers ---------------------------------------------------------------------------------


def test_small_cases_by_hand():
    assert spearman([1, 2], [5, 3]) == -1
    assert spearman([1, 1, 2], [1, 2, 3]) == pytest.approx(np.sqrt(0.75))
    assert spearman([1, 2, 3, 4], [1, -1, -1, 1]) == 0
    # Less their lines over g, x is (1, -3, 3, -1) * 0.4 and y (-1, 3, -3, 1) * 0.3.
    x, y, g = [2, 1, 4, 3], [1, 3, 2, 4], [1, 2, 3, 4]
    assert spearman(x, y) == 0
    assert partial_spearman(x, y, g) == pytest.approx(-1)


def test_a_common_cause_explains_a_correlation_away(rng):
    g, a, b = rng.standard_normal((3, 20_000))
    x, y = g + a, g + b
    # Normal variables of correlation r have rank correlation 6 / pi asin(r / 2).
    rank = lambda r: 6 / np.pi * np.arcsin(r / 2)  # noqa: E731
    assert spearman(x, y) == pytest.approx(rank(0.5), abs=0.02)
    one = rank(np.sqrt(0.5)) ** 2
    expected = (rank(0.5) - one) / (1 - one)
    assert expected == pytest.approx(0.012, abs=5e-4)
    assert partial_spearman(x, y, g) == pytest.approx(expected, abs=0.03)


def test_a_suppressed_correlation_comes_out(rng):
    g, a = rng.standard_normal((2, 5000))
    x, y = a + 3 * g, a - 3 * g
    assert spearman(x, y) < -0.7
    assert partial_spearman(x, y, g) > 0.9


def test_two_common_causes_must_both_be_held_fixed(rng):
    g, h, a, b = rng.standard_normal((4, 5000))
    x, y = g + h + a, g + h + b
    assert abs(partial_spearman(x, y, np.c_[g, h])) < 0.06
    assert min(partial_spearman(x, y, g), partial_spearman(x, y, h)) > 0.3


# -- invariances -----------------------------------------------------------------------------------


def test_monotone_transforms_change_nothing(rng):
    values = rng.standard_normal((50, 4))
    x, y, g = values[:, 0], values[:, 1], values[:, 2:]
    assert spearman(np.exp(x), y**3) == spearman(x, y)
    assert spearman(-x, y) == -spearman(x, y)
    found = partial_spearman(x, y, g)
    assert partial_spearman(np.arctan(x), 1e200 * y, np.exp(5 * g)) == found
    assert partial_spearman(-x, y, g) == pytest.approx(-found, abs=1e-12)
    assert partial_spearman(x, y, -g[:, ::-1]) == pytest.approx(found, abs=1e-12)


def test_nothing_new_in_the_others_changes_nothing(rng):
    x, y, g = rng.standard_normal((3, 30))
    assert partial_spearman(x, y, np.full(30, 0.1)) == pytest.approx(spearman(x, y), abs=1e-12)
    found = partial_spearman(x, y, g)
    repeated = np.c_[g, g**3, -g, np.ones(30)]
    assert partial_spearman(x, y, repeated) == pytest.approx(found, abs=1e-12)


@settings(max_examples=60, deadline=None)
@for_all(st.integers(5, 12), st.integers(0, 2**32 - 1))
def test_bounds_and_symmetry(n, seed):
    rng = np.random.default_rng(seed)
    x, y, g = rng.permutation(n), rng.integers(0, 3, n), rng.standard_normal(n)
    y[:2] = [0, 1]
    assume(max(abs(spearman(x, g)), abs(spearman(y, g))) < 1)  # else nothing is left
    found, other = spearman(x, y), partial_spearman(x, y, g)
    assert found == spearman(y, x)
    assert other == pytest.approx(partial_spearman(y, x, g), abs=1e-12)
    assert -1 <= found <= 1
    assert -1 <= other <= 1
    mixed = rng.permutation(n)
    assert spearman(x[mixed], y[mixed]) == pytest.approx(found, abs=1e-12)
    assert partial_spearman(x[mixed], y[mixed], g[mixed]) == pytest.approx(other, abs=1e-12)
    assert spearman(x, x) == 1
    assert partial_spearman(x, x, g) == pytest.approx(1)


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, 1, 1, 1], [1, 2, 3, 4], "all values of x are equal"),
        ([1, 2, 3, 4], [0.1] * 4, "all values of y are equal"),
        ([1, 2, np.nan, 4], [1, 2, 3, 4], "x holds NaN"),
        ([1, 2, 3, 4], [1, 2, np.inf, 4], "y holds NaN or infinite"),
        ([1, 2, 3], [1, 2, 3, 4], "x has 3 values, y has 4|x, y and given have 3, 4 and 4"),
        ([1], [1], "at least 2 values"),
        (np.eye(4), [1, 2, 3, 4], "x must be a vector"),
    ],
)
def test_bad_values_are_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        spearman(x, y)
    with pytest.raises(ValueError, match=message):
        partial_spearman(x, y, [3, 1, 4, 2])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1, 2, 3, 4], "x, y and given have 5, 5 and 4"),
        ([1, 2, 3, np.nan, 5], "given holds NaN"),
        (np.ones((5, 0)), "given must have"),
        (np.ones((5, 1, 1)), "given must have"),
        (np.eye(5)[:, :3], "3 quantities cannot be held fixed for 5 items"),
        ([1, 8, 27, 125, 64], "determine those of x"),
        ([-2, -1, -4, -3, -5], "determine those of y"),
    ],
)
def test_what_cannot_be_held_fixed_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        partial_spearman([1, 2, 3, 5, 4], [2, 1, 4, 3, 5], given)

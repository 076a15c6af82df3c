"""Intervals against closed forms, simulated coverage, and the exact cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from strata.statistics import bootstrap_interval, held_out_peak, mean_interval, ratio_interval

finite = st.floats(-1e3, 1e3)


def test_mean_interval_agrees_with_scipys_t_test():
    sample = np.random.default_rng(0).normal(3, 2, size=9)
    expected = stats.ttest_1samp(sample, 0).confidence_interval(0.95)
    found = mean_interval(sample)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.n == 9


def test_one_sided_level_decides_like_a_one_sided_test():
    sample = np.random.default_rng(1).normal(0.5, 1, size=12)
    p = stats.ttest_1samp(sample, 0, alternative="greater").pvalue
    assert (mean_interval(sample, 0.90).low > 0) == (p < 0.05)


def test_mean_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(2)
    found = [mean_interval(rng.normal(1.0, 1.0, size=5)) for _ in range(2000)]
    covered = np.mean([e.low <= 1.0 <= e.high for e in found])
    assert abs(covered - 0.95) < 0.02


@given(st.lists(finite, min_size=2, max_size=8), st.floats(0.1, 10), finite)
def test_mean_interval_moves_with_shift_and_scale(values, scale, shift):
    one = mean_interval(values)
    two = mean_interval(np.array(values) * scale + shift)
    assert two.value == pytest.approx(one.value * scale + shift, abs=1e-6)
    assert two.high - two.low == pytest.approx((one.high - one.low) * scale, abs=1e-6)


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=8))
def test_ratio_interval_of_the_inverse_is_the_inverse(values):
    one, two = ratio_interval(values), ratio_interval(1 / np.array(values))
    assert two.value == pytest.approx(1 / one.value)
    assert two.low == pytest.approx(1 / one.high)


def test_bootstrap_of_the_mean_comes_near_the_normal_interval():
    sample = np.random.default_rng(3).normal(size=400)
    found = bootstrap_interval(sample, lambda rows: float(rows.mean()))
    half = 1.96 * sample.std(ddof=1) / 20
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)


def test_bootstrap_is_the_same_for_the_same_seed_and_resamples_whole_rows():
    curves = np.random.default_rng(4).normal(size=(6, 5))

    def peak(rows: np.ndarray) -> float:
        assert all(any((row == kept).all() for kept in curves) for row in rows)
        return float(rows.mean(axis=0).argmax())

    one = bootstrap_interval(curves, peak, resamples=50)
    assert one == bootstrap_interval(curves, peak, resamples=50)


def test_held_out_peak_never_looks_at_the_seed_itself():
    rows = np.random.default_rng(5).normal(size=(7, 4))
    found = held_out_peak(rows)
    for seed in range(7):
        assert found[seed] == np.delete(rows, seed, axis=0).mean(axis=0).argmax()


def test_held_out_peak_is_not_flattered_by_noise():
    """On curves of pure noise the height at a picked peak is too high; held out it is not."""
    rng = np.random.default_rng(6)
    naive, honest = [], []
    for _ in range(3000):
        rows = rng.normal(size=(5, 8))
        naive.append(rows.mean(axis=0).max())
        honest.append(rows[np.arange(5), held_out_peak(rows)].mean())
    assert np.mean(naive) > 0.4
    assert abs(np.mean(honest)) < 0.04


@pytest.mark.parametrize("bad", [[1.0], [], 3.0, [1.0, np.nan], [1.0, np.inf]])
def test_intervals_refuse_what_has_none(bad):
    with pytest.raises(ValueError, match=r"replicate"):
        mean_interval(bad)


def test_ratio_interval_refuses_ratios_that_are_not_positive():
    with pytest.raises(ValueError, match="positive"):
        ratio_interval([1.0, 0.0])


def test_held_out_peak_refuses_a_single_curve():
    with pytest.raises(ValueError, match="shape"):
        held_out_peak([1.0, 2.0])

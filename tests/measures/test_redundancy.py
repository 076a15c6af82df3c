"""Redundancy against masks one at a time, and where the share of neurons needed is known."""

import itertools

import numpy as np
import pytest
import torch

from strata.measures.cka import linear_cka
from strata.measures.redundancy import LEAST_R2, neurons_needed, redundancy
from strata.measures.vinformation import held_out_r2


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def same(seed=0):
    return np.random.default_rng(seed)


def problem(n, d, rng, k=4):
    x = rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + 5
    signal = (x - 5) @ rng.standard_normal((d, k)) / d
    return x, np.maximum(signal, 0) + 0.1 * rng.standard_normal((n, k))


# -- the definition --------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [12, 60])
def test_all_masks_of_one_size_by_hand(n, rng):
    # Of 5 neurons 2 go: 10 masks. Many draws come close to their mean.
    x, z = problem(n, 5, rng)
    expected = np.mean(
        [
            [linear_cka(x[:, kept], c) / linear_cka(x, c) for c in z.T]
            for kept in itertools.combinations(range(5), 3)
        ],
        axis=0,
    )
    found = redundancy(x, z, shares=[0.4], masks=40_000, rng=rng)
    np.testing.assert_allclose(found, expected, rtol=0.01)


@pytest.mark.parametrize(
    ("score", "one"), [("cka", linear_cka), ("r2", lambda x, z: held_out_r2(x, z)[0])]
)
def test_with_one_neuron_left_it_is_one_of_the_neurons(score, one, rng):
    x, z = problem(80, 3, rng)
    ratios = [[one(neuron, c) / one(x, c) for c in z.T] for neuron in x.T]
    found = redundancy(x, z, shares=[0.9], masks=1, rng=rng, score=score)
    assert min(np.abs(found - row).max() for row in np.array(ratios)) < 1e-10


def test_the_mean_is_over_shares_and_masks(rng):
    x, z = problem(50, 10, rng)
    for score in ("cka", "r2"):
        draws = same()  # one share after the other
        parts = [redundancy(x, z, shares=[p], masks=4, rng=draws, score=score) for p in (0.2, 0.6)]
        found = redundancy(x, z, shares=(0.2, 0.6), masks=4, rng=same(), score=score)
        np.testing.assert_allclose(found, np.mean(parts, axis=0), atol=1e-12)


@pytest.mark.parametrize("score", ["cka", "r2"])
def test_nothing_removed_is_nothing_lost(score, rng):
    x, z = problem(50, 10, rng)
    found = redundancy(x, z, shares=[0.0, 0.01], masks=2, rng=rng, score=score)
    np.testing.assert_allclose(found, 1, atol=1e-12)


# -- known answers ---------------------------------------------------------------------------------


def test_a_feature_that_every_neuron_holds_loses_nothing(rng):
    z = rng.standard_normal((60, 1))
    for score in ("cka", "r2"):
        found = redundancy(z * rng.uniform(1, 2, 20), z, rng=rng, score=score)
        assert found[0] == pytest.approx(1, abs=1e-4)


def test_of_independent_neurons_a_feature_loses_the_one_that_holds_it(rng):
    # Orthogonal neurons of equal variance: CKA with one is 1 / sqrt(d), and of m that are kept
    # 1 / sqrt(m) or nothing, so that the ratio is m / d * sqrt(d / m) on average. The same holds
    # of a sum of neurons: CKA does not tell them apart.
    n, d = 64, 16
    x = np.linalg.qr(np.c_[np.ones(n), rng.standard_normal((n, d))])[0][:, 1:]
    for kept in (4, 8, 12):
        options = {"shares": [1 - kept / d], "masks": 4000, "rng": rng}
        assert redundancy(x, x, **options).mean() == pytest.approx(np.sqrt(kept / d), abs=1e-9)
        found = redundancy(x, x @ rng.standard_normal((d, 3)), **options)
        np.testing.assert_allclose(found, np.sqrt(kept / d), atol=0.02)


def test_the_ratio_of_r2_tells_concentrated_from_spread(rng):
    n, d = 600, 30
    z = rng.standard_normal(n)
    x = rng.standard_normal((n, d))
    # Above, each feature is one neuron; below, every neuron holds z beside as much noise.
    one = redundancy(x, x, rng=rng, score="r2", masks=4)
    spread = redundancy(x + z[:, None], z, rng=rng, score="r2", masks=4)
    assert one.mean() == pytest.approx(np.mean([0.9, 0.5, 0.1]), abs=5e-3)
    kept = np.array([27, 15, 3])
    assert spread[0] == pytest.approx(np.mean(kept / (kept + 1)) * (d + 1) / d, abs=0.02)


def test_features_that_the_layer_does_not_hold_have_no_redundancy(rng):
    x = rng.standard_normal((200, 5))
    z = np.c_[x[:, 0], np.ones(200), rng.standard_normal(200)]
    assert held_out_r2(x, z)[2] < LEAST_R2
    np.testing.assert_array_equal(
        np.isnan(redundancy(x, z, rng=rng, score="r2")), [False, True, True]
    )
    np.testing.assert_array_equal(np.isnan(redundancy(x, z, rng=rng)), [False, True, False])
    assert np.isnan(redundancy(np.ones((200, 5)), z, rng=rng)).all()
    np.testing.assert_array_equal(np.isnan(neurons_needed(x, z, rng=rng)), [False, True, True])


# -- neurons needed --------------------------------------------------------------------------------


def test_a_feature_of_one_neuron_needs_the_share_of_r2_that_is_asked_for(rng):
    # With independent neurons mean R^2 over masks is the share that is kept.
    x = rng.standard_normal((500, 20))
    sizes = np.arange(1, 20) / 20
    found = neurons_needed(x, x, sizes=sizes, masks=20, share=0.5, rng=rng)
    assert found.mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("noise", [1.0, 3.0])
def test_a_feature_spread_over_noisy_neurons_needs_a_known_number(noise, rng):
    # m neurons z + noise explain m / (m + noise^2).
    n, d, share = 2000, 40, 0.9
    z = rng.standard_normal(n)
    x = z[:, None] + noise * rng.standard_normal((n, d))
    goal = share * d / (d + noise**2)
    expected = noise**2 * goal / (1 - goal) / d
    sizes = np.arange(1, 40, 2) / d
    found = neurons_needed(x, z, share=share, sizes=sizes, rng=rng)
    assert found[0] == pytest.approx(expected, rel=0.1)


def test_between_sizes_it_goes_by_the_logarithm(rng):
    # One neuron of 16 is the feature. With the sizes 4 and 16 alone, and masks that never keep it
    # (R^2 near 0) or with all neurons (R^2 = 1), half of R^2 lies at the geometric mean, 8.
    x = np.linalg.qr(np.c_[np.ones(400), rng.standard_normal((400, 16))])[0][:, 1:]
    without = next(s for s in range(50) if not _keeps_the_first(s))
    found = neurons_needed(x, x[:, 0], share=0.5, sizes=[0.25], masks=1, rng=same(without))
    assert found[0] == pytest.approx(0.5, abs=0.03)
    kept = next(s for s in range(50) if _keeps_the_first(s))
    found = neurons_needed(x, x[:, 0], share=0.5, sizes=[0.25], masks=1, rng=same(kept))
    assert found[0] == pytest.approx(0.25)


def _keeps_the_first(seed):
    return same(seed).permuted([range(16)], axis=1)[0, 0] < 4


def test_more_is_needed_for_more(rng):
    x, z = problem(300, 24, rng)
    found = [neurons_needed(x, z, share=share, rng=same()) for share in (0.3, 0.6, 0.9, 1.0)]
    assert (np.diff(found, axis=0) >= 0).all()
    assert (np.array(found) <= 1).all()
    np.testing.assert_array_equal(neurons_needed(x, z, sizes=[1.0], rng=rng), 1)


# -- invariances -----------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", [redundancy, neurons_needed])
def test_units_containers_and_the_order_of_samples_do_not_matter(measure, rng):
    x, z = problem(40, 8, rng)
    expected = measure(x, z, rng=same())
    np.testing.assert_allclose(measure(3 * x - 1, 2 * z + 5, rng=same()), expected, rtol=1e-6)
    tensors = torch.from_numpy(x).requires_grad_(), torch.from_numpy(z)
    np.testing.assert_array_equal(measure(*tensors, rng=same()), expected)
    assert (measure(x, z, rng=same(1)) != expected).any()
    np.testing.assert_allclose(measure(x, z[:, 0], rng=same()), expected[:1], atol=1e-9)


def test_the_order_of_samples_does_not_matter_to_cka(rng):
    x, z = problem(40, 8, rng)
    mixed = rng.permutation(40)
    found = redundancy(x[mixed], z[mixed], rng=same())
    np.testing.assert_allclose(found, redundancy(x, z, rng=same()), atol=1e-12)


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", [redundancy, neurons_needed])
@pytest.mark.parametrize(
    ("x", "z", "options", "message"),
    [
        (np.eye(5), np.eye(6), {}, "x has 5 samples, z has 6"),
        (np.full((5, 2), np.nan), np.eye(5), {}, "x holds NaN"),
        (np.eye(5), np.eye(5), {"masks": 0}, "masks must be at least 1, not 0"),
    ],
)
def test_bad_inputs_are_refused(measure, x, z, options, message, rng):
    with pytest.raises(ValueError, match=message):
        measure(x, z, rng=rng, **options)


@pytest.mark.parametrize(
    ("measure", "options", "message"),
    [
        (redundancy, {"shares": []}, "at least one"),
        (redundancy, {"shares": [0.5, 1.0]}, "shares are from 0 to below 1"),
        (redundancy, {"shares": [-0.1]}, "shares are from 0"),
        (redundancy, {"score": "r"}, "one of cka, r2, not 'r'"),
        (neurons_needed, {"share": 0.0}, "share must be above 0"),
        (neurons_needed, {"share": 1.1}, "share must be above 0 and up to 1"),
        (neurons_needed, {"sizes": [0.0]}, "sizes are above 0"),
    ],
)
def test_bad_options_are_refused(measure, options, message, rng):
    with pytest.raises(ValueError, match=message):
        measure(rng.standard_normal((9, 4)), np.arange(9.0), rng=rng, **options)

"""Components on constructed features: what is signal and what is noise is known."""

import numpy as np
import pytest

from strata.measures.components import (
    components,
    cosine,
    deviation_significance,
    improvement_ratio,
    mean_order,
    residuals,
    rows,
    seed_floor,
    shared_significance,
    significance,
    total_variation,
    variance,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def uncorrelated(count, n, k, rng):
    """Arrays (n, k) with zero mean and unit variance in each unit, no two units correlated."""
    drawn = rng.standard_normal((n, count * k))
    whole = np.linalg.qr(drawn - drawn.mean(axis=0))[0] * np.sqrt(n)
    return whole.reshape(n, count, k).swapaxes(0, 1)


def chain(rng, n=200, k=3):
    """Outputs of three nets, and the feature: each net adds a part that no other holds."""
    parts = uncorrelated(4, n, k, rng) * np.array([2.0, 1.0, 0.5, 0.25])[:, None, None]
    return parts.cumsum(axis=0)[:3], parts.sum(axis=0)


# -- variance --------------------------------------------------------------------------------------


def test_the_variance_is_the_mean_over_units_of_numpys(rng):
    x = rng.standard_normal((50, 4, 3, 2)).astype(np.float32)
    assert variance(x) == pytest.approx(x.astype(np.float64).var(axis=0).mean(), rel=1e-12)


def test_a_large_mean_does_not_spoil_the_variance_of_float32(rng):
    x = (1000 + rng.integers(0, 2, (500, 4))).astype(np.float32)
    assert variance(x) == pytest.approx((x - 1000).var(axis=0).mean(), rel=1e-6)


# -- components ------------------------------------------------------------------------------------


def test_components_sum_to_the_last_output_and_up_to_each(rng):
    outputs = rng.standard_normal((5, 20, 3, 2, 2))
    np.testing.assert_allclose(components(outputs).cumsum(axis=0), outputs, atol=1e-14)


@pytest.mark.parametrize(("given", "kept"), [(np.float32, np.float32), (int, np.float64)])
def test_components_keep_a_floating_dtype(given, kept):
    assert components(np.ones((2, 3, 1), given)).dtype == kept


def test_orthogonal_components_have_the_shares_that_went_in(rng):
    outputs, feature = chain(rng)
    total = 4 + 1 + 0.25 + 0.0625
    np.testing.assert_allclose(
        significance(outputs, feature), np.array([4, 1, 0.25]) / total, rtol=1e-12
    )
    np.testing.assert_allclose(
        residuals(outputs, feature), np.array([1.3125, 0.3125, 0.0625]) / total, rtol=1e-12
    )
    np.testing.assert_allclose(improvement_ratio(outputs, feature), 1, rtol=1e-12)
    c = components(outputs)
    assert max(abs(cosine(c[i], c[j])) for i in range(3) for j in range(i)) < 1e-12


def test_drops_of_the_residual_telescope(rng):
    outputs, feature = rng.standard_normal((4, 60, 2)), rng.standard_normal((60, 2))
    drops = improvement_ratio(outputs, feature) * significance(outputs, feature)[1:]
    left = residuals(outputs, feature)
    assert drops.sum() == pytest.approx(left[0] - left[-1], rel=1e-12)


def test_a_net_that_gives_the_feature_leaves_nothing(rng):
    feature = rng.standard_normal((30, 2))
    assert residuals([feature], feature) == 0
    assert significance([feature], feature) == 1


def test_the_deviation_form_is_the_root(rng):
    outputs, feature = chain(rng)
    np.testing.assert_allclose(
        deviation_significance(outputs, feature) ** 2, significance(outputs, feature), rtol=1e-12
    )


def test_signal_and_noise_of_a_component(rng):
    # The second net adds signal s and noise e, and forgets nothing of the first.
    first, s, e, left = uncorrelated(4, 300, 5, rng)
    s, e = 1.5 * s, 0.7 * e
    feature = first + s + left
    outputs = np.stack([first, first + s + e])
    whole = variance(feature)
    drop = -np.diff(residuals(outputs, feature))[0] * whole
    assert drop == pytest.approx(variance(s) - variance(e), rel=1e-10)
    rho = significance(outputs, feature)[1] * whole
    assert rho == pytest.approx(variance(s) + variance(e), rel=1e-10)
    share = variance(e) / (variance(s) + variance(e))
    q = improvement_ratio(outputs, feature)[0]
    assert (1 - q) / 2 == pytest.approx(share, rel=1e-10)


def test_noise_alone_has_a_ratio_of_minus_one_and_a_component_too_small_one_above_one(rng):
    first, e, s = uncorrelated(3, 300, 5, rng)
    feature = first + s
    assert improvement_ratio([first, first + e], feature) == pytest.approx(-1)
    assert improvement_ratio([first, first + s / 2], feature) == pytest.approx(3)


@pytest.mark.parametrize(
    "measure", [significance, deviation_significance, residuals, improvement_ratio]
)
def test_scale_and_shift_change_no_share(measure, rng):
    outputs, feature = rng.standard_normal((3, 40, 2, 2)), rng.standard_normal((40, 2, 2))
    shift = rng.standard_normal((2, 2))
    found = measure(-3 * outputs + shift, -3 * feature - 5 * shift)
    np.testing.assert_allclose(found, measure(outputs, feature), rtol=1e-10)


# -- two chains ------------------------------------------------------------------------------------


def noisy_chains(rng, n=400, k=4):
    """Shared parts of variance 1 and 1/4, noise of variance 0.09 in each output of each chain."""
    shared = uncorrelated(2, n, k, rng) * np.array([1.0, 0.5])[:, None, None]
    noise = 0.3 * rng.standard_normal((2, 2, n, k))
    a, b = shared.cumsum(axis=0) + noise
    return a, b, shared.sum(axis=0)


def test_shared_significance_is_unbiased_where_significance_is_not(rng):
    found, plain = [], []
    for _ in range(60):
        a, b, feature = noisy_chains(rng)
        found.append(shared_significance(a, b, feature))
        plain.append(significance(a, feature))
    truth = np.array([1, 0.25]) / 1.25
    noise = np.array([0.09, 0.18]) / 1.25  # the second component holds the noise of two outputs
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - truth) < 4 * error).all()
    assert (error < 0.01).all()
    np.testing.assert_allclose(np.mean(plain, axis=0), truth + noise, rtol=0.02)


def test_nothing_is_shared_by_independent_noise(rng):
    feature = rng.standard_normal((100, 3))
    found = [shared_significance(*rng.standard_normal((2, 2, 100, 3)), feature) for _ in range(100)]
    error = np.std(found, axis=0) / 10
    assert (np.abs(np.mean(found, axis=0)) < 4 * error).all()
    assert (np.array(found) < 0).any()  # as often below as above


def test_shared_significance_from_the_two_significances_and_the_floor(rng):
    a, b = rng.standard_normal((2, 3, 50, 2, 2, 2))
    feature = rng.standard_normal((50, 2, 2, 2))
    floor = seed_floor(components(a), components(b), feature)
    by_parts = (significance(a, feature) + significance(b, feature) - floor) / 2
    np.testing.assert_allclose(shared_significance(a, b, feature), by_parts, rtol=1e-10)


def test_a_chain_shares_all_with_itself(rng):
    outputs, feature = chain(rng)
    assert (seed_floor(outputs, outputs, feature) == 0).all()
    np.testing.assert_allclose(
        shared_significance(outputs, outputs, feature), significance(outputs, feature)
    )


def test_the_floor_holds_the_noise_of_two_nets(rng):
    a, b, feature = noisy_chains(rng, n=20_000)
    np.testing.assert_allclose(seed_floor(a, b, feature), 0.18 / 1.25, rtol=0.03)


# -- cosines, orders, distances --------------------------------------------------------------------


def test_the_cosine_knows_no_mean_and_no_size(rng):
    a, b = rng.standard_normal((2, 30, 4))
    assert cosine(a, 2 * a + 3) == 1
    assert cosine(a, -a) == -1
    assert cosine(a, b) == pytest.approx(cosine(7 * b - 1, a))
    flat = [(x - x.mean(axis=0)).ravel() for x in (a, b)]
    by_hand = flat[0] @ flat[1] / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1])
    assert cosine(a, b) == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("shares", "orders", "expected"),
    [([1, 0, 0], [4, 7, 13], 2), ([2, 2], [1, 16], 2), ([3, 1], [1, 16], 1), ([5], [1], 0)],
)
def test_mean_order_of_exact_cases(shares, orders, expected):
    assert mean_order(shares, orders) == expected


def test_mean_order_lies_between_the_orders_and_moves_with_the_shares(rng):
    orders = [1, 2, 4, 7, 13]
    shares = rng.random(5)
    assert 0 <= mean_order(shares, orders) <= np.log2(13)
    assert mean_order(shares, orders) == pytest.approx(mean_order(9 * shares, orders))
    assert mean_order(shares + np.eye(5)[4], orders) > mean_order(shares, orders)


def test_total_variation_is_a_distance_with_known_bounds(rng):
    p, q, r = rng.random((3, 6))
    assert total_variation(p, 4 * p) == pytest.approx(0, abs=1e-15)
    assert total_variation([1, 2, 0, 0], [0, 0, 3, 1]) == 1
    assert 0 < total_variation(p, q) < 1
    assert total_variation(p, q) == total_variation(q, p)
    assert total_variation(p, r) <= total_variation(p, q) + total_variation(q, r)
    events = [[i for i in range(6) if s >> i & 1] for s in range(64)]
    p, q = p / p.sum(), q / q.sum()
    largest = max(p[e].sum() - q[e].sum() for e in events)  # the definition
    assert total_variation(p, q) == pytest.approx(largest)


def test_rows_are_the_positions_of_the_images(rng):
    x = rng.standard_normal((3, 5, 2, 4))
    assert rows(x).shape == (24, 5)
    np.testing.assert_array_equal(rows(x)[1 * 8 + 1 * 4 + 2], x[1, :, 1, 2])
    flat = x[:, :, 0, 0]
    assert rows(flat) is flat
    weights = rng.standard_normal((6, 5))  # a 1x1 convolution is a product with the rows
    np.testing.assert_allclose(
        rows(np.einsum("ok,nkhw->nohw", weights, x)), rows(x) @ weights.T, atol=1e-12
    )


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        lambda: components([1.0]),
        lambda: components(np.empty((0, 3, 2))),
        lambda: variance([[1.0]]),
        lambda: variance(np.empty((3, 0))),
        lambda: variance([[1.0], [np.nan]]),
        lambda: significance(np.ones((2, 3, 1)), np.ones((3, 2))),
        lambda: significance(np.ones((2, 3, 1)), np.ones((3, 1))),
        lambda: residuals(np.ones((2, 3, 1)), [[0.0], [np.inf], [1.0]]),
        lambda: shared_significance(np.ones((2, 2, 1)), np.ones((1, 2, 1)), [[0.0], [1.0]]),
        lambda: improvement_ratio([[[0.0], [1.0]]], [[0.0], [1.0]]),
        lambda: improvement_ratio([[[0.0], [1.0]]] * 2, [[0.0], [1.0]]),
        lambda: cosine([[0.0], [1.0]], [[1.0], [1.0]]),
        lambda: cosine([[0.0], [1.0]], [[0.0, 1.0], [1.0, 1.0]]),
        lambda: mean_order([-0.1, 1.0], [1, 2]),
        lambda: mean_order([0.0, 0.0], [1, 2]),
        lambda: mean_order([1.0, 1.0], [0, 2]),
        lambda: mean_order([1.0, 1.0], [1, 2, 4]),
        lambda: total_variation([1.0, 1.0], [1.0]),
        lambda: total_variation([[1.0]], [[1.0]]),
        lambda: rows(np.ones((2, 3, 4))),
    ],
)
def test_faults_are_refused(fault):
    with pytest.raises(ValueError, match=r"must|not|needs|have|NaN|zero"):
        fault()

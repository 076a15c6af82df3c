"""Cross-fitted ridge against scikit-learn and explicit hat matrices; what must not matter to it."""

import itertools
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV
from sklearn.metrics import r2_score

from strata.measures import moments, ridge
from strata.measures.ridge import PENALTIES, cross_fit, fold_labels, in_sample_r2
from strata.measures.vinformation import held_out_r2, held_out_r2_by_layer

SHAPES = [(60, 7), (60, 29), (61, 80), (7, 40)]
"""Samples and features: both routes, and training folds with one sample more than features."""
each_shape = pytest.mark.parametrize(("n", "d"), SHAPES)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def problem(n, d, rng, k=5):
    """Correlated features of uneven size and offset; targets from pure noise to pure signal."""
    x = rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + 10 * rng.standard_normal(d)
    signal, noise = x @ rng.standard_normal((d, k)), rng.standard_normal((n, k))
    return x, signal / signal.std(axis=0) * np.linspace(0, 1, k) + noise * np.linspace(1, 0, k) + 3


def fold_by_fold(x, z, labels, predict):
    """R^2 as it is defined, from `predict(x_train, z_train, x_test)`, one fold at a time."""
    sse = sst = 0.0
    for fold in np.unique(labels):
        test, train = labels == fold, labels != fold
        sse = sse + ((z[test] - predict(x[train], z[train], x[test])) ** 2).sum(axis=0)
        sst = sst + ((z[test] - z[train].mean(axis=0)) ** 2).sum(axis=0)
    return 1 - sse / sst


def hat_matrix(x, p):
    """Predictions at the samples themselves, intercept included, for one penalty."""
    n, a = len(x), x - x.mean(axis=0)
    inner = a.T @ a + p * x.var(axis=0).sum() * np.eye(x.shape[1])
    return np.full((n, n), 1 / n) + a @ np.linalg.solve(inner, a.T)


# -- the definitions, one target and one penalty at a time -----------------------------------------


@each_shape
@pytest.mark.parametrize("p", [1e-6, 1e-2, 1.0, 100.0])
def test_it_is_scikit_learns_ridge_fold_by_fold(n, d, p, rng):
    x, z = problem(n, d, rng)
    labels = fold_labels(n, 3)
    expected = fold_by_fold(
        x, z, labels, lambda a, b, c: Ridge(p * a.var(axis=0).sum()).fit(a, b).predict(c)
    )
    np.testing.assert_allclose(cross_fit(x, z, labels, [p]).r2, expected, rtol=1e-8, atol=1e-8)


@each_shape
def test_no_penalty_is_least_squares_of_least_norm(n, d, rng):
    x, z = problem(n, d, rng)
    labels = fold_labels(n)
    expected = fold_by_fold(
        x, z, labels, lambda a, b, c: LinearRegression(tol=1e-12).fit(a, b).predict(c)
    )
    np.testing.assert_allclose(cross_fit(x, z, labels, [0.0]).r2, expected, rtol=1e-6, atol=1e-6)


@each_shape
@pytest.mark.parametrize("penalties", [PENALTIES, (0.1, 1e-3, 10.0)])
def test_each_target_gets_the_penalty_of_least_gcv(n, d, penalties, rng):
    x, z = problem(n, d, rng)
    labels = fold_labels(n)
    found = cross_fit(x, z, labels, penalties)
    for fold in range(2):
        train = labels != fold
        errors = []
        for p in penalties:
            h = hat_matrix(x[train], p)
            left = z[train] - h @ z[train]
            errors.append((left**2).mean(axis=0) / (1 - np.trace(h) / train.sum()) ** 2)
        errors = np.array(errors)
        chosen = [list(penalties).index(p) for p in found.penalties[fold]]
        # The smallest penalties differ by less than the hat matrix of the reference rounds.
        picked = errors[chosen, range(z.shape[1])]
        np.testing.assert_allclose(picked, errors.min(axis=0), rtol=1e-5, atol=0)
        if penalties != PENALTIES:
            np.testing.assert_array_equal(chosen, errors.argmin(axis=0))
    # The score is that of the chosen penalties.
    chosen = iter(found.penalties)

    def predict(a, b, c):
        return Ridge(next(chosen) * a.var(axis=0).sum(), solver="svd").fit(a, b).predict(c)

    expected = fold_by_fold(x, z, labels, predict)
    np.testing.assert_allclose(found.r2, expected, rtol=0, atol=1e-7)


def test_a_penalty_that_leaves_no_freedom_is_not_chosen(rng):
    x, z = problem(20, 40, rng)
    assert (cross_fit(x, z, penalties=[0.0, 1.0]).penalties == 1).all()
    few = x[:, :3]
    assert (cross_fit(few, few, penalties=[0.0, 1.0]).penalties == 0).all()


@pytest.mark.parametrize("d", [20, 200])
def test_it_scores_as_scikit_learns_ridge_cv(d, rng):
    # RidgeCV picks by leave-one-out errors, of which GCV is the rotation-invariant form.
    x, z = problem(300, d, rng, k=12)
    labels = fold_labels(300)

    def predict(a, b, c):
        alphas = np.array(PENALTIES) * a.var(axis=0).sum()
        return RidgeCV(alphas, alpha_per_target=True).fit(a, b).predict(c)

    found, expected = cross_fit(x, z, labels).r2, fold_by_fold(x, z, labels, predict)
    assert np.abs(found - expected).max() < 0.02
    assert np.abs(found - expected).mean() < 0.004


def test_the_mean_below_the_line_is_that_of_the_training_folds(rng):
    # scikit-learn's score takes the test fold's own mean: lower, by the squared distance of the two
    x, z = problem(40, 3, rng)
    labels = np.arange(40) % 2
    found, theirs = cross_fit(x, z, labels, [1.0]).r2, []
    for fold in range(2):
        train, test = labels != fold, labels == fold
        model = Ridge(x[train].var(axis=0).sum()).fit(x[train], z[train])
        theirs.append(r2_score(z[test], model.predict(x[test]), multioutput="raw_values"))
    between = (z[::2].mean(axis=0) - z[1::2].mean(axis=0)) ** 2
    within = (z[::2].var(axis=0), z[1::2].var(axis=0))
    unexplained = sum((1 - r2) * v for r2, v in zip(theirs, within, strict=True))
    np.testing.assert_allclose(found, 1 - unexplained / (sum(within) + 2 * between), atol=1e-12)


# -- invariances -----------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [5, 60])
def test_rotation_shift_and_scale_do_not_matter(d, rng):
    x, z = problem(50, d, rng)
    expected = held_out_r2(x, z)
    turned = x @ np.linalg.qr(rng.standard_normal((d, d)))[0]
    for moved in (turned + 100, -3.0 * turned, 1e-300 * x, 1e300 * x, np.c_[x, np.ones((50, 4))]):
        np.testing.assert_allclose(held_out_r2(moved, z), expected, atol=1e-7)
    for moved in (5 - 2 * z, 1e-300 * z, 1e300 * z):
        np.testing.assert_allclose(held_out_r2(x, moved), expected, atol=1e-9)


def test_without_penalty_no_invertible_map_matters(rng):
    x, z = problem(60, 6, rng)
    expected = held_out_r2(x, z, penalties=[0.0])
    skewed = x * [1, 10, 1, 0.1, 1, 1] @ rng.standard_normal((6, 6))
    # The Gram matrix squares the condition number, here some thousands.
    np.testing.assert_allclose(held_out_r2(skewed, z, penalties=[0.0]), expected, atol=1e-6)
    # With one it does: quiet columns are heard last.
    assert np.abs(held_out_r2(skewed, z, penalties=[1.0]) - expected).max() > 0.01


@pytest.mark.parametrize("d", [5, 60])
def test_the_order_of_samples_does_not_matter(d, rng):
    x, z = problem(50, d, rng)
    labels, mixed = fold_labels(50, 4), rng.permutation(50)
    found = held_out_r2(x[mixed], z[mixed], folds=labels[mixed])
    np.testing.assert_allclose(found, held_out_r2(x, z, folds=labels), atol=1e-9)
    np.testing.assert_allclose(found, held_out_r2(x, z, folds=7 - 3 * labels), atol=1e-9)


@pytest.mark.parametrize("d", [5, 60])
def test_copies_in_the_same_fold_add_nothing(d, rng):
    x, z = problem(50, d, rng)
    labels = fold_labels(50)
    twice = [np.r_[v, v] for v in (x, z)]
    once = cross_fit(x, z, labels, [0.5]).r2
    # The penalty is that of one sum over samples, which the copies double.
    np.testing.assert_allclose(cross_fit(*twice, np.r_[labels, labels], [1.0]).r2, once, atol=1e-9)


def test_copies_in_different_folds_leak(rng):
    x, z = rng.standard_normal((100, 80)), rng.standard_normal((100, 200))
    twice, labels = [np.r_[v, v] for v in (x, z)], fold_labels(100)
    leaking = cross_fit(*twice, np.repeat([0, 1], 100), [0.0]).r2
    assert leaking.mean() == pytest.approx(80 / 99, abs=0.02)
    together = cross_fit(*twice, np.r_[labels, labels]).r2
    assert np.median(together) < 0.01


@each_shape
def test_targets_and_layers_do_not_influence_each_other(n, d, rng):
    x, z = problem(n, d, rng)
    layers = (x, x[:, :3], np.tanh(x))
    found = held_out_r2_by_layer(iter(layers), z)
    for (i, layer), (j, target) in itertools.product(enumerate(layers), enumerate(z.T)):
        assert held_out_r2(layer, target)[0] == pytest.approx(found[i, j], abs=1e-9)


@pytest.mark.parametrize("d", [7, 80])
def test_chunks_and_panels_do_not_matter(d, rng, monkeypatch):
    x, z = problem(60, d, rng)
    expected = held_out_r2(x, z)
    monkeypatch.setattr(moments, "_PANEL", 4)
    monkeypatch.setattr(moments, "_length", lambda width: 5)
    np.testing.assert_allclose(held_out_r2(x, z), expected, atol=1e-10)


@pytest.mark.parametrize(("n", "d"), [(60, 7), (61, 29), (61, 30), (60, 80)])
def test_features_and_samples_give_the_same(n, d, rng, monkeypatch):
    x, z = problem(n, d, rng)
    labels = fold_labels(n, 3)
    found = [cross_fit(x, z, labels)]
    ways = {"_by_features": ridge._by_samples, "_by_samples": ridge._by_features}
    for name, other in ways.items():
        monkeypatch.setattr(ridge, name, other)
    found.append(cross_fit(x, z, labels))
    np.testing.assert_allclose(found[0].r2, found[1].r2, atol=1e-8)
    np.testing.assert_array_equal(found[0].penalties, found[1].penalties)


def test_the_route_goes_by_the_smaller_matrix(rng, monkeypatch):
    sizes = []
    eigh = torch.linalg.eigh
    monkeypatch.setattr(torch.linalg, "eigh", lambda a: (sizes.append(len(a)), eigh(a))[1])
    for d in (20, 21):
        held_out_r2(rng.standard_normal((30, d)), rng.standard_normal((30, 50)), folds=3)
    held_out_r2(rng.standard_normal((30, 400)), rng.standard_normal((30, 50)), folds=3)
    assert sizes == [20] * 9  # one a fold, however many targets


@settings(max_examples=50, deadline=None)
@given(st.integers(4, 14), st.integers(1, 20), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_no_score_is_above_one_or_undefined(n, d, folds, seed):
    # Few distinct values, so that equal samples, copies of columns and constants are among them.
    rng = np.random.default_rng(seed)
    x, z = rng.integers(0, 3, (n, d)), rng.integers(0, 2, (n, 4))
    found = held_out_r2(x, z, folds=folds, rng=rng, penalties=(0.0, *PENALTIES))
    assert (found <= 1).all()
    assert np.isfinite(found).all()


# -- precision and containers ----------------------------------------------------------------------


def test_float32_activations_give_what_their_float64_values_give(rng):
    x, z = problem(300, 40, rng)
    x = np.maximum(x, 0).astype(np.float32)
    found = held_out_r2(x, z.astype(np.float32))
    exact = held_out_r2(x.astype(np.float64), z.astype(np.float32).astype(np.float64))
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found, held_out_r2(x, z), rtol=0, atol=1e-5)


@pytest.mark.parametrize("d", [3, 30])
def test_an_offset_far_beyond_the_variation_does_not_matter(d, rng):
    x, z = rng.integers(-9, 9, (40, d)), rng.standard_normal((40, 3))
    np.testing.assert_allclose(held_out_r2(x + 2.0**45, z), held_out_r2(x, z), atol=1e-6)


def test_container_and_shape_do_not_matter(rng):
    x, z = rng.integers(-9, 9, (20, 2, 3)), rng.integers(0, 2, 20).astype(bool)
    expected = held_out_r2(x.reshape(20, 6).astype(np.float64), z[:, None].astype(np.float64))
    assert expected.shape == (1,)
    tensor = torch.from_numpy(x).float().requires_grad_()
    read_only = x[:]
    read_only.flags.writeable = False
    for other in (x, x.tolist(), tensor, read_only, x[::-1][::-1]):
        np.testing.assert_allclose(held_out_r2(other, z), expected, atol=1e-12)
    np.testing.assert_allclose(held_out_r2(x, torch.from_numpy(z)), expected, atol=1e-12)


def test_the_inputs_stay_as_they_are(rng):
    x, z = (torch.from_numpy(rng.standard_normal((20, 3))) for _ in range(2))
    before = x.clone(), z.clone()
    held_out_r2(x, z)
    in_sample_r2(x.numpy(), z)
    assert torch.equal(x, before[0])
    assert torch.equal(z, before[1])


# -- folds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "folds"), [(10, 2), (11, 3), (5, 5)])
def test_folds_are_even_and_random(n, folds, rng):
    labels = fold_labels(n, folds)
    assert np.ptp(np.bincount(labels, minlength=folds)) <= 1
    np.testing.assert_array_equal(labels, fold_labels(n, folds))
    draws = [fold_labels(n, folds, rng) for _ in range(200)]
    assert np.mean(draws, axis=0) == pytest.approx(labels.mean(), abs=4 * labels.std() / 200**0.5)


def test_leaving_one_out_has_a_closed_form(rng):
    # Without penalty, residuals over 1 - leverage are errors of the fits without each sample.
    x, z = problem(25, 4, rng)
    h = hat_matrix(x, 0.0)
    errors = (z - h @ z) / (1 - np.diag(h))[:, None]
    means = (z - z.mean(axis=0)) * 25 / 24
    expected = 1 - (errors**2).sum(axis=0) / (means**2).sum(axis=0)
    np.testing.assert_allclose(held_out_r2(x, z, folds=25, penalties=[0.0]), expected, atol=1e-8)


@pytest.mark.parametrize(("threads", "each"), [(1, 1), (2, 1), (5, 2)])
def test_folds_share_the_threads_and_give_them_back(threads, each, rng, monkeypatch):
    x, z = problem(60, 7, rng)
    expected, seen = cross_fit(x, z).r2, []
    eigh, before = torch.linalg.eigh, torch.get_num_threads()
    monkeypatch.setattr(
        torch.linalg, "eigh", lambda a: (seen.append(torch.get_num_threads()), eigh(a))[1]
    )
    torch.set_num_threads(threads)
    try:
        found = cross_fit(x, z).r2
        after = torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert (seen, after) == ([each, each], threads)


@pytest.mark.parametrize(("threads", "share"), [(1, 1), (2, 1), (4, 2)])
def test_folds_share_the_threads_that_there_are_and_no_more(threads, share):
    # A new thread would start with as many as the process did, whatever was set since.
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = ridge._for_each(lambda fold: torch.get_num_threads(), [0, 1])
        assert found == [share, share]
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_one_thread_computes_in_its_own_and_not_in_a_new_one():
    assert torch.get_num_threads() == 1  # the tests' own setting
    found = ridge._for_each(lambda fold: threading.get_ident(), [0, 1])
    assert found == [threading.get_ident()] * 2

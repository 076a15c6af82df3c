"""V-information where its value is known, where it must be 0, and what complexity makes of it."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score

from strata.measures.ridge import cross_fit, fold_labels, in_sample_r2
from strata.measures.vinformation import (
    complexity,
    held_out_r2,
    held_out_r2_by_layer,
    time_to_decode,
    v_information,
    variance_weighted,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def problem(n, d, rng, k=5):
    """Correlated features of uneven size and offset; targets from pure noise to pure signal."""
    x = rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + 10 * rng.standard_normal(d)
    signal, noise = x @ rng.standard_normal((d, k)), rng.standard_normal((n, k))
    return x, signal / signal.std(axis=0) * np.linspace(0, 1, k) + noise * np.linspace(1, 0, k) + 3


# -- known answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(60, 3), (60, 20)])
def test_the_expected_error_of_gaussian_least_squares_is_exact(n, d, rng):
    # Per fold of m training samples the probe's error is s^2 (m+1)(m-2) / m(m-d-2) on average and
    # that of the mean (1 + 1/m) Var z: Stein 1960, for random Gaussian features.
    m, noise, rounds = n // 2, 0.5, 400
    ratios = []
    for _ in range(rounds):
        x = rng.standard_normal((n, d))
        weights = np.full(d, np.sqrt(1 / d))
        z = x @ weights + noise * rng.standard_normal(n)
        ratios.append(1 - held_out_r2(x, z, penalties=[0.0])[0])
    error = noise**2 * (m + 1) * (m - 2) / (m * (m - d - 2))
    mean = (1 + noise**2) * (1 + 1 / m)
    # The mean of a ratio of sums over n samples is off the ratio of means by about 1/n of it.
    tolerance = 4 * np.std(ratios) / np.sqrt(rounds) + error / mean * 2 / n
    assert np.mean(ratios) == pytest.approx(error / mean, abs=tolerance)


@pytest.mark.parametrize("r2", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_many_samples_give_the_population_value(r2, rng):
    x = rng.standard_normal((20_000, 6)) @ rng.standard_normal((6, 6)) + 5
    signal = (x - 5) @ rng.standard_normal(6)
    z = np.sqrt(r2) * signal / signal.std() + np.sqrt(1 - r2) * rng.standard_normal(20_000)
    assert held_out_r2(x, z)[0] == pytest.approx(r2, abs=0.015)
    assert v_information(x, 3 * z)[0] == pytest.approx(9 * r2, abs=9 * 0.015)


@pytest.mark.parametrize("d", [10, 100, 400])
def test_noise_is_predicted_in_sample_and_not_held_out(d, rng):
    # The pitfall: the wider the layer, the more of nothing it seems to hold.
    n = 500
    x, z = rng.standard_normal((n, d)), rng.standard_normal((n, 200))
    assert in_sample_r2(x, z).mean() == pytest.approx(d / (n - 1), abs=0.01)
    held_out = held_out_r2(x, z)
    assert abs(held_out.mean()) < 0.01
    # GCV lets one of hundreds overfit by some tenths, as it does at few samples a feature.
    assert np.quantile(held_out, 0.05) > -0.1


def test_in_sample_it_is_ordinary_least_squares(rng):
    x, z = problem(50, 9, rng)
    expected = LinearRegression().fit(x, z)
    theirs = r2_score(z, expected.predict(x), multioutput="raw_values")
    np.testing.assert_allclose(in_sample_r2(x, z), theirs, atol=1e-10)
    wide = rng.standard_normal((50, 49))
    np.testing.assert_allclose(in_sample_r2(wide, z), 1, atol=1e-8)


def test_what_is_not_linear_is_not_found(rng):
    x = rng.standard_normal((5000, 2))
    parity = np.sign(x[:, 0] * x[:, 1])
    found = held_out_r2_by_layer([x, np.c_[x, x[:, 0] * x[:, 1]]], parity)
    assert found[0] == pytest.approx(0, abs=0.01)
    # The best multiple of a product of two normals explains E|ab|^2 / E(ab)^2 of its sign.
    assert found[1] == pytest.approx((2 / np.pi) ** 2, abs=0.03)


def test_a_faint_direction_is_read_out_exactly(rng):
    x = rng.standard_normal((400, 30)) * np.geomspace(1, 1e-3, 30)
    assert held_out_r2(x, x[:, -1])[0] > 0.999
    assert held_out_r2(x.astype(np.float32) + 5, x[:, -1])[0] > 0.99


# -- nothing to learn ------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [3, 40])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 7])
def test_constants_have_no_score(d, value, rng):
    x, z = rng.standard_normal((30, d)), rng.standard_normal((30, 2))
    constant = np.full((30, d), value)
    assert (held_out_r2(constant, z) == 0).all()
    assert (held_out_r2(x, constant[:, :2]) == 0).all()
    assert (in_sample_r2(x, constant[:, :2]) == 0).all()
    mixed = held_out_r2(np.c_[x, constant], np.c_[z, constant])
    np.testing.assert_allclose(mixed[:2], held_out_r2(x, z), atol=1e-12)
    assert (mixed[2:] == 0).all()


def test_what_varies_by_rounding_is_constant(rng):
    constant = np.float32(0.3) * np.ones((30, 1), np.float32)
    constant[::2] = np.nextafter(constant[::2], np.float32(1))
    x = rng.standard_normal((30, 1))
    assert held_out_r2(constant, x)[0] == 0
    assert held_out_r2(x, constant)[0] == 0
    # The same difference is no rounding in float64.
    assert held_out_r2(constant.astype(np.float64), np.arange(30) % 2)[0] == pytest.approx(1)


@pytest.mark.parametrize("d", [1, 3, 40])
def test_a_layer_that_varies_only_between_folds_teaches_nothing(d, rng):
    labels = np.arange(40) % 2
    x = np.repeat(labels[:, None] * 0.1 + 0.3, d, axis=1) * rng.uniform(1, 2, d)
    z = rng.standard_normal((40, 3)) + labels[:, None]
    np.testing.assert_allclose(held_out_r2(x, z, folds=labels), 0, atol=1e-12)


@pytest.mark.parametrize("d", [3, 60])
def test_a_feature_that_one_fold_never_sees_is_not_predicted_there(d, rng):
    # One image fires. Only what is left of the variance in the other fold, 1/26, can be explained.
    x, z = rng.standard_normal((50, d)), np.zeros(50)
    z[7] = 4.2
    assert -0.5 < held_out_r2(x, z)[0] < 1 / 26


def test_the_generator_draws_the_folds(rng):
    x, z = problem(40, 6, rng)
    expected = held_out_r2(x, z, folds=fold_labels(40, 3, np.random.default_rng(5)))
    found = held_out_r2(x, z, folds=3, rng=np.random.default_rng(5))
    np.testing.assert_array_equal(found, expected)
    assert (held_out_r2(x, z, folds=3) != found).any()
    np.testing.assert_array_equal(held_out_r2(x, z), cross_fit(x, z).r2)


# -- both scores, complexity, time to decode -------------------------------------------------------


def test_v_information_is_what_the_probe_saves_a_gaussian_code(rng):
    # H(z) - H(z|x) with errors of variance 1/2: squared errors of mean and probe, sample by sample
    x, z = problem(60, 5, rng)
    labels = np.arange(60) % 2
    gain = 0.0
    for fold in range(2):
        train, test = labels != fold, labels == fold
        alpha = x[train].var(axis=0).sum()
        predicted = Ridge(alpha).fit(x[train], z[train]).predict(x[test])
        gain = gain + ((z[test] - z[train].mean(axis=0)) ** 2 - (z[test] - predicted) ** 2).sum(
            axis=0
        )
    baseline = sum(
        ((z[labels == f] - z[labels != f].mean(axis=0)) ** 2).sum(axis=0) for f in range(2)
    )
    # The variance is that of all samples; held-out means have slightly larger errors.
    expected = gain / baseline * z.var(axis=0)
    np.testing.assert_allclose(
        v_information(x, z, folds=labels, penalties=[1.0]), expected, atol=1e-9
    )


def test_the_two_scores_part_with_scale(rng):
    x = rng.standard_normal((500, 4))
    z = x[:, :1] * [1.0, 0.1]  # equally decodable, one faint
    r2 = held_out_r2_by_layer([x, x], z)
    weighted = variance_weighted(r2, z)
    assert complexity(r2) == pytest.approx([0, 0], abs=1e-6)
    variance = z.var(axis=0)
    assert complexity(weighted) == pytest.approx(1 - variance, abs=1e-6)
    np.testing.assert_allclose(v_information(x, z), weighted[0], atol=1e-12)
    np.testing.assert_allclose(variance_weighted(r2[0], torch.from_numpy(z)), weighted[0])


def test_complexity_and_time_to_decode_are_one_minus_a_mean():
    scores = np.array([[0.0, 1.0, -0.2], [0.5, 1.0, 0.1], [1.0, 1.0, 0.4]])
    for measure in (complexity, time_to_decode):
        np.testing.assert_allclose(measure(scores), [0.5, 0.0, 0.9], atol=1e-15)
        np.testing.assert_allclose(measure(scores, clip=True), [0.5, 0.0, 1 - 0.5 / 3], atol=1e-15)
        np.testing.assert_array_equal(measure(scores[::-1]), measure(scores))


def test_features_are_ordered_by_the_layer_that_makes_them(rng):
    images = rng.standard_normal((800, 6))
    layers = [images, np.c_[images, images[:, 0] * images[:, 1]]]
    layers.append(np.c_[layers[1], layers[1][:, -1] * images[:, 2]])
    z = np.c_[images[:, 0], layers[1][:, -1], layers[2][:, -1], rng.standard_normal(800)]
    found = complexity(held_out_r2_by_layer(layers, z), clip=True)
    np.testing.assert_allclose(found, [0, 1 / 3, 2 / 3, 1], atol=0.03)


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", [held_out_r2, v_information, in_sample_r2])
@pytest.mark.parametrize(
    ("x", "z", "message"),
    [
        (np.eye(5), np.eye(6), "x has 5 samples, z has 6"),
        (np.full((5, 2), np.nan), np.eye(5), "x holds NaN"),
        (np.eye(5), np.array([1, 2, np.inf, 4, 5]), "z holds NaN or infinite"),
        (np.eye(5) * 1j, np.eye(5), "x is complex"),
        (np.ones((5, 0)), np.eye(5), "x must have rows and not be empty"),
        (np.eye(5), np.ones((5, 0)), "z must have rows and not be empty"),
    ],
)
def test_bad_inputs_are_refused(measure, x, z, message):
    with pytest.raises(ValueError, match=message):
        measure(x, z)
    with pytest.raises(ValueError, match=message):
        measure(torch.from_numpy(x), torch.from_numpy(z))


@pytest.mark.parametrize(
    ("n", "options", "message"),
    [
        (5, {"folds": 1}, "folds must be from 2 to the 5 samples, not 1"),
        (5, {"folds": 6}, "not 6"),
        (1, {}, "folds must be from 2 to the 1 samples"),
        (3, {}, "too few samples: at least 2 must lie outside each fold, of 3"),
        (5, {"folds": [0, 0, 0, 0, 1]}, "too few samples"),
        (5, {"folds": [3] * 5}, "all samples are in one fold"),
        (5, {"folds": [0, 1, 0, 1]}, "labels must be 5 integers"),
        (4, {"folds": [0.5, 1.0, 0.5, 1.0]}, "not float64"),
        (4, {"folds": [0, 1, 0, 1], "rng": np.random.default_rng()}, "rng has nothing to draw"),
        (5, {"penalties": []}, "penalties must be"),
        (5, {"penalties": [1.0, -1.0]}, "penalties must be"),
        (5, {"penalties": [np.inf]}, "penalties must be"),
    ],
)
def test_bad_options_are_refused(n, options, message):
    with pytest.raises(ValueError, match=message):
        held_out_r2(np.eye(n), np.eye(n), **options)


def test_no_layers_are_refused():
    with pytest.raises(ValueError, match="there are no layers"):
        held_out_r2_by_layer([], np.eye(5))


@pytest.mark.parametrize("measure", [complexity, time_to_decode])
@pytest.mark.parametrize("scores", [[1.0, 2.0], np.ones((0, 3)), [[1.0, np.nan]]])
def test_bad_scores_are_refused(measure, scores):
    with pytest.raises(ValueError, match="scores"):
        measure(scores)


@pytest.mark.parametrize(
    ("r2", "z", "message"),
    [
        ([0.5], np.eye(3), "r2 of shape \\(1,\\) does not fit 3 features"),
        (0.5, [1.0, 2.0], "does not fit 1 features"),
        ([np.nan], [1.0, 2.0], "NaN"),
        ([0.5], [1.0, np.inf], "infinite"),
        ([0.5], np.ones((2, 1, 1)), "z must have 1 or 2 axes"),
    ],
)
def test_scores_that_do_not_fit_the_features_are_refused(r2, z, message):
    with pytest.raises(ValueError, match=message):
        variance_weighted(r2, z)

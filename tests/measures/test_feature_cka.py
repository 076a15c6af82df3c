"""CKA of a layer with single features: against the map of all pairs, Gram matrices, known cases."""

import numpy as np
import pytest
import torch

from strata.measures.cka import cka_map
from strata.measures.feature_cka import feature_cka, feature_cka_by_layer
from strata.measures.vinformation import held_out_r2

each_reading = pytest.mark.parametrize("literal", [False, True])
shapes = pytest.mark.parametrize("d", [1, 3, 20, 21, 60])  # of 20 samples


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def problem(d, rng, n=20, k=6):
    x = rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + 5
    return x, np.tanh(x @ rng.standard_normal((d, k)) / 10) + rng.uniform(0, 0.3, (n, k)) - 3


# -- second formulas -------------------------------------------------------------------------------


@shapes
def test_it_is_the_cka_map_one_pair_at_a_time(d, rng):
    x, z = problem(d, rng)
    expected = [cka_map([x, column])[0, 1] for column in z.T]
    np.testing.assert_allclose(feature_cka(x, z), expected, atol=1e-12)
    np.testing.assert_allclose(feature_cka(x, z[:, 0]), expected[:1], atol=1e-12)


@shapes
def test_the_literal_reading_multiplies_gram_matrices(d, rng):
    x, z = problem(d, rng)
    h = np.eye(len(x)) - 1 / len(x)
    a = h @ x @ x.T @ h
    for column, found in zip(z.T, feature_cka(x, z, literal=True), strict=True):
        b = h @ np.outer(column, column) @ h
        within = np.linalg.norm(a @ a) * np.linalg.norm(b @ b)
        assert found == pytest.approx(np.linalg.norm(a @ b) ** 2 / within, abs=1e-12)
        # The same is CKA of the squared kernels.
        aa, bb = a @ a, b @ b
        cosine = (aa * bb).sum() / (np.linalg.norm(aa) * np.linalg.norm(bb))
        assert found == pytest.approx(cosine, abs=1e-12)


@pytest.mark.parametrize("d", [5, 1200])
def test_many_samples_are_centred_on_all_of_them(d, rng):
    x, z = rng.standard_normal((1100, d)), rng.standard_normal((1100, 2))
    x[1::2] += 3
    z[1::2] += 3
    expected = [cka_map([x, column])[0, 1] for column in z.T]
    np.testing.assert_allclose(feature_cka(x, z), expected, atol=1e-12)


def test_layer_by_layer_is_one_after_the_other(rng):
    layers = [problem(d, rng)[0] for d in (2, 30)]
    z = rng.standard_normal((20, 4))
    for literal in (False, True):
        found = feature_cka_by_layer(iter(layers), z, literal=literal)
        assert found.shape == (2, 4)
        for x, row in zip(layers, found, strict=True):
            np.testing.assert_array_equal(row, feature_cka(x, z, literal=literal))


# -- known answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [9, 40])
def test_principal_components_score_their_share_of_the_spectrum(n, rng):
    u = np.linalg.qr(np.c_[np.ones(n), rng.standard_normal((n, 5))])[0][:, 1:]
    s = np.array([3.0, 2.0, 1.0, 0.5, 0.1])
    x = np.c_[u * s, np.zeros((n, 7))]  # wider than the fewer samples
    x = x @ np.linalg.qr(rng.standard_normal((12, 12)))[0]
    np.testing.assert_allclose(feature_cka(x, u), s**2 / np.linalg.norm(s**2), atol=1e-12)
    literal = feature_cka(x, u, literal=True)
    np.testing.assert_allclose(literal, s**4 / np.linalg.norm(s**4), atol=1e-12)


def test_it_is_not_decodability(rng):
    # Exactly linear in the layer, on a direction of little variance.
    x = rng.standard_normal((1000, 30)) * np.geomspace(1, 0.05, 30)
    z = x[:, -1]
    assert feature_cka(x, z)[0] < 0.01
    assert held_out_r2(x, z)[0] > 0.999


def test_of_a_single_direction_the_feature_is_all():
    z = np.array([1.0, 2.0, 4.0])
    for literal in (False, True):
        assert feature_cka(z, -3 * z + 1, literal=literal)[0] == pytest.approx(1, abs=1e-12)
        assert feature_cka(np.outer(z, np.ones(5)), z, literal=literal)[0] == pytest.approx(1)


# -- invariances and conventions -------------------------------------------------------------------


@each_reading
@shapes
def test_rotation_shift_and_scale_change_nothing(literal, d, rng):
    x, z = problem(d, rng)
    expected = feature_cka(x, z, literal=literal)
    q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    mixed = rng.permutation(len(x))
    for y, features in [
        (x @ q, z),
        (1e-200 * x, 1e200 * z),
        (x + 7, z * [1, -1, 5, 0.1, 2, 3] - 4),
        (x[mixed], z[mixed]),
    ]:
        np.testing.assert_allclose(feature_cka(y, features, literal=literal), expected, atol=1e-10)


@each_reading
def test_container_shape_and_dtype_do_not_matter(literal, rng):
    x, z = rng.integers(-9, 9, (12, 2, 3)), rng.integers(0, 4, (12, 3))
    expected = feature_cka(x.reshape(12, 6).astype(float), z.astype(float), literal=literal)
    for y in (x, x.tolist(), torch.from_numpy(x).float().requires_grad_()):
        found = feature_cka(y, torch.from_numpy(z), literal=literal)
        np.testing.assert_allclose(found, expected, atol=1e-14)


@each_reading
@pytest.mark.parametrize("d", [3, 40])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 5])
def test_constants_have_nothing_in_common(literal, d, value, rng):
    x, z = rng.standard_normal((11, d)), rng.standard_normal((11, 2))
    constant = np.full((11, d), value)
    assert (feature_cka(constant, z, literal=literal) == 0).all()
    found = feature_cka(x, np.c_[z, constant], literal=literal)
    assert (found[2:] == 0).all()
    np.testing.assert_allclose(found[:2], feature_cka(x, z, literal=literal))


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "z", "message"),
    [
        (np.eye(5), np.eye(6), "x has 5 samples, z has 6"),
        (np.full((5, 2), np.nan), np.eye(5), "x holds NaN"),
        (np.eye(5), [1, 2, np.inf, 4, 5], "z holds NaN or infinite"),
        (np.eye(5) * 1j, np.eye(5), "x is complex"),
        (np.ones((5, 0)), np.eye(5), "x must have rows"),
        (np.ones((1, 5)), [1.0], "at least 2 samples are needed, not 1"),
    ],
)
def test_bad_inputs_are_refused(x, z, message):
    with pytest.raises(ValueError, match=message):
        feature_cka(x, z)
    with pytest.raises(ValueError, match=message):
        feature_cka_by_layer([x], z)


def test_no_layers_are_refused():
    with pytest.raises(ValueError, match="there are no layers"):
        feature_cka_by_layer([], np.eye(5))

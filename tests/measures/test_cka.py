"""CKA against its definition with explicit centring, and on cases whose answer is known."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.measures import cka
from strata.measures.cka import cka_map, debiased_cka, linear_cka, rbf_cka

SINGLES = {"linear": linear_cka, "debiased": debiased_cka, "rbf": rbf_cka}
each_kind = pytest.mark.parametrize("kind", SINGLES)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def rotation(d, rng):
    return np.linalg.qr(rng.standard_normal((d, d)))[0]


# -- the definitions, one pair and one sum at a time -----------------------------------------------


def rbf_kernel(x):
    d2 = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    return np.exp(-d2 / (2 * np.median(d2[d2 > 0])))


def biased_hsic(a, b):
    h = np.eye(len(a)) - 1 / len(a)
    return np.trace(a @ h @ b @ h)


def unbiased_hsic(a, b):
    """HSIC_1 of Song et al. 2012 with its three terms."""
    n, ones = len(a), np.ones(len(a))
    a, b = a - np.diag(np.diag(a)), b - np.diag(np.diag(b))
    second = (ones @ a @ ones) * (ones @ b @ ones) / ((n - 1) * (n - 2))
    third = 2 / (n - 2) * (ones @ a @ b @ ones)
    return (np.trace(a @ b) + second - third) / (n * (n - 3))


def by_definition(x, y, kind):
    kernel = rbf_kernel if kind == "rbf" else lambda z: z @ z.T
    hsic = unbiased_hsic if kind == "debiased" else biased_hsic
    a, b = kernel(x), kernel(y)
    return hsic(a, b) / np.sqrt(hsic(a, a) * hsic(b, b))


@each_kind
@pytest.mark.parametrize("n", [5, 40, 300])
def test_it_is_the_definition_with_explicit_centring(kind, n, rng):
    # 300 rows are more than one panel of the kernel.
    layers = [rng.standard_normal((n, 6)) + 3]
    layers += [np.tanh(layers[0] @ rng.standard_normal((6, 4))), rng.standard_normal((n, 2)) ** 2]
    found = cka_map(layers, kind=kind)
    for i, j in itertools.product(range(3), repeat=2):
        assert found[i, j] == pytest.approx(by_definition(layers[i], layers[j], kind), abs=1e-10)
    assert SINGLES[kind](layers[0], layers[1]) == pytest.approx(found[0, 1], abs=1e-14)


def test_linear_cka_is_kornbliths_formula(rng):
    x, y = rng.standard_normal((20, 5)), rng.standard_normal((20, 3))
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    between, within = np.linalg.norm(b.T @ a), np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)
    assert linear_cka(x, y) == pytest.approx(between**2 / within, rel=1e-12)


def test_the_published_demonstration_gives_its_published_values():
    # Kornblith et al., representation_similarity: X and Y = noise + X, seed 1337.
    state = np.random.RandomState(1337)
    x, noise = state.randn(2, 100, 10)  # one after the other
    y = noise + x
    assert linear_cka(x, y) == pytest.approx(0.55761, abs=5e-6)
    assert debiased_cka(x, y) == pytest.approx(0.51346, abs=5e-6)


# -- known answers ---------------------------------------------------------------------------------


def test_one_column_each_gives_the_squared_correlation(rng):
    x, y = rng.standard_normal(30), rng.standard_normal(30)
    assert linear_cka(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2, rel=1e-10)


@pytest.mark.parametrize("shared", [0, 1, 3, 4])
def test_shared_directions_count_as_a_share(shared, rng):
    # Of 4 orthonormal centred columns `shared` are common: ||Y^T X||^2 = shared, the norms are 2.
    columns = np.linalg.qr(np.c_[np.ones(20), rng.standard_normal((20, 8))])[0][:, 1:]
    x, y = columns[:, :4], columns[:, 4 - shared : 8 - shared]
    assert linear_cka(x, y) == pytest.approx(shared / 4, abs=1e-12)


@each_kind
def test_a_layer_is_like_itself(kind, rng):
    layers = [rng.standard_normal((12, d)) for d in (1, 3, 30)]
    assert (np.diagonal(cka_map(layers, kind=kind)) == 1).all()
    assert SINGLES[kind](layers[1], layers[1]) == pytest.approx(1, abs=1e-12)


def test_many_independent_features_are_alike_only_if_biased(rng):
    x, y = rng.standard_normal((30, 3000)), rng.standard_normal((30, 3000))
    assert linear_cka(x, y) > 0.95
    assert abs(debiased_cka(x, y)) < 0.1


def test_the_debiased_value_of_independent_layers_is_zero_on_average(rng):
    draws = [debiased_cka(*rng.standard_normal((2, 10, 40))) for _ in range(200)]
    assert min(draws) < 0
    assert abs(np.mean(draws)) < 4 * np.std(draws) / np.sqrt(len(draws))


def test_two_points_are_always_alike(rng):
    # One distance each: the centred kernels are multiples of each other.
    assert rbf_cka(rng.standard_normal((2, 5)), [3.0, 9.0]) == pytest.approx(1, abs=1e-12)


def test_pairs_of_equal_points_do_not_count_for_the_width(rng):
    # Of 3 x 10 copies, 135 of 435 pairs are at distance 0, and must stay so after a rotation.
    points = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 3.0, 0.0]])
    x, y = np.repeat(points, 10, axis=0) @ rotation(3, rng), rng.standard_normal((30, 2))
    kernel = np.kron(np.exp(-np.array([[0, 1, 9], [1, 0, 10], [9, 10, 0]]) / 18), np.ones((10, 10)))
    hsic = [biased_hsic(kernel, k) for k in (rbf_kernel(y), kernel)]
    expected = hsic[0] / np.sqrt(hsic[1] * biased_hsic(rbf_kernel(y), rbf_kernel(y)))
    assert rbf_cka(x, y) == pytest.approx(expected, abs=1e-10)
    assert rbf_cka(x + 100, y) == pytest.approx(expected, abs=1e-8)


# -- invariances -----------------------------------------------------------------------------------


@each_kind
def test_rotation_scale_and_shift_do_not_matter(kind, rng):
    x, y = rng.standard_normal((40, 5)), rng.standard_normal((40, 7))
    expected = SINGLES[kind](x, y)
    moved = [2.5 * x @ rotation(5, rng) + rng.standard_normal(5), -0.1 * y @ rotation(7, rng) + 50]
    assert SINGLES[kind](*moved) == pytest.approx(expected, abs=1e-10)
    for scale in (1e-300, 5e307):  # squares vanish; differences overflow
        assert SINGLES[kind](scale * x, y) == pytest.approx(expected, abs=1e-12)
    wide = np.c_[x, np.zeros((40, 3)), np.full((40, 2), 1e9)]
    assert SINGLES[kind](wide, y) == pytest.approx(expected, abs=1e-12)


@each_kind
def test_an_offset_far_beyond_the_variation_does_not_matter(kind, rng):
    x, y = rng.integers(-9, 9, (40, 5)), rng.standard_normal((40, 7))
    shifted = x + 2.0**48  # without rounding
    assert SINGLES[kind](shifted, y) == pytest.approx(SINGLES[kind](x, y), abs=1e-12)


def test_columns_of_another_scale_do_matter(rng):
    # A statistic that forgives any linear map says 1 here; CKA must not.
    x = rng.standard_normal((40, 5))
    for single in SINGLES.values():
        assert single(x, x * [100, 1, 1, 1, 1]) < 0.7


@each_kind
def test_the_order_of_arguments_layers_and_samples_does_not_matter(kind, rng):
    layers = [rng.standard_normal((20, d)) for d in (2, 5, 40)]
    found = cka_map(layers, kind=kind)
    np.testing.assert_array_equal(found, found.T)
    assert SINGLES[kind](*layers[:2]) == pytest.approx(SINGLES[kind](*layers[1::-1]), abs=1e-14)
    mixed = rng.permutation(20)
    shuffled = cka_map([x[mixed] for x in layers[::-1]], kind=kind)[::-1, ::-1]
    np.testing.assert_allclose(shuffled, found, atol=1e-12)


@each_kind
def test_container_shape_and_dtype_do_not_matter(kind, rng):
    x, y = rng.integers(-9, 9, (10, 2, 3, 2)), rng.integers(0, 2, 10).astype(bool)
    expected = SINGLES[kind](x.reshape(10, 12).astype(np.float64), y[:, None].astype(np.float64))
    assert SINGLES[kind](x, y) == pytest.approx(expected, abs=1e-14)
    tensor = torch.from_numpy(x).float().requires_grad_()
    assert SINGLES[kind](tensor, torch.from_numpy(y)) == pytest.approx(expected, abs=1e-14)
    assert SINGLES[kind](x[::-1].tolist(), y[::-1]) == pytest.approx(expected, abs=1e-12)


@each_kind
def test_the_inputs_stay_as_they_are(kind, rng):
    x = torch.from_numpy(rng.standard_normal((10, 3)))
    before = x.clone()
    cka_map([x, x.numpy()], kind=kind)
    assert torch.equal(x, before)


# -- the two routes --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["linear", "debiased"])
@pytest.mark.parametrize("n", [7, 256, 600])
def test_features_and_samples_give_the_same(kind, n, rng, monkeypatch):
    layers = [rng.standard_normal((n, d)) + d for d in (1, 3, 10, 40)]
    layers += [np.zeros((n, 3)), layers[1] ** 3]
    found = []
    for answer in (True, False):
        monkeypatch.setattr(cka, "_features_win", lambda *_, answer=answer: answer)
        found.append(cka_map(layers, kind=kind))
    np.testing.assert_allclose(*found, rtol=0, atol=1e-12)


def test_the_route_goes_by_the_work(rng, monkeypatch):
    called = []
    for name in ("_products_by_features", "_products_by_samples"):
        monkeypatch.setattr(cka, name, lambda x, name=name: called.append(name) or torch.eye(3))
    cka_map([rng.standard_normal((50, 2))] * 3)
    cka_map([rng.standard_normal((50, 500))] * 3)
    assert called == ["_products_by_features", "_products_by_samples"]


# -- bounds and conventions ------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(
    st.integers(4, 12),
    st.lists(st.integers(1, 20), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_cka_is_a_cosine(n, widths, seed):
    # Few distinct values, so that equal samples, equal layers and constants are among the cases.
    rng = np.random.default_rng(seed)
    layers = [rng.integers(0, 3, (n, d)) for d in widths]
    for kind in SINGLES:
        found = cka_map(layers, kind=kind)
        assert np.isin(np.diagonal(found), [0, 1]).all()
        assert (found <= 1).all()
        assert (found >= (-1 if kind == "debiased" else 0)).all()
        if kind != "debiased":
            # Cosines of centred kernels form a positive semi-definite matrix.
            assert np.linalg.eigvalsh(found).min() > -1e-10


@each_kind
@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 5])
def test_a_constant_layer_has_nothing_in_common(kind, value, rng):
    x, constant = rng.standard_normal((11, 3)), np.full((11, 4), value)
    expected = np.array([[1.0, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(cka_map([x, constant], kind=kind), expected)
    assert SINGLES[kind](constant, constant) == 0


@each_kind
def test_a_layer_that_varies_by_rounding_is_constant(kind, rng):
    constant = np.float32(0.3) * np.ones((11, 4), np.float32)
    constant[::2] = np.nextafter(constant[::2], np.float32(1))
    assert SINGLES[kind](constant, rng.standard_normal((11, 3))) == 0
    # The same difference is no rounding in float64.
    assert SINGLES[kind](constant.astype(np.float64), np.arange(11) % 2) == pytest.approx(1)


@pytest.mark.parametrize("layer", [np.eye(8), np.eye(8)[:, :1]], ids=["equidistant", "one differs"])
def test_nothing_is_left_of_some_layers_after_debiasing(layer, rng):
    # U-centring removes kernels of the form a_i + a_j off the diagonal.
    found = cka_map([layer, rng.standard_normal((8, 3))], kind="debiased")
    np.testing.assert_array_equal(found, [[0, 0], [0, 1]])
    assert linear_cka(layer, layer) == pytest.approx(1)


# -- faults ----------------------------------------------------------------------------------------


@each_kind
@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "no layers"),
        ([np.eye(5), np.eye(6)], "layer 1 has 6 samples, layer 0 has 5"),
        ([np.eye(5), np.full((5, 2), np.nan)], "layer 1 holds NaN"),
        ([np.array([[1.0], [np.inf], [2.0], [3.0]])], "layer 0 holds NaN or infinite"),
        ([np.eye(5) * 1j], "layer 0 is complex"),
        ([np.eye(5), 3.0], "layer 1 must have rows"),
        ([np.ones((5, 0))], "empty"),
        ([np.ones((1, 5))], "at least [24] samples are needed, not 1"),
    ],
)
def test_bad_layers_are_refused(kind, layers, message):
    with pytest.raises(ValueError, match=message):
        cka_map(layers, kind=kind)
    with pytest.raises(ValueError, match=message):
        cka_map([torch.from_numpy(np.asarray(x)) for x in layers], kind=kind)


def test_the_debiased_estimate_needs_four_samples():
    assert linear_cka(np.eye(3), np.eye(3)) == pytest.approx(1)
    with pytest.raises(ValueError, match="at least 4 samples are needed, not 3"):
        debiased_cka(np.eye(3), np.eye(3))


def test_unknown_kinds_are_refused():
    with pytest.raises(ValueError, match="one of linear, debiased, rbf, not 'cosine'"):
        cka_map([np.eye(3)], kind="cosine")

"""Soft ranks of layers: closed forms, ceilings, invariances, and how they relate to each other."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from strata.measures.rank import soft_rank
from strata.measures.soft_ranks import (
    covariance_rank,
    ntk_rank,
    singular_value_rank,
    weight_rank,
)
from strata.nets.mlp import MLP

ON_LAYERS = [covariance_rank, singular_value_rank]
ON_MATRICES = [covariance_rank, singular_value_rank, weight_rank, ntk_rank]
ENTRIES = st.integers(-8, 8).map(float)

layers = st.tuples(st.integers(2, 12), st.integers(1, 12)).flatmap(
    lambda shape: hnp.arrays(np.float64, shape, elements=ENTRIES)
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def rotation(n, rng):
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


def two(p):
    """Soft rank of two values with shares p and 1 - p."""
    return math.exp(-p * math.log(p) - (1 - p) * math.log(1 - p))


# -- by hand ---------------------------------------------------------------------------------------


def test_small_cases_by_hand():
    # Points ±a on one axis and ±b on the other: covariance diag(a^2, b^2) / 2.
    cross = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert covariance_rank(cross) == pytest.approx(two(0.9), rel=1e-12)
    assert singular_value_rank(cross) == pytest.approx(two(0.75), rel=1e-12)
    assert weight_rank(cross) == singular_value_rank(cross)
    assert ntk_rank(cross @ cross.T) == pytest.approx(two(0.9), rel=1e-12)
    # Moved by (0, 3): still the same covariance; the Gram matrix gains 4 * 9 on one axis.
    moved = cross + np.array([0.0, 3.0])
    assert covariance_rank(moved) == pytest.approx(two(0.9), rel=1e-12)
    one, other = math.sqrt(18), math.sqrt(2 + 36)
    assert singular_value_rank(moved) == pytest.approx(two(one / (one + other)), rel=1e-12)


@pytest.mark.parametrize("d", [1, 2, 9, 60])
def test_orthogonal_directions_of_equal_size_are_counted(d, rng):
    q = rotation(80, rng)[:, :d]
    assert singular_value_rank(q) == pytest.approx(d, rel=1e-12)
    # ± each direction: mean zero, equal variances.
    assert covariance_rank(np.vstack([q, -q])) == pytest.approx(d, rel=1e-12)
    assert ntk_rank(q @ q.T) == pytest.approx(d, rel=1e-9)


def test_two_points_are_one_direction(rng):
    assert covariance_rank(rng.standard_normal((2, 30))) == pytest.approx(1, rel=1e-12)


# -- what the definitions say of nets --------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.integers(1, 80))
def test_data_in_the_plane_has_a_covariance_rank_of_at_most_two_at_z_0(seed, width):
    rng = np.random.default_rng(seed)
    x, weight, bias = (rng.standard_normal(shape) for shape in ((40, 2), (width, 2), width))
    assert covariance_rank(x @ weight.T + bias) <= 2 * (1 + 1e-12)


def test_the_bias_direction_lifts_the_uncentred_rank_above_two():
    # Equal parts: the plane in two directions, the bias in a third.
    x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    z = x @ np.eye(2, 3) + np.array([0.0, 0.0, math.sqrt(0.5)])
    assert singular_value_rank(z) == pytest.approx(3, rel=1e-12)
    assert covariance_rank(z) == pytest.approx(2, rel=1e-12)
    # A large bias hides the plane instead.
    assert singular_value_rank(z + np.array([0.0, 0.0, 1000.0])) < 1.02


def test_antisymmetric_logits_are_one_direction(rng):
    margin = rng.standard_normal((500, 1))
    logits = np.hstack([margin, -margin])
    assert covariance_rank(logits) == pytest.approx(1, abs=1e-12)
    assert singular_value_rank(logits) == pytest.approx(1, abs=1e-12)
    # With biases of their own the logits stay on a line, which misses the origin.
    moved = logits + np.array([3.0, 1.0])
    assert covariance_rank(moved) == pytest.approx(1, abs=1e-12)
    assert singular_value_rank(moved) > 1.5


@given(layers)
def test_for_centred_rows_the_covariance_rank_is_the_smaller(z):
    # Squaring a spectrum gathers it, and lowers its entropy.
    centred = z - z.mean(axis=0)
    assert covariance_rank(z) <= singular_value_rank(centred) * (1 + 1e-9) + 1e-9


def test_a_net_s_layers_have_the_ranks_of_their_definitions():
    # A second way: shares from numpy's covariance and singular values.
    net = MLP([2, 30, 30, 2], generator=torch.Generator().manual_seed(0)).double()
    h = torch.rand(200, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for layer in net.layers:
        z = layer(h)
        values = np.clip(np.linalg.eigvalsh(np.cov(z.detach().numpy().T)), 0, None)
        assert covariance_rank(z) == pytest.approx(soft_rank(values), rel=1e-9)
        singular = np.linalg.svd(z.detach().numpy(), compute_uv=False)
        assert singular_value_rank(z) == pytest.approx(soft_rank(singular), rel=1e-9)
        assert weight_rank(layer.weight) == pytest.approx(
            soft_rank(np.linalg.svd(layer.weight.detach().numpy(), compute_uv=False)), rel=1e-9
        )
        h = torch.relu(z)


def test_float32_layers_are_within_rounding_of_float64():
    net = MLP([2, 50, 50, 50, 2], generator=torch.Generator().manual_seed(0))
    x = torch.rand(500, 2, generator=torch.Generator().manual_seed(1))
    for rank, tolerance in ((covariance_rank, 1e-6), (singular_value_rank, 2e-5)):
        for depth in range(4):
            layer = torch.nn.Sequential(
                *(step for m in net.layers[:depth] for step in (m, torch.nn.ReLU())),
                net.layers[depth],
            )
            single = rank(layer.float()(x))
            assert single == pytest.approx(rank(layer.double()(x.double())), abs=tolerance)
            net.float()


# -- relations -------------------------------------------------------------------------------------


@given(layers)
def test_the_kernel_s_rank_is_that_of_squared_singular_values_and_the_smaller(j):
    expected = soft_rank(np.linalg.svd(j, compute_uv=False) ** 2)
    assert ntk_rank(j @ j.T) == pytest.approx(expected, rel=1e-7)
    assert ntk_rank(j @ j.T) <= singular_value_rank(j) * (1 + 1e-9)


@pytest.mark.parametrize("shape", [(12, 40), (40, 12), (20, 20), (20, 21)])
def test_both_routes_give_the_same_covariance_rank(shape, rng):
    # Columns of zeros push a matrix over to the Gram route, and leave its covariance as it is.
    z = rng.standard_normal(shape) @ np.diag(0.8 ** np.arange(shape[1]))
    wide = np.hstack([z, np.zeros((shape[0], 50))])
    assert covariance_rank(wide) == pytest.approx(covariance_rank(z), rel=1e-12)
    direct = np.clip(np.linalg.eigvalsh(np.cov(z.T)), 0, None)
    assert covariance_rank(z) == pytest.approx(soft_rank(direct), rel=1e-9)


@given(layers)
def test_bounds(z):
    n, d = z.shape
    assert covariance_rank(z) <= min(n - 1, d) * (1 + 1e-9)
    assert singular_value_rank(z) <= min(n, d) * (1 + 1e-9)
    for rank, zero in (
        (covariance_rank(z), (z == z[0]).all()),
        (singular_value_rank(z), not z.any()),
    ):
        assert rank == 0 if zero else rank >= 1 - 1e-9


# -- invariances -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(60, 7), (7, 60)])
@pytest.mark.parametrize("rank", ON_LAYERS)
def test_rotation_scale_and_order_do_not_matter(rank, shape, rng):
    z = rng.standard_normal(shape) * rng.uniform(0.1, 3, shape[1]) + rng.uniform(0, 1, shape[1])
    expected = pytest.approx(rank(z), rel=1e-10)
    assert rank(z @ rotation(shape[1], rng)) == expected
    assert rank(z[rng.permutation(shape[0])]) == expected
    assert rank(z[:, rng.permutation(shape[1])]) == expected
    for scale in (-2.0, 1e-200, 1e307):
        assert rank(z * scale) == expected


def test_only_the_covariance_rank_ignores_a_shift(rng):
    z = rng.standard_normal((50, 6)) * rng.uniform(0.1, 3, 6)
    for shift in (rng.standard_normal(6), 1e6):
        assert covariance_rank(z + shift) == pytest.approx(covariance_rank(z), rel=1e-8)
    assert abs(singular_value_rank(z + 1) - singular_value_rank(z)) > 0.1


def test_ntk_and_weight_ranks_do_not_depend_on_basis_and_scale(rng):
    weight = rng.standard_normal((9, 5))
    left, right = rotation(9, rng), rotation(5, rng)
    assert weight_rank(3 * left @ weight @ right) == pytest.approx(weight_rank(weight), rel=1e-10)
    kernel = weight @ weight.T
    assert ntk_rank(5 * left @ kernel @ left.T) == pytest.approx(ntk_rank(kernel), rel=1e-10)


# -- constant features and rounding ----------------------------------------------------------------


@pytest.mark.parametrize("shape", [(30, 5), (5, 30)])
def test_constant_features_add_no_covariance_rank(shape, rng):
    z = rng.standard_normal(shape)
    beside = np.hstack([np.full((len(z), 1), 1e5 / 3), z, np.full((len(z), 1), -0.1)])
    assert covariance_rank(beside) == pytest.approx(covariance_rank(z), rel=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e5 / 3, 1e300])
@pytest.mark.parametrize("shape", [(30, 5), (5, 30)])
def test_constant_data_has_covariance_rank_zero(shape, value):
    assert covariance_rank(np.full(shape, value)) == 0
    assert singular_value_rank(np.full(shape, value)) == pytest.approx(1 if value else 0, abs=1e-12)
    # Means of thirds and tenths are not exact; still nothing may be left of different constants.
    row = np.arange(1, shape[1] + 1) / 3 + value / 10
    assert covariance_rank(np.tile(row, (shape[0], 1))) == 0


def test_zeros_from_rounding_add_nothing(rng):
    # Rank one by construction, in a thousand dimensions: every other value is rounding.
    u, v = rng.standard_normal((1000, 1)), rng.standard_normal((1, 1000))
    assert singular_value_rank(u @ v) == 1.0
    assert covariance_rank(u @ v) == 1.0
    assert ntk_rank(u @ u.T) == 1.0


@pytest.mark.parametrize("rank", [singular_value_rank, weight_rank, ntk_rank])
def test_zeros_have_rank_zero(rank):
    assert rank(np.zeros((4, 4))) == 0


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", ON_MATRICES)
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([1.0, 2.0], "matrix"),
        ([[[1.0, 2.0]]], "matrix"),
        (1.0, "matrix"),
        (np.zeros((0, 3)), "not empty"),
        (np.zeros((3, 0)), "not empty"),
        ([[1.0, math.nan], [math.nan, 1.0]], "NaN"),
        ([[1.0, math.inf], [math.inf, 1.0]], "infinite"),
        ([[1j, 0.0], [0.0, 1.0]], "complex"),
    ],
)
def test_what_is_no_real_finite_matrix_is_refused(rank, bad, message):
    with pytest.raises(ValueError, match=message):
        rank(bad)
    with pytest.raises(ValueError, match=message):
        rank(torch.as_tensor(bad))


def test_one_sample_has_no_covariance():
    with pytest.raises(ValueError, match="one sample"):
        covariance_rank([[1.0, 2.0, 3.0]])
    assert singular_value_rank([[1.0, 2.0, 3.0]]) == 1.0


def test_kernels_that_are_none_are_refused():
    for bad, message in (
        (np.ones((2, 3)), "square"),
        ([[1.0, 2.0], [0.0, 1.0]], "symmetric"),
        ([[1.0, 0.0], [0.0, -1.0]], "negative"),
    ):
        with pytest.raises(ValueError, match=message):
            ntk_rank(bad)


@pytest.mark.parametrize("rank", ON_LAYERS)
def test_numpy_torch_lists_and_integers_are_the_same(rank):
    rows = [[1, 2], [3, 4], [0, -5]]
    values = {
        rank(rows),
        rank(np.array(rows)),
        rank(torch.tensor(rows)),
        rank(torch.tensor(rows, dtype=torch.float32, requires_grad=True)),
    }
    assert len(values) == 1
    assert type(values.pop()) is float

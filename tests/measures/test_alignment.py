"""Alignment measures on cases whose answer is known."""

import numpy as np
import pytest
import torch

from strata.measures.alignment import (
    cumulative_alignment,
    edge_energy,
    kernel_cka,
    kernel_target_alignment,
)
from strata.measures.cka import linear_cka


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def basis(n, rng):
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


# -- cumulative alignment --------------------------------------------------------------------------


def test_labels_made_of_eigenvectors_give_their_squared_coefficients(rng):
    v = basis(20, rng)
    y = 3 * v[:, 1] - 4 * v[:, 3]
    expected = np.zeros(20)
    expected[1:] = 9 / 25
    expected[3:] = 1
    np.testing.assert_allclose(cumulative_alignment(v, y), expected, atol=1e-12)


def test_a_whole_basis_holds_all_of_the_labels(rng):
    v = basis(15, rng)
    share = cumulative_alignment(v, rng.choice([-1, 1], 15))
    assert (np.diff(share) >= 0).all()
    assert share[0] >= 0
    assert share[-1] == pytest.approx(1, rel=1e-12)


def test_it_is_the_norm_of_the_projection(rng):
    v, y = basis(15, rng)[:, :4], rng.standard_normal(15)
    fitted = v @ np.linalg.lstsq(v, y, rcond=None)[0]
    assert cumulative_alignment(v, y)[-1] == pytest.approx((fitted @ fitted) / (y @ y))


def test_signs_scale_and_container_do_not_matter(rng):
    v, y = basis(15, rng)[:, :4], rng.standard_normal(15)
    expected = cumulative_alignment(v, y)
    np.testing.assert_allclose(cumulative_alignment(-v, 1e100 * y), expected, rtol=1e-12)
    as_tensors = cumulative_alignment(torch.from_numpy(v), torch.from_numpy(y).requires_grad_())
    np.testing.assert_array_equal(as_tensors, expected)


def test_random_vectors_share_k_over_n(rng):
    v = basis(400, rng)[:, :100]
    assert cumulative_alignment(v, rng.standard_normal(400))[-1] == pytest.approx(0.25, abs=0.08)


# -- kernel-target alignment -----------------------------------------------------------------------


def test_the_labels_own_kernel_is_aligned(rng):
    y = rng.choice([-1.0, 1.0], 30)
    assert kernel_target_alignment(np.outer(y, y), y) == pytest.approx(1, rel=1e-12)


def test_a_kernel_orthogonal_to_the_centred_labels_is_not():
    y = np.array([1.0, 1.0, -1.0, -1.0])
    u = np.array([1.0, -1.0, 1.0, -1.0])
    assert kernel_target_alignment(np.outer(u, u), y) == pytest.approx(0, abs=1e-15)


def test_the_centred_identity_is_spread_evenly(rng):
    # HIH has n - 1 equal eigenvalues, so the alignment is 1 / sqrt(n - 1) for any labels.
    y = rng.standard_normal(17)
    assert kernel_target_alignment(np.eye(17), y) == pytest.approx(0.25, rel=1e-12)


def test_it_is_the_definition_with_explicit_centring(rng):
    x, y = rng.standard_normal((12, 5)), rng.standard_normal(12)
    kernel = x @ x.T
    h = np.eye(12) - 1 / 12
    a, b = h @ kernel @ h, h @ np.outer(y, y) @ h
    expected = (a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)
    assert kernel_target_alignment(kernel, y) == pytest.approx(expected, rel=1e-12)
    assert kernel_target_alignment(torch.from_numpy(kernel), torch.from_numpy(y)) == pytest.approx(
        expected, rel=1e-12
    )


def test_offsets_and_scales_do_not_matter(rng):
    x, y = rng.standard_normal((12, 5)), rng.standard_normal(12)
    kernel = x @ x.T
    moved = kernel_target_alignment(3 * kernel + 7, 10 - 2 * y)
    assert moved == pytest.approx(kernel_target_alignment(kernel, y), rel=1e-9)


def test_it_is_bounded_for_positive_kernels(rng):
    for _ in range(20):
        x, y = rng.standard_normal((10, 3)), rng.standard_normal(10)
        assert 0 <= kernel_target_alignment(x @ x.T, y) <= 1


# -- CKA of kernels -------------------------------------------------------------------------------


def test_kernels_of_representations_give_their_linear_cka(rng):
    x, y = rng.standard_normal((12, 3)), rng.standard_normal((12, 5))
    assert kernel_cka(x @ x.T, y @ y.T) == pytest.approx(linear_cka(x, y), rel=1e-12)


def test_with_the_kernel_of_the_labels_it_is_their_alignment(rng):
    x, y = rng.standard_normal((12, 3)), rng.standard_normal(12)
    expected = kernel_target_alignment(x @ x.T, y)
    assert kernel_cka(x @ x.T, np.outer(y, y)) == pytest.approx(expected, rel=1e-12)


def test_scale_and_what_centring_takes_away_do_not_matter(rng):
    a, shift = rng.standard_normal((9, 9)), rng.standard_normal((9, 1))
    assert kernel_cka(a, 3 * a + shift + shift.T + 2) == pytest.approx(1, rel=1e-12)
    assert kernel_cka(a, -a) == pytest.approx(-1, rel=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.eye(3), np.eye(4), "of one shape"),
        (np.ones((3, 2)), np.ones((3, 2)), "square"),
        (np.eye(3), np.full((3, 3), 2.0), "constant"),
        (np.eye(3), np.diag([1.0, np.inf, 1.0]), "NaN or infinite"),
    ],
)
def test_kernels_that_have_no_cka_are_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        kernel_cka(a, b)


# -- edge energy -----------------------------------------------------------------------------------


def test_edge_energy_by_hand():
    v = np.array([[1.0, 0.0, 1.0], [0.0, 2.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    edge = np.array([True, False, True, False])
    np.testing.assert_allclose(edge_energy(v, edge), [1.0, 0.0, 0.5])


def test_the_edge_and_the_rest_share_the_whole(rng):
    v, edge = rng.standard_normal((30, 4)), rng.random(30) < 0.3
    np.testing.assert_allclose(edge_energy(v, edge) + edge_energy(v, ~edge), 1)
    np.testing.assert_allclose(edge_energy(-5 * v, torch.from_numpy(edge)), edge_energy(v, edge))
    np.testing.assert_allclose(edge_energy(np.ones((30, 1)), edge), edge.mean())


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("v", "y", "message"),
    [
        (np.ones((3, 2)), [1, 2, 3], "orthonormal"),
        (2 * np.eye(3), [1, 2, 3], "orthonormal"),
        (np.eye(3), [1, 2], "2 labels for 3"),
        (np.eye(3), [0, 0, 0], "zero everywhere"),
        (np.eye(3), [1, np.nan, 0], "NaN"),
        (np.eye(3), [[1, 2, 3]], "axes"),
        (np.full((3, 3), np.nan), [1, 2, 3], "NaN"),
        (np.ones((0, 0)), [], "empty"),
        (np.ones(3), [1, 2, 3], "axes"),
    ],
)
def test_cumulative_alignment_refuses(v, y, message):
    with pytest.raises(ValueError, match=message):
        cumulative_alignment(v, y)


@pytest.mark.parametrize(
    ("kernel", "y", "message"),
    [
        (np.eye(3), [0.1, 0.1, 0.1], "constant"),
        (np.full((3, 3), 0.1), [1, 2, 3], "kernel is constant"),
        (np.zeros((3, 3)), [1, 2, 3], "kernel is constant"),
        (np.ones((3, 2)), [1, 2, 3], "square"),
        (np.eye(3), [1, 2], "2 labels for 3"),
        (np.full((3, 3), np.inf), [1, 2, 3], "infinite"),
        (np.ones((0, 0)), [], "empty"),
    ],
)
def test_kernel_target_alignment_refuses(kernel, y, message):
    with pytest.raises(ValueError, match=message):
        kernel_target_alignment(kernel, y)


@pytest.mark.parametrize(
    ("v", "edge", "message"),
    [
        (np.eye(2), [1, 0], "boolean"),
        (np.eye(2), [True], "shape"),
        (np.array([[1.0, 0.0], [1.0, 0.0]]), [True, False], "zero everywhere"),
        (np.array([[np.nan], [1.0]]), [True, False], "NaN"),
        (np.ones((2, 0)), [True, False], "empty"),
    ],
)
def test_edge_energy_refuses(v, edge, message):
    with pytest.raises(ValueError, match=message):
        edge_energy(v, edge)

"""Spectra of matrices against numpy, the eigenproblem itself, and the settled sign."""

import math

import numpy as np
import pytest
import torch

from strata.measures.spectrum import eigenvalues, leading_eigenvectors, singular_values


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def rotation(n, rng):
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


def test_spectra_are_descending_float64_and_agree_with_numpy(rng):
    x = rng.standard_normal((12, 12))
    k = x + x.T
    values = eigenvalues(torch.from_numpy(k).float().requires_grad_())
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, np.linalg.eigvalsh(k)[::-1], atol=1e-5)
    np.testing.assert_allclose(eigenvalues(k), np.linalg.eigvalsh(k)[::-1], atol=1e-12)
    np.testing.assert_allclose(singular_values(x), np.linalg.svd(x)[1], atol=1e-12)


def test_rounding_asymmetry_is_averaged_out(rng):
    x = rng.standard_normal((9, 9))
    k = x + x.T
    noisy = k + 1e-12 * rng.standard_normal((9, 9))
    np.testing.assert_allclose(eigenvalues(noisy), eigenvalues(k), atol=1e-11)


def test_leading_eigenvectors_solve_the_eigenproblem(rng):
    x = rng.standard_normal((25, 25))
    k = x @ x.T
    values, vectors = leading_eigenvectors(k, 7)
    np.testing.assert_allclose(values, eigenvalues(k)[:7], rtol=1e-10)
    np.testing.assert_allclose(k @ vectors, vectors * values, atol=1e-9)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(7), atol=1e-12)


def test_sign_of_eigenvectors_is_settled(rng):
    q = rotation(6, rng)
    values = np.arange(6.0, 0, -1)
    _, vectors = leading_eigenvectors((q * values) @ q.T, 6)
    largest = np.abs(vectors).argmax(axis=0)
    assert (vectors[largest, np.arange(6)] > 0).all()
    # An antisymmetric vector reaches its largest magnitude twice: the first one counts.
    v = np.array([-1.0, -0.2, 0.2, 1.0]) / math.sqrt(2.08)
    for bump in (-1e-15, 1e-15):
        w = v + np.array([bump, 0, 0, 0])
        _, vectors = leading_eigenvectors(np.outer(w, w), 1)
        np.testing.assert_allclose(vectors[:, 0], -v, atol=1e-9)


@pytest.mark.parametrize("decompose", [eigenvalues, lambda k: leading_eigenvectors(k, 1)])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.ones((2, 3)), "square"),
        (np.ones(3), "matrix"),
        (np.ones((0, 0)), "not empty"),
        (np.array([[1.0, 2.0], [0.0, 1.0]]), "not symmetric"),
        (np.array([[1.0, 1e-6], [0.0, 1.0]]), "not symmetric"),
        (np.array([[1, 1], [0, 1]]), "not symmetric"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "NaN"),
        (np.array([[1.0, 1j], [-1j, 1.0]]), "complex"),
    ],
)
def test_bad_kernels_are_refused(decompose, bad, message):
    with pytest.raises(ValueError, match=message):
        decompose(bad)


@pytest.mark.parametrize("bad", [np.ones(3), np.ones((2, 0)), np.full((2, 2), np.inf)])
def test_bad_matrices_are_refused(bad):
    with pytest.raises(ValueError, match="matrix"):
        singular_values(bad)

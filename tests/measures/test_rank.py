"""Soft rank and its siblings, against identities, bounds and small cases worked out by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from strata.measures.rank import (
    NEGATIVE_TOLERANCE,
    numerical_rank,
    soft_rank,
    stable_rank,
    top_share,
)
from strata.measures.spectrum import eigenvalues, leading_eigenvectors, singular_values

SPECTRUM_MEASURES = [soft_rank, stable_rank, numerical_rank, lambda s: top_share(s, 1)]

spectra = hnp.arrays(
    np.float64, st.integers(1, 30), elements=st.just(0.0) | st.floats(1e-8, 1e8)
).filter(lambda s: s.any())


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def rotation(n, rng):
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


# -- known values ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 7, 500])
def test_the_identity_has_every_rank_n(n):
    for spectrum in (eigenvalues(np.eye(n)), singular_values(np.eye(n))):
        assert soft_rank(spectrum) == pytest.approx(n, rel=1e-12)
        assert stable_rank(spectrum) == pytest.approx(n, rel=1e-12)
        assert numerical_rank(spectrum) == n
        assert top_share(spectrum, 1) == pytest.approx(1 / n, rel=1e-12)


def test_small_spectra_by_hand():
    # p = (1/2, 1/4, 1/4): entropy 1.5 ln 2.
    assert soft_rank([2.0, 1.0, 1.0]) == pytest.approx(2**1.5, rel=1e-14)
    assert stable_rank([2.0, 1.0, 1.0]) == 1.5
    assert top_share([1.0, 2.0, 1.0], 1) == 0.5
    assert top_share([1.0, 2.0, 1.0], 3) == 1.0
    assert numerical_rank([2.0, 1.0, 1.0], rtol=0.5) == 1  # strictly above
    assert numerical_rank([2.0, 1.0, 1.0], rtol=0.49) == 3


def test_geometric_spectrum_has_a_closed_form():
    r = 0.7
    entropy = -math.log(1 - r) - r / (1 - r) * math.log(r)
    assert soft_rank(r ** np.arange(400)) == pytest.approx(math.exp(entropy), rel=1e-12)


@pytest.mark.parametrize(("n", "r"), [(5, 1), (40, 3), (60, 60)])
def test_a_projection_has_its_rank(n, r, rng):
    q = rotation(n, rng)[:, :r]
    projection = q @ q.T
    assert soft_rank(eigenvalues(projection)) == pytest.approx(r, rel=1e-9)
    assert stable_rank(singular_values(projection)) == pytest.approx(r, rel=1e-9)
    assert numerical_rank(singular_values(projection)) == r


# -- invariances -----------------------------------------------------------------------------------


@given(spectra, st.floats(1e-100, 1e100), st.randoms())
def test_scale_and_order_do_not_matter(s, scale, random):
    mixed = list(s * scale)
    random.shuffle(mixed)
    for measure in (soft_rank, stable_rank, lambda v: top_share(v, 1)):
        assert measure(mixed) == pytest.approx(measure(s), rel=1e-9)


@given(spectra, st.integers(0, 20))
def test_zeros_change_nothing(s, zeros):
    padded = np.concatenate([s, np.zeros(zeros)])
    for measure in (soft_rank, stable_rank, lambda v: top_share(v, 1)):
        assert measure(padded) == pytest.approx(measure(s), rel=1e-12)


def test_rotation_does_not_matter(rng):
    d = np.diag(rng.uniform(0, 3, 30))
    left, right = rotation(30, rng), rotation(30, rng)
    assert soft_rank(eigenvalues(left @ d @ left.T)) == pytest.approx(soft_rank(np.diag(d)))
    assert soft_rank(singular_values(left @ d @ right)) == pytest.approx(soft_rank(np.diag(d)))


def test_repeating_a_spectrum_multiplies_the_soft_rank(rng):
    # Entropy adds over independent factors: the spectrum of a Kronecker product.
    a, b = rng.uniform(0, 1, 6), rng.uniform(0, 1, 4)
    assert soft_rank(np.kron(a, b)) == pytest.approx(soft_rank(a) * soft_rank(b), rel=1e-12)


# -- bounds ----------------------------------------------------------------------------------------


@given(spectra)
def test_bounds(s):
    positive = int((s > 0).sum())
    slack = 1 + 1e-9  # rounding
    assert soft_rank(s) * slack >= 1
    assert soft_rank(s) <= positive * slack
    # Renyi entropies fall with their order: 1 (soft), 2 (participation ratio), infinity.
    participation = s.sum() ** 2 / (s**2).sum()
    assert s.sum() / s.max() <= participation * slack
    assert participation <= soft_rank(s) * slack
    assert stable_rank(s) * slack >= 1
    assert stable_rank(s) <= s.sum() / s.max() * slack
    assert 1 <= numerical_rank(s) <= positive
    shares = [top_share(s, k) for k in range(1, len(s) + 1)]
    assert np.all(np.diff(shares) >= 0)
    assert shares[-1] == 1
    assert shares[0] >= 1 / len(s) / slack


# -- the two routes --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(20, 20), (30, 8), (8, 30)])
def test_eigenvalues_of_a_gram_matrix_are_squared_singular_values(shape, rng):
    x = rng.standard_normal(shape)
    by_singular = singular_values(x) ** 2
    by_eigen = eigenvalues(x @ x.T)
    np.testing.assert_allclose(by_eigen[: len(by_singular)], by_singular, rtol=1e-9)
    assert soft_rank(by_eigen) == pytest.approx(soft_rank(by_singular), rel=1e-9)
    # Stable rank two ways: the trace over the top eigenvalue.
    assert stable_rank(singular_values(x)) == pytest.approx(1 / top_share(by_eigen, 1), rel=1e-9)


# -- limits ----------------------------------------------------------------------------------------


def test_limits_when_values_vanish():
    previous = 2.0
    for small in 10.0 ** -np.arange(1, 300, 10):
        now = soft_rank([1.0, small])
        assert 1 <= now <= previous
        previous = now
    assert previous == pytest.approx(1, abs=1e-15)
    assert soft_rank([1.0, 5e-324]) == 1.0
    assert soft_rank([5e-324, 5e-324]) == pytest.approx(2)
    assert soft_rank([1e308, 1e308, 1e308]) == pytest.approx(3)
    assert stable_rank([1e200, 1e200]) == pytest.approx(2)


def test_the_zero_spectrum_has_rank_zero():
    assert soft_rank(np.zeros(5)) == 0.0
    assert stable_rank(np.zeros(5)) == 0.0
    assert numerical_rank(np.zeros(5)) == 0
    with pytest.raises(ValueError, match="no shares"):
        top_share(np.zeros(5), 1)


def test_negative_rounding_counts_as_zero():
    s = np.array([4.0, 2.0, 1.0])
    rounded = np.append(s, -0.9 * NEGATIVE_TOLERANCE * s.max())
    for measure in SPECTRUM_MEASURES:
        assert measure(rounded) == measure(s)


def test_a_low_rank_float32_kernel_is_within_rounding(rng):
    x = torch.from_numpy(rng.standard_normal((400, 3)))
    exact = soft_rank(eigenvalues(x @ x.T))
    assert soft_rank(eigenvalues(x.float() @ x.float().T)) == pytest.approx(exact, rel=1e-4)


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", SPECTRUM_MEASURES)
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([], "not empty"),
        ([[1.0, 2.0]], "vector"),
        ([1.0, float("nan")], "NaN"),
        ([1.0, float("inf")], "infinite"),
        ([1.0, -0.1], "negative"),
        ([1.0, -2 * NEGATIVE_TOLERANCE], "negative"),
        ([-1.0, -1.0], "negative"),
        ([0.0, -1e-30], "negative"),
    ],
)
def test_bad_spectra_are_refused(measure, bad, message):
    with pytest.raises(ValueError, match=message):
        measure(bad)
    with pytest.raises(ValueError, match=message):
        measure(torch.tensor(bad))


@pytest.mark.parametrize("k", [0, -1, 4, 1.5, True])
def test_counts_out_of_range_are_refused(k):
    with pytest.raises(ValueError, match=r"1\.\.3"):
        top_share([1.0, 2.0, 3.0], k)
    with pytest.raises(ValueError, match=r"1\.\.3"):
        leading_eigenvectors(np.eye(3), k)


@pytest.mark.parametrize("rtol", [-0.1, 1.0, float("nan")])
def test_tolerances_out_of_range_are_refused(rtol):
    with pytest.raises(ValueError, match="rtol"):
        numerical_rank([1.0, 2.0], rtol=rtol)

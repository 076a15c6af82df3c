"""Variance between groups of atoms: planted groups, the analysis of variance, the null."""

import numpy as np
import pytest
from scipy.stats import f_oneway
from sklearn.cluster import AgglomerativeClustering

from strata.measures.clusters import variance_explained


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def planted(groups, size, rng, d=12, spread=0.05):
    """Atoms around some orthogonal directions, of any lengths, and the group of each."""
    labels = rng.permutation(np.repeat(np.arange(groups), size))
    atoms = np.eye(d)[labels] + spread * rng.standard_normal((len(labels), d))
    return atoms * rng.uniform(0.1, 10, (len(labels), 1)), labels


# -- known answers and second formulas -------------------------------------------------------------


def test_what_the_groups_determine_is_explained_in_full(rng):
    atoms, labels = planted(4, 10, rng)
    found = variance_explained(labels**2, atoms, cuts=(4, 8), rng=rng)
    np.testing.assert_allclose(found.eta2, 1)
    assert (found.excess > 0.7).all()
    # Of values 0, 1, 4, 9 some group of two or three is averaged when there are two groups.
    assert variance_explained(labels**2, atoms, cuts=[2], rng=rng).eta2[0] < 0.95


def test_a_share_of_the_variance_comes_back_as_that_share(rng):
    atoms, labels = planted(2, 1000, rng, d=3)
    for share in (0.1, 0.5, 0.9):
        sign, noise = 2.0 * labels - 1, rng.standard_normal(len(labels))
        values = np.sqrt(share) * sign + np.sqrt(1 - share) * noise
        found = variance_explained(values, atoms, cuts=[2], permutations=5, rng=rng)
        assert found.eta2[0] == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize("cut", [2, 3, 5])
def test_it_is_the_f_test_of_scikit_learns_groups(cut, rng):
    atoms, values = rng.standard_normal((40, 6)), rng.standard_normal(40)
    unit = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
    labels = AgglomerativeClustering(cut, linkage="ward").fit_predict(unit)
    f = f_oneway(*(values[labels == g] for g in range(cut))).statistic
    eta2 = variance_explained(values, atoms, cuts=[cut], rng=rng).eta2[0]
    assert eta2 / (1 - eta2) * (40 - cut) / (cut - 1) == pytest.approx(f, rel=1e-10)


# -- the null --------------------------------------------------------------------------------------


def test_the_mean_of_the_null_is_known(rng):
    atoms, values = rng.standard_normal((40, 6)), rng.standard_exponential(40)
    found = variance_explained(values, atoms, permutations=20_000, rng=rng)
    assert found.cuts == (2, 4, 8, 16)
    np.testing.assert_allclose(found.null_mean, (np.array(found.cuts) - 1) / 39, atol=4e-3)
    assert (found.null_quantile > found.null_mean).all()
    np.testing.assert_array_equal(found.excess, found.eta2 - found.null_mean)


def test_one_in_twenty_of_random_values_exceeds_the_quantile(rng):
    atoms = rng.standard_normal((30, 5))
    above = [
        variance_explained(v, atoms, cuts=(2, 5), rng=rng) for v in rng.standard_normal((400, 30))
    ]
    rate = np.mean([found.eta2 > found.null_quantile for found in above], axis=0)
    np.testing.assert_allclose(rate, 0.05, atol=0.03)


# -- invariances and bounds ------------------------------------------------------------------------


def test_lengths_rotations_units_and_order_do_not_matter(rng):
    atoms, values = rng.standard_normal((25, 4)), rng.standard_normal(25)
    expected = variance_explained(values, atoms, rng=rng).eta2
    rotation = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    mixed = rng.permutation(25)
    for v, rows in [
        (values, atoms * rng.uniform(0.1, 9, (25, 1))),
        (values, 1e200 * atoms),
        (values, atoms @ rotation),
        (5 - 3 * values, atoms),
        (values[mixed], atoms[mixed]),
    ]:
        np.testing.assert_allclose(variance_explained(v, rows, rng=rng).eta2, expected, atol=1e-10)


def test_finer_groups_explain_more_up_to_all(rng):
    atoms, values = rng.standard_normal((20, 4)), rng.standard_normal(20)
    found = variance_explained(values, atoms, cuts=range(2, 21), rng=rng)
    assert (np.diff(found.eta2) >= -1e-12).all()
    assert (found.eta2 >= 0).all()
    assert found.eta2[-1] == pytest.approx(1)
    assert found.null_mean[-1] == pytest.approx(1)


def test_the_order_of_the_cuts_is_kept_and_the_generator_shuffles(rng):
    atoms, values = rng.standard_normal((20, 4)), rng.standard_normal(20)
    one, other = (
        variance_explained(values, atoms, cuts=cuts, rng=np.random.default_rng(3))
        for cuts in ((2, 9, 5), (9, 5, 2))
    )
    np.testing.assert_array_equal(one.eta2, other.eta2[[2, 0, 1]])
    np.testing.assert_array_equal(one.null_quantile, other.null_quantile[[2, 0, 1]])
    assert (variance_explained(values, atoms, rng=rng).null_mean[0] != one.null_mean[0]).all()


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "atoms", "options", "message"),
    [
        ([1, 2, 3], np.eye(4), {}, "values \\(3,\\) and atoms \\(4, 4\\) do not fit"),
        (np.eye(3), np.eye(3), {}, "do not fit"),
        ([1, 2, np.nan], np.eye(3), {}, "NaN"),
        ([1, 2, 3], np.full((3, 2), np.inf), {}, "infinite"),
        ([2, 2, 2], np.eye(3), {}, "all values are equal"),
        ([1, 2, 3], np.diag([1, 1, 0]), {}, "an atom is zero"),
        ([1, 2, 3], np.eye(3), {"cuts": [2, 4]}, "cuts are from 2 to the 3 atoms"),
        ([1, 2, 3], np.eye(3), {"cuts": [1]}, "cuts are from 2"),
        ([1, 2, 3], np.eye(3), {"cuts": []}, "at least one"),
        ([1, 2, 3], np.eye(3), {"permutations": 0}, "permutations must be at least 1"),
    ],
)
def test_bad_inputs_are_refused(values, atoms, options, message, rng):
    with pytest.raises(ValueError, match=message):
        variance_explained(values, atoms, **{"cuts": [2], "rng": rng} | options)

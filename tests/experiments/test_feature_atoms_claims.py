"""What dictionaries have twice, not at all, or only with one seed."""

import numpy as np
import pytest

from strata.experiments import feature_atoms_claims as claims
from strata.runs.result import Result


@pytest.fixture
def atoms():
    return np.abs(np.random.default_rng(0).standard_normal((12, 30))) ** 3


def run(atoms, kappa):
    return Result(arrays={"atoms": atoms, "r2_1": np.tile(1 - np.asarray(kappa), (16, 1))})


def test_a_shuffled_and_scaled_dictionary_is_found_again(atoms):
    rng = np.random.default_rng(1)
    order = rng.permutation(12)
    partner, cosine = claims.matched(atoms, atoms[order] * rng.uniform(0.1, 9, (12, 1)))
    assert order[partner].tolist() == list(range(12))
    np.testing.assert_allclose(cosine, 1)


def test_every_atom_has_a_partner_of_its_own():
    """Both rows are nearest to the first one; the best sum gives one of them the second."""
    one = [[1.0, 0.0], [0.9, 0.1]]
    partner, cosine = claims.matched(one, [[1.0, 0.05], [0.0, 1.0]])
    assert sorted(partner.tolist()) == [0, 1]
    assert cosine.sum() == pytest.approx(
        claims.cosines(one, [[1.0, 0.05], [0.0, 1.0]])[[0, 1], partner].sum()
    )
    with pytest.raises(ValueError, match="matching"):
        claims.matched(one, [[1.0, 0.0]])


def test_twins_are_counted_on_both_sides(atoms):
    assert claims.twins(atoms) == 0
    assert claims.twins(np.vstack([atoms, 3 * atoms[:2]])) == pytest.approx(4 / 14)


def test_the_same_dictionary_is_stable_and_another_is_not(atoms):
    kappa, rng = np.linspace(0, 1, 12), np.random.default_rng(0)
    order = np.random.default_rng(1).permutation(12)
    same = claims.stability([run(atoms, kappa), run(atoms[order], kappa[order])], rng)
    assert (same["cosine"], same["above"], same["complexity"]) == pytest.approx((1, 1, 1))
    other = np.abs(np.random.default_rng(2).standard_normal((12, 30))) ** 3
    new = claims.stability([run(atoms, kappa), run(other, kappa)], rng)
    assert new["cosine"] == pytest.approx(new["shuffled"], abs=0.1)
    assert new["above"] == 0
    assert same["shuffled"] < 0.7


def test_stability_is_a_mean_over_pairs(atoms):
    kappa, rng = np.linspace(0, 1, 12), np.random.default_rng(0)
    other = np.abs(np.random.default_rng(2).standard_normal((12, 30))) ** 3
    runs = [run(atoms, kappa), run(atoms, kappa), run(other, kappa)]
    far = claims.stability(runs[1:], rng)["cosine"]
    assert claims.stability(runs, rng)["cosine"] == pytest.approx((1 + 2 * far) / 3)
    with pytest.raises(ValueError, match="two seeds"):
        claims.stability(runs[:1], rng)

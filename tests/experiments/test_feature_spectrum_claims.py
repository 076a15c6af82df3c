"""The statistics of A1, A2 and A13 to A16 on made-up nets whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
from followed_nets import config
from judging import verdicts
from scipy.stats import spearmanr
from spread_nets import BITS, COMPLEXITY, FEATURES, by_block, spread, tree
from study_a import TINY

from strata.experiments import feature_spectrum
from strata.experiments import feature_spectrum_claims as claims
from strata.experiments.feature_tables import by_net, judged
from strata.runs.result import Result

SEEDS = range(5)


def estimates(statistic, make=spread):
    configs = [config(dictionary=kind, seed=s) for kind in ("joint", "classwise") for s in SEEDS]
    nets = [make(seed=i) for i in range(len(configs))]
    return judged(by_net(configs, nets, statistic), ["hoyer"])


def all_parts(claim, statistic, make=spread):
    """The verdicts on the parts, of which the two kinds of dictionary must have the same here."""
    found = verdicts(claim, estimates(statistic, make))
    kinds = {name.removesuffix("_classwise") for name in found} - {"all"}
    assert all(found[name] == found[name + "_classwise"] for name in kinds)
    return {name: found[name] for name in kinds}


@pytest.mark.claim("A1")
def test_a1_finds_a_spectrum():
    assert set(all_parts("A1", claims.spectrum).values()) == {"reproduced"}


@pytest.mark.claim("A1")
def test_a1_refuses_a_spread_that_random_directions_have_too():
    def make(seed):
        rng = np.random.default_rng(seed)
        return spread(seed, scores={"random_r2": by_block(rng.permutation(1.1 * COMPLEXITY), rng)})

    found = all_parts("A1", claims.spectrum, make)
    assert found == {"range": "reproduced", "halves": "reproduced", "spread": "not reproduced"}


@pytest.mark.claim("A1")
def test_a1_refuses_complexities_that_the_other_half_of_the_images_does_not_have():
    def make(seed):
        rng = np.random.default_rng(seed)
        halves = [by_block(rng.permutation(COMPLEXITY), rng) for _ in range(2)]
        return spread(seed, scores={"half_r2": np.stack(halves)})

    assert all_parts("A1", claims.spectrum, make)["halves"] == "not reproduced"


@pytest.mark.claim("A1")
def test_a1_refuses_complexities_out_of_range():
    def make(seed):
        return spread(seed, r2_1=by_block(COMPLEXITY * 1.5, np.random.default_rng(seed)))

    assert all_parts("A1", claims.spectrum, make)["range"] == "not reproduced"


@pytest.mark.claim("A2")
def test_a2_finds_that_simple_features_are_in_the_pixels():
    assert set(all_parts("A2", claims.pixels).values()) == {"reproduced"}
    assert claims.pixels_beside(spread())["colour"] > 0.5


@pytest.mark.claim("A2")
def test_a2_refuses_features_that_are_in_the_pixels_if_complex():
    def make(seed):
        noise = 0.1 * np.random.default_rng(seed).standard_normal(FEATURES)
        return spread(seed, scores={"lowpass_r2": COMPLEXITY + noise})

    assert set(all_parts("A2", claims.pixels, make).values()) == {"not reproduced"}


@pytest.mark.claim("A2")
def test_a2_refuses_a_correlation_that_comes_from_features_nobody_predicts():
    """What is predictable is simple and in the pixels; beyond that, what is simple is not there."""

    def make(seed):
        rng = np.random.default_rng(seed)
        last, own = rng.uniform(0.2, 1, FEATURES), 0.05 * rng.standard_normal(FEATURES)
        r2 = np.vstack([np.tile(last + own, (15, 1)), last[None]])
        return spread(seed, r2_1=r2, scores={"lowpass_r2": 0.5 * last - 0.3 * own})

    found = all_parts("A2", claims.pixels, make)
    assert found == {"lowpass": "reproduced", "given": "not reproduced"}


@pytest.mark.claim("A13")
def test_a13_finds_that_sparsity_says_nothing_of_complexity():
    assert set(all_parts("A13", claims.locality).values()) == {"reproduced"}


@pytest.mark.claim("A13")
def test_a13_refuses_atoms_that_are_the_sparser_the_simpler():
    def make(seed):
        # Feature of rank r is spread evenly over r + 2 neurons.
        ranks = np.argsort(np.argsort(COMPLEXITY, kind="stable"))
        atoms = (np.arange(FEATURES + 2) < ranks[:, None] + 2).astype(float)
        return spread(seed, atoms=atoms)

    assert set(all_parts("A13", claims.locality, make).values()) == {"not reproduced"}
    assert claims.locality(make(0))["hoyer"] < -0.95


@pytest.mark.claim("A14")
@pytest.mark.claim("A15")
@pytest.mark.parametrize(
    ("claim", "statistic"),
    [("A14", claims.clusters_of_complexity), ("A15", claims.clusters_of_importance)],
)
def test_a14_and_a15_find_groups_within_groups(claim, statistic):
    assert set(all_parts(claim, statistic).values()) == {"reproduced"}


@pytest.mark.claim("A14")
@pytest.mark.claim("A15")
@pytest.mark.parametrize(
    ("claim", "statistic"),
    [("A14", claims.clusters_of_complexity), ("A15", claims.clusters_of_importance)],
)
def test_a14_and_a15_refuse_values_that_have_no_place_in_the_tree(claim, statistic):
    def make(seed):
        rng = np.random.default_rng(seed)
        atoms = tree(rng)[rng.permutation(FEATURES)]
        return spread(seed, atoms=atoms)

    assert "reproduced" not in verdicts(claim, estimates(statistic, make)).values()


@pytest.mark.claim("A14")
def test_a14_refuses_two_groups_and_nothing_below_them():
    def make(seed):
        rng = np.random.default_rng(seed)
        kappa = 0.3 + 0.3 * BITS[:, 0] + 0.05 * rng.standard_normal(FEATURES)
        return spread(seed, r2_1=by_block(kappa, rng))

    found = all_parts("A14", claims.clusters_of_complexity, make)
    assert found == {"first": "reproduced", "growing": "not reproduced"}


def test_the_groups_of_the_tree_are_the_digits():
    """Variances add up over independent digits, so each cut explains those it has seen."""
    net = spread()
    parts = np.array([0.15, 0.25, 0.2, 0.1]) ** 2
    whole = (parts.sum() + 2 * 0.05**2) / 4
    np.testing.assert_allclose(
        claims.groups(net, COMPLEXITY).eta2, parts.cumsum() / 4 / whole, rtol=1e-9
    )


@pytest.mark.claim("A16")
def test_a16_wants_nearly_all_predictions():
    assert set(all_parts("A16", claims.fidelity).values()) == {"reproduced"}
    poor = all_parts("A16", claims.fidelity, lambda seed: spread(seed, fidelity=0.95))
    assert set(poor.values()) == {"not reproduced"}


@pytest.mark.parametrize(
    "statistic",
    [
        claims.spectrum,
        claims.pixels,
        claims.pixels_beside,
        claims.locality,
        claims.clusters_of_complexity,
        claims.clusters_of_importance,
        claims.spectrum_beside,
    ],
)
def test_dead_features_change_nothing(statistic):
    """A dead feature has R² 0 and stands for nothing: it is left out, whatever is stored of it."""
    net, rng = spread(dead=10), np.random.default_rng(1)
    dead = ~net.alive

    def disturbed(arrays):
        return {
            name: np.where(dead, rng.random(a.shape), a) if a.shape[-1] == FEATURES else a
            for name, a in arrays.items()
            if name not in ("variance", "random_r2", "principal_r2")
        }

    other = replace(
        net, found=net.found | disturbed(net.found), scores=net.scores | disturbed(net.scores)
    )
    assert dead.sum() == 10
    assert statistic(other) == statistic(net)


def test_the_study_s_own_score_follows_the_variance():
    variance = np.geomspace(1e-4, 1, FEATURES)
    net = spread(variance=variance)
    raw = claims.raw_complexity(net)
    np.testing.assert_allclose(1 - raw, (1 - net.complexity) * variance)
    assert spearmanr(raw, -variance).statistic > 0.8


def test_results_are_put_together_by_point():
    points = feature_spectrum.Parameters(**TINY).points()
    found = [Result({"fidelity": i / 10}, {"codes": np.full(3, i)}) for i in range(4)]
    scores = [Result({}, {"half_r2": np.full(3, i)}) for i in range(4)]
    nets = claims.gather(points, found, scores)
    assert [net.place for net in nets] == [
        ("shapes", 4, seed, kind) for seed in (0, 1) for kind in ("joint", "classwise")
    ]
    assert [net.fidelity for net in nets] == [0, 0.1, 0.2, 0.3]
    assert all(net.found["codes"][0] == net.scores["half_r2"][0] for net in nets)

"""The statistics of A5 and A6 on made-up nets whose answer is known."""

import numpy as np
import pytest
from followed_nets import BLOCKS, COMPLEXITY, EPOCHS, FEATURES, anew, config, followed
from judging import verdicts

from strata.experiments import feature_epochs_claims as claims
from strata.experiments.feature_tables import by_net, judged

SEEDS = range(5)


def estimates(statistic, make=followed):
    configs = [config(dictionary=kind, seed=s) for kind in ("joint", "classwise") for s in SEEDS]
    nets = [make(seed=i) for i in range(len(configs))]
    return judged(by_net(configs, nets, statistic), ["plateau"])


def with_found(**changes):
    """Maker of nets whose features of each epoch end at other complexities."""

    def make(seed):
        rng = np.random.default_rng([seed, 1])
        return followed(
            seed=seed, found=[anew(e / EPOCHS[-1], rng, 0.005, **changes) for e in EPOCHS]
        )

    return make


def falling(amounts):
    """R² of the final features, (epochs, 16, k), whose complexity falls by ``amounts`` (k,)."""
    times = np.array(EPOCHS)[:, None, None] / EPOCHS[-1]
    return np.broadcast_to(0.1 + np.asarray(amounts) * times, (len(EPOCHS), BLOCKS, FEATURES))


@pytest.mark.claim("A5")
def test_a5_finds_a_rise_that_ends_in_the_middle():
    found = estimates(claims.rise_and_plateau)
    # From .3 + .3 / 4 at the first epoch of eight to .6 at the fourth, for nine tenths of them.
    assert found["rise"].value == pytest.approx(0.9 * 0.225 - 0.1 * 0.075, abs=0.005)
    assert found["plateau"].value == pytest.approx(-0.1 * 0.1, abs=0.005)
    assert set(verdicts("A5", found).values()) == {"reproduced"}


@pytest.mark.claim("A5")
def test_a5_refuses_a_fall_and_a_late_change():
    found = verdicts("A5", estimates(claims.rise_and_plateau, with_found(others=0.1)))
    assert found["rise"] == found["rise_classwise"] == "not reproduced"

    def late(seed):
        net = followed(seed=seed)
        net.found[-1]["r2_1"] = net.found[-1]["r2_1"] - 0.2
        return net

    found = verdicts("A5", estimates(claims.rise_and_plateau, late))
    assert found["plateau"] == found["plateau_classwise"] == "not reproduced"
    assert found["rise"] == "reproduced"


def sinking(seed):
    """The important features, the first four, fall more than the others."""
    rng = np.random.default_rng([seed, 2])
    r2 = falling(np.where(COMPLEXITY < 0.1, 0.6, 0.2))
    return followed(seed=seed, r2_epochs=r2 + 0.005 * rng.standard_normal(r2.shape))


@pytest.mark.claim("A6")
def test_a6_finds_sedimentation():
    found = estimates(claims.sedimentation, sinking)
    assert found["trend"].value == pytest.approx(-1, abs=0.05)
    # They fall from .675 to .5, the mean of all, with them, rises from .405 to .59.
    assert found["gap"].value == pytest.approx(-0.175 - 0.185, abs=0.02)
    # Four of forty are in a random set of four as often as chance says.
    assert found["fixed"].value == pytest.approx(-0.4 * 7 / 8 * 0.9, abs=0.08)
    assert set(verdicts("A6", found).values()) == {"reproduced"}


@pytest.mark.claim("A6")
def test_a6_refuses_important_features_that_become_complex():
    def make(seed):
        rng = np.random.default_rng([seed, 3])
        r2 = falling(np.where(COMPLEXITY < 0.1, -0.1, 0.2))
        found = [anew(e / EPOCHS[-1], rng, 0.005, important=1.2) for e in EPOCHS]
        return followed(seed=seed, found=found, r2_epochs=r2)

    found = verdicts("A6", estimates(claims.sedimentation, make))
    assert set(found.values()) == {"not reproduced"}


@pytest.mark.claim("A6")
def test_a6_tells_a_change_of_members_from_a_change_of_features():
    """The sets chosen anew become simpler, the features themselves all fall alike."""

    def make(seed):
        rng = np.random.default_rng([seed, 4])
        r2 = falling(np.full(FEATURES, 0.5))
        return followed(seed=seed, r2_epochs=r2 + 0.02 * rng.standard_normal(r2.shape))

    found = verdicts("A6", estimates(claims.sedimentation, make))
    assert found["trend"] == found["gap"] == "reproduced"
    assert found["fixed"] != "reproduced"
    assert found["all"] != "reproduced"


@pytest.mark.claim("A6")
@pytest.mark.parametrize(("like", "part"), [("prevalence", "fixed"), ("variance", "fixed_scale")])
def test_a6_sees_through_a_fall_that_goes_with_prevalence_or_size(like, part):
    """The important features are the frequent or the large ones, and all of those fall."""
    values = np.linspace(0.9, 0.1, FEATURES)
    first = np.arange(FEATURES) < FEATURES // claims.STRATA

    def make(seed):
        rng = np.random.default_rng([seed, 5])
        net = followed(
            seed=seed,
            r2_epochs=falling(np.where(first, 0.6, 0.1))
            + 0.02 * rng.standard_normal((len(EPOCHS), BLOCKS, FEATURES)),
        )
        net.found[-1][like] = values
        return net

    found = estimates(claims.sedimentation, make)
    assert abs(found[part].value) < 0.01
    assert verdicts("A6", found)[part] != "reproduced"


def test_a_fixed_set_is_that_of_the_last_epoch_at_every_epoch():
    net = followed(noise=0)
    fixed, random = claims.fixed_set(net)
    np.testing.assert_allclose(fixed, 1 - net.flow["r2_epochs"][:, :, :4].mean(axis=(1, 2)))
    assert random.shape == (claims.DRAWS, len(EPOCHS))
    again = claims.fixed_set(net)[1]
    np.testing.assert_array_equal(random, again)


def test_random_sets_have_as_many_of_each_class_of_prevalence_and_no_dead_features():
    rng = np.random.default_rng(0)
    prevalence = rng.permutation(50) / 50
    alive = np.arange(50) < 40
    chosen = np.array([0, 1, 2, 3, 4, 5])
    sets = claims.matched_sets(prevalence, chosen, alive, rng)
    assert sets.shape == (claims.DRAWS, len(chosen))
    assert alive[sets].all()
    assert all(len(set(row)) == len(chosen) for row in sets.tolist())
    rank = np.argsort(np.argsort(prevalence[:40]))
    classes = rank // 8
    for row in sets:
        assert sorted(classes[row]) == sorted(classes[chosen])
    often = np.bincount(sets.ravel(), minlength=40)
    expected = np.bincount(classes[chosen], minlength=5)[classes] / 8 * claims.DRAWS
    assert np.abs(often - expected).max() < 25


def test_important_features_are_chosen_anew_at_each_epoch():
    net = followed(noise=0)
    net.found[2]["importance"] = net.found[2]["importance"][::-1]
    curve = claims.complexity_of_important(net)
    time = EPOCHS[2] / EPOCHS[-1]
    assert curve[2] == pytest.approx(0.3 + 0.3 * 2 * time)
    assert curve[3] == pytest.approx(0.7 - 0.2 * EPOCHS[3] / EPOCHS[-1])


def test_the_initialisation_is_no_part_of_a_trend():
    net, other = followed(noise=0), followed(noise=0)
    other.found[0]["r2_1"] = other.found[0]["r2_1"] - 5
    other.flow["r2_epochs"][0] = -5
    assert claims.rise_and_plateau(other) == claims.rise_and_plateau(net)
    assert claims.sedimentation(other) == claims.sedimentation(net)
    assert claims.mean_complexity(other)[0] != claims.mean_complexity(net)[0]


def test_dead_features_do_not_count():
    net = followed(noise=0)
    net.found[-1]["variance"] = np.where(np.arange(FEATURES) < 20, 0.0, 1.0)
    net.found[-1]["r2_1"][:, :20] = 0
    assert claims.mean_complexity(net)[-1] == pytest.approx(0.6)
    assert claims.complexity_of_important(net)[-1] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("epochs", "middle"),
    [
        ((0, 1, 3), 3),
        ((0, 1, 2, 3, 5, 8), 3),
        ((0, 1, 2, 3, 4, 6, 8, 10, 12), 6),
        ((0, 5, 6, 9), 6),
    ],
)
def test_the_middle_is_the_epoch_nearest_to_half_after_the_first(epochs, middle):
    net = followed(epochs=epochs)
    assert epochs[claims.middle_epoch(net)] == middle

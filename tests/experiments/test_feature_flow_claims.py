"""The statistics of A3 to A3d and A4 on made-up nets whose answer is known."""

import numpy as np
import pytest
from followed_nets import BLOCKS, COMPLEXITY, EPOCHS, FEATURES, config, followed, learned, ramp
from judging import verdicts

from strata.experiments import feature_flow
from strata.experiments import feature_flow_claims as claims
from strata.experiments.feature_tables import by_net, judged
from strata.runs.result import Result

SEEDS = range(5)
TWO_SIDED = ["magnitude"]


def estimates(statistic, make=followed):
    configs = [config(dictionary=kind, seed=s) for kind in ("joint", "classwise") for s in SEEDS]
    nets = [make(seed=i) for i in range(len(configs))]
    return judged(by_net(configs, nets, statistic), TWO_SIDED)


def changed(**arrays):
    """Maker of nets in which some arrays of the flow are others, plus noise."""

    def make(seed):
        rng = np.random.default_rng([seed, 1])
        noisy = {
            name: array + 0.005 * rng.standard_normal(np.shape(array))
            for name, array in arrays.items()
        }
        return followed(seed=seed, **noisy)

    return make


def branches(stream=None, main=None, shortcut=None, rest=0.5):
    """An array (3, 16, k) of which some branches are given."""
    flat = np.full((BLOCKS, FEATURES), rest)
    return np.stack([flat if array is None else array for array in (stream, main, shortcut)])


def both(name, found):
    return {found[name], found[name + "_classwise"]}


@pytest.mark.claim("A3")
def test_a3_finds_that_complex_features_are_there_later():
    found = estimates(claims.saturation)
    assert found["cka"].value == pytest.approx(11 * 36 / 39, abs=0.5)
    assert set(verdicts("A3", found).values()) == {"reproduced"}


@pytest.mark.claim("A3")
def test_a3_refuses_features_that_all_arrive_together_or_the_other_way_round():
    late = 12 - 11 * COMPLEXITY
    found = verdicts("A3", estimates(claims.saturation, changed(cka=branches(ramp(late, 4.0)))))
    assert both("cka", found) == {"not reproduced"}
    assert both("r2", found) == {"reproduced"}
    together = branches(ramp(np.full(FEATURES, 6.0)))
    found = verdicts("A3", estimates(claims.saturation, changed(cka=together)))
    assert both("cka", found) <= {"not reproduced", "inconclusive"}


@pytest.mark.claim("A3")
def test_a3_refuses_simple_features_that_are_earlier_but_not_early():
    """All come six blocks later than usual: the order is right, the simplest are at block 9."""
    late = np.minimum(9 + 6 * COMPLEXITY, 15)
    found = estimates(claims.saturation, changed(cka=branches(ramp(late, 1.0))))
    assert found["early"].value > 8.5
    found = verdicts("A3", found)
    assert both("cka", found) == {"reproduced"}
    assert both("early", found) == {"not reproduced"}


@pytest.mark.claim("A3d")
def test_a3d_finds_features_that_differ_more_than_random_directions():
    found = estimates(claims.saturation_beyond_selection)
    assert set(verdicts("A3d", found).values()) == {"reproduced"}


@pytest.mark.claim("A3d")
def test_a3d_refuses_what_random_directions_show_as_well():
    """Their spread is wider than that of the features."""
    late = 15 * COMPLEXITY - 3
    wider = changed(random_cka=ramp(late, 4.0), random_r2=ramp(late, 4.0))
    found = estimates(claims.saturation_beyond_selection, wider)
    assert found["cka"].value == pytest.approx(-4, abs=2)
    assert set(verdicts("A3d", found).values()) == {"not reproduced"}
    assert estimates(claims.saturation, wider) == estimates(claims.saturation)


@pytest.mark.claim("A3b")
def test_a3b_tells_rising_from_falling_branches():
    found = estimates(claims.accumulation)
    assert found["main"].value == pytest.approx(1, abs=0.05)
    assert set(verdicts("A3b", found).values()) == {"reproduced"}
    rising, falling = ramp(np.full(FEATURES, 1.0), 15), 1 - ramp(np.full(FEATURES, 1.0), 15)
    split = branches(main=falling, shortcut=rising)
    found = verdicts("A3b", estimates(claims.accumulation, changed(cka=split)))
    assert both("main", found) == {"not reproduced"}
    assert both("residual", found) == {"reproduced"}
    assert found["all"] == "not reproduced"


@pytest.mark.claim("A3b")
def test_a3b_looks_at_complex_features_alone():
    """The simple ones fall, and are not asked."""
    rising = ramp(np.full(FEATURES, 1.0), 15)
    mixed = np.where(COMPLEXITY < 0.8, 1 - rising, rising)
    found = estimates(claims.accumulation, changed(cka=branches(main=mixed, shortcut=mixed)))
    assert found["main"].value > 0.95


@pytest.mark.claim("A3c")
def test_a3c_finds_a_fall_and_a_gap_at_every_block():
    found = estimates(claims.main_branch)
    assert found["slope"].value == pytest.approx(-0.03, abs=0.003)
    assert found["gap"].value == pytest.approx(0.33, abs=0.05)  # at the last block
    assert set(verdicts("A3c", found).values()) == {"reproduced"}


@pytest.mark.claim("A3c")
def test_a3c_refuses_a_rise_and_a_gap_that_closes_at_one_block():
    rising = np.linspace(0.2, 0.8, BLOCKS)[:, None] * (1 - 0.5 * COMPLEXITY)
    crossing = rising.copy()
    crossing[7] = crossing[7, ::-1]
    found = estimates(claims.main_branch, changed(r2_branches=branches(main=crossing)))
    assert found["gap"].value < 0
    found = verdicts("A3c", found)
    assert both("slope", found) == both("gap", found) == {"not reproduced"}


def epochs_of(late, final=1.0):
    """R² at each epoch that rises from 0 to ``final`` around a time ``late`` (k,), all blocks."""
    late = np.asarray(late)
    times = np.array(EPOCHS)[:, None, None] / EPOCHS[-1]
    shape = (len(EPOCHS), BLOCKS, FEATURES)
    rise = np.clip(times / (0.1 + 0.9 * late), 0, 1)
    return np.broadcast_to(rise * final, shape).copy()


@pytest.mark.claim("A4")
def test_a4_finds_features_that_are_complex_and_late():
    found = estimates(claims.complexity_and_time)
    assert found["spearman"].value > 0.9
    assert found["pearson"].value == found["magnitude"].value
    found = verdicts("A4", found)
    assert found.pop("magnitude") == found.pop("magnitude_classwise") == "not reproduced"
    assert found.pop("all") == "not reproduced"
    assert set(found.values()) == {"reproduced"}


@pytest.mark.claim("A4")
def test_a4_accepts_a_correlation_of_about_a_half():
    def make(seed):
        rng = np.random.default_rng([seed, 2])
        mixed = np.argsort(np.argsort(COMPLEXITY + 0.5 * rng.standard_normal(FEATURES)))
        r2 = epochs_of(mixed / FEATURES)
        r2[-1] = ramp(1 + 11 * COMPLEXITY)
        return followed(seed=seed, r2_epochs=r2 + 0.01 * rng.standard_normal(r2.shape))

    found = estimates(claims.complexity_and_time, make)
    assert 0.4 < found["magnitude"].value < 0.6
    assert set(verdicts("A4", found).values()) == {"reproduced"}


@pytest.mark.claim("A4")
def test_a4_refuses_complex_features_that_come_first():
    r2 = epochs_of(1 - COMPLEXITY)
    r2[-1] = ramp(1 + 11 * COMPLEXITY)
    found = verdicts("A4", estimates(claims.complexity_and_time, changed(r2_epochs=r2)))
    assert set(found.values()) == {"not reproduced"}


@pytest.mark.claim("A4")
def test_a4_sees_through_a_correlation_that_only_the_shared_term_makes():
    """Features differ in the last block of the last epoch, and elsewhere only by chance."""

    def make(seed):
        rng = np.random.default_rng([seed, 3])
        r2 = rng.uniform(0.4, 0.6, (len(EPOCHS), BLOCKS, FEATURES))
        r2[-1, -1] = np.linspace(1.4, -0.4, FEATURES)
        return followed(seed=seed, r2_epochs=r2)

    found = estimates(claims.complexity_and_time, make)
    assert found["pearson"].value > 0.75
    found = verdicts("A4", found)
    assert both("pearson", found) == both("spearman", found) == {"reproduced"}
    assert "reproduced" not in both("unshared", found) | both("partial", found)


def test_what_is_shared_is_left_out_of_both():
    """Changing the last block of the last epoch changes neither."""
    net = followed(noise=0)
    r2 = net.flow["r2_epochs"].copy()
    r2[-1, -1] += 7
    other = followed(noise=0, r2_epochs=r2)
    for before, after in zip(
        claims.unshared_scores(net), claims.unshared_scores(other), strict=True
    ):
        np.testing.assert_array_equal(before, after)
    assert net.complexity - other.complexity == pytest.approx(7 / BLOCKS)


def test_time_to_decode_leaves_out_the_initialisation():
    net = followed(noise=0)
    r2 = net.flow["r2_epochs"].copy()
    r2[0] = 99
    assert claims.complexity_and_time(net) == claims.complexity_and_time(
        followed(noise=0, r2_epochs=r2)
    )
    assert net.decode_scores.shape == (len(EPOCHS) - 1, FEATURES)
    np.testing.assert_allclose(net.decode_scores[0], ramp(1 + 11 * COMPLEXITY)[-1] * learned(1 / 8))


def test_first_block_counts_from_one_and_a_feature_that_is_nowhere_counts_last():
    values = np.array([[0.5, 0.0, 0.2, 0.0], [0.1, 0.0, 0.2, -0.2], [1.0, 0.0, 0.2, -0.1]])
    assert claims.first_block(values, 0.5).tolist() == [1, 3, 1, 3]
    assert claims.first_block(values, 1.0).tolist() == [3, 3, 1, 3]


def test_dead_features_are_left_out():
    """A dead one has R² 0 everywhere, which looks most complex."""
    net = followed()
    flow = {name: array.copy() for name, array in net.flow.items()}
    for name in ("cka", "r2_branches", "r2_epochs"):
        flow[name][..., -5:] = 0
    found = [dict(arrays) for arrays in net.found]
    found[-1]["variance"] = np.r_[np.ones(FEATURES - 5), np.zeros(5)]
    dead = followed(found=found, **flow)
    _, complex_ = dead.tenths
    assert sorted(complex_) == list(range(FEATURES - 9, FEATURES - 5))
    for statistic in (claims.saturation, claims.accumulation, claims.main_branch):
        assert np.isfinite(list(statistic(dead).values())).all()
    assert claims.complexity_and_time(dead)["spearman"] > 0.9


def test_follow_brings_the_epochs_of_each_net_together_in_order():
    points = [
        feature_flow.Config(features=config(dictionary=kind, seed=seed))
        for kind in ("joint", "classwise")
        for seed in (0, 1)
    ]
    flows = [Result(arrays={"cka": np.array([i])}) for i in range(4)]
    every = [
        point.features.model_copy(update={"epoch": epoch})
        for epoch in (3, 0, 1)
        for point in reversed(points)
    ]
    found = [Result(arrays={"epoch": np.array([c.epoch, c.net.seed])}) for c in every]
    nets = claims.follow(points, flows, every, found)
    assert [net.flow["cka"][0] for net in nets] == [0, 1, 2, 3]
    assert [net.place[2:] for net in nets] == [
        (0, "joint"),
        (1, "joint"),
        (0, "classwise"),
        (1, "classwise"),
    ]
    for net in nets:
        assert net.epochs == (0, 1, 3)
        assert [f["epoch"].tolist() for f in net.found] == [[e, net.place[2]] for e in (0, 1, 3)]
    with pytest.raises(KeyError):
        claims.follow(points, flows, every[1:], found[1:])

"""The statistics of C8 on made-up tables whose answer is known, and what C8 and C9 share."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from core_spurious_nets import BUDGET, DEPTHS, SEEDS, SPREAD, later, nets, noisy
from judging import verdicts

from strata.experiments import core_spurious_claims as claims
from strata.runs.result import Result
from strata.training import Schedule


def stated(net: object) -> bool:
    return (net.strength, net.agreement, net.noise_dims) == (0.25, 0.9, 0)


def weak(net: object) -> bool:
    return net.strength <= 0.03 and (net.agreement, net.noise_dims) == (0.9, 0)


@pytest.mark.claim("C8")
def test_c8_tells_nets_that_rely_more_with_depth_from_nets_that_do_not():
    worse = nets(conflicting=noisy(lambda net: 1 - 0.05 * net.depth if stated(net) else 0.5))
    found = claims.reliance_on_depth(worse)
    assert found["depth"].value == pytest.approx(-0.25, abs=2 * SPREAD)
    assert verdicts("C8", found)["all"] == "reproduced"
    found = claims.reliance_on_depth(nets())
    assert found["depth"].value == found["depth"].low == 0
    assert verdicts("C8", found)["all"] == "not reproduced"


@pytest.mark.claim("C8")
def test_c8_looks_at_the_stated_parameters_only():
    elsewhere = nets(conflicting=noisy(lambda net: 1.0 if stated(net) else 1 - 0.1 * net.depth))
    assert verdicts("C8", claims.reliance_on_depth(elsewhere))["all"] == "not reproduced"


@pytest.mark.claim("C8b")
def test_c8b_finds_a_gap_that_patience_opens_and_the_budget_closes():
    shapes = {
        "conflicting": noisy(lambda net: 0.98 if weak(net) else 0.1),
        "conflicting_patience": noisy(lambda net: 0.9 - 0.15 * net.depth if weak(net) else 0.5),
    }
    found = claims.depth_or_patience(nets(**shapes))
    assert found["patience"].value == pytest.approx(0.75, abs=2 * SPREAD)
    assert found["budget"].value == pytest.approx(0, abs=2 * SPREAD)
    assert found["rule"].value == pytest.approx(0.98, abs=2 * SPREAD)
    assert set(verdicts("C8b", found).values()) == {"reproduced"}


@pytest.mark.claim("C8b")
def test_c8b_refuses_a_gap_that_stays_and_one_that_was_never_there():
    gap = noisy(lambda net: 0.9 - 0.15 * net.depth)
    stays = claims.depth_or_patience(nets(conflicting=gap, conflicting_patience=gap))
    found = verdicts("C8b", stays)
    assert (found["patience"], found["budget"]) == ("reproduced", "not reproduced")
    assert found["rule"] != "reproduced"
    found = verdicts("C8b", claims.depth_or_patience(nets()))
    assert (found["patience"], found["budget"]) == ("not reproduced", "reproduced")
    assert found["rule"] == "not reproduced"


@pytest.mark.claim("C8b")
def test_c8b_is_the_mean_over_the_weak_strengths():
    """Where patience stops only the weakest core, 0.01, has a gap, of 0.8."""

    def stopped(net: SimpleNamespace) -> float:
        return 0.2 if (net.strength, net.depth) == (0.01, 6) else 1.0

    found = claims.depth_or_patience(nets(conflicting_patience=stopped))
    assert found["patience"].value == pytest.approx(0.4)
    assert found["rule"].value == pytest.approx(0.4)
    assert found["budget"].value == 0


@pytest.mark.claim("C8c")
def test_c8c_wants_the_core_learned_at_every_p_but_one():
    found = claims.correlation(nets())
    assert (found["perfect"].value, found["imperfect"].value) == (0, 1)
    assert set(verdicts("C8c", found).values()) == {"reproduced"}
    learned = verdicts("C8c", claims.correlation(nets(conflicting=lambda net: 1.0)))
    assert (learned["perfect"], learned["imperfect"]) == ("not reproduced", "reproduced")
    none = verdicts("C8c", claims.correlation(nets(conflicting=lambda net: 0.0)))
    assert (none["perfect"], none["imperfect"]) == ("reproduced", "not reproduced")


@pytest.mark.claim("C8c")
def test_c8c_takes_the_best_depth_at_p_1_and_the_worst_depth_and_p_below_at_one_strength():
    """A single depth decides; other strengths and noise would say the opposite still more."""

    def conflicting(net: SimpleNamespace) -> float:
        if net.strength != 0.1 or net.noise_dims:
            return float(net.agreement == 1)
        if net.agreement == 1:
            return 0.3 if net.depth == 3 else 0.0
        return 0.6 if (net.agreement, net.depth) == (0.7, 3) else 1.0

    found = claims.correlation(nets(conflicting=conflicting))
    assert (found["perfect"].value, found["imperfect"].value) == pytest.approx((0.3, 0.6))
    assert set(verdicts("C8c", found).values()) == {"not reproduced"}


@pytest.mark.claim("C8c")
def test_c8c_picks_the_best_and_the_worst_of_each_seed():
    """The exceptions lie at another depth and p in every other seed: a mean would halve them."""

    def conflicting(net: SimpleNamespace) -> float:
        odd_one = (0.7, 1) if net.seed % 2 else (0.9, 6)
        if net.agreement == 1:
            return float(net.depth == odd_one[1])
        return float((net.agreement, net.depth) != odd_one)

    found = claims.correlation(nets(conflicting=conflicting))
    assert (found["perfect"].value, found["imperfect"].value) == (1, 0)


@pytest.mark.claim("C8d")
def test_c8d_tells_later_from_sooner_and_from_the_same():
    def epochs(power: float) -> Callable[[SimpleNamespace], float]:
        return noisy(lambda net: 500.0 * net.depth**power if weak(net) else 100.0, size=5.0)

    found = claims.time_to_core(nets(epochs_to_core=epochs(0.5)))
    assert found["epochs"].value == pytest.approx(6**0.5, rel=0.02)
    assert verdicts("C8d", found)["all"] == "reproduced"
    found = claims.time_to_core(nets(epochs_to_core=epochs(-0.5)))
    assert found["epochs"].value == pytest.approx(6**-0.5, rel=0.02)
    assert verdicts("C8d", found)["all"] == "not reproduced"
    assert verdicts("C8d", claims.time_to_core(nets()))["all"] == "not reproduced"


@pytest.mark.claim("C8d")
def test_c8d_counts_a_net_that_did_not_learn_with_the_whole_budget():
    deep = nets(epochs_to_core=lambda net: None if net.depth == 6 else 500.0)
    found = claims.time_to_core(deep)
    assert found["epochs"].value == pytest.approx(BUDGET / 500)
    assert verdicts("C8d", found)["all"] == "reproduced"
    none = nets(epochs_to_core=lambda net: None)
    assert claims.epochs_to_core(none).tolist() == [BUDGET] * len(none)
    assert claims.time_to_core(none)["epochs"].value == pytest.approx(1)
    assert verdicts("C8d", claims.time_to_core(none))["all"] != "reproduced"


def test_a_cell_has_the_rows_with_these_values_and_is_not_empty():
    found = claims.cell(nets(), strength=0.1, noise_dims=200)
    assert len(found) == len(DEPTHS) * len(SEEDS)
    assert set(found["strength"]) == {0.1}
    with pytest.raises(ValueError, match=r"strength.*0\.2"):
        claims.cell(nets(), strength=0.2)


STATISTICS = (
    claims.reliance_on_depth,
    claims.depth_or_patience,
    claims.correlation,
    claims.time_to_core,
    claims.transition_slope,
    claims.transition_needs_core,
    claims.noise_pins_transition,
)


def test_the_estimates_do_not_depend_on_the_order_of_the_rows():
    rng = np.random.default_rng(0)
    table = nets(transition=lambda net: rng.normal(), epochs_to_core=lambda net: rng.uniform(1, 9))
    mixed = table.sample(frac=1, random_state=0)
    for statistic in STATISTICS:
        for name, estimate in statistic(table).items():
            assert statistic(mixed)[name].low == pytest.approx(estimate.low), (statistic, name)


@pytest.mark.parametrize(
    ("statistic", "cell"),
    [
        (claims.reliance_on_depth, (0.25, 0.9, 0)),
        (claims.depth_or_patience, (0.01, 0.9, 0)),
        (claims.correlation, (0.1, 0.7, 0)),
        (claims.time_to_core, (0.03, 0.9, 0)),
        (claims.transition_slope, (0.1, 0.9, 0)),
        (claims.transition_needs_core, (0.1, 0.9, 0)),
        (claims.noise_pins_transition, (0.1, 0.9, 200)),
    ],
)
def test_a_missing_net_is_an_error_and_not_a_smaller_sample(statistic, cell):
    table = nets(transition=noisy(later(1.0)))
    columns = ["strength", "agreement", "noise_dims", "depth", "seed"]
    missing = table[columns].apply(tuple, axis=1) == (*cell, 6, 2)
    assert missing.sum() == 1
    with pytest.raises(ValueError, match="not complete"):
        statistic(table[~missing])


def test_the_table_has_a_row_a_net():
    point = SimpleNamespace(
        strength=0.1,
        agreement=0.9,
        noise_dims=3,
        depth=6,
        seed=1,
        schedule=Schedule(lr=0.01, epochs=70),
    )
    metrics = {"transition": None, "epochs_to_core": None, "covariance_ranks": [1.0, 2.0]}
    row = claims.table([point], [Result(metrics=metrics)]).iloc[0]
    fields = ["strength", "agreement", "noise_dims", "depth", "seed", "budget"]
    assert row[fields].tolist() == [0.1, 0.9, 3, 6, 1, 70]
    assert np.isnan(row["transition"])
    assert row["covariance_ranks"] == [1.0, 2.0]
    with pytest.raises(ValueError, match="shorter"):
        claims.table([point], [])

"""The statistics of C9 on made-up tables whose answer is known."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from core_spurious_nets import SEEDS, SPREAD, later, nets, noisy
from judging import verdicts

from strata.experiments import core_spurious_claims as claims


@pytest.mark.claim("C9")
def test_c9_tells_an_earlier_transition_from_a_later_one():
    found = claims.transition_slope(nets(transition=noisy(later(1.5))))
    assert found["slope"].value == pytest.approx(1.5, abs=3 * SPREAD)
    assert found["slope"].n == len(SEEDS)
    assert verdicts("C9", found)["all"] == "reproduced"
    found = claims.transition_slope(nets(transition=noisy(later(-1.5))))
    assert verdicts("C9", found)["all"] == "not reproduced"


@pytest.mark.claim("C9")
def test_c9_looks_at_the_deepest_nets_that_learned_the_core_at_p_09_without_noise():
    def transition(net: SimpleNamespace) -> float:
        counts = (net.agreement, net.noise_dims, net.depth) == (0.9, 0, 6) and net.strength > 0.03
        return later(1.5)(net) if counts else 6.0

    def conflicting(net: SimpleNamespace) -> float:
        return 0.94 if net.strength <= 0.03 else 0.95

    found = claims.transition_slope(nets(transition=transition, conflicting=conflicting))
    assert found["slope"].value == pytest.approx(1.5)


def test_the_line_of_c9_is_fitted_to_the_strengths_of_each_seed():
    """One seed learned two strengths only, another none without a transition."""

    def transition(net: SimpleNamespace) -> float | None:
        return None if net.seed == 0 and net.strength < 0.2 else later(net.seed)(net)

    found = claims.transition_slope(nets(transition=transition))
    assert found["slope"].value == pytest.approx(np.mean(SEEDS))
    assert found["slope"].n == len(SEEDS)


def test_a_seed_with_a_single_strength_has_no_slope():
    alone = nets(conflicting=lambda net: float(net.seed > 1 or net.strength == 1.0))
    assert claims.transition_slope(alone)["slope"].n == len(SEEDS) - 2


@pytest.mark.parametrize("statistic", [claims.transition_slope, claims.noise_pins_transition])
def test_where_fewer_than_two_seeds_learned_the_core_there_is_no_estimate(statistic):
    for seeds in (0, 1):
        few = nets(conflicting=lambda net, seeds=seeds: float(net.seed < seeds))
        with pytest.raises(ValueError, match="fewer than two seeds learned the core"):
            statistic(few)
    two = nets(conflicting=lambda net: float(net.seed < 2))
    assert {estimate.n for estimate in statistic(two).values()} == {2}


def test_seeds_with_a_single_strength_do_not_make_a_slope():
    few = nets(conflicting=lambda net: float(net.seed == 0 or net.strength == 1.0))
    with pytest.raises(ValueError, match="fewer than two seeds learned the core"):
        claims.transition_slope(few)


@pytest.mark.claim("C9b")
def test_c9b_wants_a_transition_exactly_where_the_core_is_learned():
    def learned(net: SimpleNamespace) -> float:
        return 1.0 if net.strength > 0.05 else 0.5

    shapes = {"conflicting": learned, "transition": lambda net: 2.0 if learned(net) == 1 else None}
    found = claims.transition_needs_core(nets(**shapes))
    assert found["agreement"].value == 1
    assert verdicts("C9b", found)["all"] == "reproduced"
    shapes["transition"] = lambda net: None if learned(net) == 1 else 2.0
    found = claims.transition_needs_core(nets(**shapes))
    assert found["agreement"].value == 0
    assert verdicts("C9b", found)["all"] == "not reproduced"


@pytest.mark.claim("C9b")
def test_c9b_counts_a_transition_at_map_0_and_either_kind_of_exception():
    learned = {"conflicting": lambda net: 1.0}
    everywhere = nets(**learned, transition=lambda net: 0.0)
    assert claims.transition_needs_core(everywhere)["agreement"].value == 1
    unlearned = nets(transition=lambda net: 0.0, conflicting=lambda net: float(net.strength > 0.05))
    without = nets(**learned, transition=lambda net: 2.0 if net.strength > 0.05 else None)
    for half in (unlearned, without):
        found = claims.transition_needs_core(half)
        assert found["agreement"].value == 0.5
        assert verdicts("C9b", found)["all"] == "not reproduced"


@pytest.mark.claim("C9b")
def test_c9b_looks_at_the_deepest_nets_without_noise_up_to_the_stated_strength():
    def counts(net: SimpleNamespace) -> bool:
        return net.strength <= 0.25 and (net.noise_dims, net.depth) == (0, 6)

    learned = {"conflicting": lambda net: 1.0}
    inside = nets(**learned, transition=lambda net: 2.0 if counts(net) else None)
    assert claims.transition_needs_core(inside)["agreement"].value == 1
    outside = nets(**learned, transition=lambda net: None if counts(net) else 2.0)
    assert claims.transition_needs_core(outside)["agreement"].value == 0


@pytest.mark.claim("C9b")
def test_c9b_counts_every_p_and_strength_alike():
    """At p = 1 the core is not learned but the ranks rise: a third of the nets."""
    found = claims.transition_needs_core(nets())
    assert found["agreement"].value == pytest.approx(2 / 3)
    assert verdicts("C9b", found)["all"] == "not reproduced"

    def one_cell(net: SimpleNamespace) -> float | None:
        return None if net.agreement == 1 or (net.agreement, net.strength) == (0.7, 0.1) else 2.0

    found = claims.transition_needs_core(nets(transition=one_cell))
    assert found["agreement"].value == pytest.approx(1 - 1 / 12)
    assert verdicts("C9b", found)["all"] == "reproduced"


def amid_noise(place: Callable[[SimpleNamespace], float]) -> Callable[[SimpleNamespace], float]:
    """A transition at a place in the deepest nets with most noise, far from it elsewhere."""

    def transition(net: SimpleNamespace) -> float:
        if (net.noise_dims, net.depth) == (200, 6):
            return place(net)
        return 5.0 if place(net) in (1, 2) else 1.0

    return transition


@pytest.mark.claim("C9c")
@pytest.mark.parametrize(("place", "share"), [(0.0, 0), (1.0, 1), (2.0, 1), (3.0, 0), (6.0, 0)])
def test_c9c_tells_a_pinned_transition_from_an_earlier_and_a_later_one(place, share):
    found = claims.noise_pins_transition(nets(transition=amid_noise(lambda net: place)))
    assert (found["place"].value, found["place"].n) == (share, len(SEEDS))
    assert verdicts("C9c", found)["all"] == ("reproduced" if share else "not reproduced")


@pytest.mark.claim("C9c")
def test_c9c_does_not_let_early_and_late_transitions_cancel():
    """Half of the seeds at map 0, the others at map 3: 1.5 in the mean, and none at 1 or 2."""
    found = claims.noise_pins_transition(
        nets(transition=amid_noise(lambda net: 3.0 * (net.seed % 2)))
    )
    assert found["place"].value == found["place"].high == 0
    assert verdicts("C9c", found)["all"] == "not reproduced"


@pytest.mark.claim("C9c")
def test_c9c_is_the_share_of_strengths_in_each_seed():
    """Three of five strengths are not enough; all but one of thirty nets are."""
    three = amid_noise(lambda net: 4.0 if net.strength > 0.2 else 2.0)
    found = claims.noise_pins_transition(nets(transition=three))
    assert found["place"].value == pytest.approx(0.6)
    assert verdicts("C9c", found)["all"] == "not reproduced"
    single = amid_noise(lambda net: 4.0 if (net.strength, net.seed) == (1.0, 2) else 2.0)
    found = claims.noise_pins_transition(nets(transition=single))
    assert found["place"].value == pytest.approx(1 - 1 / 30)
    assert verdicts("C9c", found)["all"] == "reproduced"


@pytest.mark.claim("C9c")
def test_c9c_leaves_out_what_did_not_learn_the_core():
    """Each seed counts alike, however many of its nets learned."""

    def conflicting(net: SimpleNamespace) -> float:
        return 0.95 if net.strength > (0.05 if net.seed else 0.5) else 0.94

    def place(net: SimpleNamespace) -> float:
        return 1.0 if conflicting(net) == 0.95 and net.seed else 6.0

    found = claims.noise_pins_transition(
        nets(conflicting=conflicting, transition=amid_noise(place))
    )
    assert found["place"].value == pytest.approx(5 / 6)
    assert found["place"].n == len(SEEDS)

"""The statistics of B10, B11 and BV5 on made-up tables whose answer is known."""

import numpy as np
import pytest
from judging import verdicts
from use_tables import ORDERS, PLACES, SEEDS, SHAPE, table

from strata.experiments import component_gain_claims as claims


def both(gains: np.ndarray, **columns: np.ndarray):
    """A table whose cold and warm students gain alike."""
    return table(gain=gains, gain_warm=gains, **columns)


def gaining(points: np.ndarray | list[float], noise: float = 0.2, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.broadcast_to(points, SHAPE) + noise * rng.normal(size=SHAPE)


@pytest.mark.claim("B10")
def test_b10_asks_for_a_gain_at_the_second_order_of_most_nets():
    nets = both(gaining([-9, 2, -9, -9, -9]))
    found = claims.better_without_the_rest(nets)
    assert found["gain"].value == pytest.approx(2, abs=0.1)
    assert found["nets"].value == 1
    assert set(verdicts("B10", found).values()) == {"reproduced"}
    nets = both(gaining([9, -2, 9, 9, 9]))
    assert set(verdicts("B10", claims.better_without_the_rest(nets)).values()) == {"not reproduced"}


@pytest.mark.claim("B10")
def test_b10_is_judged_on_warm_students_and_can_be_asked_of_cold_ones():
    nets = table(gain=gaining([0, 2, 0, 0, 0]), gain_warm=gaining([0, -2, 0, 0, 0]))
    found = verdicts("B10", claims.better_without_the_rest(nets))
    assert set(found.values()) == {"not reproduced"}
    assert claims.better_without_the_rest(nets, "")["gain"].value == pytest.approx(2, abs=0.1)


@pytest.mark.claim("B10")
def test_b10_is_not_won_by_a_few_nets_that_gain_much():
    gains = gaining(np.where(PLACES[2] == 0, 40.0, -1.0))
    found = verdicts("B10", claims.better_without_the_rest(both(gains)))
    assert found["gain"] == "reproduced"
    assert found["nets"] == found["all"] == "not reproduced"


def test_an_equal_score_is_half_a_win():
    assert claims.wins(np.zeros((2, 3, 4))).tolist() == [0.5, 0.5]
    assert claims.wins(np.array([[[1.0, 0.0]]])).tolist() == [0.75]


def test_the_gain_at_the_own_depth_is_that_of_the_order_nearest_to_it():
    """Of 1, 2, 4, 7 and 13 these are 4, 7 and 13."""
    found = claims.at_own_depth(both(np.broadcast_to(ORDERS, SHAPE)))
    assert found.shape == SHAPE[:3]
    assert found[0, :, 0].tolist() == [4, 7, 13]


def test_a_shallower_net_stands_beside_students_of_its_depth():
    """Depths 4, 8 and 16 have accuracies 90, 80 and 60; students gain their order, or half."""
    accuracy = np.array([90.0, 80.0, 60.0])[None, :, None, None]
    orders = np.array(ORDERS)
    found = claims.shallower(table(net=accuracy, gain=orders, gain_own=orders / 2))
    assert found["net"].tolist() == [20] * len(SEEDS)
    assert found["gain"].tolist() == [4] * len(SEEDS)
    assert found["gain_own"].tolist() == [2] * len(SEEDS)
    with pytest.raises(ValueError, match="two depths"):
        claims.shallower(table(shape=(2, 1, 2, 5), net=np.ones((2, 1, 2, 5))))


@pytest.mark.claim("B11")
def test_b11_finds_a_gain_that_rises_and_falls():
    found = claims.rises_then_falls(both(gaining([0, 3, 2, 1, 0])))
    assert found["rise"].value == pytest.approx(3, abs=0.2)
    assert found["fall"].value == pytest.approx(3, abs=0.2)
    assert found["interior"].value == pytest.approx(1 - 3 / 5)
    assert set(verdicts("B11", found).values()) == {"reproduced"}


@pytest.mark.claim("B11")
def test_b11_refuses_a_gain_that_only_rises_even_if_it_bends():
    """A curve that levels off has a negative second degree too."""
    found = verdicts("B11", claims.rises_then_falls(both(gaining([0, 3, 5, 6, 6.5]))))
    assert found["quadratic"] == found["rise"] == "reproduced"
    assert found["fall"] == found["interior"] == found["all"] == "not reproduced"
    found = verdicts("B11", claims.rises_then_falls(both(gaining([0, -3, -2, -1, 0]))))
    assert found["quadratic"] == found["all"] == "not reproduced"


@pytest.mark.claim("B11")
def test_b11_refuses_a_fall_that_only_cold_students_show():
    """Deep students that were trained for too short a time fall off; warm ones do not."""
    cold, warm = gaining([0, 3, 2, 1, 0]), gaining([0, 3, 5, 6, 6.5])
    nets = table(gain=cold, gain_warm=warm)
    found = verdicts("B11", claims.rises_then_falls(nets))
    assert found["rise"] == "reproduced"
    assert found["fall"] == found["all"] == "not reproduced"
    assert claims.rises_then_falls(nets, "")["fall"].value == pytest.approx(3, abs=0.2)


@pytest.mark.claim("B11")
def test_b11_gives_nothing_on_average_for_noise():
    drawn = [claims.rises_then_falls(both(gaining([0.0], 1.0, i))) for i in range(20)]
    for part in ("quadratic", "rise", "fall", "interior"):
        assert np.mean([found[part].value for found in drawn]) == pytest.approx(0, abs=0.06), part


def test_b11_can_be_asked_of_the_own_samples():
    nets = table(gain_own=gaining([0, 3, 2, 1, 0]))
    assert claims.hump(nets, "gain_own")["rise"].mean() == pytest.approx(3, abs=0.2)


def test_tied_peaks_count_by_their_share_inside():
    gains = np.array([[[[1.0, 1.0, 0.0]]], [[[0.0, 1.0, 0.0]]]])
    assert claims.interior(gains) == pytest.approx([1 / 2 - 1 / 3, 1 - 1 / 3])


def test_three_orders_are_the_least_for_a_peak_inside():
    with pytest.raises(ValueError, match="at least 3 orders"):
        claims.humps(np.zeros((2, 2)))
    assert claims.humps(np.array([[0.0, 1, 0]] * 2))["quadratic"] == pytest.approx([-1, -1])


@pytest.mark.claim("BV5")
def test_bv5_finds_a_gain_that_is_the_pools():
    nets = both(gaining([0, 3, 0, 0, 0]), gain_own=gaining([9, -0.5, 9, 9, 9], seed=1))
    found = claims.pool_needed(nets)
    assert found["pool"].value == pytest.approx(3.5, abs=0.2)
    assert found["own"].value == pytest.approx(-2, abs=0.2)
    assert set(verdicts("BV5", found).values()) == {"reproduced"}


@pytest.mark.claim("BV5")
def test_bv5_refuses_a_gain_that_is_there_without_the_pool():
    nets = both(gaining([0, 3, 0, 0, 0]), gain_own=gaining([0, 3, 0, 0, 0], seed=1))
    found = verdicts("BV5", claims.pool_needed(nets))
    assert found["gain"] == "reproduced"
    assert found["own"] == found["all"] == "not reproduced"
    assert found["pool"] != "reproduced"


@pytest.mark.claim("BV5")
def test_bv5_is_not_about_a_loss_that_is_smaller_with_the_pool():
    nets = both(gaining([0, -1, 0, 0, 0]), gain_own=gaining([0, -9, 0, 0, 0], seed=1))
    found = verdicts("BV5", claims.pool_needed(nets))
    assert found["pool"] == found["own"] == "reproduced"
    assert found["gain"] == found["all"] == "not reproduced"


def test_a_gain_that_follows_from_what_students_leave_owes_nothing_to_their_order():
    rng = np.random.default_rng(0)
    cold, warm = rng.uniform(0.1, 0.2, size=(2, *SHAPE)) - 0.03 * PLACES[3]
    nets = table(
        residual=cold,
        residual_warm=warm,
        gain=-100 * cold,
        gain_warm=-100 * warm,
    )
    found = claims.fidelity(nets)
    assert found["order"].mean() > 0.5
    assert found["residual"] == pytest.approx(-1)
    assert found["order_given"] == pytest.approx(0)
    assert found["residual_given"] == pytest.approx(-1)


def test_a_gain_that_follows_from_the_order_owes_nothing_to_what_students_leave():
    noise = np.random.default_rng(0).uniform(size=(2, *SHAPE))
    found = claims.fidelity(
        table(residual=noise[0], residual_warm=noise[1], gain=PLACES[3], gain_warm=PLACES[3])
    )
    assert found["order"] == pytest.approx(1)
    assert found["order_given"] == pytest.approx(1)
    assert found["residual_given"] == pytest.approx(0)


def test_equal_gains_go_with_nothing():
    noise = np.random.default_rng(0).uniform(size=(2, *SHAPE))
    still = table(residual=noise[0], residual_warm=noise[1], gain=0.0, gain_warm=0.0)
    assert all((values == 0).all() for values in claims.fidelity(still).values())

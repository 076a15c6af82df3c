"""The statistics of B1, B4, B6, B16 and BV1 to BV3 on made-up nets whose answer is known."""

import made_components as made
import numpy as np
import pandas as pd
import pytest
from judging import verdicts
from made_components import nets, shifted

from strata.claims import load_claims
from strata.experiments import component_significance_claims as claims

FLAT = np.array([0.5, 0.1, 0.1, 0.1, 0.1])
LATE = np.array([0.2, 0.1, 0.15, 0.2, 0.25])


def by_samples(amount: float) -> made.Shares:
    """Shares that move to higher orders with each threefold of the samples."""
    return lambda depth, samples: shifted(amount * made.SAMPLES.index(samples))


def two_data_sets(first: made.Shares, second: made.Shares) -> pd.DataFrame:
    return pd.concat([nets(first, data="a"), nets(second, data="b")], ignore_index=True)


@pytest.mark.claim("B1")
def test_b1_finds_low_orders_that_dominate_and_fall():
    found = claims.low_orders(nets())
    assert found["low"].n == 5
    assert found["low"].value == pytest.approx(0.806 / 0.918, abs=0.01)
    assert set(verdicts("B1", found).values()) == {"reproduced"}


@pytest.mark.claim("B1")
def test_b1_refuses_features_of_high_order():
    found = verdicts("B1", claims.low_orders(nets(lambda depth, samples: LATE)))
    assert set(found.values()) == {"not reproduced"}


@pytest.mark.claim("B1")
def test_b1_does_not_take_a_flat_tail_for_a_fall():
    found = claims.low_orders(nets(lambda depth, samples: FLAT, jitter=0.003))
    assert verdicts("B1", found)["monotone"] == "not reproduced"


@pytest.mark.claim("B1b")
def test_b1b_finds_shared_low_orders_that_dominate_and_fall():
    found = claims.shared_low_orders(nets())
    assert found["low_shared"].value == pytest.approx(0.8 / 0.9, abs=0.01)
    assert found["falls"].value == pytest.approx(-0.029, abs=0.003)
    assert set(verdicts("B1b", found).values()) == {"reproduced"}


@pytest.mark.claim("B1b")
def test_b1b_refuses_features_of_high_order_and_sees_no_fall_in_a_flat_tail():
    found = verdicts("B1b", claims.shared_low_orders(nets(lambda depth, samples: LATE)))
    assert set(found.values()) == {"not reproduced"}
    flat = claims.shared_low_orders(nets(lambda depth, samples: FLAT, jitter=0.003))
    assert abs(flat["falls"].value) < 0.001
    assert verdicts("B1b", flat)["falls"] != "reproduced"


@pytest.mark.claim("B4")
def test_b4_finds_a_small_shift_to_higher_orders_on_both_data_sets():
    found = claims.training_samples(two_data_sets(by_samples(0.02), by_samples(0.03)))
    assert found["small"].value == pytest.approx(0.06 / 0.23, abs=0.01)
    places = np.log2(made.SAMPLES) - np.log2(made.SAMPLES).mean()
    orders = 0.02 * np.arange(4) * np.log2(13) / 0.9
    assert found["slope"].value == pytest.approx(places @ orders / (places @ places), abs=0.002)
    assert set(verdicts("B4", found).values()) == {"reproduced"}


@pytest.mark.claim("B4")
def test_b4_refuses_a_large_shift_and_a_shift_that_one_data_set_has_not():
    found = verdicts(
        "B4", claims.training_samples(two_data_sets(by_samples(0.1), by_samples(0.02)))
    )
    assert found["slope"] == found["slope_second"] == found["small_second"] == "reproduced"
    assert found["small"] == found["all"] == "not reproduced"
    found = verdicts(
        "B4", claims.training_samples(two_data_sets(by_samples(0.02), by_samples(-0.006)))
    )
    assert found["slope_second"] == found["all"] == "not reproduced"


@pytest.mark.claim("B4")
def test_b4_does_not_call_a_shift_small_because_there_is_nothing_to_shift():
    """All is of the lowest order: distances are tiny, and noise is all there is above it."""
    nothing = nets(lambda depth, samples: np.array([0.9, 0, 0, 0, 0]))
    assert claims.sample_distances(nothing).mean() < 0.01
    assert (claims.moved_shares(nothing) > 0.5).all()


@pytest.mark.claim("B4")
def test_b4_needs_two_data_sets():
    with pytest.raises(ValueError, match="2 data sets"):
        claims.training_samples(nets())


def test_nets_that_differ_by_chance_only_are_as_far_apart_over_seeds_as_over_samples():
    chance = nets(jitter=0.02)
    far = claims.sample_distances(chance).mean()
    assert claims.seed_distances(chance).mean() == pytest.approx(far, rel=0.3)
    assert len(claims.seed_distances(chance)) == 10


@pytest.mark.claim("B6")
def test_b6_finds_depths_that_do_not_matter():
    found = claims.target_depth(nets())
    assert set(verdicts("B6", found).values()) == {"reproduced"}


@pytest.mark.claim("B6")
def test_b6_sees_a_depth_that_matters_for_few_samples_one_way_and_for_many_the_other():
    """On average over samples, and over depths, nothing differs."""

    def crossing(depth: int, samples: int) -> np.ndarray:
        side = {4: -1, 8: 0, 16: 1}[depth] * (1 if samples < 300 else -1)
        return shifted(0.1 + 0.1 * side)

    crossed = nets(crossing)
    found = claims.target_depth(crossed)
    middle = shifted(0.1)
    expected = 0.1 * np.log2(13) / (middle @ np.log2(made.ORDERS))
    assert abs(found["furthest"].value) == pytest.approx(expected, abs=0.02)
    assert set(verdicts("B6", found).values()) == {"not reproduced"}
    cells = claims.depth_deviations(crossed)
    assert sorted(cells) == [(d, n) for d in made.DEPTHS for n in made.SAMPLES]
    assert sum(cell.value for cell in cells.values()) == pytest.approx(0, abs=1e-12)


@pytest.mark.claim("B6")
@pytest.mark.parametrize("lowest", [0.9, 0.7])
def test_b6_is_not_shown_by_a_difference_that_is_merely_not_seen(lowest):
    """Much noise, or nothing above the lowest order, where the mean order is noise itself."""
    shares = np.array([lowest, 0, 0, 0, 0.9 - lowest])
    blurred = nets(lambda depth, samples: shares, jitter=0.2 * (0.9 - lowest) + 0.002)
    assert verdicts("B6", claims.target_depth(blurred))["all"] != "reproduced"


@pytest.mark.claim("B6")
def test_b6_prefers_a_cell_that_is_outside_to_one_that_is_not_decided():
    """One depth is far off and sure, another one is anywhere."""
    table = nets(lambda depth, samples: shifted(0.2 if depth == 4 and samples == 50 else 0.05))
    rng = np.random.default_rng(1)
    unsure = (table["depth"] == 16) & (table["samples"] == 1200)
    table.loc[unsure, "shared"] = table.loc[unsure, "shared"].map(
        lambda shares: shares + 0.2 * rng.normal() * np.array([-1, 0, 0, 0, 1])
    )
    found = claims.target_depth(table)
    assert found["furthest"].low > claims.DEPTH_MARGIN
    assert verdicts("B6", found)["all"] == "not reproduced"


def test_the_margin_of_b6_is_that_of_the_claim():
    assert load_claims()["B6"].parts["furthest"].inside == (
        -claims.DEPTH_MARGIN,
        claims.DEPTH_MARGIN,
    )


@pytest.mark.claim("BV1")
def test_bv1_finds_components_that_two_students_share():
    found = claims.signal(nets())
    assert found["second"].value == pytest.approx(0.1 / 0.104, abs=0.02)
    assert found["last"].value == pytest.approx(0.02 / 0.024, abs=0.05)
    assert found["improvement"].value == pytest.approx(0.2 / 0.216, abs=0.01)
    assert set(verdicts("BV1", found).values()) == {"reproduced"}


NOTHING = np.array([0.8, 0, 0, 0, 0])


@pytest.mark.claim("BV1")
def test_bv1_refuses_components_that_are_noise():
    """The significance is a third of the feature, and there is nothing behind the lowest order."""
    noisy = nets(lambda depth, samples: NOTHING, noise=0.04)
    above = np.stack(noisy["warm_significance"])[..., 1:].sum(axis=-1)
    assert above == pytest.approx(0.32, abs=0.02)
    found = claims.signal(noisy)
    assert [found[name].value for name in found] == pytest.approx([0, 0, 0], abs=0.02)
    assert set(verdicts("BV1", found).values()) == {"not reproduced"}


@pytest.mark.claim("BV1b")
def test_bv1b_tells_the_cold_chains_from_the_warm_ones():
    cold = nets(lambda depth, samples: NOTHING, noise=0.04)
    mixed = nets()
    assert set(verdicts("BV1b", claims.cold_signal(mixed)).values()) == {"reproduced"}
    for name in ("shared", "significance"):
        mixed[name] = cold[name]
    assert set(verdicts("BV1b", claims.cold_signal(mixed)).values()) == {"not reproduced"}
    assert verdicts("BV1", claims.signal(mixed))["all"] == "reproduced"


@pytest.mark.claim("BV2")
def test_bv2_finds_components_that_come_from_depth():
    found = claims.training_time(nets(change=0.02))
    assert found["change"].value == pytest.approx(0.02 / 0.104, abs=0.002)
    assert found["gain"].value == pytest.approx(0.005 - 0.1 / 2)
    assert found["gain_all"].value == pytest.approx(4 * 0.005 - 0.2 / 2)
    assert set(verdicts("BV2", found).values()) == {"reproduced"}


@pytest.mark.claim("BV2")
def test_bv2_refuses_components_that_come_from_training_longer():
    found = verdicts("BV2", claims.training_time(nets(change=0.3)))
    assert set(found.values()) == {"not reproduced"}


@pytest.mark.claim("BV2")
def test_bv2_refuses_a_change_by_depth_that_does_not_help():
    """New random blocks move the output a lot, and no nearer to the feature."""
    moved = nets(lambda depth, samples: NOTHING, change=0.01)
    moved["warm_significance"] = [np.full((2, 5), 0.1)] * len(moved)
    found = verdicts("BV2", claims.training_time(moved))
    assert found["change"] == found["change_all"] == "reproduced"
    assert found["gain"] == found["gain_all"] == found["all"] == "not reproduced"


@pytest.mark.claim("BV3")
def test_bv3_finds_parts_that_add_up():
    found = claims.additivity(nets())
    assert found["sum"].value == pytest.approx(2 * 5 * 0.002, abs=0.002)
    assert set(verdicts("BV3", found).values()) == {"reproduced"}


@pytest.mark.claim("BV3")
@pytest.mark.claim("BV3b")
def test_bv3_refuses_parts_that_share_their_noise_with_their_neighbours():
    noisy = nets(noise=0.2)
    found = claims.additivity(noisy)
    assert found["sum"].value == pytest.approx(10 * 0.2, abs=0.01)
    assert set(verdicts("BV3", found).values()) == {"not reproduced"}
    assert set(verdicts("BV3b", claims.cold_additivity(noisy)).values()) == {"not reproduced"}


@pytest.mark.claim("BV3b")
def test_bv3b_tells_the_cold_chains_from_the_warm_ones():
    mixed, noisy = nets(), nets(noise=0.2)
    assert set(verdicts("BV3b", claims.cold_additivity(mixed)).values()) == {"reproduced"}
    for name in ("significance", "residual", "cosines", "rest"):
        mixed[name] = noisy[name]
    assert verdicts("BV3b", claims.cold_additivity(mixed))["all"] == "not reproduced"
    assert verdicts("BV3", claims.additivity(mixed))["all"] == "reproduced"


def maps(lag, high, shared, power=(0.6, 0.1, 0.1)) -> pd.DataFrame:
    """Eight image nets with these statistics by order, and some noise."""
    rng = np.random.default_rng(0)
    rows = []
    for place in range(8):
        noisy = [np.array(v) + 0.02 * rng.normal(size=3) for v in (lag, high, shared)]
        names = ("lag_component", "high_component", "lag_shared")
        row = {"data": "a", "seed": place % 4, "depth": 8, "samples": 100 * (place // 4 + 1)}
        rows.append(row | dict(zip(names, noisy, strict=True)) | {"power_shared": np.array(power)})
    return pd.DataFrame(rows)


@pytest.mark.claim("B16")
def test_b16_finds_smooth_low_orders_and_rough_high_ones():
    table = maps([0.5, 0.3, 0.1], [0.3, 0.4, 0.6], [0.5, 0.3, 0.1])
    found = claims.shape_and_noise(table)
    assert found["smoother"].n == 4, "seeds, not nets"
    assert found["shared"].value == pytest.approx(-(0.2 + 0.4) * 0.1 / 0.6, abs=0.01)
    assert set(verdicts("B16", found).values()) == {"reproduced"}
    assert claims.shape_and_noise(table.assign(seed=0))["smoother"].n == len(table)


@pytest.mark.claim("B16")
def test_b16_sees_when_only_the_noise_is_rough():
    found = verdicts(
        "B16", claims.shape_and_noise(maps([0.5, 0.3, 0.1], [0.3, 0.4, 0.6], [0.3, 0.6, 0.6]))
    )
    assert found["smoother"] == found["rougher"] == "reproduced"
    assert found["shared"] == found["all"] == "not reproduced"


@pytest.mark.claim("B16")
def test_b16_refuses_maps_that_get_smoother():
    found = claims.shape_and_noise(maps([0.1, 0.3, 0.5], [0.6, 0.4, 0.3], [0.1, 0.3, 0.5]))
    assert set(verdicts("B16", found).values()) == {"not reproduced"}


@pytest.mark.claim("B16")
def test_b16_is_not_decided_by_a_part_that_two_students_do_not_share():
    """Without power the statistic of the shared part can be anything, also beyond -1."""
    table = maps([0.5, 0.3, 0.1], [0.3, 0.4, 0.6], [0.5, 0.5, -40.0], power=(0.6, 0.1, 1e-5))
    assert abs(claims.map_numbers(table)["shared"]).max() < 0.02

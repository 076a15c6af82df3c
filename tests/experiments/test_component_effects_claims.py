"""The statistics of B8, B9 and B9b on made-up tables whose answer is known."""

import itertools

import numpy as np
import pandas as pd
import pytest
from judging import verdicts
from use_tables import DEPTHS, ORDERS, PLACES, SAMPLES, SEEDS, SHAPE, table

from strata.experiments import component_effects_claims as claims
from strata.experiments import component_use_tables as tables
from strata.measures.rank_correlation import spearman


def bumps(places: np.ndarray, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """Positive values over the orders with their peak at a place, which fits (S, D, N)."""
    rng = np.random.default_rng(seed)
    heights = np.exp(-np.square(PLACES[3] - np.asarray(places)[..., None]) / 2)
    return heights + noise * rng.normal(size=SHAPE)


def effective(plain: np.ndarray, centred: np.ndarray | None = None) -> pd.DataFrame:
    centred = plain if centred is None else centred
    return table(
        effectiveness=plain,
        effectiveness_warm=plain,
        effectiveness_centred_warm=centred,
    )


AT_HALF = PLACES[1][..., 0] + 1
"""Place of half of 4, 8 and 16 among the orders 1, 2, 4, 7, 13: 2, 4 and (nearest to 8) 7."""


@pytest.mark.claim("B8")
def test_b8_finds_a_peak_that_moves_with_depth():
    nets = effective(bumps(AT_HALF, noise=0.02))
    places, wanted = claims.peaks(nets)
    assert wanted.tolist() == [1, 2, 3]
    assert (places == AT_HALF).all()
    found = claims.peak_at_half_depth(nets)
    assert set(verdicts("B8", found).values()) == {"reproduced"}
    assert found["steps"].value == 0
    # Steps to a net of another depth: 0, 1 or 2 away, on average (0 + 1 + 2 + 1 + 0 + 1 + ...) / 9.
    assert found["nearer"].value == pytest.approx(-8 / 9)
    assert found["slope"].value > 0.5


@pytest.mark.claim("B8")
def test_b8_refuses_a_peak_that_stays_and_one_that_moves_the_other_way():
    found = claims.peak_at_half_depth(effective(bumps(np.full(SHAPE[:3], 2))))
    assert found["steps"].value == pytest.approx(2 / 3)
    assert found["slope"].value == pytest.approx(0)
    assert found["nearer"].value == 0
    assert verdicts("B8", found)["all"] == "not reproduced"
    found = claims.peak_at_half_depth(effective(bumps(4 - AT_HALF, noise=0.02)))
    assert set(verdicts("B8", found).values()) == {"not reproduced"}


@pytest.mark.claim("B8")
def test_b8_refuses_a_peak_that_moves_with_depth_far_from_its_half():
    """At the first order for the two lower depths, at the second for the deepest."""
    places = np.maximum(AT_HALF - 2, 0)
    found = verdicts("B8", claims.peak_at_half_depth(effective(bumps(places, noise=0.02))))
    assert found["slope"] == "reproduced"
    assert found["steps"] == found["nearer"] == found["all"] == "not reproduced"


def test_noise_that_grows_with_depth_hardly_moves_the_centre():
    """The same effectiveness at all depths, and noise that doubles with each; clipped it does."""
    profile, slopes = np.array([3, 1, 0.3, 0.1, 0.05]), {"as it is": [], "clipped": []}
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(size=SHAPE) * 0.05 * 2.0 ** PLACES[1]
        values = {"as it is": profile + noise, "clipped": np.maximum(profile + noise, 0)}
        for name, each in values.items():
            slopes[name].append(claims.slopes(table(effectiveness=each)).mean())
    assert abs(np.mean(slopes["as it is"])) < 0.015 < np.mean(slopes["clipped"])


@pytest.mark.claim("B8")
def test_b8_asks_again_without_the_mean_of_the_feature():
    found = claims.peak_at_half_depth(
        effective(bumps(AT_HALF, noise=0.02), bumps(np.full(SHAPE[:3], 2), noise=0.02))
    )
    assert verdicts("B8", found)["slope"] == "reproduced"
    assert verdicts("B8", found)["all"] != "reproduced"


@pytest.mark.claim("B8")
def test_b8_gives_nothing_on_average_for_noise():
    """The greatest of noisy values is near half of the depth often enough; the statistic is 0."""
    drawn = [np.random.default_rng(i).exponential(size=SHAPE) for i in range(20)]
    nets = [effective(values) for values in drawn]
    places, wanted = zip(*(claims.peaks(each) for each in nets), strict=True)
    assert np.mean(np.abs(np.array(places) - wanted[0][:, None]) <= 1) > 0.5
    for statistic, spread in ((claims.nearer, 0.04), (claims.slopes, 0.04)):
        values = [statistic(each) for each in nets]
        assert np.mean(values) == pytest.approx(0, abs=spread)
    held = [verdicts("B8", claims.peak_at_half_depth(each))["all"] for each in nets]
    assert held.count("reproduced") <= 2


def test_the_rank_correlation_of_peaks_and_its_chance_are_those_of_all_exchanges():
    places = np.random.default_rng(0).integers(0, 4, size=SHAPE[:3])
    nets = effective(bumps(places))
    rhos, shares = claims.peak_correlations(nets)
    columns = [
        np.array(list(itertools.permutations(column)), dtype=float) for column in places[0].T
    ]
    depths = np.repeat(DEPTHS, len(SAMPLES))
    drawn = [
        spearman(depths, np.stack(chosen, axis=1).ravel()) for chosen in itertools.product(*columns)
    ]
    assert rhos[0] == pytest.approx(spearman(depths, places[0].ravel()))
    assert shares[0] == pytest.approx(np.mean(np.array(drawn) >= rhos[0] - 1e-9))
    rhos, shares = claims.peak_correlations(effective(bumps(np.full(SHAPE[:3], 2))))
    assert rhos.tolist() == [0] * len(SEEDS)
    assert shares.tolist() == [1] * len(SEEDS)


def overfitted(
    slope: float, rng: np.random.Generator, noise: float = 0.02
) -> dict[str, np.ndarray]:
    """phi on both kinds of samples, with over-fitting that changes by ``slope`` for each n."""
    train = np.full(SHAPE, 2.0) + noise * rng.normal(size=SHAPE)
    share = 0.5 + slope * PLACES[2] + noise * rng.normal(size=SHAPE)
    return {
        "phi_train_warm": train,
        "phi_test_warm": train * (1 - share),
        "overfitting_warm": share,
    }


def two_sets(first: float, second: float) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.concat([table("a", **overfitted(first, rng)), table("b", **overfitted(second, rng))])


@pytest.mark.claim("B9")
def test_b9_finds_less_overfitting_with_more_samples_and_wants_it_twice():
    found = claims.fewer_samples_overfit(two_sets(-0.1, -0.1))
    assert found["low"].value < -0.9
    assert found["gap_second"].n == len(SEEDS)
    assert set(verdicts("B9", found).values()) == {"reproduced"}
    found = verdicts("B9", claims.fewer_samples_overfit(two_sets(-0.1, 0.1)))
    assert found["low"] == found["gap"] == "reproduced"
    assert found["low_second"] == found["gap_second"] == found["all"] == "not reproduced"


@pytest.mark.claim("B9")
def test_b9_looks_at_low_orders_only():
    nets = two_sets(-0.1, -0.1)
    high = nets["order"] > ORDERS[1]
    nets.loc[high, "phi_train_warm"] = 100.0 * nets.loc[high, "samples"]
    assert set(verdicts("B9", claims.fewer_samples_overfit(nets)).values()) == {"reproduced"}


def test_orders_without_a_value_of_their_own_are_counted_and_count_in_the_sum():
    nets = two_sets(-0.1, -0.1)
    nets.loc[(nets["samples"] == 50) & (nets["order"] == 2), "overfitting_warm"] = np.nan
    first = tables.data_sets(nets)[0]
    share = claims.left_out(first)
    assert share.shape == (5, 4)
    assert share.sum() == share[1, 0] == 1
    together = claims.overfitting_together(first, slice(2))
    sums = [
        tables.cube(first, f"phi_{kind}_warm")[..., :2].sum(axis=-1) for kind in ("train", "test")
    ]
    assert together[..., 0] == pytest.approx(1 - sums[1] / sums[0])


def test_a_net_whose_low_orders_save_nothing_is_left_out():
    nets = table(**overfitted(-0.1, np.random.default_rng(0)))
    nets.loc[nets["samples"] == 50, "phi_train_warm"] = -1.0
    found = claims.low_trends(nets)
    assert np.isnan(claims.overfitting_together(nets, slice(2))[:, :, 0]).all()
    assert found["low"] == pytest.approx(-1)


@pytest.mark.claim("B9")
@pytest.mark.claim("B9b")
def test_b9b_asks_for_more_than_that_the_whole_net_overfits_more():
    """All orders over-fit alike: B9 holds, B9b does not."""
    nets = two_sets(-0.1, -0.1)
    assert verdicts("B9", claims.fewer_samples_overfit(nets))["all"] == "reproduced"
    assert verdicts("B9b", claims.beyond_the_whole(nets))["all"] != "reproduced"
    high = nets["order"] > ORDERS[1]
    nets.loc[high, "phi_test_warm"] = 0.5 * nets.loc[high, "phi_train_warm"]
    assert set(verdicts("B9b", claims.beyond_the_whole(nets)).values()) == {"reproduced"}


@pytest.mark.claim("B9b")
def test_b9b_refuses_low_orders_that_overfit_less_than_the_whole():
    nets = two_sets(0.0, 0.0)
    high = nets["order"] > ORDERS[1]
    worse = 1 - nets.loc[high, "samples"].rsub(2000) / 2000
    nets.loc[high, "phi_test_warm"] = worse * nets.loc[high, "phi_train_warm"]
    assert set(verdicts("B9b", claims.beyond_the_whole(nets)).values()) == {"not reproduced"}


def test_b9_gives_nothing_on_average_for_noise():
    rng = np.random.default_rng(0)
    drawn = [claims.low_trends(table(**overfitted(0.0, rng))) for _ in range(20)]
    for name in ("low", "beyond", "gap"):
        assert np.mean([each[name] for each in drawn]) == pytest.approx(0, abs=0.1), name


def test_b9_needs_a_second_data_set():
    with pytest.raises(ValueError, match="two data sets"):
        claims.fewer_samples_overfit(table(**overfitted(-0.1, np.random.default_rng(0))))


def test_a_trend_of_equal_values_is_none_and_one_of_a_single_net_is_not_defined():
    nets = table()
    values = np.ones(SHAPE)
    assert (claims.trends(nets, values) == 0).all()
    values[:, :, 1:] = np.nan
    assert np.isnan(claims.trends(nets, values)).all()


def test_a_slope_needs_two_depths():
    with pytest.raises(ValueError, match="two depths"):
        claims.slopes(table(shape=(2, 1, 2, 5), effectiveness=np.ones((2, 1, 2, 5))))


def test_the_cold_components_can_be_asked_too():
    """Cold ones peak where they should, warm ones do not."""
    right, wrong = bumps(AT_HALF), bumps(4 - AT_HALF)
    nets = table(
        effectiveness=right,
        effectiveness_centred=right,
        effectiveness_warm=wrong,
        effectiveness_centred_warm=wrong,
    )
    assert claims.peak_at_half_depth(nets, "")["steps"].value == 0
    assert claims.peak_at_half_depth(nets)["steps"].value > 0

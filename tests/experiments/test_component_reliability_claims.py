"""The statistics of B5, B7, BV4 and BV6 on made-up nets whose answer is known."""

from collections.abc import Callable
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from judging import verdicts

from strata.experiments import component_reliability_claims as claims
from strata.experiments import component_reliability_tables as tables
from strata.experiments.cycling import CYCLES, METHODS, STUDY_CYCLES
from strata.measures.rank_correlation import spearman
from strata.runs.result import Result

SEEDS, DEPTHS, SAMPLES, ORDERS = range(5), (4, 8, 16), (50, 150, 450, 1200), (1, 2, 4, 7, 13)
GROWTH, FALL, COPIES = 0.2, -0.3, 1.05

Shift = Callable[[int, int], float]


def nothing(method: int, cycles: int) -> float:
    """A net that is the same by every method after any number of cycles."""
    return 0.0


def net(
    rng: np.random.Generator,
    *,
    growth: float = GROWTH,
    fall: float = FALL,
    level: float = 0.6,
    shares: tuple[float, float] = (0.8, 0.4),
    shift: Shift = nothing,
    growth_by: Shift = nothing,
    noise: float = 0.02,
) -> dict[str, np.ndarray]:
    """Reliability of a family that rises by `growth` over samples and falls over the orders.

    ``shares`` of the covariance of the lowest component and of those above it are reliable.
    """
    m = len(DEPTHS) * len(SAMPLES)
    samples = np.tile(np.linspace(0, 1, len(SAMPLES)), len(DEPTHS))
    orders = np.linspace(0, 1, len(ORDERS))[:, None]
    shape = (len(METHODS), len(CYCLES), len(ORDERS), m)
    reliability = level + growth * samples + fall * orders + noise * rng.normal(size=shape[2:])
    reliability = np.broadcast_to(reliability, shape).copy()
    for place in np.ndindex(shape[:2]):
        reliability[place] += shift(*place) + growth_by(*place) * samples
    signal = np.array([0.8, 0.1])[:, None] + noise / 10 * rng.normal(size=(2, m))
    ends = signal * np.array(shares)[:, None]
    return {"reliability": reliability, "signal_ends": signal, "reliable_ends": ends}


def place(data: str, seed: int, exemplars: str = "trained", depths: tuple[int, ...] = DEPTHS):
    return SimpleNamespace(
        targets=SimpleNamespace(data=SimpleNamespace(name=data), seed=seed),
        exemplars=exemplars,
        depths=depths,
        settings=SimpleNamespace(standardised=True),
    )


def result(arrays: dict[str, np.ndarray], depths: tuple[int, ...] = DEPTHS) -> Result:
    targets = [{"depth": depth, "samples": n} for depth in depths for n in SAMPLES]
    return Result(metrics={"orders": list(ORDERS), "targets": targets}, arrays=arrays)


def made(second: dict | None = None, **traits: object) -> tuple[list, list[Result]]:
    """Five families of one data set, and three of another."""
    points, results = [], []
    for data, seeds, chosen in (("a", SEEDS, traits), ("b", range(3), second or traits)):
        for seed in seeds:
            rng = np.random.default_rng([seed, len(data), len(points)])
            points.append(place(data, seed))
            results.append(result(net(rng, **chosen)))
    return points, results


def control(exemplars: str = "copies", **traits: object) -> tuple[list, list[Result]]:
    """Four families of the first data set at one depth, held against other exemplars."""
    if exemplars == "copies":
        traits = {"level": COPIES, "growth": 0.0, "fall": 0.0, "shares": (1.0, 1.0)} | traits
    points, results = [], []
    for seed in range(4):
        arrays = net(np.random.default_rng([seed, len(exemplars)]), **traits)
        points.append(place("a", seed, exemplars, (8,)))
        results.append(result({name: array[..., 4:8] for name, array in arrays.items()}, (8,)))
    return points, results


def families(second: dict | None = None, **traits: object) -> pd.DataFrame:
    return tables.by_seed(*made(second, **traits))


def beyond(copies: dict | None = None, **traits: object) -> pd.DataFrame:
    return tables.beyond_copies(*made(**traits), *control(**copies or {}))


def b7(copies: dict | None = None, **traits: object) -> dict[str, str]:
    found = claims.less_at_high_orders(families(**traits), beyond(copies, **traits))
    return verdicts("B7", found)


def bv6(copies: dict | None = None, **traits: object) -> dict[str, str]:
    found = claims.same_by_every_method(families(**traits), beyond(copies, **traits))
    return verdicts("BV6", found)


def bv4(random: dict, copies: dict | None = None) -> dict[str, str]:
    groups = [made(), control("random labels", **random), control(**copies or {})]
    points, results = (list(chain.from_iterable(part)) for part in zip(*groups, strict=True))
    return verdicts("BV4", claims.cycles_measure_sharing(tables.by_seed(points, results, [8])))


def test_a_family_is_averaged_over_depths_and_low_orders():
    found = families(noise=0.0, second={"noise": 0.0})
    usual = found[(found["method"] == METHODS[0]) & (found["cycles"] == 0)]
    assert len(usual) == 8
    assert usual["rank"].to_numpy() == pytest.approx(1)
    assert usual["rank_fewer"].to_numpy() == pytest.approx(1)
    assert usual["gain"].to_numpy() == pytest.approx(GROWTH)
    assert usual["fall"].to_numpy() == pytest.approx(FALL)
    low = 0.6 + FALL * np.array([0, 0.25, 0.5])
    assert usual["level"].to_numpy() == pytest.approx(low.mean() + GROWTH / 2)
    assert usual["growth"].to_numpy() == pytest.approx(np.log((low + GROWTH) / low).mean())


def test_ranks_are_spearmans_correlations():
    points, results = made(growth=0.02)
    found = tables.by_seed(points[:1], results[:1])
    low = results[0].arrays["reliability"][0, 0, :3].reshape(3, len(DEPTHS), len(SAMPLES))
    wanted = [spearman(SAMPLES, row) for row in low.reshape(-1, len(SAMPLES))]
    assert min(wanted) < max(wanted)
    assert found["rank"].iloc[0] == pytest.approx(np.mean(wanted))
    results[0].arrays["reliability"][:] = 0.5
    assert tables.by_seed(points[:1], results[:1])["rank"].unique() == [0]


def test_the_rank_without_the_most_samples_leaves_them_out():
    points, results = made()
    for each in results:
        each.arrays["reliability"][..., 3::4] = 0.01
    found = tables.by_seed(points, results)
    assert found["rank_fewer"].min() > 0.9
    assert found["rank"].max() < 0.5


def test_nets_may_come_in_any_order_and_must_be_whole():
    points, (first, *_) = made()
    order = np.random.default_rng(0).permutation(len(DEPTHS) * len(SAMPLES))
    targets = [first.metrics["targets"][i] for i in order]
    mixed = {name: array[..., order] for name, array in first.arrays.items()}
    found = tables.by_seed(points[:1], [Result(first.metrics | {"targets": targets}, mixed)])
    pd.testing.assert_frame_equal(found, tables.by_seed(points[:1], [first]))
    for wrong, word in ((targets[:-1], "lacks"), ([*targets[:-1], targets[0]], "two nets")):
        with pytest.raises(ValueError, match=word):
            tables.by_seed(points[:1], [Result(first.metrics | {"targets": wrong}, mixed)])


def test_only_some_depths_can_be_looked_at():
    points, results = made(noise=0.0)
    for each in results:
        each.arrays["reliability"][..., 4:8] += 0.1
    found = tables.by_seed(points, results, depths=[8])
    rest = tables.by_seed(points, results, depths=[4, 16])
    assert (found["level"] - rest["level"]).to_numpy() == pytest.approx(0.1)


def test_what_happens_to_copies_too_is_taken_out():
    """Each number is a quotient of the same net with trained exemplars and with copies."""
    same = {"growth": 0.1, "fall": -0.2, "noise": 0.0}
    found = beyond({"level": 0.6, "shares": (0.5, 0.5), **same}, **same)
    assert len(found) == 4 * len(METHODS) * len(CYCLES)
    assert found["level"].to_numpy() == pytest.approx(1)
    assert found["fall"].to_numpy() == pytest.approx(0, abs=1e-12)
    assert found["growth"].to_numpy() == pytest.approx(0, abs=1e-12)
    found = beyond({"noise": 0.0}, noise=0.0)
    assert found["component_first"].to_numpy() == pytest.approx(0.8)
    assert found["component_above"].to_numpy() == pytest.approx(0.4)
    low = np.mean([0, 0.25, 0.5])
    assert found["level"].to_numpy() == pytest.approx((0.6 + GROWTH / 2 + FALL * low) / COPIES)


@pytest.mark.claim("B5")
def test_b5_finds_a_rise_with_samples_and_wants_it_in_both_data_sets():
    found = claims.more_samples(families())
    assert found["first"].n == 5
    assert found["second"].n == 3
    assert set(verdicts("B5", found).values()) == {"reproduced"}
    found = verdicts("B5", claims.more_samples(families(second={"growth": -GROWTH})))
    assert found["first"] == "reproduced"
    assert found["second"] == found["all"] == "not reproduced"


@pytest.mark.claim("B5")
def test_b5_takes_no_trend_for_none():
    found = claims.more_samples(families(growth=0.0))
    assert abs(found["first"].value) < 0.4
    assert set(verdicts("B5", found).values()) <= {"inconclusive", "not reproduced"}


@pytest.mark.claim("B5b")
def test_b5b_looks_at_no_cycles_only():
    """As in the published numbers: the trend is there with five cycles only."""

    def turned(method: int, cycles: int) -> float:
        return -2 * GROWTH if CYCLES[cycles] == 0 else 0.0

    found = families(growth_by=turned)
    assert verdicts("B5", claims.more_samples(found))["all"] == "reproduced"
    without = claims.more_samples(found, cycles=0)
    assert set(verdicts("B5b", without).values()) == {"not reproduced"}
    assert verdicts("B5b", claims.more_samples(families(), cycles=0))["all"] == "reproduced"


@pytest.mark.claim("B7")
def test_b7_wants_a_fall_that_copies_and_noise_do_not_explain():
    assert set(b7().values()) == {"reproduced"}
    found = b7(copies={"fall": FALL * COPIES / 0.6, "noise": 0.0})
    assert found["total"] == found["component"] == "reproduced"
    assert found["beyond"] != "reproduced", "copies fall as much, relative to their level"
    found = b7(shares=(0.5, 0.5))
    assert found["total"] == found["beyond"] == "reproduced"
    assert found["component"] != "reproduced", "the components are equally reliable"
    rising = b7(fall=0.1, shares=(0.4, 0.8))
    assert set(rising.values()) == {"not reproduced"}


@pytest.mark.claim("B7b")
def test_b7b_is_b7_without_cycles():
    def flat(method: int, cycles: int) -> float:
        return -0.3 if CYCLES[cycles] else 0.0

    found = claims.less_without_cycles(families(shift=flat), beyond(shift=flat))
    assert verdicts("B7b", found)["all"] == "reproduced"
    found = claims.less_without_cycles(families(fall=0.1), beyond(fall=0.1))
    assert set(verdicts("B7b", found).values()) == {"not reproduced"}


@pytest.mark.claim("BV4")
def test_bv4_compares_the_same_nets_with_other_exemplars():
    assert set(bv4({"level": 0.3, "growth": 0.0}).values()) == {"reproduced"}


@pytest.mark.claim("BV4")
def test_bv4_fails_where_the_exemplars_do_not_matter():
    found = bv4({"level": 0.65}, {"level": 0.55, "fall": FALL})
    assert found["random"] == found["rise"] == found["copies"] == "not reproduced"
    assert found["growth"] in ("inconclusive", "not reproduced")


@pytest.mark.claim("BV4")
def test_bv4_does_not_take_a_lower_level_for_less_growth():
    """A third of everything: the gain is a third too, and its logarithm is the same."""
    points, results = made()
    thirds = [
        (point, each.arrays["reliability"][..., 4:8] / 3)
        for point, each in zip(points[:4], results, strict=False)
    ]
    points += [place("a", point.targets.seed, "random labels", (8,)) for point, _ in thirds]
    results += [result({"reliability": third}, (8,)) for _, third in thirds]
    copies = control()
    found = claims.cycles_measure_sharing(
        tables.by_seed(points + copies[0], results + copies[1], [8])
    )
    assert found["random"].high < 0
    assert found["growth"].value == pytest.approx(0, abs=1e-9)


@pytest.mark.claim("BV4")
def test_bv4_wants_the_same_families():
    groups = [made(), control("random labels"), control()]
    points, results = (list(chain.from_iterable(part)) for part in zip(*groups, strict=True))
    nets = tables.by_seed(points, results, depths=[8])
    with pytest.raises(ValueError, match="same families"):
        claims.cycles_measure_sharing(nets[(nets["exemplars"] != "copies") | (nets["seed"] != 1)])


@pytest.mark.claim("BV6")
def test_bv6_accepts_methods_that_agree_and_those_that_lower_copies_too():
    def near(method: int, cycles: int) -> float:
        return 0.01 * method / len(METHODS)

    assert set(bv6(shift=near).values()) == {"reproduced"}
    points, results = made()
    controls, copies = control()
    for each in (*results, *copies):
        each.arrays["reliability"][METHODS.index("ridge 0.1")] *= 0.4
    found = claims.same_by_every_method(
        tables.by_seed(points, results), tables.beyond_copies(points, results, controls, copies)
    )
    assert verdicts("BV6", found)["all"] == "reproduced"


@pytest.mark.claim("BV6")
def test_bv6_refuses_one_method_that_differs():
    def other(method: int, cycles: int) -> float:
        return -0.3 if METHODS[method] == "pinv" and CYCLES[cycles] == STUDY_CYCLES else 0.0

    found = bv6(shift=other)
    assert found["level"] == found["all"] == "not reproduced"
    assert found["rank"] == "reproduced"
    found = bv6(growth_by=other)
    assert found["growth"] == found["rank"] == "not reproduced"


@pytest.mark.claim("BV6")
def test_bv6_does_not_count_other_numbers_of_cycles():
    def before(method: int, cycles: int) -> float:
        return 0.3 * method if CYCLES[cycles] != STUDY_CYCLES else 0.0

    assert bv6(shift=before)["all"] == "reproduced"


def rows(**traits: object) -> pd.DataFrame:
    """Nets of one data set, as `by_order` has them, as far as a trend needs it."""
    points, results = made(**traits)
    found = [
        {"seed": point.targets.seed, "order": order, **target, "reliable": value}
        for point, result in zip(points[:5], results, strict=False)
        for order, values in zip(ORDERS, result.arrays["reliability"][-1, 0], strict=True)
        for target, value in zip(result.metrics["targets"], values, strict=True)
    ]
    return pd.DataFrame(found)


def test_pages_test_tells_a_trend_from_none():
    assert claims.page_trend(rows(), "reliable") < 1e-6
    assert claims.page_trend(rows(growth=0.0), "reliable") > 0.01
    assert claims.page_trend(rows(growth=-GROWTH), "reliable") > 0.99


def test_each_order_of_each_net_has_a_row():
    m = len(DEPTHS) * len(SAMPLES)
    rng = np.random.default_rng(0)
    arrays = net(rng) | {
        name: rng.random((len(ORDERS), m))
        for name in ("unreliable", "angle", "signal", "reliable_signal", "shared_variance")
    }
    arrays["component"] = rng.random((len(METHODS), len(CYCLES), len(ORDERS), m))
    arrays["cycle_error"] = rng.random((len(METHODS), len(ORDERS), m))
    arrays |= {name: rng.random((len(ORDERS), m, 3)) for name in ("fit", "condition")}
    found = tables.by_order([place("a", 3)], [result(arrays)])
    assert len(found) == len(ORDERS) * m
    row = found[(found["depth"] == 8) & (found["samples"] == 450) & (found["order"] == 7)]
    at = (3, 6)
    study = (-1, CYCLES.index(STUDY_CYCLES))
    assert row["reliable"].item() == arrays["reliability"][study][at]
    assert row["uncycled"].item() == arrays["reliability"][-1, 0][at]
    assert row["component"].item() == arrays["component"][study][at]
    assert row["fit"].item() == arrays["fit"][at][0]
    assert row["exemplar_fit"].item() == pytest.approx(arrays["fit"][at][1:].mean())
    assert row["condition"].item() == arrays["condition"][at].max()
    assert row["cycle_error"].item() == arrays["cycle_error"][-1][at]

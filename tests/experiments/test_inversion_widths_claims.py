"""The statistics of D6 to D10 on made-up results: when they hold, and when not."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from judging import verdicts

from strata.experiments import inversion_widths_claims as claims
from strata.experiments.inversion_exact import SHIFT
from strata.experiments.inversion_linear import WIDE
from strata.runs.result import Result

SEEDS = range(4)
COPY = 1.0


def linear_row(seed: int, depth: int = 4, ratio: float = WIDE, last: int = 1, **values: object):
    """One linear net, of two images whose distances are equal; a noisy copy is at `COPY`."""
    floor = 4.0 if ratio < 1 else 0.0
    fixed = {
        "start": 9.0,
        "floor": floor,
        "short": floor + 2.0,
        "long": floor + 0.2,
        "scaled": 1.0,
        "squares": 1.0,
        "least": floor,
        "adam": 5.0,
        "long_null": floor,
        "adam_null": 1.3 * floor,
    }
    distances = {name: np.full(2, value) for name, value in (fixed | values).items()}
    vectors = SimpleNamespace(seed=seed, reference=COPY)
    point = SimpleNamespace(vectors=vectors, depth=depth, ratio=ratio, last=last)
    return point, Result({"rank": 10 if ratio < 1 else 20}, distances)


def linear(rows) -> pd.DataFrame:
    points, results = zip(*rows, strict=True)
    return claims.linear(points, results)


def by_width(**changes: dict) -> pd.DataFrame:
    """Nets of all widths; changes by ``narrow`` or ``wide``."""
    rows = []
    for ratio, seed in product((0.5, 1.0, WIDE), SEEDS):
        rows.append(
            linear_row(seed, ratio=ratio, **changes.get("narrow" if ratio < 1 else "wide", {}))
        )
    return linear(rows)


@pytest.mark.claim("D6")
def test_d6_wants_the_floor_and_the_way_down():
    assert set(verdicts("D6", claims.width_threshold(by_width())).values()) == {"reproduced"}
    wrong = {"long_null": 3.5, "long": 0.5}
    found = verdicts(
        "D6", claims.width_threshold(by_width(narrow=wrong, wide={"long": 3.0, "least": 1.0}))
    )
    assert set(found.values()) == {"not reproduced"}


def test_a_floor_is_judged_only_where_there_is_one():
    rows = by_width()
    assert rows[rows["ratio"] >= 1]["kept_floor"].isna().all()
    assert rows[rows["ratio"] < 1]["kept_floor"].max() == 0
    assert rows[rows["ratio"] < 1]["adam_floor"].to_numpy() == pytest.approx(0.3)


@pytest.mark.claim("D6b")
def test_d6b_counts_what_adam_adds_and_what_it_takes():
    assert verdicts("D6b", claims.adam_leaves(by_width()))["all"] == "reproduced"
    less = by_width(narrow={"adam_null": 3.0})
    assert verdicts("D6b", claims.adam_leaves(less))["all"] == "reproduced"
    kept = by_width(narrow={"adam_null": 4.0001})
    assert verdicts("D6b", claims.adam_leaves(kept))["all"] == "not reproduced"


def by_depth(
    short=lambda depth: 0.4 * depth, long=0.5, scaled=lambda depth: 0.2 * depth
) -> pd.DataFrame:
    return linear(
        linear_row(
            seed,
            depth,
            ratio,
            short=short(depth) * (1 + 0.01 * seed),
            long=long,
            scaled=scaled(depth),
        )
        for ratio, depth, seed in product((1.0, WIDE), (1, 2, 7), SEEDS)
    )


@pytest.mark.claim("D7")
def test_d7_wants_harm_by_depth_and_a_cure_by_steps():
    assert set(verdicts("D7", claims.depth_and_budget(by_depth())).values()) == {"reproduced"}
    found = verdicts("D7", claims.depth_and_budget(by_depth(lambda depth: 1 / depth, long=1.5)))
    assert set(found.values()) == {"not reproduced"}
    assert claims.depth_and_budget(by_depth())["hurts"].value == pytest.approx(7)


@pytest.mark.claim("D7b")
def test_d7b_looks_at_square_nets():
    assert verdicts("D7b", claims.square_depth(by_depth()))["all"] == "reproduced"
    found = verdicts("D7b", claims.square_depth(by_depth(long=2.0)))
    assert found["hurts"] == "reproduced"
    assert found["long"] == found["all"] == "not reproduced"


@pytest.mark.claim("D7c")
def test_d7c_splits_shrinkage_from_conditioning():
    assert set(verdicts("D7c", claims.shrinkage(by_depth())).values()) == {"reproduced"}
    only_size = claims.shrinkage(by_depth(scaled=lambda depth: 0.2))
    assert verdicts("D7c", only_size)["conditioning"] == "not reproduced"
    no_size = claims.shrinkage(by_depth(scaled=lambda depth: 0.8 * depth))
    assert verdicts("D7c", no_size)["shrinkage"] == "not reproduced"


def by_last(**factors: float) -> pd.DataFrame:
    rows = []
    for last, seed in product((1, 2, 4), SEEDS):
        values = {
            name: (1 + 0.01 * seed) * factor ** (last > 1) for name, factor in factors.items()
        }
        rows.append(linear_row(seed, last=last, **values))
    return linear(rows)


@pytest.mark.claim("D8")
def test_d8_compares_four_times_as_wide_with_as_wide():
    assert verdicts("D8", claims.last_width(by_last(short=0.5)))["all"] == "reproduced"
    assert verdicts("D8", claims.last_width(by_last(short=1.2)))["all"] == "not reproduced"
    uneven = by_last(short=0.5)
    uneven.loc[0, "rank"] = 19
    with pytest.raises(ValueError, match="rank"):
        claims.last_width(uneven)


@pytest.mark.claim("D8b")
@pytest.mark.claim("D8c")
def test_d8b_and_d8c_look_at_one_descent_each():
    found = by_last(squares=0.5, scaled=1.1)
    assert verdicts("D8b", claims.last_width_alone(found))["all"] == "reproduced"
    assert verdicts("D8c", claims.last_width_scaled(found))["all"] == "not reproduced"
    found = by_last(squares=1.1, scaled=0.6)
    assert verdicts("D8b", claims.last_width_alone(found))["all"] == "not reproduced"
    assert verdicts("D8c", claims.last_width_scaled(found))["all"] == "reproduced"


RATIOS = (1.5, 1.8, 1.9, 2.0, 2.1, 2.2, 2.5)
DEPTHS = (1, 3)
INPUTS = 40


def relu(threshold: float = 2.0, active: float = 0.5, deep: float | None = None) -> pd.DataFrame:
    """Full rank from a width on, with an image in two a tenth later; units active by a share."""
    points, results = [], []
    for seed in SEEDS:
        arrays = {}
        for prefix, shape in (("", (len(RATIOS), len(DEPTHS), 2)), ("grown_", (len(RATIOS), 2))):
            late = np.array([0.0, 0.1]).reshape([1] * (len(shape) - 1) + [2])
            ratios = np.array(RATIOS).reshape(-1, *[1] * (len(shape) - 1))
            limit = np.full(shape, threshold) + late
            if deep is not None and not prefix:
                limit[:, -1] = deep
            arrays[f"{prefix}rank"] = np.where(ratios >= limit - 1e-9, INPUTS, INPUTS - 1)
            count = active * (np.broadcast_to(ratios, shape) - late) * INPUTS
            arrays[f"{prefix}active"] = np.round(count, 6)
            arrays[f"{prefix}apart"] = np.zeros(shape)
            arrays[f"{prefix}kept"] = np.full(shape, 1e-3)
            arrays[f"{prefix}dropped"] = np.full(shape, 1e-16)
        vectors = SimpleNamespace(seed=seed)
        points.append(SimpleNamespace(vectors=vectors, ratios=RATIOS, depths=DEPTHS))
        results.append(Result({"inputs": INPUTS}, arrays))
    return claims.relu(points, results)


@pytest.mark.claim("D9")
def test_d9_wants_a_threshold_between_its_widths():
    assert verdicts("D9", claims.relu_threshold(relu()))["all"] == "reproduced"
    assert verdicts("D9", claims.relu_threshold(relu(1.4)))["narrow"] == "not reproduced"
    assert verdicts("D9", claims.relu_threshold(relu(3.0)))["wide"] == "not reproduced"


@pytest.mark.claim("D9b")
def test_d9b_holds_where_deep_nets_of_one_width_lose_rank():
    assert verdicts("D9b", claims.constant_width(relu()))["all"] == "not reproduced"
    assert verdicts("D9b", claims.constant_width(relu(deep=4.0)))["all"] == "reproduced"


@pytest.mark.claim("D9c")
def test_d9c_wants_the_count_to_be_right_near_the_threshold():
    assert verdicts("D9c", claims.active_units(relu()))["all"] == "reproduced"
    assert verdicts("D9c", claims.active_units(relu(active=0.6)))["all"] == "not reproduced"


@pytest.mark.claim("D9d")
def test_d9d_finds_where_half_of_the_images_are_kept():
    found = claims.crossing(relu())
    assert 1.9 <= found["crossing"].value <= 2.1
    assert verdicts("D9d", found)["all"] == "reproduced"
    assert verdicts("D9d", claims.crossing(relu(2.5 - 0.1)))["all"] == "not reproduced"
    assert claims.crossing(relu(4.0))["crossing"].value == RATIOS[-1]


def square(
    least, *, law: float = 1.0, descent: float = 3.0, cut: float = 2.0, clipped: float = 20.0
):
    points = [SimpleNamespace(vectors=SimpleNamespace(seed=seed)) for seed in range(len(least))]
    results = []
    for value in least:
        random = law * claims.MEDIAN_NORMAL * SHIFT / value
        arrays = {
            name: np.full((2, 3), 1.0) for name in ("exact", "exact_single", "random_embedding")
        }
        arrays |= {"start": np.full(2, 8.0), "descent_embedding": np.full(2, 0.5)}
        arrays |= {"random": np.full((2, 3), random), "descent": np.full(2, descent)}
        arrays |= {"truncated": np.full((2, 3), cut), "clipped": np.full((2, 3), clipped)}
        results.append(
            Result({"least": float(value), "kept": 5}, arrays | {"other": np.full(2, 10.0)})
        )
    return claims.square(points, results)


SPREAD = 10.0 ** np.linspace(-10, -8, 12)


@pytest.mark.claim("D10")
def test_d10_judges_the_ratio_and_the_published_number():
    assert verdicts("D10", claims.random_preimages(square(SPREAD)))["all"] == "reproduced"
    near = verdicts("D10", claims.random_preimages(square(np.full(12, 1e-3))))
    assert near["nearer"] == near["published"] == "not reproduced"
    between = verdicts("D10", claims.random_preimages(square(10.0 ** np.linspace(-10, -6, 12))))
    assert between["nearer"] == "reproduced"
    assert between["published"] == between["all"] == "inconclusive"


@pytest.mark.claim("D10b")
def test_d10b_wants_the_gap_to_close_without_the_few_directions():
    assert verdicts("D10b", claims.tamed_preimages(square(SPREAD)))["all"] == "reproduced"
    found = verdicts("D10b", claims.tamed_preimages(square(SPREAD, cut=900.0, clipped=4.0)))
    assert set(found.values()) == {"not reproduced"}


@pytest.mark.claim("D10c")
def test_d10c_wants_the_law_and_a_spread():
    assert verdicts("D10c", claims.heavy_tail(square(SPREAD)))["all"] == "reproduced"
    found = verdicts("D10c", claims.heavy_tail(square(np.full(12, 1e-9), law=3.0)))
    assert set(found.values()) == {"not reproduced"}


def test_the_median_of_a_folded_normal():
    draws = np.abs(np.random.default_rng(0).normal(size=200_000))
    assert np.median(draws) == pytest.approx(claims.MEDIAN_NORMAL, abs=0.005)


def test_large_nets_have_no_truncated_inverse():
    point = SimpleNamespace(vectors=SimpleNamespace(seed=0))
    arrays = {
        name: np.ones(2)
        for name in ("random", "clipped", "descent", "other", "start", "exact", "exact_single")
    }
    arrays |= {"descent_embedding": np.ones(2), "random_embedding": np.ones(2)}
    table = claims.square([point], [Result({"least": 1.0}, arrays)])
    assert np.isnan(table["truncated"]).all()

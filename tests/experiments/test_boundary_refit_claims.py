"""The statistics of C10 and C10b on made-up tables whose answer is known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from judging import verdicts

from strata.experiments import boundary_refit_claims as claims
from strata.runs.result import Result

SEEDS, DEPTHS = range(8), (2, 6)
SPREAD = 0.005


def hill(depth: int, top: int = 2) -> np.ndarray:
    """Accuracy of each layer, 0.9 at one layer and 0.04 less for each layer away from it."""
    return 0.9 - 0.04 * np.abs(np.arange(depth + 1) - min(top, depth))


def nets(
    judged: tuple[float, float] = (2.0, 0.95), others: tuple = (), **changes: object
) -> pd.DataFrame:
    """Eight seeds with small noise around functions of depth; ``others`` are flat places."""
    shapes = {
        "refit_conflicting": hill,
        "refit_selection": hill,
        "unbalanced_conflicting": lambda depth: hill(depth) - 0.2,
        "untrained_conflicting": lambda depth: np.linspace(0.75, 0.7, depth + 1),
        "boundary": lambda depth: 2,
    } | changes
    rng = np.random.default_rng(0)
    rows = []
    for place in (judged, *others):
        for depth in DEPTHS:
            for seed in SEEDS:
                row = {"strength": place[0], "agreement": place[1], "depth": depth, "seed": seed}
                for name, shape in shapes.items():
                    value = shape(depth)
                    if name != "boundary":
                        value = value if place == judged else np.full(depth + 1, 0.8)
                        value = (value + SPREAD * rng.normal(size=depth + 1)).tolist()
                    row[name] = value
                rows.append(row)
    return pd.DataFrame(rows)


def exact(depth_6: list[list[float]], boundary: list[int | None], **changes: object):
    """Two seeds of depth 6 that hold exactly these numbers."""
    rows = [
        {
            "strength": 2.0,
            "agreement": 0.95,
            "depth": 6,
            "seed": seed,
            "refit_conflicting": values,
            "refit_selection": values,
            "unbalanced_conflicting": [0.5] * 7,
            "untrained_conflicting": [0.6] * 7,
            "boundary": layer,
        }
        | {name: column[seed] for name, column in changes.items()}
        for seed, (values, layer) in enumerate(zip(depth_6, boundary, strict=True))
    ]
    return pd.DataFrame(rows)


RISING = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
FALLING = RISING[::-1]


@pytest.mark.claim("C10")
def test_c10_finds_a_gain_at_the_predicted_layer():
    found = claims.boundary_gain(nets())
    assert found["gain"].value == pytest.approx(0.16, abs=3 * SPREAD)
    assert found["best"].value == pytest.approx(0.16, abs=3 * SPREAD)
    assert found["place"].value == 1
    assert found["untrained"].value == pytest.approx(0.15, abs=3 * SPREAD)
    assert found["unbalanced"].value == pytest.approx(0.2, abs=3 * SPREAD)
    assert set(verdicts("C10", found).values()) == {"reproduced"}


@pytest.mark.claim("C10")
def test_c10_refuses_a_boundary_that_costs_and_lies_elsewhere():
    """The best layer is the last one: nothing is gained before it, even where balance helps."""
    last = {name: lambda d: hill(d, top=d) for name in ("refit_conflicting", "refit_selection")}
    found = claims.boundary_gain(nets(**last))
    assert found["place"].value == 0
    found = verdicts("C10", found)
    assert found["gain"] == "not reproduced"
    assert found["place"] == "not reproduced"
    assert found["unbalanced"] == "reproduced"
    assert found["all"] == "not reproduced"


@pytest.mark.claim("C10")
@pytest.mark.parametrize(("boundary", "share"), [(0, 0), (1, 1), (2, 1), (3, 1), (4, 0)])
def test_c10_takes_a_boundary_at_most_one_layer_off_the_best_which_is_2(boundary, share):
    found = claims.boundary_gain(nets(boundary=lambda depth: boundary))
    assert found["place"].value == share
    assert verdicts("C10", found)["place"] == ("reproduced" if share else "not reproduced")


@pytest.mark.claim("C10")
def test_c10_does_not_let_misses_on_both_sides_cancel():
    """The best layer is h_3; the boundary is h_0 in half of the seeds and h_6 in the others."""
    table = nets(refit_selection=lambda depth: hill(depth, top=3))
    table["boundary"] = np.where(table["seed"] % 2, 0, 6)
    found = claims.boundary_gain(table)
    assert found["place"].value == found["place"].high == 0
    assert verdicts("C10", found)["place"] == "not reproduced"


@pytest.mark.claim("C10")
def test_c10_leaves_the_place_open_where_one_net_of_eight_misses():
    table = nets()
    table.loc[table["seed"] == 5, "boundary"] = 6
    found = claims.boundary_gain(table)
    assert found["place"].value == 7 / 8
    assert verdicts("C10", found)["place"] == "inconclusive"


@pytest.mark.claim("C10")
def test_c10_refuses_a_gain_that_the_untrained_net_or_unbalanced_data_have_too():
    found = claims.boundary_gain(nets(untrained_conflicting=lambda d: hill(d) + 0.05))
    assert verdicts("C10", found)["untrained"] == "not reproduced"
    found = claims.boundary_gain(nets(unbalanced_conflicting=lambda d: hill(d) + 0.05))
    assert verdicts("C10", found)["unbalanced"] == "not reproduced"


@pytest.mark.claim("C10b")
def test_c10b_tells_harm_from_help_by_depth():
    found = claims.depth_hurts(nets())
    assert found["depth"].value == pytest.approx(-0.16, abs=3 * SPREAD)
    assert verdicts("C10b", found)["all"] == "reproduced"
    deeper_is_better = nets(refit_conflicting=lambda d: np.full(d + 1, 0.5 + 0.05 * d))
    found = claims.depth_hurts(deeper_is_better)
    assert found["depth"].value == pytest.approx(0.2, abs=3 * SPREAD)
    assert verdicts("C10b", found)["all"] == "not reproduced"


def test_each_difference_is_taken_seed_by_seed():
    found = claims.boundary_gain(exact([FALLING, RISING], boundary=[1, 3]))
    assert found["gain"].value == pytest.approx(np.mean([0.6 - 0.1, 0.4 - 0.7]))
    assert found["best"].value == pytest.approx(np.mean([0.7 - 0.1, 0]))
    assert found["place"].value == np.mean([abs(0 - 1) <= 1, abs(6 - 3) <= 1])
    assert found["untrained"].value == pytest.approx(np.mean([0.6, 0.4]) - 0.6)
    assert found["unbalanced"].value == pytest.approx(np.mean([0.6, 0.4]) - 0.5)


def test_the_best_layer_is_chosen_without_a_look_at_the_test_set():
    """The selection set says h_6 where the test set says h_0."""
    selected = {"refit_selection": [RISING, RISING]}
    found = claims.boundary_gain(exact([FALLING, FALLING], boundary=[1, 1], **selected))
    assert (found["best"].value, found["place"].value) == (0, 0)
    found = claims.boundary_gain(exact([FALLING, FALLING], boundary=[5, 5], **selected))
    assert (found["best"].value, found["place"].value) == (0, 1)


def test_the_layer_of_the_untrained_net_is_chosen_on_the_other_seeds():
    """Each seed's own best layer has 0.9, the layer that the other one likes has 0.3."""
    first, second = [0.9, 0.3, *[0.1] * 5], [0.3, 0.9, *[0.1] * 5]
    found = claims.boundary_gain(
        exact([FALLING, FALLING], boundary=[0, 0], untrained_conflicting=[first, second])
    )
    assert found["untrained"].value == pytest.approx(0.7 - 0.3)


def test_a_net_without_a_transition_has_its_boundary_at_the_last_layer_and_gains_nothing():
    nowhere = exact([FALLING, FALLING], boundary=[None, None])
    found = claims.boundary_gain(nowhere)
    assert (found["gain"].value, found["gain"].high) == (0, 0)
    assert found["place"].value == 0
    rising = exact([RISING, RISING], boundary=[None, None])
    assert claims.boundary_gain(rising)["place"].value == 1
    half = exact([FALLING, FALLING], boundary=[None, 1])
    assert claims.boundary_gain(half)["gain"].value == pytest.approx((0 + 0.5) / 2)
    assert claims.gains(half)["located"].tolist() == [0.5]
    assert claims.gains(nowhere)["located"].tolist() == [0.0]


def test_only_the_first_strength_and_agreement_are_judged():
    """The others are flat: with them the gain would be smaller."""
    alone, among = nets(), nets(others=((6.0, 0.95), (2.0, 0.9)))
    assert claims.boundary_gain(among) == claims.boundary_gain(alone)
    assert claims.depth_hurts(among) == claims.depth_hurts(alone)


def test_gains_has_a_row_for_each_place_in_the_order_of_the_sweep():
    found = claims.gains(nets(judged=(6.0, 0.95), others=((2.0, 0.9),)))
    assert found[claims.PLACE].to_numpy().tolist() == [
        [6.0, 0.95, 2],
        [6.0, 0.95, 6],
        [2.0, 0.9, 2],
        [2.0, 0.9, 6],
    ]
    assert found["gain"].tolist() == pytest.approx([0, 0.16, 0, 0], abs=3 * SPREAD)
    assert found["gain"][0] == 0, "at depth 2 the boundary is the last layer"
    assert (found["low"] <= found["gain"]).all()
    assert (found["gain"] <= found["high"]).all()
    assert set(found["n"]) == {len(SEEDS)}
    assert set(found["located"]) == {1.0}


def test_the_table_has_a_row_a_net():
    point = SimpleNamespace(strength=2.0, agreement=0.95, depth=6, seed=1)
    row = claims.table([point], [Result(metrics={"boundary": None, "ranks": [1.0, 2.0]})]).iloc[0]
    assert row[["strength", "agreement", "depth", "seed"]].tolist() == [2.0, 0.95, 6, 1]
    assert row["ranks"] == [1.0, 2.0]
    with pytest.raises(ValueError, match="shorter"):
        claims.table([point], [])


@pytest.mark.parametrize("statistic", [claims.boundary_gain, claims.depth_hurts])
def test_a_missing_net_is_an_error_and_not_a_smaller_sample(statistic):
    with pytest.raises(ValueError, match="not complete"):
        statistic(nets().iloc[:-1])

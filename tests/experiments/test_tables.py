"""From a table of nets to arrays: known numbers come back, and a hole is an error."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from strata.experiments.tables import ONE_SIDED, check_complete, curves
from strata.statistics import mean_interval

SEEDS, DEPTHS, STRENGTHS = (3, 0, 11), (2, 10, 1), (0.25, 0.01, 1.0)
KNOWN = [
    [1.0, 2.0, 10.0],
    [301.0, 302.0, 310.0],
    [1101.0, 1102.0, 1110.0],
]
"""100 times the seed plus the depth, both growing."""


def nets(places: tuple[float, ...] = DEPTHS, along: str = "depth") -> pd.DataFrame:
    """One net for each seed and place, neither of them in order."""
    rows = [
        {"seed": seed, along: place, "score": 100.0 * seed + place, "ranks": [place, seed]}
        for place in places
        for seed in SEEDS
    ]
    return pd.DataFrame(rows)


def test_a_row_is_a_seed_and_a_column_a_place_both_growing_as_numbers():
    found = curves(nets(), "score")
    assert found.dtype == np.float64
    assert found.tolist() == KNOWN


@pytest.mark.parametrize("seed", range(5))
def test_the_order_and_the_labels_of_the_rows_do_not_matter(seed):
    mixed = nets().sample(frac=1, random_state=seed)
    assert curves(mixed, "score").tolist() == KNOWN
    assert curves(mixed.set_index("score", drop=False), "score").tolist() == KNOWN
    assert curves(mixed, lambda net: net["score"]).tolist() == KNOWN


def test_the_place_can_be_another_column():
    strengths = nets(STRENGTHS, along="strength").assign(depth=6)
    expected = [[100 * seed + strength for strength in sorted(STRENGTHS)] for seed in sorted(SEEDS)]
    mixed = strengths.sample(frac=1, random_state=0)
    assert curves(mixed, "score", along="strength").tolist() == expected


def test_a_function_sees_the_whole_row():
    found = curves(nets(), lambda net: 100 * net["ranks"][1] + net["ranks"][0] - net["score"])
    assert found.tolist() == np.zeros((3, 3)).tolist()
    odd = curves(nets(), lambda net: net["seed"] % 2 == 1)
    assert odd.dtype == np.float64
    assert odd.tolist() == [[0] * 3, [1] * 3, [1] * 3]


def test_a_column_named_value_is_read_like_any_other():
    table = nets().rename(columns={"score": "value"})
    assert curves(table, "value").tolist() == KNOWN
    table["value"] = 7.0
    assert curves(table, "seed").tolist() == [[seed] * 3 for seed in sorted(SEEDS)]


def test_the_table_stays_as_it_was():
    table = nets()
    before = table.copy(deep=True)
    curves(table, lambda net: 0.0)
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize("along", ["depth", "strength"])
def test_any_missing_net_is_an_error_that_names_the_place(along):
    table = nets(along=along)
    for row in table.index:
        with pytest.raises(ValueError, match=f"not complete: a seed lacks a {along}"):
            curves(table.drop(row), "score", along)


@pytest.mark.parametrize("along", ["depth", "strength"])
def test_a_complete_table_passes_and_one_with_a_hole_or_a_twin_does_not(along):
    table = nets(along=along)
    check_complete(table, along)
    check_complete(table.sample(frac=1, random_state=0), along)
    for row in table.index:
        with pytest.raises(ValueError, match=f"not complete: a seed lacks a {along}"):
            check_complete(table.drop(row), along)
        with pytest.raises(ValueError, match=f"duplicate nets: a seed has two at one {along}"):
            check_complete(pd.concat([table, table.loc[[row]]]), along)


def test_a_net_without_a_number_is_an_error_and_no_gap_in_an_array():
    table = nets()
    table.loc[4, "score"] = np.nan
    with pytest.raises(ValueError, match="not complete: a net lacks its number"):
        curves(table, "score")


def test_two_nets_at_one_place_are_an_error():
    table = nets()
    with pytest.raises(ValueError, match="duplicate"):
        curves(pd.concat([table, table.iloc[[4]]]), "score")
    with pytest.raises(ValueError, match="duplicate"):
        curves(pd.concat([table, table.assign(score=0.0)]), "score")
    with pytest.raises(ValueError, match="duplicate"):
        curves(table.assign(strength=1.0), "score", along="strength")


def test_the_bounds_at_the_one_sided_level_are_those_of_one_sided_95_percent_tests():
    values = np.array([0.3, 0.5, 0.1, 0.45, 0.2])
    found = mean_interval(values, ONE_SIDED)
    for alternative, low, high in (
        ("greater", found.low, np.inf),
        ("less", -np.inf, found.high),
    ):
        test = stats.ttest_1samp(values, 0, alternative=alternative)
        assert tuple(test.confidence_interval(0.95)) == pytest.approx((low, high))

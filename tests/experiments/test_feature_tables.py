"""From numbers of nets to what is judged and shown."""

import numpy as np
import pandas as pd
import pytest
from followed_nets import config

from strata.experiments.feature_tables import by_net, elsewhere, highest_tenth, judged, tenths
from strata.statistics import mean_interval

PLACES = [
    ("cifar10", 8, "joint"),
    ("cifar10", 8, "classwise"),
    ("shapes", 8, "joint"),
    ("cifar10", 16, "joint"),
]


def sweep(seeds=4):
    """Configs of two data sets and a larger net, and a number for each."""
    configs = [
        config(data, width, kind, seed)
        for data, width, kind in PLACES
        for seed in range(seeds if width == 8 else 1)
    ]
    return configs, [float(i) for i in range(len(configs))]


def table(seeds=4):
    configs, numbers = sweep(seeds)
    return by_net(configs, numbers, lambda number: {"size": number, "twice": 2 * number})


def test_tenths_are_the_extremes_of_those_that_count():
    values = np.random.default_rng(0).permutation(100).astype(float)
    low, high = tenths(values)
    assert sorted(values[low]) == list(range(10))
    assert sorted(values[high]) == list(range(90, 100))
    low, high = tenths(values, values < 50)
    assert sorted(values[low]) == [0, 1, 2, 3, 4]
    assert sorted(values[high]) == [45, 46, 47, 48, 49]
    assert highest_tenth(values, values < 50).tolist() == high.tolist()


@pytest.mark.parametrize(("features", "count"), [(6, 3), (30, 3), (36, 4), (64, 6), (100, 10)])
def test_a_tenth_has_at_least_three_features(features, count):
    low, high = tenths(np.arange(features))
    assert len(low) == len(high) == count


def test_too_few_features_have_no_two_tenths():
    with pytest.raises(ValueError, match="too few"):
        tenths(np.arange(10), np.arange(10) < 5)


def test_a_row_a_net_with_its_place_and_numbers():
    found = table()
    assert len(found) == 13
    assert found.loc[5].to_dict() == {
        "data": "cifar10",
        "width": 8,
        "dictionary": "classwise",
        "seed": 1,
        "size": 5.0,
        "twice": 10.0,
    }


def test_judged_are_the_first_data_set_and_width_in_both_dictionaries():
    found = judged(table(), two_sided=["twice"])
    assert found == {
        "size": mean_interval([0, 1, 2, 3], 0.9),
        "twice": mean_interval([0, 2, 4, 6], 0.95),
        "size_classwise": mean_interval([4, 5, 6, 7], 0.9),
        "twice_classwise": mean_interval([8, 10, 12, 14], 0.95),
    }


def test_the_other_nets_do_not_enter_what_is_judged():
    numbers = table()
    other = (numbers["data"] != "cifar10") | (numbers["width"] != 8)
    assert judged(numbers[~other]) == judged(numbers)


def test_a_missing_dictionary_is_named():
    numbers = table()
    with pytest.raises(ValueError, match="classwise is missing"):
        judged(numbers[numbers["dictionary"] == "joint"])


def test_elsewhere_has_a_row_for_each_place_in_the_order_of_the_sweep():
    found = elsewhere(table())
    assert found[["data", "width", "dictionary"]].to_numpy().tolist() == [list(p) for p in PLACES]
    assert found["n"].tolist() == [4, 4, 4, 1]
    estimate = mean_interval([0, 1, 2, 3])
    assert found["size"][0] == f"1.50 ({estimate.low:.2f} to {estimate.high:.2f})"
    assert found["size"][3] == "12.00"


def test_a_net_without_numbers_is_an_error():
    configs, numbers = sweep()
    with pytest.raises(ValueError, match="shorter"):
        by_net(configs, numbers[:-1], lambda number: {"size": number})
    broken = table().assign(size=np.nan)
    with pytest.raises(ValueError, match="NaN"):
        judged(pd.DataFrame(broken))

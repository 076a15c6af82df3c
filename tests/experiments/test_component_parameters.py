"""What the chapters of study B can be given."""

import pytest
from pydantic import ValidationError

from strata.experiments.component_parameters import Parameters

GOOD = {
    "data": ["manifold", "digits"],
    "seeds": 3,
    "further_seeds": 2,
    "depths": [4, 8],
    "samples": [30, 120],
    "pool": 300,
    "test": 200,
    "width": 32,
    "feature": 32,
    "orders": [1, 2, 4],
    "target_steps": 60,
    "steps": 50,
    "batch_size": 64,
    "first_rate": 0.01,
    "last_rate": 0.0001,
    "images": ["shapes"],
    "image_seeds": 2,
    "image_size": 16,
    "image_depths": [8, 14],
    "image_samples": [30],
    "image_pool": 200,
    "image_test": 100,
    "image_target_width": 8,
    "image_width": 16,
    "image_orders": [4, 7],
    "image_target_steps": 10,
    "image_steps": 20,
    "image_dtype": "bfloat16",
}


def test_a_family_a_data_set_and_seed() -> None:
    parameters = Parameters(**GOOD)
    families = parameters.families()
    assert [(f.data.name, f.data.pool, f.seed) for f in families] == [
        ("manifold", 300, 0),
        ("manifold", 300, 1),
        ("manifold", 300, 2),
        ("digits", 1200, 0),
        ("digits", 1200, 1),
    ]
    assert parameters.families("digits") == families[3:]
    assert families[0].designs == [(4, 30), (4, 120), (8, 30), (8, 120)]


def test_an_image_family_a_depth() -> None:
    families = Parameters(**GOOD).image_families()
    assert [(f.seed, f.depths) for f in families] == [(0, (8,)), (0, (14,)), (1, (8,)), (1, (14,))]
    assert families[0].data.size == 16
    assert families[0].feature == 32


def test_chains_differ_where_they_are_asked_to() -> None:
    parameters = Parameters(**GOOD)
    chains = parameters.chains(start="warm", seed=1, pool="own")
    assert [c.targets for c in chains] == parameters.families()
    settings = chains[0].settings
    assert (settings.start, settings.seed, settings.pool) == ("warm", 1, "own")
    assert (settings.budget.steps, chains[0].targets.budget.steps) == (50, 60)
    images = parameters.image_chains(seed=3)
    assert [c.targets for c in images] == parameters.image_families()
    assert (images[0].settings.dtype, images[0].settings.orders) == ("bfloat16", (4, 7))
    assert images[0].settings.seed == 3


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("data", ["manifold", "manifold"], "once"),
        ("data", [], "data"),
        ("seeds", 1, "seeds"),
        ("samples", [120, 30], "grow"),
        ("samples", [30, 301], "more samples than the pool"),
        ("image_samples", [201], "more samples than the pool"),
        ("orders", [1, 1], "grow"),
        ("image_orders", [4, 8], "4, 7, 10"),
        ("image_orders", [1], "4, 7, 10"),
        ("image_depths", [9], "8, 14, 20"),
        ("image_dtype", "float16", "image_dtype"),
        ("first_rate", 0.0, "first_rate"),
        ("steps", 2.5, "steps"),
        ("typo", 1, "typo"),
    ],
)
def test_wrong_values_are_refused_by_name(field: str, value: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Parameters(**GOOD | {field: value})

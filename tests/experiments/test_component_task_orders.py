"""Families of tasks taken apart: the design, the format, and a linear task as the known answer."""

import numpy as np
import pytest
from experimenting import assert_costs_grow, assert_refused, assert_repeats

from strata.experiments import component_task_images, component_task_orders, component_tasks
from strata.experiments.component_task_orders import (
    FAMILIES,
    MAIN,
    USUAL,
    Config,
    Family,
    Parameters,
    Students,
)
from strata.measures.components import seed_floor, shared_significance, significance

GIVEN = Family("plain", learned=False)
DESIGN = {
    "data": ["manifold"],
    "tasks": [0, 4],
    "task_width": 8,
    "pool": 300,
    "test": 150,
    "feature": 6,
}
TINY = DESIGN | {
    "seeds": 2,
    "learner_order": 3,
    "width": 24,
    "factors": [0.5, 1.0, 2.0],
    "orders": [1, 2, 4],
    "further_orders": [5],
    "target_steps": 5,
    "steps": 5,
    "batch_size": 64,
    "first_rate": 0.01,
    "last_rate": 0.0001,
}


def parameters(**changes: object) -> Parameters:
    return Parameters(**TINY | changes)


def described(**changes: object) -> component_tasks.Parameters:
    return component_tasks.Parameters(**DESIGN | {"drawn_seeds": 3} | changes)


def on_images(**changes: object) -> component_task_images.Parameters:
    settings = {
        "images": ["shapes"],
        "seeds": 2,
        "image_tasks": [0, 2],
        "image_size": 16,
        "image_pool": 100,
    }
    return component_task_images.Parameters(**settings | changes)


def test_every_kind_has_two_chains_a_seed():
    p = parameters()
    points = p.points()
    assert len(points) == len(set(points)) == (4 + 3) * 2 * 2
    main = [c for c in points if c.family == p.family(MAIN, 0)]
    assert [(c.settings.width, c.settings.skips, c.settings.seed) for c in main] == [
        *((width, True, seed) for width in (12, 24, 48) for seed in (0, 1)),
        (24, False, 0),
        (24, False, 1),
    ]
    with_further = [c for c in points if c.settings.orders == (1, 2, 4, 5)]
    assert with_further == [
        c for k in (0, 1) for c in p.chains(MAIN, Students(USUAL, skips=True), k)
    ]
    assert all(c.settings.orders == (1, 2, 4) for c in points if c not in with_further)


def test_families_differ_in_their_tasks_and_learners_only():
    p = parameters()
    found = [p.family(kind, 1) for kind in FAMILIES]
    assert [f.form for f in found] == ["plain", "pooled", "normalised", "plain"]
    assert [f.learner is not None for f in found] == [True, True, True, False]
    assert {f.seed for f in found} == {1}
    only_described = described()
    drawn = only_described.drawn("pooled")
    assert [(f.form, f.learner, f.seed) for f in drawn] == [("pooled", None, s) for s in (0, 1, 2)]
    assert set(p.families(GIVEN)) < set(only_described.drawn("plain"))
    assert len(set(only_described.points())) == 3 * 3
    assert set(drawn) < set(only_described.points())
    images = on_images().points()
    assert [(i.seed, i.relus, i.data.size) for i in images] == [(0, (0, 2), 16), (1, (0, 2), 16)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seeds", 1),
        ("data", ["cifar10"]),
        ("data", ["manifold", "digits"]),
        ("tasks", [4, 0]),
        ("tasks", [-1, 4]),
        ("factors", [1.0, 0.5]),
        ("factors", [0.0, 1.0]),
        ("first_rate", 0.0),
    ],
)
def test_parameters_out_of_range_are_refused(field, value):
    assert_refused(parameters, field, value)


def test_parameters_of_tasks_that_are_only_described_are_checked_too():
    assert_refused(described, "drawn_seeds", 1)
    assert_refused(described, "tasks", [1, 4])
    for field, value in (("image_tasks", [2, 2]), ("images", ["digits"]), ("image_size", 8)):
        assert_refused(on_images, field, value)


@pytest.mark.parametrize(
    "changes",
    [
        {"orders": [1, 2]},
        {"orders": [1, 4, 2]},
        {"further_orders": [4]},
        {"factors": [0.5, 2.0]},
        {"tasks": [1, 4]},
    ],
)
def test_parameters_that_do_not_fit_are_refused(changes):
    with pytest.raises(ValueError, match="must"):
        parameters(**changes)


def chains(p: Parameters, kind: Family) -> tuple[np.ndarray, list[np.ndarray]]:
    """The features on test samples (m, T, k), and the outputs of the two chains of seed 0."""
    family = component_tasks.run(p.family(kind, 0))
    points = [p.chains(kind, Students(USUAL, skips=True), seed)[0] for seed in (0, 1)]
    results = [component_task_orders.run(point, given=[family]) for point in points]
    return family.arrays["test"], [result.arrays["test"] for result in results]


def test_a_point_gives_the_chain_format_and_repeats(tmp_path):
    point = parameters().chains(GIVEN, Students(0.5, skips=False), 1)[0]
    ((experiment, config),) = component_task_orders.needs(point)
    family = experiment.run(config)
    result = component_task_orders.run(point, given=[family])
    assert result.metrics["orders"] == [1, 2, 4]
    assert result.arrays["test"].shape == (3, 2, 150, 6)
    assert result.arrays["own_1"].shape == (3, 0, 6)
    given = type("Given", (), {"run": lambda p, s: component_task_orders.run(p, s, given=[family])})
    assert_repeats(given, point, result)
    other = point.model_copy(update={"settings": point.settings.model_copy(update={"skips": True})})
    again = component_task_orders.run(other, given=[family])
    np.testing.assert_array_equal(again.arrays["test"][0], result.arrays["test"][0])
    assert not np.allclose(again.arrays["test"][1], result.arrays["test"][1])


@pytest.mark.claim("B3")
def test_a_linear_task_is_explained_by_the_first_order():
    p = parameters(
        tasks=[0, 13],
        task_width=16,
        pool=1500,
        test=500,
        width=32,
        orders=[1, 2, 3],
        further_orders=[],
        steps=400,
    )
    (linear, harder), (a, b) = chains(p, GIVEN)
    alone = shared_significance(a[:, 0], b[:, 0], linear)
    floor = seed_floor(a[:, 0], b[:, 0], linear)
    assert alone[0] > 0.8
    assert abs(alone[1:].sum()) < floor[1:].min()
    # Taken chain by chain, every further order has a component, all of it noise.
    assert significance(a[:, 0], linear)[1:].min() > 5 * np.abs(alone[1:]).max()
    assert shared_significance(a[:, 1], b[:, 1], harder)[1:].sum() > 0.01 > abs(alone[1:].sum())


def test_wider_and_deeper_students_cost_more():
    p = parameters()
    by_width = [p.chains(GIVEN, Students(factor, skips=True), 0)[0] for factor in p.factors]
    assert_costs_grow(component_task_orders, *by_width)
    assert isinstance(by_width[0], Config)

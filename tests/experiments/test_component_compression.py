"""Trained nets and their variants taken apart: whose points are used, and what comes out."""

import component_nets as made
import numpy as np
import pytest
from experimenting import assert_costs_grow, assert_refused

from strata.experiments import (
    component_compression,
    component_orders,
    component_reliability,
    component_targets,
    component_variants,
    cycling,
)
from strata.experiments.component_compression import CURVES
from strata.measures.components import significance, variance

COMMON = made.PARAMETERS | {
    "target_steps": 40,
    "steps": 40,
    "image_depths": [8],
    "inverse_steps": 10,
}
OWN = {
    "compressed_depth": 4,
    "compressed_samples": 100,
    "rate": 4.0,
    "rounds": 2,
    "retrain_steps": 10,
    "bits": 8,
    "head_bits": 5,
    "student_order": 2,
}


def parameters(**changes):
    return component_compression.Parameters(**COMMON | OWN | changes)


@pytest.fixture(scope="module")
def point():
    return parameters().points()[0]


@pytest.fixture(scope="module")
def given(point):
    """What a sweep would compute first."""
    settings = point.reliability
    family = made.trained_family()
    cold, second, continued = (
        each for module, each in component_compression.needs(point) if module is component_orders
    )
    assert settings.targets == made.family_config(), "so that the family is trained only once"
    chains = [component_orders.run(each, given=[family]) for each in (cold, second)]
    chains.append(component_orders.run(continued, given=[family, chains[0]]))
    exemplars = [component_targets.run(e) for e in component_reliability.exemplars(settings)]
    parts = component_reliability.run(settings, given=[family, *chains[:2], *exemplars])
    variants = component_variants.run(point.variants, given=[family])
    return [family, *chains, parts, variants, *exemplars]


@pytest.fixture(scope="module")
def result(point, given):
    return component_compression.run(point, given=given)


def test_the_points_rest_on_those_of_the_chapter_on_reliability():
    other = component_reliability.Parameters(**COMMON, control_seeds=2)
    points = parameters().points()
    assert [point.reliability for point in points] == other.dense_points()
    assert [point.variants is not None for point in points] == [True, True, False, False]


def test_what_a_point_needs_is_listed_in_the_order_of_given(point, given):
    needed = component_compression.needs(point)
    modules = [module.__name__.rpartition(".")[2] for module, _ in needed]
    assert modules == [
        "component_targets",
        *["component_orders"] * 3,
        "component_reliability",
        "component_variants",
        *["component_targets"] * 2,
    ]
    starts = [(each.settings.start, each.settings.seed) for _, each in needed[1:4]]
    assert starts == [("cold", 0), ("cold", 1), ("continued", 0)]
    assert len(given) == len(needed)
    trained = parameters().points()[-1]
    assert len(component_compression.needs(trained)) == 5


def test_every_net_has_every_curve(given, result):
    names = [net["variant"] for net in result.metrics["targets"]]
    assert names == ["original"] * 4 + [*component_variants.VARIANTS, "compressed"]
    assert set(result.arrays) == set(CURVES)
    assert {array.shape for array in result.arrays.values()} == {(9, 3)}
    lacking = {name: np.isnan(array).all(axis=1) for name, array in result.arrays.items()}
    assert lacking.pop("continued").tolist() == [False] * 4 + [True] * 5
    for name in ("shared", "floor"):
        assert lacking.pop(name).tolist() == [False] * 8 + [True]
    assert not any(each.any() for each in lacking.values())
    assert not any(np.isnan(result.arrays[name][:4]).any() for name in CURVES)


def test_trained_nets_are_measured_on_the_chains_that_were_given(given, result):
    family, cold, _, continued, parts, *_ = given
    feature, outputs = family.arrays["test"][1], cold.arrays["test"][:, 1]
    reliable = parts.arrays["reliable"][:, 1]
    found = {name: array[1] for name, array in result.arrays.items()}
    assert found["significance"] == pytest.approx(significance(outputs, feature))
    assert found["reliable"] == pytest.approx(significance(reliable, feature))
    assert found["unreliable"] == pytest.approx(significance(outputs - reliable, feature))
    moved = continued.arrays["test"][:, 1] - outputs
    expected = [variance(change) / variance(feature) for change in moved]
    assert found["continued"] == pytest.approx(expected)


def test_reliability_is_that_of_the_chapter_on_it(given, result):
    parts = given[4]
    method = parts.metrics["methods"].index(cycling.MAIN)
    cycles = parts.metrics["cycles"]
    for name, number in (("reliability", cycling.STUDY_CYCLES), ("direct", 0)):
        expected = parts.arrays["reliability"][method, cycles.index(number)]
        assert result.arrays[name][:4] == pytest.approx(expected.T, rel=1e-4)


def test_effects_add_up_to_what_the_whole_chain_saves(given, result):
    """Shapley values sum to the loss of what is left minus the loss with all components."""
    family, cold, *_ = given
    head = component_targets.head(family, 0)
    labels = component_targets.load(made.DATA).test_labels.numpy()
    rest = family.arrays["test"][0] - cold.arrays["test"][-1, 0]
    saved = [component_targets.scores(head(x), labels)[1] for x in (rest, family.arrays["test"][0])]
    assert result.arrays["phi_test"][0].sum() == pytest.approx(saved[0] - saved[1], rel=1e-4)


def test_trained_nets_alone_come_out_the_same(point, given, result):
    alone = point.model_copy(update={"variants": None})
    found = component_compression.run(alone, given=given[:5])
    assert found.metrics["targets"] == result.metrics["targets"][:4]
    for name in CURVES:
        assert np.array_equal(found.arrays[name], result.arrays[name][:4])


def test_scales_are_those_of_feature_and_head(given, result):
    family, variants = given[0], given[5]
    for nets, place, found in (
        (family, 1, result.metrics["targets"][1]),
        (variants, 4, result.metrics["targets"][8]),
    ):
        assert found["scale"] ** 2 == pytest.approx(variance(nets.arrays["test"][place]))
        norm = np.sqrt((nets.arrays["head_weight"][place] ** 2).sum())
        assert found["head"] == pytest.approx(norm, rel=1e-5)
    targets = result.metrics["targets"]
    assert targets[6]["head"] == targets[7]["head"] == targets[3]["head"], "students keep the head"


def test_variants_cost_more_than_none_and_longer_students_more(point):
    alone = point.model_copy(update={"variants": None})
    longer = parameters(steps=80).points()[0]
    assert_costs_grow(component_compression, alone, point, longer)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("compressed_depth", 3),
        ("compressed_samples", 50),
        ("student_order", 4),
        ("rate", 0.9),
        ("rounds", 0),
        ("retrain_steps", 0),
        ("bits", 1),
        ("head_bits", 17),
        ("inverse_steps", 9),
        ("unknown", 1),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(field, value):
    assert_refused(parameters, field, value)

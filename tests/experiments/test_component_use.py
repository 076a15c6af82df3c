"""What components are good for: what decides a point, and what it gives."""

import component_nets
import numpy as np
import pytest
from experimenting import assert_costs_grow, assert_refused

from strata.experiments import component_orders, component_targets, component_use
from strata.experiments.component_effects import effects, replaced

TINY = component_nets.PARAMETERS | {
    "data": ["manifold"],
    "depths": [2, 3],
    "samples": [20, 40],
    "pool": 100,
    "test": 100,
    "width": 8,
    "feature": 6,
    "target_steps": 30,
    "steps": 20,
    "batch_size": 16,
    "last_rate": 1e-3,
    "image_depths": [8],
    "image_samples": [20],
    "image_width": 4,
    "image_target_steps": 2,
    "image_steps": 2,
}


def parameters(**changes: object) -> component_use.Parameters:
    return component_use.Parameters(**TINY | changes)


def computed(point: component_use.Config) -> list:
    (_, family), *chains = component_use.needs(point)
    made = component_targets.run(family)
    return [made, *(component_orders.run(config, given=[made]) for _, config in chains)]


@pytest.fixture(scope="module")
def point():
    settings = component_nets.chain_settings
    return component_use.Config(
        targets=component_nets.family_config(),
        settings=settings(),
        own=settings(pool="own"),
        warm=settings(start="warm"),
    )


@pytest.fixture(scope="module")
def given(point):
    _, _, *others = component_use.needs(point)
    family = component_nets.trained_family()
    chains = [component_orders.run(config, given=[family]) for _, config in others]
    return [family, component_nets.trained_chain(), *chains]


@pytest.fixture(scope="module")
def result(point, given):
    return component_use.run(point, given=given)


def test_the_same_point_gives_the_same_bits(point, given, result):
    assert component_use.run(point, given=given).digest() == result.digest()


def test_a_point_needs_a_family_and_its_chains(point):
    (first, family), *chains = component_use.needs(point)
    assert first is component_targets
    assert family == point.targets
    assert all(module is component_orders for module, _ in chains)
    assert [config.targets for _, config in chains] == [family] * 3
    kinds = [(config.settings.start, config.settings.pool) for _, config in chains]
    assert kinds == [("cold", "all"), ("cold", "own"), ("warm", "all")]


def test_chains_are_those_that_the_other_chapters_have():
    swept = parameters()
    dense, *_, images = swept.points()
    _, (_, full), (_, own), (_, warm) = component_use.needs(dense)
    assert full in swept.chains()
    assert own in swept.chains(pool="own")
    assert warm in swept.chains(start="warm")
    _, *chains = component_use.needs(images)
    assert [config in swept.image_chains() for _, config in chains] == [True, False]


def test_there_is_a_point_for_each_family_vectors_first():
    swept = parameters(data=["manifold", "digits"], image_depths=[8, 14])
    points = swept.points()
    assert [point.targets for point in points] == [*swept.families(), *swept.image_families()]
    names = ["manifold", "manifold", "digits", "digits", "shapes", "shapes"]
    assert [point.targets.data.name for point in points] == names
    assert points[-1].settings.orders == points[-1].own.orders == (4, 7)
    assert len(parameters(images=[]).points()) == 2


def test_a_result_has_the_effects_with_the_pool_and_the_scores_of_all_students(
    point, given, result
):
    family, *chains = given
    data = point.targets.data
    expected = effects(family, chains[0], data)
    apart = effects(family, chains[2], data)
    expected |= {f"{name}_warm": values for name, values in apart.items()}
    for kind, chain in zip(("", "_own", "_warm"), chains, strict=True):
        scores = replaced(family, chain, data)
        expected |= {f"{name}{kind}": scores[name] for name in ("accuracy", "loss")}
        expected[f"residual{kind}"] = np.transpose(chain.metrics["residual_test"])
    for name, values in expected.items():
        assert np.array_equal(result.arrays[name], values, equal_nan=True), name
    assert set(result.arrays) == {*expected, "net_accuracy", "net_loss"}
    assert result.metrics["targets"] == family.metrics["targets"]
    assert not np.array_equal(result.arrays["accuracy"], result.arrays["accuracy_own"])


def test_the_scores_with_the_feature_are_those_of_the_family(given, result):
    rows = given[0].metrics["targets"]
    accuracies = [row["test_accuracy"] for row in rows]
    assert result.arrays["net_accuracy"].tolist() == pytest.approx(accuracies)
    losses = [row["test_loss"] for row in rows]
    assert result.arrays["net_loss"] == pytest.approx(losses, rel=1e-5)
    assert result.arrays["losses_test"][:, -1] == pytest.approx(losses, rel=1e-4)
    trained = [row["train_loss"] for row in rows]
    assert result.arrays["losses_train"][:, -1] == pytest.approx(trained, rel=1e-4)


def test_images_go_the_same_way():
    settings = component_nets.image_settings()
    point = component_use.Config(
        targets=component_nets.image_config(),
        settings=settings,
        own=settings.model_copy(update={"pool": "own"}),
    )
    found = component_use.run(point, given=computed(point))
    assert found.arrays["phi_train"].shape == found.arrays["accuracy_own"].shape == (2, 2)
    assert "accuracy_warm" not in found.arrays


def test_more_orders_and_more_samples_cost_more(point):
    settings = point.settings.model_copy(update={"orders": (1, 2, 4, 7)})
    deeper = point.model_copy(update={"settings": settings})
    targets = point.targets.model_copy(update={"samples": (20, 200)})
    assert_costs_grow(component_use, point, deeper, deeper.model_copy(update={"targets": targets}))


def test_the_data_of_a_point_are_those_of_its_family(point):
    own = component_targets.data_fingerprint(point.targets)
    assert component_use.data_fingerprint(point) == own
    assert component_use.data_source(point) == component_targets.data_source(point.targets)


@pytest.mark.parametrize(("field", "value"), [("seeds", 1), ("orders", [2, 1]), ("unknown", 1)])
def test_parameters_out_of_range_are_refused_by_name(field, value):
    assert_refused(parameters, field, value)

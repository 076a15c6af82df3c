"""Reliability: what decides a point, and what it gives."""

import numpy as np
import pytest
from component_nets import DATA, PARAMETERS, budget, chain_settings, family_config
from experimenting import assert_costs_grow, assert_refused

from strata.experiments import component_orders, component_targets
from strata.experiments import component_reliability as reliability
from strata.experiments.cycling import CYCLES, MAIN, METHODS, STUDY_CYCLES
from strata.experiments.sharing import Settings
from strata.measures.components import components, shared_significance, variance
from strata.runs.result import Result

TINY = PARAMETERS | {"control_seeds": 2, "inverse_steps": 20}
STUDY = METHODS.index(MAIN), CYCLES.index(STUDY_CYCLES)


def parameters(**changes: object) -> reliability.Parameters:
    return reliability.Parameters(**TINY | changes)


def config(**changes: object) -> reliability.Config:
    given = {
        "targets": family_config(),
        "exemplar_depth": 4,
        "depths": (2, 4),
        "settings": Settings(orders=(1, 2, 4), width=16, budget=budget(), inverse_steps=20),
        "chain": chain_settings(),
        "second": chain_settings(seed=1),
    }
    return reliability.Config(**given | changes)


def given(point: reliability.Config) -> list[Result]:
    """The results that it needs, computed."""
    (_, family), *rest = reliability.needs(point)
    made = component_targets.run(family)
    return [made] + [
        component_orders.run(need, given=[made])
        if module is component_orders
        else component_targets.run(need)
        for module, need in rest
    ]


@pytest.fixture(scope="module")
def made() -> list[Result]:
    return given(config())


@pytest.fixture(scope="module")
def found(made: list[Result]) -> Result:
    return reliability.run(config(), given=made)


def test_reliability_is_a_share_of_the_plain_students_variance(made: list[Result], found: Result):
    _, chain, again, *_ = made
    plain, arrays = chain.arrays["test"], found.arrays
    for order, net in np.ndindex(3, 4):
        whole, reliable = plain[order, net], arrays["reliable"][order, net]
        share = variance(reliable) / variance(whole)
        assert arrays["reliability"][STUDY][order, net] == pytest.approx(share, rel=1e-4)
        left = variance(whole - reliable) / variance(whole)
        assert arrays["unreliable"][order, net] == pytest.approx(left, rel=1e-4)
        crossed = 2 * np.sqrt(share * left) * arrays["angle"][order, net]
        assert share + left + crossed == pytest.approx(1, rel=1e-3), "the law of cosines"
    net, feature = 2, made[0].arrays["test"][2]
    own = [variance(part) for part in components(plain[:, net])]
    reliable = [variance(part) for part in components(arrays["reliable"][:, net])]
    ratio = np.array(reliable) / own
    assert arrays["component"][STUDY][:, net] == pytest.approx(ratio, rel=1e-4)
    signal = shared_significance(plain[:, net], again.arrays["test"][:, net], feature)
    assert arrays["signal"][:, net] == pytest.approx(signal)
    ends = plain[[0, -1], net]
    kept = shared_significance(ends, arrays["reliable"][[0, -1], net], feature)
    assert arrays["reliable_ends"][:, net] == pytest.approx(kept)
    assert arrays["signal_ends"][0, net] == pytest.approx(signal[0])
    assert arrays["component"][:, :, 0] == pytest.approx(arrays["reliability"][:, :, 0])


def test_a_point_repeats_and_its_targets_do_not_need_each_other(made: list[Result], found: Result):
    assert reliability.run(config(), given=made).digest() == found.digest()
    part = reliability.run(config(depths=(4,)), given=made)
    assert part.metrics["targets"] == found.metrics["targets"][2:]
    np.testing.assert_allclose(
        part.arrays["reliability"], found.arrays["reliability"][..., 2:], rtol=1e-3
    )


def test_the_exemplars_are_nets_of_the_whole_pool_that_are_no_targets():
    first, second = reliability.exemplars(config())
    assert first.samples == second.samples == (DATA.pool,)
    assert first.depths == (4,)
    assert {first.labels, second.labels} == {"true"}
    random = reliability.exemplars(config(exemplars="random labels"))
    assert {(each.labels, each.samples) for each in random} == {("random", (100,))}
    assert reliability.exemplars(config(exemplars="copies")) == []
    assert len(reliability.needs(config(exemplars="copies"))) == 3


def test_each_family_has_exemplars_of_its_own():
    points = parameters(seeds=1000).dense_points()
    targets = {point.targets.seed for point in points}
    others = [
        each.seed
        for point in points
        if point.targets.data.name == "manifold"
        for each in reliability.exemplars(point)
    ]
    assert len(set(others)) == len(others) == 2000
    assert not targets & set(others)


def test_random_numbers_of_a_target_do_not_depend_on_the_exemplars(made: list[Result]):
    """Otherwise a control would compare two students as well as two kinds of exemplars."""
    again = reliability.run(config(exemplars="random labels"), given=made)
    usual = reliability.run(config(), given=made)
    assert again.digest() == usual.digest(), "the same exemplars under another name"


def test_a_point_says_how_well_its_exemplars_learned(made: list[Result], found: Result):
    assert found.metrics["exemplars"] == [
        made[-2].metrics["targets"][0],
        *made[-1].metrics["targets"],
    ]


def test_points_share_families_and_chains_with_the_other_chapters():
    chosen = parameters()
    points = chosen.dense_points()
    assert [point.targets for point in points] == chosen.families()
    assert [point.chain for point in points] == [chain.settings for chain in chosen.chains()]
    assert points[0].second == chosen.settings(seed=1)
    images = chosen.image_points()
    assert [point.targets for point in images] == chosen.image_families()
    assert {point.exemplar_depth for point in images} == {14}
    assert {point.exemplar_depth for point in points} == {4}
    assert chosen.points() == [*points, *chosen.control_points(), *images]


def test_controls_are_the_middle_depth_of_some_seeds_of_the_first_data_set():
    controls = parameters(depths=[2, 3, 4], seeds=3).control_points()
    assert len(controls) == 6
    assert {point.targets.data.name for point in controls} == {"manifold"}
    assert {point.targets.seed for point in controls} == {0, 1}
    assert {point.depths for point in controls} == {(3,)}
    kinds = [(point.exemplars, point.settings.standardised) for point in controls[:3]]
    assert kinds == [("random labels", True), ("copies", True), ("trained", False)]
    assert len(parameters(control_seeds=9).control_points()) == 6


def test_costs_grow_with_targets_and_orders():
    few = config(depths=(2,))
    longer = config(chain=chain_settings(orders=(1, 2, 4, 7)))
    assert_costs_grow(reliability, few, config(), longer)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("data", ["manifold"]),
        ("samples", [20]),
        ("samples", [100, 20]),
        ("image_samples", [20]),
        ("control_seeds", 1),
        ("inverse_steps", 5),
        ("unknown", 1),
    ],
)
def test_parameters_out_of_range_are_refused(field: str, value: object):
    assert_refused(parameters, field, value)

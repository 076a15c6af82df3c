"""Reconstruction by depth: what decides a point, and how it gathers its inversions."""

import numpy as np
import pytest
from experimenting import assert_costs_grow, assert_refused
from inverted_nets import NETS

from strata.experiments import inversion_depth as depth
from strata.experiments import inversion_nets, inversions
from strata.experiments.inversion_rates import by_rate
from strata.measures.inversion import blurred_inversion
from strata.measures.reconstruction import hpcorr, mem, pearson
from strata.runs.result import Result

TINY = NETS | {
    "untrained_seeds": 3,
    "stages": ["conv1", "pool", "c3", "c5"],
    "steps": 4,
    "rate_steps": 2,
    "start_stages": ["conv1", "pool", "c5"],
    "budget_stages": ["c3", "c5"],
    "budget_steps": 8,
}
IMAGES = 3


def parameters(**changes: object) -> depth.Parameters:
    return depth.Parameters(**TINY | changes)


def made_up(config: depth.Config, number: int, need: object) -> Result:
    """An inversion whose distances say which one it is."""
    if isinstance(need, inversion_nets.Config):
        return inversion_nets.run(need)
    rng = np.random.default_rng(number)
    shape = (IMAGES, 3, config.net.size, config.net.size)
    steps = np.array([0, need.steps])
    stage = inversions.STAGES.index(need.stage)
    return Result(
        metrics={"elements": float(stage)},
        arrays={
            "made": rng.random(shape, dtype=np.float32),
            "start": rng.random(shape, dtype=np.float32),
            "steps": steps,
            "embedding": number + steps / 100 + np.zeros((IMAGES, 1)),
            "inputs": -number + steps / 100 + np.zeros((IMAGES, 1)),
            **{
                name: np.full(IMAGES, float(stage))
                for name in ("reference", "nearest", "norm", "gray")
            },
            **{name: np.arange(IMAGES) for name in ("reference_input", "gray_input")},
            **({"rate": np.full(IMAGES, float(number))} if need.method == "blurred" else {}),
        },
    )


@pytest.fixture(scope="module")
def config() -> depth.Config:
    return parameters().points()[0]


@pytest.fixture(scope="module")
def given(config: depth.Config) -> list[Result]:
    return [made_up(config, i, need) for i, (_, need) in enumerate(depth.needs(config))]


@pytest.fixture(scope="module")
def found(config: depth.Config, given: list[Result]) -> Result:
    return depth.run(config, given=given)


def test_each_inversion_goes_to_its_place(config: depth.Config, found: Result):
    needed = [need for _, need in depth.needs(config)]
    for m, method in enumerate(config.methods):
        for s, stage in enumerate(config.stages):
            usual = config.inversions()[m * len(config.stages) + s]
            assert (usual.method, usual.stage, usual.start) == (method, stage, "noise")
            number = needed.index(usual)
            path = number + np.array([0, config.steps]) / 100
            np.testing.assert_allclose(found.arrays["embedding"][m, s, 1], path)
            np.testing.assert_allclose(found.arrays["inputs"][m, s, 1] + 2 * number, path)
            assert found.arrays["nearest"][s, 0] == inversions.STAGES.index(stage)
    chosen = [needed.index(each) for each in config.inversions()[: len(config.stages)]]
    np.testing.assert_array_equal(found.arrays["rate"][:, 0], chosen)
    assert found.metrics["elements"] == [0.0, 1.0, 3.0, 5.0]
    np.testing.assert_array_equal(found.arrays["reference_input"], [0, 1, 2])


def test_starts_and_budgets_are_told_apart(config: depth.Config, found: Result):
    needed = [need for _, need in depth.needs(config)]
    for t, stage in enumerate(config.start_stages):
        for i, start in enumerate(depth.STARTS):
            one = config.inversions()[-1].model_copy(update={"stage": stage, "start": start})
            places = [place for place, need in enumerate(needed) if need == one]
            wanted = found.arrays["ends_embedding"][t, i, 0] - config.steps / 100
            assert wanted == pytest.approx(places[-1])
    longer = next(i for i, need in enumerate(needed) if getattr(need, "steps", 0) == 8)
    np.testing.assert_allclose(found.arrays["budget_embedding"][0, 0], longer + np.array([0, 0.08]))
    np.testing.assert_array_equal(found.arrays["budget_steps"], [0, 8])


def test_likeness_is_that_of_the_measures(config: depth.Config, given: list[Result], found: Result):
    originals = inversions.originals(config.inversions()[0]).numpy()
    each = given[1 + 5].arrays  # the second method at the second stage
    assert found.arrays["pearson"][1, 1] == pytest.approx(pearson(each["made"], originals))
    assert found.arrays["hpcorr"][1, 1] == pytest.approx(hpcorr(each["made"], originals))
    kept = mem(each["made"], originals, each["start"])
    assert found.arrays["mem"][1, 1] == pytest.approx(kept)


def test_step_sizes_are_run_to_the_end(config: depth.Config, given: list[Result], found: Result):
    (early, later) = config.by_rates()
    assert (early.stage, later.stage, early.method) == ("pool", "c3", "blurred")
    assert found.arrays["rate_inputs"].shape == (len(config.rates), 2, IMAGES)
    own = blurred_inversion(
        inversions.embedder(inversion_nets.net_of(config.net, given[0]), "c3"),
        inversions.originals(later),
        inversions.start_of(later),
        rates=config.rates[1],
        steps=config.steps,
    )
    np.testing.assert_array_equal(found.arrays["rate_inputs"][1, 1], own.inputs[:, -1])
    np.testing.assert_array_equal(found.arrays["rate_embedding"][1, 1], own.embedding[:, -1])


def test_a_step_size_that_leads_nowhere_is_named(config: depth.Config, given: list[Result]):
    ends = by_rate(config.by_rates(), given[0], [0.1, 1e30])
    assert np.isfinite(ends["rate_inputs"][0]).all()
    assert np.isnan(ends["rate_inputs"][1]).all()
    assert np.isnan(ends["rate_embedding"][1]).all()


def test_ends_are_as_far_apart_as_they_are(found: Result):
    ends, apart = (found.arrays[name] for name in ("ends", "ends_apart"))
    for pair, (i, j) in enumerate(depth.PAIRS):
        between = np.linalg.norm((ends[:, i] - ends[:, j]).reshape(3, IMAGES, -1), axis=2)
        np.testing.assert_allclose(apart[:, pair], between, rtol=1e-5)


def test_only_some_nets_are_searched_from_other_starts(config: depth.Config):
    points = parameters().points()
    assert [p.net.kind for p in points].count("untrained") == 3
    assert [p.net.kind for p in points].count("natural") == 2
    for point in points:
        searched = point.net.kind in depth.SEARCHED and point.net.seed < 2
        assert bool(point.from_starts()) == bool(point.with_budget()) == searched
        if searched and point.net.kind == "natural":
            assert point.start_stages == ("c5",)
    equal = next(point for point in points if point.net.kind == "equal")
    assert equal.methods == (depth.MAIN,)
    plain = depth.run(
        equal, given=[made_up(equal, i, need) for i, (_, need) in enumerate(depth.needs(equal))]
    )
    assert not {"ends", "budget_inputs", "rate_inputs", "rate"} & set(plain.arrays)


def test_points_share_inversions_with_other_chapters(config: depth.Config):
    """Of another number of starts or a larger budget the usual inversions know nothing."""
    other = parameters(budget_steps=16, start_stages=["conv1", "pool", "c3", "c5"]).points()[0]
    assert other != config
    assert other.inversions() == config.inversions()


def test_points_depend_on_data_and_cost_more_with_methods(config: depth.Config):
    assert depth.data_source(config) == "shapes"
    assert depth.data_fingerprint(config) == inversions.data_fingerprint(config.inversions()[0])
    assert_costs_grow(depth, parameters().points()[-1], config)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stages", ["conv1", "c3", "c5"]),
        ("stages", ["pool", "conv1", "c3", "c5"]),
        ("start_stages", ["conv1", "c5"]),
        ("start_stages", ["conv1", "pool", "c4", "c5"]),
        ("budget_stages", ["c5"]),
        ("budget_steps", 4),
        ("untrained_seeds", 1),
    ],
)
def test_impossible_parameters_are_refused(field: str, value: object):
    assert_refused(parameters, field, value)

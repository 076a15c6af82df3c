"""Shares of a feature by order: formulas written out again, and chains whose parts are known."""

import made_components as made
import numpy as np
import pytest
from component_nets import chain_settings, family_config
from experimenting import assert_costs_grow, assert_refused
from made_components import parameters

from strata.experiments import component_orders, component_shares, component_targets
from strata.experiments import component_significance as experiment
from strata.measures.components import mean_order, total_variation
from strata.runs.result import Result

SHARES = np.array([0.6, 0.2, 0.1])
REST, NOISE = 0.1, 0.05
M, T, K, L = 4, 1500, 6, len(SHARES)


def point(controls=("warm", "continued")) -> experiment.Config:
    chain = component_orders.Config(targets=family_config(), settings=chain_settings())
    return experiment.Config(chain=chain, controls=controls)


def chain(outputs: np.ndarray) -> Result:
    return Result(
        metrics={"orders": [1, 2, 4], "residual_pool": [[0.1 * i] * M for i in range(L)]},
        arrays={"test": outputs},
    )


def made_up(seed: int = 0, noise: float = NOISE) -> list[Result]:
    """A family and five chains whose parts and noise are independent, with known variances."""
    rng = np.random.default_rng(seed)
    parts = rng.normal(size=(L, M, T, K)) * np.sqrt(SHARES)[:, None, None, None]
    feature = parts.sum(axis=0) + np.sqrt(REST) * rng.normal(size=(M, T, K))
    designs = [{"depth": d, "samples": n, "test_accuracy": 0.5} for d, n in family_config().designs]
    family = Result(metrics={"targets": designs}, arrays={"test": feature})
    means = parts.cumsum(axis=0)
    return [
        family,
        *(chain(means + np.sqrt(noise) * rng.normal(size=means.shape)) for _ in range(5)),
    ]


@pytest.fixture(scope="module")
def given():
    return made_up()


@pytest.fixture(scope="module")
def found(given):
    return experiment.run(point(), given=given).arrays


def test_a_point_needs_chains_that_other_chapters_have_too():
    swept = parameters()
    dense = swept.points()[: len(swept.families())]
    assert [p.chain for p in dense] == swept.chains()
    for place, config in enumerate(dense):
        (family, targets), *chains = experiment.needs(config)
        assert (family, targets) == (component_targets, swept.families()[place])
        assert all(module is component_orders for module, _ in chains)
        first = targets.data.name == "manifold"
        assert [needed for _, needed in chains] == [
            swept.chains()[place],
            swept.chains(seed=1)[place],
            *([swept.chains(start="warm")[place]] if first else []),
            *([swept.chains(start="warm", seed=1)[place]] if first else []),
            swept.chains(start="continued")[place],
        ]


def test_of_images_only_the_depths_asked_for_have_a_control():
    *_, shallow, deep = parameters().points()
    assert [p.chain for p in (shallow, deep)] == parameters().image_chains()
    assert shallow.controls == ("continued",)
    assert deep.controls == ()
    assert len(experiment.needs(deep)) == 3


def test_shares_are_ratios_of_variances(given, found):
    feature, first = given[0].arrays["test"], given[1].arrays["test"]
    for i in range(M):
        whole = feature[i].var(axis=0).sum()
        steps = np.concatenate([first[:1, i], np.diff(first[:, i], axis=0)])
        assert found["significance"][0, i] == pytest.approx(steps.var(axis=1).sum(axis=1) / whole)
        assert found["whole"][0, i] == pytest.approx(first[:, i].var(axis=1).sum(axis=1) / whole)
        left = (feature[i] - first[:, i]).var(axis=1).sum(axis=1) / whole
        assert found["residual"][0, i] == pytest.approx(left)
        parts = [*steps, feature[i] - first[-1, i]]
        flat = [(part - part.mean(axis=0)).ravel() for part in parts]
        assert found["cosines"][0, i] == pytest.approx(np.corrcoef(flat), abs=1e-9)


def test_what_two_chains_agree_on_is_what_is_left_of_their_variances(found):
    """Var[a - b] = Var[a] + Var[b] - 2 Cov[a, b], for the outputs."""
    difference = found["whole"].sum(axis=0) - 2 * found["shared_whole"]
    assert found["floor"] == pytest.approx(difference)


def test_known_parts_come_out_and_noise_does_not_count_as_shared(found):
    assert found["shared"].mean(axis=0) == pytest.approx(SHARES, abs=0.02)
    assert found["significance"].mean(axis=(0, 1)) == pytest.approx(
        SHARES + NOISE * np.array([1, 2, 2]), abs=0.03
    )
    assert found["floor"].mean(axis=0) == pytest.approx([2 * NOISE] * L, abs=0.01)


def test_the_floor_of_a_component_is_what_noise_alone_makes_of_it(given, found):
    result = experiment.run(point(), given=given)
    nets = component_shares.table([point()], [result])
    for _, net in nets.iterrows():
        excess = net["significance"].mean(axis=0) - net["shared"]
        assert component_shares.component_floor(net) == pytest.approx(excess, abs=0.02)


def test_neighbours_that_are_noise_have_a_cosine_of_minus_a_half():
    nothing = made_up(noise=50.0)
    cosines = experiment.run(point(), given=nothing).arrays["cosines"].mean(axis=(0, 1))
    assert cosines[1, 2] == pytest.approx(-0.5, abs=0.02)
    assert cosines[0, 2] == pytest.approx(0, abs=0.02)
    assert np.diag(cosines) == pytest.approx(1)


def test_nothing_depends_on_the_unit_or_the_axes_of_the_feature(given, found):
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(K, K)))[0]
    moved = [Result(r.metrics, {"test": 3 * r.arrays["test"] @ turn + np.arange(K)}) for r in given]
    for name, array in experiment.run(point(), given=moved).arrays.items():
        assert array == pytest.approx(found[name], abs=1e-9), name


def test_students_that_are_not_trained_on_do_not_change(given):
    family, first, second, *_ = given
    found = experiment.run(point(("continued",)), given=[family, first, second, first]).arrays
    assert (found["continued_change"] == 0).all()
    assert found["continued_residual"].tolist() == found["residual"][0].tolist()


def test_the_controls_are_the_chains_that_were_asked_for(given, found):
    family, first, second, *warm, continued = given
    only = experiment.run(point(("continued",)), given=[family, first, second, continued]).arrays
    assert {name.removeprefix("warm_") for name in set(found) - set(only)} <= set(only)
    assert only["continued_change"].tolist() == found["continued_change"].tolist()
    change = continued.arrays["test"][1, 0] - first.arrays["test"][1, 0]
    whole = family.arrays["test"][0].var(axis=0).sum()
    assert found["continued_change"][0, 1] == pytest.approx(change.var(axis=0).sum() / whole)
    own = experiment.run(point(()), given=[family, *warm]).arrays
    for name, array in own.items():
        assert found[f"warm_{name}"].tolist() == array.tolist(), name


def test_what_the_students_saw_is_passed_on(found):
    assert found["residual_pool"].shape == (2, M, L)
    assert found["residual_pool"][1, 2].tolist() == [0, 0.1, 0.2]


def test_more_controls_cost_more():
    assert_costs_grow(experiment, point(()), point(("continued",)), point())


@pytest.mark.parametrize(
    ("field", "value"), [("image_control_depths", [0.5]), ("seeds", 1), ("unknown", 1)]
)
def test_parameters_out_of_range_are_refused_by_name(field, value):
    assert_refused(parameters, field, value)


def test_a_table_has_a_row_a_net_and_its_own_numbers(given, found):
    nets = component_shares.table([point()], [experiment.run(point(), given=given)])
    assert list(zip(nets["depth"], nets["samples"], strict=True)) == family_config().designs
    assert nets["significance"][2].tolist() == found["significance"][:, 2].tolist()
    assert nets["shared"][2].tolist() == found["shared"][2].tolist()
    assert set(nets["data"]) == {"manifold"}


def test_a_table_without_a_net_of_a_seed_is_refused(given):
    result = experiment.run(point(), given=given)
    less = Result(
        result.metrics | {"targets": result.metrics["targets"][:-1]},
        result.arrays,
    )
    other = point().chain.model_copy(update={"targets": family_config(seed=1)})
    later = point().model_copy(update={"chain": other})
    with pytest.raises(ValueError, match="not complete"):
        component_shares.table([point(), later], [result, less])


def test_mean_order_is_the_measure_where_no_share_is_negative():
    p, q = made.FALLING, made.shifted(0.2)
    assert component_shares.mean_order(p, made.ORDERS) == pytest.approx(mean_order(p, made.ORDERS))
    assert component_shares.distance(p, q) == pytest.approx(total_variation(p, q))


def test_mean_order_follows_from_cumulative_shares_also_with_negative_ones():
    shares = np.array([0.8, -0.05, 0.1, -0.02, 0.07])
    below = np.cumsum(shares)[:-1] / shares.sum()
    expected = np.log2(13) - np.diff(np.log2(made.ORDERS)) @ below
    assert component_shares.mean_order(shares, made.ORDERS) == pytest.approx(expected)


def test_noise_of_empty_orders_does_not_raise_the_mean_order():
    """Clipped at 0 it would: by half of its mean size, at every order."""
    noise = 0.02 * np.random.default_rng(0).normal(size=(4000, 5)) * (made.ORDERS > 1)
    shares = np.array([1.0, 0, 0, 0, 0]) + noise
    found = np.mean([component_shares.mean_order(row, made.ORDERS) for row in shares])
    clipped = np.mean(
        [component_shares.mean_order(row, made.ORDERS) for row in np.maximum(shares, 0)]
    )
    assert abs(found) < 0.005
    assert clipped > 0.05


def test_shares_of_nothing_are_refused():
    with pytest.raises(ValueError, match="positive sum"):
        component_shares.mean_order([0.1, -0.2], [1, 2])


def test_a_slope_is_that_of_a_line_and_needs_two_places():
    assert component_shares.slope([3.0, 5.0, 9.0], [1, 2, 8]) == pytest.approx(2)
    assert np.isnan(component_shares.slope([3.0], [4]))

"""Rich and lazy nets: shared starts and data, and limits whose answer is known."""

import math

import numpy as np
import pytest
import torch
from experimenting import assert_costs_grow, assert_refused, assert_repeats

from strata.data.spurious import conflicting
from strata.experiments import rich_lazy
from strata.measures.alignment import kernel_cka
from strata.measures.cka import linear_cka
from strata.measures.ntk import empirical_ntk


def parameters(**changes: object) -> rich_lazy.Parameters:
    values = {
        "lazy_settings": ["A", "C"],
        "lazy_scales": [1.0, 100.0],
        "lazy_seeds": 2,
        "lazy_samples": 60,
        "lazy_width": 12,
        "lazy_depth": 2,
        "lazy_epochs": 60,
        "lazy_learning_rate": 0.05,
        "lazy_momentum": 0.0,
    }
    return rich_lazy.Parameters(**values | changes)


def chosen(recipe: str, setting: str = "A", **changes: object) -> rich_lazy.Config:
    points = parameters(**changes).points()
    return next(p for p in points if (p.recipe, p.setting) == (recipe, setting))


@pytest.fixture(scope="module")
def scaled():
    return rich_lazy.run(chosen("scaled"))


@pytest.fixture(scope="module")
def linearised():
    return rich_lazy.run(chosen("linearised"))


def test_every_setting_has_each_scale_and_the_studys_recipe_once_a_seed():
    points = parameters().points()
    found = [(p.setting, p.recipe, p.scale, p.seed) for p in points]
    recipes = [("scaled", 1.0), ("scaled", 100.0), ("linearised", None)]
    assert found == [(s, *r, seed) for s in "AC" for r in recipes for seed in (0, 1)]
    steps = {p.scale: p.schedule.lr for p in points}
    assert steps == pytest.approx({1.0: 0.05, 100.0: 0.05e-4, None: 0.05})
    assert {p.schedule.momentum for p in points} == {0}


def test_all_recipes_of_a_seed_share_their_data_and_their_initial_net():
    points = [p for p in parameters().points() if p.setting == "A"]
    zero, one = ([p for p in points if p.seed == seed] for seed in (0, 1))
    assert len({rich_lazy.data_fingerprint(p) for p in zero}) == 1
    assert rich_lazy.data_fingerprint(zero[0]) != rich_lazy.data_fingerprint(one[0])
    weights = [rich_lazy._weights(rich_lazy.make_net(p)) for p in (*zero, one[0])]
    assert all(torch.equal(w, weights[0]) for w in weights[:-1])
    assert not torch.equal(weights[0], weights[-1])
    for p, w in zip(zero, weights, strict=False):
        assert torch.equal(rich_lazy._weights(rich_lazy.make_module(p)), w)


def test_the_conflicting_set_breaks_the_spurious_rule_of_the_training_set():
    train_a, test_a, odd_a = rich_lazy.make_data(chosen("scaled", lazy_samples=4000))
    assert conflicting(odd_a).all()
    assert 0.05 < conflicting(train_a).mean() < 0.15
    train_c, test_c, odd_c = rich_lazy.make_data(chosen("scaled", "C", lazy_samples=4000))
    assert conflicting(train_c).all()
    assert not conflicting(odd_c).any()
    for gamma, toy in zip(
        (5, 5, 5, 1, 1, 1), (train_a, test_a, odd_a, train_c, test_c, odd_c), strict=True
    ):
        assert len(toy) == 4000
        # x = (y + noise, gamma (s + noise)), so that noise of 0.1 is left after the signs.
        residual = toy.x / [1, gamma] - np.stack([toy.y, toy.factors["spurious"]], axis=1)
        assert residual.std(axis=0) == pytest.approx([0.1, 0.1], rel=0.1)
        assert np.abs(residual.mean(axis=0)).max() < 0.01
    assert not np.array_equal(train_a.x, test_a.x)


def test_the_same_point_gives_the_same_bits_and_leaves_no_checkpoint(linearised, tmp_path):
    assert_repeats(rich_lazy, chosen("linearised"), linearised, tmp_path)


def test_the_metrics_fit_together(scaled, linearised):
    for result in (scaled, linearised):
        metrics = result.metrics
        for kind in ("ranks", "covariance_ranks"):
            after, before = metrics[kind], metrics[f"{kind}_init"]
            assert len(after) == len(before) == 4  # the input and three maps
            assert after[0] == before[0] <= 2
            assert after[1:] != before[1:]
        assert len(result.arrays["loss"]) == len(result.arrays["error"]) == 60
        assert metrics["loss"] == pytest.approx(result.arrays["loss"][-1], rel=0.05)
        assert abs(metrics["train_error"] - result.arrays["error"][-1]) <= 2 / 60
        zero = np.flatnonzero(result.arrays["error"] == 0)
        assert metrics["zero_error_epoch"] == (zero[0] if len(zero) else None)
    assert scaled.metrics["ranks_init"] == linearised.metrics["ranks_init"]
    assert scaled.arrays["loss"][0] == pytest.approx(math.log(2), rel=1e-6)


def test_only_the_studys_recipe_has_a_net_to_restore(scaled, linearised):
    for name in rich_lazy.SETS:
        assert scaled.metrics[f"{name}_error_restored"] is None
        assert 0 <= linearised.metrics[f"{name}_error_restored"] <= 1


def test_a_net_that_hardly_moves_keeps_its_layers_and_its_kernel():
    config = chosen("linearised", lazy_learning_rate=1e-9, lazy_epochs=1)
    metrics = rich_lazy.run(config).metrics
    assert metrics["relative_distance"] < 1e-6
    assert metrics["kernel_change"] < 1e-5
    assert metrics["kernel_cka"] == pytest.approx(1, abs=1e-9)
    assert metrics["ranks"] == pytest.approx(metrics["ranks_init"], rel=1e-5)
    x, y = rich_lazy._tensors(rich_lazy.make_data(config)[0])
    wrong = rich_lazy._error(rich_lazy.make_net(config).double(), x, y)
    assert metrics["train_error_restored"] == wrong


def test_the_larger_the_scale_the_lazier_the_net():
    """To first order the function does not depend on the scale, and the way goes as 1 / scale."""
    scales = [1.0, 1000.0, 10000.0]
    points = parameters(lazy_scales=scales, lazy_samples=40).points()
    rich, lazy, lazier = (
        rich_lazy.run(p).metrics for p in points if (p.setting, p.seed) == ("A", 0) and p.scale
    )
    for name in ("relative_distance", "kernel_change"):
        assert lazy[name] == pytest.approx(10 * lazier[name], rel=0.1)
    assert lazy["loss"] == pytest.approx(lazier["loss"], rel=0.02)
    assert rich["kernel_change"] > 10 * lazy["kernel_change"]
    assert rich["kernel_cka"] < lazy["kernel_cka"] < 1


def test_the_kernels_alignment_is_the_linear_cka_of_the_jacobians():
    points = parameters().points()
    before, after = (rich_lazy.make_net(points[seed]).double() for seed in (0, 1))
    x = torch.randn(15, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    jacobians = []
    for net in (before, after):
        values, weights = net(x)[:, rich_lazy.LOGIT], [*net.parameters()]
        rows = [torch.autograd.grad(value, weights, retain_graph=True) for value in values]
        jacobians.append(torch.stack([torch.cat([part.flatten() for part in row]) for row in rows]))
    cka = linear_cka(*jacobians)
    kernels = [empirical_ntk(net, x, output=rich_lazy.LOGIT) for net in (before, after)]
    assert kernel_cka(*kernels) == pytest.approx(cka)
    metrics = rich_lazy._kernel_metrics(before, before, after, x)
    assert metrics["kernel_cka"] == pytest.approx(1)
    assert metrics["kernel_change"] == 0
    assert metrics["kernel_cka_independent"] == pytest.approx(cka)
    assert metrics["kernel_change_independent"] > 0
    assert cka < 0.95
    # Neither a scale nor a constant moves it.
    assert kernel_cka(kernels[0], 3 * kernels[0] + 7) == pytest.approx(1)


def test_where_nothing_prefers_the_core_the_strong_feature_wins():
    metrics = rich_lazy.run(chosen("scaled", "C")).metrics
    assert metrics["train_error"] == metrics["test_error"] == 0
    assert metrics["conflicting_error"] > 0.9


def test_the_studys_recipe_and_more_samples_cost_more():
    cost = rich_lazy.cost
    assert_costs_grow(rich_lazy, chosen("scaled"), chosen("linearised"))
    assert cost(chosen("scaled", lazy_samples=120)) == 2 * cost(chosen("scaled"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lazy_settings", ["C"]),
        ("lazy_settings", ["A", "A"]),
        ("lazy_settings", ["A", "B"]),
        ("lazy_scales", [1.0]),
        ("lazy_scales", [10.0, 100.0]),
        ("lazy_scales", [1.0, 100.0, 10.0]),
        ("lazy_seeds", 1),
        ("lazy_learning_rate", 0.0),
        ("unknown", 1),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(field, value):
    assert_refused(parameters, field, value)

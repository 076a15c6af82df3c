"""The refits of a net with a shortcut: what decides a point, what it gives, and its controls."""

import warnings

import numpy as np
import pytest
import torch
from experimenting import assert_costs_grow, assert_refused, assert_repeats, trained_again

from strata.data.spurious import conflicting
from strata.data.toy import Toy
from strata.experiments import boundary_refit, boundary_refit_claims
from strata.experiments.probes import logistic_probe
from strata.measures.soft_ranks import covariance_rank
from strata.measures.transition import transition_layer
from strata.nets.mlp import MLP
from strata.seeding import torch_generator

ONE_SAMPLE = 2 / boundary_refit.TEST_POINTS


def parameters(**changes: object) -> boundary_refit.Parameters:
    values = {
        "refit_strengths": [2.0, 6.0],
        "refit_agreements": [0.95, 0.9],
        "refit_depths": [1, 4],
        "refit_seeds": 2,
        "refit_samples": 300,
        "refit_points": 100,
        "refit_width": 10,
        "refit_learning_rate": 0.01,
        "refit_epochs": 80,
        "refit_patience": 50,
    }
    return boundary_refit.Parameters(**values | changes)


@pytest.fixture(scope="module")
def point():
    return next(point for point in parameters().points() if point.depth == 4)


@pytest.fixture(scope="module")
def result(point):
    return boundary_refit.run(point)


@pytest.fixture(scope="module")
def net(point):
    """The trained net of the point, trained again."""
    toy = boundary_refit.make_data(point)["train"]
    trained = trained_again(boundary_refit.make_net(point), toy, point.schedule, point.seed)
    return trained.net.double()


def test_the_same_point_gives_the_same_bits(point, result):
    assert_repeats(boundary_refit, point, result)


def test_the_sweep_holds_every_combination_and_starts_with_the_judged_one():
    points = parameters().points()
    assert len({point.model_dump_json() for point in points}) == len(points) == 2 * 2 * 2 * 2
    assert (points[0].strength, points[0].agreement) == (2.0, 0.95)
    assert [point.seed for point in points[:2]] == [0, 1]
    assert {point.schedule for point in points} == {points[0].schedule}
    schedule = points[0].schedule
    assert (schedule.optimizer, schedule.batch_size, schedule.patience) == ("adam", None, 50)


def test_all_depths_share_their_data_and_nothing_else_does(point):
    same = point.model_copy(update={"depth": 1})
    fingerprint = boundary_refit.data_fingerprint(point)
    assert boundary_refit.data_fingerprint(same) == fingerprint
    for change in ({"seed": 1}, {"strength": 6.0}, {"agreement": 0.9}):
        other = point.model_copy(update=change)
        assert boundary_refit.data_fingerprint(other) != fingerprint, change


def test_each_set_has_its_size_and_its_share_of_conflicting_samples(point):
    sets = boundary_refit.make_data(point)
    sizes = {name: len(toy) for name, toy in sets.items()}
    points = {"refit": 100, "unbalanced": 100, "selection": 100}
    assert sizes == {"train": 300, **points, "test": 4000}
    share = {name: conflicting(toy).mean() for name, toy in sets.items()}
    for name in ("refit", "selection", "test"):
        assert share[name] == pytest.approx(0.5, abs=4 * 0.5 / sizes[name] ** 0.5), name
    for name in ("train", "unbalanced"):
        assert 0 < share[name] < 0.15, name


def test_no_point_is_in_two_sets(point):
    rows = np.concatenate([toy.x for toy in boundary_refit.make_data(point).values()])
    assert len(np.unique(rows, axis=0)) == len(rows)


def inputs(net: MLP, x: np.ndarray) -> list[np.ndarray]:
    """h_0 ... h_L, by the formula of a net with ReLU."""
    layers = [x]
    for layer in net.layers[:-1]:
        weight, bias = (part.detach().numpy() for part in (layer.weight, layer.bias))
        layers.append(np.maximum(layers[-1] @ weight.T + bias, 0))
    return layers


@pytest.mark.parametrize(
    ("column", "fitted_on"),
    [("refit", "refit"), ("unbalanced", "unbalanced"), ("untrained", "refit")],
)
def test_the_refit_of_a_layer_reads_the_input_of_its_map(point, net, result, column, fitted_on):
    sets = boundary_refit.make_data(point)
    used = boundary_refit.make_net(point).double() if column == "untrained" else net
    expected = []
    for h, h_test in zip(
        inputs(used, sets[fitted_on].x), inputs(used, sets["test"].x), strict=True
    ):
        said = logistic_probe(h, sets[fitted_on].y).predict(h_test)
        expected.append(boundary_refit.group_accuracies(said, sets["test"])["conflicting"])
    assert len(set(expected)) == point.depth + 1
    assert result.metrics[f"{column}_conflicting"] == pytest.approx(expected, abs=2 * ONE_SAMPLE)


def test_the_groups_of_a_small_sample_are_counted_by_hand():
    y = np.array([1, 1, 1, 1, -1, -1, -1, -1])
    s = np.array([1, 1, -1, -1, -1, -1, 1, 1])
    said = np.array([1, 1, 1, -1, -1, 1, 1, 1])
    toy = Toy("made up", np.zeros((8, 3)), y, {"core": y, "spurious": s})
    found = boundary_refit.group_accuracies(said, toy)
    assert found == {"conflicting": 1 / 4, "agreeing": 3 / 4, "worst": 0}


def test_before_the_first_map_training_makes_no_difference(result):
    """Both nets give x as h_0."""
    metrics = result.metrics
    assert metrics["refit_conflicting"][0] == metrics["untrained_conflicting"][0]
    assert metrics["refit_conflicting"][1:] != metrics["untrained_conflicting"][1:]


def test_a_net_that_did_not_move_is_refitted_like_the_untrained_one(point):
    still = point.schedule.model_copy(update={"epochs": 1, "lr": 1e-12})
    metrics = boundary_refit.run(point.model_copy(update={"schedule": still})).metrics
    assert metrics["refit_conflicting"] == pytest.approx(
        metrics["untrained_conflicting"], abs=2 * ONE_SAMPLE
    )


def test_the_refit_of_the_last_layer_is_a_new_last_layer(point, net, result):
    """Written into the net's own last map, it makes the predictions that were counted."""
    sets = boundary_refit.make_data(point)
    hidden = inputs(net, sets["refit"].x)[-1]
    scaler, logistic = logistic_probe(hidden, sets["refit"].y)
    weight = logistic.coef_[0] / scaler.scale_
    bias = logistic.intercept_[0] - weight @ scaler.mean_
    renewed = MLP(net.widths, generator=torch_generator("unused")).double()
    renewed.load_state_dict(net.state_dict())
    with torch.no_grad():
        renewed.layers[-1].weight.copy_(torch.tensor(np.stack([-weight, weight]) / 2))
        renewed.layers[-1].bias.copy_(torch.tensor([-bias, bias]) / 2)
        signs = 2 * renewed(torch.tensor(sets["test"].x)).argmax(dim=1).numpy() - 1
    found = boundary_refit.group_accuracies(signs, sets["test"])
    for name, value in found.items():
        assert result.metrics[f"refit_{name}"][-1] == pytest.approx(value, abs=2 * ONE_SAMPLE)


def test_the_net_itself_is_measured_on_the_same_samples(point, net, result):
    test = boundary_refit.make_data(point)["test"]
    with torch.no_grad():
        signs = 2 * net(torch.tensor(test.x)).argmax(dim=1).numpy() - 1
    found = boundary_refit.group_accuracies(signs, test)
    assert {name: result.metrics[f"erm_{name}"] for name in found} == found
    assert found["agreeing"] > 0.8, "a net trained for a moment uses the shortcut"
    assert result.metrics["train_error"] < 0.2


def test_the_metrics_fit_together(point, net, result):
    metrics, layers = result.metrics, point.depth + 1
    columns = [f"refit_{name}" for name in ("conflicting", "agreeing", "worst", "selection")]
    for name in (*columns, "unbalanced_conflicting", "untrained_conflicting", "ranks"):
        assert len(metrics[name]) == layers, name
    for name in columns:
        assert all(0 <= value <= 1 for value in metrics[name]), name
    worst, against, along = (
        np.array(metrics[f"refit_{n}"]) for n in ("worst", "conflicting", "agreeing")
    )
    assert (worst <= np.minimum(against, along)).all()
    x = torch.tensor(boundary_refit.make_data(point)["train"].x)
    with torch.no_grad():
        expected = [covariance_rank(z) for z in net.preactivations(x)]
    assert metrics["ranks"] == pytest.approx(expected)
    assert metrics["transition"] == transition_layer(expected)
    assert metrics["boundary"] == boundary_refit.boundary_layer(metrics["transition"], point.depth)


def test_the_boundary_lies_one_past_the_transition_and_within_the_net():
    found = [boundary_refit.boundary_layer(layer, 4) for layer in (0, 2, 3, 4, None)]
    assert found == [1, 3, 4, 4, None]


def test_a_net_without_a_transition_is_stored_and_gains_nothing(point, monkeypatch):
    monkeypatch.setattr(boundary_refit, "transition_layer", lambda ranks: None)
    pair = [point, point.model_copy(update={"seed": 1})]
    results = [boundary_refit.run(each) for each in pair]
    assert all(each.metrics["boundary"] is each.metrics["transition"] is None for each in results)
    assert results[0].digest() != results[1].digest()
    found = boundary_refit_claims.boundary_gain(boundary_refit_claims.table(pair, results))
    assert found["gain"].value == found["gain"].high == 0


def test_every_refit_converges(point):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        boundary_refit.run(point.model_copy(update={"strength": 6.0, "seed": 1}))


def test_deeper_points_cost_more(point):
    assert_costs_grow(boundary_refit, point.model_copy(update={"depth": 1}), point)


def test_a_scratch_folder_takes_the_checkpoint_and_is_left_empty(point, result, tmp_path):
    assert_repeats(boundary_refit, point, result, tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("refit_strengths", []),
        ("refit_strengths", [0.0]),
        ("refit_strengths", [2.0, 2.0]),
        ("refit_agreements", [0.5]),
        ("refit_agreements", [1.0]),
        ("refit_agreements", [0.9, 0.9]),
        ("refit_depths", [6]),
        ("refit_depths", [1, 3]),
        ("refit_depths", [6, 2]),
        ("refit_depths", [2, 2, 6]),
        ("refit_seeds", 1),
        ("refit_points", 10),
        ("refit_learning_rate", 0.0),
        ("refit_epochs", "many"),
        ("unknown", 1),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(field, value):
    assert_refused(parameters, field, value)

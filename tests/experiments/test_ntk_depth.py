"""The depth sweep: what decides a point, what it gives, and that both routes agree."""

import numpy as np
import pytest
import torch
from experimenting import assert_costs_grow, assert_refused, assert_repeats

from strata.data.toy import plane_grid
from strata.experiments import ntk_depth
from strata.measures.rank import soft_rank


def parameters(**changes: object) -> ntk_depth.Parameters:
    values = {
        "tasks": ["yin-yang"],
        "depths": [1, 6],
        "seeds": 2,
        "samples": 200,
        "width": 12,
        "optimizer": "adam",
        "learning_rate": 0.005,
        "momentum": 0.0,
        "epochs": 60,
        "patience": 50,
        "grid": 9,
    }
    return ntk_depth.Parameters(**values | changes)


@pytest.fixture(scope="module")
def point():
    return parameters().points()[0]


@pytest.fixture(scope="module")
def result(point):
    return ntk_depth.run(point)


def test_the_same_point_gives_the_same_bits(point, result):
    assert_repeats(ntk_depth, point, result)


def test_all_depths_of_a_seed_share_their_data_and_no_two_seeds_do():
    one, other, deep, _ = parameters().points()
    assert ntk_depth.data_fingerprint(one) == ntk_depth.data_fingerprint(deep)
    assert ntk_depth.data_fingerprint(one) != ntk_depth.data_fingerprint(other)


def test_the_sets_are_split_60_20_20():
    train, valid, test = ntk_depth.make_data(parameters().points()[0])
    assert (len(train.x), len(valid.x), len(test.x)) == (120, 40, 40)


def test_the_metrics_fit_together(point, result):
    metrics, arrays = result.metrics, result.arrays
    assert metrics["rank"] == pytest.approx(soft_rank(arrays["eigenvalues"]))
    assert len(metrics["layer_ranks"]) == point.depth + 1
    vectors = arrays["eigenfunctions"].astype(float)
    assert np.allclose(vectors.T @ vectors, np.eye(vectors.shape[1]), atol=1e-5)
    assert np.all(np.diff(metrics["alignment"]) >= 0)
    assert 0 < metrics["top1"] <= metrics["top5"] <= 1
    edge = ntk_depth.TASKS[point.task].boundary_distance(plane_grid(point.grid)) <= 0.08
    assert metrics["edge_share"] == pytest.approx(edge.mean())


def test_before_training_the_kernel_is_that_of_the_initial_net(point, result):
    short = point.model_copy(
        update={"schedule": point.schedule.model_copy(update={"epochs": 1, "lr": 1e-12})}
    )
    still = ntk_depth.run(short)
    assert still.metrics["rank"] == pytest.approx(result.metrics["rank_init"], rel=1e-6)


def test_together_and_one_by_one_agree():
    configs = parameters(depths=[6, 7], epochs=20).points()[:2]
    together = ntk_depth.run_many(configs)
    for config, stacked in zip(configs, together, strict=True):
        alone = ntk_depth.run(config)
        assert stacked.metrics["rank"] == pytest.approx(alone.metrics["rank"], rel=1e-3)
        assert stacked.metrics["rank_init"] == pytest.approx(alone.metrics["rank_init"], rel=1e-9)


def test_only_points_that_differ_in_their_seed_train_together():
    one, other, deep, _ = parameters().points()
    assert ntk_depth.stack_key(one) == ntk_depth.stack_key(other) is not None
    assert ntk_depth.stack_key(one) != ntk_depth.stack_key(deep)
    large = parameters(samples=3000).points()[0]
    assert ntk_depth.stack_key(large) is None


def test_deeper_points_cost_more():
    shallow, _, deep, _ = parameters().points()
    assert_costs_grow(ntk_depth, shallow, deep)


def test_a_scratch_folder_takes_the_checkpoint_and_is_left_empty(point, result, tmp_path):
    assert_repeats(ntk_depth, point, result, tmp_path)


def test_the_label_of_a_class_is_its_logit(point):
    """Class 1 is y = +1, so a trained net's logit difference has the sign of the label."""
    easy = point.model_copy(
        update={
            "task": "disk",
            "schedule": point.schedule.model_copy(update={"epochs": 400, "lr": 0.01}),
        }
    )
    decision = ntk_depth.run(easy).arrays["decision"]
    labels = ntk_depth.TASKS["disk"].label(plane_grid(easy.grid))
    assert np.mean(np.sign(decision) == labels) > 0.85


def test_the_default_thread_count_is_left_alone(point):
    before = torch.get_num_threads()
    ntk_depth.run(point)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tasks", []),
        ("tasks", ["moons"]),
        ("depths", [6]),
        ("depths", [1, 5]),
        ("depths", [6, 1]),
        ("seeds", 1),
        ("samples", 10),
        ("optimizer", "rmsprop"),
        ("momentum", 1.0),
        ("grid", 3),
        ("unknown", 1),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(field, value):
    assert_refused(parameters, field, value)

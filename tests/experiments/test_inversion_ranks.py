"""Ranks of stages, walks and Jacobians that are not formed: what must hold of each result."""

from functools import cache

import numpy as np
import pytest
import torch
from experimenting import assert_costs_grow, assert_refused
from inverted_nets import NETS

from strata.experiments import inversion_free, inversion_nets, inversion_ranks, inversion_walks
from strata.experiments.inversions import NOISE
from strata.nets.mlp import MLP
from strata.runs.result import Result
from strata.seeding import torch_generator

NET = NETS | {"photographs": 0}
RANKS = NET | {"rank_side": 8, "rank_images": 1, "rank_steps": 5, "large_side": 8}
WALKS = NET | {"walk_side": 8, "walk_steps": 3}
FREE = NET | {"free_side": 8, "free_values": 4, "free_steps": 20}


def ranks_with(**changes: object) -> inversion_ranks.Parameters:
    return inversion_ranks.Parameters(**RANKS | changes)


@cache
def made(config: inversion_nets.Config) -> Result:
    return inversion_nets.run(config)


@cache
def measured(config: inversion_ranks.Config) -> Result:
    return inversion_ranks.run(config, given=[made(config.net)])


def test_each_stage_has_at_most_the_rank_of_the_stage_before():
    result = measured(ranks_with().stage_points()[0])
    rank = result.arrays["rank"][0]
    outputs = result.arrays["outputs"]
    assert (np.diff(rank[1:]) <= 0).all()
    assert (rank <= np.minimum(outputs, result.metrics["inputs"])).all()
    values = result.arrays["values"][0]
    assert values.shape == (6, 192)
    for row, kept, dropped, r in zip(
        values, result.arrays["kept"][0], result.arrays["dropped"][0], rank, strict=True
    ):
        assert row[r - 1] / row[0] == pytest.approx(kept)
        assert kept > 1e-10 >= dropped


def test_short_null_steps_are_seen_less_than_random_ones():
    result = measured(ranks_with().stage_points()[0])
    assert result.arrays["seen_null"][0, 0] < 0.3 * result.arrays["seen_random"][0, 0]
    assert result.arrays["inputs_left"].shape == (1, 6)


def test_the_noisy_copy_of_the_identity_is_as_far_as_its_noise():
    image = torch.zeros(3, 40, 40, dtype=torch.float64)
    found = inversion_ranks.noisy_distance(lambda x: x, image, torch_generator("test"))
    assert found == pytest.approx(NOISE * np.sqrt(4800), rel=0.02)


def test_average_pooling_replaces_only_the_pooling():
    point, averaged = ranks_with().stage_points()[0], ranks_with().average_points()[0]
    assert averaged.net == point.net
    plain, changed = (
        inversion_ranks.double_net(p.net, made(p.net), p.pooling) for p in (point, averaged)
    )
    assert isinstance(plain.maxpool, torch.nn.MaxPool2d)
    x = torch.rand(1, 3, 8, 8, generator=torch_generator("x"), dtype=torch.float64)
    stem = torch.relu(plain.conv1(x))
    assert torch.equal(stem, torch.relu(changed.conv1(x)))
    constant = torch.ones(1, 4, 8, 8, dtype=torch.float64)
    assert torch.allclose(changed.maxpool(constant), plain.maxpool(constant)), "borders count alike"
    assert "inputs_left" not in measured(averaged).arrays


def test_a_walk_on_a_linear_map_stays_on_the_embedding_and_heads_for_the_aim():
    net = MLP([12, 5], generator=torch_generator("walk"), dtype=torch.float64)
    net = net.requires_grad_(False)
    a, aim = torch.zeros(12).double(), torch.ones(12).double()
    path = inversion_walks.walk(net, a, aim, 30)
    assert path.shape == (31, 12)
    assert torch.allclose(net(path), net(a[None]).expand(31, 5))
    to_aim = (path - aim).norm(dim=1)
    assert (to_aim.diff() <= 1e-12).all()
    lengths = path.diff(dim=0).norm(dim=1)
    assert lengths[0] == pytest.approx(inversion_walks.LENGTH)
    assert lengths.max() <= inversion_walks.LENGTH * (1 + 1e-9)
    assert lengths[-1] < 1e-9, "the nearest point is reached and not left again"


def test_a_walk_through_a_net_is_compared_at_equal_distances():
    (config, *_) = inversion_walks.Parameters(**WALKS).points()
    result = inversion_walks.run(config, given=[made(config.net)])
    a = result.arrays
    assert a["inputs"][0] == a["embedding"][0] == 0
    assert np.linalg.norm(a["straight"] - a["from"]) == pytest.approx(a["inputs"][-1])
    assert np.linalg.norm(a["end"] - a["from"]) == pytest.approx(a["inputs"][-1])
    assert a["embedding"][1] < a["random_embedding"][1]
    assert result.metrics["reference_input"] == pytest.approx(NOISE * np.sqrt(192))
    assert 0 <= result.metrics["outside"] <= 1


def test_without_the_jacobian_an_unseen_step_is_hardly_seen():
    config = inversion_free.Parameters(**FREE).points()[0]
    result = inversion_free.run(config, given=[made(config.net)])
    assert result.metrics["inputs"] == 192
    assert 0 < result.metrics["unseen"] <= 1
    assert result.arrays["seen_null"][0] < 0.5 * result.arrays["seen_random"][0]
    assert (np.diff(result.arrays["values"]) <= 0).all()
    assert inversion_free.data_fingerprint(config) != inversion_nets.data_fingerprint(config.net)


def test_results_repeat_and_costs_grow():
    small, large = ranks_with().stage_points()[0], ranks_with(large_side=16).large_points()[0]
    given = [made(small.net)]
    assert inversion_ranks.needs(small) == [(inversion_nets, small.net)]
    assert inversion_ranks.run(small, given=given).digest() == measured(small).digest()
    assert_costs_grow(
        inversion_ranks,
        small,
        small.model_copy(update={"side": 16}),
        large.model_copy(update={"side": 32}),
    )


def test_points_are_those_of_all_kinds_and_seeds():
    parameters = ranks_with()
    assert len(parameters.points()) == 2 * (3 + 2 + 2)
    assert {p.net.kind for p in parameters.large_points()} == {"untrained", "natural"}


@pytest.mark.parametrize(("field", "value"), [("rank_side", 12), ("rank_images", 0), ("seeds", 1)])
def test_parameters_out_of_range_are_refused(field, value):
    assert_refused(ranks_with, field, value)

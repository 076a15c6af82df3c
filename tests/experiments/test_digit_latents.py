"""Nets on digits held against latents: what decides a point, what it gives."""

import numpy as np
import pytest
import torch
from experimenting import assert_costs_grow, assert_refused

from strata.experiments import digit_encoder, digit_latents
from strata.experiments import digit_latents_claims as claims
from strata.experiments.layer_latents import CKA_KINDS, held_against
from strata.training import train


def parameters(**changes):
    values = {
        "digit_depths": [1, 4],
        "digit_seeds": 2,
        "digit_images": 300,
        "digit_test": 100,
        "digit_width": 12,
        "digit_epochs": 40,
        "digit_size": 5,
        "digit_steps": 4,
        "digit_batch": 40,
    }
    return digit_latents.Parameters(**values | changes)


@pytest.fixture(scope="module")
def point():
    return parameters().points()[2]


@pytest.fixture(scope="module")
def encoder(point):
    return digit_encoder.run(point.encoder)


@pytest.fixture(scope="module")
def result(point, encoder):
    return digit_latents.run(point, given=[encoder])


def test_the_same_point_gives_the_same_bits(point, encoder, result, tmp_path):
    again = digit_latents.run(point, tmp_path, given=[encoder])
    assert again.digest() == result.digest()
    assert list(tmp_path.iterdir()) == []


def test_the_sweep_holds_every_depth_and_seed_once_and_shares_encoders():
    chosen = parameters()
    points = chosen.points()
    assert [(point.depth, point.seed) for point in points] == [(1, 0), (1, 1), (4, 0), (4, 1)]
    encoders = chosen.encoder_points()
    assert [digit_latents.needs(point) for point in points] == [
        [(digit_encoder, encoders[seed])] for seed in (0, 1, 0, 1)
    ]
    fingerprints = [digit_latents.data_fingerprint(point) for point in points]
    assert fingerprints[0] == fingerprints[2] != fingerprints[1]


def test_numbers_are_those_of_the_net_trained_again(point, encoder, result):
    data = digit_encoder.digits(point.encoder)
    x, y = torch.tensor(data.pixels), torch.tensor(data.labels)
    start = digit_latents.make_net(point)
    trained = train(start, x[:200], y[:200], point.schedule, seed=point.seed)
    with torch.no_grad():
        layers, before = (net.preactivations(x[200:]) for net in (trained.net, start))
    targets = digit_encoder.latents(point.encoder, encoder.arrays)
    assert result.metrics["accuracy"] == (layers[-1].argmax(dim=1) == y[200:]).double().mean()
    for end, found in (
        ("", held_against(layers, targets)),
        ("_init", held_against(before, targets)),
    ):
        for name, values in found.items():
            assert result.metrics[name + end] == values
    assert result.metrics["accuracy"] > 0.2


def test_every_layer_has_a_number_for_every_latents(point, result):
    for end in ("", "_init"):
        assert len(result.metrics[f"covariance_ranks{end}"]) == point.depth + 1
        for name in (*CKA_KINDS, "r2"):
            found = result.metrics[name + end]
            assert tuple(found) == digit_encoder.LATENTS
            assert {len(values) for values in found.values()} == {point.depth + 1}


def test_the_table_has_a_row_a_net(point, result):
    nets = claims.table([point], [result])
    assert nets.loc[0, "cka_init within"] == result.metrics["cka_init"]["within"]
    assert nets.loc[0, "r2 encoder"] == result.metrics["r2"]["encoder"]
    assert (nets.loc[0, "depth"], nets.loc[0, "seed"]) == (4, 0)


def test_nets_of_another_seed_or_depth_start_elsewhere():
    biases = {
        tuple(digit_latents.make_net(point).layers[0].bias.tolist())
        for point in parameters().points()
    }
    assert len(biases) == 4


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("digit_depths", [1, 3]),
        ("digit_depths", [3, 1]),
        ("digit_seeds", 1),
        ("digit_images", 5001),
        ("digit_batch", 201),
        ("digit_size", 1),
    ],
)
def test_parameters_out_of_range_are_refused(field, value):
    assert_refused(parameters, field, value)


def test_costs_grow_with_depth_and_epochs():
    shallow, _, deep, _ = parameters().points()
    longer = parameters(digit_epochs=400).points()[2]
    assert_costs_grow(digit_latents, shallow, deep, longer)
    assert digit_latents.data_source(shallow) == digit_encoder.data_source(shallow.encoder)
    assert np.isfinite(digit_latents.cost(deep))

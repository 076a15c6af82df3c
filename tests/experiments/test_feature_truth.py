"""Known things in the blocks of a net: targets, read-outs and what the last block adds."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from study_a import TINY, trained

from strata.experiments import feature_truth, image_nets
from strata.experiments.feature_spectrum import low_pass
from strata.experiments.feature_truth import COLOUR, DRAWS, LAST, NEWEST, NOISE, WHERE
from strata.measures.vinformation import held_out_r2, held_out_r2_by_layer
from strata.nets.taps import activations

NET = {name: value for name, value in TINY.items() if name in image_nets.Parameters.model_fields}


def parameters(**changes):
    return feature_truth.Parameters(**NET | changes)


@pytest.fixture(scope="module")
def config():
    return parameters().points()[0]


@pytest.fixture(scope="module")
def result(config):
    return feature_truth.run(config, given=[trained(config.net)])


def test_every_net_is_a_point_and_rests_on_its_training(config):
    p = parameters(data=["cifar10", "shapes"])
    assert [point.net for point in p.points()] == p.nets()
    assert feature_truth.needs(config) == [(image_nets, config.net)]
    assert feature_truth.data_fingerprint(config) == image_nets.data_fingerprint(config.net)
    assert feature_truth.data_source(config) == "shapes"
    wider = feature_truth.Config(net=config.net.model_copy(update={"width": 8}))
    assert feature_truth.cost(config) < feature_truth.cost(wider)


def test_the_set_with_known_factors_must_be_there():
    with pytest.raises(ValidationError, match="shapes"):
        parameters(data=["cifar10"])


def test_it_repeats_to_the_last_bit(config, result):
    assert feature_truth.run(config, given=[trained(config.net)]).digest() == result.digest()


def test_a_factor_is_looked_for_in_each_block(config, result):
    images = image_nets.load(config.net)
    net = image_nets.net_at(config.net, trained(config.net), config.net.keep[-1])
    untrained = image_nets.net_at(config.net, trained(config.net), 0)
    x = images.factors["x"]
    column = result.metrics["names"].index("x")
    for name, module, grid in (("r2_1", net, 1), ("r2_2", net, 2), ("untrained_r2", untrained, 1)):
        stream = activations(module, images.held_out, parts=("stream",), grid=grid).stream
        expected = held_out_r2_by_layer(stream, x)[:, 0]
        np.testing.assert_allclose(result.arrays[name][:, column], expected)
    expected = held_out_r2(low_pass(images.held_out, 4), x)
    np.testing.assert_allclose(result.arrays["lowpass_r2"][column], expected[0])


def test_what_the_last_block_adds_has_no_place_before_training(result):
    names, untrained = result.metrics["names"], result.arrays["untrained_r2"]
    own = [names.index(LAST), names.index(NEWEST)]
    assert np.isnan(untrained[:, own]).all()
    assert np.isfinite(np.delete(untrained, own, axis=1)).all()
    assert 0 < result.metrics["added"] < 1


def test_of_photographs_no_factors_are_known(config, monkeypatch):
    bare = replace(image_nets.load(config.net), factors={})
    monkeypatch.setattr(image_nets, "load", lambda _: bare)
    found = feature_truth.run(config, given=[trained(config.net)])
    assert found.metrics["names"] == [COLOUR, WHERE, NOISE, LAST, NEWEST]


def test_discrete_factors_get_a_column_a_level_and_angles_two():
    found = feature_truth.factor_targets(
        {
            "shape": np.array([2, 0, 1, 0]),
            "hue_angle": np.array([0.0, 90.0, 180.0, 270.0]),
            "x": np.array([0.1, 0.2, 0.3, 0.4]),
            "size": np.array([1, 1, 1, 1]),
        }
    )
    assert list(found) == ["shape", "hue_angle", "x"]
    assert found["shape"].tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    expected = [[1, 0], [0, 1], [-1, 0], [0, -1]]
    np.testing.assert_allclose(found["hue_angle"], expected, atol=1e-12)
    assert found["x"].tolist() == [[0.1], [0.2], [0.3], [0.4]]


def test_columns_count_by_their_variance():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    targets = {
        "one": x[:, :1],
        "half": np.c_[x[:, 1], rng.normal(size=400)],
        "small": np.c_[x[:, 2], 3 * rng.normal(size=400)],
        "none": rng.normal(size=(400, 2)),
    }
    one, half, small, none = feature_truth.r2_by_feature([x], targets)[0]
    assert one == pytest.approx(1, abs=1e-4)
    assert half == pytest.approx(1 / 2, abs=0.05)
    assert small == pytest.approx(1 / 10, abs=0.03)
    assert none == pytest.approx(0, abs=0.03)
    columns = targets["small"]
    by_hand = held_out_r2(x, columns) @ columns.var(axis=0) / columns.var(axis=0).sum()
    assert small == pytest.approx(by_hand)


def test_of_two_levels_one_column_says_all():
    rng = np.random.default_rng(0)
    levels, x = rng.integers(2, size=300), rng.normal(size=(300, 2))
    x[:, 0] += levels
    both = feature_truth.factor_targets({"size": levels})
    single = held_out_r2(x, levels.astype(float))[0]
    assert feature_truth.r2_by_feature([x], both)[0, 0] == pytest.approx(single)


def test_read_outs_are_linear_in_the_pixels_and_noise_is_not():
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(256, size=(400, 3, 16, 16), dtype=np.uint8))
    found = feature_truth.read_outs(images, rng)
    for name, cells in ((COLOUR, 1), (WHERE, 8)):
        pixels = low_pass(images, cells)
        left = found[name] - pixels @ np.linalg.lstsq(pixels, found[name], rcond=None)[0]
        assert found[name].shape == (400, DRAWS)
        np.testing.assert_allclose(left, 0, atol=1e-8)
    assert held_out_r2(low_pass(images, 1), found[NOISE]).max() < 0.05


@pytest.fixture(scope="module")
def layers():
    """An early layer, a hidden quantity of its own, and a late layer that has both."""
    rng = np.random.default_rng(0)
    early, hidden = rng.normal(size=(3000, 20)), rng.normal(size=3000)
    late = early @ rng.normal(size=(20, 12)) + np.outer(hidden, rng.normal(size=12))
    return early, hidden, late


def test_what_is_new_in_a_late_layer_is_found(layers):
    early, hidden, late = layers
    found = feature_truth.beyond(early[:2500], late[:2500], early[2500:], late[2500:])
    assert abs(np.corrcoef(found.left, hidden[2500:])[0, 1]) > 0.99
    expected = 1 - held_out_r2(early, late) @ late.var(axis=0) / late.var(axis=0).sum()
    assert found.share == pytest.approx(expected, rel=0.2)
    assert np.abs(held_out_r2(early[2500:], found.left)).max() < 0.1


def test_the_newest_direction_is_in_the_late_layer_and_least_in_the_early_ones(layers):
    early, _, late = layers
    found = feature_truth.beyond(early[:2500], late[:2500], early[2500:], late[2500:])
    assert held_out_r2(late[2500:], found.direction)[0] == pytest.approx(1, abs=1e-6)
    newest = held_out_r2(early[2500:], found.direction)[0]
    others = np.random.default_rng(2).normal(size=(12, 50))
    assert newest < held_out_r2(early[2500:], late[2500:] @ others).min()


def test_where_nothing_is_new_nothing_is_left(layers):
    early, _, _ = layers
    late = early @ np.random.default_rng(1).normal(size=(20, 12))
    assert feature_truth.beyond(early[:2500], late[:2500], early[2500:], late[2500:]).share < 1e-6

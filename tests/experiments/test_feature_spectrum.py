"""What features are held against: nulls, halves, pixels, against second ways of computing them."""

import numpy as np
import pytest
import torch
from study_a import TINY, made, trained

from strata.experiments import feature_spectrum, features, image_nets
from strata.measures.ridge import in_sample_r2
from strata.measures.vinformation import held_out_r2
from strata.nets.taps import activations
from strata.seeding import numpy_generator


@pytest.fixture(scope="module")
def config():
    return feature_spectrum.Parameters(**TINY).points()[0]


@pytest.fixture(scope="module")
def given(config):
    return [trained(config.features.net), made(config.features)]


@pytest.fixture(scope="module")
def result(config, given):
    return feature_spectrum.run(config, given=given)


@pytest.fixture(scope="module")
def taps(config, given):
    net = image_nets.net_at(config.features.net, given[0], config.features.epoch)
    return activations(net, image_nets.load(config.features.net).held_out, parts=("stream",))


def test_it_rests_on_the_net_and_on_its_features(config):
    assert feature_spectrum.needs(config) == [
        (image_nets, config.features.net),
        (features, config.features),
    ]
    assert feature_spectrum.data_fingerprint(config) == image_nets.data_fingerprint(
        config.features.net
    )
    assert feature_spectrum.data_source(config) == "shapes"
    points = feature_spectrum.Parameters(**TINY).points()
    assert [point.features for point in points] == features.Parameters(**TINY).final_features()


def test_it_repeats_to_the_last_bit(config, given, result):
    assert feature_spectrum.run(config, given=given).digest() == result.digest()


def test_the_features_are_scored_block_by_block(given, result, taps):
    codes = given[1].arrays["codes"]
    for block in (0, 9, 15):
        expected = in_sample_r2(taps.stream[block], codes)
        np.testing.assert_allclose(result.arrays["in_sample_r2"][block], expected)
    assert (result.arrays["in_sample_r2"] > given[1].arrays["r2_1"]).all()


def test_the_halves_share_no_image(given, result, taps):
    """Each half is scored as if the other images were not there."""
    codes, found = given[1].arrays["codes"], result.arrays["half_r2"]
    rng = numpy_generator("feature-spectrum", 0)
    feature_spectrum.random_directions(taps.pooled, codes.shape[1], rng)
    rng.standard_normal((len(codes), feature_spectrum.NOISES))
    halves = feature_spectrum.fold_labels(len(codes), 2, rng)
    assert np.bincount(halves).tolist() == [60, 60]
    for half in (0, 1):
        rows = halves == half
        expected = held_out_r2(taps.stream[3][rows], codes[rows], folds=feature_spectrum.HALF_FOLDS)
        np.testing.assert_allclose(found[half, 3], expected)


def test_noise_is_found_where_it_was_fitted_and_nowhere_else(result, taps):
    own, held_out = result.arrays["noise_r2"]
    channels = np.array([f.shape[1] for f in taps.stream])
    share = np.minimum(channels / (len(taps.pooled) - 1), 1)  # d/(n - 1)
    np.testing.assert_allclose(own, share, atol=0.06)
    assert (np.abs(held_out) < 0.1).all()


def test_a_low_pass_keeps_means_and_places():
    images = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    images[0, 1, :4, 4:] = 255
    images[1, :] = 51
    np.testing.assert_allclose(feature_spectrum.low_pass(images, 1), [[0, 0.25, 0], [0.2] * 3])
    cells = feature_spectrum.low_pass(images, 2).reshape(2, 3, 2, 2)
    assert cells[0, 1].tolist() == [[0, 1], [0, 0]]
    np.testing.assert_allclose(cells[1], 0.2)


def test_pixels_are_asked_for_the_features(config, given, result):
    images = image_nets.load(config.features.net).held_out
    codes = given[1].arrays["codes"]
    colour = images.double().mean((2, 3)) / 255
    np.testing.assert_allclose(result.arrays["colour_r2"], held_out_r2(colour, codes))
    assert result.arrays["lowpass_r2"].shape == result.arrays["colour_r2"].shape


def test_components_are_uncorrelated_and_no_more_than_vary():
    rng = np.random.default_rng(0)
    pooled = torch.tensor(rng.normal(size=(50, 4)) @ rng.normal(size=(4, 9)) + 3)
    found = feature_spectrum.principal_components(pooled, 7)
    assert found.shape == (50, 4)
    second = found.T @ found
    np.testing.assert_allclose(second, np.diag(np.diag(second)), atol=1e-9)
    assert (np.diff(np.diag(second)) < 0).all()
    assert np.trace(second) == pytest.approx(float((pooled - pooled.mean(0)).square().sum()))
    assert feature_spectrum.principal_components(pooled, 2).shape == (50, 2)


def test_random_directions_are_linear_in_the_activations():
    pooled = torch.tensor(np.random.default_rng(0).normal(size=(40, 5)))
    found = feature_spectrum.random_directions(pooled, 3, np.random.default_rng(1))
    weights = np.linalg.lstsq((pooled - pooled.mean(0)).numpy(), found, rcond=None)[0]
    np.testing.assert_allclose((pooled - pooled.mean(0)).numpy() @ weights, found)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-12)


def test_wider_nets_and_more_images_cost_more(config):
    def cost(**changes):
        net = config.features.net.model_copy(update=changes)
        return feature_spectrum.cost(
            feature_spectrum.Config(features=config.features.model_copy(update={"net": net}))
        )

    assert cost() < cost(width=8) < cost(width=8, held_out_images=500)

"""Features followed through the blocks and the epochs of a net: against the parts it is made of."""

import numpy as np
import pytest
import torch
from study_a import made, parameters, trained

from strata.experiments import feature_flow, features, image_nets
from strata.experiments.feature_flow import BRANCHES
from strata.measures.cka import linear_cka
from strata.measures.vinformation import held_out_r2
from strata.nets.taps import activations

SHORTCUT, STREAM, MAIN = (BRANCHES.index(name) for name in ("shortcut", "stream", "main"))
PROJECTING = (0, 3, 7, 13)
"""The first block of each stage."""


@pytest.fixture(scope="module")
def config():
    return feature_flow.Config(features=parameters().final_features()[0])


@pytest.fixture(scope="module")
def found(config):
    return made(config.features)


@pytest.fixture(scope="module")
def result(config, found):
    return feature_flow.run(config, given=[trained(config.features.net), found])


@pytest.fixture(scope="module")
def taps(config):
    net_config = config.features.net
    net = image_nets.net_at(net_config, trained(net_config), net_config.keep[-1])
    return activations(net, image_nets.load(net_config).held_out, parts=BRANCHES)


def test_a_point_for_each_net_and_dictionary():
    values = parameters()
    points = feature_flow.Parameters(**values.model_dump()).points()
    assert [point.features for point in points] == values.final_features()


def test_it_rests_on_the_net_and_its_features(config):
    assert feature_flow.needs(config) == [
        (image_nets, config.features.net),
        (features, config.features),
    ]
    assert feature_flow.data_fingerprint(config) == features.data_fingerprint(config.features)
    assert feature_flow.data_source(config) == "shapes"
    longer = config.features.net.model_copy(update={"keep": (0, 1, 2, 3)})
    other = feature_flow.Config(features=config.features.model_copy(update={"net": longer}))
    assert feature_flow.cost(other) > feature_flow.cost(config)


def test_the_arrays_have_the_shapes_they_should(config, found, result):
    k, epochs = found.arrays["codes"].shape[1], len(config.features.net.keep)
    shapes = {name: array.shape for name, array in result.arrays.items()}
    assert shapes == {
        "r2_epochs": (epochs, 16, k),
        "r2_branches": (3, 16, k),
        "cka": (3, 16, k),
        "cka_null": (3, 16, k),
        "random_r2": (16, k),
        "random_cka": (16, k),
        "cka_literal": (16, k),
    }
    for array in result.arrays.values():
        assert np.isfinite(array).all()
        assert array.max() <= 1


def test_the_stream_at_the_end_is_that_of_the_features_themselves(found, result):
    np.testing.assert_array_equal(result.arrays["r2_epochs"][-1], found.arrays["r2_1"])
    np.testing.assert_array_equal(result.arrays["r2_branches"][STREAM], found.arrays["r2_1"])


def test_scores_of_each_branch_are_those_of_the_measures_one_by_one(found, result, taps):
    codes = found.arrays["codes"]
    for place, branch in enumerate(BRANCHES):
        for block in (0, 7, 15):
            values = getattr(taps, branch)[block]
            np.testing.assert_array_equal(
                result.arrays["r2_branches"][place, block], held_out_r2(values, codes)
            )
            for feature in (0, 5):
                assert result.arrays["cka"][place, block, feature] == pytest.approx(
                    linear_cka(values, codes[:, feature]), abs=1e-9
                )


def test_the_literal_formula_is_that_of_squared_kernels(found, result, taps):
    z = torch.from_numpy(found.arrays["codes"][:, 3]).double()
    z = z - z.mean()
    for block in (2, 15):
        x = taps.stream[block].double()
        kernel = (x - x.mean(dim=0)) @ (x - x.mean(dim=0)).T
        squared = kernel @ kernel
        expected = float(z @ squared @ z / squared.norm() / (z @ z))
        assert result.arrays["cka_literal"][block, 3] == pytest.approx(expected, abs=1e-9)


def test_the_shortcut_is_the_stream_before_but_where_it_is_projected(result):
    """So the residual branch is read after its projection, in the first block of each stage."""
    for name in ("cka", "r2_branches"):
        scores = result.arrays[name]
        for block in range(1, 16):
            same = np.array_equal(scores[SHORTCUT, block], scores[STREAM, block - 1])
            assert same == (block not in PROJECTING)


def test_before_the_first_step_the_main_branches_are_zero_and_hold_nothing(config):
    net_config = config.features.net
    start = image_nets.net_at(net_config, trained(net_config), 0)
    found = activations(start, image_nets.load(net_config).held_out, parts=("main",))
    z = torch.arange(len(found.pooled)).double()
    for values in found.main:
        assert values.abs().max() == 0
        assert held_out_r2(values, z).tolist() == [0]


def test_the_null_is_that_of_features_that_belong_to_other_images(found, result, taps):
    """CKA with shuffled features is small, and no order of the images is left."""
    cka, null = result.arrays["cka"][STREAM], result.arrays["cka_null"][STREAM]
    alive = found.arrays["variance"] > 0
    assert null[-1, alive].mean() < 0.5 * cka[-1, alive].mean()


def test_random_directions_are_linear_in_the_last_activations(result):
    assert result.arrays["random_r2"][-1].min() > 0.85
    assert result.arrays["random_cka"][-1].mean() > result.arrays["cka_null"][STREAM, -1].mean()


def test_it_gives_the_same_bits_again_and_leaves_the_features_as_they_are(config, found, result):
    before = found.digest()
    again = feature_flow.run(config, given=[trained(config.features.net), found])
    assert again.digest() == result.digest()
    assert found.digest() == before

"""Features of a net at an epoch: what they are made of, against the net itself."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from study_a import made, parameters, trained

from strata.experiments import features, image_nets
from strata.measures.codes import kkt_residual
from strata.nets.taps import activations


@pytest.fixture(scope="module")
def config():
    return parameters().final_features()[0]


@pytest.fixture(scope="module")
def result(config):
    return made(config)


def test_every_chapter_asks_for_the_same_points():
    p = parameters()
    final, all_of_them = p.final_features(), p.all_features()
    assert set(final) < set(all_of_them)
    assert [(c.net.seed, c.dictionary, c.atoms) for c in final] == [
        (0, "joint", 12),
        (0, "classwise", 1),
        (1, "joint", 12),
        (1, "classwise", 1),
    ]
    assert [c.epoch for c in all_of_them[:3]] == [0, 1, 2]
    assert {c.grids for c in all_of_them if c.epoch < 2} == {(1,)}
    assert {c.grids for c in final} == {(1, 2)}
    repeated = p.repeated_features()
    assert [c.dictionary_seed for c in repeated] == [0, 1, 0, 1]
    assert repeated[0] in final


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dictionaries": ["classwise"]}, "joint"),
        ({"dictionaries": ["joint", "joint"]}, "once"),
        ({"grids": [2, 1]}, "from 1"),
        ({"grids": [2]}, "from 1"),
        ({"atoms": 2}, "greater"),
    ],
)
def test_parameters_out_of_range_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        parameters(**changes)


def test_it_rests_on_the_trained_net_and_its_images(config):
    assert features.needs(config) == [(image_nets, config.net)]
    assert features.data_fingerprint(config) == image_nets.data_fingerprint(config.net)
    assert features.data_source(config) == "shapes"


def test_the_codes_are_the_best_ones_for_the_pooled_activations(config, result):
    net = image_nets.net_at(config.net, trained(config.net), config.epoch)
    pooled = activations(net, image_nets.load(config.net).held_out, parts=()).pooled
    a = result.arrays
    assert kkt_residual(pooled, a["codes"], a["atoms"]).max() < 1e-5
    np.testing.assert_allclose(np.linalg.norm(a["atoms"], axis=1), 1, atol=1e-5)
    assert (a["atoms"] >= 0).all()
    left = np.linalg.norm(pooled.numpy() - a["codes"] @ a["atoms"])
    assert left / np.linalg.norm(pooled) == pytest.approx(result.metrics["relative_error"], 1e-4)


def test_fidelity_counts_equal_predictions(config, result):
    net = image_nets.net_at(config.net, trained(config.net), config.epoch)
    a = result.arrays
    logits = a["codes"] @ a["head"] + net.fc.bias.detach().numpy()
    same = logits.argmax(axis=1) == a["predictions"]
    assert same.mean() == pytest.approx(result.metrics["fidelity"], abs=0.01)


def test_scores_have_a_row_for_each_block_and_end_high(result):
    a = result.arrays
    k = len(a["atoms"])
    assert a["r2_1"].shape == a["r2_2"].shape == (16, k)
    assert (a["r2_1"] <= 1).all()
    alive = a["prevalence"] > 0.2
    # The pooled stream after the last block is what the codes are made from.
    assert a["r2_1"][-1][alive].mean() > 0.8


def test_a_feature_that_never_shows_is_dead(result):
    a = result.arrays
    assert result.metrics["dead"] == (a["prevalence"] == 0).sum() == (a["variance"] == 0).sum()


def test_classwise_atoms_come_from_their_classes():
    classwise = made(parameters().final_features()[1])
    assert len(classwise.arrays["atoms"]) == 16


def test_another_dictionary_seed_changes_the_features_and_not_the_net(config, result):
    other = made(config.model_copy(update={"dictionary_seed": 1}))
    assert not np.allclose(other.arrays["atoms"], result.arrays["atoms"])
    np.testing.assert_array_equal(other.arrays["predictions"], result.arrays["predictions"])


def test_the_same_point_gives_the_same_bits(config, result):
    again = features.run(config, given=[trained(config.net)])
    assert again.digest() == result.digest()
    assert torch.get_num_threads() == 1


def test_more_images_rows_and_positions_cost_more(config):
    finer = config.model_copy(update={"grids": (1, 2, 4)})
    more = config.model_copy(update={"rows": 800})
    assert min(features.cost(finer), features.cost(more)) > features.cost(config)

"""Families of target nets: what they promise, and that they learn."""

import numpy as np
import pytest
import torch
from component_nets import (
    DATA,
    budget,
    family_config,
    image_config,
    trained_family,
)
from torch.nn import functional as F

from strata.experiments import component_targets
from strata.experiments.component_data import load
from strata.experiments.component_nets import evaluated
from strata.experiments.component_targets import head, scores


def test_a_family_has_the_family_format() -> None:
    family = trained_family()
    assert [(t["depth"], t["samples"]) for t in family.metrics["targets"]] == [
        (2, 20),
        (2, 100),
        (4, 20),
        (4, 100),
    ]
    assert family.arrays["pool"].shape == (4, 240, 8)
    assert family.arrays["test"].shape == (4, 120, 8)
    assert family.arrays["head_weight"].shape == (4, 10, 8)
    assert family.arrays["head_bias"].shape == (4, 10)
    assert [len(family.arrays[f"own_{i}"]) for i in range(4)] == [20, 100, 20, 100]


def test_images_give_maps() -> None:
    family = component_targets.run(image_config())
    assert family.arrays["pool"].shape == (2, 64, 8, 4, 4)
    assert family.arrays["head_weight"].shape == (2, 16, 8)
    assert head(family, 0)(family.arrays["test"][0]).shape == (32, 16)


def test_nets_learn_their_own_samples_and_generalise_with_more() -> None:
    family = component_targets.run(family_config(depths=(2,), width=32, budget=budget(300)))
    few, many = targets = family.metrics["targets"]
    assert min(t["train_accuracy"] for t in targets) > 0.8
    assert many["test_accuracy"] > few["test_accuracy"] > 0.15
    assert all(t["test_loss"] > t["train_loss"] for t in targets)


def test_random_labels_teach_nothing() -> None:
    config = family_config(
        labels="random", samples=(20,), depths=(2,), width=32, budget=budget(300)
    )
    targets = component_targets.run(config).metrics["targets"]
    assert min(t["train_accuracy"] for t in targets) > 0.95
    assert max(t["test_accuracy"] for t in targets) < 0.25


def test_samples_are_nested_balanced_and_of_the_seed() -> None:
    labels = load(DATA).labels
    config = family_config()
    few, many = (component_targets._drawn_samples(config, labels, n) for n in (20, 100))
    assert set(few.tolist()) < set(many.tolist())
    assert len(set(many.tolist())) == 100
    assert labels[few].bincount(minlength=10).tolist() == [2] * 10
    other = component_targets._drawn_samples(family_config(seed=1), labels, 20)
    assert set(other.tolist()) != set(few.tolist())


def test_the_whole_pool_can_be_drawn_and_no_more() -> None:
    labels = load(DATA).labels
    everything = component_targets._drawn_samples(family_config(), labels, 240)
    assert sorted(everything.tolist()) == list(range(240))
    with pytest.raises(ValueError, match="240 samples, not 241"):
        component_targets._drawn_samples(family_config(), labels, 241)


def test_the_head_is_relu_mean_and_linear() -> None:
    family = component_targets.run(image_config())
    maps = family.arrays["test"][0]
    pooled = F.relu(torch.from_numpy(maps)).mean((2, 3))
    weight, bias = (torch.from_numpy(family.arrays[n][0]) for n in ("head_weight", "head_bias"))
    expected = F.linear(pooled, weight, bias).numpy()
    np.testing.assert_allclose(head(family, 0)(maps), expected, rtol=1e-4, atol=1e-5)


def test_scores_are_accuracy_and_cross_entropy() -> None:
    logits = np.log(np.array([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1]]))
    accuracy, loss = scores(logits, np.array([0, 1, 1]))
    assert accuracy == pytest.approx(2 / 3)
    assert loss == pytest.approx(-np.log([0.7, 0.6, 0.1]).mean())


def test_a_point_repeats_to_the_bit() -> None:
    assert component_targets.run(family_config()).digest() == trained_family().digest()


def test_costs_and_data_follow_the_config() -> None:
    assert component_targets.cost(family_config(depths=(2, 8))) > component_targets.cost(
        family_config()
    )
    assert component_targets.data_source(family_config()) == "hidden manifold"
    assert component_targets.data_fingerprint(family_config()) == (
        component_targets.data_fingerprint(family_config(seed=3))
    )


def test_image_nets_have_four_times_the_width_as_feature() -> None:
    with pytest.raises(ValueError, match="8 channels"):
        component_targets.run(image_config(feature=9))


def test_restored_nets_give_the_stored_features() -> None:
    config, family = family_config(), trained_family()
    stack, heads = component_targets.restored(config, family, [3, 2, 3])
    features = evaluated(stack, load(DATA).test_inputs)
    for row, i in enumerate([3, 2, 3]):
        # Another stack is computed with another rounding.
        np.testing.assert_allclose(features[row], family.arrays["test"][i], atol=1e-4)
        logits = heads(features)[row].detach().numpy()
        np.testing.assert_allclose(logits, head(family, i)(family.arrays["test"][i]), atol=1e-3)


def test_restored_image_nets_give_the_stored_features() -> None:
    config = image_config()
    family = component_targets.run(config)
    stack, _ = component_targets.restored(config, family, [1])
    features = evaluated(stack, load(config.data).test_inputs)
    np.testing.assert_allclose(features[0], family.arrays["test"][1], atol=1e-4)


def test_nets_of_two_depths_are_not_restored_together() -> None:
    with pytest.raises(ValueError, match="one depth"):
        component_targets.restored(family_config(), trained_family(), [0, 3])

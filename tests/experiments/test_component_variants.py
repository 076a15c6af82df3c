"""Compressed and distilled nets: the family format, exact rates, few values, the same batches."""

import component_nets as made
import numpy as np
import pytest
import torch
from experimenting import assert_costs_grow
from pydantic import ValidationError

from strata.experiments import component_targets, component_variants
from strata.experiments.component_data import load
from strata.experiments.component_nets import evaluated
from strata.experiments.disentangling import disentangle
from strata.measures.components import residuals
from strata.runs.result import Result


def config(**changes):
    settings = {
        "targets": made.family_config(),
        "depth": 4,
        "samples": 100,
        "rate": 4.0,
        "rounds": 2,
        "retraining": made.budget(15),
        "bits": 3,
        "head_bits": 2,
        "students": made.chain_settings(orders=(2, 4), seed=2),
    }
    return component_variants.Config(**settings | changes)


@pytest.fixture(scope="module")
def family():
    return made.trained_family()


@pytest.fixture(scope="module")
def variants(family):
    return component_variants.run(config(), given=[family])


def layers(stack, heads):
    return [*stack.weights, stack.last, heads.weight]


def test_a_family_of_the_main_net_in_every_variant_and_the_others_compressed(family, variants):
    targets = variants.metrics["targets"]
    assert [net["variant"] for net in targets] == [*component_variants.VARIANTS, "compressed"]
    assert [net["samples"] for net in targets] == [100] * 4 + [20]
    assert {net["depth"] for net in targets} == {4}
    assert config().sources == [3, 3, 3, 3, 2]
    shapes = {name: array.shape for name, array in variants.arrays.items()}
    assert shapes["pool"] == (5, 240, 8)
    assert shapes["test"] == (5, 120, 8)
    assert shapes["head_weight"] == (5, 10, 8)
    for i, source in enumerate(config().sources):
        assert np.array_equal(variants.arrays[f"own_{i}"], family.arrays[f"own_{source}"])
    for place, source in ((2, 3), (3, 3)):
        for name in ("head_weight", "head_bias"):
            same = np.array_equal(variants.arrays[name][place], family.arrays[name][source])
            assert same, "a student is read by the net's own head"


def test_the_same_point_gives_the_same_bits(family, variants):
    again = component_variants.run(config(), given=[family])
    assert again.digest() == variants.digest()


def test_the_same_share_of_each_layer_is_pruned_and_few_values_are_left(family, variants):
    stack, heads = component_variants.compressed(config(), family)
    kept, whole = 0, 0
    for layer in layers(stack, heads):
        bits = 2 if layer is heads.weight else 3
        for place in (1, 2):
            net = layer[place]
            assert int((net != 0).sum()) == net.numel() - round(0.75 * net.numel())
            assert len(net[net != 0].unique()) <= 2**bits
        assert (layer[0] != 0).all(), "the net that is only trained on keeps its weights"
        kept, whole = kept + int((layer[1] != 0).sum()), whole + layer[1].numel()
    rates = [net["rate"] for net in variants.metrics["targets"]]
    assert rates == pytest.approx([1, whole / kept, 1, 1, whole / kept])
    assert whole / kept == pytest.approx(4, rel=0.02)


def test_compression_by_nothing_is_further_training(family):
    """At rate 1 with as many values as there are weights both nets see the same batches."""
    point = config(rate=1.0, bits=16, head_bits=16)
    stack, heads = component_variants.compressed(point, family)
    for layer in [*layers(stack, heads), heads.bias, stack.bias]:
        assert torch.allclose(layer[0], layer[1], atol=1e-6)
    before, _ = component_targets.restored(point.targets, family, [3])
    assert not torch.allclose(stack.last[0], before.last[0], atol=1e-3)


def test_the_features_are_those_of_the_nets(family, variants):
    stack, heads = component_variants.compressed(config(), family)
    pool = load(made.DATA)
    found = evaluated(stack, pool.test_inputs).numpy()
    assert np.array_equal(variants.arrays["test"][[0, 1, 4]], found)
    assert np.array_equal(variants.arrays["pool"][1], evaluated(stack, pool.inputs)[1].numpy())
    assert np.array_equal(variants.arrays["head_weight"][4], heads.weight[2].detach().numpy())


def test_training_after_pruning_helps_the_pruned_net(family):
    short = component_variants.run(config(retraining=made.budget(1)), given=[family])
    longer = component_variants.run(config(retraining=made.budget(60)), given=[family])
    losses = [each.metrics["targets"][1]["train_loss"] for each in (short, longer)]
    assert losses[1] < losses[0] - 0.1


def test_distilled_nets_are_students_of_the_whole_pool(family, variants):
    arrays = {name: family.arrays[name][[3]] for name in ("pool", "test")}
    alone = Result(arrays=arrays | {"own_0": np.arange(5)})
    names = ("distillation", "manifold", 0)
    chain = disentangle(alone, made.DATA, config().students, names)
    assert np.array_equal(variants.arrays["test"][2:4], chain.arrays["test"][:, 0])
    assert np.array_equal(variants.arrays["pool"][2:4, :5], chain.arrays["own_0"])
    left = residuals(variants.arrays["pool"][2:4], family.arrays["pool"][3])
    assert left == pytest.approx(np.array(chain.metrics["residual_pool"])[:, 0], abs=1e-5)
    assert (left < 0.9).all()


def test_longer_retraining_and_more_rounds_cost_more():
    longer = config(retraining=made.budget(30))
    more = config(retraining=made.budget(30), rounds=4)
    assert_costs_grow(component_variants, config(), longer, more)


def test_faults_are_named(family):
    with pytest.raises(ValidationError, match="rate"):
        config(rate=0.5)
    with pytest.raises(ValidationError, match="rounds"):
        config(rounds=0)
    with pytest.raises(ValueError, match="not in list"):
        component_variants.run(config(samples=77), given=[family])

"""Layers held against latents: the measures' own answers, and shares of variance by hand."""

import numpy as np
import pytest
import torch

from strata.experiments.layer_latents import CKA_KINDS, FOLDS, held_against
from strata.measures.cka import debiased_cka, linear_cka, rbf_cka
from strata.measures.ridge import cross_fit, fold_labels
from strata.measures.soft_ranks import covariance_rank


@pytest.fixture(scope="module")
def values():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 5))
    return {
        "x": x,
        "mixed": np.tanh(x @ rng.standard_normal((5, 7))),
        "noise": rng.standard_normal((60, 3)),
    }


def test_a_layer_has_all_of_itself_and_nothing_of_noise(values):
    found = held_against([values["x"]], {"own": values["x"], "noise": values["noise"]})
    for name in CKA_KINDS:
        assert found[name]["own"] == [pytest.approx(1)]
    assert found["r2"]["own"] == [pytest.approx(1, abs=1e-4)]
    assert found["r2"]["noise"][0] < 0.1
    assert abs(found["cka_debiased"]["noise"][0]) < 0.15


def test_each_number_is_that_of_its_measure(values):
    layers = [torch.tensor(values["mixed"]), values["noise"]]
    targets = {"x": values["x"], "mixed": values["mixed"]}
    found = held_against(layers, targets)
    for name, measure in (
        ("cka", rbf_cka),
        ("cka_linear", linear_cka),
        ("cka_debiased", debiased_cka),
    ):
        for target, latents in targets.items():
            expected = [measure(layer, latents) for layer in layers]
            assert found[name][target] == pytest.approx(expected, abs=1e-9)
    assert found["covariance_ranks"] == [covariance_rank(layer) for layer in layers]


def test_r2_is_the_share_of_the_summed_variance(values):
    x = values["x"]
    targets = np.c_[10 * x[:, 0], values["noise"][:, 0]]
    (share,) = held_against([x], {"both": targets})["r2"]["both"]
    r2 = cross_fit(x, targets, fold_labels(60, FOLDS)).r2
    variance = targets.var(axis=0)
    assert share == pytest.approx((r2 @ variance) / variance.sum())
    # The strong one is there, the weak one is not: the share is near that of the strong one.
    assert share > 0.95
    assert r2[1] < 0.2


def test_latents_do_not_influence_each_other(values):
    layer, x, noise = values["mixed"], values["x"], values["noise"]
    both = held_against([layer], {"x": x, "noise": noise})
    alone = held_against([layer], {"x": x})
    for name in (*CKA_KINDS, "r2"):
        assert both[name]["x"] == pytest.approx(alone[name]["x"], abs=1e-9)

"""The soft rank of a product of weights: against the product itself, long chains, cancellation."""

import math

import numpy as np
import pytest
import torch

from strata.measures.soft_ranks import effective_weight_rank, weight_rank
from strata.nets.mlp import MLP


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def rotation(n, rng):
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


def test_the_effective_rank_is_that_of_the_product(rng):
    weights = [rng.standard_normal(shape) for shape in ((2, 6), (6, 9), (9, 3))]
    product = weights[0] @ weights[1] @ weights[2]
    assert effective_weight_rank(weights) == pytest.approx(weight_rank(product), rel=1e-10)
    assert effective_weight_rank(weights[:1]) == pytest.approx(weight_rank(weights[0]), rel=1e-14)
    # Each factor may be rescaled without effect: that of a long product would overflow.
    scaled = [weights[0] * 1e200, weights[1] * 1e200, weights[2] * 1e-300]
    assert effective_weight_rank(scaled) == pytest.approx(weight_rank(product), rel=1e-10)


def test_orthogonal_factors_change_nothing(rng):
    w = rng.standard_normal((7, 7)) * 0.5 ** np.arange(7)
    chain = [rotation(7, rng) * 0.01 for _ in range(200)]
    assert effective_weight_rank([*chain, w]) == pytest.approx(weight_rank(w), rel=1e-9)


def test_a_product_that_cancels_has_rank_zero(rng):
    q = rotation(10, rng)
    assert effective_weight_rank([q[:, :4].T, q[:, 4:]]) == 0.0


def test_the_last_layer_comes_first():
    net = MLP([2, 8, 8, 3], generator=torch.Generator().manual_seed(0))
    weights = [layer.weight for layer in net.layers]
    assert 1 <= effective_weight_rank(weights[::-1]) <= 2
    with pytest.raises(ValueError, match="the last layer comes first"):
        effective_weight_rank(weights)


def test_a_product_without_factors_is_refused():
    with pytest.raises(ValueError, match="at least one factor"):
        effective_weight_rank([])
    with pytest.raises(ValueError, match="NaN"):
        effective_weight_rank([np.eye(2), np.array([[1.0, math.nan], [0.0, 1.0]])])


def test_an_outer_product_is_one_direction_and_zeros_are_none(rng):
    column, row = rng.standard_normal((300, 1)), rng.standard_normal((1, 300))
    assert effective_weight_rank([column, row]) == 1.0
    assert effective_weight_rank([np.zeros((2, 4)), np.ones((4, 4))]) == 0
    assert effective_weight_rank([np.zeros((2, 4))]) == 0

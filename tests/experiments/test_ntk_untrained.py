"""Untrained families: the places whose answer is known, and what the biases do."""

import numpy as np
import pytest
import torch

from strata.experiments import ntk_untrained
from strata.measures.rank import soft_rank
from strata.measures.spectrum import singular_values


def families(**changes: object) -> list[ntk_untrained.Config]:
    values = {
        "settings": ["A"],
        "maps": 4,
        "bias_variances": [0.0, 1.0],
        "untrained_seeds": 2,
        "untrained_samples": 80,
        "untrained_width": 60,
    }
    return ntk_untrained.Parameters(**values | changes).points()


def test_no_map_is_the_data_and_one_map_is_the_data_with_a_constant():
    family = families()[0]
    x = torch.tensor(ntk_untrained.make_data(family).x)
    ranks = ntk_untrained.run(family).metrics["ranks"]
    extended = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1)
    assert len(ranks) == family.maps + 1
    assert ranks[0] == pytest.approx(soft_rank(singular_values(x)))
    assert ranks[1] == pytest.approx(soft_rank(singular_values(extended)), rel=1e-4)


def test_the_family_is_none_for_the_default_and_a_number_for_the_sweep():
    assert [f.bias_variance for f in families()] == [None, None, 0.0, 0.0, 1.0, 1.0]


def test_default_weights_have_the_variance_of_the_sweep():
    wide = families(untrained_width=400)[0]
    weight = ntk_untrained._make_net(wide, 3).layers[1].weight
    assert float(weight.detach().var()) * 400 == pytest.approx(
        ntk_untrained.WEIGHT_VARIANCE, rel=0.02
    )


def test_the_same_family_gives_the_same_ranks_and_other_seeds_do_not():
    one, other, *_ = families()
    assert ntk_untrained.run(one) == ntk_untrained.run(one)
    assert not np.allclose(
        ntk_untrained.run(one).metrics["ranks"], ntk_untrained.run(other).metrics["ranks"]
    )

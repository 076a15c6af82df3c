"""Transition layer and late block: by their definitions, on the published curves, on bad input."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from strata.measures.transition import late_block_start, transition_layer

PUBLISHED = [
    ([1.89, 1.02], 0),
    ([1.94, 1.60, 1.01], 0),
    ([1.97, 1.93, 1.28, 1.00], 0),
    ([1.95, 2.14, 1.58, 1.02, 1.01], 1),
    ([1.95, 2.27, 2.32, 1.57, 1.05, 1.00], 2),
    ([1.93, 2.30, 2.30, 1.53, 1.16, 1.06, 1.00], 1),
    ([1.96, 2.67, 2.58, 2.09, 1.65, 1.28, 1.10, 1.01], 1),
    ([1.96, 2.61, 2.50, 2.06, 1.86, 1.74, 1.76, 1.40, 1.00], 1),
]
"""R_cov of z_0 ... z_L in the study's figure, one to eight hidden layers: a peak from four on."""

ranks_of_nets = hnp.arrays(np.float64, st.integers(1, 12), elements=st.floats(0, 50))
cka_maps = st.integers(1, 7).flatmap(
    lambda m: hnp.arrays(np.float64, (m, m), elements=st.floats(0, 1)).map(
        lambda a: np.tril(a, -1) + np.tril(a, -1).T + np.eye(m)
    )
)


# -- transition layer ------------------------------------------------------------------------------


@pytest.mark.parametrize(("ranks", "layer"), PUBLISHED)
def test_the_study_s_curves_peak_from_four_hidden_layers_on(ranks, layer):
    assert transition_layer(ranks) == layer


def test_a_net_that_stays_in_one_direction_has_no_transition():
    assert transition_layer([1.02, 1.04, 1.03, 1.0]) is None
    assert transition_layer([0.0, 0.0]) is None
    assert transition_layer([1.04, 1.05, 1.0]) == 0  # reached, but no rise
    assert transition_layer([1.0, 1.051, 1.0]) == 1


def test_a_rank_that_only_falls_has_its_transition_at_the_first_layer():
    assert transition_layer([3.0, 2.0, 1.0]) == 0
    # A rise of 5 % is still no peak; a little more is.
    assert transition_layer([2.0, 2.1, 1.0]) == 0
    assert transition_layer([2.0, 2.11, 1.0]) == 1
    assert transition_layer([2.0]) == 0


def test_of_equal_maxima_the_first_counts():
    assert transition_layer([1.5, 2.0, 3.0, 3.0, 1.0]) == 2


def test_the_prominence_moves_both_bounds():
    ranks = [1.5, 1.8, 1.0]
    assert transition_layer(ranks, prominence=0.19) == 1
    assert transition_layer(ranks, prominence=0.21) == 0
    assert transition_layer(ranks, prominence=0.81) is None
    # Without prominence any rise is a peak.
    assert transition_layer([1.0, 1.0 + 1e-9, 1.0], prominence=0) == 1


@given(ranks_of_nets, st.floats(0, 1))
def test_the_answer_is_the_argmax_or_says_that_there_is_no_peak(ranks, prominence):
    layer = transition_layer(ranks, prominence)
    if layer is None:
        assert (ranks < 1 + prominence).all()
    elif layer == 0:
        assert (ranks <= (1 + prominence) * ranks[0]).all()
        assert ranks.max() >= 1 + prominence
    else:
        assert ranks[layer] == ranks.max()
        assert (ranks[:layer] < ranks[layer]).all()
        assert ranks[layer] > (1 + prominence) * ranks[0]


@given(ranks_of_nets, st.floats(0, 1))
def test_layers_of_lower_rank_at_the_end_change_nothing(ranks, prominence):
    longer = np.append(ranks, [ranks.min(), 0.0])
    assert transition_layer(longer, prominence) == transition_layer(ranks, prominence)


# -- late block ------------------------------------------------------------------------------------


def blocks(*sizes, between=0.5):
    """A map of 1 within blocks of layers and `between` across them."""
    of = np.repeat(np.arange(len(sizes)), sizes)
    return np.where(of[:, None] == of, 1.0, between)


@pytest.mark.parametrize(
    ("sizes", "start"), [((5,), 0), ((2, 3), 2), ((1, 1, 4), 2), ((3, 1), 3), ((1,), 0)]
)
def test_the_last_block_starts_where_it_was_put(sizes, start):
    assert late_block_start(blocks(*sizes)) == start


def test_every_pair_counts_and_not_only_neighbours():
    # A slow drift: neighbours at 0.95, layers two apart at 0.88.
    m = np.arange(6)
    drift = 1 - 0.05 * np.abs(m[:, None] - m) - 0.02 * (np.abs(m[:, None] - m) > 1)
    assert late_block_start(drift) == 4
    assert late_block_start(drift, threshold=0.88) == 3


def test_the_threshold_itself_belongs_to_the_block():
    cka = blocks(1, 1, between=0.9)
    assert late_block_start(cka) == 0
    assert late_block_start(cka, threshold=math.nextafter(0.9, 1)) == 1
    assert late_block_start(cka, threshold=0) == 0


@given(cka_maps, st.floats(0, 1))
def test_the_start_is_the_smallest_by_trying_all(cka, threshold):
    m = len(cka)
    alike = [
        start
        for start in range(m)
        if all(cka[i, j] >= threshold for i in range(start, m) for j in range(start, m) if i != j)
    ]
    assert late_block_start(cka, threshold) == min(alike)


@given(cka_maps, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_starts_the_block_earlier(cka, one, other):
    low, high = sorted((one, other))
    assert late_block_start(cka, low) <= late_block_start(cka, high)


def test_the_diagonal_is_not_looked_at():
    cka = blocks(1, 3)
    np.fill_diagonal(cka, 0.0)
    assert late_block_start(cka) == 1


def test_negative_values_and_rounding_above_one_are_allowed():
    # Debiased CKA may be negative, and CKA in float32 a little above 1.
    assert late_block_start([[1.0, -0.1], [-0.1, 1.0]]) == 1
    assert late_block_start([[1 + 1e-7, 1.0], [1.0 - 1e-7, 1.0]]) == 0


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([], "vector"),
        (2.0, "vector"),
        ([[1.0, 2.0]], "vector"),
        ([1.0, math.nan], "finite"),
        ([1.0, math.inf], "finite"),
        ([1.0, -0.1], "at least 0"),
    ],
)
def test_bad_ranks_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        transition_layer(bad)


@pytest.mark.parametrize("bad", [-0.01, math.nan, math.inf])
def test_a_bad_prominence_is_refused(bad):
    with pytest.raises(ValueError, match="prominence must"):
        transition_layer([1.0, 2.0], bad)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([], "square"),
        (np.zeros((0, 0)), "not empty"),
        ([1.0, 0.5], "square"),
        ([[1.0, 0.5]], "square"),
        ([[1.0, math.nan], [math.nan, 1.0]], "NaN"),
        ([[1.0, -math.inf], [-math.inf, 1.0]], "infinite"),
        ([[1.0, 1.1], [1.1, 1.0]], "at most 1"),
        ([[1.0, 0.5], [0.6, 1.0]], "symmetric"),
    ],
)
def test_bad_maps_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        late_block_start(bad)


@pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan])
def test_a_bad_threshold_is_refused(bad):
    with pytest.raises(ValueError, match="threshold must"):
        late_block_start(np.eye(2), bad)

"""Shapley values: axioms, a second formula, games with known values, and the speed of sums."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.measures import shapley
from strata.measures.shapley import (
    centred,
    coalition_losses,
    cross_entropy,
    effectiveness,
    overfitting,
    sample_losses,
    shapley_values,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def members(coalition):
    return [i for i in range(coalition.bit_length()) if coalition >> i & 1]


def games(least=1, most=6):
    """Worths of all coalitions, of the size of a loss."""
    worth = st.floats(-100, 100, allow_subnormal=False)
    return st.integers(least, most).flatmap(
        lambda players: st.lists(worth, min_size=1 << players, max_size=1 << players).map(np.array)
    )


def exchanged(coalition, i, j):
    """The coalition with players i and j in each other's place."""
    return sum(1 << {i: j, j: i}.get(player, player) for player in members(coalition))


# -- the axioms ------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(games())
def test_efficiency(worth):
    assert shapley_values(worth).sum() == pytest.approx(worth[-1] - worth[0], abs=1e-9)


@settings(max_examples=40)
@given(games(least=2), st.data())
def test_symmetry(worth, data):
    players = len(worth).bit_length() - 1
    i, j = data.draw(st.permutations(range(players)))[:2]
    swapped = worth[[exchanged(s, i, j) for s in range(len(worth))]]
    expected = shapley_values(worth)
    expected[[i, j]] = expected[[j, i]]
    np.testing.assert_allclose(shapley_values(swapped), expected, atol=1e-9)
    alike = shapley_values((worth + swapped) / 2)
    assert alike[i] == pytest.approx(alike[j], abs=1e-9)


@settings(max_examples=40)
@given(games(), st.floats(-10, 10), st.data())
def test_a_dummy_gets_what_it_adds_and_changes_nothing_for_others(worth, own, data):
    place = data.draw(st.integers(0, len(worth).bit_length() - 1))
    low = (1 << place) - 1
    wider = np.array(
        [
            worth[(s & low) | (s >> place + 1 << place)] + own * (s >> place & 1)
            for s in range(2 * len(worth))
        ]
    )
    expected = np.insert(shapley_values(worth), place, own)
    np.testing.assert_allclose(shapley_values(wider), expected, atol=1e-9)


@settings(max_examples=40)
@given(games(least=3, most=3), games(least=3, most=3), st.floats(-5, 5))
def test_linearity(first, second, factor):
    np.testing.assert_allclose(
        shapley_values(first + factor * second),
        shapley_values(first) + factor * shapley_values(second),
        atol=1e-9,
    )


@settings(max_examples=30)
@given(games(least=4, most=4))
def test_it_is_the_mean_over_all_orders_of_joining(worth):
    total = np.zeros(4)
    orders = list(itertools.permutations(range(4)))
    for order in orders:
        there = 0
        for player in order:
            total[player] += worth[there | 1 << player] - worth[there]
            there |= 1 << player
    np.testing.assert_allclose(shapley_values(worth), total / len(orders), atol=1e-9)


# -- games with known values -----------------------------------------------------------------------


def test_an_additive_game_gives_each_its_own():
    own = np.array([3.0, -1.0, 0.5])
    worth = [7 + own[members(s)].sum() for s in range(8)]
    np.testing.assert_allclose(shapley_values(worth), own, atol=1e-14)


def test_the_gloves():
    # One left glove (player 0), two right ones; a pair is worth 1.
    worth = [float(s & 1 and s > 1) for s in range(8)]
    np.testing.assert_allclose(shapley_values(worth), [2 / 3, 1 / 6, 1 / 6], atol=1e-15)


def test_all_share_alike_in_what_only_all_can_do():
    worth = np.zeros(64)
    worth[-1] = 12
    np.testing.assert_allclose(shapley_values(worth), 2, rtol=1e-12)


def test_further_axes_are_games_of_their_own(rng):
    worth = rng.standard_normal((16, 3, 2))
    values = shapley_values(worth)
    assert values.shape == (4, 3, 2)
    for i, j in itertools.product(range(3), range(2)):
        np.testing.assert_allclose(values[:, i, j], shapley_values(worth[:, i, j]), atol=1e-14)


def test_a_large_common_worth_costs_no_precision(rng):
    worth = rng.integers(0, 100, 64).astype(float)
    found = shapley_values(worth + 2.0**40)
    np.testing.assert_allclose(found, shapley_values(worth), rtol=1e-12)


# -- losses of coalitions --------------------------------------------------------------------------


def task(rng, players=6, n=30, shape=(4, 3, 3), dtype=np.float32):
    """Components, rest, labels, and the loss of a head: ReLU, mean over positions, linear map."""
    parts = rng.standard_normal((players, n, *shape)).astype(dtype)
    rest = rng.standard_normal((n, *shape)).astype(dtype)
    weights = 2 * rng.standard_normal((5, shape[0]))

    def loss(features, labels):
        pooled = np.maximum(features, 0).mean(axis=tuple(range(2, features.ndim)))
        return cross_entropy(pooled @ weights.T, labels)

    return parts, rest, rng.integers(5, size=n), loss


@pytest.mark.parametrize("shape", [(4, 3, 3), (4,)])
def test_losses_of_coalitions_are_those_of_sums_made_anew(shape, rng):
    parts, rest, labels, loss = task(rng, shape=shape, dtype=np.float64)
    expected = [loss(rest + parts[members(s)].sum(axis=0), labels) for s in range(64)]
    found = sample_losses(parts, rest, loss, labels)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(
        coalition_losses(parts, rest, loss, labels), np.mean(expected, axis=1), atol=1e-12
    )


def test_sums_in_float32_do_not_drift(rng):
    # With ten players 1,024 sums: the last must be as good as the first.
    parts, rest, *_ = task(rng, players=10, n=5)

    def error(coalition, features):
        exact = rest.astype(np.float64) + parts[members(coalition)].astype(np.float64).sum(axis=0)
        return np.abs(features - exact).max()

    numbers = itertools.count()
    errors = sample_losses(parts, rest, lambda x: np.full(5, error(next(numbers), x)))
    assert errors.max() < 10 * np.finfo(np.float32).eps * 10
    from_the_last = rest
    for part in parts[::-1]:
        from_the_last = from_the_last + part
    last = sample_losses(parts, rest, lambda x: x[:, 0, 0, 0])[-1]
    np.testing.assert_array_equal(last, from_the_last[:, 0, 0, 0])


@pytest.mark.parametrize("numbers", [1, 3 * 36, 1 << 17])
def test_groups_of_images_change_nothing(numbers, rng, monkeypatch):
    parts, rest, labels, loss = task(rng, players=3, n=10)
    whole = sample_losses(parts, rest, lambda x: loss(x, labels))
    monkeypatch.setattr(shapley, "_CHUNK", numbers)
    sizes = []

    def counted(features, few):
        sizes.append(features.size)
        return loss(features, few)

    np.testing.assert_allclose(sample_losses(parts, rest, counted, labels), whole, rtol=1e-6)
    assert max(sizes) <= max(numbers, rest[0].size)
    assert sum(sizes) == 8 * rest.size


def test_nothing_that_was_given_is_changed(rng):
    parts, rest, labels, loss = task(rng)
    before = parts.copy(), rest.copy()
    coalition_losses(parts, rest, loss, labels)
    np.testing.assert_array_equal(parts, before[0])
    np.testing.assert_array_equal(rest, before[1])


def test_the_value_of_the_mean_loss_is_the_mean_of_the_images_values(rng):
    parts, rest, labels, loss = task(rng)
    each = shapley_values(sample_losses(parts, rest, loss, labels))
    whole = shapley_values(coalition_losses(parts, rest, loss, labels))
    np.testing.assert_allclose(each.mean(axis=1), whole, atol=1e-12)


def test_a_linear_loss_gives_each_component_its_own_mean(rng):
    parts, rest = rng.standard_normal((4, 20, 3)), rng.standard_normal((20, 3))
    direction = rng.standard_normal(3)
    losses = coalition_losses(parts, rest, lambda x: x @ direction)
    np.testing.assert_allclose(shapley_values(losses), (parts @ direction).mean(axis=1), atol=1e-12)


def test_cross_entropy_against_the_definition(rng):
    logits, labels = rng.standard_normal((20, 4)), rng.integers(4, size=20)
    chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        cross_entropy(logits, labels), -np.log(chance[range(20), labels]), rtol=1e-12
    )
    assert cross_entropy([[-1e4, 1e4]], [0]) == 2e4


# -- effectiveness and over-fitting ----------------------------------------------------------------


def test_over_fitting_is_one_minus_test_over_train(rng):
    # The study's game: test loss minus training loss, here of components that know the labels of
    # all training images and of half of the others.
    parts, rest, labels, head = task(rng, n=100)
    whole = rest + parts.sum(axis=0)
    known = np.argmin([head(whole, np.full(100, c)) for c in range(5)], axis=0)
    labels[:75] = known[:75]
    sets = slice(50), slice(50, 100)
    losses = [coalition_losses(parts[:, s], rest[s], head, labels[s]) for s in sets]
    numerator = shapley_values((losses[1] - losses[0]) - (losses[1][0] - losses[0][0]))
    saved = [shapley_values(each[0] - each) for each in losses]
    np.testing.assert_allclose(numerator, saved[0] - saved[1], atol=1e-12)
    positive = saved[0] > 0
    assert positive.any()
    found = overfitting(*saved)
    np.testing.assert_allclose(found[positive], (numerator / saved[0])[positive], rtol=1e-9)
    assert np.isnan(found[~positive]).all()


def test_the_same_images_are_not_over_fitted():
    assert (overfitting([1.0, 0.2], [1.0, 0.2]) == 0).all()
    assert overfitting(2.0, 0.0) == 1
    assert overfitting(2.0, -2.0) == 2


def test_a_value_that_could_be_zero_gives_no_ratio():
    found = overfitting([1.0, 0.19, -1.0, 0.0, 0.21], [0.5] * 5, error=0.1)
    assert found[0] == 0.5
    assert np.isnan(found[1:4]).all()
    assert found[4] == pytest.approx(1 - 0.5 / 0.21)
    assert np.isnan(overfitting([0.19], [0.1], error=[0.1], least=2.0)).all()
    assert overfitting([0.19], [0.19], error=[0.1], least=1.0) == 0


def test_effectiveness_is_the_value_per_deviation(rng):
    parts = rng.standard_normal((3, 400, 2, 2, 2)) * np.array([1, 2, 4])[:, None, None, None, None]
    values = np.array([1.0, 2.0, -4.0])
    found = effectiveness(values, parts)
    deviations = np.sqrt(parts.var(axis=1).mean(axis=(1, 2, 3)))
    np.testing.assert_allclose(found, values / deviations, rtol=1e-12)
    np.testing.assert_allclose(effectiveness(values, 10 * parts + 3), found / 10, rtol=1e-10)


def test_a_mean_moved_to_the_rest_leaves_all_together_what_it_was(rng):
    parts, rest, labels, loss = task(rng, players=3, dtype=np.float64)
    parts[0] += 5
    moved, base = centred(parts, rest)
    np.testing.assert_allclose(moved.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(moved.sum(axis=0) + base, parts.sum(axis=0) + rest, atol=1e-12)
    losses = coalition_losses(parts, rest, loss, labels)
    after = coalition_losses(moved, base, loss, labels)
    assert after[-1] == pytest.approx(losses[-1])
    assert after[0] != pytest.approx(losses[0])


def test_test_images_take_the_means_of_the_training_images(rng):
    parts, rest, *_ = task(rng, players=2)
    means = parts[:, :10].mean(axis=1)
    moved, base = centred(parts, rest, means)
    np.testing.assert_allclose(moved[:, 10:], parts[:, 10:] - means[:, None])
    np.testing.assert_allclose(base, rest + means.sum(axis=0), rtol=1e-5)


# -- faults ----------------------------------------------------------------------------------------

TWO = np.ones((2, 3, 1))
REST = np.ones((3, 1))


@pytest.mark.parametrize(
    "fault",
    [
        lambda: shapley_values([]),
        lambda: shapley_values([1.0]),
        lambda: shapley_values([1.0, 2.0, 3.0]),
        lambda: shapley_values([1.0, np.nan]),
        lambda: shapley_values(1.0),
        lambda: sample_losses(TWO, np.ones((3, 2)), lambda x: x[:, 0]),
        lambda: sample_losses(TWO, REST, lambda x: x),
        lambda: sample_losses(TWO, REST, lambda x: x.mean()),
        lambda: sample_losses(TWO, REST, lambda x, y: x[:, 0], [0, 1]),
        lambda: sample_losses(TWO[:, :0], REST[:0], lambda x: x[:, 0]),
        lambda: cross_entropy([[1.0, 2.0]], [2]),
        lambda: cross_entropy([[1.0, 2.0]], [-1]),
        lambda: cross_entropy([[1.0, 2.0]], [0, 1]),
        lambda: centred(TWO, np.ones((2, 1))),
        lambda: centred(TWO, REST, np.ones((3, 1))),
        lambda: effectiveness([1.0, 1.0], TWO),
        lambda: effectiveness([1.0], TWO * np.arange(3)[:, None]),
        lambda: overfitting([1.0], [1.0, 2.0]),
        lambda: overfitting([np.nan], [1.0]),
        lambda: overfitting([1.0], [1.0], error=-1.0),
    ],
)
def test_faults_are_refused(fault):
    with pytest.raises(ValueError, match=r"must|not|fit|gave|NaN|are"):
        fault()

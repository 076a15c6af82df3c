"""Exact Shapley values of six components against sums made anew and against drawn orders."""

import time

import numpy as np
import pytest
from benching import size

from strata.measures.shapley import coalition_losses, cross_entropy, shapley_values

pytestmark = pytest.mark.benchmark

PLAYERS, IMAGES, SHAPE, CLASSES = 6, size(10_000, 5000), (64, 8, 8), 10
SOME = 500  # images for the peers, whose time is scaled


def features(rng):
    """Components of falling size, rest, labels, and the loss of a head with a ReLU and a pool."""
    few = rng.standard_normal((PLAYERS + 1, SOME, *SHAPE), dtype=np.float32)
    few *= 0.5 ** np.arange(PLAYERS + 1, dtype=np.float32)[:, None, None, None, None]
    few += rng.standard_normal((PLAYERS + 1, SOME, SHAPE[0], 1, 1), dtype=np.float32) / 2
    weights = rng.standard_normal((SHAPE[0], CLASSES), dtype=np.float32)

    def logits(x):
        return np.maximum(x, 0).reshape(len(x), SHAPE[0], -1).mean(axis=2) @ weights

    labels = logits(few.sum(axis=0)).argmax(axis=1)
    return few[:-1], few[-1], labels, lambda x, y: cross_entropy(logits(x), y)


def made_anew(parts, rest, loss, labels, coalition):
    total = rest.copy()
    for player in range(PLAYERS):
        if coalition >> player & 1:
            total += parts[player]
    return loss(total, labels).mean()


def drawn_orders(parts, rest, loss, labels, rng, orders):
    """What each player adds in each order of joining, (orders, players)."""
    added = np.empty((orders, PLAYERS))
    nobody = loss(rest, labels).mean()
    for row in added:
        total, before = rest.copy(), nobody
        for player in rng.permutation(PLAYERS):
            total += parts[player]
            after = loss(total, labels).mean()
            row[player], before = after - before, after
    return added


def timed(function, *arguments):
    """Seconds of the processor: one thread computes, and others may be busy beside it."""
    begin = time.process_time()
    result = function(*arguments)
    return time.process_time() - begin, result


def test_six_components_of_ten_thousand_images(bench_record):
    parts, rest, labels, loss = features(np.random.default_rng(0))
    times = IMAGES // SOME
    many = np.tile(parts, (1, times, 1, 1, 1)), np.tile(rest, (times, 1, 1, 1))
    coalition_losses(parts[:, :50], rest[:50], loss, labels[:50])  # warm-up
    seconds, losses = timed(coalition_losses, *many, loss, np.tile(labels, times))
    anew, expected = timed(
        lambda: [made_anew(parts, rest, loss, labels, s) for s in range(1 << PLAYERS)]
    )
    orders = 6
    sampling, added = timed(
        drawn_orders, parts, rest, loss, labels, np.random.default_rng(1), orders
    )
    values = shapley_values(losses)
    # How many orders until the standard error is a hundredth of the largest value.
    needed = (added.std(axis=0, ddof=1).max() / (0.01 * np.abs(values).max())) ** 2
    sampled = sampling * times * needed / orders
    bench_record(
        f"Shapley values, {PLAYERS} components (64, 8, 8), {IMAGES:,} images, float32",
        **{
            "here, exact (s)": seconds,
            f"each sum anew, scaled from {SOME} images (s)": anew * times,
            "times faster": anew * times / seconds,
            f"{needed:.0f} drawn orders, none remembered, to 1 %, scaled (s)": sampled,
            "times faster than drawn orders": sampled / seconds,
            "largest difference of a loss": float(np.abs(losses - expected).max()),
        },
    )
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    error = added.std(axis=0, ddof=1) / np.sqrt(orders)
    assert (np.abs(added.mean(axis=0) - values) < 5 * error + 1e-6).all()
    assert seconds < 30 * IMAGES / 10_000
    assert anew * times / seconds >= 1.3
    assert sampled / seconds >= 20

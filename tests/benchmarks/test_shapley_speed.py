"""Exact Shapley values of six components against sums made anew and against drawn orders."""

import numpy as np
import pytest
from benching import in_turns, size

from strata.measures.shapley import coalition_losses, cross_entropy, shapley_values

pytestmark = pytest.mark.benchmark

PLAYERS, IMAGES, SHAPE, CLASSES = 6, size(10_000, 3000), (64, 8, 8), 10
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


def test_six_components_of_ten_thousand_images(bench_record, bench_compare):
    parts, rest, labels, loss = features(np.random.default_rng(0))
    times = IMAGES // SOME
    many = np.tile(parts, (1, times, 1, 1, 1)), np.tile(rest, (times, 1, 1, 1))
    orders = 6
    least, results = in_turns(
        size(3, 2),
        ours=lambda: coalition_losses(*many, loss, np.tile(labels, times)),
        anew=lambda: [made_anew(parts, rest, loss, labels, s) for s in range(1 << PLAYERS)],
        drawn=lambda: drawn_orders(parts, rest, loss, labels, np.random.default_rng(1), orders),
    )
    seconds, anew, losses = least["ours"], least["anew"] * times, results["ours"]
    added, values = results["drawn"], shapley_values(losses)
    # How many orders until the standard error is a hundredth of the largest value.
    needed = (added.std(axis=0, ddof=1).max() / (0.01 * np.abs(values).max())) ** 2
    sampled = least["drawn"] * times * needed / orders
    difference = float(np.abs(losses - results["anew"]).max())
    error = added.std(axis=0, ddof=1) / np.sqrt(orders)
    common = {
        "size": f"{PLAYERS} components, {IMAGES:,} images",
        "dtype": "float32",
        "ours": seconds,
    }
    bench_compare("shapley", **common, theirs=anew, difference=difference)
    bench_compare("shapley-orders", **common, theirs=sampled)
    bench_record(
        f"Shapley values, {PLAYERS} components (64, 8, 8), {IMAGES:,} images, float32",
        **{
            "here, exact (s)": seconds,
            f"each sum anew, scaled from {SOME} images (s)": anew,
            "times faster": anew / seconds,
            f"{needed:.0f} drawn orders, none remembered, to 1 %, scaled (s)": sampled,
            "times faster than drawn orders": sampled / seconds,
            "largest difference of a loss": difference,
        },
    )
    np.testing.assert_allclose(losses, results["anew"], rtol=1e-5)
    assert (np.abs(added.mean(axis=0) - values) < 5 * error + 1e-6).all()
    assert sampled / seconds >= 20


def test_an_addition_a_coalition_is_faster_than_new_sums():
    # With the loss of a head as above, that loss takes most of the time of both ways.
    parts, rest, labels, _ = features(np.random.default_rng(0))

    def one_number(x, y):
        return x[:, 0, 0, 0].astype(np.float64)

    least, results = in_turns(
        3,
        ours=lambda: coalition_losses(parts, rest, one_number, labels),
        anew=lambda: [made_anew(parts, rest, one_number, labels, s) for s in range(1 << PLAYERS)],
    )
    print(f"sums alone: {least['anew'] / least['ours']:.2f} times faster")
    np.testing.assert_allclose(results["ours"], results["anew"], rtol=1e-5)
    assert least["anew"] / least["ours"] >= 1.5

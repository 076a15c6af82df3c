"""A CKA map of 20 layers against the public way, pair by pair with centring matrices."""

import itertools

import numpy as np
import pytest
from benching import in_turns, size
from flops import flops

from strata.measures.cka import cka_map

pytestmark = pytest.mark.benchmark

N, LAYERS = size(2000, 1000), 20
PAIRS = LAYERS * (LAYERS - 1) // 2
SAMPLED = [(0, 1), (3, 19), (10, 12)]
"""The public way needs about 2 seconds a pair: these are measured, all are their multiple."""
TOLERANCE = 1e-10


def layers(width):
    """Drifting features: neighbours are alike, far layers are not."""
    rng = np.random.default_rng(0)
    steps = rng.standard_normal((LAYERS, N, width))
    return [np.tanh(z) for z in itertools.accumulate(steps, lambda a, b: 0.9 * a + 0.4 * b)]


def linear_kernel(x):
    return x @ x.T


def rbf_kernel(x):
    products = x @ x.T
    distances = np.diag(products) - products + (np.diag(products) - products).T
    return np.exp(-0.5 / np.median(distances[distances != 0]) * distances)


def public_cka(x, y, kernel):
    """Both kernels of one pair, each centred by two products with H: 4 products of n x n."""
    h = np.eye(len(x)) - np.ones((len(x), len(x))) / len(x)
    a, b = h @ kernel(x) @ h, h @ kernel(y) @ h
    return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


CASES = {
    "cka-narrow": ("linear", linear_kernel, 50),
    "cka-wide": ("linear", linear_kernel, 512),
    "cka-rbf": ("rbf", rbf_kernel, 50),
}


@pytest.mark.parametrize("name", CASES)
def test_the_map_is_many_times_faster_than_its_pairs(name, bench_record, bench_compare):
    kind, kernel, width = CASES[name]
    x = layers(width)
    seconds, found = in_turns(
        size(3, 1),
        public=lambda: [public_cka(x[i], x[j], kernel) for i, j in SAMPLED],
        ours=lambda: cka_map(x, kind),
    )
    pair = seconds["public"] / len(SAMPLED)
    difference = max(
        abs(found["ours"][place] - expected)
        for place, expected in zip(SAMPLED, found["public"], strict=True)
    )
    bench_compare(
        name,
        size=f"{LAYERS} layers {width} wide, {N:,} points",
        dtype="float64",
        ours=seconds["ours"],
        theirs=pair * PAIRS,
        difference=difference,
        operations=flops(lambda: cka_map(x, kind)),
    )
    bench_record(
        f"CKA map of {LAYERS} layers {width} wide, {N} points, {kind}, float64",
        **{
            f"public way, one pair, from {len(SAMPLED)} (s)": pair,
            f"public way, {PAIRS} pairs, scaled from it (s)": pair * PAIRS,
            "whole map (s)": seconds["ours"],
            "times faster": pair * PAIRS / seconds["ours"],
            "largest difference": difference,
        },
    )
    assert difference < TOLERANCE
    assert pair * PAIRS / seconds["ours"] >= 10

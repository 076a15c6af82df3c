"""A CKA map of 20 layers against the public way, pair by pair with centring matrices."""

import itertools
import statistics
import time

import numpy as np
import pytest
from benching import size

from strata.measures.cka import cka_map

pytestmark = pytest.mark.benchmark

N, LAYERS = size(2000, 1000), 20
PAIRS = LAYERS * (LAYERS - 1) // 2
SAMPLED = [(0, 1), (3, 19), (10, 12)]
"""The public way needs about 2 seconds a pair: these are measured, the 190 are their multiple."""
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


def timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


@pytest.mark.parametrize(
    ("kind", "kernel", "width"),
    [("linear", linear_kernel, 50), ("linear", linear_kernel, 512), ("rbf", rbf_kernel, 50)],
    ids=["linear, 50 wide", "linear, 512 wide", "rbf, 50 wide"],
)
def test_the_map_is_many_times_faster_than_its_pairs(kind, kernel, width, bench_record):
    x = layers(width)
    cka_map(x[:2], kind)  # warm-up
    public, ours, differences = [], [], []
    for i, j in SAMPLED:  # in turns, so that a busy machine hits both
        seconds, expected = timed(public_cka, x[i], x[j], kernel)
        public.append(seconds)
        seconds, found = timed(cka_map, x, kind)
        ours.append(seconds)
        differences.append(abs(found[i, j] - expected))
    pair, whole = statistics.median(public), statistics.median(ours)
    bench_record(
        f"CKA map of {LAYERS} layers {width} wide, {N} points, {kind}, float64",
        **{
            f"public way, one pair, median of {len(SAMPLED)} (s)": pair,
            f"public way, {PAIRS} pairs, scaled from it (s)": pair * PAIRS,
            "whole map (s)": whole,
            "times faster": pair * PAIRS / whole,
            "largest difference": max(differences),
        },
    )
    assert max(differences) < TOLERANCE
    assert pair * PAIRS / whole >= 10

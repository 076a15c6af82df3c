"""All features of a layer at once, against scikit-learn at once and a feature at a time."""

import numpy as np
import pytest
from benching import in_its_own_process, in_turns, size
from sklearn.linear_model import Ridge, RidgeCV

from strata.measures.ridge import PENALTIES, cross_fit, fold_labels

pytestmark = pytest.mark.benchmark

N, D, K = size((4000, 768, 400), (2000, 384, 400))
"""A slice of the 20,000 images, 2,048 dimensions and 1,000 features that are aimed at."""
SINGLE = (0, 200, 399)
"""A loop takes the same time for each feature: these are measured, all are their multiple."""


def slice_of_a_layer():
    """Rectified activations with a decaying spectrum; features from pure noise to pure signal."""
    rng = np.random.default_rng(0)
    mixed = rng.standard_normal((N, D), np.float32) * np.geomspace(1, 0.01, D, dtype=np.float32)
    x = np.maximum(mixed @ np.linalg.qr(rng.standard_normal((D, D)))[0].astype(np.float32), 0)
    signal = x @ rng.standard_normal((D, K), np.float32)
    share = np.linspace(0, 1, K, dtype=np.float32)
    noise = rng.standard_normal((N, K), np.float32)
    return x, np.sqrt(share) * signal / signal.std(axis=0) + np.sqrt(1 - share) * noise


def held_out(fit, x, z, labels):
    """R^2 as `cross_fit` defines it, with one call of `fit` a fold."""
    sse = sst = 0.0
    for fold in range(2):
        train, test = labels != fold, labels == fold
        penalties = np.array(PENALTIES) * x[train].var(axis=0).sum()
        error = z[test] - fit(x[train], z[train], penalties).predict(x[test])
        sse = sse + (error**2).sum(axis=0)
        sst = sst + ((z[test] - z[train].mean(axis=0)) ** 2).sum(axis=0)
    return 1 - sse / sst


def ridge_cv(x, z, penalties):
    return RidgeCV(penalties, alpha_per_target=z.ndim > 1).fit(x, z)


def one_penalty(x, z, penalties):
    return Ridge(penalties[7], solver="cholesky").fit(x, z)


def test_it_is_many_times_faster_than_scikit_learn(bench_record, bench_compare):
    x, z = slice_of_a_layer()
    labels, exact = fold_labels(N), (x.astype(np.float64), z.astype(np.float64))
    cross_fit(x[:100], z[:100])  # warm-up

    def singles(fit):
        return [held_out(fit, exact[0], exact[1][:, j], labels) for j in SINGLE]

    seconds, results = in_turns(
        size(2, 1),
        ours=lambda: cross_fit(x, z, labels),
        together=lambda: held_out(ridge_cv, *exact, labels),
        each=lambda: singles(ridge_cv),
        simplest=lambda: singles(one_penalty),
    )
    ours, together = seconds["ours"], seconds["together"]
    each, simplest = seconds["each"] / len(SINGLE), seconds["simplest"] / len(SINGLE)
    difference = results["ours"].r2 - results["together"]
    common = {
        "size": f"{K} features, {N:,} images, {D} neurons, 2 folds",
        "dtype": "float64",
        "ours": ours,
    }
    bench_compare("probes", **common, theirs=together, difference=np.median(np.abs(difference)))
    bench_compare("probes-each", **common, theirs=K * simplest)
    bench_record(
        f"probes of {K} features, {N} images, {D} wide, 2 folds, one thread",
        **{
            "all features at once (s)": ours,
            "RidgeCV of all features (s)": together,
            "times faster": together / ours,
            f"RidgeCV of one feature, mean of {len(SINGLE)} (s)": each,
            f"{K} of these, scaled from it (s)": K * each,
            "times faster than these": K * each / ours,
            "Ridge of one feature, one penalty (s)": simplest,
            "times faster than all these": K * simplest / ours,
            "largest difference of R^2": np.abs(difference).max(),
            "mean of R^2, ours less theirs": difference.mean(),
        },
    )
    # Theirs picks penalties by leave-one-out errors: mostly the same ones, at times a neighbour.
    assert np.abs(difference).max() < 0.05
    assert np.median(np.abs(difference)) < 1e-6
    assert abs(difference.mean()) < 0.001
    assert together / ours >= 2
    assert K * each / ours >= 50
    assert K * simplest / ours >= 10


WHOLE = """
import json, sys, time
import torch
from benching import peak_gigabytes
from strata.measures.ridge import cross_fit

n, d, k, blocks = *map(int, sys.argv[1:]), 16
torch.manual_seed(0)
x = torch.randn(n, d).relu_()
z = x @ torch.randn(d, k)
z /= z.std(dim=0)
z[:, 0] = torch.randn(n)
layers = [x, *(x.clone() for _ in range(blocks - 1))]
cross_fit(x[:3000, :300], z[:3000, :10])  # warm-up
a = torch.rand(1024, 1024, dtype=torch.float64)
a @ a
cpu = time.process_time()
for _ in range(10):
    a @ a
product = (time.process_time() - cpu) / 10
wall, cpu = time.perf_counter(), time.process_time()
r2 = cross_fit(layers[0], z).r2
print(json.dumps({
    "seconds": time.perf_counter() - wall,
    "cpu": time.process_time() - cpu,
    "product": product,
    "peak_gb": peak_gigabytes(),
    "threads": torch.get_num_threads(),
    "blocks": blocks,
    "noise": r2[0],
    "signal": r2[1:].min(),
}))
"""


def test_a_resnet50_takes_minutes_and_few_gigabytes(bench_record):
    n, d, k = size((20_000, 2048, 1000), (10_000, 1024, 500))
    row = in_its_own_process(WHOLE, n, d, k)
    bench_record(
        f"probes of {k:,} features, {n:,} images, {d:,} wide, 2 folds",
        **{
            "threads": row["threads"],
            "one block (s)": row["seconds"],
            "CPU seconds of it a thread": row["cpu"] / row["threads"],
            f"{row['blocks']} blocks, scaled from it (s)": row["seconds"] * row["blocks"],
            f"peak memory with {row['blocks']} blocks held (GB)": row["peak_gb"],
        },
    )
    assert abs(row["noise"]) < 0.02
    assert row["signal"] > 0.999
    # Memory goes with n d, but for what torch takes; the decompositions and products with n d^2.
    share = n * d / (20_000 * 2048)
    assert row["peak_gb"] < 0.3 + 5.7 * share
    # In seconds of a product of 1024 x 1024, which a slow or throttled processor prolongs as well.
    products = row["cpu"] / row["product"]
    print(f"as long as {products:.0f} products of 1024 x 1024, {row['peak_gb']:.2f} GB")
    assert products < 110 * n / 10_000 * (d / 1024) ** 2  # a third of it was measured

"""The NTK against the Jacobian route of torch.func: speed, agreement, memory, in one run."""

import itertools

import pytest
import torch
from benching import in_its_own_process, in_turns, size
from flops import flops
from torch import nn
from torch.func import functional_call, jacrev, vmap

from strata.measures.ntk import empirical_ntk, layerwise_ntk

pytestmark = pytest.mark.benchmark

WIDTH, DEPTH, OUTPUTS = 120, 6, 2
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def mlp(dtype):
    torch.manual_seed(0)
    sizes = [2] + [WIDTH] * DEPTH
    hidden = [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in itertools.pairwise(sizes)]
    return nn.Sequential(*hidden, nn.Linear(WIDTH, OUTPUTS)).to(dtype)


def square(n, dtype):
    return torch.rand(n, 2, generator=torch.Generator().manual_seed(1)).to(dtype) * 2 - 1


def jacobian_ntk(net, x, output):
    """The PyTorch tutorial's `empirical_ntk_jacobian_contraction`, for the trace or one output."""
    parameters = {name: p.detach() for name, p in net.named_parameters()}

    def f(p, row):
        out = functional_call(net, p, (row[None],))[0]
        return out if output is None else out[output : output + 1]

    jacobians = vmap(jacrev(f), (None, 0))(parameters, x)
    flat = [j.flatten(2) for j in jacobians.values()]
    return sum(torch.einsum("naf,maf->nm", j, j) for j in flat)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=["float32", "float64"])
@pytest.mark.parametrize("output", [None, 0], ids=["trace", "output"])
def test_it_is_many_times_faster_than_the_jacobian(dtype, output, bench_record, bench_compare):
    n = size(600, 400)
    net, x = mlp(dtype), square(n, dtype)
    few = x[: size(n, 100)]
    jacobian_ntk(net, few, output), empirical_ntk(net, few, output=output)  # warm-up
    seconds, kernels = in_turns(
        size(3, 1),
        jacobian=lambda: jacobian_ntk(net, x, output),
        ntk=lambda: empirical_ntk(net, x, output=output),
        layerwise=lambda: list(layerwise_ntk(net, x, output=output)),
    )
    expected, found = kernels["jacobian"], kernels["ntk"]
    difference = ((found - expected).norm() / expected.norm()).item()
    speedup = seconds["jacobian"] / seconds["ntk"]
    name, summed = str(dtype).removeprefix("torch."), "one output" if output == 0 else "two outputs"
    if output is None:
        bench_compare(
            f"ntk-{name}",
            size=f"{n} points, {DEPTH} layers {WIDTH} wide, {summed}",
            dtype=name,
            ours=seconds["ntk"],
            theirs=seconds["jacobian"],
            difference=difference,
            operations=flops(lambda: empirical_ntk(net, x)),
        )
    bench_record(
        f"{n} points, {name}, {summed}",
        **{
            "Jacobian (s)": seconds["jacobian"],
            "kernel (s)": seconds["ntk"],
            "layer by layer (s)": seconds["layerwise"],
            "times faster": speedup,
            "relative difference": difference,
        },
    )
    assert difference < TOLERANCE[dtype]
    assert (found - expected).abs().max() < TOLERANCE[dtype] * expected.abs().max()
    # One output halves the work of the Jacobian route, but not that of the Gram matrices.
    assert speedup >= (6 if output is None else 4)


TEN_THOUSAND = """
import json, sys, time
import torch
from benching import peak_gigabytes
from torch import nn
from strata.measures.ntk import empirical_ntk

torch.set_num_threads(1)  # two threads on a busy machine wait for each other at every block
n, width, depth, dtype = int(sys.argv[2]), 120, 6, getattr(torch, sys.argv[1])
torch.manual_seed(0)
layers, d = [], 2
for _ in range(depth):
    layers += [nn.Linear(d, width), nn.ReLU()]
    d = width
net = nn.Sequential(*layers, nn.Linear(d, 2)).to(dtype)
x = torch.rand(n, 2, dtype=dtype) * 2 - 1
start = time.perf_counter()
kernel = empirical_ntk(net, x)
seconds = time.perf_counter() - start
picked = torch.arange(0, n, n // 103)
direct = empirical_ntk(net, x[picked])
difference = (kernel[picked][:, picked] - direct).norm() / direct.norm()
parameters = sum(p.numel() for p in net.parameters())
print(json.dumps({
    "seconds": seconds,
    "peak_gb": peak_gigabytes(),
    "kernel_gb": kernel.numel() * kernel.element_size() / 1e9,
    "jacobian_gb_per_output": n * parameters * kernel.element_size() / 1e9,
    "parameters": parameters,
    "threads": torch.get_num_threads(),
    "difference": difference.item(),
}))
"""


@pytest.mark.parametrize("dtype", TOLERANCE, ids=["float32", "float64"])
def test_ten_thousand_points_fit_in_8_gigabytes(dtype, bench_record):
    name, n = str(dtype).removeprefix("torch."), size(10_000, 3000)
    row = in_its_own_process(TEN_THOUSAND, name, n)
    difference = row.pop("difference")
    bench_record(
        f"{n:,} points, {name}, two outputs",
        **{
            "kernel (s)": row["seconds"],
            "peak memory (GB)": row["peak_gb"],
            "of it the kernel (GB)": row["kernel_gb"],
            "Jacobian of one output alone (GB)": row["jacobian_gb_per_output"],
        },
    )
    print(row)
    assert difference < TOLERANCE[dtype]
    # Kernels grow with the square of the points, Jacobians with their number.
    assert row["peak_gb"] < 8 * (n / 10_000) ** 2
    assert row["jacobian_gb_per_output"] > 2 * n / 10_000

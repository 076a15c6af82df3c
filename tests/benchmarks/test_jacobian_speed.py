"""Jacobians of embeddings, their largest singular values and ranks, against `torch.func`."""

from functools import partial

import numpy as np
import pytest
import torch
from benching import in_turns, size
from flops import flops
from torch.func import jacrev

from strata.experiments.inversion_relu import at_image
from strata.measures.jacobian import input_jacobian
from strata.measures.jacobian_products import products, ritz_values
from strata.nets.mini_resnet import mini_resnet50
from strata.nets.mlp import MLP
from strata.nets.stages import embedding

pytestmark = pytest.mark.benchmark

SIDE, STAGE, VALUES, STEPS = size(32, 16), "c2", size(10, 5), size(60, 40)


def test_a_jacobian_with_more_outputs_than_inputs_and_its_largest_values(
    bench_record, bench_compare
):
    generator = torch.Generator().manual_seed(0)
    net = mini_resnet50(10, generator=generator).double().requires_grad_(False)
    embed = partial(embedding, net, stage=STAGE)
    image = torch.rand(3, SIDE, SIDE, generator=generator, dtype=torch.float64)
    start = torch.randn(image.numel(), generator=generator, dtype=torch.float64)
    input_jacobian(embed, image[:, :4, :4])  # warm-up

    def ritz():
        return ritz_values(products(embed, image), start, STEPS)[:VALUES]

    def backwards():
        return jacrev(lambda x: embed(x[None]).flatten(), chunk_size=64)(image).flatten(1)

    least, found = in_turns(
        size(2, 1), ours=lambda: input_jacobian(embed, image), theirs=backwards, ritz=ritz
    )
    values, spectrum = in_turns(1, svd=lambda: torch.linalg.svdvals(found["theirs"]))
    whole = least["theirs"] + values["svd"]
    off = float((found["ours"] - found["theirs"]).abs().max() / found["theirs"].abs().max())
    exact = spectrum["svd"][:VALUES].numpy()
    away = float(np.abs(found["ritz"] / exact - 1).max())
    outputs = found["ours"].shape[0]
    problem = f"{outputs:,} outputs, {image.numel():,} inputs"
    bench_compare(
        "jacobian",
        size=problem,
        dtype="float64",
        ours=least["ours"],
        theirs=least["theirs"],
        difference=off,
        operations=flops(lambda: input_jacobian(embed, image)),
    )
    bench_compare(
        "singular-values",
        size=f"{VALUES} values, {problem}",
        dtype="float64",
        ours=least["ritz"],
        theirs=whole,
        difference=away,
        operations=flops(ritz),
    )
    bench_record(
        f"Jacobian of {STAGE}, small ResNet-50, {problem}, float64",
        **{
            "jacrev (s)": least["theirs"],
            "here (s)": least["ours"],
            "times faster": least["theirs"] / least["ours"],
            "largest difference, of the largest entry": off,
        },
    )
    bench_record(
        f"{VALUES} largest singular values, {problem}, float64",
        **{
            "jacrev and all values (s)": whole,
            f"{STEPS} pairs of products (s)": least["ritz"],
            "times faster": whole / least["ritz"],
            "largest relative difference": away,
        },
    )
    assert off < 1e-12
    assert away < 1e-6
    assert least["theirs"] / least["ours"] >= 1.3
    assert whole / least["ritz"] >= 1.5


def test_the_rank_of_a_relu_net_at_an_image(bench_record, bench_compare):
    inputs, depth, images = 256, 3, size(8, 3)
    generator = torch.Generator().manual_seed(0)
    widths = [inputs, *[2 * inputs] * depth]
    net = MLP(widths, generator=generator, dtype=torch.float64).requires_grad_(False)
    x = torch.rand(images, inputs, generator=generator, dtype=torch.float64)

    def forward(h):
        for layer in net.layers:
            h = layer(h).relu()
        return h

    def ours():
        return [at_image(net, image).rank.rank for image in x]

    def theirs():
        return [int(torch.linalg.matrix_rank(jacrev(forward)(image))) for image in x]

    least, found = in_turns(size(4, 2), ours=ours, theirs=theirs)
    bench_compare(
        "relu-rank",
        size=f"{inputs} inputs, {depth} layers {2 * inputs} wide, {images} images",
        dtype="float64",
        ours=least["ours"],
        theirs=least["theirs"],
        difference=max(abs(a - b) for a, b in zip(found["ours"], found["theirs"], strict=True)),
    )
    bench_record(
        f"rank at an image, {inputs} inputs, {depth} layers {2 * inputs} wide, float64",
        **{
            "jacrev and matrix_rank (ms)": 1e3 * least["theirs"] / images,
            "active units only (ms)": 1e3 * least["ours"] / images,
            "times faster": least["theirs"] / least["ours"],
            "rank": float(np.mean(found["ours"])),
        },
    )
    assert found["ours"] == found["theirs"]
    assert least["theirs"] / least["ours"] >= 1.4

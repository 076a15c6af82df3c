"""Inverting many images at once against one at a time, as the study's code does."""

from functools import partial

import pytest
import torch
from benching import in_turns, size
from flops import flops

from strata.measures.inversion import adam_inversion
from strata.nets.mini_resnet import mini_resnet50
from strata.nets.stages import calibrate_, embedding

pytestmark = pytest.mark.benchmark

IMAGES, SOME, STEPS = size(96, 48), size(12, 8), size(10, 4)
STAGE = "c4"


def test_many_images_at_once_are_faster(bench_record, bench_compare):
    generator = torch.Generator().manual_seed(0)
    net = mini_resnet50(10, generator=generator)
    images, start = torch.rand((2, IMAGES, 3, 32, 32), generator=generator)
    calibrate_(net, images).requires_grad_(False)
    # In the layout of the experiments.
    x, first = (part.contiguous(memory_format=torch.channels_last) for part in (images, start))
    invert = partial(adam_inversion, partial(embedding, net, stage=STAGE), steps=STEPS)
    invert(x[:2], first[:2])  # warm-up
    least, results = in_turns(
        size(4, 2),
        together=lambda: invert(x, first),
        alone=lambda: [invert(x[i : i + 1], first[i : i + 1]) for i in range(SOME)],
    )
    ours, theirs = least["together"] / STEPS, least["alone"] * IMAGES / SOME / STEPS
    found = results["together"].embedding[:SOME, -1]
    expected = torch.cat([one.embedding[:, -1] for one in results["alone"]])
    difference = float((found / expected - 1).abs().max())
    bench_compare(
        "inversion",
        size=f"a step of {IMAGES} images of 32 px up to {STAGE}",
        dtype="float32",
        ours=ours,
        theirs=theirs,
        difference=difference,
        operations=flops(lambda: invert(x, first)) // STEPS,
    )
    bench_record(
        f"inversion of {IMAGES} images of 32 px, small ResNet-50 up to {STAGE}",
        **{
            "one image at a time (ms an image and step)": 1e3 * theirs / IMAGES,
            "all at once (ms an image and step)": 1e3 * ours / IMAGES,
            "times faster": theirs / ours,
            "largest relative difference of a distance": difference,
        },
    )
    # Each image is a problem of its own; Adam magnifies what rounding does to small gradients.
    assert difference < 1e-2
    assert theirs / ours >= 1.4

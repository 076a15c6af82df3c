"""Inputs made to match the embedding of an image at a stage of a net.

A point is one net, stage, method, start and number of steps, for all images of the net's seed at
once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from strata.experiments import inversion_nets
from strata.experiments.inversion_pictures import as_pixels
from strata.experiments.resting import data_of, needs_of
from strata.measures.inversion import (
    GRAY,
    Inversion,
    adam_inversion,
    best_rates,
    blurred_inversion,
    distances,
    noisy_start,
)
from strata.nets.stages import STAGES, Stage, embedding
from strata.runs.result import Result
from strata.seeding import torch_generator

Method = Literal["blurred", "descent", "adam"]
"""``blurred``: the study's, L1 with a blur after each step. ``descent``: the same without the blur.
``adam``: a stronger optimiser, without blur."""
Start = Literal["noise", "noise2", "gray", "other"]
"""``noise``: the study's `noisy_start`; ``noise2`` another draw of it; ``gray``: 0.5;
``other``: another held-out image."""
RATES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
"""Step sizes of which ``blurred`` and ``descent`` take the best one for each image."""
CHECKS = (5, 10, 20, 30, 50, 70, *range(100, 500, 50), 500, 700, 1000, 1500, 2000, 3000, 5000)
"""Numbers of steps after which distances are taken, as far as a search goes."""
NOISE = 1 / 18
"""Deviation of the noise on the reference image a', per pixel."""
DRAWS = 8
"""Of the reference noise."""
_BATCH = 100


class Config(BaseModel):
    """What is inverted, and how; `rate_steps` are those by which a step size is chosen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    net: inversion_nets.Config
    stage: Stage
    method: Method
    steps: int
    start: Start = "noise"
    rate_steps: int = 40


needs = needs_of((inversion_nets, "net"))
data_source, data_fingerprint = data_of(inversion_nets, "net")


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    share = (1, 1, 3, 4, 5, 6)[STAGES.index(config.stage)]
    return float(config.steps * share * (config.net.images + config.net.photographs))


def originals(config: Config) -> Tensor:
    """The images a: judged ones, then photographs, (n, 3, size, size), float32 from 0 to 1."""
    return inversion_nets.pictures(config.net).shown()


def start_of(config: Config) -> Tensor:
    """The images that the search starts from, of the shape of `originals`.

    A draw of noise is the same for all nets, stages and methods of a seed.
    """
    images = originals(config)
    if config.start == "gray":
        return torch.full_like(images, GRAY)
    if config.start == "other":
        pool = inversion_nets.pictures(config.net).pool
        return as_pixels(pool[-len(images) :])
    generator = torch_generator("inversion-start", config.start, config.net.seed)
    noise = noisy_start(images.shape, generator)
    return noise.contiguous(memory_format=torch.channels_last)


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Invert.

    Returns
    -------
    Result
        Arrays, n images in the order of `originals`: ``made`` and ``start`` (n, 3, size, size)
        float32; ``steps`` (c,), ``embedding`` and ``inputs`` (n, c), the distances m_g and m_i
        at these steps; ``reference`` and ``reference_input`` (n,), the mean distances m_r of
        embeddings and of inputs to a noisy copy a'; ``nearest`` (n,), the distance of embeddings
        to the nearest image of the pool; ``norm`` (n,) of the embedding; ``gray`` and
        ``gray_input`` (n,), distances to a gray image; ``rate`` (n,) of methods that choose one.
        Metrics: ``elements``, numbers in an embedding for each one of an image.
    """
    (net,) = given
    embed = embedder(inversion_nets.net_of(config.net, net), config.stage)
    images, start = originals(config), start_of(config)
    found, rates = _inverted(config, embed, images, start)
    arrays = {
        "made": found.images,
        "start": start,
        "steps": found.steps,
        "embedding": found.embedding,
        "inputs": found.inputs,
        **references(config, embed, images),
        **rates,
    }
    with torch.no_grad():
        elements = embed(images[:1]).numel() / images[0].numel()
    return Result(
        metrics={"elements": elements},
        arrays={name: np.ascontiguousarray(values.numpy()) for name, values in arrays.items()},
    )


def embedder(net: nn.Module, stage: Stage) -> Callable[[Tensor], Tensor]:
    """The function from images to their embeddings at a stage."""
    return partial(embedding, net, stage=stage)


def references(
    config: Config, embed: Callable[[Tensor], Tensor], images: Tensor
) -> dict[str, Tensor]:
    """What distances are held against: noisy copies, other images, gray, and the norm."""
    generator = torch_generator("inversion-reference", config.net.seed)
    with torch.no_grad():
        target = embed(images)
        gray = torch.full_like(images, GRAY)
        noises = torch.randn((DRAWS, *images.shape), generator=generator) * NOISE
        copies = [images + noise for noise in noises]
        reference = torch.stack([distances(embed(copy), target) for copy in copies]).mean(0)
        apart = torch.stack([distances(copy, images) for copy in copies]).mean(0)
        pool = as_pixels(inversion_nets.pictures(config.net).pool)
        nearest = torch.full((len(images),), torch.inf)
        for batch in pool.split(_BATCH):
            between = torch.cdist(target.flatten(1), embed(batch).flatten(1))
            nearest = torch.minimum(nearest, between.min(1).values)
        return {
            "reference": reference,
            "reference_input": apart,
            "nearest": nearest,
            "norm": target.flatten(1).norm(dim=1),
            "gray": distances(embed(gray), target),
            "gray_input": distances(gray, images),
        }


def _inverted(
    config: Config, embed: Callable[[Tensor], Tensor], images: Tensor, start: Tensor
) -> tuple[Inversion, dict[str, Tensor]]:
    checks = [check for check in CHECKS if check <= config.steps]
    if config.method == "adam":
        return adam_inversion(embed, images, start, steps=config.steps, checks=checks), {}
    sigmas = (2.4, 0.4) if config.method == "blurred" else None
    rates = best_rates(embed, images, start, RATES, steps=config.rate_steps, sigmas=sigmas)
    found = blurred_inversion(
        embed, images, start, rates=rates, steps=config.steps, sigmas=sigmas, checks=checks
    )
    return found, {"rate": rates}

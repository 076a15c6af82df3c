"""What the stages of a net keep of an image: ranks, singular values and null-space steps.

A point is one net at some images and stages. Nets run in float64 here, so that a direction that is
lost exactly can be told from one that is nearly lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from strata.experiments import inversion_nets
from strata.experiments.inversion_nets import Kind
from strata.experiments.inversion_pictures import as_pixels
from strata.experiments.inversions import DRAWS, NOISE, embedder
from strata.experiments.resting import data_of, needs_of
from strata.measures.inversion import Embed, adam_inversion, distances, noisy_start
from strata.measures.jacobian import gap_rank, input_jacobian, null_part, row_space
from strata.measures.spectrum import singular_values
from strata.nets.stages import STAGES, Stage
from strata.runs.result import Result
from strata.seeding import torch_generator

KINDS: tuple[Kind, ...] = ("untrained", "calibrated", "natural")
LARGE_KINDS: tuple[Kind, ...] = ("untrained", "natural")
AVERAGE_KINDS: tuple[Kind, ...] = ("untrained", "calibrated")
LARGE_STAGES: tuple[Stage, ...] = ("pool", "c5")
STEPS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Lengths of steps in the null space of the last stage."""
SMALL = 1e-2
"""Share of the largest singular value below which a direction is nearly lost."""
Pooling = Literal["maximum", "average"]


class Parameters(inversion_nets.Parameters):
    """What the chapter's notebook can be given about its ranks, with the allowed ranges."""

    rank_side: int = Field(ge=8, le=64, multiple_of=8)
    rank_images: int = Field(ge=1, le=100)
    rank_steps: int = Field(ge=1)
    large_side: int = Field(ge=8, le=64, multiple_of=8)

    def points(self) -> list[Config]:
        """All points: of `stage_points`, `average_points` and `large_points`."""
        return [*self.stage_points(), *self.average_points(), *self.large_points()]

    def stage_points(self) -> list[Config]:
        """All stages of nets of all kinds, seeds innermost."""
        return self._points(KINDS, self.rank_side, STAGES, self.rank_images)

    def average_points(self) -> list[Config]:
        """Nets that were not trained, pooling by averages."""
        points = self._points(AVERAGE_KINDS, self.rank_side, ("pool",), self.rank_images)
        return [point.model_copy(update={"pooling": "average", "steps": 0}) for point in points]

    def large_points(self) -> list[Config]:
        """Two stages on larger images, one image a net."""
        points = self._points(LARGE_KINDS, self.large_side, LARGE_STAGES, 1)
        return [point.model_copy(update={"steps": 0}) for point in points]

    def _points(
        self, kinds: Sequence[Kind], side: int, stages: tuple[Stage, ...], images: int
    ) -> list[Config]:
        return [
            Config(net=net, side=side, images=images, stages=stages, steps=self.rank_steps)
            for net in self.nets(kinds)
        ]


class Config(BaseModel):
    """Everything that decides a point.

    Attributes
    ----------
    net
        Which net.
    side
        Pixels a side of the images, which are brought to it by averages.
    images
        How many of the net's judged images.
    stages
        After which stages.
    pooling
        How the net pools.
    steps
        Of Adam, for the reconstructions; 0 for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    net: inversion_nets.Config
    side: int
    images: int
    stages: tuple[Stage, ...]
    pooling: Pooling = "maximum"
    steps: int


needs = needs_of((inversion_nets, "net"))
data_source, data_fingerprint = data_of(inversion_nets, "net")


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    return float(config.images * len(config.stages) * (config.side / 16) ** 6)


def judged(net: inversion_nets.Config, side: int, images: int) -> Tensor:
    """The first judged images of a net's seed, (images, 3, side, side), float64 from 0 to 1."""
    found = inversion_nets.pictures(net).judged[:images]
    return F.adaptive_avg_pool2d(as_pixels(found).double(), side).contiguous()


def double_net(config: inversion_nets.Config, result: Result, pooling: Pooling) -> nn.Module:
    """The net of a point in float64, its pooling replaced if another is asked for."""
    net = inversion_nets.net_of(config, result).double()
    if pooling == "average":
        net.maxpool = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
    return net


def noisy_distance(embed: Embed, image: Tensor, generator: torch.Generator) -> float:
    """Mean distance m_r of the embedding (1, ...) of an image to those of its noisy copies."""
    noise = torch.randn((DRAWS, *image.shape), generator=generator, dtype=image.dtype) * NOISE
    with torch.no_grad():
        return float(distances(embed(image + noise), embed(image[None])).mean())


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Take the Jacobians of all stages at all images.

    Returns
    -------
    Result
        Metrics: ``inputs``. Arrays for m images, s stages, n inputs: ``outputs`` (s,), numbers in
        an embedding; ``live`` (m, s), how many of them change with the image at all; ``rank``,
        ``kept``, ``dropped`` (m, s) as `gap_rank` has them; ``values`` (m, s, n), singular values,
        zeros where a stage has fewer; ``reference`` (m, s), the distance m_r of embeddings to
        those of noisy copies; ``lengths`` (k,), `STEPS`, and ``seen_null``, ``seen_random``
        (m, k), distances of embeddings at the last stage after such steps, in its null space and
        in a random direction; ``inputs_left`` and ``embedding_left`` (m, s), distances that Adam
        leaves, where it is asked for.
    """
    (made,) = given
    net = double_net(config.net, made, config.pooling)
    images = judged(config.net, config.side, config.images)
    seed = ("inversion-ranks", config.net.seed, config.side)
    per_image = [
        _at_image(net, image, config.stages, torch_generator(*seed, number))
        for number, image in enumerate(images)
    ]
    arrays = {name: np.stack([each[name] for each in per_image]) for name in per_image[0]}
    arrays["outputs"] = arrays["outputs"][0]
    arrays["lengths"] = np.array(STEPS)
    if config.steps:
        arrays |= _reconstructed(config, net.float(), images.float())
    return Result(metrics={"inputs": images[0].numel()}, arrays=arrays)


def _at_image(
    net: nn.Module, image: Tensor, stages: Sequence[Stage], generator: torch.Generator
) -> dict[str, NDArray]:
    """One image's part of the arrays."""
    inputs = image.numel()
    names = ("outputs", "live", "rank", "kept", "dropped", "values")
    found: dict[str, list] = {name: [] for name in names}
    references = []
    for stage in stages:
        embed = embedder(net, stage)
        jacobian = input_jacobian(embed, image)
        if stage == stages[-1]:
            basis, values = row_space(jacobian)
        else:
            values = singular_values(jacobian)
        rank = gap_rank(values)
        found["outputs"].append(len(jacobian))
        found["live"].append(int(jacobian.any(dim=1).sum()))
        found["rank"].append(rank.rank)
        found["kept"].append(rank.kept)
        found["dropped"].append(rank.dropped)
        found["values"].append(np.pad(values, (0, inputs - len(values))))
        references.append(noisy_distance(embed, image, generator))
    direction = torch.randn(inputs, generator=generator, dtype=image.dtype)
    return {name: np.array(values) for name, values in found.items()} | {
        "reference": np.array(references),
        "seen_random": after_steps(embed, image, direction)[1],
        "seen_null": after_steps(embed, image, null_part(basis, direction))[1],
    }


def after_steps(embed: Embed, image: Tensor, direction: Tensor) -> tuple[NDArray, NDArray]:
    """Lengths of steps in one direction, `STEPS`, and how far they move the embedding."""
    unit = (direction / direction.norm()).view_as(image)
    lengths = torch.tensor(STEPS, dtype=image.dtype)
    with torch.no_grad():
        target = embed(image[None])
        seen = [distances(embed((image + length * unit)[None]), target) for length in lengths]
    return lengths.numpy(), torch.cat(seen).numpy()


def _reconstructed(config: Config, net: nn.Module, images: Tensor) -> dict[str, NDArray]:
    """Distances that Adam leaves, of inputs and of embeddings."""
    generator = torch_generator("inversion-ranks-start", config.net.seed, config.side)
    start = noisy_start(images.shape, generator)
    ends = [
        adam_inversion(embedder(net, stage), images, start, steps=config.steps)
        for stage in config.stages
    ]
    return {
        "inputs_left": np.stack([end.inputs[:, -1].numpy() for end in ends], axis=1),
        "embedding_left": np.stack([end.embedding[:, -1].numpy() for end in ends], axis=1),
    }

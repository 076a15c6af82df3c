"""ReLU nets of several widths and depths: at how many images their Jacobian has full rank.

A point is a seed: its images, and one net of each width, depth and shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from strata.data.labelled import DataName
from strata.experiments import inversion_vectors
from strata.experiments.inversion_vectors import Vectors, originals
from strata.experiments.resting import data_of
from strata.measures.jacobian import Rank, gap_rank
from strata.measures.spectrum import singular_values
from strata.nets.mlp import MLP
from strata.runs.result import Result
from strata.seeding import torch_generator

NARROW, WIDE = 1.5, 2.5
"""Widths over inputs between which the study's threshold of about 2 lies."""
NEAR = (1.8, 1.9, 2.0, 2.1, 2.2)
"""Widths around the threshold, where full rank and less of it both happen."""
Ratio = Annotated[float, Field(ge=0.25, le=10)]


class Parameters(BaseModel):
    """What the chapter's notebook can be given about its ReLU nets, with the allowed ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    data: DataName
    relu_seeds: int = Field(ge=2, le=1000)
    relu_side: int = Field(ge=4, le=64)
    relu_images: int = Field(ge=1, le=1000)
    relu_ratios: list[Ratio] = Field(min_length=7)
    relu_depths: list[Annotated[int, Field(ge=1, le=10)]] = Field(min_length=2)

    @field_validator("relu_ratios")
    @classmethod
    def _both_sides(cls, ratios: list[float]) -> list[float]:
        if ratios != sorted(set(ratios)) or not {NARROW, *NEAR, WIDE} <= set(ratios):
            raise ValueError(f"must grow and hold {NARROW}, {NEAR} and {WIDE} (claims D9 to D9d)")
        return ratios

    @field_validator("relu_depths")
    @classmethod
    def _growing(cls, depths: list[int]) -> list[int]:
        if depths != sorted(set(depths)):
            raise ValueError("must grow")
        return depths

    def points(self) -> list[Config]:
        """One point a seed."""
        return [
            Config(
                vectors=Vectors(
                    data=self.data, seed=seed, images=self.relu_images, side=self.relu_side
                ),
                ratios=tuple(self.relu_ratios),
                depths=tuple(self.relu_depths),
            )
            for seed in range(self.relu_seeds)
        ]


class Config(BaseModel):
    """Everything that decides a point.

    Attributes
    ----------
    vectors
        At which images; their seed is also that of the nets.
    ratios
        Width of a layer over the number of inputs; in nets that grow, over that of the layer
        before it.
    depths
        Linear layers, each followed by a ReLU. Growing nets have the greatest depth.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    vectors: Vectors
    ratios: tuple[float, ...]
    depths: tuple[int, ...]


class AtImage(NamedTuple):
    """What a net does at one image: the rank of its Jacobian, and active units of each layer."""

    rank: Rank
    active: list[int]


data_source, data_fingerprint = data_of(inversion_vectors, "vectors")


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    ratios = sum(config.ratios) * sum(config.depths)
    return float(config.vectors.images * ratios * config.vectors.inputs**3)


def run(config: Config, scratch: Path | None = None) -> Result:
    """Draw the nets and take the ranks at all images.

    Returns
    -------
    Result
        Metric ``inputs``. Arrays for nets of one width, r ratios, d depths, m images: ``rank`` and
        ``active`` (r, d, m), the rank of the Jacobian and the least number of active units of a
        layer; ``kept`` and ``dropped`` (r, d, m) of `gap_rank`; ``apart`` (r, d, m), whether in
        each layer at least as many units are active as the layer before has, so that the input
        can be read back layer by layer. The same of growing nets, ``grown_rank``, ... (r, m).
    """
    images = originals(config.vectors)
    shape = (len(config.ratios), len(config.depths), len(images))
    names = ("rank", "active", "kept", "dropped", "apart")
    found = {name: np.zeros(shape) for name in names}
    found |= {f"grown_{name}": np.zeros((shape[0], shape[2])) for name in names}
    for i, ratio in enumerate(config.ratios):
        for j, depth in enumerate(config.depths):
            _fill(found, "", (i, j), config, [ratio] * depth, images)
        deepest = config.depths[-1]
        growing = [ratio ** (layer + 1) for layer in range(deepest)]
        _fill(found, "grown_", (i,), config, growing, images)
    return Result(metrics={"inputs": config.vectors.inputs}, arrays=found)


def at_image(net: MLP, image: Tensor) -> AtImage:
    """Rank of the Jacobian of a net with a ReLU after every layer, at one image (inputs,)."""
    product, h = torch.eye(len(image), dtype=image.dtype), image
    before, active = torch.ones(len(image), dtype=torch.bool), []
    with torch.no_grad():
        for layer in net.layers:
            z = layer(h)
            on = z > 0
            # Units that are off have rows of zeros, on which no rank depends.
            product, h, before = layer.weight[on][:, before] @ product, z.relu(), on
            active.append(int(on.sum()))
    rank = gap_rank(singular_values(product)) if active[-1] else Rank(0, 0.0, 0.0)
    return AtImage(rank, active)


def _fill(
    found: dict[str, NDArray],
    prefix: str,
    place: tuple[int, ...],
    config: Config,
    ratios: Sequence[float],
    images: Tensor,
) -> None:
    """Draw one net and enter what it does at each image."""
    inputs = config.vectors.inputs
    widths = [inputs, *(round(ratio * inputs) for ratio in ratios)]
    generator = torch_generator("inversion-relu", *widths, config.vectors.seed)
    net = MLP(widths, generator=generator, dtype=torch.float64)
    for number, image in enumerate(images):
        seen = at_image(net, image)
        enough = all(a >= b for a, b in zip(seen.active, widths, strict=False))
        values = {
            "rank": seen.rank.rank,
            "kept": seen.rank.kept,
            "dropped": seen.rank.dropped,
            "active": min(seen.active),
            "apart": enough,
        }
        for name, value in values.items():
            found[prefix + name][(*place, number)] = value

"""Singular values and null directions of large Jacobians, without forming them.

A point is one net at one photograph, larger than the images of the other experiments.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from strata.data.fingerprint import fingerprint
from strata.data.shipped import LARGEST, shipped_photographs
from strata.experiments import inversion_nets
from strata.experiments.inversion_nets import Kind
from strata.experiments.inversion_ranks import after_steps, double_net, noisy_distance
from strata.experiments.inversions import embedder
from strata.experiments.resting import needs_of
from strata.measures.jacobian_products import products, ritz_values, unseen_part
from strata.nets.stages import Stage
from strata.runs.result import Result
from strata.seeding import torch_generator

KINDS: tuple[Kind, ...] = ("untrained", "natural")
STAGE: Stage = "c5"


class Parameters(inversion_nets.Parameters):
    """What the chapter's notebook can be given about large Jacobians, with the allowed ranges."""

    free_side: int = Field(ge=8, le=LARGEST)
    free_values: int = Field(ge=2, le=1000)
    free_steps: int = Field(ge=1, le=10_000)

    def points(self) -> list[Config]:
        """The first seed's nets."""
        return [
            Config(
                net=self.net(kind, 0),
                side=self.free_side,
                values=self.free_values,
                steps=self.free_steps,
            )
            for kind in KINDS
        ]


class Config(BaseModel):
    """Everything that decides a point.

    Attributes
    ----------
    net
        Which net.
    side
        Pixels a side of the photograph.
    values
        Dimension of the space in which singular values are looked for.
    steps
        Of the iteration that finds a null direction.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    net: inversion_nets.Config
    side: int
    values: int
    steps: int


needs = needs_of((inversion_nets, "net"))


def data_source(config: Config) -> str:
    """What a page calls the image."""
    return "photograph of scikit-image"


def data_fingerprint(config: Config) -> str:
    """Fingerprint of the photograph and of the images that a net may have learned from."""
    return fingerprint(
        shipped_photographs(config.side, 1).images,
        np.array([inversion_nets.data_fingerprint(config.net)]),
    )


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    return float((config.values + config.steps) * config.side**2)


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Approximate singular values, and step along a direction that the stage hardly sees.

    Returns
    -------
    Result
        Arrays: ``values`` (k,), as `ritz_values` gives them; ``lengths`` (t,) and ``seen_null``,
        ``seen_random`` (t,), as in `strata.experiments.inversion_ranks`. Metrics: ``inputs``,
        ``outputs``, ``reference``, the distance m_r, and ``unseen``, the length of the direction's
        unseen part over its own.
    """
    (made,) = given
    embed = embedder(double_net(config.net, made, "maximum"), STAGE)
    image = torch.from_numpy(shipped_photographs(config.side, 1).images[0]).double() / 255
    generator = torch_generator("inversion-free", config.net.seed, config.side)
    start, direction = torch.randn((2, image.numel()), generator=generator, dtype=image.dtype)
    jacobian = products(embed, image)
    unseen = unseen_part(jacobian, direction, config.steps)
    lengths, seen = after_steps(embed, image, unseen)
    _, seen_random = after_steps(embed, image, direction)
    with torch.no_grad():
        outputs = embed(image[None]).numel()
    return Result(
        metrics={
            "inputs": image.numel(),
            "outputs": outputs,
            "reference": noisy_distance(embed, image, generator),
            "unseen": float(unseen.norm() / direction.norm()),
        },
        arrays={
            "values": ritz_values(jacobian, start, config.values),
            "lengths": lengths,
            "seen_null": seen,
            "seen_random": seen_random,
        },
    )

"""Walks through null spaces: from an image towards another, past inputs that a stage cannot tell.

A point is one net and one stage. No loss is minimised: each step lies in the null space of the
Jacobian where it begins, and one correction takes back what the step changed by its length.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional as F

from strata.experiments import inversion_nets
from strata.experiments.inversion_nets import Kind
from strata.experiments.inversion_pictures import as_pixels
from strata.experiments.inversion_ranks import double_net, judged, noisy_distance
from strata.experiments.inversions import NOISE, embedder
from strata.experiments.resting import data_of, needs_of
from strata.measures.inversion import Embed, distances
from strata.measures.jacobian import input_jacobian, null_part, row_space
from strata.nets.stages import Stage
from strata.runs.result import Result
from strata.seeding import torch_generator

KINDS: tuple[Kind, ...] = ("untrained", "natural")
STAGE: Stage = "c5"
LENGTH = 0.25
"""Of a step, in pixels' unit; shorter where the aim is nearer."""
CUT = 0.05
"""Share of the largest singular value below which a correction leaves a direction alone."""


class Parameters(inversion_nets.Parameters):
    """What the chapter's notebook can be given about its walks, with the allowed ranges."""

    walk_side: int = Field(ge=8, le=64, multiple_of=8)
    walk_steps: int = Field(ge=1, le=1000)

    def points(self) -> list[Config]:
        """One walk a net, seeds innermost."""
        return [
            Config(net=net, side=self.walk_side, steps=self.walk_steps) for net in self.nets(KINDS)
        ]


class Config(BaseModel):
    """Everything that decides a point.

    Attributes
    ----------
    net
        Which net; the walk leads from its first judged image towards the second.
    side
        Pixels a side of the images, which are brought to it by averages.
    steps
        Of the walk.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    net: inversion_nets.Config
    side: int
    steps: int


needs = needs_of((inversion_nets, "net"))
data_source, data_fingerprint = data_of(inversion_nets, "net")


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    return float(config.steps * (config.side / 16) ** 5)


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Walk.

    Returns
    -------
    Result
        Arrays: ``from`` and ``towards`` (3, side, side), ``end``, where the walk ended, and
        ``straight``, as far from its start on the straight line; for k steps ``inputs`` and
        ``embedding`` (k + 1,), distances to the start, and ``straight_embedding`` and
        ``random_embedding`` (k + 1,), as far away on the straight line and in a random direction.
        Metrics: ``reference`` and ``reference_input``, distances of embeddings and of inputs to
        noisy copies of the start; ``nearest``, the distance of embeddings to the nearest image of
        the pool; ``outside``, the share of the end's numbers that are more than 0.05 outside of
        [0, 1].
    """
    (made,) = given
    embed = embedder(double_net(config.net, made, "maximum"), STAGE)
    a, aim = judged(config.net, config.side, 2)
    path = walk(embed, a, aim, config.steps)
    line = aim - a
    far = distances(path, a.expand_as(path))
    straight = a + far.view(-1, 1, 1, 1) * line / line.norm()
    generator = torch_generator("inversion-walks", config.net.seed)
    noise = torch.randn(a.shape, generator=generator, dtype=a.dtype)
    random = a + far.view(-1, 1, 1, 1) * noise / noise.norm()
    pool = as_pixels(inversion_nets.pictures(config.net).pool).double()
    others = F.adaptive_avg_pool2d(pool, config.side)
    with torch.no_grad():
        target = embed(a[None])
        nearest = torch.cdist(embed(others).flatten(1), target.flatten(1)).min()
        seen, seen_straight, seen_random = (
            distances(embed(x), target.expand(len(x), -1, -1, -1)) for x in (path, straight, random)
        )
    end = path[-1]
    arrays = {
        "from": a,
        "towards": aim,
        "end": end,
        "straight": straight[-1],
        "inputs": far,
        "embedding": seen,
        "straight_embedding": seen_straight,
        "random_embedding": seen_random,
    }
    return Result(
        metrics={
            "reference": noisy_distance(embed, a, generator),
            "reference_input": NOISE * a.numel() ** 0.5,
            "nearest": float(nearest),
            "outside": float(((end < -0.05) | (end > 1.05)).double().mean()),
        },
        arrays={name: np.ascontiguousarray(value.numpy()) for name, value in arrays.items()},
    )


def walk(embed: Embed, a: Tensor, aim: Tensor, steps: int) -> Tensor:
    """Inputs on the way from one image towards another, (steps + 1, ...), the start included."""
    with torch.no_grad():
        target = embed(a[None])
    x, path = a, [a]
    for _ in range(steps):
        jacobian = input_jacobian(embed, x)
        basis, _ = row_space(jacobian)
        move = null_part(basis, (aim - x).flatten())
        moved = x + (move * min(1.0, LENGTH / float(move.norm()))).view_as(x)
        with torch.no_grad():
            missing = (target - embed(moved[None])).view(-1, 1)
        back = torch.linalg.lstsq(jacobian, missing, rcond=CUT, driver="gelsd").solution
        x = moved + back.view_as(x)
        path.append(x)
    return torch.stack(path)

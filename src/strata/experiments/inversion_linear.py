"""Linear nets inverted by descent: what width, depth and the width of the last layer decide.

A point is one net. The same descent runs for a short and for a long budget, on the net as it is
and scaled to an equal largest singular value; formulas and exact solutions stand beside.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from strata.data.labelled import DataName
from strata.experiments import inversion_vectors
from strata.experiments.inversion_vectors import Vectors, linear_map, originals, starts
from strata.experiments.resting import data_of
from strata.measures.inversion import adam_inversion
from strata.measures.jacobian import gap_rank, null_part
from strata.measures.linear_inversion import sign_descent, squares_descent
from strata.nets.mlp import MLP
from strata.runs.result import Result
from strata.seeding import torch_generator

WIDE = 1.98
"""Width over inputs of the study's widest net: 5000 for 2523."""
LAST = 4
"""How many times as wide the last layer is that is held against one as wide as the others."""
ROUNDING = 1e-14
"""Threshold of the rank. Weights of independent draws lose no rank but by their sizes, and deep
square nets have singular values far below the usual threshold."""
Ratio = Annotated[float, Field(gt=0, le=10)]
CHECKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)


class Parameters(BaseModel):
    """What the chapter's notebook can be given about its linear nets, with the allowed ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    data: DataName
    linear_seeds: int = Field(ge=2, le=1000)
    linear_side: int = Field(ge=4, le=64)
    linear_images: int = Field(ge=1, le=1000)
    linear_ratios: list[Ratio] = Field(min_length=3)
    linear_depth: int = Field(ge=2, le=20)
    linear_depths: list[Annotated[int, Field(ge=1, le=20)]] = Field(min_length=2)
    last_factors: list[Annotated[int, Field(ge=1, le=16)]] = Field(min_length=2)
    linear_steps: int = Field(ge=10)
    linear_long_steps: int = Field(ge=10)

    @field_validator("linear_ratios")
    @classmethod
    def _around_one(cls, ratios: list[float]) -> list[float]:
        if ratios != sorted(set(ratios)) or ratios[0] >= 1 or not {1.0, WIDE} <= set(ratios):
            raise ValueError(f"must grow, begin below 1, and hold 1 and {WIDE} (claims D6, D7)")
        if ratios[-1] != WIDE:
            raise ValueError(f"must end at {WIDE} (claim D6)")
        return ratios

    @field_validator("linear_depths", "last_factors")
    @classmethod
    def _growing(cls, values: list[int]) -> list[int]:
        if values != sorted(set(values)) or values[0] != 1:
            raise ValueError("must begin at 1 and grow")
        return values

    @field_validator("last_factors")
    @classmethod
    def _judged(cls, factors: list[int]) -> list[int]:
        if LAST not in factors:
            raise ValueError(f"must hold {LAST} (claim D8)")
        return factors

    def points(self) -> list[Config]:
        """Every net once: by width, by depth, and by the width of the last layer."""
        return list(dict.fromkeys(self.by_width() + self.by_depth() + self.by_last()))

    def by_width(self) -> list[Config]:
        """Nets of one depth, seeds innermost."""
        return [
            self._net(seed, self.linear_depth, ratio)
            for ratio in self.linear_ratios
            for seed in range(self.linear_seeds)
        ]

    def by_depth(self) -> list[Config]:
        """Nets of all depths, as wide as the input and wider, seeds innermost."""
        return [
            self._net(seed, depth, ratio)
            for ratio in (1.0, WIDE)
            for depth in self.linear_depths
            for seed in range(self.linear_seeds)
        ]

    def by_last(self) -> list[Config]:
        """Wide nets of one depth with last layers of several widths, seeds innermost."""
        return [
            self._net(seed, self.linear_depth, WIDE, factor)
            for factor in self.last_factors
            for seed in range(self.linear_seeds)
        ]

    def _net(self, seed: int, depth: int, ratio: float, last: int = 1) -> Config:
        vectors = Vectors(
            data=self.data, seed=seed, images=self.linear_images, side=self.linear_side
        )
        return Config(
            vectors=vectors,
            depth=depth,
            ratio=ratio,
            last=last,
            steps=self.linear_steps,
            long_steps=self.linear_long_steps if last == 1 else self.linear_steps,
        )


class Config(BaseModel):
    """Everything that decides a point.

    Attributes
    ----------
    vectors
        What is inverted; their seed is also that of the net.
    depth
        Linear layers.
    ratio
        Width of each over the number of inputs.
    last
        How many times as wide the last layer is; of a single layer, all of it.
    steps, long_steps
        Short and long budget.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    vectors: Vectors
    depth: int
    ratio: float
    last: int
    steps: int
    long_steps: int

    @property
    def widths(self) -> list[int]:
        """Inputs, then the width of each layer."""
        inputs = self.vectors.inputs
        width = round(self.ratio * inputs)
        return [inputs, *[width] * (self.depth - 1), width * self.last]


data_source, data_fingerprint = data_of(inversion_vectors, "vectors")


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    widths = config.widths
    return float(widths[-1] * widths[0] * (2 * config.steps + config.long_steps))


def expected_top(config: Config) -> float:
    """Largest singular value that is expected of a single layer as wide as the others.

    Of a matrix (w, n) with independent entries of variance 1 / (3 n), the default of a linear
    layer, for large n: (1 + sqrt(w / n)) / sqrt(3).
    """
    return (1 + math.sqrt(config.ratio)) / math.sqrt(3)


def run(config: Config, scratch: Path | None = None) -> Result:
    """Draw a net and invert it.

    Returns
    -------
    Result
        Metrics: ``rank`` of the net's matrix J with ``kept`` and ``dropped`` of `gap_rank`,
        ``top``, its largest singular value, and ``condition``, the largest over the least (0 if
        that is 0). Arrays, m images: ``start`` (m,) distance to the original at the start;
        ``floor`` (m,), the length of its null part; ``short``, ``long``, ``scaled`` (m,),
        distances after descents: the short and the long budget, and the short one on a net scaled
        to `expected_top`; ``squares`` (m,), by the formula for descent on squares; ``least``
        (m,), of the least-squares solution; ``adam`` (m,); ``long_null`` and ``adam_null`` (m,),
        the lengths of the null parts of what is left; ``steps`` (c,) and ``history`` (2, m, c),
        distances of inputs and of embeddings on the way of the long descent; ``values``, all
        singular values.
    """
    generator = torch_generator("inversion-linear", *config.widths, config.vectors.seed)
    net = MLP(config.widths, generator=generator, activation="identity", dtype=torch.float64)
    matrix = linear_map(net.layers)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    found = gap_rank(values.numpy(), ROUNDING)
    left, kept, basis = left[:, : found.rank], values[: found.rank], right[: found.rank]
    a, start = originals(config.vectors), starts(config.vectors)
    difference = start - a
    descend = partial(sign_descent, differences=difference, steps=config.steps)
    scaled = matrix * (expected_top(config) / float(values[0]))
    short = descend(matrix)[0]
    long, steps, history = descend(matrix, steps=config.long_steps, checks=CHECKS)
    solved = difference - (((difference @ matrix.T) @ left) / kept) @ basis
    adam = _adam(net, a, start, config.steps) - a
    lengths = {
        "start": difference,
        "floor": null_part(basis, difference),
        "short": short,
        "long": long,
        "scaled": descend(scaled)[0],
        "squares": squares_descent(basis, kept, difference, config.steps),
        "least": solved,
        "adam": adam,
        "long_null": null_part(basis, long),
        "adam_null": null_part(basis, adam),
    }
    arrays = {name: value.norm(dim=1).numpy() for name, value in lengths.items()}
    full = found.rank == config.vectors.inputs
    metrics: dict[str, Any] = {
        "rank": found.rank,
        "kept": found.kept,
        "dropped": found.dropped,
        "top": float(values[0]),
        "condition": 1 / found.kept if full else 0.0,
    }
    paths = {"steps": steps.numpy(), "history": history.numpy(), "values": values.numpy()}
    return Result(
        metrics=metrics, arrays=arrays | {k: np.ascontiguousarray(v) for k, v in paths.items()}
    )


def _adam(net: MLP, a: Tensor, start: Tensor, steps: int) -> Tensor:
    return adam_inversion(net.requires_grad_(False), a, start, steps=steps).images

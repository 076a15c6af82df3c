"""A linear net of square layers inverted exactly, and what becomes of slightly moved outputs.

A point is one net. Random preimages are exact inverses, in float64, of outputs with a little noise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from strata.data.labelled import DataName
from strata.experiments import inversion_vectors
from strata.experiments.inversion_vectors import Vectors, linear_map, originals, starts
from strata.experiments.resting import data_of
from strata.measures.inversion import GRAY
from strata.measures.linear_inversion import sign_descent
from strata.nets.mlp import MLP
from strata.runs.result import Result
from strata.seeding import torch_generator

LAYERS = 3
"""Of the study's net up to the output that is inverted."""
SHIFT = 1e-3
"""Deviation of the noise on an output."""
STEPS = 220
"""Of the study's descent."""
SPREAD = 0.25
"""Deviation of pixels that the truncated inverse counts on."""
POWER_STEPS = 6


class Parameters(BaseModel):
    """What the chapter's notebook can be given about its square nets, with the allowed ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    data: DataName
    square_side: int = Field(ge=4, le=64)
    square_seeds: int = Field(ge=2, le=1000)
    small_side: int = Field(ge=4, le=32)
    small_seeds: int = Field(ge=4, le=1000)
    square_images: int = Field(ge=2, le=100)
    square_draws: int = Field(ge=2, le=10_000)

    def points(self) -> list[Config]:
        """All points, large nets first."""
        return [*self.large_points(), *self.small_points()]

    def large_points(self) -> list[Config]:
        """One net a seed."""
        return self._nets(self.square_side, self.square_seeds, False)

    def small_points(self) -> list[Config]:
        """One smaller net a seed, with its whole spectrum."""
        return self._nets(self.small_side, self.small_seeds, True)

    def _nets(self, side: int, seeds: int, spectrum: bool) -> list[Config]:
        return [
            Config(
                vectors=Vectors(data=self.data, seed=seed, images=self.square_images, side=side),
                draws=self.square_draws,
                spectrum=spectrum,
            )
            for seed in range(seeds)
        ]


class Config(BaseModel):
    """Everything that decides a point.

    Attributes
    ----------
    vectors
        What is inverted; their seed is also that of the net.
    draws
        Of the noise on the output, for each image.
    spectrum
        Whether the net is also decomposed, for its truncated inverse.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    vectors: Vectors
    draws: int
    spectrum: bool


data_source, data_fingerprint = data_of(inversion_vectors, "vectors")


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    return float(config.vectors.inputs**3 * (10 if config.spectrum else 1))


def run(config: Config, scratch: Path | None = None) -> Result:
    """Draw a net, invert it exactly and by descent.

    Returns
    -------
    Result
        Arrays, m images and k draws: ``exact`` (m,), distance to the original of the inverse of
        the output itself, in float64, and ``exact_single`` (m,), in float32; ``random`` and
        ``clipped`` (m, k), distances of the inverses of noisy outputs, and of the same with
        pixels brought into [0, 1]; ``random_embedding`` (m, k), distances of these outputs;
        ``descent`` and ``descent_embedding`` (m,), after the study's descent; ``start`` (m,);
        ``other`` (m,), mean distance to the other images. With the spectrum: ``truncated``
        (m, k), distances of inverses without the directions that noise drowns, ``values``, all
        singular values. Metrics: ``least``, the least singular value, and with the spectrum
        ``kept``, how many directions the truncated inverse keeps.
    """
    vectors = config.vectors
    a, n = originals(vectors), vectors.inputs
    generator = torch_generator("inversion-exact", n, vectors.seed)
    net = MLP(
        [n] * (LAYERS + 1), generator=generator, activation="identity", dtype=torch.float64
    ).requires_grad_(False)
    outputs = net(a)
    noise = torch.randn((len(a), config.draws, n), generator=generator, dtype=torch.float64)
    moved = outputs[:, None] + SHIFT * noise
    factors = [torch.linalg.lu_factor(layer.weight) for layer in net.layers]
    random = _inverse(net, factors, moved.flatten(0, 1)).view_as(moved)
    single = [torch.linalg.lu_factor(layer.weight.float()) for layer in net.layers]
    difference = starts(vectors) - a
    matrix = linear_map(net.layers)
    # Descent, as in the study, in float32: only the inverse needs more.
    descent, _, lengths = sign_descent(matrix.float(), difference.float(), steps=STEPS)
    arrays = {
        "exact": (_inverse(net, factors, outputs) - a).norm(dim=1),
        "exact_single": (_inverse(net, single, outputs.float()).double() - a).norm(dim=1),
        "random": (random - a[:, None]).norm(dim=2),
        "random_embedding": SHIFT * noise.norm(dim=2),
        "clipped": (random.clamp(0, 1) - a[:, None]).norm(dim=2),
        "descent": descent.double().norm(dim=1),
        "descent_embedding": lengths[1, :, -1].double(),
        "start": difference.norm(dim=1),
        "other": torch.cdist(a, a).sum(1) / (len(a) - 1),
    }
    metrics: dict[str, float | int] = {"least": _least_singular_value(factors, n, generator)}
    if config.spectrum:
        left, values, right = torch.linalg.svd(matrix)
        kept = int((values * SPREAD >= SHIFT).sum())
        gray = torch.full_like(a, GRAY)
        seen = (moved - net(gray)[:, None]) @ left[:, :kept] / values[:kept]
        truncated = gray[:, None] + seen @ right[:kept]
        arrays |= {"truncated": (truncated - a[:, None]).norm(dim=2), "values": values}
        metrics["kept"] = kept
    return Result(
        metrics=metrics,
        arrays={name: np.ascontiguousarray(value.numpy()) for name, value in arrays.items()},
    )


def _inverse(net: MLP, factors: list[tuple[Tensor, Tensor]], outputs: Tensor) -> Tensor:
    """Inputs (m, n) that the net maps to outputs (m, n)."""
    found = outputs
    for layer, (lu, pivots) in zip(reversed(net.layers), reversed(factors), strict=True):
        found = torch.linalg.lu_solve(lu, pivots, (found - layer.bias.to(found.dtype)).T).T
    return found


def _least_singular_value(
    factors: list[tuple[Tensor, Tensor]], n: int, generator: torch.Generator
) -> float:
    """Of the product, by power iteration on its inverse; never below the true one."""
    vector = torch.randn((n, 1), generator=generator, dtype=torch.float64)
    for _ in range(POWER_STEPS):
        vector = vector / vector.norm()
        for lu, pivots in reversed(factors):
            vector = torch.linalg.lu_solve(lu, pivots, vector)
        size = vector.norm()
        for lu, pivots in factors:
            vector = torch.linalg.lu_solve(lu, pivots, vector, adjoint=True)
    return float(1 / size)

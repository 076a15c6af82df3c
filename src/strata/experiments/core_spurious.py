"""A weak, robust feature beside a strong, brittle one: what a net of which depth relies on.

Every net is trained with a fixed budget of epochs and watched on the way, so that the rules for
stopping can be compared on one and the same training. Explained in the chapter
``notebooks/core-spurious.ipynb``.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import nn

from strata.data.fingerprint import fingerprint
from strata.data.spurious import conflicting, core_spurious
from strata.data.toy import Toy
from strata.experiments.schedules import Depths, Growing
from strata.measures.soft_ranks import covariance_rank
from strata.measures.transition import transition_layer
from strata.nets.mlp import MLP
from strata.runs.result import Result
from strata.seeding import numpy_generator, torch_generator
from strata.training import Schedule, patience_epoch, train

STATED_STRENGTH, STATED_AGREEMENT = 0.25, 0.9
WEAK_STRENGTH, SWEPT_STRENGTH = 0.03, 0.1
"""Core strengths at which the rule for stopping and the correlation p are judged."""
LEARNED = 0.95
"""Accuracy on conflicting samples at which the core counts as learned, if it stays there."""
TEST_POINTS = 2000
OBSERVE_EVERY = 10


class Parameters(BaseModel):
    """What the chapter's notebook can be given, with the allowed ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    strengths: Growing[Annotated[float, Field(gt=0, le=100)]] = Field(min_length=2)
    agreements: Growing[Annotated[float, Field(ge=0.5, le=1)]] = Field(min_length=2)
    noise_dims: Growing[Annotated[int, Field(ge=1, le=100_000)]] = Field(min_length=1)
    depths: Depths
    seeds: int = Field(ge=2, le=1000)
    training_points: int = Field(ge=50, le=1_000_000)
    width: int = Field(ge=2, le=10_000)
    learning_rate: float = Field(gt=0, le=10)
    epochs: int = Field(ge=1, le=1_000_000)
    patience: int = Field(ge=1, le=1_000_000)
    settle: int = Field(ge=0, le=1_000_000)

    @model_validator(mode="after")
    def _judged(self) -> Parameters:
        judged = {WEAK_STRENGTH, SWEPT_STRENGTH, STATED_STRENGTH}
        if not judged <= set(self.strengths) or not {STATED_AGREEMENT, 1.0} <= set(self.agreements):
            raise ValueError(
                f"strengths must hold {sorted(judged)} and agreements {STATED_AGREEMENT} and 1.0, "
                "at which claims C8 to C9 are judged"
            )
        return self

    def points(self) -> list[Config]:
        """Every net: strengths x agreements without noise, and strengths with noise."""
        schedule = Schedule(lr=self.learning_rate, epochs=self.epochs, settle=self.settle)
        cells = [
            *((a, p, 0) for a, p in product(self.strengths, self.agreements)),
            *((a, STATED_AGREEMENT, n) for n, a in product(self.noise_dims, self.strengths)),
        ]
        return [
            Config(
                strength=strength,
                agreement=agreement,
                noise_dims=dims,
                depth=depth,
                seed=seed,
                training_points=self.training_points,
                width=self.width,
                schedule=schedule,
                patience=self.patience,
            )
            for (strength, agreement, dims), depth, seed in product(
                cells, self.depths, range(self.seeds)
            )
        ]


class Config(BaseModel):
    """Everything that decides one net."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strength: float
    agreement: float
    noise_dims: int
    depth: int
    seed: int
    training_points: int
    width: int
    schedule: Schedule
    patience: int


def make_data(config: Config) -> tuple[Toy, Toy, Toy]:
    """Training set, test set as in training, and test set with an uncorrelated spurious feature.

    One seed gives all depths the same data.
    """
    rng = numpy_generator("core-spurious", config.seed)
    shape = {
        "agreement": config.agreement,
        "core_strength": config.strength,
        "noise_dims": config.noise_dims,
    }
    return (
        core_spurious(config.training_points, rng, **shape),
        core_spurious(TEST_POINTS, rng, **shape),
        core_spurious(TEST_POINTS, rng, shift="uncorrelated", **shape),
    )


def make_net(config: Config) -> MLP:
    """The net before training; the same for all strengths and agreements of a seed."""
    widths = [2 + config.noise_dims, *[config.width] * config.depth, 2]
    return MLP(widths, generator=torch_generator("core-spurious", config.depth, config.seed))


def data_fingerprint(config: Config) -> str:
    """Fingerprint of the arrays that enter the point."""
    return fingerprint(*(array for toy in make_data(config) for array in (toy.x, toy.y)))


def cost(config: Config) -> float:
    """Relative seconds of a point; a net that never learns a weak core uses its whole budget."""
    layers = config.depth * config.width**2 + (2 + config.noise_dims) * config.width
    return float(config.schedule.epochs * config.training_points * layers / config.strength)


def run(config: Config, scratch: Path | None = None) -> Result:
    """Train one net, watching its accuracy on conflicting samples."""
    train_set, usual, shifted = make_data(config)
    odd = conflicting(shifted)
    x, classes = _tensors(shifted)
    asked = {
        "conflicting": (x[odd], classes[odd]),
        "agreeing": (x[~odd], classes[~odd]),
        "usual": _tensors(usual),
    }
    trained = train(
        make_net(config),
        *_tensors(train_set),
        config.schedule,
        seed=config.seed,
        checkpoint=scratch / "training.npz" if scratch else None,
        observe=lambda net: _accuracy(net, *asked["conflicting"]),
        observe_every=OBSERVE_EVERY,
    )
    stopped = patience_epoch(trained.loss, config.patience)
    watched = trained.observed_epochs <= (trained.epochs if stopped is None else stopped)
    missed = np.flatnonzero(trained.observed < LEARNED)
    since = missed[-1] + 1 if len(missed) else 0  # an untrained net can be right by luck
    ranks = _ranks(trained.net, usual)
    early = trained.zero_error_net
    early_ranks = None if early is None else _ranks(early, usual)
    metrics = {
        "epochs": trained.epochs,
        "stop": trained.stop,
        "train_error": float(trained.error[-1]),
        "patience_epoch": stopped,
        "zero_error_epoch": trained.zero_error_epoch,
        "epochs_to_core": (
            int(trained.observed_epochs[since]) if since < len(trained.observed) else None
        ),
        **{name: _accuracy(trained.net, *points) for name, points in asked.items()},
        "conflicting_patience": float(trained.observed[watched][-1]),
        "conflicting_zero_error": (
            None if early is None else _accuracy(early, *asked["conflicting"])
        ),
        "covariance_ranks": ranks,
        "transition": transition_layer(ranks),
        "covariance_ranks_zero_error": early_ranks,
        "transition_zero_error": None if early_ranks is None else transition_layer(early_ranks),
    }
    course = {"epochs": trained.observed_epochs, "conflicting": trained.observed}
    return Result(metrics=metrics, arrays=course)


def _tensors(toy: Toy) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(toy.x, dtype=torch.float32), torch.tensor(toy.classes)


@torch.no_grad()
def _accuracy(net: nn.Module, x: torch.Tensor, classes: torch.Tensor) -> float:
    return float((net(x).argmax(dim=1) == classes).double().mean())


@torch.no_grad()
def _ranks(net: MLP, toy: Toy) -> list[float]:
    return [covariance_rank(z) for z in net.preactivations(_tensors(toy)[0])]

"""Refitting at the boundary: a logistic regression on every layer of a net with a shortcut.

Trains multilayer perceptrons on yin-yang with a spurious third coordinate, refits a logistic
regression on the representation of each layer with balanced data, and measures it on samples
whose spurious sign contradicts the label. The layer with the highest covariance rank predicts
where the refit should be made. Layers are numbered as in the study: z_0 ... z_L are the
pre-activations (z_L the logits), h_0 = x, and h_l = relu(z_{l-1}) is the input of map l.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from strata.data.fingerprint import fingerprint
from strata.data.spurious import conflicting, yin_yang_spurious
from strata.data.toy import Toy
from strata.experiments.probes import logistic_probe
from strata.experiments.schedules import Depths
from strata.measures.soft_ranks import covariance_rank
from strata.measures.transition import transition_layer
from strata.nets.mlp import MLP
from strata.runs.result import Result
from strata.seeding import numpy_generator, torch_generator
from strata.training import Schedule, Trained, train

Matrix = NDArray[np.float64]

SHIFTS = {
    "train": "none",
    "refit": "uncorrelated",
    "unbalanced": "none",
    "selection": "uncorrelated",
    "test": "uncorrelated",
}
"""The sets of a point; in the uncorrelated ones the spurious sign is balanced in each class."""
TEST_POINTS = 4000
LEAST_DEEPEST = 4


class Parameters(BaseModel):
    """What the chapter's notebook can be given, with the allowed ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    refit_strengths: list[Annotated[float, Field(gt=0, le=1000)]] = Field(min_length=1)
    refit_agreements: list[Annotated[float, Field(gt=0.5, lt=1)]] = Field(min_length=1)
    refit_depths: Depths
    refit_seeds: int = Field(ge=2, le=1000)
    refit_samples: int = Field(ge=50, le=100_000)
    refit_points: int = Field(ge=50, le=100_000)
    refit_width: int = Field(ge=2, le=10_000)
    refit_learning_rate: float = Field(gt=0, le=10)
    refit_epochs: int = Field(ge=1, le=1_000_000)
    refit_patience: int = Field(ge=1, le=1_000_000)

    @field_validator("refit_strengths", "refit_agreements")
    @classmethod
    def _distinct(cls, values: list[float]) -> list[float]:
        if len(set(values)) != len(values):
            raise ValueError("must not repeat a value")
        return values

    @field_validator("refit_depths")
    @classmethod
    def _deep_enough(cls, depths: list[int]) -> list[int]:
        if depths[-1] < LEAST_DEEPEST:
            raise ValueError(f"must end at {LEAST_DEEPEST} or more (claim C10)")
        return depths

    def points(self) -> list[Config]:
        """Every net of the sweep, seeds innermost; the first strength and agreement are judged."""
        schedule = Schedule(
            optimizer="adam",
            lr=self.refit_learning_rate,
            epochs=self.refit_epochs,
            batch_size=None,
            patience=self.refit_patience,
        )
        return [
            Config(
                strength=strength,
                agreement=agreement,
                depth=depth,
                seed=seed,
                samples=self.refit_samples,
                points=self.refit_points,
                width=self.refit_width,
                schedule=schedule,
            )
            for strength, agreement, depth, seed in product(
                self.refit_strengths,
                self.refit_agreements,
                self.refit_depths,
                range(self.refit_seeds),
            )
        ]


class Config(BaseModel):
    """Everything that decides one net and its refits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strength: float
    agreement: float
    depth: int
    seed: int
    samples: int
    points: int
    width: int
    schedule: Schedule


def make_data(config: Config) -> dict[str, Toy]:
    """The sets of `SHIFTS`; all depths of a strength, agreement and seed share them."""
    sizes = {"train": config.samples, "test": TEST_POINTS}
    return {
        name: yin_yang_spurious(
            sizes.get(name, config.points),
            numpy_generator("boundary-refit", name, *_place(config)),
            agreement=config.agreement,
            spurious_strength=config.strength,
            shift=shift,
        )
        for name, shift in SHIFTS.items()
    }


def make_net(config: Config) -> MLP:
    """The net before training: three inputs, ``depth`` hidden layers, two logits."""
    widths = [3, *[config.width] * config.depth, 2]
    generator = torch_generator("boundary-refit", "net", config.depth, *_place(config))
    return MLP(widths, generator=generator)


def data_fingerprint(config: Config) -> str:
    """Fingerprint of the arrays that enter the point."""
    sets = make_data(config).values()
    return fingerprint(*(array for toy in sets for array in (toy.x, toy.y)))


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    layers = config.depth + 1
    return float(config.schedule.epochs * config.samples * config.width**2 * layers)


def group_accuracies(predicted: NDArray[np.int64], toy: Toy) -> dict[str, float]:
    """Share of right labels among conflicting and agreeing samples, and in the worst (y, s)."""
    right, against = predicted == toy.y, conflicting(toy)
    groups = [right[against & (toy.y == sign)].mean() for sign in (-1, 1)]
    groups += [right[~against & (toy.y == sign)].mean() for sign in (-1, 1)]
    return {
        "conflicting": float(right[against].mean()),
        "agreeing": float(right[~against].mean()),
        "worst": float(min(groups)),
    }


def boundary_layer(transition: int | None, depth: int) -> int | None:
    """Index into h_0 ... h_L of the refit that follows the transition layer of z_0 ... z_L.

    The layer after the transition; None where there is none. Where the rank rises up to the
    logits, nothing follows, and the boundary is the last layer, h_L.
    """
    return None if transition is None else min(transition + 1, depth)


def run(config: Config, scratch: Path | None = None) -> Result:
    """Train one net, and refit every layer of it and of the same net before training."""
    sets = make_data(config)
    checkpoint = scratch / "training.npz" if scratch else None
    before = make_net(config)
    trained = train(
        before,
        torch.tensor(sets["train"].x, dtype=torch.float32),
        torch.tensor(sets["train"].classes),
        config.schedule,
        seed=config.seed,
        checkpoint=checkpoint,
    )
    # A refit is a small convex problem, and in float64 it is the same on more machines.
    net = trained.net.double()
    balanced = _refits(net, sets, "refit")
    metrics = {
        **_describe(net, trained, sets),
        **{f"refit_{name}": values for name, values in balanced.items()},
        "unbalanced_conflicting": _refits(net, sets, "unbalanced")["conflicting"],
        "untrained_conflicting": _refits(before.double(), sets, "refit")["conflicting"],
    }
    return Result(metrics=metrics)


def _describe(net: MLP, trained: Trained, sets: dict[str, Toy]) -> dict[str, object]:
    """The net itself: its training, its errors by group and the ranks of its layers."""
    signs = 2 * _preactivations(net, sets["test"].x)[-1].argmax(dim=1).numpy() - 1
    ranks = [covariance_rank(z) for z in _preactivations(net, sets["train"].x)]
    transition = transition_layer(ranks)
    return {
        "epochs": trained.epochs,
        "stop": trained.stop,
        "zero_error_epoch": trained.zero_error_epoch,
        "train_error": float(trained.error[-1]),
        **{f"erm_{name}": value for name, value in group_accuracies(signs, sets["test"]).items()},
        "ranks": ranks,
        "transition": transition,
        "boundary": boundary_layer(transition, len(ranks) - 1),
    }


def _refits(net: MLP, sets: dict[str, Toy], fitted_on: str) -> dict[str, list[float]]:
    """Accuracies of a refit at each of h_0 ... h_L; ``selection`` is of conflicting samples."""
    used = (fitted_on, "selection", "test")
    layers = zip(*(_representations(net, sets[name].x) for name in used), strict=True)
    rows = []
    for h, h_selection, h_test in layers:
        model = logistic_probe(h, sets[fitted_on].y)
        chosen = group_accuracies(model.predict(h_selection), sets["selection"])
        tested = group_accuracies(model.predict(h_test), sets["test"])
        rows.append({**tested, "selection": chosen["conflicting"]})
    return {name: [row[name] for row in rows] for name in rows[0]}


def _preactivations(net: MLP, x: Matrix) -> list[torch.Tensor]:
    with torch.no_grad():
        return net.preactivations(torch.tensor(x))


def _representations(net: MLP, x: Matrix) -> list[Matrix]:
    with torch.no_grad():
        return [h.numpy() for h in net.representations(torch.tensor(x))]


def _place(config: Config) -> tuple[str | int, ...]:
    """The parts of a random seed that all depths share."""
    return repr(config.strength), repr(config.agreement), config.seed

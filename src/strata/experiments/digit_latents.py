"""Does a net that learns to tell digits find the latents that an encoder found without labels?

Trains multilayer perceptrons of several depths on the labels of real digits. Before and after, each
layer is held against latents of the same held-out digits: by CKA, and by how much of the latents a
linear read-out recovers. Explained in the chapter ``notebooks/latent-recovery.ipynb``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from types import ModuleType

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from strata.data.shipped import DIGIT_SIDE
from strata.experiments import digit_encoder
from strata.experiments.digit_encoder import CLASSES
from strata.experiments.layer_latents import held_against
from strata.experiments.schedules import Depths
from strata.nets.mlp import MLP
from strata.runs.result import Result
from strata.seeding import torch_generator
from strata.training import Schedule, train
from strata.training.fitting import Budget
from strata.training.self_supervised import SelfSupervision

FIRST_RATE, LAST_RATE = 3e-3, 1e-4
"""Of the encoder's training."""
LEARNING_RATE, BATCH = 1e-3, 100
"""Of the nets that learn the labels: Adam."""


class Parameters(BaseModel):
    """What the chapter's notebook can be given about the digits, with the allowed ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    digit_depths: Depths
    digit_seeds: int = Field(ge=2, le=1000)
    digit_images: int = Field(ge=100, le=5000)
    digit_test: int = Field(ge=50, le=4000)
    digit_width: int = Field(ge=2, le=10_000)
    digit_epochs: int = Field(ge=1, le=100_000)
    digit_size: int = Field(ge=2, le=1000)
    digit_steps: int = Field(ge=2, le=1_000_000)
    digit_batch: int = Field(ge=2, le=4000)

    @model_validator(mode="after")
    def _enough_digits_and_a_deep_net(self) -> Parameters:
        if self.digit_images - self.digit_test < self.digit_batch:
            raise ValueError("digit_batch must not exceed digit_images less digit_test")
        if self.digit_depths[-1] < 4:
            raise ValueError("digit_depths must end at 4 or above (claim C12s)")
        return self

    def encoder_points(self) -> list[digit_encoder.Config]:
        """One encoder a seed."""
        supervision = SelfSupervision(
            budget=Budget(
                steps=self.digit_steps,
                batch_size=self.digit_batch,
                first_rate=FIRST_RATE,
                last_rate=LAST_RATE,
            )
        )
        return [
            digit_encoder.Config(
                seed=seed,
                images=self.digit_images,
                test=self.digit_test,
                size=self.digit_size,
                supervision=supervision,
            )
            for seed in range(self.digit_seeds)
        ]

    def points(self) -> list[Config]:
        """Every net of the sweep, seeds innermost."""
        schedule = Schedule(lr=LEARNING_RATE, epochs=self.digit_epochs, batch_size=BATCH)
        return [
            Config(encoder=encoder, depth=depth, width=self.digit_width, schedule=schedule)
            for depth, encoder in product(self.digit_depths, self.encoder_points())
        ]


class Config(BaseModel):
    """Everything that decides one net: its data and latents, its shape and its training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: digit_encoder.Config
    depth: int
    width: int
    schedule: Schedule

    @property
    def seed(self) -> int:
        """Seed of the digits, of the encoder and of the net."""
        return self.encoder.seed


def needs(config: Config) -> list[tuple[ModuleType, BaseModel]]:
    """The encoder."""
    return [(digit_encoder, config.encoder)]


def data_source(config: Config) -> str:
    """What a page calls the data."""
    return digit_encoder.data_source(config.encoder)


def data_fingerprint(config: Config) -> str:
    """Fingerprint of the digits and their labels."""
    return digit_encoder.data_fingerprint(config.encoder)


def cost(config: Config) -> float:
    """Seconds of a point, about."""
    test, training = config.encoder.test, config.encoder.images - config.encoder.test
    steps = config.schedule.epochs * training / BATCH
    return (1 + config.depth) * (3e-4 * steps + 3e-7 * test**2)


def make_net(config: Config) -> MLP:
    """The net before training: pixels, ``depth`` hidden layers of ``width``, ten logits."""
    widths = [DIGIT_SIDE**2, *[config.width] * config.depth, len(CLASSES)]
    return MLP(widths, generator=torch_generator("digit-latents", config.depth, config.seed))


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Train one net and hold its layers against the latents, before and after.

    Returns
    -------
    Result
        Metrics ``accuracy`` (held out), ``train_error``, ``epochs``; for the pre-activations z_0
        ... z_L, a list each, ``covariance_ranks``, and by name of the latents ``cka``,
        ``cka_linear``, ``cka_debiased`` and ``r2``; the same of the net before its training with
        ``_init`` behind the name.
    """
    (encoder,) = given
    data = digit_encoder.digits(config.encoder)
    x, y = torch.from_numpy(data.pixels), torch.from_numpy(data.labels)
    before = make_net(config)
    trained = train(
        before,
        x[: -data.test],
        y[: -data.test],
        config.schedule,
        seed=config.seed,
        checkpoint=scratch / "training.npz" if scratch else None,
    )
    targets, held_out = digit_encoder.latents(config.encoder, encoder.arrays), x[-data.test :]
    with torch.no_grad():
        start, end = before.preactivations(held_out), trained.net.preactivations(held_out)
    metrics = {
        "accuracy": float((end[-1].argmax(dim=1) == y[-data.test :]).double().mean()),
        "train_error": float(trained.error[-1]),
        "epochs": trained.epochs,
        **held_against(end, targets),
        **{f"{name}_init": values for name, values in held_against(start, targets).items()},
    }
    return Result(metrics=metrics)

"""Latents along depth: what the maps of a net keep of the numbers that its inputs were made from.

Trains multilayer perceptrons of several depths on hidden manifolds and holds every map against the
latents, before and after: by CKA, which asks how much of a map's variance they are, and by held-out
linear R^2, which asks whether they can still be read. Explained in the chapter
``notebooks/latent-recovery.ipynb``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from strata.data.fingerprint import fingerprint
from strata.data.latent_worlds import (
    DecoderName,
    LatentName,
    LatentSample,
    LatentWorld,
    TeacherName,
    draw_latents,
    latent_sample,
)
from strata.experiments.schedules import Depths
from strata.measures.cka import cka_map
from strata.measures.ridge import fold_labels
from strata.measures.soft_ranks import covariance_rank, singular_value_rank
from strata.measures.vinformation import held_out_r2_by_layer
from strata.nets.mlp import MLP
from strata.runs.result import Result
from strata.seeding import numpy_generator, torch_generator
from strata.training import Schedule, Trained, stacking_pays, train_many

CKA_KINDS = ("rbf", "debiased")
SLIDE_DEPTH = 4
SLIDE_LATENTS, TEXT_LATENTS, TEXT_INPUTS = 4, 10, 100
DEEP = 4
"""Claims about inner maps are judged on nets of this depth and more."""
JUDGED_DECODER, JUDGED_ACTIVATION = "layers", "relu"
MEASURED_POINTS = 600
"""Of the test points, on which ranks and CKA are taken; R^2 is taken on all of them."""
ActivationName = Literal["relu", "tanh", "identity"]


class Parameters(BaseModel):
    """What the chapter's notebook can be given, with the allowed ranges.

    The study's own set-ups come with every sweep, those of the slides with ``slide_inputs``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    decoders: list[DecoderName] = Field(min_length=1)
    activations: list[Literal["relu", "tanh"]] = Field(min_length=1)
    depths: Depths
    seeds: int = Field(ge=2, le=1000)
    relevant: int = Field(ge=2, le=1000, multiple_of=2)
    inputs: int = Field(ge=2, le=100_000)
    slide_inputs: int = Field(ge=2, le=100_000)
    training_points: int = Field(ge=50, le=1_000_000)
    test_points: int = Field(ge=MEASURED_POINTS, le=1_000_000)
    width: int = Field(ge=2, le=10_000)
    learning_rate: float = Field(gt=0, le=10)
    epochs: int = Field(ge=1, le=1_000_000)
    batch_size: int = Field(ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _judged(self) -> Parameters:
        kinds = JUDGED_DECODER in self.decoders and JUDGED_ACTIVATION in self.activations
        if not (kinds and self.depths[-1] >= DEEP):
            raise ValueError(
                f"depths must end at {DEEP} or more, decoders hold {JUDGED_DECODER!r} and "
                f"activations {JUDGED_ACTIVATION!r}: claims are judged there"
            )
        return self

    def points(self) -> list[Config]:
        """Every net of the sweep, seeds innermost: slides, text, and our own worlds."""
        return [
            point.model_copy(update={"seed": seed})
            for point in (*self._slides(), self._text(), *self._own())
            for seed in range(self.seeds)
        ]

    def _slides(self) -> Iterable[Config]:
        for decoder, activation in product(("identity", "tanh"), ("identity", "tanh")):
            yield self._config(
                setting="slides",
                relevant=SLIDE_LATENTS,
                inputs=self.slide_inputs,
                decoder=decoder,
                activation=activation,
            )

    def _text(self) -> Config:
        return self._config(
            setting="text",
            relevant=TEXT_LATENTS,
            inputs=TEXT_INPUTS,
            decoder="tanh",
            activation="relu",
        )

    def _own(self) -> Iterable[Config]:
        for teacher, decoder, activation, depth in product(
            ("even", "products"), self.decoders, self.activations, self.depths
        ):
            yield self._config(
                setting="own",
                latents="normal",
                relevant=self.relevant,
                irrelevant=self.relevant,
                inputs=self.inputs,
                decoder=decoder,
                teacher=teacher,
                activation=activation,
                depth=depth,
            )

    def _config(self, **changes: object) -> Config:
        return Config(
            seed=0,
            training_points=self.training_points,
            test_points=self.test_points,
            width=self.width,
            schedule=Schedule(
                lr=self.learning_rate, epochs=self.epochs, batch_size=self.batch_size
            ),
            **changes,
        )


class Config(BaseModel):
    """Everything that decides one net and what is measured on it; see `LatentWorld`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    setting: Literal["slides", "text", "own"]
    latents: LatentName = "bernoulli"
    relevant: int
    irrelevant: int = 0
    inputs: int
    decoder: DecoderName
    teacher: TeacherName = "linear"
    activation: ActivationName
    depth: int = SLIDE_DEPTH
    seed: int
    training_points: int
    test_points: int
    width: int
    schedule: Schedule

    @property
    def world(self) -> LatentWorld:
        """Where the data come from; of one seed's worlds of equal sizes all share their latents."""
        return LatentWorld(
            latents=self.latents,
            relevant=self.relevant,
            irrelevant=self.irrelevant,
            inputs=self.inputs,
            decoder=self.decoder,
            teacher=self.teacher,
            seed=self.seed,
        )


def make_data(config: Config) -> tuple[LatentSample, LatentSample]:
    """Training and test set; one seed gives all depths, decoders and activations its latents."""
    rng = numpy_generator("latent recovery", "samples", config.seed)
    sizes = (config.training_points, config.test_points)
    return tuple(latent_sample(n, rng, config.world) for n in sizes)


def targets(config: Config) -> dict[str, np.ndarray]:
    """What the maps are held against on the test set, (n, k) each.

    ``latents``: all of them; ``relevant`` and, where there are any, ``irrelevant``: those that the
    teacher reads and does not read; ``score``: the number whose sign is the label; ``label``;
    ``unrelated``: latents of other samples.
    """
    test_set = make_data(config)[1]
    found = {"latents": test_set.latents, "relevant": test_set.latents[:, : config.relevant]}
    if config.irrelevant:
        found["irrelevant"] = test_set.latents[:, config.relevant :]
    rng = numpy_generator("latent recovery", "unrelated", config.seed)
    unrelated = draw_latents(config.test_points, rng, config.world)
    return found | {
        "score": test_set.score[:, None],
        "label": test_set.y[:, None].astype(np.float64),
        "unrelated": unrelated,
    }


def make_net(config: Config) -> MLP:
    """The net before training; the same for all decoders and teachers of a seed."""
    widths = [config.inputs, *[config.width] * config.depth, 2]
    generator = torch_generator("latent recovery", config.depth, config.seed)
    return MLP(widths, generator=generator, activation=config.activation)


def data_fingerprint(config: Config) -> str:
    """Fingerprint of the arrays that enter the point."""
    return fingerprint(
        *(array for part in make_data(config) for array in (part.x, part.y)),
        *targets(config).values(),
    )


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    weights = config.width * (config.inputs + config.depth * config.width)
    return float(config.schedule.epochs * config.training_points * weights)


def stack_key(config: Config) -> Hashable | None:
    """Points with the same key train together; None where stacking does not pay."""
    batch = min(config.schedule.batch_size, config.training_points)
    return config.model_copy(update={"seed": -1}) if stacking_pays(batch) else None


def run(config: Config, scratch: Path | None = None) -> Result:
    """Train one net and measure its maps before and after; takes seconds, so no checkpoint."""
    return run_many([config])[0]


def run_many(configs: Sequence[Config]) -> list[Result]:
    """Train the nets of one shape together; the same numbers within float32 rounding."""
    sets = [make_data(config)[0] for config in configs]
    trained = train_many(
        [make_net(config) for config in configs],
        torch.stack([torch.tensor(part.x, dtype=torch.float32) for part in sets]),
        torch.stack([torch.tensor(part.classes) for part in sets]),
        configs[0].schedule,
        seeds=[config.seed for config in configs],
    )
    return [_measure(config, net) for config, net in zip(configs, trained, strict=True)]


def _measure(config: Config, trained: Trained) -> Result:
    """Accuracy, and of the input and every map: ranks, CKA and R^2."""
    test_set, asked = make_data(config)[1], targets(config)
    # Points with equal latents are one point: they belong in one fold.
    patterns, which = np.unique(test_set.latents, axis=0, return_inverse=True)
    folds = fold_labels(len(patterns))[which]
    x, net = torch.tensor(test_set.x), trained.net.double()
    with torch.no_grad():
        correct = net(x).argmax(dim=1).numpy() == test_set.classes
    start = _describe(make_net(config).double(), x, asked, folds)
    metrics = {
        "train_error": float(trained.error[-1]),
        "accuracy": float(correct.mean()),
        "distinct": len(patterns),
        **_among(asked),
        **_describe(net, x, asked, folds),
        **{f"{name}_init": values for name, values in start.items()},
    }
    return Result(metrics=metrics)


def _among(asked: dict[str, np.ndarray]) -> dict[str, float]:
    """CKA that score and label themselves have with the latents."""
    few = {name: values[:MEASURED_POINTS] for name, values in asked.items()}
    return {
        f"{name}_{kind}_{latents}": float(cka_map([few[name], few[latents]], kind)[0, 1])
        for name, kind, latents in product(("score", "label"), CKA_KINDS, ("latents", "relevant"))
    }


@torch.no_grad()
def _describe(
    net: MLP, x: torch.Tensor, asked: dict[str, np.ndarray], folds: np.ndarray
) -> dict[str, list[float]]:
    """Lists of one number for the input and for each map z_0 ... z_L, in this order."""
    layers = [x, *net.preactivations(x)]
    few = [z[:MEASURED_POINTS] for z in layers]
    found = {
        "covariance_ranks": [covariance_rank(z) for z in few],
        "singular_value_ranks": [singular_value_rank(z) for z in few],
    }
    for kind in CKA_KINDS:
        every = cka_map([*few, *(z[:MEASURED_POINTS] for z in asked.values())], kind)
        beside = every[: len(few), len(few) :]
        found |= {f"{kind}_{name}": beside[:, i].tolist() for i, name in enumerate(asked)}
    r2 = held_out_r2_by_layer(layers, np.hstack(list(asked.values())), folds=folds)
    ends = np.cumsum([values.shape[1] for values in asked.values()])[:-1]
    for name, scores in zip(asked, np.split(r2, ends, axis=1), strict=True):
        found[f"r2_{name}"] = scores.mean(axis=1).tolist()
    return found

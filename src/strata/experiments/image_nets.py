"""Residual nets trained on images, with the epochs that the chapters of study A look at.

A point is one trained net. It is computed once and read by every experiment that takes features
out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from torch import Tensor, nn

from strata.data.fingerprint import fingerprint
from strata.data.labelled import DataName, train_and_held_out
from strata.nets.resnet import Precision, resnet50
from strata.nets.taps import activations
from strata.runs.result import Result
from strata.seeding import numpy_generator, torch_generator
from strata.training.images import ImageSchedule, train_images, with_state


class Larger(BaseModel):
    """A net of another size, trained once on the first data set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: int = Field(ge=1, le=1024)
    training_images: int = Field(ge=100)
    held_out_images: int = Field(ge=100)
    epochs: int = Field(ge=2, le=10_000)
    batch_size: int = Field(ge=2)
    learning_rate: float = Field(gt=0, le=10)
    dtype: Precision
    checkpoints: list[Annotated[int, Field(ge=0)]] = Field(min_length=3)


class Parameters(BaseModel):
    """What the chapters of study A can be given about their nets, with the allowed ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    data: list[DataName] = Field(min_length=1)
    seeds: int = Field(ge=1, le=1000)
    size: int = Field(ge=16, le=1024)
    stem: Literal["small", "standard"]
    width: int = Field(ge=1, le=1024)
    training_images: int = Field(ge=100)
    held_out_images: int = Field(ge=100)
    epochs: int = Field(ge=2, le=10_000)
    batch_size: int = Field(ge=2)
    learning_rate: float = Field(gt=0, le=10)
    milestones: list[int]
    dtype: Precision
    checkpoints: list[Annotated[int, Field(ge=0)]] = Field(min_length=3)
    larger: Larger | None

    @field_validator("larger", mode="before")
    @classmethod
    def _plain(cls, value: object) -> object:
        return Larger(**value) if isinstance(value, dict) else value

    @field_validator("data")
    @classmethod
    def _different(cls, data: list[str]) -> list[str]:
        if len(set(data)) < len(data):
            raise ValueError("must name each data set once")
        return data

    @model_validator(mode="after")
    def _from_start_to_end(self) -> Parameters:
        for training in (self, self.larger):
            if training is None:
                continue
            epochs = training.checkpoints
            if epochs != sorted(set(epochs)) or (epochs[0], epochs[-1]) != (0, training.epochs):
                raise ValueError(f"checkpoints must grow from 0 to {training.epochs} epochs")
        return self

    def nets(self) -> list[Config]:
        """Every net: data sets, seeds innermost, and the larger one last."""
        usual = [self._net(self, data, seed) for data in self.data for seed in range(self.seeds)]
        return usual + ([self._net(self.larger, self.data[0], 0)] if self.larger else [])

    def points(self) -> Sequence[BaseModel]:
        """The points of this experiment."""
        return self.nets()

    def _net(self, training: Parameters | Larger, data: DataName, seed: int) -> Config:
        return Config(
            data=data,
            seed=seed,
            size=self.size,
            stem=self.stem,
            width=training.width,
            training_images=training.training_images,
            held_out_images=training.held_out_images,
            schedule=ImageSchedule(
                epochs=training.epochs,
                batch_size=training.batch_size,
                lr=training.learning_rate,
                decay="step" if self.milestones else "cosine",
                milestones=tuple(self.milestones),
                # A mirror image of `shapes` may be of another class.
                flip=data != "shapes",
                dtype=training.dtype,
            ),
            keep=tuple(training.checkpoints),
        )


class Config(BaseModel):
    """Everything that decides one net."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: DataName
    seed: int
    size: int
    stem: Literal["small", "standard"]
    width: int
    training_images: int
    held_out_images: int
    schedule: ImageSchedule
    keep: tuple[int, ...]


@dataclass(frozen=True)
class Images:
    """The images of a net, and what is known of them.

    Attributes
    ----------
    train, held_out
        uint8, (n, 3, size, size).
    train_labels, held_out_labels
        int64, (n,).
    classes
        Names.
    source
        What a page calls the data.
    factors
        Of the held-out images of `shapes`, by name, (n,); else empty.
    """

    train: Tensor
    train_labels: Tensor
    held_out: Tensor
    held_out_labels: Tensor
    classes: tuple[str, ...]
    source: str
    factors: dict[str, NDArray]


def load(config: Config) -> Images:
    """Draw the images of a net; a seed gives all widths and schedules the same ones.

    Raises
    ------
    DataError
        The data set is not here; the message says what to do.
    ValueError
        It has too few images.
    """
    sizes = (config.training_images, config.held_out_images)
    return _load(config.data, config.seed, config.size, *sizes)


@lru_cache(maxsize=4)
def _load(data: DataName, seed: int, size: int, train: int, held_out: int) -> Images:
    rng = numpy_generator("image-nets", data, seed)
    drawn = train_and_held_out(data, train, held_out, rng, size=size)
    parts = (drawn.train, drawn.held_out)
    return Images(
        *(torch.from_numpy(a) for part in parts for a in (part.images, part.labels)),
        classes=drawn.train.classes,
        source=drawn.train.source,
        factors=drawn.factors,
    )


def data_source(config: Config) -> str:
    """What a page calls the images of a net."""
    sizes = (config.training_images, config.held_out_images)
    return _data_source(config.data, config.seed, config.size, *sizes)


@lru_cache(maxsize=1024)
def _data_source(data: DataName, seed: int, size: int, train: int, held_out: int) -> str:
    return _load(data, seed, size, train, held_out).source


def data_fingerprint(config: Config) -> str:
    """Fingerprint of the images and labels of a net."""
    sizes = (config.training_images, config.held_out_images)
    return _data_fingerprint(config.data, config.seed, config.size, *sizes)


@lru_cache(maxsize=1024)
def _data_fingerprint(data: DataName, seed: int, size: int, train: int, held_out: int) -> str:
    images = _load(data, seed, size, train, held_out)
    return fingerprint(images.train, images.train_labels, images.held_out, images.held_out_labels)


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    return float(config.schedule.epochs * config.training_images * config.width)


def run(config: Config, scratch: Path | None = None) -> Result:
    """Train a net and keep its chosen epochs.

    Returns
    -------
    Result
        Arrays ``states`` (epochs kept, P), ``kept``, ``loss`` and ``accuracy`` (epochs) of the
        training; metrics ``classes``, ``source`` and ``held_out_accuracy``, one for each epoch
        kept.
    """
    images = load(config)
    names = ("image-nets", config.data, config.width, config.seed)
    net = resnet50(
        len(images.classes),
        stem=config.stem,
        width=config.width,
        generator=torch_generator(*names),
    )
    trained = train_images(
        net,
        images.train,
        images.train_labels,
        config.schedule,
        seed=config.seed,
        keep=config.keep,
        checkpoint=scratch / "training" if scratch else None,
    )
    right = [_accuracy(trained.at(epoch), images) for epoch in config.keep]
    return Result(
        metrics={
            "classes": list(images.classes),
            "source": images.source,
            "held_out_accuracy": right,
        },
        arrays={
            "states": trained.states,
            "kept": trained.kept,
            "loss": trained.loss,
            "accuracy": trained.accuracy,
        },
    )


def net_at(config: Config, result: Result, epoch: int) -> nn.Module:
    """Give the net of a result of `run` as it was after an epoch that was kept.

    Raises
    ------
    ValueError
        The epoch was not kept.
    """
    kept = result.arrays["kept"].tolist()
    classes = len(result.metrics["classes"])
    empty = resnet50(
        classes, stem=config.stem, width=config.width, generator=torch.Generator().manual_seed(0)
    )
    return with_state(empty, result.arrays["states"][kept.index(epoch)])


def _accuracy(net: nn.Module, images: Images) -> float:
    logits = activations(net, images.held_out, parts=()).logits
    return float((logits.argmax(dim=1) == images.held_out_labels).double().mean())

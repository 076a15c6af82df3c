"""What the paper of study B did: its nets, its numbers of images and its recipe, on CIFAR-10."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from strata.nets.cifar_resnet import cifar_resnet

Count = Annotated[int, Field(ge=1)]


class Schedule(BaseModel):
    """How one kind of net is trained.

    Attributes
    ----------
    epochs
        Passes over the images of an epoch.
    batch_sizes
        One for all nets, or one for each order.
    first_rate, last_rate
        Of Adam; the rates between are spaced evenly in their logarithm.
    phases
        Passes over the images in one epoch.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    epochs: Count
    batch_sizes: tuple[Count, ...] = Field(default=(128,), min_length=1)
    first_rate: float = Field(default=1e-3, gt=0)
    last_rate: float = Field(gt=0)
    phases: Count = 1

    @model_validator(mode="after")
    def _falling(self) -> Schedule:
        if self.last_rate > self.first_rate:
            raise ValueError(f"the rate must not grow from {self.first_rate} to {self.last_rate}")
        return self

    def seen(self, images: int) -> int:
        """Images that a net sees, for so many an epoch, each as often as it is seen."""
        return self.epochs * self.phases * images

    def steps(self, images: int) -> tuple[int, ...]:
        """Optimiser steps of a net, for each batch size; the last batch may be smaller."""
        return tuple(self.epochs * self.phases * math.ceil(images / b) for b in self.batch_sizes)


_CHAIN = (128, 128, 128, 64, 64, 32)
_SHARED = (64, 64, 64, 64, 32, 32)


class PaperSetting(BaseModel):
    """The nets, the numbers of images and the recipe of the paper for CIFAR-10 and its tasks.

    Attributes
    ----------
    depths, samples
        Of the targets, one for each pair: layers, and training images.
    exemplars
        Nets trained on the whole pool, with which a target shares the reliable part.
    exemplar_depth
        Their layers.
    tasks
        ReLUs of the random nets that set the tasks of growing complexity.
    task_blocks
        Of each stage of the disentangler that learns a task, and is then taken apart.
    blocks, base
        Of each stage of the disentangler nets: one net for each order l = 3 blocks + 1.
    size, classes, pool, test
        Side of the images, classes, training images and test images of the data set.
    drawn
        Images that an epoch draws from the pool with replacement, where features are learned.
    target, exemplar, plain, shared, inverse, task, task_plain
        Schedules of the targets, the exemplars, the disentangler nets, those of the reliable part,
        the maps back from the features to what they share, the nets that learn a task, and their
        disentangler nets.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    depths: tuple[int, ...] = Field(default=(8, 14, 20, 32, 44), min_length=1)
    samples: tuple[Count, ...] = Field(default=(200, 500, 1000, 2000, 5000), min_length=1)
    exemplars: Count = 2
    exemplar_depth: int = 44
    tasks: tuple[Annotated[int, Field(ge=0)], ...] = (0, 2, 8, 26, 80)
    task_blocks: Count = 6
    blocks: tuple[Count, ...] = Field(default=(1, 2, 4, 8, 16, 32), min_length=1)
    base: Count = 128
    size: Annotated[int, Field(ge=4, multiple_of=4)] = 32
    classes: Count = 10
    pool: Count = 50_000
    test: Count = 10_000
    drawn: Count = 2000
    target: Schedule = Schedule(epochs=300, last_rate=1e-4)
    exemplar: Schedule = Schedule(epochs=300, last_rate=1e-4)
    plain: Schedule = Schedule(epochs=500, batch_sizes=_CHAIN, last_rate=1e-5)
    shared: Schedule = Schedule(epochs=500, batch_sizes=_SHARED, last_rate=1e-5)
    inverse: Schedule = Schedule(epochs=100, batch_sizes=_SHARED, last_rate=1e-4, phases=10)
    task: Schedule = Schedule(epochs=300, last_rate=1e-5)
    task_plain: Schedule = Schedule(epochs=500, batch_sizes=_CHAIN, last_rate=1e-5)

    @model_validator(mode="after")
    def _fitting(self) -> PaperSetting:
        for depth in (*self.depths, self.exemplar_depth):
            cifar_resnet(depth, self.classes, generator=None)  # refuses what is no 6 n + 2
        if max(self.samples) > self.pool:
            raise ValueError(f"targets see at most the pool of {self.pool}, not {self.samples}")
        for numbers in (self.depths, self.samples, self.tasks, self.blocks):
            if any(a >= b for a, b in pairwise(numbers)):
                raise ValueError(f"numbers must grow: {numbers}")
        for name, orders in (
            *((name, 1) for name in ("target", "exemplar", "task")),
            *((name, len(self.blocks)) for name in ("plain", "shared", "inverse", "task_plain")),
        ):
            if len(getattr(self, name).batch_sizes) not in (1, orders):
                raise ValueError(f"{name} needs one batch size, or one for each order")
        return self

    @property
    def targets(self) -> int:
        """Number of targets, those of the tasks left out."""
        return len(self.depths) * len(self.samples)

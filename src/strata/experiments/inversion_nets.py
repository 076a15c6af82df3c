"""The nets whose embeddings are inverted: untrained, calibrated, and trained in four ways.

A point is one net. The chapters of study D share them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from strata.data.labelled import DataName
from strata.experiments.inversion_pictures import Pictures, as_pixels, draw_pictures
from strata.nets.mini_resnet import (
    equal_planes,
    mini_resnet50,
    pretrained_resnet50,
    standard_resnet50,
)
from strata.nets.resnet import Precision
from strata.nets.stages import calibrate_
from strata.runs.result import Result
from strata.seeding import numpy_generator, torch_generator
from strata.training.epochs import flat_state, with_state
from strata.training.images import ImageSchedule, train_images

Kind = Literal["untrained", "calibrated", "equal", "natural", "matched", "random_labels", "noise"]
"""``untrained``: as drawn, so that in evaluation mode all normalisations are the identity.
``calibrated``: the same weights, normalised by the statistics of images. ``equal``: untrained, all
stages as large as the map after pooling. ``natural``: trained on images and their labels. The other
three see equally few images, equally often: ``matched`` with their labels, ``random_labels`` with
random ones, ``noise`` images of noise with random labels."""
FEW: tuple[Kind, ...] = ("matched", "random_labels", "noise")
NAMES = {
    "untrained": "untrained",
    "calibrated": "calibrated",
    "equal": "equal stages",
    "natural": "trained",
    "matched": "few images",
    "random_labels": "random labels",
    "noise": "noise images",
}
"""What figures call the kinds."""
CALIBRATION = 1024
"""Images whose statistics a calibrated net takes."""


class Config(BaseModel):
    """Everything that decides one net and its images."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    data: DataName
    architecture: Literal["mini", "resnet50"]
    seed: int
    size: int
    width: int
    training_images: int
    few_images: int
    schedule: ImageSchedule | None
    pool: int
    images: int
    photographs: int


class Parameters(BaseModel):
    """What the chapters on inversion can be given about their nets, with the allowed ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    data: DataName
    architecture: Literal["mini", "resnet50"]
    seeds: int = Field(ge=2, le=1000)
    size: int = Field(ge=16, le=1024)
    width: int = Field(ge=4, le=64, multiple_of=4)
    training_images: int = Field(ge=100)
    epochs: int = Field(ge=1, le=10_000)
    few_images: int = Field(ge=50)
    few_epochs: int = Field(ge=1, le=10_000)
    batch_size: int = Field(ge=2)
    learning_rate: float = Field(gt=0, le=10)
    dtype: Precision
    pool: int = Field(ge=20)
    images: int = Field(ge=2, le=1000)
    photographs: int = Field(ge=0, le=7)

    def net(self, kind: Kind, seed: int) -> Config:
        """The net of a kind and a seed."""
        trained = kind == "natural" or kind in FEW
        few = kind in FEW
        schedule = ImageSchedule(
            epochs=self.few_epochs if few else self.epochs,
            batch_size=self.batch_size,
            lr=self.learning_rate,
            # A mirror image of `shapes` may be of another class; the few are learned by heart.
            flip=not few and self.data != "shapes",
            crop=0 if few else self.size // 16,
            dtype=self.dtype,
        )
        return Config(
            kind=kind,
            data=self.data,
            architecture=self.architecture,
            seed=seed,
            size=self.size,
            width=self.width,
            training_images=self.training_images,
            few_images=self.few_images,
            schedule=schedule if trained else None,
            pool=self.pool,
            images=self.images,
            # They are shown, not judged: once is enough.
            photographs=0 if seed else self.photographs,
        )

    def nets(self, kinds: Sequence[Kind]) -> list[Config]:
        """The nets of some kinds, seeds innermost."""
        return [self.net(kind, seed) for kind in kinds for seed in range(self.seeds)]


def pictures(config: Config) -> Pictures:
    """The images of a seed, the same for all kinds; see `draw_pictures`."""
    return draw_pictures(
        config.data,
        config.seed,
        config.size,
        training=config.training_images,
        judged=config.images,
        pool=config.pool,
        shown=config.photographs,
    )


def data_source(config: Config) -> str:
    """What a page calls the images of a net."""
    return pictures(config).source


def data_fingerprint(config: Config) -> str:
    """Fingerprint of all images and labels of a seed."""
    return pictures(config).fingerprint()


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    if config.schedule is None:
        return 1.0
    images = config.few_images if config.kind in FEW else config.training_images
    return float(1 + config.schedule.epochs * images)


class _Raw(nn.Module):
    """Undoes the standardisation that the training loop does, so that the net sees raw pixels."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    @property
    def fc(self) -> nn.Module:
        return self.net.fc

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x * 0.25 + 0.5)


def run(config: Config, scratch: Path | None = None) -> Result:
    """Make a net.

    Returns
    -------
    Result
        Array ``state`` (P,); for nets trained here ``loss`` and ``accuracy`` (epochs). Metrics
        ``classes``, ``source``, ``training_accuracy`` (of the last epoch, or None) and
        ``held_out_accuracy`` on the pool.
    """
    found = pictures(config)
    generator = torch_generator("inversion-nets", config.seed)
    equal = config.kind == "equal"
    net = _drawn(config.architecture, equal, config.width, found.classes, generator)
    arrays: dict[str, np.ndarray] = {}
    accuracy = None
    if config.kind == "calibrated":
        calibrate_(net, as_pixels(found.training[:CALIBRATION]))
    elif config.kind == "natural" and config.architecture == "resnet50":
        net = pretrained_resnet50()
    elif config.schedule is not None:
        images, labels = _lesson(config, found)
        trained = train_images(
            _Raw(net),
            images,
            labels,
            config.schedule,
            seed=config.seed,
            checkpoint=scratch / "training" if scratch else None,
        )
        net = trained.net.net
        arrays = {"loss": trained.loss, "accuracy": trained.accuracy}
        accuracy = float(trained.accuracy[-1])
    return Result(
        metrics={
            "classes": found.classes,
            "source": found.source,
            "training_accuracy": accuracy,
            "held_out_accuracy": _accuracy(net, found),
        },
        arrays={"state": flat_state(net), **arrays},
    )


def net_of(config: Config, result: Result) -> nn.Module:
    """Give the net of a result of `run`, in evaluation mode, its weights without gradients."""
    unset = _unset(
        config.architecture, config.kind == "equal", config.width, result.metrics["classes"]
    )
    return with_state(unset, result.arrays["state"]).eval().requires_grad_(False)


def _drawn(
    architecture: str, equal: bool, width: int, classes: int, generator: torch.Generator
) -> nn.Module:
    if architecture == "resnet50":
        return standard_resnet50(1000, generator=generator)
    planes = equal_planes(width) if equal else None
    return mini_resnet50(classes, width=width, planes=planes, generator=generator)


@lru_cache(maxsize=4)
def _unset(architecture: str, equal: bool, width: int, classes: int) -> nn.Module:
    """A net whose numbers do not count; to make one takes longer than to copy one."""
    return _drawn(architecture, equal, width, classes, torch.Generator())


def _lesson(config: Config, found: Pictures) -> tuple[Tensor, Tensor]:
    """Images and labels that a net learns from."""
    if config.kind == "natural":
        return found.training, found.labels
    images, labels = found.training[: config.few_images], found.labels[: config.few_images]
    rng = numpy_generator("inversion-lesson", config.kind, config.seed)
    if config.kind == "noise":
        pixels = np.clip(0.5 + rng.normal(size=images.shape) / 4, 0, 1)
        images = torch.from_numpy(np.rint(255 * pixels).astype(np.uint8))
    if config.kind != "matched":
        labels = torch.from_numpy(rng.integers(found.classes, size=len(labels)))
    return images, labels


def _accuracy(net: nn.Module, found: Pictures) -> float:
    with torch.no_grad():
        guesses = [net(as_pixels(batch)).argmax(1) for batch in found.pool.split(250)]
    return float((torch.cat(guesses) == found.pool_labels).double().mean())

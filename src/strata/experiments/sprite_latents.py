"""Nets on sprites with a shortcut: which layers hold the core, the shortcut and the noise.

Trains fully connected and convolutional nets of growing depth on sprites whose label and shortcut
are sampled jointly, with one threshold for all sets, and measures every layer before and after: the
soft ranks, the similarity to the latents, what a linear read-out finds, and the layer-wise kernel.
Explained in the chapter ``notebooks/latent-sprites.ipynb``.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from strata.data.fingerprint import fingerprint
from strata.data.shapes import ShapeSet, as_float
from strata.data.sprites import make_sprites
from strata.experiments.schedules import Growing
from strata.experiments.sprite_layers import describe
from strata.nets.mlp import MLP
from strata.nets.small_conv import SmallConv
from strata.runs.result import Result
from strata.seeding import numpy_generator, torch_generator
from strata.training import Schedule, train

Arch = Literal["mlp", "conv"]
DEEP = 4
"""Depths from here on are judged where a claim is about the inside of a net."""
UNCORRELATED = 0.5


class Parameters(BaseModel):
    """What the chapter's notebook can be given, with the allowed ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    mlp_depths: Annotated[Growing[Annotated[int, Field(ge=1, le=32)]], Field(min_length=2)]
    conv_depths: Annotated[Growing[Annotated[int, Field(ge=2, le=32)]], Field(min_length=2)]
    seeds: int = Field(ge=2, le=1000)
    size: int = Field(ge=16, le=512, multiple_of=4)
    training_images: int = Field(ge=50, le=1_000_000)
    test_images: int = Field(ge=50, le=1_000_000)
    measured_images: int = Field(ge=20, le=20_000)
    ntk_images: int = Field(ge=10, le=20_000)
    agreement: float = Field(gt=UNCORRELATED, lt=1)
    width: int = Field(ge=2, le=10_000)
    channels: int = Field(ge=1, le=1_000)
    learning_rate: float = Field(gt=0, le=10)
    batch_size: int = Field(ge=2)
    epochs: int = Field(ge=1, le=1_000_000)
    few_images: int = Field(ge=10, le=1_000_000)
    few_epochs: int = Field(ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _enough(self) -> Parameters:
        if not self.ntk_images <= self.measured_images <= self.test_images:
            raise ValueError("ntk_images, measured_images and test_images must not fall")
        if self.few_images >= self.training_images:
            raise ValueError("few_images must be fewer than training_images (claim C14k)")
        if min(self.mlp_depths[-1], self.conv_depths[-1]) < DEEP:
            raise ValueError(f"depths must end at {DEEP} or above (claims C14f to C14m)")
        return self

    def points(self) -> list[Config]:
        """All points: of `shortcut_points` and `control_points`, and of both with few images."""
        many = [*self.shortcut_points(), *self.control_points()]
        return [*many, *(self._few(point) for point in many)]

    def shortcut_points(self) -> list[Config]:
        """Nets of every depth, trained with the shortcut."""
        return self._grid(self.mlp_depths, self.conv_depths)

    def control_points(self) -> list[Config]:
        """The deepest nets, trained on sets in which label and shortcut are independent."""
        deepest = self._grid(self.mlp_depths[-1:], self.conv_depths[-1:])
        return [point.model_copy(update={"agreement": UNCORRELATED}) for point in deepest]

    def _few(self, point: Config) -> Config:
        """The same net trained on few images; only its accuracies."""
        schedule = point.schedule.model_copy(update={"epochs": self.few_epochs})
        change = {"training_images": self.few_images, "schedule": schedule, "measured_images": 0}
        return point.model_copy(update=change)

    def _grid(self, mlp_depths: list[int], conv_depths: list[int]) -> list[Config]:
        nets = [("mlp", depth) for depth in mlp_depths] + [("conv", depth) for depth in conv_depths]
        schedule = Schedule(lr=self.learning_rate, epochs=self.epochs, batch_size=self.batch_size)
        return [
            Config(
                arch=arch,
                depth=depth,
                seed=seed,
                agreement=self.agreement,
                test_agreement=self.agreement,
                size=self.size,
                training_images=self.training_images,
                test_images=self.test_images,
                measured_images=self.measured_images,
                ntk_images=self.ntk_images,
                width=self.width,
                channels=self.channels,
                schedule=schedule,
            )
            for (arch, depth), seed in product(nets, range(self.seeds))
        ]


class Config(BaseModel):
    """Everything that decides one net and what is measured on it.

    ``depth`` counts hidden layers of ``width`` units, or blocks of ``channels``. The ID test set
    has ``test_agreement``, whatever the net was trained on; the OOD test set has none. With 0
    ``measured_images`` the layers are not looked at.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    arch: Arch
    depth: int
    seed: int
    agreement: float
    test_agreement: float
    size: int
    training_images: int
    test_images: int
    measured_images: int
    ntk_images: int
    width: int
    channels: int
    schedule: Schedule


def make_data(config: Config) -> dict[str, ShapeSet]:
    """Sets ``train``, ``id`` and ``ood``; one seed gives all nets the same test images."""

    def draw(name: str, n: int, agreement: float) -> ShapeSet:
        rng = numpy_generator("sprites", name, config.seed)
        return make_sprites(n, rng, agreement=agreement, size=config.size)

    return {
        "train": draw("train", config.training_images, config.agreement),
        "id": draw("id", config.test_images, config.test_agreement),
        "ood": draw("ood", config.test_images, UNCORRELATED),
    }


def make_net(config: Config) -> MLP | SmallConv:
    """The net before training; the same for both agreements."""
    generator = torch_generator("sprites", config.arch, config.depth, config.seed)
    if config.arch == "conv":
        return SmallConv(
            config.depth, channels=config.channels, size=config.size, generator=generator
        )
    widths = [3 * config.size**2, *[config.width] * config.depth, 2]
    return MLP(widths, generator=generator)


def data_fingerprint(config: Config) -> str:
    """Fingerprint of the arrays that enter the point."""
    # Nets of all kinds and depths share their data: what else differs is set to one value.
    return _fingerprint(config.model_copy(update={"arch": "mlp", "depth": 1}))


@cache
def _fingerprint(config: Config) -> str:
    sets = make_data(config).values()
    return fingerprint(*(array for set_ in sets for array in (set_.images, *set_.factors.values())))


def data_source(config: Config) -> str:
    """What a page calls the data."""
    return "sprites (drawn here)"


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    pixels = config.size**2
    if config.arch == "mlp":
        work = config.width * (3 * pixels + config.depth * config.width)
    else:
        # Convolutions take several times as long for an operation as large matrix products.
        work = 4 * config.channels * pixels * (7 + config.depth * config.channels // 2)
    return float(config.schedule.epochs * config.training_images * work)


def run(config: Config, scratch: Path | None = None) -> Result:
    """Train one net and measure its layers before and after.

    Returns
    -------
    Result
        Metrics ``id`` and ``ood`` (accuracies), ``agreeing`` and ``conflicting`` (of the two halves
        of the OOD set), ``epochs``, ``train_error``, ``zero_error_epoch``, and
        ``zero_error_conflicting``, the accuracy at that epoch, both None if there is none; arrays
        of `sprite_layers.describe`, each also of the net before training, ending in ``_init``.
    """
    sets = make_data(config)
    start = make_net(config)
    # One mean image and one scale, those of the training set, for all sets.
    light = torch.tensor(as_float(sets["train"].images))
    mean, scale = light.mean(dim=0), light.std()
    inputs = {
        name: _shaped(config, (torch.tensor(as_float(set_.images)) - mean) / scale)
        for name, set_ in sets.items()
    }
    labels = {name: torch.tensor(set_.factors["label"]) for name, set_ in sets.items()}
    trained = train(
        start,
        inputs["train"],
        labels["train"],
        config.schedule,
        seed=config.seed,
        checkpoint=scratch / "training.npz" if scratch else None,
    )
    first = trained.zero_error_net
    right = {name: _right(trained.net, inputs[name], labels[name]) for name in ("id", "ood")}
    agree = sets["ood"].factors["label"] == sets["ood"].factors["shortcut"]
    metrics = {
        **{name: float(hits.mean()) for name, hits in right.items()},
        "agreeing": float(right["ood"][agree].mean()),
        "conflicting": float(right["ood"][~agree].mean()),
        "epochs": trained.epochs,
        "train_error": float(trained.error[-1]),
        "zero_error_epoch": trained.zero_error_epoch,
        "zero_error_conflicting": None
        if first is None
        else float(_right(first, inputs["ood"], labels["ood"])[~agree].mean()),
    }
    arrays = {}
    nets = {"": trained.net, "_init": start} if config.measured_images else {}
    for ending, net in nets.items():
        found = describe(
            net,
            inputs["ood"][: config.measured_images],
            {name: codes[: config.measured_images] for name, codes in sets["ood"].factors.items()},
            ntk_images=config.ntk_images,
            seed=config.seed,
        )
        arrays |= {f"{name}{ending}": values for name, values in found.items()}
    return Result(metrics=metrics, arrays=arrays)


@torch.no_grad()
def _right(net: torch.nn.Module, x: Tensor, labels: Tensor) -> NDArray[np.bool_]:
    return (net(x).argmax(dim=1) == labels).numpy()


def _shaped(config: Config, images: Tensor) -> Tensor:
    return images if config.arch == "conv" else images.flatten(1)

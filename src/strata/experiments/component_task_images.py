"""How simple the study's own tasks are: random convolutional nets on colour images.

Nothing is trained here. The tasks of `strata.experiments.component_tasks` are fully connected; this
says of the convolutional ones, drawn as the study draws them, whether more ReLUs make them harder.
"""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from strata.experiments import component_data
from strata.experiments.component_data import Data, ImageName, load
from strata.experiments.component_tasks import ReLUs
from strata.experiments.random_tasks import described
from strata.nets.task_net import TaskNet
from strata.runs.result import Result
from strata.seeding import torch_generator

_ROWS = 100


class Parameters(BaseModel):
    """What the chapter's notebook gives for these tasks, with the allowed ranges.

    ``image_tasks`` are numbers of ReLUs; there are ``seeds`` of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    images: list[ImageName] = Field(min_length=1, max_length=1)
    seeds: int = Field(ge=2, le=1000)
    image_tasks: ReLUs
    image_size: int = Field(ge=16, le=1024)
    image_pool: int = Field(ge=100, le=1_000_000)

    @field_validator("image_tasks")
    @classmethod
    def _growing(cls, values: list[int]) -> list[int]:
        if values != sorted(set(values)):
            raise ValueError("must grow")
        return values

    def points(self) -> list[Config]:
        """One point a seed."""
        images = Data(name=self.images[0], pool=self.image_pool, test=1, size=self.image_size)
        return [
            Config(data=images, relus=tuple(self.image_tasks), seed=seed)
            for seed in range(self.seeds)
        ]


class Config(BaseModel):
    """Everything that decides a point.

    Attributes
    ----------
    data
        Colour images; their labels are not used, nor their test images.
    relus
        Of each task.
    seed
        Of the tasks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Data
    relus: tuple[int, ...]
    seed: int


def data_source(config: Config) -> str:
    """What a page calls the data."""
    return load(config.data).source


def data_fingerprint(config: Config) -> str:
    """Fingerprint of the images."""
    return component_data.data_fingerprint(config.data)


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    return float(config.data.pool * (20 + sum(config.relus)) * (config.data.size or 1) ** 2)


def run(config: Config, scratch: Path | None = None) -> Result:
    """Draw the tasks and describe their outputs on the pool.

    Returns
    -------
    Result
        Metric ``tasks``: for each, ``relus``; what `strata.experiments.random_tasks.described` says
        of all units at all positions; and ``deviation``, the mean standard deviation of a unit,
        which the study does not take out.
    """
    images = load(config.data).inputs
    x = images.flatten(1).double().numpy()
    tasks = []
    for relus in config.relus:
        generator = torch_generator("component-task-images", config.data.name, config.seed, relus)
        outputs = _outputs(TaskNet(relus, generator=generator), images).double().numpy()
        numbers = described(x, outputs) | {"deviation": float(outputs.std(axis=0).mean())}
        tasks.append({"relus": relus, **numbers})
    return Result(metrics={"tasks": tasks})


@torch.no_grad()
def _outputs(net: TaskNet, images: Tensor) -> Tensor:
    return torch.cat([net(part) for part in images.split(_ROWS)]).flatten(1)

"""A small experiment whose points rest on points of `toy_experiment`."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import toy_experiment
from pydantic import BaseModel, ConfigDict

from strata.runs.result import Result


class Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    read: tuple[toy_experiment.Config, ...]
    factor: int = 1


def needs(config: Config) -> list[tuple[ModuleType, BaseModel]]:
    return [(toy_experiment, one) for one in config.read]


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    squares = [result.metrics["square"] for result in given]
    return Result(metrics={"squares": [config.factor * square for square in squares]})


def cost(config: Config) -> float:
    return 1.0


def data_fingerprint(config: Config) -> str:
    return toy_experiment.data_fingerprint(config.read[0])

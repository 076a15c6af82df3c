"""A small experiment for the tests of the store and of sweeps; see `Config` for its faults."""

import hashlib
import math
import os
import resource
import signal
import time
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from strata.runs.result import Result


class Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    value: int
    seconds: float = 0.0
    stack: str | None = None
    fault: str | None = None  # "raise", "die", "nan" or "disk"
    log: str | None = None  # file that gets a line a computation
    width: int = 4


def run(config: Config, scratch: Path | None = None) -> Result:
    return _compute(config, together=1)


def run_many(configs: list[Config]) -> list[Result]:
    return [_compute(config, together=len(configs)) for config in configs]


def stack_key(config: Config) -> str | None:
    return config.stack


def cost(config: Config) -> float:
    return 1.0 + config.seconds


def data_fingerprint(config: Config) -> str:
    return hashlib.sha256(b"no data").hexdigest()


def _compute(config: Config, together: int) -> Result:
    if config.log:
        with Path(config.log).open("a") as file:
            file.write(f"{config.value} {os.getpid()}\n")
    deadline = time.monotonic() + config.seconds
    while time.monotonic() < deadline:
        time.sleep(0.01)
    if config.fault == "raise":
        raise ArithmeticError(f"the fault of point {config.value}")
    if config.fault == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if config.fault == "disk":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    import torch  # a worker has it already, and the tests' scripts start faster without

    generator = np.random.default_rng(config.value)
    return Result(
        metrics={
            "square": config.value**2,
            "root": math.nan if config.fault == "nan" else math.sqrt(config.value),
            "together": together,
            "threads": torch.get_num_threads(),
            "setting": os.environ.get("STRATA_TOY_SETTING"),
        },
        arrays={"noise": generator.normal(size=config.width)},
    )

"""What a profile would need: stages of work, counted in multiply-adds and bytes.

The count says what has to be computed, not how fast a machine does it: hours come from speeds that
are assumed, see `Speeds`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

_GIGA = 1e9


@dataclass(frozen=True)
class Speeds:
    """Operations a second that are kept up, two for each multiply-add: assumptions, not measured.

    The defaults are meant for one data-centre GPU of 2022 to 2024. They lie far below its peak, as
    small convolutions wait for memory, and eigendecompositions for each other.
    """

    bfloat16: float = 100e12
    """Training in mixed precision."""
    float32: float = 40e12
    """Forward passes for activations, and factorisations."""
    float64: float = 2e12
    """Probes, and the linear systems of the codes."""


@dataclass(frozen=True)
class Stage:
    """One kind of work of a profile, over all nets.

    Attributes
    ----------
    stage, counted
        What is done, and what `count` counts.
    count
        How often.
    multiply_adds
        Of all of it.
    memory_gb
        What is held at once as the code stands, of the largest net: 10^9 bytes.
    streamed_gb
        What would have to be held if the rows came from a disk in batches.
    disk_gb
        What is stored of all nets.
    gpu_hours
        By the speeds assumed, one GPU.
    """

    stage: str
    counted: str
    count: int
    multiply_adds: int
    memory_gb: float
    streamed_gb: float
    disk_gb: float
    gpu_hours: float


@dataclass(frozen=True)
class Requirements:
    """What all stages of a profile would need."""

    stages: tuple[Stage, ...]

    @property
    def gpu_hours(self) -> float:
        """Of all stages, one after the other."""
        return sum(stage.gpu_hours for stage in self.stages)

    @property
    def memory_gb(self) -> float:
        """Of the largest stage."""
        return max(stage.memory_gb for stage in self.stages)

    @property
    def streamed_gb(self) -> float:
        """Of the largest stage, with rows in batches."""
        return max(stage.streamed_gb for stage in self.stages)

    @property
    def disk_gb(self) -> float:
        """Of all stages."""
        return sum(stage.disk_gb for stage in self.stages)

    def table(self) -> pd.DataFrame:
        """A row for each stage; columns are the attributes of `Stage`, the stage is the index."""
        rows = pd.DataFrame([vars(stage) for stage in self.stages]).set_index("stage")
        return rows.astype({"multiply_adds": float})  # beyond 64-bit integers


def hours_of(multiply_adds: int, speed: float) -> float:
    """Hours at so many operations a second, two for each multiply-add."""
    return 2 * multiply_adds / speed / 3600


def stage_of(
    name: str,
    counted: str,
    count: int,
    multiply_adds: int,
    memory: float,
    hours: float,
    *,
    streamed: float | None = None,
    disk: float = 0,
) -> Stage:
    """A stage from bytes; without ``streamed`` nothing can be had from a disk in batches."""
    held = memory if streamed is None else min(streamed, memory)
    sizes = (memory / _GIGA, held / _GIGA, disk / _GIGA)
    return Stage(name, counted, count, multiply_adds, *sizes, hours)

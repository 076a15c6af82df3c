"""The data sets that experiments can ask for, and whether they are here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from strata.data.fingerprint import fingerprint
from strata.data.spurious import (
    SLIDE_AGREEMENT,
    core_spurious,
    slide_setting,
    yin_yang_spurious,
)
from strata.data.toy import TASKS, Toy
from strata.seeding import numpy_generator

SAMPLE = 1000


@dataclass(frozen=True)
class DataSet:
    """A data set by name; ``sample`` draws a reference sample whose fingerprint names it."""

    name: str
    what: str
    origin: str
    sample: Callable[[], Toy]

    def fingerprint(self) -> str:
        """Fingerprint of the reference sample: the same on every machine."""
        toy = self.sample()
        return fingerprint(toy.x, toy.y)


def _task_sample(name: str) -> Toy:
    return TASKS[name].sample(SAMPLE, numpy_generator("catalogue", name))


def _slide_sample(name: str) -> Toy:
    return slide_setting(name, SAMPLE, numpy_generator("catalogue", "slide", name))


def _core_sample() -> Toy:
    return core_spurious(SAMPLE, numpy_generator("catalogue", "core-spurious"), noise_dims=2)


def _yin_yang_sample() -> Toy:
    return yin_yang_spurious(SAMPLE, numpy_generator("catalogue", "yin-yang-spurious"))


def catalogue() -> dict[str, DataSet]:
    """Every data set, by name. All are generated from a seed; nothing is downloaded."""
    origin = "generated from a seed"
    sets = [
        *(DataSet(n, "labelled square", origin, partial(_task_sample, n)) for n in TASKS),
        *(
            DataSet(f"slide-{n}", "core and spurious feature", origin, partial(_slide_sample, n))
            for n in SLIDE_AGREEMENT
        ),
        DataSet("core-spurious", "core and spurious feature", origin, _core_sample),
        DataSet("yin-yang-spurious", "core and spurious feature", origin, _yin_yang_sample),
    ]
    return {entry.name: entry for entry in sets}

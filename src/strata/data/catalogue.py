"""The data sets that experiments can ask for, and whether they are here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from strata.data.fingerprint import fingerprint
from strata.data.images.cifar import find_cifar10
from strata.data.images.location import find_imagenet, find_own
from strata.data.shapes import make_shapes
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
    """A data set by name.

    ``sample`` gives the fingerprint of a reference sample of what is drawn from a seed: the same on
    every machine. ``find`` gives the place of what the reader brings, or raises a `DataError` that
    says what to do. A set has one of the two.
    """

    name: str
    what: str
    sample: Callable[[], str] | None = None
    find: Callable[[], Path] | None = None

    def whereabouts(self) -> str:
        """Say where the set comes from, with the fingerprint of its reference sample.

        Raises
        ------
        DataError
            The set is not here.
        """
        if self.find:
            return f"from {self.find()}"
        return f"generated from a seed  {self.sample()[:16]}"


def catalogue() -> dict[str, DataSet]:
    """Every data set, by name. What is not drawn from a seed, the reader brings."""
    spurious = "core and spurious feature"
    sets = [
        *(DataSet(n, "labelled square", partial(_toy, TASKS[n].sample, n)) for n in TASKS),
        *(
            DataSet(f"slide-{n}", spurious, partial(_toy, partial(slide_setting, n), "slide", n))
            for n in SLIDE_AGREEMENT
        ),
        DataSet(
            "core-spurious",
            spurious,
            partial(_toy, partial(core_spurious, noise_dims=2), "core-spurious"),
        ),
        DataSet(
            "yin-yang-spurious", spurious, partial(_toy, yin_yang_spurious, "yin-yang-spurious")
        ),
        DataSet("shapes", "images with known factors", _shapes),
        DataSet("cifar10", "photographs, 32 x 32", find=find_cifar10),
        DataSet("imagenet", "photographs, 1,000 classes", find=find_imagenet),
        DataSet("own", "images of your own", find=find_own),
    ]
    return {entry.name: entry for entry in sets}


def _toy(draw: Callable[..., Toy], *names: str) -> str:
    toy = draw(n=SAMPLE, rng=numpy_generator("catalogue", *names))
    return fingerprint(toy.x, toy.y)


def _shapes() -> str:
    return fingerprint(make_shapes(SAMPLE, numpy_generator("catalogue", "shapes")).images)

"""The feature components of families of tasks, under several kinds of student.

A point is a chain of students for a family of `strata.experiments.component_tasks`. The plain tasks
that nets have learned are taken apart by students of several widths, with and without shortcuts;
the other families by the usual students only. Every chain is trained from two seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from strata.experiments import component_task_images, component_tasks
from strata.experiments.component_data import Data, ImageName, VectorName
from strata.experiments.component_parameters import Counts, Rate
from strata.experiments.component_tasks import Form, Learner
from strata.experiments.disentangling import Settings, disentangle, work
from strata.runs.result import Result
from strata.training.fitting import Budget

CHAIN_SEEDS = (0, 1)
"""Of the two chains of students of every kind."""
USUAL = 1.0
"""Width factor of the usual students."""

ReLUs = Annotated[list[Annotated[int, Field(ge=0, le=1000)]], Field(min_length=2)]


class Family(NamedTuple):
    """A kind of family: the form of its tasks, and whether nets have learned them."""

    form: Form
    learned: bool


MAIN = Family("plain", learned=True)
FAMILIES = (MAIN, Family("pooled", True), Family("normalised", True), Family("plain", False))
"""What is taken apart: the first under all kinds of student."""


class Students(NamedTuple):
    """A kind of student: its width as a factor of the usual one, and whether it has shortcuts."""

    factor: float
    skips: bool


class Parameters(BaseModel):
    """What the chapter's notebook can be given, with the allowed ranges.

    ``tasks`` are numbers of ReLUs. There are ``drawn_seeds`` of tasks that are only described, and
    ``seeds`` of those that are learned and taken apart. ``learner_order`` and ``target_steps`` are
    of the nets that learn them, ``steps`` of a student. ``factors`` are the widths of the students
    as factors of ``width``. All kinds have students of ``orders``, the usual ones of `MAIN` those
    of ``further_orders`` too. ``images`` has the images of the convolutional tasks ``image_tasks``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    data: list[VectorName] = Field(min_length=1, max_length=1)
    seeds: int = Field(ge=2, le=1000)
    drawn_seeds: int = Field(ge=2, le=1000)
    tasks: ReLUs
    task_width: int = Field(ge=2, le=4096)
    learner_order: int = Field(ge=1, le=1000)
    pool: int = Field(ge=100, le=1_000_000)
    test: int = Field(ge=100, le=1_000_000)
    width: int = Field(ge=2, le=4096)
    factors: list[Annotated[float, Field(gt=0, le=16)]] = Field(min_length=2)
    feature: int = Field(ge=2, le=4096)
    orders: Counts
    further_orders: list[Annotated[int, Field(ge=1, le=1000)]]
    target_steps: int = Field(ge=1)
    steps: int = Field(ge=1)
    batch_size: int = Field(ge=2, le=100_000)
    first_rate: Rate
    last_rate: Rate
    images: list[ImageName] = Field(min_length=1, max_length=1)
    image_tasks: ReLUs
    image_size: int = Field(ge=16, le=1024)
    image_pool: int = Field(ge=100, le=1_000_000)

    @field_validator("tasks", "image_tasks", "factors")
    @classmethod
    def _growing(cls, values: list[float]) -> list[float]:
        if values != sorted(set(values)):
            raise ValueError("must grow")
        return values

    @model_validator(mode="after")
    def _fitting(self) -> Parameters:
        orders = [*self.orders, *self.further_orders]
        if len(self.orders) < 3 or orders != sorted(set(orders)):
            raise ValueError("orders must be three or more and grow, further_orders after them")
        if USUAL not in self.factors:
            raise ValueError(f"factors must hold {USUAL:g}")
        if self.tasks[0] != 0:
            raise ValueError("tasks must begin with 0, the linear one")
        return self

    def kinds(self) -> list[Students]:
        """All kinds of student: those with shortcuts by width, then the usual ones without."""
        return [*(Students(factor, True) for factor in self.factors), Students(USUAL, False)]

    def family(self, kind: Family, seed: int) -> component_tasks.Config:
        """The family of a kind and seed."""
        learner = Learner(
            order=self.learner_order, width=self.width, budget=self._budget(self.target_steps)
        )
        return component_tasks.Config(
            data=Data.vectors(self.data[0], self.pool, self.test),
            relus=tuple(self.tasks),
            form=kind.form,
            seed=seed,
            width=self.task_width,
            feature=self.feature,
            learner=learner if kind.learned else None,
        )

    def families(self, kind: Family) -> list[component_tasks.Config]:
        """The families of a kind, one a seed."""
        return [self.family(kind, seed) for seed in range(self.seeds)]

    def drawn(self, form: Form) -> list[component_tasks.Config]:
        """Families of a form that nothing learns."""
        kind = Family(form, learned=False)
        return [self.family(kind, seed) for seed in range(self.drawn_seeds)]

    def chains(self, kind: Family, students: Students, chain_seed: int) -> list[Config]:
        """A chain for each seed of a kind of family."""
        further = self.further_orders if (kind, students) == (MAIN, (USUAL, True)) else []
        settings = Settings(
            orders=(*self.orders, *further),
            seed=chain_seed,
            width=max(1, round(students.factor * self.width)),
            skips=students.skips,
            budget=self._budget(self.steps),
        )
        return [Config(family=family, settings=settings) for family in self.families(kind)]

    def pairs(self) -> list[tuple[Family, Students]]:
        """Which family is taken apart by which students."""
        others = [(family, Students(USUAL, True)) for family in FAMILIES[1:]]
        return [*((MAIN, students) for students in self.kinds()), *others]

    def points(self) -> list[Config]:
        """Every chain: pairs outermost, then the seeds of the students, then those of the tasks."""
        return [
            chain
            for family, students in self.pairs()
            for chain_seed in CHAIN_SEEDS
            for chain in self.chains(family, students, chain_seed)
        ]

    def image_points(self) -> list[component_task_images.Config]:
        """The convolutional tasks, one point a seed."""
        images = Data(name=self.images[0], pool=self.image_pool, test=1, size=self.image_size)
        return [
            component_task_images.Config(data=images, relus=tuple(self.image_tasks), seed=seed)
            for seed in range(self.seeds)
        ]

    def _budget(self, steps: int) -> Budget:
        return Budget(
            steps=steps,
            batch_size=self.batch_size,
            first_rate=self.first_rate,
            last_rate=self.last_rate,
        )


class Config(BaseModel):
    """A family of tasks, and how its features are taken apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: component_tasks.Config
    settings: Settings


def needs(config: Config) -> list[tuple[ModuleType, BaseModel]]:
    """The family."""
    return [(component_tasks, config.family)]


def data_source(config: Config) -> str:
    """What a page calls the data."""
    return component_tasks.data_source(config.family)


def data_fingerprint(config: Config) -> str:
    """Fingerprint of pool and test samples."""
    return component_tasks.data_fingerprint(config.family)


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    return work(config.family.data, len(config.family.relus), config.settings)


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Compute a chain; see `strata.experiments.disentangling` for its format."""
    (tasks,) = given
    family = config.family
    learned = "learned" if family.learner else "given"
    names = ("task", learned, family.form, family.data.name, family.seed)
    return disentangle(tasks, family.data, config.settings, names, scratch=scratch)

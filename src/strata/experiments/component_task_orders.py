"""The feature components of families of tasks, under several kinds of student.

A point is a chain of students for a family of `strata.experiments.component_tasks`. The plain tasks
that nets have learned are taken apart by students of several widths, with and without shortcuts;
the other families by the usual students only. Every chain is trained from two seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from strata.experiments import component_tasks
from strata.experiments.component_parameters import Counts, Rate
from strata.experiments.component_tasks import Learner
from strata.experiments.disentangling import Settings, disentangle, work
from strata.experiments.random_tasks import Form
from strata.experiments.resting import data_of, needs_of
from strata.runs.result import Result
from strata.training.fitting import Budget

CHAIN_SEEDS = (0, 1)
"""Of the two chains of students of every kind."""
USUAL = 1.0
"""Width factor of the usual students."""


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


class Parameters(component_tasks.Design):
    """What the chapter's notebook can be given, with the allowed ranges.

    There are ``seeds`` of tasks that are learned and taken apart. ``learner_order`` and
    ``target_steps`` are of the nets that learn them, ``steps`` of a student. ``factors`` are the
    widths of the students as factors of ``width``. All kinds have students of ``orders``, the usual
    ones of `MAIN` those of ``further_orders`` too.
    """

    seeds: int = Field(ge=2, le=1000)
    learner_order: int = Field(ge=1, le=1000)
    width: int = Field(ge=2, le=4096)
    factors: list[Annotated[float, Field(gt=0, le=16)]] = Field(min_length=2)
    orders: Counts
    further_orders: list[Annotated[int, Field(ge=1, le=1000)]]
    target_steps: int = Field(ge=1)
    steps: int = Field(ge=1)
    batch_size: int = Field(ge=2, le=100_000)
    first_rate: Rate
    last_rate: Rate

    @field_validator("factors")
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
        return self

    def kinds(self) -> list[Students]:
        """All kinds of student: those with shortcuts by width, then the usual ones without."""
        return [*(Students(factor, True) for factor in self.factors), Students(USUAL, False)]

    def family(self, kind: Family, seed: int) -> component_tasks.Config:
        """The family of a kind and seed."""
        learner = Learner(
            order=self.learner_order, width=self.width, budget=self._budget(self.target_steps)
        )
        return self.of_form(kind.form, seed, learner if kind.learned else None)

    def families(self, kind: Family) -> list[component_tasks.Config]:
        """The families of a kind, one a seed."""
        return [self.family(kind, seed) for seed in range(self.seeds)]

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


needs = needs_of((component_tasks, "family"))
data_source, data_fingerprint = data_of(component_tasks, "family")


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

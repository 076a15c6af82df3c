"""What can be reconstructed of an image stage by stage, and why not more.

A point is one net with all its inversions: by two methods from every stage, from other starts, and
with a larger budget. Explained in the chapter ``notebooks/inversion-depth.ipynb``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from strata.experiments import inversion_nets, inversions
from strata.experiments.inversion_nets import Kind
from strata.experiments.inversion_rates import RATES, by_rate
from strata.experiments.inversions import Method, Start
from strata.experiments.resting import data_of
from strata.measures.inversion import distances
from strata.measures.reconstruction import hpcorr, mem, pearson
from strata.nets.stages import STAGES, Stage
from strata.runs.result import Result

METHODS: tuple[Method, ...] = ("blurred", "adam")
MAIN: Method = "adam"
"""The method of the further starts and of the larger budget."""
STARTS: tuple[Start, ...] = ("noise", "noise2", "gray", "other")
PAIRS = list(combinations(range(len(STARTS)), 2))
UNTRAINED: tuple[Kind, ...] = ("untrained", "calibrated")
KINDS: tuple[Kind, ...] = (*UNTRAINED, "natural")
"""The nets that are inverted by all methods."""
SEARCHED: tuple[Kind, ...] = ("untrained", "natural")
"""Those of the further starts and of the larger budget."""
FIRST: Stage = "conv1"
EARLY: Stage = "pool"
MIDDLE: Stage = "c3"
LATE: Stage = "c5"


class Parameters(inversion_nets.Parameters):
    """What the chapter's notebook can be given, with the allowed ranges.

    The untrained and the calibrated net have ``untrained_seeds``; of these the first ``seeds`` get
    further starts and the larger budget. A trained net gets further starts for the last stage only.
    Each inversion takes ``steps``, or ``budget_steps``.
    """

    untrained_seeds: int = Field(ge=2, le=1000)
    stages: list[Stage]
    steps: int = Field(ge=2, le=1_000_000)
    rate_steps: int = Field(ge=1, le=1_000_000)
    start_stages: list[Stage]
    budget_stages: list[Stage]
    budget_steps: int = Field(ge=2, le=1_000_000)

    @field_validator("stages", "start_stages", "budget_stages")
    @classmethod
    def _in_order(cls, stages: list[Stage], info: ValidationInfo) -> list[Stage]:
        if stages != [stage for stage in STAGES if stage in stages]:
            raise ValueError(f"must be in the order of {STAGES}, each once")
        judged = {
            "stages": {FIRST, EARLY, MIDDLE, LATE},
            "start_stages": {FIRST, EARLY, LATE},
            "budget_stages": {MIDDLE, LATE},
        }
        if missing := judged[info.field_name or ""] - set(stages):
            raise ValueError(f"claims are judged at {sorted(missing)} too")
        return stages

    @field_validator("start_stages", "budget_stages")
    @classmethod
    def _among_stages(cls, stages: list[Stage], info: ValidationInfo) -> list[Stage]:
        if not set(stages) <= set(info.data.get("stages", stages)):
            raise ValueError("must be among the stages")
        return stages

    @field_validator("budget_steps")
    @classmethod
    def _larger(cls, budget: int, info: ValidationInfo) -> int:
        if budget <= info.data.get("steps", 0):
            raise ValueError("must exceed steps")
        return budget

    def points(self) -> list[Config]:
        """All nets, seeds innermost: those of `KINDS`, and the one with equal stages."""
        return [
            self._point(self.net(kind, seed))
            for kind in (*KINDS, "equal")
            for seed in range(self.untrained_seeds if kind in UNTRAINED else self.seeds)
        ]

    def _point(self, net: inversion_nets.Config) -> Config:
        searched = net.kind in SEARCHED and net.seed < self.seeds
        starts = tuple(self.start_stages) if net.kind in UNTRAINED else (LATE,)
        return Config(
            net=net,
            stages=tuple(self.stages),
            methods=METHODS if net.kind in KINDS else (MAIN,),
            steps=self.steps,
            rate_steps=self.rate_steps,
            start_stages=starts if searched else (),
            budget_stages=tuple(self.budget_stages) if searched else (),
            budget_steps=self.budget_steps if searched else 0,
            rates=RATES if net.kind == "untrained" and net.seed == 0 else (),
        )


class Config(BaseModel):
    """A net, and how it is inverted.

    Attributes
    ----------
    stages, methods
        Each stage is inverted by each method in so many ``steps``, after ``rate_steps`` by which
        the step size is chosen where there is a choice.
    start_stages
        Inverted from all `STARTS`, by `MAIN`.
    budget_stages
        Inverted again in ``budget_steps``, by `MAIN`.
    rates
        Step sizes with which `EARLY` and the stage after it are inverted by blurred descent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    net: inversion_nets.Config
    stages: tuple[Stage, ...]
    methods: tuple[Method, ...]
    steps: int
    rate_steps: int
    start_stages: tuple[Stage, ...]
    budget_stages: tuple[Stage, ...]
    budget_steps: int
    rates: tuple[float, ...]

    def inversions(self) -> list[inversions.Config]:
        """From every stage by every method, methods first."""
        return [
            self._inversion(stage, method) for method, stage in product(self.methods, self.stages)
        ]

    def from_starts(self) -> list[inversions.Config]:
        """From all starts, the usual one again among them, stages first."""
        return [
            self._inversion(stage).model_copy(update={"start": start})
            for stage, start in product(self.start_stages, STARTS)
        ]

    def with_budget(self) -> list[inversions.Config]:
        """With the larger budget."""
        longer = {"steps": self.budget_steps}
        return [self._inversion(stage).model_copy(update=longer) for stage in self.budget_stages]

    def by_rates(self) -> list[inversions.Config]:
        """From the pooling and the stage after it, by the study's method."""
        place = self.stages.index(EARLY)
        return [self._inversion(stage, "blurred") for stage in self.stages[place : place + 2]]

    def _inversion(self, stage: Stage, method: Method = MAIN) -> inversions.Config:
        return inversions.Config(
            net=self.net,
            stage=stage,
            method=method,
            steps=self.steps,
            rate_steps=self.rate_steps,
        )


def needs(config: Config) -> list[tuple[ModuleType, BaseModel]]:
    """The net, and its inversions: from every stage, from all starts, with the larger budget."""
    wanted = [*config.inversions(), *config.from_starts(), *config.with_budget()]
    return [(inversion_nets, config.net), *((inversions, each) for each in wanted)]


data_source, data_fingerprint = data_of(inversion_nets, "net")


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work: all are short."""
    return float(len(config.methods) * len(config.stages))


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Look at the inversions of a net.

    Parameters
    ----------
    given
        The results of `needs`.

    Returns
    -------
    Result
        Arrays, for M methods, S stages and n images, the judged ones first. Of the paths:
        ``steps`` (c,), ``embedding`` and ``inputs`` (M, S, n, c). Of what was made: ``made`` (M, S,
        n, 3, size, size), and ``pearson``, ``hpcorr``, ``mem`` (M, S, n). ``rate``, ``reference``,
        ``nearest``, ``norm``, ``gray`` (S, n), and ``reference_input``, ``gray_input`` (n,), as
        `inversions.run` gives them. With T further stages: ``ends`` (T, starts, n, 3, size, size),
        ``ends_embedding`` and ``ends_inputs`` (T, starts, n), ``ends_apart`` (T, pairs, n), the
        distance between the ends of each of `PAIRS`, ``ends_mem`` (T, starts, n), and of the starts
        themselves ``begun_inputs`` (starts, n) and ``begun_apart`` (pairs, n). With B stages
        of the larger budget: ``budget_steps`` (d,), ``budget_embedding`` and ``budget_inputs`` (B,
        n, d). With rates: what `by_rate` gives for `Config.by_rates`. Metrics: ``elements`` of each
        stage, ``source``, ``training_accuracy`` and ``held_out_accuracy``.
    """
    net, *found = given
    count = len(config.inversions())
    usual, rest = found[:count], found[count:]
    originals = inversions.originals(config.inversions()[0]).numpy()
    stages = len(config.stages)
    first = usual[:stages]
    arrays = {
        "steps": first[0].arrays["steps"],
        **{name: _table(usual, name, stages) for name in ("embedding", "inputs", "made")},
        **_likeness(usual, originals, stages),
        **{
            name: np.stack([each.arrays[name] for each in first])
            for name in ("reference", "nearest", "norm", "gray")
        },
        **{name: first[0].arrays[name] for name in ("reference_input", "gray_input")},
    }
    if chosen := [each.arrays["rate"] for each in usual if "rate" in each.arrays]:
        arrays["rate"] = np.stack(chosen)
    if config.start_stages:
        starts = len(config.from_starts())
        arrays |= _ends(rest[:starts], originals)
        arrays |= _budgets(rest[starts:])
    if config.rates:
        arrays |= by_rate(config.by_rates(), net, config.rates)
    metrics = {
        "elements": [each.metrics["elements"] for each in first],
        **{
            name: net.metrics[name] for name in ("source", "training_accuracy", "held_out_accuracy")
        },
    }
    return Result(metrics=metrics, arrays=arrays)


def _table(results: Sequence[Result], name: str, columns: int) -> NDArray:
    """One array of several inversions: rows, columns, then the array's own axes."""
    stacked = np.stack([each.arrays[name] for each in results])
    return stacked.reshape(-1, columns, *stacked.shape[1:])


def _likeness(results: Sequence[Result], originals: NDArray, stages: int) -> dict[str, NDArray]:
    made = [each.arrays["made"] for each in results]
    found = {
        "pearson": [pearson(images, originals) for images in made],
        "hpcorr": [hpcorr(images, originals) for images in made],
        "mem": [mem(each.arrays["made"], originals, each.arrays["start"]) for each in results],
    }
    return {name: np.reshape(rows, (-1, stages, len(originals))) for name, rows in found.items()}


def _ends(results: Sequence[Result], originals: NDArray) -> dict[str, NDArray]:
    ends = _table(results, "made", len(STARTS))
    kept = [mem(each.arrays["made"], originals, each.arrays["start"]) for each in results]
    begun = np.stack([each.arrays["start"] for each in results[: len(STARTS)]])
    inputs = _table(results, "inputs", len(STARTS))
    return {
        "begun_apart": _apart(begun),
        "begun_inputs": inputs[0, ..., 0],
        "ends": ends,
        "ends_embedding": _table(results, "embedding", len(STARTS))[..., -1],
        "ends_inputs": inputs[..., -1],
        "ends_apart": np.stack([_apart(stage) for stage in ends]),
        "ends_mem": np.reshape(kept, (-1, len(STARTS), len(originals))),
    }


def _apart(images: NDArray) -> NDArray:
    """Distances (pairs, n) between images (starts, n, ...)."""
    tensors = torch.from_numpy(images)
    return torch.stack([distances(tensors[i], tensors[j]) for i, j in PAIRS]).numpy()


def _budgets(results: Sequence[Result]) -> dict[str, NDArray]:
    return {
        "budget_steps": results[0].arrays["steps"],
        "budget_embedding": np.stack([each.arrays["embedding"] for each in results]),
        "budget_inputs": np.stack([each.arrays["inputs"] for each in results]),
    }

"""What a profile would take on a hundred nodes: points, operations, hours and bytes, not run.

A point counts for the first chapter that asks for it or needs it, in the order of the book, as in a
run of all chapters. Operations are counted (`strata.book.operations`). Hours are extrapolated: a
chapter keeps up the multiply-adds a second that its published run has kept up on one core, all its
seconds included. Where a node has a GPU, the rate is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from pathlib import Path
from types import ModuleType
from typing import Any

from strata.book.jobs import shard_count
from strata.book.operations import held_bytes, multiply_adds, stored_bytes, with_needs
from strata.book.profiles import Notebook, points, resolve, validate
from strata.book.record import Record
from strata.experiments import features
from strata.experiments.feature_costs import requirements
from strata.sweep import shard

NODES, THREADS = 100, 16
LEAST_COMPUTED = 0.25
"""Share of its points that a run must have computed, and not read, to say how fast it computes.

Not 1: a chapter may ask for points that it declares no sooner than the one after it does.
"""
HOUR = 3600.0
GIGA = 1e9


@dataclass(frozen=True)
class Node:
    """A kind of node.

    Attributes
    ----------
    name
        What it is.
    workers
        Points that it computes at a time.
    rate
        Multiply-adds a second of each; None for what our own run has kept up on a core.
    """

    name: str
    workers: int
    rate: float | None = None


@dataclass(frozen=True)
class Cost:
    """What a chapter adds to a profile.

    Attributes
    ----------
    name
        Of the notebook.
    shards
        For each of its jobs, the multiply-adds of the points it computes.
    kept, held
        Bytes of the large arrays in the store, and of those that one point holds at once.
    uncounted
        Points whose operations are not counted.
    """

    name: str
    shards: tuple[tuple[float, ...], ...]
    kept: float
    held: float
    uncounted: int

    @property
    def points(self) -> int:
        """Of all jobs, with what they need."""
        return sum(map(len, self.shards))

    @property
    def work(self) -> float:
        """Multiply-adds of all points."""
        return sum(map(sum, self.shards))

    @property
    def longest(self) -> float:
        """Multiply-adds of the largest point."""
        return max((point for one in self.shards for point in one), default=0.0)


def costs(
    notebooks: Sequence[Notebook],
    profile: str,
    root: Path,
    nodes: int = NODES,
    threads: int = THREADS,
) -> list[Cost]:
    """Count every chapter of a profile, without data and without computing anything.

    Parameters
    ----------
    notebooks, profile, root
        Of which chapters, in the order in which points are counted.
    nodes, threads
        Among which points are shared, see `strata.book.jobs.shard_count`.
    """
    seen: set[tuple[str, Any]] = set()
    numbers = [shard_count(notebook, profile, root, nodes, threads) for notebook in notebooks]
    return [
        _cost(notebook, profile, root, number, seen)
        for notebook, number in zip(notebooks, numbers, strict=True)
    ]


def _cost(
    notebook: Notebook, profile: str, root: Path, number: int, seen: set[tuple[str, Any]]
) -> Cost:
    parameters = resolve(notebook, profile, root)
    jobs: list[list[float]] = [[] for _ in range(number)]
    kept, held, uncounted = 0.0, 0.0, 0
    for module, configs in points(notebook, parameters):
        together = _of_features(notebook, module, parameters, configs)
        for i, job in enumerate(jobs):
            for point in with_needs(module, shard(module, configs, i + 1, number), seen):
                work, size = multiply_adds(*point), stored_bytes(*point)
                if point[0] is features:
                    work, size = together
                job.append(work or 0.0)
                uncounted += work is None
                kept += size or 0.0
                held = max(held, held_bytes(*point))
    return Cost(notebook.name, tuple(map(tuple, jobs)), kept, held, uncounted)


def _of_features(
    notebook: Notebook, module: ModuleType, parameters: Mapping[str, Any], configs: Sequence[Any]
) -> tuple[float, float]:
    """Multiply-adds and bytes kept of a point of `features`: they are counted together."""
    if module is not features:
        return 0.0, 0.0
    stages = requirements(validate(module, notebook.name, parameters)).stages
    after = [stage for stage in stages if stage.stage != "training"]
    number = len(set(configs))
    kept = GIGA * sum(stage.disk_gb for stage in after)
    return sum(stage.multiply_adds for stage in after) / number, kept / number


@dataclass(frozen=True)
class Estimate:
    """What a chapter of a profile takes, by the rate that its published run has kept up."""

    cost: Cost
    measured_work: float
    """Multiply-adds of the published run, counted in the same way; 0 if it read its points."""
    measured_seconds: float
    """Of its cores together."""

    @property
    def rate(self) -> float:
        """Multiply-adds a second on one core."""
        return self.measured_work / self.measured_seconds

    @property
    def core_hours(self) -> float:
        """On one core."""
        return self.cost.work / self.rate / HOUR

    @property
    def longest_hours(self) -> float:
        """Of the largest point, which one core computes."""
        return self.cost.longest / self.rate / HOUR

    def job_hours(self, node: Node) -> list[float]:
        """Hours of each job on a node: that of its largest point at the least."""
        rate = (node.rate or self.rate) * HOUR
        return [
            max(sum(points) / node.workers, max(points, default=0.0)) / rate
            for points in self.cost.shards
        ]


def makespan(hours: Sequence[float], nodes: int) -> float:
    """Hours until the last of some jobs is done, the longest first, each on the first free node."""
    free = [0.0] * nodes
    heapify(free)
    for job in sorted(hours, reverse=True):
        heapreplace(free, free[0] + job)
    return max(free)


def estimates(
    notebooks: Sequence[Notebook], records: Mapping[str, Record], root: Path
) -> list[Estimate]:
    """Scale the ``paper`` profile by the records of ``full``, one for each notebook."""
    wanted, known = (costs(notebooks, profile, root) for profile in ("paper", "full"))
    runs = [records[notebook.name].run for notebook in notebooks]
    return [
        Estimate(cost, _work(before, run), run["seconds"] * run["workers"])
        for cost, before, run in zip(wanted, known, runs, strict=True)
    ]


def _work(cost: Cost, run: Mapping[str, Any]) -> float:
    """What a run has computed; one of before this was counted began with an empty store."""
    computed = run.get("points_computed", cost.points)
    return cost.work if computed >= LEAST_COMPUTED * cost.points else 0.0

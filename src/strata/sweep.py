"""Sweeps: many points of an experiment, computed in parallel where the store has none.

Workers are processes of one thread each, however many there are: thread counts change sums.
"""

import os
from collections.abc import Hashable, Sequence
from contextlib import closing
from types import ModuleType
from typing import NamedTuple, TypeVar

from pydantic import BaseModel

from strata.environment import checked, whole_number
from strata.progress import Progress
from strata.runs.point import Experiment, Point, StackingExperiment
from strata.runs.pool import StartError, outcomes
from strata.runs.result import Result
from strata.runs.worker import Task
from strata.sources import source_fingerprint
from strata.store import Store, StoreError, default_store

__all__ = [
    "Experiment",
    "StackingExperiment",
    "SweepError",
    "UsedPoint",
    "shard",
    "sweep",
    "used_points",
    "worker_count",
]

STACK = 8
"""At most this many points are computed together."""

_SHOWN = 5
_Key = TypeVar("_Key", bound=Hashable)


class SweepError(RuntimeError):
    """Some points could not be computed; the others are stored.

    Parameters
    ----------
    message
        What happened, with the first points and the first traceback.
    points
        All points without a result.
    """

    def __init__(self, message: str, points: Sequence[Point]) -> None:
        super().__init__(message)
        self.points = tuple(points)


class UsedPoint(NamedTuple):
    """A point whose result a sweep has handed out in this process."""

    experiment: str
    key: str
    digest: str


_used: dict[UsedPoint, None] = {}


def used_points() -> list[UsedPoint]:
    """Give the points that the sweeps of this process handed out, in order, each once."""
    return list(_used)


def sweep(
    experiment: Experiment | ModuleType,
    points: Sequence[BaseModel],
    *,
    store: Store | None = None,
    workers: int | None = None,
) -> list[Result]:
    """Give the results of points: from the store, and computed where it has none.

    Every worker stores what it has computed, so a sweep that is killed goes on from there.

    What the missing points need of other experiments is computed first, in the same way; see
    `Experiment`.

    Points with the same ``stack_key`` are computed together, at most `STACK` of them, taken in
    the order of ``points``. The stack belongs to the key of its points, and is computed as a
    whole if one of them is missing. So a list of points has the same results to the last bit
    whatever the number of workers, an interruption, or what the store holds already; in another
    list a point may be in another stack, and is computed again with another rounding.

    A script that calls this needs ``if __name__ == "__main__":`` around its work.

    Parameters
    ----------
    experiment
        A module that can be imported by its name; see `Experiment`.
    points
        Configs of the experiment; repeated ones are computed once.
    store
        Default: `default_store`.
    workers
        Number of worker processes; default: ``STRATA_WORKERS``, else the number of cores that
        this process may use. 0 computes in this process, for debugging.

    Returns
    -------
    list of Result
        In the order of ``points``.

    Raises
    ------
    SweepError
        A point raised or its worker died (the others are computed first), or no worker can start.
    StoreError
        The store cannot be used.
    """
    store = store or default_store()
    workers = worker_count() if workers is None else checked(workers, "workers")
    asked, found = _obtain(experiment, points, store, workers)
    for point, result in found.values():
        _used[UsedPoint(point.experiment, point.key, result.digest())] = None
    return [found[point.key][1] for point in asked]


def _obtain(
    experiment: Experiment, points: Sequence[BaseModel], store: Store, workers: int
) -> tuple[list[Point], dict[str, tuple[Point, Result]]]:
    """Read what the store has and compute the rest.

    Returns the points as they were asked for, and by their keys the points as they are stored,
    with the results.
    """
    source = source_fingerprint([experiment.__name__])
    asked = [Point.of(experiment, config, source=source) for config in points]
    alone = {point.key: point for point in asked}
    configs = {point.key: config for point, config in zip(asked, points, strict=True)}
    tasks, unique = [], {}
    for keys in _longest_first(experiment, configs):
        stack = [alone[key] for key in keys]
        tasks.append(Task(tuple(point.in_stack(stack) for point in stack), store.root))
        unique |= zip(keys, tasks[-1].points, strict=True)
    results = {key: store.get(unique[key]) for key in alone}
    if missing := {unique[key].key: key for key, result in results.items() if result is None}:
        store.prepare(asked[0].short_name)
        short = [task for task in tasks if any(point.key in missing for point in task.points)]
        for module, needed in _needed(experiment, [configs[key] for key in missing.values()]):
            _obtain(module, needed, store, workers)
        _compute(short, set(missing), workers)
        results |= {key: store.get(unique[key]) for key in missing.values()}
    if lost := [unique[key] for key, result in results.items() if result is None]:
        raise SweepError(f"{lost[0]} was stored, and is gone again from {store.root}", lost)
    return asked, {key: (unique[key], results[key]) for key in alone}


def _needed(
    experiment: Experiment, configs: Sequence[BaseModel]
) -> list[tuple[Experiment, list[BaseModel]]]:
    """What points need of other experiments, by experiment, in the order of first mention."""
    needs = getattr(experiment, "needs", lambda config: ())
    found: dict[str, tuple[Experiment, list[BaseModel]]] = {}
    for config in configs:
        for module, need in needs(config):
            found.setdefault(module.__name__, (module, []))[1].append(need)
    return list(found.values())


def shard(
    experiment: Experiment | ModuleType, points: Sequence[BaseModel], i: int, n: int
) -> list[BaseModel]:
    """Give the ``i``-th of ``n`` parts of a sweep, so that ``n`` machines can share it.

    The parts are disjoint, cover all points and have about the same cost. Stacks stay whole, so
    the parts give the same bits as the sweep in one.

    Parameters
    ----------
    i, n
        1 ≤ i ≤ n.

    Raises
    ------
    ValueError
        ``i`` or ``n`` is out of range.
    """
    if n < 1 or not 1 <= i <= n:
        raise ValueError(f"shard {i}/{n}: i and n must be whole numbers with 1 <= i <= n")
    configs = dict(enumerate(dict.fromkeys(points)))
    loads, parts = [0.0] * n, [[] for _ in range(n)]
    for stack in _longest_first(experiment, configs):
        lightest = loads.index(min(loads))
        loads[lightest] += sum(experiment.cost(configs[place]) for place in stack)
        parts[lightest].extend(stack)
    return [configs[place] for place in sorted(parts[i - 1])]


def worker_count() -> int:
    """Give the number of workers: ``STRATA_WORKERS``, else the cores this process may use.

    Raises
    ------
    ValueError
        ``STRATA_WORKERS`` is no whole number, or below 0.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return whole_number("STRATA_WORKERS", cores)


def _longest_first(experiment: Experiment, configs: dict[_Key, BaseModel]) -> list[list[_Key]]:
    """Form the stacks of a sweep, the costliest first (of equals, the first)."""
    stacks, open_stacks = [], {}
    stack_key = getattr(experiment, "stack_key", lambda config: None)
    for key, config in configs.items():
        kind = stack_key(config)
        stack = None if kind is None else open_stacks.get(kind)
        if stack is None or len(stack) == STACK:
            stack = []
            stacks.append(stack)
            if kind is not None:
                open_stacks[kind] = stack
        stack.append(key)
    return sorted(stacks, key=lambda stack: -sum(experiment.cost(configs[key]) for key in stack))


def _compute(tasks: list[Task], missing: set[str], workers: int) -> None:
    """Compute tasks; raise when all that can be done is done."""
    left = {point.key: point for task in tasks for point in task.points if point.key in missing}
    total, failures, died = len(left), [], False
    ended = outcomes(tasks, workers)
    try:
        with Progress(total, tasks[0].points[0].short_name) as progress, closing(ended):
            for task, outcome in ended:
                fresh = [point for point in task.points if point.key in left]
                if outcome is None:
                    died = True
                    continue
                if outcome.store_failure:
                    raise StoreError(outcome.store_failure)
                if outcome.failure:
                    failures.append(outcome.failure)
                else:
                    for point in fresh:
                        del left[point.key]
                progress.advance(len(fresh))
    except StartError as error:
        raise SweepError(str(error), list(left.values())) from error
    if left:
        raise SweepError(_message(list(left.values()), total, failures, died), list(left.values()))


def _message(left: list[Point], total: int, failures: list[str], died: bool) -> str:
    lines = [
        f"{len(left)} of {total} points of {left[0].short_name} have no result; "
        f"the other {total - len(left)} are stored"
    ]
    if died:
        lines.append(
            "a worker process died (killed, or out of memory?): run again, "
            "with fewer workers (STRATA_WORKERS) if memory is short"
        )
    lines += [f"  {point}: {point.config_json}" for point in left[:_SHOWN]]
    if len(left) > _SHOWN:
        lines.append(f"  … and {len(left) - _SHOWN} more")
    if failures:
        lines.append(f"the first exception:\n{failures[0].rstrip()}")
    return "\n".join(lines)

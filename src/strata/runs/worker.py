"""The far side of a sweep: what a worker process does.

A worker uses one thread (or ``STRATA_THREADS``), takes one stack of points at a time, and stores
what it computes itself. It ends at once when the sweep stops or its process dies.
"""

import contextlib
import importlib
import multiprocessing
import os
import signal
import threading
import traceback
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import Connection, wait
from pathlib import Path

from pydantic import BaseModel

from strata.environment import thread_count
from strata.runs.point import Experiment, Point
from strata.runs.result import Result
from strata.runs.threads import with_threads
from strata.sources import source_fingerprint
from strata.store import Store, StoreError

_POOLS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Task:
    """One stack: points of one experiment that are computed together."""

    points: tuple[Point, ...]
    root: Path


@dataclass(frozen=True)
class Outcome:
    """How a task went: nothing set if all of its points are stored.

    Parameters
    ----------
    failure
        The traceback of the experiment's exception.
    store_failure
        The message of a `StoreError`: no other task can do better.
    """

    failure: str | None = None
    store_failure: str | None = None


def serve(connection: Connection, environment: dict[str, str]) -> None:
    """Work in this process until there is no more to do.

    Parameters
    ----------
    connection
        Sends None when ready, then takes tasks and sends an `Outcome` for each.
    environment
        The sweep's environment variables: a fork server keeps those of its own start.
    """
    threading.Thread(target=_die_with_the_sweep, daemon=True).start()
    # Ctrl-C reaches the whole group; the sweep's process decides what happens.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.clear()
    os.environ.update(environment)
    os.environ.update(dict.fromkeys(_POOLS, str(thread_count())))
    connection.send(None)
    with contextlib.suppress(EOFError):
        while True:
            connection.send(compute(connection.recv()))


def _die_with_the_sweep() -> None:
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def compute(task: Task) -> Outcome:
    """Compute and store what the store does not have yet of a task."""
    store = Store(task.root)
    try:
        experiment = _load(task.points[0].experiment, task.points[0].made_of["source"])
        with with_threads(thread_count()), store.lock(*task.points):
            missing = {point.key for point in task.points if store.get(point) is None}
            if missing:
                _compute_stack(experiment, store, task.points, missing)
    except StoreError as error:
        return Outcome(store_failure=str(error))
    except Exception:
        return Outcome(failure=traceback.format_exc())
    return Outcome()


def _compute_stack(
    experiment: Experiment, store: Store, points: tuple[Point, ...], missing: set[str]
) -> None:
    """Compute a whole stack, even if some of it is there: its members share their rounding."""
    configs = [experiment.Config.model_validate_json(point.config_json) for point in points]
    if hasattr(experiment, "needs"):
        # Never stacked, so that each has one config.
        given = [_given(store, module, need) for module, need in experiment.needs(configs[0])]
        results = [experiment.run(configs[0], scratch=store.scratch(points[0]), given=given)]
    elif len(configs) == 1:
        results = [experiment.run(configs[0], scratch=store.scratch(points[0]))]
    else:
        results = experiment.run_many(configs)
    for point, result in zip(points, results, strict=True):
        if point.key in missing:
            store.put(point, result)


def _given(store: Store, experiment: Experiment, config: BaseModel) -> Result:
    point = Point.of(experiment, config)
    result = store.get(point)
    if result is None:
        raise RuntimeError(f"{point}, which this point needs, is not in the store")
    return result


@lru_cache
def _load(name: str, source: str) -> Experiment:
    """Import an experiment, and make sure that it is what the keys of the points say."""
    experiment = importlib.import_module(name)
    if source_fingerprint([name]) != source:
        raise RuntimeError(f"the source files behind {name} changed during the sweep: run it again")
    return experiment

"""What an engine has to know of a notebook to run it in pieces: its jobs, their time and memory.

Everything comes from ``book/profiles.yml`` and the experiments; the ``Snakefile`` repeats none of
it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata.book.operations import held_bytes, with_needs
from strata.book.profiles import Notebook, points, resolve
from strata.book.record import key_of, key_parts

SHARD_HOURS = 1.0
"""What a shard takes on its node, at the least: shorter ones cost more than they give."""
PROFILE_CORES = 2
"""The cores that the seconds of ``book/profiles.yml`` are for."""
SLACK = 3
"""A job may take this many times its expected time before an engine stops it."""
LEAST_MINUTES = 30
WORKER_MB = 2000
"""Of a process beside the large arrays of its point: the full profile needs about that."""


@dataclass(frozen=True)
class Jobs:
    """The jobs of one notebook under one profile.

    Attributes
    ----------
    shards
        Jobs that its points are shared among.
    threads
        Worker processes of each job.
    memory_mb
        Of each job.
    shard_minutes, notebook_minutes
        Wall-clock limits of a shard, and of the notebook where all points are stored.
    key
        Changes with parameters, code and claims, as the key of a record does. Data are left out:
        they need not be where the engine is.
    """

    shards: int
    threads: int
    memory_mb: int
    shard_minutes: int
    notebook_minutes: int
    key: str


def jobs_of(
    notebook: Notebook,
    profile: str,
    root: Path,
    *,
    nodes: int = 1,
    threads: int = 1,
    shards: int | None = None,
) -> Jobs:
    """Divide the points of a notebook among nodes.

    Parameters
    ----------
    notebook, profile, root
        What is to be run, and where the project is.
    nodes
        At most as many shards as there are nodes.
    threads
        Cores of a node.
    shards
        So many, however short they are.

    Raises
    ------
    ParameterError
        The notebook has no such profile, or a parameter is refused.
    """
    parameters = resolve(notebook, profile, root)
    if shards:
        number = min(shards, _largest_sweep(notebook, parameters))
    else:
        number = shard_count(notebook, profile, root, nodes, threads)
    minutes = SLACK * 60 * _core_hours(notebook, profile) / (threads * number)
    return Jobs(
        shards=number,
        threads=threads,
        memory_mb=WORKER_MB + threads * (WORKER_MB + _held_mb(notebook, parameters)),
        shard_minutes=max(LEAST_MINUTES, math.ceil(minutes)),
        notebook_minutes=LEAST_MINUTES,
        key=key_of(key_parts(notebook, parameters, root, data={})),
    )


def shard_count(notebook: Notebook, profile: str, root: Path, nodes: int, threads: int = 1) -> int:
    """How many shards the points of a notebook are worth on so many nodes of so many cores."""
    most = min(nodes, _largest_sweep(notebook, resolve(notebook, profile, root)))
    return min(most, math.ceil(_core_hours(notebook, profile) / threads / SHARD_HOURS))


def _core_hours(notebook: Notebook, profile: str) -> float:
    return PROFILE_CORES * notebook.profiles[profile].seconds / 3600


def _held_mb(notebook: Notebook, parameters: dict[str, Any]) -> int:
    """Of the point that holds most."""
    seen: set[tuple[str, Any]] = set()
    asked = points(notebook, parameters)
    found = [point for module, configs in asked for point in with_needs(module, configs, seen)]
    return math.ceil(max((held_bytes(*point) for point in found), default=0.0) / 1e6)


def _largest_sweep(notebook: Notebook, parameters: dict[str, Any]) -> int:
    numbers = (len(set(configs)) for _, configs in points(notebook, parameters))
    return max(numbers, default=1)

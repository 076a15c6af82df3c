"""Executing notebooks: papermill in a fresh process each, published only when whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat

from strata.book.facts import run_facts
from strata.book.files import require_writable, write_whole
from strata.book.profiles import Notebook, resolve
from strata.book.record import (
    Record,
    RecordError,
    collect_result,
    executed_folder,
    key_of,
    key_parts,
    publish,
    require_complete,
)
from strata.book.scratch import scratch_folder
from strata.book.watch import Watch, end_children, end_tree
from strata.data.images.location import absolute_locations
from strata.progress import EventFile, follow
from strata.sweep import worker_count

SLACK = 8
"""A notebook may take this many times its expected seconds before it is stopped."""
LEAST_LIMIT = 900
PROGRESS = "progress.jsonl"


@dataclass(frozen=True)
class Outcome:
    """What became of one notebook."""

    notebook: str
    record: Record | None
    error: str | None


@dataclass(frozen=True)
class Job:
    """One notebook to execute, fully resolved."""

    notebook: Notebook
    profile: str
    parameters: dict[str, Any]
    key_parts: dict[str, Any]
    limit: float


def prepare(
    notebooks: list[Notebook],
    profile: str,
    root: Path,
    overrides: Mapping[str, Any] | None = None,
    limit: float | None = None,
) -> list[Job]:
    """Resolve and check every notebook before the first one runs.

    Raises
    ------
    ParameterError
        If any parameter of any notebook is refused.
    """
    jobs = []
    for notebook in notebooks:
        parameters = resolve(notebook, profile, root, overrides)
        expected = notebook.profiles[profile].seconds
        jobs.append(
            Job(
                notebook,
                parameters["profile"],
                parameters,
                key_parts(notebook, parameters, root),
                limit or max(LEAST_LIMIT, SLACK * expected),
            )
        )
    return jobs


@dataclass(frozen=True)
class Setting:
    """Where and how jobs are executed.

    Parameters
    ----------
    root : Path
        Project root; the working folder of every notebook.
    at_once : int
        Notebooks at a time; the cores are shared among them.
    folder : Path, optional
        Where executed notebooks go, instead of the profile's own place.
    store : Path, optional
        Another run store than the default.
    say : callable
        Takes a line for the user.
    threads : int
        Threads of a worker; sums depend on them.
    seeds : int
        The family that all seeds are taken from; 0 is the published one.
    """

    root: Path
    at_once: int = 1
    folder: Path | None = None
    store: Path | None = None
    say: Callable[[str], None] = print
    threads: int = 1
    seeds: int = 0

    @property
    def cores(self) -> int:
        """Cores of one notebook."""
        return max(1, worker_count() // self.at_once)

    @property
    def scratch(self) -> Path:
        """Where notebooks lie while they run."""
        return self.root / "_build" / "work"

    def target(self, profile: str) -> Path:
        """Where executed notebooks of a profile go."""
        return self.folder or executed_folder(self.root, profile)

    def workers(self, profile: str) -> int:
        """Worker processes of one notebook's sweeps; 0: the notebook computes by itself.

        Of the smoke profile a point takes less time than the start of a worker.
        """
        if profile == "smoke" or self.cores == 1:
            return 0
        return max(1, self.cores // self.threads)

    def environment(self, profile: str, progress: Path) -> dict[str, str]:
        """Environment of a notebook: its share of the cores, its store, where it reports to."""
        extra = {
            "STRATA_ROOT": str(self.root),
            "STRATA_PROGRESS": str(progress),
            "STRATA_WORKERS": str(self.workers(profile)),
            "STRATA_THREADS": str(self.threads),
            "STRATA_SEEDS": str(self.seeds),
            "OMP_NUM_THREADS": str(self.cores),
            "JUPYTER_PREFER_ENV_PATH": "1",
            "PYTHONHASHSEED": "0",
        }
        if self.store is not None:
            extra["STRATA_STORE"] = str(self.store)
        return os.environ | absolute_locations() | extra


def require_ready(jobs: list[Job], setting: Setting) -> None:
    """Make sure, before the first notebook runs, that what comes out can be kept.

    Raises
    ------
    ValueError
        A folder cannot be written, or ``STRATA_WORKERS`` is no whole number.
    """
    worker_count()
    for folder in dict.fromkeys([setting.scratch, *(setting.target(job.profile) for job in jobs)]):
        require_writable(folder)


def run(jobs: list[Job], setting: Setting) -> Iterator[Outcome]:
    """Execute notebooks; those that fail are kept aside and the others go on.

    Yields every outcome, in the order of the jobs, once it is known: hours of work after it cannot
    lose it.
    """
    with ThreadPoolExecutor(max_workers=setting.at_once) as pool:
        try:
            yield from pool.map(lambda job: _run_one(job, setting), jobs)
        except BaseException:
            # Ctrl-C: the notebooks do not hear it, they have sessions of their own.
            pool.shutdown(wait=False, cancel_futures=True)
            end_children()
            raise


def _run_one(job: Job, setting: Setting) -> Outcome:
    try:
        with scratch_folder(setting.scratch) as work:
            return _execute(job, setting, work)
    except OSError as error:
        return Outcome(job.notebook.name, None, f"cannot write: {error}")


def _execute(job: Job, setting: Setting, work: Path) -> Outcome:
    name, target = job.notebook.name, setting.target(job.profile)
    output = work / f"{name}.ipynb"
    task = {
        "source": str(job.notebook.source(setting.root)),
        "output": str(output),
        "parameters": job.parameters,
        "error": str(work / "error.txt"),
        "cwd": str(setting.root),
        "parent": os.getpid(),
    }
    (work / "job.json").write_text(json.dumps(task), encoding="utf-8")
    setting.say(f"{name}: running the {job.profile} profile")
    started = time.monotonic()
    watch = _watch(work, setting, job)
    seconds = time.monotonic() - started
    if watch.timed_out:
        text = f"stopped after {job.limit:.0f} s, its wall-clock limit"
        return _keep_failed(job, setting, output, text)
    if watch.returncode != 0:
        return _keep_failed(job, setting, output, _error_text(work))
    try:
        record = _accept(job, output)
    except RecordError as error:
        return _keep_failed(job, setting, output, str(error))
    facts = run_facts(
        setting.root,
        seconds=seconds,
        peak_memory=watch.peak_memory,
        computed=sum(event.done for event in EventFile(work / PROGRESS).read() if event.over),
        workers=max(1, setting.workers(job.profile)),
        threads=setting.threads,
        seeds=setting.seeds,
    )
    record = replace(record, run=facts)
    publish(record, output, target)
    setting.say(f"{name}: done in {seconds:.0f} s, {target / output.name}")
    return Outcome(name, record, None)


def _watch(work: Path, setting: Setting, job: Job) -> Watch:
    """Start the process of a job and follow it to its end."""
    progress = work / PROGRESS
    progress.touch()
    with (work / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "strata.book.execute", str(work / "job.json")],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=setting.environment(job.profile, progress),
            start_new_session=True,
        )
        watch = Watch(process, job.limit)
        try:
            follow(progress, stop=lambda: process.poll() is not None, label=job.notebook.name)
            process.wait()
        finally:
            end_tree(process)
        watch.thread.join()
    return watch


def _error_text(work: Path) -> str:
    """What the failed process said of its error; else all that it printed."""
    for name in ("error.txt", "log"):
        path = work / name
        if path.exists() and (text := path.read_text(encoding="utf-8").strip()):
            return text
    return "the process ended without a word"


def _accept(job: Job, output: Path) -> Record:
    node = nbformat.read(output, as_version=4)
    require_complete(node, job.notebook.name)
    return Record(
        notebook=job.notebook.name,
        profile=job.profile,
        parameters=job.parameters,
        key=key_of(job.key_parts),
        key_parts=job.key_parts,
        result=collect_result(node),
    )


def _keep_failed(job: Job, setting: Setting, output: Path, text: str) -> Outcome:
    name = job.notebook.name
    folder = setting.root / "_build" / job.profile / "failed"
    write_whole(folder / f"{name}.txt", text + "\n")
    if output.exists():
        shutil.move(output, folder / output.name)
    setting.say(f"{name}: FAILED: {text.splitlines()[0]}")
    setting.say(f"{name}: the whole error is in {folder / f'{name}.txt'}")
    return Outcome(name, None, text)

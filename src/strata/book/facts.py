"""The facts of a run: machine, versions, time, memory, commit."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from strata.book import processor


def machine() -> dict[str, Any]:
    """What the numbers may depend on: processor, system, versions, threads."""
    import torch  # here, as commands that run nothing should not wait for it

    return {
        "cpu": processor.model(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        **{name: version(name) for name in ("numpy", "scipy", "scikit-learn", "papermill")},
    }


def run_facts(
    root: Path,
    *,
    seconds: float,
    peak_memory: int,
    computed: int,
    workers: int,
    threads: int,
    seeds: int,
) -> dict[str, Any]:
    """Facts of one run: machine, time, memory, threads, family of seeds, commit and date.

    ``computed`` are the points that it did not find in the store.
    """
    commit, clean = git_state(root)
    return {
        "machine": machine(),
        "device": "cpu",  # every experiment computes on the processor so far
        "seconds": round(seconds, 1),
        "peak_memory_mb": round(peak_memory / 2**20),
        "points_computed": computed,
        "workers": workers,
        "threads_per_worker": threads,
        "seed_family": seeds,
        "commit": commit,
        "clean": clean,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def git_state(root: Path) -> tuple[str | None, bool | None]:
    """Commit and whether the tree was clean; ``None`` outside a git checkout."""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        status = _git(root, "status", "--porcelain", "--", ".", ":!book/executed")
    except (OSError, subprocess.CalledProcessError):
        return None, None
    return commit.strip(), not status.strip()


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout

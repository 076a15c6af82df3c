"""Sizes of the benchmarks, and measurements in a process of its own."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeVar

Size = TypeVar("Size")
PUBLISHED = bool(os.environ.get("STRATA_BENCH_OUT"))
"""Whether the rows are kept for the published page, as ``make benchmarks`` does."""


def size(published: Size, smaller: Size) -> Size:
    """The published size where rows are kept, else one that is held to the same in less time."""
    return published if PUBLISHED else smaller


def in_its_own_process(code: str, *arguments: object) -> dict[str, Any]:
    """What a script prints as JSON; it can import this module."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def peak_gigabytes() -> float:
    """The most memory that this process had.

    On Linux not from `getrusage`: there a new process starts with the peak of the one it came from.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9

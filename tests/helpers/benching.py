"""Sizes of the benchmarks, seconds of ways that take turns, and a process of its own."""

import json
import math
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

Size = TypeVar("Size")
PUBLISHED = bool(os.environ.get("STRATA_BENCH_OUT"))
"""Whether the rows are kept for the published page, as ``make benchmarks`` does."""
SHORT, REPEATS = 0.1, 5


def size(published: Size, smaller: Size) -> Size:
    """The published size where rows are kept, else one that is held to the same in less time."""
    return published if PUBLISHED else smaller


def in_turns(rounds: int, **ways: Callable[[], Any]) -> tuple[dict[str, float], dict[str, Any]]:
    """Least processor seconds of each way, and what it gave last.

    The ways take turns, so that what slows the machine hits all; whatever else runs there only adds
    to the seconds, so that the least are the way's own. A way that takes less than `SHORT` seconds
    is run `REPEATS` times a turn.
    """
    least, results = dict.fromkeys(ways, math.inf), {}
    for _ in range(rounds):
        for name, way in ways.items():
            for _ in range(REPEATS):
                start = time.process_time()
                results[name] = way()
                seconds = time.process_time() - start
                least[name] = min(least[name], seconds)
                if seconds > SHORT:
                    break
    return least, results


def product_rates(squares: Sequence[Any]) -> dict[int, float]:
    """Floating-point operations a second of the product of square matrices, by their side."""
    least, _ = in_turns(size(5, 2), **{str(len(a)): lambda a=a: a @ a for a in squares})
    return {len(a): 2 * len(a) ** 3 / least[str(len(a))] for a in squares}


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

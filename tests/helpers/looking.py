"""What the tests of the run store and of sweeps look at."""

from collections import Counter
from pathlib import Path

import numpy as np

from strata.runs.result import Result
from strata.store import Store

RESULT = Result({"loss": 0.1, "name": "é", "list": [1, None, True]}, {"x": np.arange(6.0)})
FILES = ("config.json", "metrics.json", "arrays.npz", "checksums.json")


def same(one: Result, other: Result) -> bool:
    """Whether two results agree in numbers and in content."""
    return one.metrics == other.metrics and one.digest() == other.digest()


def names(store: Store) -> list[str]:
    """Everything in the store but the folder of the locks, which must be empty."""
    assert list(store.root.glob("*/.locks/*")) == []
    return sorted(path.name for path in store.root.glob("*/*") if path.name != ".locks")


def computed(log: Path) -> Counter[int]:
    """How often the toy experiment computed each value."""
    lines = log.read_text().splitlines() if log.exists() else []
    return Counter(int(line.split()[0]) for line in lines)


def digests(results: list[Result]) -> list[str]:
    """The digest of each result."""
    return [result.digest() for result in results]

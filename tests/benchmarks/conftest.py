"""Benchmarks leave what they measured in the JSON file that STRATA_BENCH_OUT names, if it does.

Else they run at smaller sizes: `size` of tests/helpers/benching.py. What they assert then is to
fail where a fast way has become about as slow as the peer's, and nowhere else: thresholds are far
from what is measured, as the machine may be slow, busy and throttled.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strata.book.facts import machine
from strata.pages.performance import Comparison, Measured, load_benchmarks
from strata.paths import project_root


def _keep(**new):
    """Merge into the file, by name. What another machine or torch measured is dropped."""
    if not (target := os.environ.get("STRATA_BENCH_OUT")):
        return
    path, facts = Path(target), machine()
    found = Measured.read(path)
    if found is None or found.machine != facts:
        found = Measured(date="", machine=facts)
    found.date = datetime.now(UTC).date().isoformat()
    for part, values in new.items():
        getattr(found, part).update(values)
    found.write(path)


@pytest.fixture
def bench_record():
    """Function `bench_record(name, **row)`: a row of the detailed tables."""
    return lambda name, **row: _keep(rows={name: row})


@pytest.fixture
def bench_compare():
    """Function `bench_compare(name, **fields)`: a `Comparison`, for an entry of benchmarks.yml."""
    known = load_benchmarks(project_root())

    def compare(name, **fields):
        assert name in known, f"book/benchmarks.yml has no entry {name}"
        found = Comparison(**fields)
        print(f"{name}: {found.faster:.2f} times, {found}")
        _keep(comparisons={name: found})

    return compare


@pytest.fixture
def bench_peak():
    """Function `bench_peak(dtype, rates)`: operations a second of products, by library and side."""
    return lambda dtype, rates: _keep(peaks={dtype: rates})

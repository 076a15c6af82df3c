"""Benchmarks leave their rows in the JSON file that STRATA_BENCH_OUT names, if it names one.

Else they run at smaller sizes: `size` of tests/helpers/benching.py.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strata.book.record import machine


@pytest.fixture
def bench_record():
    """Function `bench_record(name, **row)`: merge a row into the file, under its name.

    The file holds {"date": day, "machine": facts, "rows": {name: row}}. Rows of another machine or
    torch are dropped, as a table must not mix them.
    """

    def record(name, **row):
        if not (target := os.environ.get("STRATA_BENCH_OUT")):
            return
        path = Path(target)
        today = datetime.now(UTC).date().isoformat()
        content = {"date": today, "machine": machine(), "rows": {}}
        if path.exists():
            found = json.loads(path.read_text())
            if found["machine"] == content["machine"]:
                content["rows"] = found["rows"]
        content["rows"][name] = row
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content, indent=2) + "\n")
        temporary.replace(path)

    return record

"""The rows that benchmarks leave behind."""

import json

from benching import in_its_own_process


def test_rows_are_merged_by_name(bench_record, tmp_path, monkeypatch):
    path = tmp_path / "new" / "benchmarks.json"
    monkeypatch.setenv("STRATA_BENCH_OUT", str(path))
    bench_record("a", seconds=1.0)
    bench_record("b", seconds=2.0)
    bench_record("a", seconds=3.0, points=600)
    content = json.loads(path.read_text())
    assert {name: row["seconds"] for name, row in content["rows"].items()} == {"a": 3.0, "b": 2.0}
    assert content["rows"]["a"]["points"] == 600
    assert content["machine"]["cores"] >= 1
    assert content["machine"]["cpu"]
    assert [p.name for p in path.parent.iterdir()] == ["benchmarks.json"]


def test_rows_of_another_machine_are_dropped(bench_record, tmp_path, monkeypatch):
    path = tmp_path / "benchmarks.json"
    monkeypatch.setenv("STRATA_BENCH_OUT", str(path))
    bench_record("a", seconds=1.0)
    content = json.loads(path.read_text())
    content["machine"]["cpu"] = "abacus"
    path.write_text(json.dumps(content))
    bench_record("b", seconds=2.0)
    assert list(json.loads(path.read_text())["rows"]) == ["b"]


def test_nothing_is_written_unasked(bench_record, tmp_path, monkeypatch):
    monkeypatch.delenv("STRATA_BENCH_OUT", raising=False)
    monkeypatch.chdir(tmp_path)
    bench_record("a", seconds=1.0)
    assert list(tmp_path.iterdir()) == []


def test_the_memory_of_a_process_is_its_own():
    code = """
import json, sys
from benching import peak_gigabytes
block = b"x" * int(sys.argv[1])
print(json.dumps({"peak": peak_gigabytes()}))
"""
    here = b"x" * 500_000_000  # a new process must not begin with it
    without, with_block = (in_its_own_process(code, n)["peak"] for n in (0, 200_000_000))
    assert without < len(here) / 1e9 / 2
    assert 0.19 < with_block - without < 0.21

"""What benchmarks leave behind."""

import json

import pytest
from benching import in_its_own_process, in_turns
from pydantic import ValidationError

from strata.pages.performance import Measured


@pytest.fixture
def path(tmp_path, monkeypatch):
    path = tmp_path / "new" / "benchmarks.json"
    monkeypatch.setenv("STRATA_BENCH_OUT", str(path))
    return path


def test_rows_are_merged_by_name(bench_record, path):
    bench_record("a", seconds=1.0)
    bench_record("b", seconds=2.0)
    bench_record("a", seconds=3.0, points=600)
    content = Measured.read(path)
    assert {name: row["seconds"] for name, row in content.rows.items()} == {"a": 3.0, "b": 2.0}
    assert content.rows["a"]["points"] == 600
    assert content.machine["cores"] >= 1
    assert content.machine["cpu"]
    assert [p.name for p in path.parent.iterdir()] == ["benchmarks.json"]


def test_rows_of_another_machine_are_dropped(bench_record, path):
    bench_record("a", seconds=1.0)
    content = json.loads(path.read_text())
    content["machine"]["cpu"] = "abacus"
    path.write_text(json.dumps(content))
    bench_record("b", seconds=2.0)
    assert list(Measured.read(path).rows) == ["b"]


def test_comparisons_rates_and_rows_stand_side_by_side(
    bench_record, bench_compare, bench_peak, path
):
    bench_peak("float64", {"torch": {512: 4e9, 1024: 5e9}})
    bench_compare(
        "ntk-float64", size="two points", dtype="float64", ours=2.0, theirs=8.0, operations=10**9
    )
    bench_record("a", seconds=1.0)
    content = Measured.read(path)
    assert content.comparisons["ntk-float64"].faster == 4
    assert content.share("ntk-float64") == 0.1
    assert list(content.rows) == ["a"]


def test_a_measurement_that_makes_no_sense_is_not_kept(bench_compare, path):
    with pytest.raises(ValidationError):
        bench_compare("ntk-float64", size="none", dtype="float64", ours=0.0, theirs=1.0)
    assert not path.exists()


def test_a_benchmark_that_the_page_does_not_know_is_not_kept(bench_compare, path):
    with pytest.raises(AssertionError, match="nobody"):
        bench_compare("nobody", size="none", dtype="float64", ours=1.0, theirs=1.0)
    assert not path.exists()


def test_nothing_is_written_unasked(bench_record, tmp_path, monkeypatch):
    monkeypatch.delenv("STRATA_BENCH_OUT", raising=False)
    monkeypatch.chdir(tmp_path)
    bench_record("a", seconds=1.0)
    assert list(tmp_path.iterdir()) == []


def test_ways_take_turns_and_short_ones_are_repeated(monkeypatch):
    clock, said = [0.0], []

    def way(name, seconds):
        def run():
            said.append(name)
            clock[0] += seconds
            return len(said)

        return run

    monkeypatch.setattr("benching.time.process_time", lambda: clock[0])
    least, results = in_turns(2, slow=way("slow", 8.0), quick=way("quick", 0.0625))
    assert said == ["slow", *["quick"] * 5, "slow", *["quick"] * 5]
    assert least == {"slow": 8.0, "quick": 0.0625}
    assert results == {"slow": 7, "quick": 12}


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
    assert 0.15 < with_block - without < 0.25

"""The performance page: the one table, shares of the peak, and what is not measured yet."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from strata.pages.performance import (
    Benchmark,
    Comparison,
    Measured,
    comparison_table,
    detail_tables,
    load_benchmarks,
    machine_facts,
    performance_blocks,
)

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book" / "benchmarks.md").read_text(encoding="utf-8")
KERNEL = Benchmark(what="kernel", peer="Jacobian", section="bench-ntk", difference="of its norm")
PROBES = Benchmark(what="probes", peer="RidgeCV", section="bench-probes", work="eigenvectors")
CODES = Benchmark(what="codes", peer="nnls", section="bench-codes")
BENCHMARKS = {"codes": CODES, "kernel": KERNEL, "probes": PROBES}


def measured(**fields) -> Measured:
    return Measured(date="2026-01-01", machine={"cpu": "abacus", "cores": 2}, **fields)


def comparison(**fields) -> Comparison:
    given = {"size": "2 points", "dtype": "float64", "ours": 0.5, "theirs": 2.0}
    return Comparison(**(given | fields))


@pytest.fixture
def found() -> Measured:
    return measured(
        peaks={"float64": {"torch": {256: 2e9, 512: 3.9e9, 1024: 4e9}, "numpy": {256: 3e9}}},
        comparisons={
            "kernel": comparison(difference=3e-16, operations=10**9),
            "probes": comparison(theirs=2600.0, operations=10**9),
        },
        rows={
            "a": {"ours": 1.23456, "ratio": 40.0},
            "b": {"ours": 2.0, "ratio": 3.0},
            "c": {"GB": 2},
        },
    )


def test_the_largest_ratio_comes_first_and_what_is_missing_last(found):
    text = comparison_table(BENCHMARKS, found).replace("\N{NO-BREAK SPACE}", " ")
    assert text.splitlines()[3:-1] == [
        "| {ref}`probes <bench-probes>`<br>2 points, float64 | 5,200 | 500 ms "
        "| 2,600 s<br>RidgeCV |  | eigenvectors |",
        "| {ref}`kernel <bench-ntk>`<br>2 points, float64 | 4.0 | 500 ms "
        "| 2 s<br>Jacobian | 3e-16 of its norm | 50% |",
        "| {ref}`codes <bench-codes>` | not measured yet | | nnls | | |",
    ]


def test_nothing_measured_is_a_table_too():
    lines = comparison_table(BENCHMARKS, None).splitlines()[3:-1]
    assert [line.count("not measured yet") for line in lines] == [1, 1, 1]
    assert "make benchmarks" in machine_facts(None)
    assert "make benchmarks" in detail_tables(None)


def test_a_measurement_that_the_page_does_not_know_is_refused(found):
    with pytest.raises(ValueError, match="no entry for probes"):
        comparison_table({"kernel": KERNEL}, found)


def test_the_share_is_that_of_the_highest_rate_in_the_same_number_format(found):
    assert found.share("kernel") == 10**9 / 0.5 / 4e9
    faster = found.peaks["float64"] | {"numpy": {256: 8e9}}
    assert found.model_copy(update={"peaks": {"float64": faster}}).share("kernel") == 0.25
    single = measured(
        peaks=found.peaks, comparisons={"kernel": comparison(dtype="float32", operations=8)}
    )
    assert single.share("kernel") is None
    assert measured(peaks=found.peaks, comparisons={"x": comparison()}).share("x") is None


def test_the_machine_and_where_its_rate_is_flat(found):
    text = machine_facts(found)
    assert "Measured on 2026-01-01; cpu: abacus, cores: 2." in text
    assert "| float64, torch | 4 GFLOP/s | 512 × 512 | 256: 2, 512: 4, 1024: 4 |" in text
    assert "| float64, numpy | 3 GFLOP/s | 256 × 256 | 256: 3 |" in text
    assert "not measured yet" in machine_facts(measured())


def test_rows_with_the_same_columns_share_a_table(found):
    text = detail_tables(found)
    assert text.count("| benchmark | ours | ratio |") == 1
    assert "| a | 1.235 | 40 |\n| b | 2 | 3 |" in text
    assert "| c | 2 |" in text


def test_what_is_written_is_read_again(found, tmp_path):
    path = tmp_path / "new" / "b.json"
    found.write(path)
    assert Measured.read(path) == found
    assert [p.name for p in path.parent.iterdir()] == ["b.json"]
    assert Measured.read(tmp_path / "none.json") is None


@pytest.mark.parametrize(
    "fault", [{"ours": 0.0}, {"theirs": float("nan")}, {"dtype": "int8"}, {"operations": 0}]
)
def test_a_measurement_that_cannot_be_is_refused(fault):
    with pytest.raises(ValidationError):
        comparison(**fault)


def test_every_entry_has_a_section_and_a_benchmark_and_every_section_an_entry():
    benchmarks = load_benchmarks(ROOT)
    labels = set(re.findall(r"^\((bench-[\w-]+)\)=$", PAGE, re.MULTILINE))
    assert {b.section for b in benchmarks.values()} == labels - {"bench-peak"}
    folder = ROOT / "tests" / "benchmarks"
    code = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*_speed.py"))
    code += (folder / "test_stacked_training.py").read_text(encoding="utf-8")
    stems = {name: re.sub(r"(?<=-)(float|bfloat)?\d+$", "", name) for name in benchmarks}
    missing = {name for name, stem in stems.items() if f'"{stem}' not in code}
    assert missing == set()


def test_the_blocks_are_those_of_the_page():
    assert set(performance_blocks(ROOT)) == set(re.findall(r"<!-- generated: ([\w-]+) -->", PAGE))

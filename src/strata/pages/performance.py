"""The page on performance: what was measured against the peer's way, and against the machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from strata.book.files import write_whole
from strata.book.settings import named
from strata.yaml_files import read_yaml

MEASURED = Path("book") / "executed" / "benchmarks.json"
"""What ``make benchmarks`` writes."""
FLAT = 0.95
"""Share of the peak from which the rate of a matrix product counts as the peak's."""
_SPACE = "\N{NO-BREAK SPACE}"
_STYLE = "strata-performance"
_NOTHING = "Nothing has been measured here yet: `make benchmarks`."
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Dtype = Literal["float32", "float64", "bfloat16"]


class Benchmark(BaseModel):
    """What the page says of a benchmark, measured or not: an entry of ``book/benchmarks.yml``.

    Attributes
    ----------
    what, peer
        What is computed, and the peer's way to it.
    section
        Label of the section of the page that explains it.
    difference
        What of the two results is compared; None where nothing is.
    work
        Where the share of the peak says nothing: what takes the time in place of products.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: str
    peer: str
    section: str
    difference: str | None = None
    work: str | None = None


class Comparison(BaseModel):
    """A benchmark as measured, both ways in one run.

    Attributes
    ----------
    size
        Of the problem, in words.
    dtype
        In which our way computes.
    ours, theirs
        Seconds.
    difference
        Of the results.
    operations
        Floating-point operations of the products and convolutions in our way, 2 m n k for a
        product of (m, k) with (k, n), as ``tests/helpers/flops.py`` counts them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: str
    dtype: Dtype
    ours: Positive
    theirs: Positive
    difference: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    operations: Annotated[int, Field(gt=0)] | None = None

    @property
    def faster(self) -> float:
        """How many times as long the peer's way takes."""
        return self.theirs / self.ours


class Measured(BaseModel):
    """All that was measured, in the form in which it is kept.

    Attributes
    ----------
    date, machine
        Last day, and facts of `strata.book.record.machine`.
    peaks
        Operations a second of square matrix products, by dtype, library and side.
    comparisons
        By the names of ``book/benchmarks.yml``.
    rows
        The detailed tables: columns and values by name.
    """

    model_config = ConfigDict(extra="forbid")

    date: str
    machine: dict[str, Any]
    peaks: dict[Dtype, dict[str, dict[int, Positive]]] = {}
    comparisons: dict[str, Comparison] = {}
    rows: dict[str, dict[str, Any]] = {}

    @classmethod
    def read(cls, path: Path) -> Measured | None:
        """Read what `write` wrote; None if there is no such file.

        Raises
        ------
        ValueError
            If it is damaged; names the file.
        """
        if not path.exists():
            return None
        with named(path.name):
            return cls.model_validate_json(path.read_text(encoding="utf-8"))

    def write(self, path: Path) -> None:
        """Write everything, or in case of an error nothing."""
        write_whole(path, self.model_dump_json(indent=2) + "\n")

    def share(self, name: str) -> float | None:
        """Share of the machine's peak that our way reaches; None if either is not known."""
        found = self.comparisons[name]
        libraries = self.peaks.get(found.dtype)
        if not libraries or found.operations is None:
            return None
        peak = max(rate for rates in libraries.values() for rate in rates.values())
        return found.operations / found.ours / peak


def load_benchmarks(root: Path) -> dict[str, Benchmark]:
    """The benchmarks that the page is to show, by name.

    Raises
    ------
    ValueError
        If the file is damaged, or a field is unknown or missing; names the file.
    """
    with named("benchmarks.yml"):
        entries = read_yaml(root / "book" / "benchmarks.yml")
        return {name: Benchmark(**entry) for name, entry in entries.items()}


def performance_blocks(root: Path) -> dict[str, str]:
    """The generated blocks of the page, by name."""
    benchmarks, found = load_benchmarks(root), Measured.read(root / MEASURED)
    return {
        "benchmarks": comparison_table(benchmarks, found),
        "benchmark-machine": machine_facts(found),
        "benchmark-details": detail_tables(found),
    }


def comparison_table(benchmarks: Mapping[str, Benchmark], found: Measured | None) -> str:
    """A row a benchmark, the largest ratio first, those not measured last.

    Raises
    ------
    ValueError
        If something was measured that the page does not know.
    """
    measured = found.comparisons if found else {}
    if strange := sorted(set(measured) - set(benchmarks)):
        raise ValueError(f"book/benchmarks.yml has no entry for {', '.join(strange)}")
    lines = [
        f"```{{container}} {_STYLE}",
        "| what | times faster | here | the peer's way | difference of the results "
        "| share of the peak |",
        "| --- | ---: | ---: | --- | --- | --- |",
    ]
    known = sorted(
        (name for name in benchmarks if name in measured),
        key=lambda name: measured[name].faster,
        reverse=True,
    )
    for name in known:
        lines.append(_row(benchmarks[name], measured[name], found.share(name)))
    for name, benchmark in benchmarks.items():
        if name not in measured:
            lines.append(f"| {_title(benchmark)} | not measured yet | | {benchmark.peer} | | |")
    return "\n".join([*lines, "```"])


def machine_facts(found: Measured | None) -> str:
    """When and on what, and how fast its matrix products are."""
    if found is None:
        return _NOTHING
    facts = ", ".join(f"{name}: {value}" for name, value in found.machine.items())
    text = f"Measured on {found.date}; {facts}."
    if not found.peaks:
        return f"{text} The rate of its matrix products is not measured yet."
    lines = [
        "| matrix products, one thread | peak | flat from | measured |",
        "| --- | ---: | --- | --- |",
    ]
    for dtype, libraries in found.peaks.items():
        for library, rates in libraries.items():
            peak = max(rates.values())
            flat = min(side for side, rate in rates.items() if rate >= FLAT * peak)
            sides = ", ".join(f"{side}: {rate / 1e9:.0f}" for side, rate in sorted(rates.items()))
            cells = f"{dtype}, {library} | {peak / 1e9:.0f} GFLOP/s | {flat} × {flat} | {sides}"
            lines.append(f"| {cells} |")
    return "\n".join([text, "", *lines])


def detail_tables(found: Measured | None) -> str:
    """Everything that was measured. Rows with the same columns share a table."""
    if found is None:
        return _NOTHING
    tables: dict[tuple[str, ...], list[str]] = {}
    for name, row in found.rows.items():
        columns = tuple(row)
        head = ["| benchmark | " + " | ".join(columns) + " |", "| --- " * (len(row) + 1) + "|"]
        line = f"| {name} | " + " | ".join(_number(value) for value in row.values()) + " |"
        tables.setdefault(columns, head).append(line)
    return "\n\n".join("\n".join(lines) for lines in tables.values())


def _row(benchmark: Benchmark, found: Comparison, share: float | None) -> str:
    difference = ""
    if found.difference is not None:
        size = f"{found.difference:.0e}" if found.difference else "none"
        difference = f"{size} {benchmark.difference or ''}".rstrip()
    reached = benchmark.work or ("" if share is None else f"{share:.0%}")
    cells = [
        f"{_title(benchmark)}<br>{found.size}, {found.dtype}",
        _ratio(found.faster),
        _time(found.ours),
        f"{_time(found.theirs)}<br>{benchmark.peer}",
        difference,
        reached,
    ]
    return "| " + " | ".join(cells) + " |"


def _title(benchmark: Benchmark) -> str:
    return f"{{ref}}`{benchmark.what} <{benchmark.section}>`"


def _ratio(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{float(f'{value:.2g}'):,.0f}"


def _time(seconds: float) -> str:
    if seconds >= 100:
        return f"{seconds:,.0f}{_SPACE}s"
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size:
            return f"{seconds / size:.3g}{_SPACE}{unit}"
    return f"{seconds:.1e}{_SPACE}s"


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

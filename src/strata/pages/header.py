"""What the build writes into pages: the header of a chapter, the tables of generated pages."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from nbformat import NotebookNode, v4

from strata.book.check import Status
from strata.book.data import sources
from strata.book.record import Record
from strata.book.tolerances import verdicts_of
from strata.book.values import chip

_BLOCK = re.compile(r"<!-- generated: ([\w-]+) -->\n.*?<!-- end generated -->", re.DOTALL)


def add_header(node: NotebookNode, status: Status) -> None:
    """Put what the page was run on below its title, and fold the parameters it repeats."""
    if status.record is None:
        raise ValueError(f"{status.notebook} has no record to make a header of")
    cell = v4.new_markdown_cell(header(status.record, status))
    cell.id = "strata-header"
    node.cells.insert(1, cell)
    for other in node.cells:
        if "injected-parameters" in other.metadata.get("tags", []):
            other.metadata["tags"] = [*other.metadata["tags"], "hide-input"]


def with_present_words(executed: NotebookNode, source: NotebookNode) -> NotebookNode:
    """The executed code cells between the words of the source, as it stands now.

    Words do not enter a key, so that a better sentence costs no run; pages show it all the same.
    That holds for captions too, which stand in the metadata of code cells. An id does not enter a
    key either: a cell that has a new one is found by its place.
    """
    injected = [c for c in executed.cells if "injected-parameters" in c.metadata.get("tags", [])]
    ran = [c for c in executed.cells if c.cell_type == "code" and c not in injected]
    code = [cell for cell in source.cells if cell.cell_type == "code"]
    at_place = zip(code, ran, strict=True) if len(code) == len(ran) else ()
    done = {cell.id: old for cell, old in at_place} | {cell.id: cell for cell in ran}
    cells = []
    for cell in source.cells:
        cells.append(done.get(cell.id, cell))
        cells[-1].metadata = cell.metadata
        if "parameters" in cell.metadata.get("tags", []):
            cells += injected
    executed.cells = cells
    return executed


def _computed(run: Mapping[str, Any]) -> str:
    """What the seconds went into; records from before this was counted do not say."""
    number = run.get("points_computed")
    return "" if number is None else f" for {number:,} points that the store did not have"


def header(record: Record, status: Status) -> str:
    """The header of an executed chapter as HTML."""
    run = record.run
    machine = run["machine"]
    commit = run["commit"][:12] if run["commit"] else "no git checkout"
    facts = {
        "ran on": f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}",
        "device": f"{run['device']}, {_at_work(run['workers'])}",
        "took": f"{run['seconds']:.0f} s{_computed(run)}, {run['peak_memory_mb']} MB at its peak",
        "with": f"Python {machine['python']}, torch {machine['torch']}, numpy {machine['numpy']}",
        "commit": commit + {True: "", False: " and uncommitted changes", None: ""}[run["clean"]],
        "date": run["date"],
        "key": record.key[:12],
        "parameters": ", ".join(f"{k} = {_short(v)}" for k, v in record.parameters.items()),
    }
    if names := sources(record.key_parts["data"]):
        facts["data"] = "; ".join(names)
    items = "".join(
        f"<div><dt>{name}</dt><dd>{html.escape(text)}</dd></div>" for name, text in facts.items()
    )
    stale = ""
    if status.state == "stale":
        stale = f'<p class="strata-stale">stale: {html.escape(status.declared or status.why)}</p>'
    return (
        f'<div class="strata-header" data-profile="{record.profile}">'
        f'<span class="strata-profile">{record.profile} profile</span>'
        f"{_chips(record)}{stale}<dl>{items}</dl></div>"
    )


def status_table(statuses: Sequence[Status]) -> str:
    """A row a notebook: state, run, verdicts."""
    lines = [
        "| chapter | profile | state | date | seconds | memory | verdicts |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for status in statuses:
        link = f"[{status.notebook}](../notebooks/{status.notebook}.ipynb)"
        if status.record is None:
            lines.append(f"| {link} | {status.profile} | {status.state} | | | | |")
            continue
        run = status.record.run
        counts = Counter(verdicts_of(status.record.result).values())
        verdicts = ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items()))
        lines.append(
            f"| {link} | {status.profile} | {status.state} | {run['date'][:10]} "
            f"| {run['seconds']:.0f} | {run['peak_memory_mb']} MB | {verdicts} |"
        )
    return "\n".join(lines)


def fill(page: str, blocks: dict[str, str]) -> str:
    """Replace the generated blocks of a page.

    Raises
    ------
    KeyError
        For a block that nobody generates.
    """

    def replace(match: re.Match[str]) -> str:
        return blocks[match.group(1)]

    return _BLOCK.sub(replace, page)


def _chips(record: Record) -> str:
    return "".join(chip(name, verdict) for name, verdict in verdicts_of(record.result).items())


def _at_work(workers: int) -> str:
    return "one thread" if workers == 1 else f"{workers} single-thread workers"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return "[" + ", ".join(_short(v) for v in value) + "]"
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {_short(v)}" for name, v in value.items()) + ")"
    return str(value)

"""What another number of threads and another draw of all seeds changed, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from strata.book.profiles import Notebook
from strata.book.record import Record, load_record, reference_path
from strata.book.tolerances import OtherRun, load_others, values_of

_HEAD = (
    "| chapter | profile | changed | numbers | of them moved | statistics of claims "
    "| of them inside the interval | other verdicts |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def luck_table(notebooks: Sequence[Notebook], root: Path) -> str:
    """A row for each run with other threads or other seeds of each notebook and profile.

    Of other code than the tracked record there is none: they cannot be compared.
    """
    lines = []
    for notebook in notebooks:
        for profile in notebook.profiles:
            reference = reference_path(root, profile, notebook.name)
            others = load_others(root, profile, notebook.name) if reference.exists() else []
            tracked = load_record(reference) if others else None
            lines += [_row(tracked, other) for other in others if other.key == tracked.key]
    if not lines:
        return "Nothing has been run with other threads or seeds yet: `strata calibrate`."
    return "\n".join([_HEAD, *lines])


def _row(tracked: Record, other: OtherRun) -> str:
    usual = values_of(tracked.result)
    shared = [name for name in usual if name in other.values]
    moved = sum(other.values[name] != usual[name] for name in shared)
    parts = {
        f"{name} {part} value": estimate
        for name, claim in tracked.result["claims"].items()
        for part, estimate in claim["parts"].items()
    }
    inside = sum(
        estimate["low"] <= other.values[name] <= estimate["high"]
        for name, estimate in parts.items()
        if name in other.values
    )
    verdicts = [
        f"{name}: {other.verdicts[name]}"
        for name, claim in tracked.result["claims"].items()
        if other.verdicts.get(name, claim["verdict"]) != claim["verdict"]
    ]
    link = f"[{tracked.notebook}](../notebooks/{tracked.notebook}.ipynb)"
    cells = (
        link,
        tracked.profile,
        _setting(other),
        str(len(shared)),
        str(moved),
        str(sum(name in other.values for name in parts)),
        str(inside),
        ", ".join(verdicts) or "none",
    )
    return f"| {' | '.join(cells)} |"


def _setting(other: OtherRun) -> str:
    threads, seeds = other.setting
    return f"seeds, family {seeds}" if seeds else f"{threads} threads"

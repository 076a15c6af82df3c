"""What another number of threads and another draw of all seeds changed, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from strata.book.profiles import Notebook
from strata.book.record import Record, load_record, reference_path
from strata.book.tolerances import (
    OtherRun,
    comparable,
    estimates_of,
    load_others,
    values_of,
    verdicts_of,
)
from strata.pages.scorecard import WITHHELD

_HEAD = (
    "| chapter | profile | changed | numbers moved | statistics inside the interval "
    "| other verdicts |\n| --- | --- | --- | --- | --- | --- |"
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
            if others:
                tracked = load_record(reference)
                lines += [_row(tracked, other) for other in comparable(tracked, others)]
    if not lines:
        return "Nothing has been run with other threads or seeds yet: `strata calibrate`."
    return "\n".join([_HEAD, *lines])


def _row(tracked: Record, other: OtherRun) -> str:
    usual = values_of(tracked.result)
    shared = [name for name in usual if name in other.values]
    moved = sum(other.values[name] != usual[name] for name in shared)
    inside = [
        estimate["low"] <= other.values[name] <= estimate["high"]
        for name, estimate in estimates_of(tracked.result).items()
        if name in other.values
    ]
    link = f"[{tracked.notebook}](../notebooks/{tracked.notebook}.ipynb)"
    cells = (
        link,
        tracked.profile,
        _setting(other),
        f"{moved} of {len(shared)}",
        f"{sum(inside)} of {len(inside)}",
        _other_verdicts(tracked, other),
    )
    return f"| {' | '.join(cells)} |"


def _other_verdicts(tracked: Record, other: OtherRun) -> str:
    """Which claims were judged differently, of how many that the profile can judge."""
    usual = verdicts_of(tracked.result)
    judged = [name for name, verdict in usual.items() if verdict != WITHHELD]
    if not judged:
        return "not judged"
    changed = [
        f"{name} from {usual[name]} to {other.verdicts[name]}"
        for name in judged
        if other.verdicts.get(name, usual[name]) != usual[name]
    ]
    return "; ".join([f"{len(changed)} of {len(judged)}", *changed])


def _setting(other: OtherRun) -> str:
    threads, seeds = other.setting
    return f"seeds, family {seeds}" if seeds else f"{threads} threads"

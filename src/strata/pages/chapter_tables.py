"""Tables of chapters: what each teaches, what it builds on, and what it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from strata.book.chapters import Chapter, duration
from strata.book.profiles import Notebook
from strata.book.record import Record

_SECTION = re.compile(r"^## ", re.MULTILINE)
_BLOCK = re.compile(r"<!-- generated: (path-[\w-]+) -->")
_LINK = re.compile(r"\(\.\./notebooks/([\w-]+)\.ipynb\)")


def chapter_table(
    found: Mapping[str, Chapter],
    notebooks: Sequence[Notebook],
    records: Mapping[str, Mapping[str, Record]],
) -> str:
    """A row a chapter.

    Parameters
    ----------
    found : mapping
        Chapters by name.
    notebooks : sequence
        Their entries in ``book/profiles.yml``.
    records : mapping
        Tracked records by profile and name; memory is theirs.
    """
    lines = [
        "| chapter | terms | builds on | to read | exercises | `quick` | `full` |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for notebook in notebooks:
        chapter = found[notebook.name]
        terms = ", ".join(f"{{term}}`{term}`" for term in chapter.concepts)
        needs = ", ".join(_link(found[name]) for name in chapter.requires if name in found)
        runs = (
            _needs(notebook, profile, records.get(profile, {}).get(notebook.name))
            for profile in ("quick", "full")
        )
        lines.append(
            f"| {_link(chapter)} | {terms} | {needs or '–'} | {chapter.minutes} min "
            f"| {chapter.exercises} | {' | '.join(runs)} |"
        )
    return "\n".join(lines)


def path_tables(
    page: str, found: Mapping[str, Chapter], notebooks: Sequence[Notebook]
) -> dict[str, str]:
    """For each section with a block ``path-…``: what the chapters that it links to take."""
    entries = {notebook.name: notebook for notebook in notebooks}
    tables = {}
    for section in _SECTION.split(page):
        for block in _BLOCK.findall(section):
            names = [name for name in dict.fromkeys(_LINK.findall(section)) if name in found]
            tables[block] = _path_table([found[name] for name in names], entries)
    return tables


def _path_table(path: Sequence[Chapter], entries: Mapping[str, Notebook]) -> str:
    lines = [
        "| chapter | to read | one run, `quick` | exercises | to download |",
        "| --- | --- | --- | --- | --- |",
    ]
    reading = executing = 0.0
    for chapter in path:
        quick = entries[chapter.name].profiles["quick"]
        reading += chapter.minutes
        executing += quick.seconds
        lines.append(
            f"| {_link(chapter)} | {chapter.minutes} min | {duration(quick.seconds)} "
            f"| {chapter.exercises} | {', '.join(quick.needs) or 'nothing'} |"
        )
    total = f"| together | {duration(60 * reading)} | {duration(executing)} | | |"
    return "\n".join([*lines, total])


def _needs(notebook: Notebook, profile: str, record: Record | None) -> str:
    settings = notebook.profiles.get(profile)
    if settings is None:
        return "–"
    memory = [f"{record.run['peak_memory_mb'] / 1024:.1f} GB"] if record else []
    return ", ".join([duration(settings.seconds), *memory, *settings.needs])


def _link(chapter: Chapter) -> str:
    return f"[{chapter.title}](../notebooks/{chapter.name}.ipynb)"

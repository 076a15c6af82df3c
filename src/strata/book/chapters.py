"""What a chapter says of itself: goals, what it builds on, exercises, how long it takes to read.

All of it stands in Markdown cells of the notebook, told apart by their tags.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from math import ceil
from pathlib import Path

from nbformat import NotebookNode

from strata.book.profiles import Notebook, NotebookError

ONCE = ("goals", "exercises", "solution")
"""Tags that one Markdown cell of every chapter has."""
PREDICT = "predict"
ANSWER = "answer"
WORDS_A_MINUTE = 150
"""Pace of a reader who follows the formulas."""

_ITEM = re.compile(r"^\d+\. ", re.MULTILINE)
_GOAL = re.compile(r"^- (.+)$", re.MULTILINE)
_TERM = re.compile(r"\{term\}`(?:[^`<]*<([^`>]+)>|([^`<]+))`")
_CHAPTER = re.compile(r"\]\(([\w-]+)\.ipynb\)")
_CODE = re.compile(r"```.*?```|\$\$.*?\$\$", re.DOTALL)


@dataclass(frozen=True)
class Chapter:
    """What a notebook says of itself, for the pages that lead through the book."""

    name: str
    title: str
    study: str
    goals: tuple[str, ...]
    concepts: tuple[str, ...]
    """Glossary terms of the goals."""
    requires: tuple[str, ...]
    """Chapters that it builds on."""
    predictions: int
    exercises: int
    solutions: int
    words: int

    @property
    def minutes(self) -> int:
        """Time to read, up to the next five minutes."""
        return 5 * ceil(self.words / WORDS_A_MINUTE / 5)


def has_tag(cell: NotebookNode, tag: str) -> bool:
    """Whether a Markdown cell has a tag."""
    return cell.cell_type == "markdown" and tag in cell.metadata.get("tags", [])


def read_chapter(notebook: Notebook, root: Path) -> Chapter:
    """A chapter from the Markdown cells of its source.

    Raises
    ------
    NotebookError
        If the source cannot be read.
    """
    words = [cell for cell in notebook.read(root).cells if cell.cell_type == "markdown"]
    tagged = {tag: "\n\n".join(cell.source for cell in words if has_tag(cell, tag)) for tag in ONCE}
    goals = tagged["goals"]
    terms = (plain or shown for plain, shown in _TERM.findall(goals))
    return Chapter(
        name=notebook.name,
        title=words[0].source.partition("\n")[0].removeprefix("# ") if words else notebook.name,
        study=notebook.study,
        goals=tuple(_GOAL.findall(goals)),
        concepts=tuple(dict.fromkeys(term.strip() for term in terms)),
        requires=tuple(dict.fromkeys(_CHAPTER.findall(goals))),
        predictions=sum(has_tag(cell, PREDICT) for cell in words),
        exercises=len(_ITEM.findall(tagged["exercises"])),
        solutions=len(_ITEM.findall(tagged["solution"])),
        words=sum(len(_CODE.sub(" ", cell.source).split()) for cell in words),
    )


def chapters(notebooks: Sequence[Notebook], root: Path) -> dict[str, Chapter]:
    """All chapters by name, in the order of the book."""
    return {notebook.name: read_chapter(notebook, root) for notebook in notebooks}


def chapter_problems(notebooks: Sequence[Notebook], root: Path) -> list[str]:
    """Chapters without one of the tagged cells, or that build on what is not there."""
    problems, found = [], {}
    for notebook in notebooks:
        try:
            found[notebook.name] = read_chapter(notebook, root)
        except NotebookError as error:
            problems.append(str(error))
            continue
        cells = notebook.read(root).cells
        for tag in ONCE:
            count = sum(has_tag(cell, tag) for cell in cells)
            if count != 1:
                problems.append(f"{notebook.name}: {count} Markdown cells are tagged {tag!r}")
        if not any(has_tag(cell, PREDICT) for cell in cells):
            problems.append(f"{notebook.name}: no Markdown cell is tagged {PREDICT!r}")
    for chapter in found.values():
        if chapter.exercises != chapter.solutions:
            problems.append(
                f"{chapter.name}: {chapter.exercises} exercises, {chapter.solutions} solutions"
            )
        for name in chapter.requires:
            if not (root / "notebooks" / f"{name}.ipynb").exists():
                problems.append(f"{chapter.name} builds on {name!r}, which does not exist")
    try:
        reading_order(found)
    except ValueError as error:
        problems.append(str(error))
    return problems


def reading_order(found: Mapping[str, Chapter]) -> list[str]:
    """Names such that every chapter comes after those that it builds on.

    Raises
    ------
    ValueError
        If there is no such order.
    """
    try:
        return list(TopologicalSorter({c.name: c.requires for c in found.values()}).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise ValueError(f"chapters build on each other in a circle: {circle}") from None


def add_time(node: NotebookNode, chapter: Chapter, notebook: Notebook) -> None:
    """Add to the box of goals how long reading and executing take."""
    for cell in node.cells:
        if has_tag(cell, "goals"):
            box, fence = cell.source.rsplit("\n", 1)
            cell.source = f"{box}\n\n{time_line(chapter, notebook)}\n{fence}"


def time_line(chapter: Chapter, notebook: Notebook) -> str:
    """Minutes to read, and seconds to execute on 2 cores by ``book/profiles.yml``."""
    runs = ", ".join(
        f"`{profile}` {duration(notebook.profiles[profile].seconds)}"
        for profile in ("quick", "full")
        if profile in notebook.profiles
    )
    return f"Time: about {chapter.minutes} minutes to read; to execute on 2 cores: {runs}."


def duration(seconds: float) -> str:
    """Seconds up to two minutes, then minutes, then hours."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"

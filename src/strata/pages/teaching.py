"""What the build adds for teaching: map, tables of paths, variations, and the student edition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from strata.book.chapters import Chapter, chapters
from strata.book.profiles import Notebook
from strata.book.record import load_records, tracked_folder
from strata.pages.chapter_map import chapter_map
from strata.pages.chapter_tables import chapter_table, path_tables
from strata.pages.student import ARCHIVE, write_student_edition
from strata.pages.variation_page import variation_blocks

FOLDER = "student"


def teaching_blocks(notebooks: Sequence[Notebook], root: Path) -> dict[str, str]:
    """The generated blocks of the pages on teaching, by name."""
    found = chapters(notebooks, root)
    names = list(found)
    records = {
        profile: load_records(names, tracked_folder(root, profile)) for profile in ("quick", "full")
    }
    page = (root / "book" / "teaching.md").read_text(encoding="utf-8")
    return {
        "chapter-map": f"```{{raw}} html\n{chapter_map(found)}\n```",
        "chapter-table": chapter_table(found, notebooks, records),
        "variations": variation_blocks(root, notebooks, found),
        "student-edition": _downloads(found),
        **path_tables(page, found, notebooks),
    }


def add_student_edition(notebooks: Sequence[Notebook], root: Path, book: Path) -> None:
    """Write the student edition into the folder of pages that is about to be built."""
    write_student_edition(notebooks, root, book / FOLDER)


def _downloads(found: Mapping[str, Chapter]) -> str:
    lines = [f"- {{download}}`{c.title} <{FOLDER}/{c.name}.ipynb>`" for c in found.values()]
    archive = f"{{download}}`all of them in one archive <{FOLDER}/{ARCHIVE}>`"
    return "\n".join([f"Here they are: {archive}, or one by one:", "", *lines])

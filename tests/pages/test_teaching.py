"""What each chapter has for teaching, and the pages that are made of it."""

import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

from strata.book.chapters import (
    Chapter,
    add_time,
    chapter_problems,
    chapters,
    duration,
    has_tag,
    read_chapter,
)
from strata.book.profiles import Notebook, load_notebooks
from strata.book.variations import load_variations
from strata.pages.chapter_map import WIDTH, chapter_map
from strata.pages.chapter_tables import path_tables

ROOT = Path(__file__).parents[2]
NOTEBOOKS = load_notebooks(ROOT)
CHAPTERS = chapters(list(NOTEBOOKS.values()), ROOT)
VARIATIONS = load_variations(ROOT, list(NOTEBOOKS.values()))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_chapter_has_goals_predictions_exercises_solutions_and_variations(name):
    chapter = CHAPTERS[name]
    assert 3 <= len(chapter.goals) <= 4
    assert chapter.concepts
    assert chapter.predictions >= 3
    assert chapter.exercises >= 3
    assert chapter.solutions == chapter.exercises
    assert sum(variation.notebook == name for variation in VARIATIONS) >= 2


def test_all_chapters_together_have_no_problem():
    assert chapter_problems(list(NOTEBOOKS.values()), ROOT) == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_prediction_before_a_figure_is_answered_in_the_text_after_it(name):
    cells = nbformat.read(NOTEBOOKS[name].source(ROOT), as_version=4).cells
    at = [k for k, cell in enumerate(cells) if cell.id.startswith("predict-")]
    assert len(at) >= 2
    for k in at:
        figure = cells[k + 1].metadata["mystnb"]["figure"]["name"]
        assert cells[k].id == f"predict-{figure}"
        later = next(c for c in cells[k + 2 :] if has_tag(c, "answer"))
        assert not later.source.startswith("## Obstacles")


def copied(tmp_path: Path, *names: str) -> list[Notebook]:
    (tmp_path / "notebooks").mkdir()
    for name in names:
        shutil.copy2(NOTEBOOKS[name].source(ROOT), tmp_path / "notebooks")
    return [NOTEBOOKS[name] for name in names]


def change(path: Path, tag: str, edit) -> None:
    node = nbformat.read(path, as_version=4)
    edit(next(cell for cell in node.cells if has_tag(cell, tag)))
    nbformat.write(node, path)


@pytest.mark.parametrize("tag", ["goals", "exercises", "solution"])
def test_a_chapter_without_one_of_the_tags_is_reported(tmp_path, tag):
    notebooks = copied(tmp_path, "ntk-depth")
    assert chapter_problems(notebooks, tmp_path) == []
    path = tmp_path / "notebooks" / "ntk-depth.ipynb"
    change(path, tag, lambda cell: cell.metadata.update(tags=[]))
    assert f"ntk-depth: 0 Markdown cells are tagged {tag!r}" in chapter_problems(
        notebooks, tmp_path
    )


def test_a_lost_solution_and_a_lost_chapter_are_reported(tmp_path):
    notebooks = copied(tmp_path, "ntk-depth")
    path = tmp_path / "notebooks" / "ntk-depth.ipynb"

    def shorten(cell):
        cell.source = re.sub(r"^4\. .*\n", "", cell.source, flags=re.MULTILINE)

    def lean(cell):
        cell.source = cell.source.replace("\n:::", "\n\nBuilds on: [it](no-chapter.ipynb).\n:::")

    change(path, "solution", shorten)
    change(path, "goals", lean)
    assert chapter_problems(notebooks, tmp_path) == [
        "ntk-depth: 4 exercises, 3 solutions",
        "ntk-depth builds on 'no-chapter', which does not exist",
    ]


def test_chapters_that_build_on_each_other_are_reported(tmp_path):
    notebooks = copied(tmp_path, "ntk-depth", "extractor-tunnel")

    def lean(cell):
        cell.source += "\n[back](extractor-tunnel.ipynb)"

    change(tmp_path / "notebooks" / "ntk-depth.ipynb", "goals", lean)
    (problem,) = chapter_problems(notebooks, tmp_path)
    assert "in a circle" in problem


@pytest.mark.parametrize(
    ("seconds", "words"), [(50, "50 s"), (119, "119 s"), (120, "2 min"), (600, "10 min")]
)
def test_durations_have_the_unit_that_one_can_feel(seconds, words):
    assert duration(seconds) == words


def test_hours_come_after_two_of_them():
    assert duration(7200) == "2 h"


def test_the_time_stands_in_the_box_of_goals_and_nowhere_else():
    notebook = NOTEBOOKS["ntk-depth"]
    node = nbformat.read(notebook.source(ROOT), as_version=4)
    words = [cell.source for cell in node.cells]
    add_time(node, read_chapter(notebook, ROOT), notebook)
    changed = [
        cell.source for cell, old in zip(node.cells, words, strict=True) if cell.source != old
    ]
    assert len(changed) == 1
    full = duration(notebook.profiles["full"].seconds)
    assert changed[0].endswith(f"`full` {full}.\n:::")


def chapter(name: str, *requires: str, title: str = "A chapter") -> Chapter:
    return Chapter(name, title, "A", (), ("CKA",), requires, 2, 3, 3, 1000)


def test_reading_is_rounded_up_to_five_minutes():
    assert chapter("a").minutes == 10
    assert replace(chapter("a"), words=751).minutes == 10
    assert replace(chapter("a"), words=750).minutes == 5


def test_the_map_draws_direct_steps_only_and_stays_on_its_sheet():
    found = {c.name: c for c in (chapter("a"), chapter("b", "a"), chapter("c", "a", "b"))}
    drawn = chapter_map(found)
    assert drawn.count('class="way"') == 2
    assert re.findall(r'href="\.\./notebooks/(\w)\.html"', drawn) == ["a", "b", "c"]
    boxes = [
        tuple(map(float, box))
        for box in re.findall(
            r'x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', drawn
        )
    ]
    assert all(x >= 0 and x + width <= WIDTH for x, _, width, _ in boxes)
    bottoms = [y + height for _, y, _, height in boxes]
    assert all(above < y for above, (_, y, _, _) in zip(bottoms, boxes[1:], strict=False))


def test_chapters_of_one_row_do_not_overlap_and_words_are_escaped():
    row = [chapter(n, "a", title="Less < more & a title of many words") for n in "bcd"]
    drawn = chapter_map({c.name: c for c in (chapter("a"), *row)})
    boxes = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', drawn)[1:]
    assert len({y for _, y, _ in boxes}) == 1
    for (x, _, width), (following, _, _) in pairwise(boxes):
        assert float(x) + float(width) < float(following)
    assert "&lt;" in drawn
    assert "&amp;" in drawn


def test_a_path_lists_the_chapters_of_its_own_section_once():
    page = (
        "## One\n[x](../notebooks/ntk-depth.ipynb) [x](../notebooks/ntk-depth.ipynb)\n"
        "<!-- generated: path-one -->\n\n"
        "## Two\n[y](../notebooks/core-spurious.ipynb)\n<!-- generated: path-two -->\n"
    )
    tables = path_tables(page, CHAPTERS, list(NOTEBOOKS.values()))
    assert tables["path-one"].count("notebooks/") == 1
    quick = duration(NOTEBOOKS["ntk-depth"].profiles["quick"].seconds)
    assert f"| {quick} |" in tables["path-one"]
    assert "core-spurious" in tables["path-two"]
    assert "ntk-depth" not in tables["path-two"]

"""The student edition: all of the code, none of the answers."""

import re
from pathlib import Path
from zipfile import ZipFile

import nbformat
import papermill
import pytest

from strata.book.chapters import chapters, has_tag
from strata.book.profiles import load_notebooks, resolve
from strata.pages.plain import plain
from strata.pages.student import ARCHIVE, student_notebook, write_student_edition

ROOT = Path(__file__).parents[2]
NOTEBOOKS = load_notebooks(ROOT)
CHAPTERS = chapters(list(NOTEBOOKS.values()), ROOT)


def sentences(text: str) -> set[str]:
    """Longer sentences, as they would be read in Jupyter."""
    words = " ".join(plain(text, {}).replace(">", " ").split())
    return {part for part in re.split(r"(?<=[.:?]) ", words) if len(part) > 40}


@pytest.fixture(scope="module", params=NOTEBOOKS)
def both(request):
    notebook = NOTEBOOKS[request.param]
    source = nbformat.read(notebook.source(ROOT), as_version=4)
    return notebook, source, student_notebook(notebook, ROOT)


def test_every_code_cell_is_there_unchanged_and_in_order_without_outputs(both):
    _, source, student = both
    code = [cell for cell in student.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    kept = [cell for cell in code if "injected-parameters" not in cell.metadata.get("tags", [])]
    given = [cell for cell in source.cells if cell.cell_type == "code"]
    assert [(c.id, c.source) for c in kept] == [(c.id, c.source) for c in given]


def test_no_sentence_of_a_solution_or_an_answer_survives(both):
    _, source, student = both
    left = sentences("\n\n".join(c.source for c in student.cells if c.cell_type == "markdown"))
    for cell in source.cells:
        if has_tag(cell, "solution") or has_tag(cell, "answer"):
            assert not sentences(cell.source) & left, cell.id


def test_there_is_room_after_each_prediction_and_each_exercise(both):
    notebook, _, student = both
    chapter = CHAPTERS[notebook.name]
    room = [cell.source for cell in student.cells if cell.id.endswith("-answer")]
    assert room.count("**Your prediction:**") == chapter.predictions
    assert room.count("**Your answer:**") == chapter.exercises


def test_the_parameters_are_those_of_the_profile(both):
    notebook, _, student = both
    values: dict[str, object] = {}
    (injected,) = (cell for cell in student.cells if cell.id == "injected-parameters")
    exec(injected.source, {}, values)
    assert values == resolve(notebook, "quick", ROOT)


def test_words_are_plain_markdown(both):
    _, _, student = both
    words = "\n".join(cell.source for cell in student.cells if cell.cell_type == "markdown")
    assert not re.search(r"\{[\w:]+\}`|^:::|^```\{|^\([\w-]+\)=|\.\./book", words, re.MULTILINE)


def test_the_same_bytes_every_time(tmp_path):
    some = [NOTEBOOKS["ntk-depth"], NOTEBOOKS["core-spurious"]]
    one = write_student_edition(some, ROOT, tmp_path / "one")
    two = write_student_edition(some, ROOT, tmp_path / "two")
    assert [path.name for path in one] == ["ntk-depth.ipynb", "core-spurious.ipynb", ARCHIVE]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    with ZipFile(one[-1]) as archive:
        assert archive.read("ntk-depth.ipynb") == one[0].read_bytes()


def test_the_command_writes_a_chapter_that_runs(smoke_project, strata_here, tmp_path, monkeypatch):
    folder = tmp_path / "class"
    done = strata_here(
        smoke_project, "student", "ntk-depth", "--profile", "smoke", "--out", str(folder)
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    monkeypatch.setenv("STRATA_ROOT", str(smoke_project))
    monkeypatch.setenv("STRATA_STORE", str(smoke_project / "_store"))
    monkeypatch.setenv("STRATA_WORKERS", "0")
    student, out = folder / "ntk-depth.ipynb", tmp_path / "done.ipynb"
    papermill.execute_notebook(student, out, kernel_name="python3", progress_bar=False)
    executed = nbformat.read(out, as_version=4)
    points = executed.cells[-1].outputs[0]["data"]["text/plain"]
    tracked = smoke_project / "_build" / "smoke" / "executed" / "ntk-depth.ipynb"
    assert points == nbformat.read(tracked, as_version=4).cells[-1].outputs[0]["data"]["text/plain"]


@pytest.mark.parametrize(
    ("myst", "markdown"),
    [
        ("{term}`maps <map>` and {term}`CKA`", "maps and CKA"),
        ("{numref}`fig-b`, {eq}`rank`", "figure 2, (rank)"),
        ("as {cite:t}`han2016` {cite:p}`roy2007,xu2020`", "as Han 2016 (Roy 2007, Xu 2020)"),
        ("[notation](../book/notation.md), [next](next.ipynb)", "notation, [next](next.ipynb)"),
        ("(here)=\n## Title", "## Title"),
        ("$$\nx = y\n$$ (it)", "$$\nx = y\n\\tag{it}\n$$"),
        ("```{admonition} S\n:class: dropdown\n1. a\n```", "> **S**\n>\n> 1. a"),
        ("$a_1 < b$ and `code`", "$a_1 < b$ and `code`"),
    ],
)
def test_myst_becomes_plain_markdown(myst, markdown):
    assert plain(myst, {"fig-a": 1, "fig-b": 2}) == markdown

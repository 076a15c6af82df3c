"""The checklist of CONTRIBUTING.md, held against every chapter and against the template."""

import ast
import re
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest

from strata.book.chapters import has_tag
from strata.book.profiles import load_notebooks

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "templates" / "chapter.ipynb"
NOTEBOOKS = load_notebooks(ROOT)
CHAPTERS = [TEMPLATE, *(notebook.source(ROOT) for notebook in NOTEBOOKS.values())]
SECTIONS = (
    "## Method",
    "### A check on ",
    "## What differs from the paper",
    "## Obstacles met",
    "## Exercises",
    "## What this page used",
)


def code_of(node):
    return [cell for cell in node.cells if cell.cell_type == "code"]


def words_of(node):
    return "\n\n".join(cell.source for cell in node.cells if cell.cell_type == "markdown")


def figures_of(node):
    return [c.metadata["mystnb"] for c in code_of(node) if "figure" in c.metadata.get("mystnb", {})]


def opens_with_its_question(node):
    title, question, *_ = node.cells[0].source.split("\n\n")
    flat = " ".join(question.split())
    return title.startswith("# ") and flat.startswith("*") and flat.endswith("?*")


def has_its_parts_in_order(node):
    heads = [line for line in words_of(node).splitlines() if line.startswith("##")]
    at = [[head.startswith(part) for head in heads].index(True) for part in SECTIONS]
    return at == sorted(at)


def predicts_before_it_shows(node):
    first = next(n for n, cell in enumerate(node.cells) if has_tag(cell, "predict"))
    shown = next(n for n, cell in enumerate(node.cells) if cell.metadata.get("mystnb"))
    return first < shown


def types_every_parameter(node):
    cell, *others = [c for c in code_of(node) if "parameters" in c.metadata.get("tags", [])]
    first, *rest = ast.parse(cell.source).body
    typed = all(isinstance(line, ast.AnnAssign) and line.value for line in (first, *rest))
    return not others and cell is code_of(node)[0] and typed and first.target.id == "profile"


def checks_a_known_answer(node):
    head = next(n for n, cell in enumerate(node.cells) if "### A check on " in cell.source)
    return "assert " in next(c.source for c in node.cells[head:] if c.cell_type == "code")


def describes_its_figures(node):
    return bool(figures_of(node)) and all(
        figure["figure"]["name"].startswith("fig-")
        and len(figure["figure"]["caption"]) > 30
        and len(figure["image"]["alt"]) > 30
        for figure in figures_of(node)
    )


def speaks_of_its_figures(node):
    """A short name in the text is a figure that the reader is sent to."""
    return any(f"{{numref}}`{f['figure']['name']}" in words_of(node) for f in figures_of(node))


def links_its_words(node):
    return "{term}`" in words_of(node) and "{cite:p}`" in words_of(node)


def judges_its_claims(node):
    return any(cell.source.startswith("judge(") for cell in code_of(node))


def takes_numbers_from_the_run(node):
    glued = set(re.findall(r"\{glue:text\}`([\w-]+)", words_of(node)))
    reported = "\n".join(cell.source for cell in code_of(node))
    return bool(glued) and "report(" in reported


def ends_with_what_it_used(node):
    return node.cells[-1].source.splitlines()[-1] == "provenance()"


def holds_no_outputs(node):
    return not any(cell.outputs or cell.execution_count for cell in code_of(node))


CHECKS = {
    "The first cell is the title and, in italics, the question": opens_with_its_question,
    "The sections of the template are there, in its order": has_its_parts_in_order,
    "A box asks for a prediction before the first figure": predicts_before_it_shows,
    "One cell, the first of code, holds the parameters, each with a type": types_every_parameter,
    "A check with a known answer asserts it": checks_a_known_answer,
    "Every figure has a name, a caption and a text for those who cannot see it": (
        describes_its_figures
    ),
    "The text leads to its figures by number": speaks_of_its_figures,
    "Terms link to the glossary, sources to the bibliography": links_its_words,
    "Claims are judged on the page": judges_its_claims,
    "Measured numbers in the text come from the run": takes_numbers_from_the_run,
    "The last cell says which points were used": ends_with_what_it_used,
    "The notebook holds no outputs": holds_no_outputs,
}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_keeps_to_the_checklist(path):
    node = nbformat.read(path, as_version=4)
    missed = [words for words, holds in CHECKS.items() if not holds(node)]
    assert missed == []


def test_the_checklist_is_the_one_that_contributors_read():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert re.findall(r"^- \[ \] (.+)\.$", text, re.MULTILINE) == list(CHECKS)


def without(node, change):
    other = nbformat.from_dict(node)
    change(other)
    return other


FAULTS = {
    opens_with_its_question: lambda n: n.cells[0].update(source="# Title\n\nNo question.\n\nx"),
    has_its_parts_in_order: lambda n: n.cells.append(n.cells.pop(4)),
    predicts_before_it_shows: lambda n: (
        [c.metadata.update(tags=[]) for c in n.cells[:9] if c.cell_type == "markdown"]
        and n.cells.insert(0, n.cells.pop(12))
    ),
    types_every_parameter: lambda n: n.cells[2].update(source='profile: str = "quick"\nwidth = 20'),
    checks_a_known_answer: lambda n: n.cells[7].update(source="print(1)"),
    describes_its_figures: lambda n: n.cells[12].metadata["mystnb"]["image"].update(alt="chart"),
    speaks_of_its_figures: lambda n: n.cells[13].update(source="No figure."),
    links_its_words: lambda n: n.cells[0].update(source="# T\n\n*Q?*") or n.cells.pop(1),
    judges_its_claims: lambda n: n.cells.pop(14),
    takes_numbers_from_the_run: lambda n: n.cells[13].update(source="4 networks"),
    ends_with_what_it_used: lambda n: n.cells.pop(),
    holds_no_outputs: lambda n: n.cells[12].update(execution_count=1),
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.__name__)
def test_a_check_can_fail(check):
    node = nbformat.read(TEMPLATE, as_version=4)
    assert check(node)
    assert not check(without(node, FAULTS[check]))


def test_names_of_figures_are_unique_in_the_book():
    names = [
        figure["figure"]["name"]
        for path in CHAPTERS
        for figure in figures_of(nbformat.read(path, as_version=4))
    ]
    assert len(set(names)) == len(names)


def test_every_picture_of_the_published_book_is_a_figure_with_a_description():
    for name in NOTEBOOKS:
        path = ROOT / "book" / "executed" / "full" / f"{name}.ipynb"
        for cell in code_of(nbformat.read(path, as_version=4)):
            if any("image/png" in output.get("data", {}) for output in cell.outputs):
                assert cell.metadata["mystnb"]["image"]["alt"], cell.source[:80]


def test_the_template_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("STRATA_STORE", str(tmp_path))
    monkeypatch.setenv("STRATA_WORKERS", "0")
    names = {}
    for cell in code_of(nbformat.read(TEMPLATE, as_version=4)):
        exec(compile(cell.source, "template", "exec"), names)
    plt.close("all")
    assert names["ranks"].shape == (4, 5)

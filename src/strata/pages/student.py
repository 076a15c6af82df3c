"""The student edition: notebooks without solutions, results and explanations of the figures.

What goes is decided by tags of Markdown cells alone; every code cell stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import nbformat
from nbformat import NotebookNode, v4
from papermill.translators import translate_parameters

from strata.book.chapters import ANSWER, PREDICT, duration, has_tag
from strata.book.profiles import Notebook, resolve
from strata.pages.plain import MEASURED, plain

ARCHIVE = "student-edition.zip"
_REMOVED = ("solution", ANSWER)
_ITEM = re.compile(r"^(?=\d+\. )", re.MULTILINE)
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first date that a zip archive knows


def student_notebook(notebook: Notebook, root: Path, profile: str = "quick") -> NotebookNode:
    """A chapter as students get it.

    Parameters
    ----------
    notebook : Notebook
    root : Path
        Project root.
    profile : str
        Whose parameters are injected.

    Returns
    -------
    NotebookNode
        Plain Markdown, an empty cell after each prediction and exercise, no outputs, and the same
        bytes every time it is written.
    """
    source = nbformat.read(notebook.source(root), as_version=4)
    parameters = resolve(notebook, profile, root)
    labels = [label for cell in source.cells if (label := _figure(cell).get("name"))]
    figures = {label: number for number, label in enumerate(labels, start=1)}
    cells = []
    for cell in source.cells:
        if cell.cell_type == "markdown":
            cells += _words(cell, figures)
        else:
            cells += _code(cell, parameters, figures)
    cells.insert(1, _markdown("student-edition", _note(notebook, profile)))
    kept = {key: source.metadata[key] for key in ("kernelspec", "language_info")}
    node = v4.new_notebook(cells=cells, metadata=kept)
    nbformat.validate(node)
    return node


def write_student_edition(
    notebooks: Sequence[Notebook], root: Path, folder: Path, profile: str = "quick"
) -> list[Path]:
    """Write student notebooks and an archive of them; give the paths, the archive last."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for notebook in notebooks:
        path = folder / f"{notebook.name}.ipynb"
        nbformat.write(student_notebook(notebook, root, profile), path)
        paths.append(path)
    archive = folder / ARCHIVE
    with ZipFile(archive, "w", ZIP_DEFLATED) as together:
        for path in paths:
            together.writestr(ZipInfo(path.name, _EARLIEST), path.read_bytes(), ZIP_DEFLATED)
    return [*paths, archive]


def _words(cell: NotebookNode, figures: Mapping[str, int]) -> Iterator[NotebookNode]:
    if any(has_tag(cell, tag) for tag in _REMOVED):
        return
    text = plain(cell.source, figures)
    if has_tag(cell, "exercises"):
        heading, *items = _ITEM.split(text)
        yield _markdown(cell.id, heading)
        for number, item in enumerate(items, start=1):
            yield _markdown(f"exercise-{number}", item)
            yield _markdown(f"exercise-{number}-answer", "**Your answer:**")
        return
    yield _markdown(cell.id, text)
    if has_tag(cell, PREDICT):
        yield _markdown(f"{cell.id}-answer", "**Your prediction:**")


def _code(
    cell: NotebookNode, parameters: Mapping[str, Any], figures: Mapping[str, int]
) -> Iterator[NotebookNode]:
    tags = cell.metadata.get("tags", [])
    metadata: dict[str, Any] = {"tags": ["parameters"]} if "parameters" in tags else {}
    if "hide-input" in tags:
        metadata["jupyter"] = {"source_hidden": True}
    yield v4.new_code_cell(cell.source, id=cell.id, metadata=metadata)
    if "parameters" in tags:
        values = translate_parameters("python3", "python", parameters, "Parameters")
        tagged = {"tags": ["injected-parameters"]}
        yield v4.new_code_cell(values.rstrip(), id="injected-parameters", metadata=tagged)
    figure = _figure(cell)
    if figure.get("name") in figures:
        caption = plain(figure.get("caption", ""), figures)
        yield _markdown(f"{cell.id}-caption", f"*Figure {figures[figure['name']]}.* {caption}")


def _figure(cell: NotebookNode) -> Mapping[str, Any]:
    return cell.metadata.get("mystnb", {}).get("figure", {})


def _markdown(name: str, text: str) -> NotebookNode:
    return v4.new_markdown_cell(text.strip(), id=name)


def _note(notebook: Notebook, profile: str) -> str:
    seconds = duration(notebook.profiles[profile].seconds)
    return (
        "*Student edition.* What the figures show, and the solutions, are left out: they stand on "
        "the page of this chapter. Write into the cells that begin with *Your prediction* and "
        f"*Your answer*, before you run what follows. {MEASURED} stands for a number that a run "
        f"measures. The second code cell holds the parameters of the profile `{profile}`: about "
        f"{seconds} on 2 cores. Open this notebook in an environment in which Strata is installed."
    )

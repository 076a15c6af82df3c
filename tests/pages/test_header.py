"""What the build writes into pages."""

from dataclasses import replace

import nbformat
import pytest
import torch

from strata.book.check import Status, status_of
from strata.book.profiles import load_notebooks
from strata.pages.header import (
    fill,
    header,
    status_table,
    with_present_words,
)


@pytest.fixture(scope="module")
def status(smoke_project) -> Status:
    return status_of(load_notebooks(smoke_project)["ntk-depth"], "smoke", smoke_project)


def test_the_header_says_what_the_page_ran_on(status):
    text = header(status.record, status)
    assert 'data-profile="smoke"' in text
    assert status.record.key[:12] in text
    assert f"torch {torch.__version__}" in text
    assert "seeds = 2" in text
    assert "stale" not in text
    assert 'href="#claim-C1"' in text


def test_the_header_says_parameters_within_a_parameter_in_words(status):
    larger = {"width": 8, "learning_rate": 0.02, "checkpoints": [0, 3]}
    text = header(replace(status.record, parameters={"larger": larger, "seeds": 2}), status)
    assert "larger = (width 8, learning_rate 0.02, checkpoints [0, 3]), seeds = 2" in text


def test_a_declared_stale_page_says_so(status):
    stale = Status("ntk-depth", "smoke", "stale", "changed: x", "new <epochs>", status.record)
    assert "stale: new &lt;epochs&gt;" in header(status.record, stale)


def test_the_table_has_a_row_a_notebook(status):
    missing = Status("other", "smoke", "missing")
    assert len(status_table([status, missing]).splitlines()) == 4


def test_only_generated_blocks_are_replaced():
    page = "before\n<!-- generated: status -->\nold\n<!-- end generated -->\nafter\n"
    assert fill(page, {"status": "new"}) == "before\nnew\nafter\n"
    with pytest.raises(KeyError):
        fill(page, {})


def test_pages_show_the_words_of_today_around_the_outputs_of_the_run(smoke_project):
    name = "ntk-depth.ipynb"
    executed = nbformat.read(smoke_project / "_build" / "smoke" / "executed" / name, as_version=4)
    source = nbformat.read(smoke_project / "notebooks" / name, as_version=4)
    source.cells[0].source = "# Another title"
    figure = next(cell for cell in source.cells if "mystnb" in cell.metadata)
    figure.metadata["mystnb"]["figure"]["caption"] = "A better caption."
    source.cells.insert(1, nbformat.v4.new_markdown_cell("A new paragraph."))
    outputs = [cell.outputs for cell in executed.cells if cell.cell_type == "code"]
    shown = with_present_words(executed, source)
    assert [cell.source for cell in shown.cells[:2]] == ["# Another title", "A new paragraph."]
    assert [cell.outputs for cell in shown.cells if cell.cell_type == "code"] == outputs
    (found,) = (cell for cell in shown.cells if cell.id == figure.id)
    assert found.metadata["mystnb"]["figure"]["caption"] == "A better caption."


def cells(*sources, prefix=""):
    made = [nbformat.v4.new_code_cell(source) for source in sources]
    for number, cell in enumerate(made):
        cell.id = f"{prefix}{number}"
    return nbformat.v4.new_notebook(cells=made)


def test_a_cell_with_a_new_id_keeps_its_outputs():
    executed = cells("first()", "second()")
    for cell in executed.cells:
        cell.outputs = [nbformat.v4.new_output("stream", text=cell.source)]
    injected = nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["injected-parameters"]})
    executed.cells.insert(0, injected)
    shown = with_present_words(executed, cells("first()", "second()", prefix="new-"))
    assert [cell.outputs[0].text for cell in shown.cells] == ["first()", "second()"]


def test_building_changes_nothing_but_the_build_folder(smoke_project, smoke_html):
    sources = smoke_project / "notebooks" / "ntk-depth.ipynb"
    assert "strata-header" not in sources.read_text()
    assert "<!-- generated: status -->" in (smoke_project / "book" / "status.md").read_text()
    page = (smoke_html / "notebooks" / "ntk-depth.html").read_text()
    assert "strata-header" in page
    assert page.count('class="strata-claim"') >= 9

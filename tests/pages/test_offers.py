"""What a page offers: files that run as they are, the command, links from one setting."""

import json
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import yaml

from strata.book.check import Status
from strata.book.profiles import load_notebooks, resolve
from strata.book.record import Record, executed_folder, load_record
from strata.pages.header import add_header
from strata.pages.offers import add_offers, command, first_cell, launch_links, strip
from strata.pages.site import Site

ROOT = Path(__file__).parents[2]
NAME = "ntk-depth"
FILES = [f"{NAME}{end}" for end in ("-full.ipynb", "-full.json", "-full.yml", ".ipynb")]
AT_HOME = Site(repository="some/book", branch="a/b")


@pytest.fixture(scope="module")
def record() -> Record:
    return load_record(executed_folder(ROOT, "full") / f"{NAME}.json")


@pytest.fixture(scope="module")
def offered(record, tmp_path_factory):
    """The page with its offers, and the folder of their files."""
    book = tmp_path_factory.mktemp("book")
    node = nbformat.read(executed_folder(ROOT, "full") / f"{NAME}.ipynb", as_version=4)
    add_header(node, Status(NAME, "full", "fresh", record=record))
    add_offers(node, record, Site(), ROOT, book)
    return node, book / "_static" / "run"


def test_the_offers_stand_below_the_header_and_every_file_is_there(offered):
    node, folder = offered
    ids = [cell.id for cell in node.cells]
    assert ids.index("strata-offers") == ids.index("strata-header") + 1
    text = node.cells[ids.index("strata-offers")].source
    assert sorted(path.name for path in folder.iterdir()) == FILES
    for file in FILES:
        assert f'href="../_static/run/{file}" download="{file}"' in text


def test_the_executed_notebook_has_outputs_and_the_source_has_none(offered):
    _, folder = offered
    executed, source = (
        nbformat.read(folder / f"{NAME}{end}.ipynb", as_version=4) for end in ("-full", "")
    )
    assert any(cell.get("outputs") for cell in executed.cells)
    assert not any(cell.get("outputs") for cell in source.cells)


def test_the_parameters_give_the_profile_again_and_say_the_command(offered, record):
    text = (offered[1] / f"{NAME}-full.yml").read_text()
    assert text.startswith(f"# {command(record)}\n")
    assert command(record) in strip(record, Site())
    again = resolve(load_notebooks(ROOT)[NAME], "full", ROOT, yaml.safe_load(text))
    assert again == {**record.parameters, "profile": "custom"}
    assert json.loads((offered[1] / f"{NAME}-full.json").read_text())["key"] == record.key


def test_without_a_repository_there_are_no_launch_links_and_the_page_says_so(record):
    assert launch_links(record, Site()) == {}
    text = strip(record, Site())
    assert "http" not in text
    assert "Colab and Binder: not from this copy (book/site.yml names no repository)" in text


def test_all_launch_links_come_from_the_one_setting(record):
    record = replace(record, run=record.run | {"commit": "0123abc"})
    links = launch_links(record, AT_HOME)
    path = f"notebooks/{NAME}.ipynb"
    assert links == {
        "source at this commit": f"https://github.com/some/book/blob/{record.run['commit']}/{path}",
        "Colab": f"https://colab.research.google.com/github/some/book/blob/a/b/{path}",
        "Binder": "https://mybinder.org/v2/gh/some/book/a%2Fb"
        "?urlpath=lab%2Ftree%2Fnotebooks%2Fntk-depth.ipynb",
    }
    without = replace(record, run={**record.run, "commit": None})
    assert launch_links(without, AT_HOME)["source"].endswith(f"/some/book/blob/a/b/{path}")
    text = strip(record, AT_HOME)
    assert all(address in text for address in links.values())
    assert "not from this copy" not in text
    cell = first_cell(AT_HOME)
    assert cell in text
    assert "--branch a/b https://github.com/some/book" in cell
    assert "--constraint constraints.txt" in cell

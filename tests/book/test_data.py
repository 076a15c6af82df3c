"""`strata check` where data are not here, damaged, or in another version than the recorded ones."""

import importlib
from dataclasses import asdict
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from typer.testing import CliRunner

from strata.book import data, profiles
from strata.book.check import check_sources, status_of
from strata.book.profiles import Notebook, Profile
from strata.book.record import METADATA, Record, key_of, key_parts
from strata.book.run import Setting
from strata.cli import app
from strata.data.images.location import MissingDataError

SETS = ["photographs", "drawn"]


class ToyNotebook(Notebook):
    """A notebook with the toy experiment on photographs."""

    def modules(self):
        return [importlib.import_module("toy_photographs")]


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """The folder with the reader's data."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "photographs").write_text("Photographs\npixels")
    monkeypatch.setenv("STRATA_DATA", str(folder))
    return folder


@pytest.fixture
def notebook() -> Notebook:
    profile = Profile(seconds=1, needs=[], parameters={"data": SETS})
    names = ("smoke", "quick", "full", "paper")
    return ToyNotebook(
        name="toy", study="A", experiments=[], profiles=dict.fromkeys(names, profile)
    )


@pytest.fixture
def root(tiny_project, place, notebook) -> Path:
    """A project with the full profile executed on the photographs, and the record of quick kept."""
    folder = tiny_project()
    cells = [new_code_cell('profile = ""\ndata = []', metadata={"tags": ["parameters"]})]
    for tag in ("goals", "predict", "exercises", "solution"):
        cells.append(new_markdown_cell("1. Look.", metadata={"tags": [tag]}))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    node = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(node, folder / "notebooks" / "toy.ipynb")
    node.cells[0].execution_count = 1
    for profile in ("full", "quick"):
        parameters = profiles.resolve(notebook, profile, folder)
        parts = key_parts(notebook, parameters, folder)
        record = Record("toy", profile, parameters, key_of(parts), parts, result={})
        node.metadata[METADATA] = asdict(record)
        executed = folder / "book" / "executed" / profile
        executed.mkdir(parents=True)
        nbformat.write(node, executed / "toy.ipynb")
        (executed / "toy.json").write_text(record.dumps())
    return folder


def line(notebook: Notebook, root: Path) -> str:
    return " ".join(status_of(notebook, "full", root).line().split())


def test_data_that_are_here_are_compared(root, notebook):
    assert line(notebook, root) == "toy full fresh"
    assert check_sources([notebook], root) == []


ABSENT = "; Photographs is not here, so its images were not compared"


@pytest.mark.parametrize("how", ["no variable", "no folder", "no file"])
def test_data_that_are_not_here_are_not_compared_and_check_says_so(
    root, notebook, place, monkeypatch, how
):
    (place / "photographs").unlink()
    if how == "no folder":
        place.rmdir()
    elif how == "no variable":
        monkeypatch.delenv("STRATA_DATA")
    assert line(notebook, root) == "toy full fresh" + ABSENT
    assert status_of(notebook, "full", root).acceptable
    assert check_sources([notebook], root) == []


def test_the_command_says_it_with_the_exit_status_of_fresh(root, notebook, place, monkeypatch):
    monkeypatch.setenv("STRATA_ROOT", str(root))
    monkeypatch.setattr(profiles, "load_notebooks", lambda root: {"toy": notebook})
    (place / "photographs").unlink()
    found = CliRunner().invoke(app, ["check"])
    assert found.exit_code == 0, found.output
    assert ABSENT in found.output
    # Where they are needed they are asked for.
    found = CliRunner().invoke(app, ["run", "--profile", "full"])
    assert found.exit_code == 2
    assert "Photographs is not here: there are none. Ask for them." in found.output


def test_a_source_that_is_named_without_looking_is_not_compared_either(
    root, notebook, place, monkeypatch
):
    monkeypatch.setattr(notebook.modules()[0], "data_source", lambda config: str(config.data))
    points = profiles.points(notebook, {"data": SETS})
    recorded = data.data_parts(points)
    (place / "photographs").unlink()
    assert data.data_parts_beside(points, recorded) == (recorded, ("Photographs",))


def test_all_else_is_compared_without_them(root, notebook, place, monkeypatch):
    (place / "photographs").unlink()
    experiment = notebook.modules()[0]
    content = experiment._content
    with monkeypatch.context() as patch:
        patch.setattr(experiment, "_content", lambda c: content(c).replace("drawn", "drawn\n2"))
        assert line(notebook, root) == "toy full stale (changed: toy_photographs)" + ABSENT
    (root / "constraints.txt").write_text("numpy==9")
    assert line(notebook, root) == "toy full stale (changed: constraints)" + ABSENT
    assert "stale (changed: constraints)" in check_sources([notebook], root)[0]


def test_an_experiment_that_names_no_sources_is_taken_as_a_whole(notebook, place, monkeypatch):
    monkeypatch.delattr(notebook.modules()[0], "data_source")
    points = profiles.points(notebook, {"data": SETS})
    whole = data.data_parts(points)
    assert data.data_parts_beside(points, {}) == (whole, ())
    (place / "photographs").write_text("other")
    assert data.data_parts_beside(points, whole)[0] != whole
    (place / "photographs").unlink()
    assert data.data_parts_beside(points, whole) == (whole, ("Photographs",))
    with pytest.raises(MissingDataError, match="Ask for them"):
        data.data_parts(points)


def test_the_other_version_of_a_set_is_named_beside_the_recorded_one(root, notebook, place):
    (place / "photographs").write_text("Photographs, JPEG copy\npixels")
    status = status_of(notebook, "full", root)
    assert (status.state, status.absent) == ("stale", ())
    recorded, found = {"a": "1", "b": "2"}, {"a, JPEG copy": "3", "b": "2"}
    said = "data of nets (recorded: a; here: a, JPEG copy)"
    assert data.data_change("strata.experiments.nets", recorded, found) == said
    recorded, found = {"a": "1", "b": "2"}, {"a": "1", "b": "3"}
    assert data.data_change("strata.experiments.nets", recorded, found) == "data of nets (b)"
    assert data.data_change("strata.experiments.nets", "1", "2") == "data of nets"
    assert data.data_change("strata.experiments.nets", None, "2") == "data of nets"
    assert data.data_change("book/published.yml", "1", "2") == "book/published.yml"


def test_damaged_data_are_not_taken_for_missing_ones(root, notebook, place):
    (place / "photographs").write_text("damaged")
    assert line(notebook, root) == "toy full stale (changed: data, photographs is damaged)"
    assert "changed: data, photographs is damaged" in check_sources([notebook], root)[0]


def test_a_record_says_what_its_data_are_called(notebook, place):
    found = data.data_parts(profiles.points(notebook, {"data": SETS}))
    assert data.sources(found | {"strata.experiments.other": "hash"}) == ["Photographs", "drawn"]


def test_notebooks_and_workers_get_the_place_of_the_data_as_it_was_meant(
    tmp_path, place, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRATA_DATA", "data")
    environment = Setting(tmp_path / "project").environment("quick", tmp_path / "progress")
    assert environment["STRATA_DATA"] == str(place)

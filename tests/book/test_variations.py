"""Worked changes of a parameter: declared, run, kept, and held against the record they vary."""

import json
from pathlib import Path

import nbformat
import pytest
import yaml
from typer.testing import CliRunner

from strata.book.chapters import Chapter
from strata.book.profiles import load_notebooks
from strata.book.variations import (
    load_results,
    load_variations,
    not_run,
    results_path,
    run_variations,
    variation_problems,
)
from strata.cli import app
from strata.pages.variation_page import variation_blocks

ROOT = Path(__file__).parents[2]
WORDS = {"title": "Three times as much", "predict": "Up or down?", "expect": "Up."}


@pytest.fixture
def varied(tiny_project) -> Path:
    """A project whose only notebook reports twice its parameter; its record says 2."""
    root = tiny_project(
        doubled=['from strata.report import report\nreport("twice", 2 * x, tolerance=0)']
    )
    path = root / "notebooks" / "doubled.ipynb"
    node = nbformat.read(path, as_version=4)
    node.cells[1].source += "\nx: int = 1"
    nbformat.write(node, path)
    declare(root, {"x": 3}, {"twice": "twice the parameter"})
    record = {
        "notebook": "doubled",
        "profile": "quick",
        "parameters": {},
        "key": "k1",
        "key_parts": {},
        "result": {"numbers": {"twice": {"value": 2.0, "text": "2.00"}}, "claims": {}},
    }
    tracked = root / "book" / "executed" / "quick" / "doubled.json"
    tracked.parent.mkdir(parents=True)
    tracked.write_text(json.dumps(record))
    return root


def declare(root: Path, change: dict, watch: dict) -> None:
    entry = WORDS | {"set": change, "watch": watch}
    text = yaml.safe_dump({"doubled": {"tripled": entry}})
    (root / "book" / "variations.yml").write_text(text)


def problems(root: Path) -> list[str]:
    return variation_problems(list(load_notebooks(root).values()), root)


def test_a_variation_is_run_kept_shown_and_becomes_stale(varied):
    notebooks = list(load_notebooks(varied).values())
    assert not_run(notebooks, varied) == ["doubled/tripled"]
    chapter = Chapter("doubled", "Doubled", "C", (), (), (), 0, 0, 0, 0)
    page = variation_blocks(varied, notebooks, {"doubled": chapter})
    assert "| twice the parameter | 2.00 | not run yet |" in page
    said: list[str] = []
    assert (
        run_variations(load_variations(varied, notebooks), notebooks, varied, say=said.append) == []
    )
    assert said[0] == "strata run doubled --set x=3"
    assert not_run(notebooks, varied) == []
    assert problems(varied) == []
    page = variation_blocks(varied, notebooks, {"doubled": chapter})
    assert "| twice the parameter | 2.00 | 6.00 |" in page
    declare(varied, {"x": 4}, {"twice": "twice the parameter"})
    assert "stale (changed: set)" in problems(varied)[0]
    declare(varied, {"x": 3}, {"twice": "twice the parameter"})
    tracked = varied / "book" / "executed" / "quick" / "doubled.json"
    tracked.write_text(tracked.read_text().replace('"k1"', '"k2"'))
    assert "stale (changed: the quick record)" in problems(varied)[0]


def test_a_failed_variation_keeps_the_others_and_is_named(varied):
    path = varied / "notebooks" / "doubled.ipynb"
    node = nbformat.read(path, as_version=4)
    node.cells[-1].source = "1 / 0"
    nbformat.write(node, path)
    notebooks = list(load_notebooks(varied).values())
    variations = load_variations(varied, notebooks)
    assert run_variations(variations, notebooks, varied, say=lambda line: None) == [
        "doubled/tripled"
    ]
    assert load_results(results_path(varied)) == {}


@pytest.mark.parametrize(
    ("change", "watch", "said"),
    [
        ({"y": 3}, {"twice": "it"}, "has no parameter 'y'"),
        ({"x": 3}, {"thrice": "it"}, "the tracked record of quick has no 'thrice'"),
    ],
)
def test_a_variation_that_cannot_be_run_or_watched_is_a_problem(varied, change, watch, said):
    declare(varied, change, watch)
    (problem,) = problems(varied)
    assert said in problem


def test_a_change_to_the_same_value_is_a_problem(varied):
    path = varied / "book" / "profiles.yml"
    entries = yaml.safe_load(path.read_text())
    entries["notebooks"]["doubled"]["profiles"]["quick"]["parameters"] = {"x": 3}
    path.write_text(yaml.safe_dump(entries))
    assert "changes nothing of the quick profile" in problems(varied)[0]


def test_every_variation_belongs_to_a_chapter():
    declared = yaml.safe_load((ROOT / "book" / "variations.yml").read_text())
    assert set(declared) == set(load_notebooks(ROOT))


def test_the_command_names_what_there_is():
    found = CliRunner().invoke(app, ["vary", "ntk-depth/wider"])
    assert found.exit_code == 2
    assert "ntk-depth/half-width" in found.output

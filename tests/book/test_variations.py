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
    prepare_variations,
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
    root = tiny_project(doubled=['from strata.report import report\nreport("twice", 2 * x)'])
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


def declare(root: Path, change: dict, watch: dict, **words: str) -> None:
    entry = WORDS | {"set": change, "watch": watch} | words
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
    variations = load_variations(varied, notebooks)
    prepared = prepare_variations(variations, notebooks, varied, say=said.append)
    assert run_variations(prepared, varied) == []
    assert said[0] == "strata run doubled --set x=3"
    assert not_run(notebooks, varied) == []
    assert problems(varied) == []
    page = variation_blocks(varied, notebooks, {"doubled": chapter})
    assert "| twice the parameter | 2.00 | 6.00 |" in page
    watch = {"twice": "twice the parameter"}
    date = load_results(results_path(varied))["doubled/tripled"].date
    declare(varied, {"x": 3}, watch, found="Up.", found_on="2026-01-01 00:00 UTC")
    assert f"`found` is not of the run of {date}" in problems(varied)[0]
    declare(varied, {"x": 3}, watch, found="Up.", found_on=date)
    assert problems(varied) == []
    declare(varied, {"x": 4}, watch)
    assert "stale (changed: set)" in problems(varied)[0]
    declare(varied, {"x": 3}, watch)
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
    prepared = prepare_variations(variations, notebooks, varied, say=lambda line: None)
    assert run_variations(prepared, varied) == ["doubled/tripled"]
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


def test_an_entry_with_a_wrong_field_is_named_in_one_line_of_the_command(varied, monkeypatch):
    (varied / "book" / "variations.yml").write_text("doubled: {tripled: {titel: x}}")
    monkeypatch.setenv("STRATA_ROOT", str(varied))
    for command in (["vary"], ["check", "--profile", "quick"]):
        found = CliRunner().invoke(app, command)
        assert found.exit_code == 2
        assert "strata: variations.yml, doubled/tripled: " in found.output
        assert "titel" in found.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("doubled: {tripled: null}", "variations.yml, doubled/tripled: "),
        ("doubled: null", "variations.yml, doubled: takes variations by name, got None"),
        ("[doubled]", "variations.yml: "),
        ("doubled: {", "variations.yml: did not find expected"),
    ],
)
def test_a_file_of_another_form_is_one_line_that_names_the_entry(varied, strata_here, text, said):
    (varied / "book" / "variations.yml").write_text(text)
    for words in (["vary"], ["check", "--profile", "quick"]):
        done = strata_here(varied, *words)
        assert done.returncode == 2
        assert done.stderr.startswith(f"strata: {said}")
        assert done.stderr.count("\n") == 1


def test_an_empty_file_declares_nothing(varied):
    (varied / "book" / "variations.yml").write_text("# nothing yet\n")
    assert problems(varied) == []


def test_variations_of_a_notebook_that_is_not_there_are_a_problem(varied):
    path = varied / "book" / "variations.yml"
    path.write_text(path.read_text().replace("doubled:", "doubld:"))
    assert problems(varied) == ["variations.yml: there is no notebook 'doubld'"]


def test_damaged_results_are_named_before_anything_runs(varied, strata_here, monkeypatch):
    monkeypatch.setattr("strata.book.run.run", lambda *_: pytest.fail("it ran"))
    for text in ("{", "[]", '{"doubled/tripled": {"base": 1}}'):
        results_path(varied).write_text(text)
        for words in (["vary"], ["vary", "--missing"], ["check", "--profile", "quick"]):
            done = strata_here(varied, *words)
            assert done.returncode == 2
            assert done.stderr.startswith(f"strata: the results in {results_path(varied)} are dam")
            assert done.stderr.count("\n") == 1


def test_a_fault_of_the_run_itself_is_no_wrong_use(varied, strata_here, monkeypatch):
    def fault(*_: object) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr("strata.book.run.run", fault)
    with pytest.raises(ValueError, match="a fault of ours"):
        strata_here(varied, "vary")


def test_every_variation_belongs_to_a_chapter():
    declared = yaml.safe_load((ROOT / "book" / "variations.yml").read_text())
    assert set(declared) == set(load_notebooks(ROOT))


def test_the_command_names_what_there_is():
    found = CliRunner().invoke(app, ["vary", "ntk-depth/wider"])
    assert found.exit_code == 2
    assert "ntk-depth/half-width" in found.output

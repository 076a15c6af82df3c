"""`strata check` sees every change that could move a result, and names it."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import nbformat
import pytest
import yaml

from strata.book.check import check_sources, status_of
from strata.book.profiles import check_complete, load_notebooks, resolve
from strata.book.prose import prose_problems
from strata.book.record import METADATA, Record, executed_folder, key_of, key_parts
from strata.pages.build import BuildError, build

ROOT = Path(__file__).parents[2]


def state(root: Path) -> tuple[str, str]:
    found = status_of(load_notebooks(root)["ntk-depth"], "smoke", root)
    return found.state, found.why


def test_an_executed_notebook_is_fresh(smoked):
    assert state(smoked) == ("fresh", "")


def test_a_changed_cell_makes_it_stale_and_changed_words_do_not(smoked):
    path = smoked / "notebooks" / "ntk-depth.ipynb"
    node = nbformat.read(path, as_version=4)
    node.cells[0].source += "\n\nMore words."
    nbformat.write(node, path)
    assert state(smoked)[0] == "fresh"
    node.cells[-1].source += "\n1 + 1"
    nbformat.write(node, path)
    assert state(smoked) == ("stale", "changed: code cells")


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("book/profiles.yml", "epochs: 200", "epochs: 201", "parameter epochs"),
        ("book/claims.yml", "above: 1.5", "above: 1.6", "book/claims.yml"),
        ("book/published.yml", "8.84", "8.85", "book/published.yml"),
        ("constraints.txt", "numpy==", "numpy==9.", "constraints"),
    ],
)
def test_a_changed_file_makes_it_stale_by_name(smoked, file, old, new, named):
    path = smoked / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    found, why = state(smoked)
    assert found == "stale"
    assert named in why


def test_a_changed_source_file_is_named_by_the_command(smoked, strata, tmp_path):
    source = Path(shutil.copytree(ROOT / "src", tmp_path / "src"))
    environment = {"PYTHONPATH": str(source)}
    rank = source / "strata" / "measures" / "rank.py"
    rank.write_text(rank.read_text() + "\n# only a comment\n")
    done = strata(smoked, "check", "--profile", "smoke", env=environment)
    assert re.search(r"ntk-depth\s+smoke\s+fresh", done.stdout), done.stdout + done.stderr
    rank.write_text(rank.read_text() + "\nCHANGED = 1\n")
    done = strata(smoked, "check", "--profile", "smoke", env=environment)
    assert done.returncode == 1
    assert "stale (changed: src/strata/measures/rank.py)" in done.stdout


def test_a_declared_reason_makes_stale_results_acceptable(smoked):
    path = smoked / "book" / "profiles.yml"
    entries = yaml.safe_load(path.read_text())
    profile = entries["notebooks"]["ntk-depth"]["profiles"]["smoke"]
    profile["parameters"]["epochs"] = 201
    profile["stale"] = "new epochs, the machine is busy"
    path.write_text(yaml.safe_dump(entries))
    found = status_of(load_notebooks(smoked)["ntk-depth"], "smoke", smoked)
    assert found.state == "stale"
    assert found.acceptable


def test_missing_and_half_run_results_are_told_apart(smoked):
    executed = smoked / "_build" / "smoke" / "executed" / "ntk-depth.ipynb"
    node = nbformat.read(executed, as_version=4)
    whole = executed.read_text()
    node.cells[-1].execution_count = None
    nbformat.write(node, executed)
    assert state(smoked)[0] == "half-run"
    executed.write_text(whole[: len(whole) // 2])
    assert state(smoked)[0] == "half-run"
    executed.write_text(whole)
    beside = executed.with_suffix(".json")
    record = json.loads(beside.read_text())
    record["result"]["numbers"]["rank-peak"]["value"] += 1
    beside.write_text(json.dumps(record))
    assert state(smoked)[0] == "half-run"
    beside.unlink()
    assert state(smoked)[0] == "half-run"
    executed.unlink()
    assert state(smoked)[0] == "missing"


def test_a_stale_record_that_verify_would_compare_with_is_a_problem(smoked, strata_here):
    reference = smoked / "book" / "executed" / "smoke" / "ntk-depth.json"
    reference.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(smoked / "_build" / "smoke" / "executed" / "ntk-depth.json", reference)
    path = smoked / "book" / "profiles.yml"
    path.write_text(path.read_text().replace("epochs: 200", "epochs: 201"))
    said = strata_here(smoked, "check", "--profile", "smoke").stderr
    assert "the tracked record of smoke is stale (changed: parameter epochs)" in said


def keep_a_result(root: Path, name: str) -> None:
    """What `strata run` leaves of a notebook of code without outputs."""
    notebook = load_notebooks(root)[name]
    parameters = resolve(notebook, "quick", root)
    parts = key_parts(notebook, parameters, root)
    result = {"claims": {}, "numbers": {}, "points": {}}
    run = {"date": "today", "seconds": 1}
    record = Record(name, "quick", parameters, key_of(parts), parts, result, run)
    node = notebook.read(root)
    for number, cell in enumerate(c for c in node.cells if c.cell_type == "code"):
        cell.execution_count = number
    node.metadata[METADATA] = asdict(record)
    folder = executed_folder(root, "quick")
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(node, folder / f"{name}.ipynb")
    (folder / f"{name}.json").write_text(record.dumps())


def with_code(code: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        path = root / "notebooks" / "bad.ipynb"
        node = nbformat.read(path, as_version=4)
        node.cells[-1].source = code
        nbformat.write(node, path)

    return change


def with_entry(**fields: object) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        path = root / "book" / "profiles.yml"
        entries = yaml.safe_load(path.read_text())
        entries["notebooks"]["bad"] = entries["notebooks"]["bad"] | fields
        path.write_text(yaml.safe_dump(entries))

    return change


ILLEGAL = {"quick": {"seconds": 5, "needs": [], "parameters": {"width": 3}}}
BROKEN = {
    "a parameter": (with_entry(profiles=ILLEGAL), "bad has no parameter 'width'"),
    "an experiment": (
        with_entry(experiments=["nowhere"]),
        "bad: there is no module 'strata.experiments.nowhere'",
    ),
    "no Python": (with_code("x = = 1"), "bad: cannot follow its code: invalid syntax: x = = 1"),
    "an import": (
        with_code("from strata.measure import x"),
        "bad: no source file for the module 'strata.measure'",
    ),
    "no file": (lambda root: (root / "notebooks" / "bad.ipynb").unlink(), "bad: cannot read"),
    "half a file": (
        lambda root: (root / "notebooks" / "bad.ipynb").write_text('{"cells": ['),
        "is no notebook",
    ),
    "no notebook": (
        lambda root: (root / "notebooks" / "bad.ipynb").write_text("[]"),
        "is no notebook",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_notebook_that_cannot_be_run_is_one_line_and_the_others_go_on(
    tiny_project, strata_here, fault
):
    root = tiny_project(good=["1"], bad=["1"])
    for name in ("good", "bad"):
        keep_a_result(root, name)
    for command in (["check", "--profile", "quick"], ["status"]):
        said = strata_here(root, *command).stdout
        assert [line.split()[:3] for line in said.splitlines()] == [
            ["bad", "quick", "fresh"],
            ["good", "quick", "fresh"],
        ]
    change, words = BROKEN[fault]
    change(root)

    done = strata_here(root, "check", "--profile", "quick")
    assert done.returncode == 1
    assert sum(words in line for line in done.stderr.splitlines()) == 1, done.stderr
    for said in (done.stdout, strata_here(root, "status").stdout):
        bad, good = said.splitlines()
        assert good.split()[:3] == ["good", "quick", "fresh"]
        assert "stale (cannot be run: bad" in bad
        assert words in bad
    done = strata_here(root, "run", "bad")
    assert done.returncode == 2
    assert done.stderr.startswith("strata: bad")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    with pytest.raises(BuildError, match=r"stale \(cannot be run: bad"):
        build(list(load_notebooks(root).values()), "quick", root)


def test_no_declared_reason_makes_a_notebook_that_cannot_be_run_acceptable(tiny_project):
    root = tiny_project(bad=["1"])
    keep_a_result(root, "bad")
    profiles = {"quick": ILLEGAL["quick"] | {"stale": "the machine is busy"}}
    with_entry(profiles=profiles)(root)
    assert not status_of(load_notebooks(root)["bad"], "quick", root).acceptable


def test_where_there_are_no_tests_no_claim_is_called_untested(tiny_project, strata_here):
    root = tiny_project(good=["1"])
    claim = yaml.safe_load((ROOT / "book" / "claims.yml").read_text())["claims"]["C1"]
    claims = {"claims": {"C1": claim | {"notebook": "good"}}}
    (root / "book" / "claims.yml").write_text(yaml.safe_dump(claims))
    unjudged = "claim C1: notebook 'good' does not judge it"
    untested = "claim C1: no test is marked with it"

    def said() -> list[str]:
        lines = strata_here(root, "check", "--profile", "quick").stderr.splitlines()
        return [line for line in lines if line.startswith("claim")]

    assert said() == [unjudged]
    (root / "tests").mkdir()
    assert said() == [unjudged, untested]


def test_problems_come_in_the_same_order_every_time(tiny_project):
    root = tiny_project(good=["1"])
    path = root / "notebooks" / "good.ipynb"
    node = nbformat.read(path, as_version=4)
    names = [f"p{number}" for number in range(9)]
    node.cells[1].source += "".join(f"\n{name}: int = 1" for name in reversed(names))
    nbformat.write(node, path)
    found = check_complete(load_notebooks(root)["good"], root)
    assert found[: len(names)] == [f"good: no experiment takes {name!r}" for name in names]


def test_stale_results_are_not_built(smoked, strata_here):
    path = smoked / "book" / "profiles.yml"
    path.write_text(path.read_text().replace("epochs: 200", "epochs: 201"))
    done = strata_here(smoked, "build", "--profile", "smoke")
    assert done.returncode == 1
    assert "parameter epochs" in done.stderr


def test_the_prose_of_the_book_has_no_number_without_a_result():
    assert prose_problems(ROOT) == []


@pytest.mark.parametrize(
    ("words", "flagged"),
    [
        ("a rank of 7.31 was found", ["7.31"]),
        ("12,345 points", ["12,345"]),
        ("it took 870", ["870"]),
        ("8.84 as published, in 2024, at depth 3", []),
        ("$R = 7.31$, `7.31`, and {glue:text}`rank`", []),
        ("```\n7.31\n```", []),
    ],
)
def test_numbers_in_prose_need_a_result(project_copy, words, flagged):
    (project_copy / "book" / "extra.md").write_text(f"# Extra\n\n{words}\n")
    found = [p for p in prose_problems(project_copy) if p.startswith("extra.md")]
    assert [p.rsplit(" ", 1)[1] for p in found] == flagged


def test_a_claim_without_test_or_notebook_is_reported(smoked, strata_here):
    shutil.copytree(ROOT / "tests", smoked / "tests")
    path = smoked / "book" / "claims.yml"
    entries = yaml.safe_load(path.read_text())

    def add(claim: str, notebook: str) -> list[str]:
        entries["claims"][claim] = entries["claims"]["C1"] | {"notebook": notebook}
        path.write_text(yaml.safe_dump(entries))
        said = f"claim {claim}: notebook {notebook!r} does not judge it"
        return [said, f"claim {claim}: no test is marked with it"]

    assert strata_here(smoked, "check", "--profile", "smoke").returncode == 0
    expected = add("C98", "other")
    done = strata_here(smoked, "check", "--profile", "smoke")
    assert done.returncode == 1
    assert done.stderr.splitlines() == expected
    expected += add("C99", "ntk-depth")
    assert check_sources(list(load_notebooks(smoked).values()), smoked) == expected


def test_a_notebook_may_rest_on_a_part_of_the_published_figures_of_its_own(smoked):
    profiles, published = (smoked / "book" / f"{name}.yml" for name in ("profiles", "published"))
    text = profiles.read_text()
    profiles.write_text(text.replace("  ntk-depth:\n", "  ntk-depth:\n    published: latents\n"))
    assert state(smoked) == ("stale", "changed: book/published.yml")

    def part() -> str:
        notebook = load_notebooks(smoked)["ntk-depth"]
        parts = key_parts(notebook, resolve(notebook, "smoke", smoked), smoked)
        return parts["data"]["book/published.yml"]

    before = part()
    published.write_text(published.read_text().replace("8.84", "8.85"))
    assert part() == before
    published.write_text(published.read_text().replace("0.871", "0.872"))
    assert part() != before

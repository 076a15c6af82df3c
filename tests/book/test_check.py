"""`strata check` sees every change that could move a result, and names it."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
import yaml

from strata.book.check import check_sources, status_of
from strata.book.profiles import load_notebooks, resolve
from strata.book.prose import prose_problems
from strata.book.record import key_parts

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

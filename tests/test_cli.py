"""The command: exit status 0, 1 and 2, and words that help."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from strata.cli import app, executing
from strata.pages.serve import server

ROOT = Path(__file__).parents[1]
runner = CliRunner()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "ntk-dept"], "did you mean 'ntk-depth'"),
        (["run", "--profile", "huge"], "no profile 'huge'"),
        (["run", "--set", "seeds=1", "-P", "smoke"], "'seeds' = 1 is refused"),
        (["run", "--set", "seeds"], "name=value"),
        (["run", "--set", "depths=[1"], "--set depths: "),
        (["run", "--set", "learning_rate=-1e-3", "-P", "smoke"], "'learning_rate' = -0.001 is"),
        (["sweep", "ntk-depth", "--shard", "5/4"], "5"),
        (["sweep", "ntk-depth", "--shard", "x"], "i/n"),
        (["sweep", "nothing"], "no notebook"),
        (["build", "--profile", "huge"], "no profile 'huge'"),
        (["check", "--profile", "huge"], "no profile 'huge'"),
        (["verify", "--profile", "full", "--accept"], "strata run --profile full"),
    ],
)
def test_wrong_use_is_status_2_and_says_what_is_right(words, said):
    found = runner.invoke(app, words)
    assert found.exit_code == 2
    assert said in found.output


def test_data_lists_the_sets_with_the_same_fingerprints_every_time():
    one, two = runner.invoke(app, ["data"]), runner.invoke(app, ["data"])
    assert one.exit_code == 0
    assert one.output == two.output
    assert "yin-yang" in one.output


def test_status_names_every_profile_that_is_run_here(smoked, strata_here):
    found = strata_here(smoked, "status")
    assert found.returncode == 0
    smoke, quick, full = (" ".join(line.split()) for line in found.stdout.splitlines())
    assert re.fullmatch(r"ntk-depth smoke fresh \S+ \S+ UTC, \d+ s", smoke)
    assert quick.startswith("ntk-depth quick missing")
    assert full.startswith("ntk-depth full missing")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("-2.5E+4", -2.5e4),
        (".5e1", 5.0),
        ("[1e-3, 2]", [1e-3, 2]),
        ("{rate: 1e3}", {"rate": 1e3}),
        ("1.0e-3", 1e-3),
        ("7", 7),
        ("'1e-3'", "1e-3"),
        ("e3", "e3"),
        ("1e", "1e"),
        ("1e-3x", "1e-3x"),
        ("[own, shapes]", ["own", "shapes"]),
        ("true", True),
    ],
)
def test_a_value_on_the_command_line_is_yaml_with_numbers_as_one_writes_them(text, value):
    found = executing._overrides([f"name={text}"])["name"]
    assert found == value
    assert type(found) is type(value)


SETTINGS = ("site.yml", "scorecard.yml", "benchmarks.yml")


@pytest.fixture
def with_settings(tiny_project) -> Path:
    """A project with the files that the pages are made of, and no chapter executed."""
    root = tiny_project(good=["1"])
    for name in SETTINGS:
        shutil.copy2(ROOT / "book" / name, root / "book" / name)
    return root


@pytest.mark.parametrize("text", ["{", "[1]", "{x: 1}", "3"])
@pytest.mark.parametrize("name", [*SETTINGS, "claims.yml", "profiles.yml"])
def test_a_damaged_file_of_the_pages_is_one_line(with_settings, strata_here, name, text):
    commands = [["build"]]
    if name in ("scorecard.yml", "claims.yml", "profiles.yml"):
        commands.append(["scorecard", "--profile", "quick"])
    for words in commands:
        assert strata_here(with_settings, *words).returncode != 2
    (with_settings / "book" / name).write_text(text)
    for words in commands:
        done = strata_here(with_settings, *words)
        assert done.returncode == 2
        assert done.stderr.startswith(f"strata: {name}")
        assert done.stderr.count("\n") == 1


def test_damaged_measurements_are_one_line(with_settings, strata_here):
    (with_settings / "book" / "executed").mkdir()
    (with_settings / "book" / "executed" / "benchmarks.json").write_text('{"date": 3}')
    done = strata_here(with_settings, "build")
    assert done.returncode == 2
    assert done.stderr.startswith("strata: benchmarks.json: ")
    assert done.stderr.count("\n") == 1


def test_chapters_in_a_circle_are_one_line(with_settings, strata_here):
    path = with_settings / "notebooks" / "good.ipynb"
    node = nbformat.read(path, as_version=4)
    node.cells[0].metadata["tags"] = ["goals"]
    node.cells[0].source += "\n\nIt builds on [itself](good.ipynb)."
    nbformat.write(node, path)
    done = strata_here(with_settings, "build")
    assert done.returncode == 2
    assert done.stderr == "strata: chapters build on each other in a circle: good -> good\n"


@pytest.mark.parametrize("name", ["STRATA_THREADS", "STRATA_SEEDS"])
def test_a_sweep_says_which_variable_is_wrong(tiny_project, strata_here, name):
    done = strata_here(tiny_project(good=["1"]), "sweep", "good", env={name: "two"})
    assert done.returncode == 2
    assert done.stderr.startswith(f"strata: {name} is 'two'")


def test_a_sweep_may_compute_in_its_own_process(
    tiny_project, strata_here, with_helpers, toy, monkeypatch
):
    points = [toy.Config(value=1, log="log.txt")]
    monkeypatch.setattr("strata.book.profiles.points", lambda *_: [(toy, points)])
    root = tiny_project(good=["1"])
    monkeypatch.chdir(root)
    done = strata_here(root, "sweep", "good", "--workers", "0", env=with_helpers)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "toy_experiment: 1 points are stored\n"
    assert (root / "log.txt").read_text() == f"1 {os.getpid()}\n"


def test_outside_of_a_project_the_package_still_knows_its_own(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "strata.cli", "data"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "ntk-depth" in done.stdout


@pytest.mark.parametrize("command", ["run", "verify", "calibrate", "vary"])
@pytest.mark.parametrize("variable", ["STRATA_SEEDS", "STRATA_THREADS"])
def test_a_variable_that_notebooks_would_not_hear_of_is_refused(
    tiny_project, strata_here, command, variable
):
    root = tiny_project(good=["1"])
    done = strata_here(root, command, env={variable: "2"})
    assert done.returncode == 2
    assert "notebooks with other threads or seeds: strata calibrate" in done.stderr
    assert not (root / "_build").exists()


def test_shards_fill_the_store_with_the_points_of_the_run(smoked, smoke_project, strata_here):
    for shard in ("1/2", "2/2"):
        done = strata_here(smoked, "sweep", "ntk-depth", "--profile", "smoke", "--shard", shard)
        assert done.returncode == 0, done.stderr
    for experiment, n in (("ntk_depth", 6), ("ntk_untrained", 4)):
        filled, used = (
            {path.parent.name for path in (root / "_store" / experiment).glob("*/checksums.json")}
            for root in (smoked, smoke_project)
        )
        assert len(filled) == n
        assert filled == used


def test_serve_needs_pages_and_answers_on_the_loopback_address_only(tmp_path):
    with pytest.raises(FileNotFoundError, match="strata build"):
        server(tmp_path)
    (tmp_path / "index.html").write_text("x")
    with server(tmp_path) as running:
        assert running.server_address[0] == "127.0.0.1"

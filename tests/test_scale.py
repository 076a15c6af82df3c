"""The chapters as Snakemake jobs: real ones, killed and taken up again; and all of them counted."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from strata.book.jobs import shard_count
from strata.book.profiles import load_notebooks, points, resolve
from strata.store import Store
from strata.sweep import sweep

ROOT = Path(__file__).parents[1]
NAME = "extractor-tunnel"
SHARDS = 3
FINISHED = "(Rule: shard)"


def start(root: Path, *words: str, on: str = "local") -> subprocess.Popen[str]:
    """Start Snakemake on another project, as a user would with one of our profiles for it."""
    places = {"STRATA_ROOT": str(root), "STRATA_STORE": str(root / "_store")}
    command = [str(Path(sys.executable).with_name("snakemake")), "--profile", f"profiles/{on}"]
    return subprocess.Popen(
        [*command, *words],
        cwd=ROOT,
        env=os.environ | places,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=480)
    assert process.returncode == 0, said
    return said


def counted(said: str) -> dict[str, int]:
    """The jobs by rule, from the table that Snakemake prints."""
    table = said.split("Job stats:")[1].split("total")[0]
    return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def first_finished(process: subprocess.Popen[str], seconds: float) -> None:
    """Wait for the word that a job is done: its mark is there before Snakemake has noted it."""
    end = threading.Timer(seconds, os.killpg, [process.pid, signal.SIGKILL])
    end.start()
    found = any(FINISHED in line for line in process.stdout)
    end.cancel()
    assert found, "Snakemake ended before a job of it did"


def entries(store: Path) -> dict[str, tuple[int, int]]:
    """Every stored point, with what tells whether it was written again."""
    found = {path.parent.name: path.stat() for path in store.glob("*/*/checksums.json")}
    return {key: (stat.st_ino, stat.st_mtime_ns) for key, stat in found.items() if key[0] != "."}


@pytest.fixture
def asked() -> list[tuple[object, list[object]]]:
    """Every point of the notebook, by experiment."""
    notebook = load_notebooks(ROOT)[NAME]
    return points(notebook, resolve(notebook, "smoke", ROOT))


def test_a_killed_run_of_two_jobs_goes_on_where_it_was_and_gives_the_same(
    project_copy, asked, tmp_path_factory, monkeypatch
):
    store, marks = project_copy / "_store", project_copy / "_build/smoke/shards" / NAME
    target = f"_build/smoke/executed/{NAME}.ipynb"
    words = (target, "--config", "profile=smoke", f"shards={SHARDS}")
    first = start(project_copy, *words)
    first_finished(first, seconds=480)
    os.killpg(first.pid, signal.SIGKILL)
    said, _ = first.communicate()
    # Killed between the mark of a job and Snakemake's note of it, that job is done once more.
    noted, marked = 1 + said.count(FINISHED), len(list(marks.glob("*-of-*")))
    before = entries(store)
    assert 1 <= noted <= marked < SHARDS
    total = sum(len(configs) for _, configs in asked)
    assert 1 <= len(before) < total
    assert not (project_copy / target).exists()

    said = finish(start(project_copy, *words))
    jobs = counted(said)
    assert SHARDS - marked <= jobs["shard"] <= SHARDS - noted
    assert jobs["notebook"] == 1
    after = entries(store)
    assert len(after) == total
    assert {key: after[key] for key in before} == before
    assert (project_copy / target).exists()

    alone = Store(tmp_path_factory.mktemp("alone"))
    for module, configs in asked:
        here = sweep(module, configs, store=alone, workers=0)
        again = sweep(module, configs, store=Store(store), workers=0)
        assert [r.digest() for r in here] == [r.digest() for r in again]
    assert entries(store) == after

    kept = (project_copy / target).read_bytes()
    monkeypatch.setenv("STRATA_SEEDS", "1")  # which `strata run` refuses
    again = start(project_copy, *words, "--forcerun", "notebook")
    said, _ = again.communicate(timeout=240)
    assert again.returncode != 0, said
    assert (project_copy / target).read_bytes() == kept


@pytest.mark.parametrize(
    ("profile", "nodes", "on"), [("full", 1, "local"), ("paper", 100, "slurm")]
)
def test_a_dry_run_counts_the_jobs_of_all_notebooks(project_copy, profile, nodes, on):
    shutil.rmtree(project_copy / "book" / "executed")
    words = ("-n", "--config", f"profile={profile}", f"nodes={nodes}")
    said = finish(start(project_copy, *words, on=on))
    notebooks = load_notebooks(ROOT)
    jobs = counted(said)
    assert jobs["notebook"] == len(notebooks)
    assert jobs["pages"] == 1
    numbers = [shard_count(n, profile, project_copy, nodes) for n in notebooks.values()]
    assert jobs["shard"] == sum(numbers)
    assert max(numbers) == nodes


def test_snakemake_finds_nothing_to_improve(project_copy):
    said = finish(start(project_copy, "--lint", "--config", "image=docker://strata"))
    assert "Congratulations, your workflow is in a good condition!" in said

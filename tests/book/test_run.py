"""Executing notebooks: whole ones are published, and nothing else ever is."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_notebook
from typer.testing import CliRunner
from waiting import PATIENCE, wait_for

from strata.book import run as run_module
from strata.book.record import METADATA, Record, publish
from strata.book.scratch import clean
from strata.cli import app
from strata.runs.locks import file_locked
from strata.sweep import worker_count

SWEEP = """
from pathlib import Path
import toy_experiment
from strata.sweep import sweep
from strata.report import provenance
points = [toy_experiment.Config(value=v, log=str(Path("log.txt").resolve())) for v in range(4)]
results = sweep(toy_experiment, points, workers=0)
"""
"""In the kernel itself: `test_sweep_faults.py` has a notebook whose sweep starts workers."""


def executed(root: Path, name: str) -> Path:
    return root / "_build" / "quick" / "executed" / f"{name}.ipynb"


def published(root: Path) -> list[str]:
    return sorted(p.name for p in (root / "_build" / "quick" / "executed").iterdir())


def test_a_whole_notebook_is_published_with_its_record_inside_and_beside(tiny_project, strata):
    root = tiny_project(good=["print('hello')", "6 * 7"])
    done = strata(root, "run")
    assert done.returncode == 0, done.stderr
    assert published(root) == ["good.ipynb", "good.json"]
    node = nbformat.read(executed(root, "good"), as_version=4)
    record = json.loads(executed(root, "good").with_suffix(".json").read_text())
    assert node.metadata[METADATA] == record
    assert record["parameters"] == {"profile": "quick"}
    assert record["run"]["peak_memory_mb"] > 10
    assert node.cells[-1].outputs[0]["data"]["text/plain"] == "42"


def test_a_notebook_that_raises_is_kept_aside_and_the_others_go_on(tiny_project, strata_here):
    root = tiny_project(bad=["print('before')", "raise ValueError('boom')"], good=["1"])
    done = strata_here(root, "run")
    assert done.returncode == 1
    assert "failed: bad: cell 4 raised ValueError: boom" in done.stderr
    assert published(root) == ["good.ipynb", "good.json"]
    failed = root / "_build" / "quick" / "failed"
    assert "ValueError: boom" in (failed / "bad.txt").read_text()
    assert nbformat.read(failed / "bad.ipynb", as_version=4).cells[-1].outputs


def test_a_killed_kernel_publishes_nothing_and_the_next_run_goes_on_from_the_store(
    tiny_project, strata_here, with_helpers
):
    kill = (
        "import os, signal\n"
        "if not Path('survive').exists(): os.kill(os.getpid(), signal.SIGKILL)\n"
        "[r.metrics['square'] for r in results]"
    )
    root = tiny_project(chapter=[SWEEP, kill, "provenance()"])
    first = strata_here(root, "run", env=with_helpers)
    assert first.returncode == 1
    assert published(root) == []
    computed = (root / "log.txt").read_text()
    assert len(computed.splitlines()) == 4
    (root / "survive").touch()
    second = strata_here(root, "run", env=with_helpers)
    assert second.returncode == 0, second.stdout + second.stderr
    assert (root / "log.txt").read_text() == computed
    record = json.loads((root / "_build/quick/executed/chapter.json").read_text())
    assert record["result"]["points"]["toy_experiment"]["n"] == 4
    assert record["run"]["points_computed"] == 0
    (root / "_store").rename(root / "another")
    assert strata_here(root, "run", env=with_helpers).returncode == 0
    record = json.loads((root / "_build/quick/executed/chapter.json").read_text())
    assert record["run"]["points_computed"] == 4


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_command_takes_its_kernel_along_and_leaves_nothing(tiny_project, strata_here, how):
    cells = [
        "open('pid', 'w').write(str(__import__('os').getpid()))",
        "import time; time.sleep(600)",
    ]
    root = tiny_project(slow=cells)
    command = subprocess.Popen(
        [sys.executable, "-m", "strata.cli", "run"],
        env=os.environ | {"STRATA_ROOT": str(root)},
        stdout=subprocess.DEVNULL,
    )
    pid = wait_for(lambda: (root / "pid").exists() and (root / "pid").read_text(), "the kernel")
    command.send_signal(how)
    assert command.wait(timeout=PATIENCE) != 0
    wait_for(lambda: not psutil.pid_exists(int(pid)), "the end of the kernel")
    assert not executed(root, "slow").exists()
    assert "missing" in strata_here(root, "check", "--profile", "quick").stdout
    clean(root / "_build" / "work")
    assert list((root / "_build" / "work").iterdir()) == []


def test_what_ended_before_a_command_is_broken_off_is_kept(tiny_project):
    """Of the last notebook an hour may be lost, of those before it nothing."""
    root = tiny_project(good=["6 * 7"], slow=["import time; time.sleep(600)"])
    command = subprocess.Popen(
        [sys.executable, "-m", "strata.cli", "verify", "--accept"],
        env=os.environ | {"STRATA_ROOT": str(root)},
        stdout=subprocess.DEVNULL,
    )
    kept = root / "book" / "executed" / "quick" / "good.json"
    wait_for(kept.exists, "the first notebook")
    command.send_signal(signal.SIGINT)
    assert command.wait(timeout=PATIENCE) != 0
    assert json.loads(kept.read_text())["notebook"] == "good"


def test_a_notebook_beyond_its_time_is_stopped(tiny_project, strata_here):
    root = tiny_project(slow=["import time; time.sleep(600)"])
    started = time.monotonic()
    done = strata_here(root, "run", "--timeout", "2")
    assert done.returncode == 1
    assert "wall-clock limit" in done.stdout
    assert time.monotonic() - started < PATIENCE
    assert published(root) == []


def test_two_runs_at_once_both_end_well(tiny_project, strata_here, with_helpers):
    root = tiny_project(chapter=[SWEEP])
    environment = os.environ | with_helpers | {"STRATA_ROOT": str(root)}
    environment["STRATA_STORE"] = str(root / "_store")
    command = [sys.executable, "-m", "strata.cli", "run"]
    runs = [subprocess.Popen(command, env=environment, stdout=-1, text=True) for _ in range(2)]
    for run in runs:
        out, _ = run.communicate(timeout=2 * PATIENCE)
        assert run.returncode == 0, out
    assert len((root / "log.txt").read_text().splitlines()) == 4
    assert "fresh" in strata_here(root, "check", "--profile", "quick").stdout


def test_notebook_and_record_of_a_chapter_are_always_of_one_run(tmp_path):
    """Each file is replaced whole; that they belong together takes a lock."""
    target = tmp_path / "executed"

    def often(key: str, rounds: int) -> None:
        output = tmp_path / key / "chapter.ipynb"
        output.parent.mkdir()
        nbformat.write(new_notebook(), output)
        for _ in range(rounds):
            publish(Record("chapter", "quick", {}, key, {}, {}), output, target)
            with file_locked(target / ".chapter.lock"):
                node = nbformat.read(target / "chapter.ipynb", as_version=4)
                beside = json.loads((target / "chapter.json").read_text())
            assert node.metadata[METADATA] == beside

    with ThreadPoolExecutor() as pool:
        list(pool.map(often, ("one", "two"), (50, 50)))


def test_a_full_disk_is_an_error_and_publishes_nothing(tiny_project, strata):
    """A limit on the size of files fails writes half-way, as a full disk does."""
    root = tiny_project(large=["print('x' * 300_000)"])

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = strata(root, "run", preexec_fn=limit)
    assert done.returncode == 1
    assert "failed: large" in done.stderr
    assert published(root) == []


@pytest.mark.parametrize(
    ("blocked", "words"),
    [
        ("_build", ["run"]),
        ("_build/work", ["run"]),
        ("_build/quick/executed", ["run"]),
        ("_build/verify", ["verify"]),
        ("book/executed", ["verify", "--accept"]),
        ("book/executed", ["calibrate"]),
        ("_build/student", ["student"]),
    ],
)
def test_an_unusable_output_folder_is_named_before_anything_runs(
    tiny_project, strata_here, monkeypatch, blocked, words
):
    monkeypatch.setattr(run_module, "run", lambda *_: pytest.fail("it ran"))
    root = tiny_project(good=["1"])
    (root / blocked).parent.mkdir(parents=True, exist_ok=True)
    (root / blocked).write_text("a file where a folder should be")
    done = strata_here(root, *words)
    assert done.returncode == 2
    assert done.stderr.startswith(f"strata: cannot write in {root / blocked}")
    assert done.stderr.count("\n") == 1


def test_results_get_to_another_file_system(tmp_path, monkeypatch):
    replace = Path.replace

    def within_a_folder(self, target):
        if self.parent != target.parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", within_a_folder)
    output, target = tmp_path / "work" / "good.ipynb", tmp_path / "volume"
    output.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(), output)
    record = Record("good", "quick", {}, "key", {}, {})
    publish(record, output, target)
    assert sorted(path.name for path in target.iterdir()) == ["good.ipynb", "good.json"]
    node = nbformat.read(target / "good.ipynb", as_version=4)
    assert node.metadata[METADATA] == json.loads((target / "good.json").read_text())


@pytest.mark.parametrize("words", [["run"], ["sweep", "good"], ["verify"], ["calibrate"]])
def test_a_wrong_number_of_workers_is_said_before_anything_runs(tiny_project, strata_here, words):
    done = strata_here(tiny_project(good=["1"]), *words, env={"STRATA_WORKERS": "two"})
    assert done.returncode == 2
    assert done.stderr == (
        "strata: STRATA_WORKERS is 'two': it must be a whole number, 0 or more\n"
    )


def test_an_unusable_store_is_an_error_that_says_what_to_do(
    tiny_project, strata_here, with_helpers
):
    root = tiny_project(chapter=[SWEEP])
    (root / "blocked").write_text("")
    done = strata_here(
        root, "run", env=with_helpers | {"STRATA_STORE": str(root / "blocked" / "store")}
    )
    assert done.returncode == 1
    assert "STRATA_STORE" in (root / "_build/quick/failed/chapter.txt").read_text()


def test_a_missing_store_is_made(tiny_project, strata_here, with_helpers):
    root = tiny_project(chapter=[SWEEP])
    elsewhere = root / "not" / "yet" / "there"
    done = strata_here(root, "run", env=with_helpers | {"STRATA_STORE": str(elsewhere)})
    assert done.returncode == 0, done.stdout
    assert elsewhere.is_dir()


@pytest.mark.parametrize("folder", ["notebooks", "."])
def test_it_runs_from_another_folder(tiny_project, monkeypatch, folder):
    root = tiny_project(good=["import os; os.getcwd()"])
    monkeypatch.delenv("STRATA_ROOT", raising=False)
    monkeypatch.chdir(root / folder)
    done = CliRunner().invoke(app, ["run"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    node = nbformat.read(executed(root, "good"), as_version=4)
    assert node.cells[-1].outputs[0]["data"]["text/plain"] == repr(str(root))


def test_notebooks_run_side_by_side_share_the_cores(tiny_project, strata_here):
    show = "import os; print(os.environ['STRATA_WORKERS'])"
    root = tiny_project(one=[show], two=[show])
    assert strata_here(root, "run", "-j", "2").returncode == 0
    record = json.loads((root / "_build/quick/executed/one.json").read_text())
    assert record["run"]["workers"] == max(1, worker_count() // 2)


def test_small_points_and_single_cores_start_no_workers(tmp_path, monkeypatch):
    monkeypatch.setenv("STRATA_WORKERS", "4")
    setting, shared = (run_module.Setting(tmp_path, at_once=n) for n in (1, 2))
    alone = run_module.Setting(tmp_path, at_once=4)
    assert [s.workers("full") for s in (setting, shared, alone)] == [4, 2, 0]
    assert [s.workers("smoke") for s in (setting, shared, alone)] == [0, 0, 0]
    environment = shared.environment("full", tmp_path / "progress")
    assert (environment["STRATA_WORKERS"], environment["OMP_NUM_THREADS"]) == ("2", "2")
    assert alone.environment("quick", tmp_path / "progress")["STRATA_WORKERS"] == "0"

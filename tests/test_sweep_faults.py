"""A sweep survives raising points, killed processes, full disks and rivals."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from looking import computed, digests
from waiting import PATIENCE, wait_for

from strata import sweep as module
from strata.runs.point import Point
from strata.runs.pool import outcomes
from strata.runs.worker import Task
from strata.store import Store, StoreError, StoreWarning
from strata.sweep import SweepError, sweep

HELPERS = Path(__file__).parent / "helpers"


def test_a_point_that_raises_does_not_stop_the_others(toy, store):
    points = [toy.Config(value=n, fault="raise" if n in (1, 4) else None) for n in range(6)]
    with pytest.raises(SweepError) as caught:
        sweep(toy, points, store=store, workers=2)
    message = str(caught.value)
    assert "2 of 6 points of toy_experiment" in message
    assert '"value":1' in message
    assert '"value":4' in message
    assert "Traceback" in message
    assert "ArithmeticError: the fault of point" in message
    assert {point.made_of["config"]["value"] for point in caught.value.points} == {1, 4}
    kept = [store.get(Point.of(toy, config)) is not None for config in points]
    assert kept == [True, False, True, True, False, True]


def test_a_result_that_cannot_be_stored_names_its_point(toy, store):
    with pytest.raises(SweepError, match=r"(?s)\"value\":5.*metrics\['root'\] is nan"):
        sweep(toy, [toy.Config(value=5, fault="nan")], store=store, workers=0)


def test_a_worker_that_is_killed_is_named_and_the_others_go_on(toy, store):
    points = [toy.Config(value=n, fault="die" if n in (0, 3) else None) for n in range(6)]
    with pytest.raises(SweepError, match="a worker process died") as caught:
        sweep(toy, points, store=store, workers=2)
    assert "2 of 6 points" in str(caught.value)
    assert [point.made_of["config"]["value"] for point in caught.value.points] == [0, 3]
    kept = [store.get(Point.of(toy, config)) is not None for config in points]
    assert kept == [False, True, True, False, True, True]


def test_a_worker_that_is_killed_is_noticed_while_another_works(toy, store):
    points = [toy.Config(value=0, seconds=600.0), toy.Config(value=1, fault="die")]
    tasks = [Task((Point.of(toy, config),), store.root) for config in points]
    with closing(outcomes(tasks, workers=2)) as ended:
        assert next(ended) == (tasks[1], None)


def test_a_damaged_entry_is_named_and_computed_again(toy, store, log):
    points = [toy.Config(value=n, log=str(log)) for n in range(3)]
    before = sweep(toy, points, store=store, workers=0)
    path = store.folder(Point.of(toy, points[1])) / "arrays.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.warns(StoreWarning, match=store.key(toy, points[1])):
        after = sweep(toy, points, store=store, workers=0)
    assert digests(after) == digests(before)
    assert computed(log) == {0: 1, 1: 2, 2: 1}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_store_that_cannot_be_used_stops_the_sweep_before_it_computes(
    toy, tmp_path, log, workers
):
    (tmp_path / "file").write_text("")
    points = [toy.Config(value=n, log=str(log)) for n in range(3)]
    with pytest.raises(StoreError, match="STRATA_STORE"):
        sweep(toy, points, store=Store(tmp_path / "file" / "store"), workers=workers)
    assert not log.exists()


def test_a_disk_that_fills_up_stops_the_sweep_and_keeps_what_is_whole(toy, store):
    points = [toy.Config(value=0, seconds=600.0), toy.Config(value=1, fault="disk", width=1000)]
    sweep(toy, [toy.Config(value=2)], store=store, workers=0)
    with pytest.raises(StoreError, match="has no room left") as caught:
        sweep(toy, [*points, toy.Config(value=2)], store=store, workers=2)
    assert str(store.root) in str(caught.value)
    assert [store.has(Point.of(toy, config)) for config in points] == [False, False]
    assert store.get(Point.of(toy, toy.Config(value=2))) is not None
    assert list(store.root.glob("*/.tmp-*")) == []


def script(tmp_path: Path, code: str) -> list[str]:
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(code))
    return [sys.executable, str(path), str(tmp_path)]


HEAD = """
import sys
from pathlib import Path
import toy_experiment as toy
from strata.store import Store
from strata.sweep import sweep
folder = Path(sys.argv[1])
store, log = Store(folder / "new" / "store"), str(folder / "log")
"""
ENVIRONMENT = {"PYTHONPATH": str(HELPERS)}


def test_a_script_without_a_guard_is_told_so(tmp_path, store):
    code = HEAD + "sweep(toy, [toy.Config(value=n) for n in range(9)], store=store, workers=1)"
    done = subprocess.run(
        script(tmp_path, code), env=os.environ | ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert 'if __name__ == "__main__":' in done.stderr.splitlines()[-1]


def family(leader: int) -> list[psutil.Process]:
    """The living processes of a session."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def stored(store: Store) -> int:
    return len(list(store.root.glob("*/[!.]*")))


LONG = (
    HEAD
    + """
if __name__ == "__main__":
    points = [toy.Config(value=n, seconds=0.3, log=log) for n in range(40)]
    sweep(toy, points, store=store, workers=2)
"""
)


def test_a_killed_sweep_leaves_no_process_and_loses_only_the_points_in_flight(
    toy, tmp_path, store, log
):
    killed = subprocess.Popen(
        script(tmp_path, LONG), env=os.environ | ENVIRONMENT, start_new_session=True
    )
    wait_for(lambda: stored(store) >= 4, "four points")
    assert len(family(killed.pid)) >= 3
    killed.kill()
    killed.wait()
    wait_for(lambda: family(killed.pid) == [], "the end of all workers")
    before, started = stored(store), computed(log)
    time.sleep(0.5)
    assert stored(store) == before
    assert 4 <= before < 40
    assert sum(started.values()) <= before + 2
    points = [toy.Config(value=n, seconds=0.3, log=str(log)) for n in range(before + 2)]
    there = [store.has(Point.of(toy, config)) for config in points]
    results = sweep(toy, points, store=store, workers=2)
    assert [result.metrics["square"] for result in results] == [n * n for n in range(len(points))]
    after = computed(log)
    for config, was_there in zip(points, there, strict=True):
        assert after[config.value] == started[config.value] + (not was_there)
    assert list(store.root.glob("*/.tmp-*")) == []


def test_an_interrupted_sweep_ends_its_workers_at_once(tmp_path, store):
    command = script(tmp_path, LONG.replace("seconds=0.3", "seconds=0.3 if n else 600.0"))
    stopped = subprocess.Popen(
        command,
        env=os.environ | ENVIRONMENT,
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: stored(store) >= 2, "two points")
    os.killpg(stopped.pid, signal.SIGINT)
    errors = stopped.communicate(timeout=PATIENCE)[1]
    assert "KeyboardInterrupt" in errors
    wait_for(lambda: family(stopped.pid) == [], "the end of all workers")


def test_two_sweeps_at_once_compute_each_point_once(toy, tmp_path, store, log):
    code = LONG.replace("range(40)", "range(8)")
    points = [toy.Config(value=n, seconds=0.3, log=str(log)) for n in range(8)]
    rival = subprocess.Popen(script(tmp_path, code), env=os.environ | ENVIRONMENT)
    wait_for(log.exists, "the first point of the rival")
    sweep(toy, points, store=store, workers=2)
    assert rival.wait(PATIENCE) == 0
    assert computed(log) == dict.fromkeys(range(8), 1)
    assert all(store.get(Point.of(toy, config)) is not None for config in points)
    assert list(store.root.glob("*/.[!l]*")) == []


def test_a_source_that_changes_under_a_sweep_is_noticed(toy, store, monkeypatch):
    config = toy.Config(value=1)
    point = Point.of(toy, config)
    old = Point(point.key, {**point.made_of, "source": "of yesterday"})
    monkeypatch.setattr(module.Point, "of", lambda experiment, config, source: old)
    with pytest.raises(SweepError, match="toy_experiment changed during the sweep"):
        sweep(toy, [config], store=store, workers=1)


def test_a_sweep_runs_in_a_notebook(tmp_path, store, monkeypatch):
    import nbformat
    import papermill

    monkeypatch.setenv("PYTHONPATH", str(HELPERS))
    monkeypatch.setenv("STRATA_PROGRESS", str(tmp_path / "events"))
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    )
    code = f"""
import toy_experiment as toy
from strata.store import Store
from strata.sweep import sweep
store = Store({str(store.root)!r})
results = sweep(toy, [toy.Config(value=n) for n in range(3)], store=store, workers=2)
print([result.metrics["square"] for result in results])
"""
    notebook.cells = [nbformat.v4.new_code_cell(code)]
    nbformat.write(notebook, tmp_path / "in.ipynb")
    done = papermill.execute_notebook(
        tmp_path / "in.ipynb", tmp_path / "out.ipynb", progress_bar=False
    )
    assert done.cells[0].outputs == [
        {"output_type": "stream", "name": "stdout", "text": "[0, 1, 4]\n"}
    ]
    last = json.loads((tmp_path / "events").read_text().splitlines()[-1])
    assert (last["done"], last["total"], last["over"]) == (3, 3, True)

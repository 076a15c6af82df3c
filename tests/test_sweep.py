"""A sweep computes what is missing, once, and survives what happens to it."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata import sweep as module
from strata.point import Point
from strata.store import Store, StoreError, StoreWarning
from strata.sweep import SweepError, shard, sweep, used_points, worker_count

HELPERS = Path(__file__).parent / "helpers"
PATIENCE = 60.0


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.syspath_prepend(HELPERS)
    import toy_experiment

    return toy_experiment


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def computed(log: Path) -> Counter[int]:
    """How often each value was computed."""
    lines = log.read_text().splitlines() if log.exists() else []
    return Counter(int(line.split()[0]) for line in lines)


def digests(results) -> list[str]:
    return [result.digest() for result in results]


# The plain case.


def test_results_come_in_order_and_are_computed_once(toy, store, log):
    points = [toy.Config(value=n, log=str(log), seconds=n / 100) for n in (3, 1, 2, 1)]
    results = sweep(toy, points, store=store, workers=2)
    assert [result.metrics["square"] for result in results] == [9, 1, 4, 1]
    assert computed(log) == {1: 1, 2: 1, 3: 1}
    again = sweep(toy, points, store=store, workers=2)
    assert digests(again) == digests(results)
    more = [*points, toy.Config(value=4, log=str(log))]
    assert sweep(toy, more, store=store, workers=1)[-1].metrics["square"] == 16
    assert computed(log) == {1: 1, 2: 1, 3: 1, 4: 1}
    assert list(store.root.glob("*/.[!l]*")) == []


def test_no_points_give_no_results(toy, store):
    assert sweep(toy, [], store=store) == []


def test_the_number_of_workers_changes_no_bit(toy, tmp_path):
    points = [toy.Config(value=n, stack="s" if n > 3 else None) for n in range(15)]
    seen = {
        tuple(digests(sweep(toy, points, store=Store(tmp_path / str(n)), workers=n)))
        for n in (0, 1, 3)
    }
    assert len(seen) == 1


def test_workers_are_other_processes_of_one_thread_and_zero_is_this_one(toy, store, log):
    sweep(toy, [toy.Config(value=1, log=str(log))], store=store, workers=1)
    assert str(os.getpid()) not in log.read_text().split()
    sweep(toy, [toy.Config(value=2, log=str(log))], store=store, workers=0)
    assert str(os.getpid()) in log.read_text().split()
    one, two = sweep(toy, [toy.Config(value=1), toy.Config(value=2)], store=store, workers=2)
    assert one.metrics["threads"] == two.metrics["threads"] == 1


def test_workers_see_the_environment_of_now(toy, store, monkeypatch):
    for number, setting in enumerate(("one", "two")):
        monkeypatch.setenv("STRATA_TOY_SETTING", setting)
        (result,) = sweep(toy, [toy.Config(value=number)], store=store, workers=1)
        assert result.metrics["setting"] == setting


def test_the_longest_points_begin_first(toy, store, log):
    points = [toy.Config(value=n, seconds=s, log=str(log)) for n, s in enumerate((0, 0.1, 0.05))]
    sweep(toy, points, store=store, workers=1)
    assert [int(line.split()[0]) for line in log.read_text().splitlines()] == [1, 2, 0]


def test_the_points_that_were_used_are_remembered_with_their_digests(toy, store):
    points = [toy.Config(value=n) for n in (71, 72, 71)]
    results = sweep(toy, points, store=store, workers=0)
    mine = used_points()[-2:]
    assert [(point.experiment, point.key) for point in mine] == [
        ("toy_experiment", store.key(toy, config)) for config in points[:2]
    ]
    assert [point.digest for point in mine] == digests(results[:2])
    sweep(toy, points[:1], store=store, workers=0)
    assert used_points()[-2:] == mine


def test_the_progress_of_a_sweep_counts_its_missing_points(toy, store, capfd):
    points = [toy.Config(value=n, stack="s") for n in range(3)]
    sweep(toy, points[:1], store=store, workers=0)
    sweep(toy, points, store=store, workers=0)
    lines = [line.split(" (")[0] for line in capfd.readouterr().err.splitlines()]
    assert lines[-2:] == ["toy_experiment: 0/2", "toy_experiment: 2/2"]


@pytest.mark.parametrize("value", ["-1", "many", "1.5"])
def test_a_bad_number_of_workers_is_refused(toy, store, monkeypatch, value):
    monkeypatch.setenv("STRATA_WORKERS", value)
    with pytest.raises(ValueError, match="STRATA_WORKERS"):
        worker_count()
    with pytest.raises(ValueError, match="STRATA_WORKERS"):
        sweep(toy, [], store=store)
    with pytest.raises(ValueError, match="workers"):
        sweep(toy, [], store=store, workers=-1)


def test_the_number_of_workers_comes_from_the_environment_or_the_machine(monkeypatch):
    monkeypatch.setenv("STRATA_WORKERS", "3")
    assert worker_count() == 3
    monkeypatch.delenv("STRATA_WORKERS")
    assert 1 <= worker_count() <= os.cpu_count()


# Stacks.


def test_stacks_are_formed_from_the_list_and_not_from_the_store(toy, store, log):
    points = [
        toy.Config(
            value=n, log=str(log), stack=None if n == 19 else "even" if n % 2 == 0 else "odd"
        )
        for n in range(20)
    ]
    alone = sweep(toy, points[:1], store=store, workers=0)
    assert alone[0].metrics["together"] == 1
    together = [result.metrics["together"] for result in sweep(toy, points, store=store, workers=2)]
    # Ten even values make stacks of 8 and 2, nine odd ones of 8 and 1; the last is alone.
    assert together == [1, *[8] * 15, 2, 1, 2, 1]
    # The first stack was computed as a whole, and its stored point kept as it was.
    assert computed(log) == {0: 2, **dict.fromkeys(range(1, 20), 1)}


def test_an_interrupted_stack_gives_the_same_bits(toy, tmp_path):
    points = [toy.Config(value=n, stack="s") for n in range(4)]
    whole = sweep(toy, points, store=Store(tmp_path / "whole"), workers=0)
    cut = Store(tmp_path / "cut")
    for config, result in zip(points[:2], whole, strict=False):
        cut.put(Point.of(toy, config), result)
    assert digests(sweep(toy, points, store=cut, workers=0)) == digests(whole)


# Shards.


def shards(toy, points, n):
    return [shard(toy, points, i, n) for i in range(1, n + 1)]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a", "b", None])), max_size=40),
    st.integers(1, 6),
)
def test_shards_are_disjoint_and_cover_all(pairs, n):
    sys.path.insert(0, str(HELPERS))
    import toy_experiment as toy

    sys.path.remove(str(HELPERS))
    points = [toy.Config(value=v, seconds=v, stack=s) for v, s in pairs]
    parts = shards(toy, points, n)
    assert parts == shards(toy, points, n)
    assert sorted(map(repr, sum(parts, []))) == sorted(map(repr, dict.fromkeys(points)))
    # Stacks stay as they are in the sweep as a whole.
    stacks = module._longest_first(toy, dict(enumerate(dict.fromkeys(points))))
    unique = list(dict.fromkeys(points))
    whole = {frozenset(unique[place] for place in stack) for stack in stacks}
    of_parts = {
        frozenset(part[place] for place in stack)
        for part in parts
        for stack in module._longest_first(toy, dict(enumerate(part)))
    }
    assert of_parts == whole
    # The greedy rule leaves no two parts further apart than the costliest stack.
    loads = [sum(toy.cost(config) for config in part) for part in parts]
    costliest = max((sum(map(toy.cost, stack)) for stack in whole), default=0.0)
    assert max(loads) - min(loads) <= costliest + 1e-9


@pytest.mark.parametrize(("i", "n"), [(0, 2), (3, 2), (1, 0), (-1, 2)])
def test_a_shard_out_of_range_is_refused(toy, i, n):
    with pytest.raises(ValueError, match=f"shard {i}/{n}"):
        shard(toy, [], i, n)


# Faults.


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
        sweep(toy, [toy.Config(value=5, fault="nan")], store=store, workers=1)


def test_a_worker_that_is_killed_is_reported_and_the_finished_points_stay(toy, store):
    points = [toy.Config(value=0, seconds=2.0)]
    points += [toy.Config(value=1, seconds=1.0, fault="die"), toy.Config(value=2, seconds=0.9)]
    assert sweep(toy, points[2:], store=store, workers=1)
    with pytest.raises(SweepError, match="a worker process died") as caught:
        sweep(toy, points, store=store, workers=2)
    assert "2 of 2 points" in str(caught.value)
    assert '"value":1' in str(caught.value)
    assert store.has(Point.of(toy, points[2]))
    rest = [points[0].model_copy(update={"seconds": 0.0}), points[2]]
    assert len(sweep(toy, rest, store=store, workers=2)) == 2


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
store, log = Store(folder / "store"), str(folder / "log")
"""
ENVIRONMENT = {"PYTHONPATH": str(HELPERS)}


def test_a_disk_that_fills_up_stops_the_sweep_and_keeps_what_is_whole(toy, tmp_path, store):
    code = (
        HEAD
        + """
import resource
from strata.store import StoreError
if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    points = [toy.Config(value=n, width=4 if n < 2 else 100_000) for n in range(8)]
    try:
        sweep(toy, points, store=store, workers=1)
    except StoreError as error:
        print(error)
"""
    )
    done = subprocess.run(
        script(tmp_path, code), env=os.environ | ENVIRONMENT, capture_output=True, text=True
    )
    assert f"{store.root} has no room left" in done.stdout, done.stderr
    assert [store.has(Point.of(toy, toy.Config(value=n))) for n in range(2)] == [True, True]
    assert list(store.root.glob("*/.tmp-*")) == []


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


def wait_until(happened, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"in vain for {PATIENCE:.0f} s: {what}"
        time.sleep(0.05)


def stored(store: Store) -> int:
    return len(list(store.root.glob("*/[!.]*")))


LONG = (
    HEAD
    + """
if __name__ == "__main__":
    sweep(toy, [toy.Config(value=n, seconds=0.3, log=log) for n in range(40)], store=store, workers=2)
"""
)


def test_a_killed_sweep_leaves_no_process_and_loses_only_the_points_in_flight(
    toy, tmp_path, store, log
):
    killed = subprocess.Popen(
        script(tmp_path, LONG), env=os.environ | ENVIRONMENT, start_new_session=True
    )
    wait_until(lambda: stored(store) >= 4, "four points")
    assert len(family(killed.pid)) >= 3
    killed.kill()
    killed.wait()
    wait_until(lambda: family(killed.pid) == [], "the end of all workers")
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
    wait_until(lambda: stored(store) >= 2, "two points")
    os.killpg(stopped.pid, signal.SIGINT)
    errors = stopped.communicate(timeout=PATIENCE)[1]
    assert "KeyboardInterrupt" in errors
    wait_until(lambda: family(stopped.pid) == [], "the end of all workers")


def test_two_sweeps_at_once_compute_each_point_once(toy, tmp_path, store, log):
    code = LONG.replace("seconds=0.3", "seconds=0.1").replace("range(40)", "range(12)")
    both = [
        subprocess.Popen(script(tmp_path, code), env=os.environ | ENVIRONMENT) for _ in range(2)
    ]
    assert [process.wait(PATIENCE) for process in both] == [0, 0]
    assert computed(log) == dict.fromkeys(range(12), 1)
    points = [toy.Config(value=n, seconds=0.1, log=str(log)) for n in range(12)]
    assert all(store.get(Point.of(toy, config)) is not None for config in points)
    assert list(store.root.glob("*/.[!l]*")) == []


def test_a_source_that_changes_under_a_sweep_is_noticed(toy, store, monkeypatch):
    config = toy.Config(value=1)
    point = Point.of(toy, config)
    old = Point(point.key, {**point.made_of, "source": "of yesterday"})
    monkeypatch.setattr(module.Point, "of", lambda experiment, config: old)
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
points = [toy.Config(value=n) for n in range(3)]
print([r.metrics["square"] for r in sweep(toy, points, store=Store({str(store.root)!r}), workers=2)])
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

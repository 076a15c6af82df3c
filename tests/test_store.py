"""An entry of the store is whole or absent, whatever happens to it or to its writer."""

import errno
import json
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from looking import FILES, RESULT, names, same

from strata.runs.point import Point, key_of
from strata.runs.result import Result

HELPERS = Path(__file__).parent / "helpers"


# What goes in comes out.


def test_a_missing_store_is_made_and_gives_back_what_was_put(store, point):
    assert store.get(point) is None
    assert not store.has(point)
    assert store.digest(point) is None
    assert not store.root.exists()
    store.put(point, RESULT)
    assert store.has(point)
    assert same(store.get(point), RESULT)
    assert store.get(point).arrays["x"].dtype == np.float64
    assert store.digest(point) == RESULT.digest()
    assert sorted(path.name for path in store.folder(point).iterdir()) == sorted(FILES)
    assert names(store) == [point.key]


@pytest.mark.parametrize(
    ("metrics", "error", "match"),
    [
        ({"loss": float("nan")}, ValueError, r"metrics\['loss'\] is nan"),
        ({"a": {"b": [1.0, float("inf")]}}, ValueError, r"metrics\['a'\]\['b'\]\[1\] is inf"),
        ({"a": np.float64("nan")}, ValueError, "nan"),
        ({"a": np.int64(1)}, TypeError, r"numpy\.int64"),
        ({"a": np.zeros(2)}, TypeError, r"metrics\['a'\].*ndarray"),
        ({"a": {1: 2}}, TypeError, "key 1"),
        ([1], TypeError, "must be a dict"),
    ],
)
def test_metrics_that_json_cannot_hold_are_refused_by_name(store, point, metrics, error, match):
    with pytest.raises(error, match=match):
        store.put(point, Result(metrics, {}))
    assert store.get(point) is None


@pytest.mark.parametrize(
    ("array", "name", "error"),
    [
        (np.array([{}, None]), "a", TypeError),
        (np.zeros(2, dtype=[("x", object)]), "a", TypeError),
        ([1.0, 2.0], "a", TypeError),
        (np.zeros(2), "../a", ValueError),
        (np.zeros(2), "", ValueError),
    ],
)
def test_arrays_that_need_pickle_or_bad_names_are_refused(store, point, array, name, error):
    with pytest.raises(error, match="array"):
        store.put(point, Result({}, {name: array}))
    with pytest.raises(error, match="array"):
        Result({}, {name: array}).digest()
    assert store.get(point) is None


# Keys.


def test_the_key_is_the_hash_of_what_decides_the_result(toy, store, monkeypatch):
    config = toy.Config(value=3)
    key = store.key(toy, config)
    assert len(key) == 32
    assert int(key, 16) >= 0
    assert store.key(toy, toy.Config(value=3)) == key
    assert store.key(toy, toy.Config(value=4)) != key
    made_of = Point.of(toy, config).made_of
    for part in made_of:
        assert key_of({**made_of, part: "another"}) != key
    monkeypatch.setattr(toy, "data_fingerprint", lambda config: "other data")
    assert store.key(toy, config) != key


def test_the_key_is_the_same_in_another_process(toy, point):
    code = (
        "import toy_experiment as toy; from strata.runs.point import Point;"
        "print(Point.of(toy, toy.Config(value=3)).key)"
    )
    environment = os.environ | {"PYTHONPATH": str(HELPERS), "PYTHONHASHSEED": "7"}
    out = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == point.key


def test_the_config_is_kept_in_plain_words(store, point):
    store.put(point, RESULT)
    kept = json.loads((store.folder(point) / "config.json").read_text())
    assert kept["config"]["value"] == 3
    assert kept["experiment"] == "toy_experiment"
    assert set(kept["versions"]) == {"torch", "numpy"}
    assert "../toy_experiment.py" in kept["files"]
    assert kept["key"] == point.key


def test_a_config_of_another_experiment_is_refused(toy):
    with pytest.raises(TypeError, match="Config"):
        Point.of(toy, Result())


# Several writers.


def test_who_comes_second_leaves_the_first(store, point):
    store.put(point, RESULT)
    store.put(point, Result({"loss": 9.9}, {}))
    assert same(store.get(point), RESULT)
    assert names(store) == [point.key]


def test_many_writers_at_once_leave_one_whole_entry(store, point):
    errors = []

    def write(number: int) -> None:
        try:
            for _ in range(5):
                store.put(point, Result({"n": number}, {"x": np.full(1000, number)}))
                result = store.get(point)
                assert set(result.arrays["x"]) == {result.metrics["n"]}
                store.prepare(point.short_name)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert names(store) == [point.key]


def test_the_lock_of_a_dead_process_is_free(store, point):
    code = textwrap.dedent(
        """
        import os, signal, sys, toy_experiment as toy
        from strata.runs.point import Point
        from strata.store import Store
        with Store(sys.argv[1]).lock(Point.of(toy, toy.Config(value=3))):
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    environment = os.environ | {"PYTHONPATH": str(HELPERS)}
    dead = subprocess.run([sys.executable, "-c", code, store.root], env=environment)
    assert dead.returncode == -9
    assert len(list(store.root.glob("*/.locks/*"))) == 1
    with store.lock(point):
        pass
    assert names(store) == []


def test_without_locks_in_the_file_system_the_store_goes_on(store, point, monkeypatch):
    def none(*args):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("strata.runs.locks.fcntl.flock", none)
    with store.lock(point):
        store.put(point, RESULT)
    fresh = store.folder(point).with_name(".tmp-of-a-living-one")
    old = store.folder(point).with_name(".tmp-of-a-dead-one")
    for folder, age in ((fresh, 0), (old, 3 * 86_400)):
        folder.mkdir()
        os.utime(folder, (folder.stat().st_atime - age, folder.stat().st_mtime - age))
    store.prepare(point.short_name)
    assert fresh.exists()
    assert not old.exists()
    assert same(store.get(point), RESULT)


def test_what_a_dead_writer_left_is_removed_and_what_a_living_one_writes_is_not(store, point):
    dead = store.root / point.short_name / f".tmp-{point.key}-dead"
    dead.mkdir(parents=True)
    (dead / "arrays.npz").write_bytes(b"half")
    with store._temporary(point) as living:
        store.prepare(point.short_name)
        assert living.is_dir()
        assert not dead.exists()
    assert names(store) == []


def test_scratch_lasts_until_the_point_is_stored(store, point):
    (store.scratch(point) / "epoch").write_text("7")
    assert (store.scratch(point) / "epoch").read_text() == "7"
    store.put(point, RESULT)
    assert names(store) == [point.key]

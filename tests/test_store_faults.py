"""Damage is noticed and named; a folder that cannot be used is an error that says what to do."""

import errno
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from looking import FILES, RESULT, names, same

from strata.runs.point import Point
from strata.store import Store, StoreError, StoreWarning

HELPERS = Path(__file__).parent / "helpers"


# Damage.


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [truncate, alter, empty, Path.unlink])
def test_damage_is_noticed_named_and_set_aside(store, point, name, damage):
    store.put(point, RESULT)
    damage(store.folder(point) / name)
    with pytest.warns(StoreWarning, match=f"toy_experiment/{point.key} is damaged"):
        assert store.get(point) is None
    assert not store.has(point)
    assert names(store)[0].startswith(f".corrupt-{point.key}-")
    store.put(point, RESULT)
    assert same(store.get(point), RESULT)


def test_the_warning_names_the_file(store, point):
    store.put(point, RESULT)
    (store.folder(point) / "arrays.npz").unlink()
    with pytest.warns(StoreWarning, match=r"arrays\.npz is missing"):
        store.get(point)


def test_an_empty_folder_is_no_entry(store, point):
    store.folder(point).mkdir(parents=True)
    with pytest.warns(StoreWarning, match=r"checksums\.json is missing"):
        assert store.get(point) is None


def test_an_entry_under_the_wrong_name_is_noticed(store, point, toy):
    store.put(point, RESULT)
    other = Point.of(toy, toy.Config(value=4))
    store.folder(point).rename(store.folder(other))
    with pytest.warns(StoreWarning, match="another point"):
        assert store.get(other) is None


def test_pickled_objects_are_never_loaded_even_with_right_checksums(store, point, tmp_path):
    store.put(point, RESULT)
    trap = tmp_path / "trap"

    class Trap:
        def __reduce__(self):
            return (Path.touch, (trap,))

    np.savez(store.folder(point) / "arrays.npz", x=np.array([Trap()], dtype=object))
    sums_file = store.folder(point) / "checksums.json"
    sums = json.loads(sums_file.read_text())
    content = (store.folder(point) / "arrays.npz").read_bytes()
    sums["arrays.npz"] = hashlib.sha256(content).hexdigest()
    sums_file.write_text(json.dumps(sums))
    assert zipfile.is_zipfile(store.folder(point) / "arrays.npz")
    with pytest.warns(StoreWarning, match="damaged"):
        assert store.get(point) is None
    assert not trap.exists()


def test_a_sound_entry_that_replaced_a_damaged_one_meanwhile_is_given_back(
    store, point, monkeypatch
):
    """Between our look and our move another process has repaired the entry."""
    from strata import store as module

    store.put(point, RESULT)
    read, looks = module._read, []

    def damaged_at_first(folder, key):
        looks.append(folder)
        if len(looks) == 1:
            raise module._DamagedError("seen before the repair")
        return read(folder, key)

    monkeypatch.setattr(module, "_read", damaged_at_first)
    assert same(store.get(point), RESULT)
    assert names(store) == [point.key]


# A folder that cannot be used.


def test_a_root_below_a_file_is_an_error_that_says_what_to_do(tmp_path, point):
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "store")
    assert store.get(point) is None
    for use in (
        lambda: store.put(point, RESULT),
        lambda: store.prepare("toy_experiment"),
        lambda: store.scratch(point),
        lambda: store.lock(point).__enter__(),
    ):
        with pytest.raises(StoreError, match="STRATA_STORE") as caught:
            use()
        assert str(store.root) in str(caught.value)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs Linux's /proc")
def test_a_folder_where_nobody_may_write_is_an_error_that_says_what_to_do(point):
    store = Store("/proc/strata-store")
    with pytest.raises(StoreError, match=r"/proc/strata-store.*STRATA_STORE"):
        store.put(point, RESULT)


@pytest.mark.parametrize(
    ("number", "match"),
    [
        (errno.EROFS, "cannot be written or read.*may write"),
        (errno.EACCES, "cannot be written or read.*may write"),
        (errno.ENOSPC, "no room left.*free some"),
        (errno.EDQUOT, "no room left.*free some"),
        (errno.EIO, "cannot be used"),
    ],
)
def test_failures_of_the_disk_are_named_and_leave_nothing(store, point, monkeypatch, number, match):
    store.prepare(point.short_name)
    calls = []

    def fail(descriptor):
        calls.append(descriptor)
        if len(calls) == 3:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr("strata.store.os.fsync", fail)
    with pytest.raises(StoreError, match=match) as caught:
        store.put(point, RESULT)
    assert str(store.root) in str(caught.value)
    assert names(store) == []
    monkeypatch.undo()
    store.put(point, RESULT)
    assert same(store.get(point), RESULT)


def test_a_read_only_store_is_read(store, point, monkeypatch):
    store.put(point, RESULT)

    def refuse(*args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("mkdir", "rename", "write_bytes"):
        monkeypatch.setattr(Path, name, refuse)
    assert same(store.get(point), RESULT)
    with pytest.raises(StoreError, match="STRATA_STORE"):
        store.prepare(point.short_name)


FULL_DISK = """
import resource, sys
import numpy as np, toy_experiment as toy
from strata.runs.point import Point
from strata.store import Result, Store, StoreError

store, limit = Store(sys.argv[1]), int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
small, big = (Point.of(toy, toy.Config(value=n)) for n in (1, 2))
store.put(small, Result({"n": 1}, {}))
try:
    store.put(big, Result({}, {"x": np.zeros(100_000)}))
except StoreError as error:
    print(error)
    assert not store.has(big)
    assert store.get(small).metrics == {"n": 1}
else:
    sys.exit("it fitted")
"""


def fill(root: Path, limit: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(root), str(limit)],
        env=os.environ | {"PYTHONPATH": str(HELPERS)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_file_that_cannot_grow_leaves_nothing_half_written(store):
    message = fill(store.root, 100_000)
    assert f"{store.root} has no room left" in message
    assert len(names(store)) == 1


@pytest.fixture
def tiny_disk(tmp_path):
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(mount)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no command `mount` here")
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_full_disk_leaves_nothing_half_written(tiny_disk):
    message = fill(tiny_disk / "store", 0)
    assert "has no room left" in message
    assert "STRATA_STORE" in message
    assert len(names(Store(tiny_disk / "store"))) == 1

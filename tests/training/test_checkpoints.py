"""The checkpoint file: whole or not there, and never believed without proof."""

import pickle
import warnings

import numpy as np
import pytest

from strata.training.checkpoints import load_checkpoint, save_checkpoint

ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(3), "c": np.zeros(0)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scratch" / "training.npz"


def test_round_trip_leaves_one_file(path):
    save_checkpoint(path, ARRAYS, "me")
    save_checkpoint(path, ARRAYS, "me")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = load_checkpoint(path, "me")
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
    assert [f.name for f in path.parent.iterdir()] == [path.name]


def test_missing_is_no_news(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_checkpoint(path, "me") is None


def test_foreign_is_named_and_ignored(path):
    save_checkpoint(path, ARRAYS, "somebody else")
    with pytest.warns(UserWarning, match="another training"):
        assert load_checkpoint(path, "me") is None


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_truncated_is_named_and_ignored(path, share):
    save_checkpoint(path, ARRAYS, "me")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.warns(UserWarning, match="training.npz cannot be read"):
        assert load_checkpoint(path, "me") is None


def test_no_altered_byte_of_an_array_passes(path):
    save_checkpoint(path, ARRAYS, "me")
    whole = path.read_bytes()
    at = whole.index(ARRAYS["a"].tobytes())
    for offset in range(0, ARRAYS["a"].nbytes, 7):
        changed = bytearray(whole)
        changed[at + offset] ^= 1
        path.write_bytes(changed)
        with pytest.warns(UserWarning, match="ignored"):
            assert load_checkpoint(path, "me") is None


def test_an_array_changed_through_numpy_is_noticed(path):
    save_checkpoint(path, ARRAYS, "me")
    with np.load(path) as file:
        content = dict(file)
    content["a"][0, 0] += 1
    np.savez(path, **content)
    with pytest.warns(UserWarning, match="was altered"):
        assert load_checkpoint(path, "me") is None
    np.savez(path, a=ARRAYS["a"])
    with pytest.warns(UserWarning, match="was altered"):
        assert load_checkpoint(path, "me") is None


class _Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_no_pickle_is_loaded(path):
    path.parent.mkdir()
    path.write_bytes(pickle.dumps(_Bomb()))
    with pytest.warns(UserWarning, match="cannot be read"):
        assert load_checkpoint(path, "me") is None
    bomb = np.empty(1, dtype=object)
    bomb[0] = _Bomb()
    np.savez(path, a=bomb, allow_pickle=True)
    with pytest.warns(UserWarning, match="cannot be read"):
        assert load_checkpoint(path, "me") is None


def test_what_cannot_be_written_is_a_warning(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="no checkpoint written"):
        save_checkpoint(tmp_path / "file" / "training.npz", ARRAYS, "me")

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    path = tmp_path / "training.npz"
    save_checkpoint(path, ARRAYS, "me")
    monkeypatch.setattr(np, "savez", full)
    with pytest.warns(UserWarning, match="No space left"):
        save_checkpoint(path, {"a": np.zeros(1)}, "me")
    monkeypatch.undo()
    assert [f.name for f in tmp_path.iterdir() if f.suffix == ".part"] == []
    assert np.array_equal(load_checkpoint(path, "me")["a"], ARRAYS["a"])

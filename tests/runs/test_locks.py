"""A lock is held by one at a time and leaves nothing behind."""

import fcntl
import threading

import pytest

from strata.runs.locks import file_locked


def test_a_lock_keeps_others_out_until_it_is_given_back(tmp_path):
    path, order = tmp_path / "lock", []

    def second() -> None:
        with file_locked(path):
            order.append("second")

    with file_locked(path):
        with path.open() as another, pytest.raises(BlockingIOError):
            fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert not path.exists()

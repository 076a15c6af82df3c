"""A lock is held by one at a time and leaves nothing behind."""

import threading

from strata.runs.locks import file_locked


def test_a_lock_keeps_others_out_until_it_is_given_back(tmp_path):
    path, order = tmp_path / "lock", []
    entered = threading.Event()

    def second() -> None:
        with file_locked(path):
            order.append("second")

    with file_locked(path):
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert not path.exists()

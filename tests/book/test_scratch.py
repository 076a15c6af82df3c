"""Scratch folders: those of the dead go, those of the living and of strangers stay."""

import os
import platform
from pathlib import Path

from strata.book import scratch
from strata.book.scratch import clean, scratch_folder
from strata.runs.locks import folder_locked


def test_what_a_killed_command_left_goes_and_all_else_stays(tmp_path):
    dead, alive = (tmp_path / f"{platform.node()}-{name}" for name in ("dead", "alive"))
    foreign = tmp_path / "another-node-1234"
    for folder in (dead, alive, foreign):
        folder.mkdir()
    (tmp_path / ".DS_Store").write_text("")
    (tmp_path / "notes.txt").write_text("")
    with folder_locked(alive):
        clean(tmp_path)
        names = {path.name for path in tmp_path.iterdir()}
    assert names == {".DS_Store", "notes.txt", alive.name, foreign.name}


def test_what_another_machine_left_goes_after_a_month_without_a_change(tmp_path):
    long_ago = scratch.time.time() - scratch.MONTH - 60
    for name in ("a-1", "b-1"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "progress.jsonl").write_text("")
        os.utime(folder, (long_ago, long_ago))
    os.utime(tmp_path / "a-1" / "progress.jsonl", (long_ago, long_ago))
    clean(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["b-1"]


def test_a_folder_in_use_is_left_alone_by_the_next_command_and_removed_at_the_end(tmp_path):
    with scratch_folder(tmp_path / "work") as one:
        (one / "file").write_text("")
        with scratch_folder(tmp_path / "work") as two:
            assert (one / "file").exists()
            assert one != two
    assert list((tmp_path / "work").iterdir()) == []


def test_a_folder_that_another_takes_before_it_is_locked_is_made_anew(tmp_path, monkeypatch):
    make, made = scratch.tempfile.mkdtemp, []

    def robbed(**words: object) -> str:
        made.append(make(**words))
        if len(made) == 1:
            Path(made[0]).rmdir()
        return made[-1]

    monkeypatch.setattr(scratch.tempfile, "mkdtemp", robbed)
    with scratch_folder(tmp_path / "work") as folder:
        assert str(folder) == made[1]
        assert folder.is_dir()

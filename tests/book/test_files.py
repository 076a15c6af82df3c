"""Files are whole at any time."""

from pathlib import Path

import pytest

from strata.book.files import copy_whole, require_writable, write_whole


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path, source = tmp_path / "new" / "kept.json", tmp_path / "source"
    write_whole(path, "old")
    source.write_text("other")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, "new")
    with pytest.raises(KeyboardInterrupt):
        copy_whole(source, path)
    assert [(p.name, p.read_text()) for p in path.parent.iterdir()] == [("kept.json", "old")]


def test_nothing_is_written_into_the_file_itself(tmp_path, monkeypatch):
    """So that a kill at any time leaves it whole."""
    path, source = tmp_path / "kept.json", tmp_path / "source"
    path.write_text("old")
    source.write_text("other")
    inode = path.stat().st_ino
    write_whole(path, "new")
    assert (path.read_text(), path.stat().st_ino != inode) == ("new", True)
    inode = path.stat().st_ino
    copy_whole(source, path)
    assert (path.read_text(), path.stat().st_ino != inode) == ("other", True)


def test_a_folder_is_made_and_tried_without_a_trace(tmp_path):
    require_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot write in .*file"):
        require_writable(tmp_path / "file")

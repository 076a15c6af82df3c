"""Progress reaches a terminal, a log and another process, whole lines only."""

import io
import json
import threading

import pytest

from strata import progress
from strata.progress import Event, EventFile, Progress, follow


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def no_file(monkeypatch):
    monkeypatch.delenv("STRATA_PROGRESS", raising=False)


def test_a_log_gets_the_first_and_the_last_line_and_few_between(capsys):
    with Progress(1000, "nets") as bar:
        for _ in range(1000):
            bar.advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("nets: 0/1000")
    assert lines[-1].startswith("nets: 1000/1000")
    assert len(lines) <= 4


def test_a_slow_work_gets_a_line_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    with Progress(3, "nets") as bar:
        bar.advance()
        bar.advance(2)
    lines = [line.split(" (")[0] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["nets: 0/3", "nets: 1/3", "nets: 3/3"]


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with Progress(4, "nets") as bar:
        bar.advance(4)
    assert "\r" in terminal.getvalue()
    assert "nets: 100%" in terminal.getvalue()
    assert "4/4" in terminal.getvalue()


def test_a_work_that_ends_early_says_how_far_it_came(capsys, tmp_path, monkeypatch):
    def work():
        with Progress(5, "nets") as bar:
            bar.advance(2)
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert capsys.readouterr().err.splitlines()[-1].startswith("nets: 2/5")
    monkeypatch.setenv("STRATA_PROGRESS", str(tmp_path / "events"))
    with pytest.raises(KeyError):
        work()
    last = EventFile(tmp_path / "events").read()[-1]
    assert (last.done, last.total, last.over) == (2, 5, True)


def test_events_go_to_the_file_and_nothing_to_the_screen(tmp_path, monkeypatch, capsys):
    path = tmp_path / "events"
    monkeypatch.setenv("STRATA_PROGRESS", str(path))
    for label in ("one", "two"):
        with Progress(3, label) as bar:
            bar.advance(3)
    assert capsys.readouterr().err == ""
    events = EventFile(path).read()
    assert [(e.label, e.done, e.over) for e in events if e.over] == [
        ("one", 3, True),
        ("two", 3, True),
    ]
    assert len({e.bar for e in events}) == 2
    assert all(set(json.loads(line)) for line in path.read_text().splitlines())


def test_a_file_that_cannot_be_written_is_reported_and_stops_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("STRATA_PROGRESS", str(tmp_path / "no" / "such" / "folder"))
    with pytest.warns(UserWarning, match="progress cannot be reported"), Progress(1, "nets") as bar:
        bar.advance()


def test_a_reader_waits_for_the_rest_of_a_line_and_passes_over_rubbish(tmp_path):
    path = tmp_path / "events"
    reader = EventFile(path)
    assert reader.read() == []
    first = json.dumps(Event("1-0", "nets", 0, 2, False).__dict__)
    path.write_text(first[:20])
    assert reader.read() == []
    with path.open("a") as file:
        file.write(first[20:] + '\n{"bar": 3}\nrubbish\n[]\n\xe9\n' + first[:5])
    assert reader.read() == [Event("1-0", "nets", 0, 2, False)]
    assert reader.read() == []
    with path.open("a") as file:
        file.write("\n" + first + "\n")
    assert len(reader.read()) == 1


def events(*done: int, over: bool = True) -> str:
    lines = [Event("1-0", "nets", n, 3, False) for n in done]
    lines += [Event("1-0", "nets", done[-1], 3, True)] * over
    return "".join(json.dumps(event.__dict__) + "\n" for event in lines)


def test_following_shows_all_that_was_written_before_the_end(tmp_path, capsys):
    path = tmp_path / "events"
    path.write_text(events(0, 1, 3))
    follow(path, lambda: True, "chapter")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("chapter: nets: 0/3")
    assert lines[-1].startswith("chapter: nets: 3/3")


def test_following_a_process_that_was_killed_ends_where_it_was(tmp_path, capsys):
    path = tmp_path / "events"
    path.write_text(events(0, 2, over=False) + '{"bar": "1-0", "lab')
    follow(path, lambda: True, "chapter")
    assert capsys.readouterr().err.splitlines()[-1].startswith("chapter: nets: 2/3")


def test_following_a_file_that_comes_late_in_a_terminal(tmp_path, monkeypatch):
    path, written, terminal = tmp_path / "events", threading.Event(), Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    looks = []

    def stop() -> bool:
        looks.append(written.is_set())
        if len(looks) == 3:
            path.write_text(events(0, 1, 3))
            written.set()
        return len(looks) > 5

    follow(path, stop, "chapter", poll_seconds=0.01)
    assert looks[:3] == [False] * 3
    assert "chapter: nets: 100%" in terminal.getvalue()

"""Progress of long work: a bar in a terminal, plain lines in a log, events for `strata run`.

A notebook runs in another process than the command. If the environment variable
``STRATA_PROGRESS`` names a file, progress is appended to it, one JSON object a line, and
`follow` shows it on the other side.
"""

import itertools
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from tqdm import tqdm

LINE_SECONDS = 5.0
EVENT_SECONDS = 0.2
_numbers = itertools.count()


@dataclass(frozen=True)
class Event:
    """One line of a progress file.

    Parameters
    ----------
    bar
        Which bar: unique in the file.
    label
        What is counted.
    done, total
        How many are done, of how many.
    over
        Whether the work has ended (before its time if ``done < total``).
    """

    bar: str
    label: str
    done: int
    total: int
    over: bool


class _Display(Protocol):
    def update(self, done: int) -> None: ...

    def close(self) -> None: ...


class _BarDisplay:
    def __init__(self, total: int, label: str) -> None:
        self._bar = tqdm(total=total, desc=label, file=sys.stderr)

    def update(self, done: int) -> None:
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        self._bar.close()


class _LineDisplay:
    """At most one line in `LINE_SECONDS`, and always the first and the last."""

    def __init__(self, total: int, label: str) -> None:
        self._total, self._label = total, label
        self._done = 0
        self._started = time.monotonic()
        self._print()

    def update(self, done: int) -> None:
        self._done = done
        if time.monotonic() - self._printed >= LINE_SECONDS:
            self._print()

    def close(self) -> None:
        if self._shown != self._done:
            self._print()

    def _print(self) -> None:
        self._shown, self._printed = self._done, time.monotonic()
        seconds = self._printed - self._started
        print(
            f"{self._label}: {self._done}/{self._total} ({seconds:.0f} s)",
            file=sys.stderr,
            flush=True,
        )


class _FileDisplay:
    """Append events to a file: the first, the last, and one in `EVENT_SECONDS` between."""

    def __init__(self, total: int, label: str, path: Path) -> None:
        self._total, self._label, self._path = total, label, path
        self._bar = f"{os.getpid()}-{next(_numbers)}"
        self._done = 0
        self._write(over=False)

    def update(self, done: int) -> None:
        self._done = done
        if time.monotonic() - self._written >= EVENT_SECONDS:
            self._write(over=False)

    def close(self) -> None:
        self._write(over=True)

    def _write(self, *, over: bool) -> None:
        self._written = time.monotonic()
        event = Event(self._bar, self._label, self._done, self._total, over)
        try:
            # One write to a file opened for appending: lines of two processes do not mix.
            with self._path.open("ab", buffering=0) as file:
                file.write((json.dumps(asdict(event)) + "\n").encode())
        except OSError as error:
            warnings.warn(f"progress cannot be reported: {error}", stacklevel=4)


class Progress:
    """Show how much of a work is done; a context manager.

    Parameters
    ----------
    total
        Number of steps.
    label
        What they are.

    Examples
    --------
    >>> with Progress(3, "points") as progress:
    ...     progress.advance()
    ...     progress.advance(2)
    """

    def __init__(self, total: int, label: str) -> None:
        self._total, self._label, self._done = total, label, 0

    def __enter__(self) -> Self:
        path = os.environ.get("STRATA_PROGRESS")
        self._display = (
            _FileDisplay(self._total, self._label, Path(path))
            if path
            else _display(self._total, self._label)
        )
        return self

    def advance(self, n: int = 1) -> None:
        """Report ``n`` more steps done."""
        self._done += n
        self._display.update(self._done)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._display.close()


class EventFile:
    """Read a progress file that grows; it need not exist yet.

    A last line without its end is kept until the rest comes; a line that is no event (a writer
    was killed in it) is passed over.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._offset, self._rest = path, 0, b""

    def read(self) -> list[Event]:
        """Give the events that came since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                new = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        return [event for line in lines if (event := _parse(line)) is not None]


def follow(
    path: Path | str, stop: Callable[[], bool], label: str, *, poll_seconds: float = 0.2
) -> None:
    """Show the progress that another process writes to a file, until ``stop()`` says so.

    Parameters
    ----------
    path
        The file named by ``STRATA_PROGRESS`` in the other process.
    stop
        Called at each turn; what has been written until it gives True is still shown.
    label
        Put before the labels of the bars.
    poll_seconds
        How long to wait between two looks.
    """
    file, displays = EventFile(Path(path)), {}
    try:
        while True:
            stopping = stop()
            for event in file.read():
                if event.bar not in displays:
                    displays[event.bar] = _display(event.total, f"{label}: {event.label}")
                displays[event.bar].update(event.done)
                if event.over:
                    displays.pop(event.bar).close()
            if stopping:
                return
            time.sleep(poll_seconds)
    finally:
        for display in displays.values():
            display.close()


def _display(total: int, label: str) -> _Display:
    return (_BarDisplay if sys.stderr.isatty() else _LineDisplay)(total, label)


def _parse(line: bytes) -> Event | None:
    try:
        event = Event(**json.loads(line))
    except (ValueError, TypeError):
        return None
    kinds = (str, str, int, int, bool)
    values = asdict(event).values()
    return event if all(map(isinstance, values, kinds)) else None

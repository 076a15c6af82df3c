"""Watching a running notebook: its memory, its time, and the end of all its processes."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from contextlib import suppress

import psutil

SAMPLED_EVERY = 0.5
"""Seconds."""


class Watch:
    """Samples the memory of a process and all below it, and stops it at its limit."""

    def __init__(self, process: subprocess.Popen[bytes], limit: float) -> None:
        self.peak_memory = 0
        self.timed_out = False
        self._process, self._end_at = process, time.monotonic() + limit
        self.thread = threading.Thread(target=self._loop, daemon=True)
        self.thread.start()

    @property
    def returncode(self) -> int | None:
        """Exit status of the process, None while it runs."""
        return self._process.returncode

    def _loop(self) -> None:
        while self._process.poll() is None:
            self.peak_memory = max(self.peak_memory, _resident(self._process.pid))
            if time.monotonic() > self._end_at:
                self.timed_out = True
                end_tree(self._process)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(SAMPLED_EVERY)


def _resident(pid: int) -> int:
    total = 0
    for process in _tree(pid):
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total


def _tree(pid: int) -> list[psutil.Process]:
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.Error:
        return []


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with its kernel and workers, if it still runs."""
    if process.poll() is None:
        _kill(_tree(process.pid))
        process.wait()


def end_children() -> None:
    """Kill everything that this process has started."""
    _kill(psutil.Process().children(recursive=True))


def _kill(members: list[psutil.Process]) -> None:
    for member in members:
        try:
            member.send_signal(signal.SIGKILL)
        except psutil.Error:
            continue

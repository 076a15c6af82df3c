"""Waiting for other processes, on a machine that may be busy with much else."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

PATIENCE = 120.0
"""Seconds. What a test waits for takes a few; only a fault may take so long."""


def wait_for(condition: Callable[[], Value], what: str) -> Value:
    """The first true value of a condition."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"in vain for {PATIENCE:.0f} s: {what}"
        time.sleep(0.05)
    return value

"""The near side of a sweep: worker processes, and which of them has which task."""

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

from strata.runs import worker
from strata.runs.worker import Outcome, Task

_FAREWELL_SECONDS = 5.0


class StartError(RuntimeError):
    """A worker ended before it was ready."""

    def __init__(self) -> None:
        super().__init__(
            "a worker process ended before it was ready; its own message may stand above. "
            'A script that calls `sweep` needs `if __name__ == "__main__":` around its work'
        )


def outcomes(tasks: list[Task], workers: int) -> Iterator[tuple[Task, Outcome | None]]:
    """Yield tasks as they end; the outcome is None where the worker died, and the others go on.

    Not `concurrent.futures`: its pool ends with the first worker that dies, cannot say which
    task that had, and may notice only when another task ends.

    Raises
    ------
    StartError
        Workers do not get as far as their first task.
    """
    if workers == 0:
        yield from ((task, worker.compute(task)) for task in tasks)
        return
    context, todo = _context(), deque(tasks)
    staff: dict[Connection, tuple[BaseProcess, Task | None]] = {}
    try:
        while todo or any(task is not None for _, task in staff.values()):
            idle = sum(task is None for _, task in staff.values())
            while len(staff) < workers and idle < len(todo):
                connection, process = _hire(context)
                staff[connection] = process, None
                idle += 1
            for connection in wait(list(staff)):
                process, task = staff[connection]
                try:
                    outcome, alive = connection.recv(), True
                except (EOFError, ConnectionResetError):
                    outcome, alive = None, False
                if task is not None:
                    yield task, outcome
                elif not alive:
                    raise StartError
                if alive and todo:
                    staff[connection] = process, todo.popleft()
                    # Should it be dead, the next turn hears of it.
                    with suppress(BrokenPipeError):
                        connection.send(staff[connection][1])
                else:
                    del staff[connection]
                    connection.close()
                    process.join(_FAREWELL_SECONDS)
                    process.kill()
                    process.join()
    finally:
        for connection, (process, _) in staff.items():
            process.kill()
            process.join()
            connection.close()


def _hire(context: BaseContext) -> tuple[Connection, BaseProcess]:
    """Start a worker; its first message says that it is ready, the others are outcomes."""
    ours, theirs = context.Pipe()
    process = context.Process(target=worker.serve, args=(theirs, dict(os.environ)))
    process.start()
    theirs.close()
    return ours, process


def _context() -> BaseContext:
    """Give the way to start workers: never a bare fork, which copies the threads' locks."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # Nothing of Strata: the server outlives edits of the code. The first optimiser of a process
    # imports torch._dynamo, which takes seconds: here once, not in every worker of every sweep.
    context.set_forkserver_preload(
        ["numpy", "torch", "torch._dynamo", "sklearn.linear_model", "pydantic"]
    )
    return context

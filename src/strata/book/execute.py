"""One notebook in a process of its own: ``python -m strata.book.execute JOB.json``.

Started by :mod:`strata.book.run`. Ends, and takes its kernel along, when its parent dies.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

import papermill
from papermill.exceptions import PapermillExecutionError, strip_color


def main() -> int:
    """Execute the job and return the exit status: 0 done, 1 a cell raised or the kernel died."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    threading.Thread(target=_end_with, args=(job["parent"],), daemon=True).start()
    try:
        papermill.execute_notebook(
            job["source"],
            job["output"],
            parameters=job["parameters"],
            kernel_name="python3",
            cwd=job["cwd"],
            progress_bar=False,
            report_mode=False,
        )
    except PapermillExecutionError as error:
        head = f"cell {error.cell_index} raised {error.ename}: {error.evalue}"
        Path(job["error"]).write_text(strip_color("\n".join([head, *error.traceback])), "utf-8")
        return 1
    except Exception as error:
        Path(job["error"]).write_text(f"{type(error).__name__}: {error}", "utf-8")
        return 1
    return 0


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())

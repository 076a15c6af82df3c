"""From executed notebooks to pages: a staging copy, then Jupyter Book with warnings as errors."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from strata.book.check import Status, status_of
from strata.book.pages import (
    add_header,
    benchmark_table,
    claims_table,
    fill,
    status_table,
    with_present_words,
)
from strata.book.profiles import Notebook
from strata.book.record import executed_folder

COPIED = ("_config.yml", "_toc.yml", "book", "notebooks")
BENCHMARKS = Path("book") / "executed" / "benchmarks.json"


class BuildError(RuntimeError):
    """Pages that must not or could not be built."""


def build(notebooks: list[Notebook], profile: str, root: Path) -> Path:
    """Build the pages of a profile and return their folder.

    Nothing tracked is changed: all happens under ``_build/<profile>/``.

    Raises
    ------
    BuildError
        If an executed notebook is missing, half-run, or stale without a declared reason, or if
        Jupyter Book fails or warns.
    """
    statuses = [status_of(notebook, profile, root) for notebook in notebooks]
    refused = [status for status in statuses if not status.acceptable]
    if refused:
        lines = "\n".join(status.line() for status in refused)
        raise BuildError(
            f"these notebooks cannot be published:\n{lines}\n"
            f"execute them first: strata run --profile {profile}"
        )
    folder = root / "_build" / profile
    stage = folder / "stage"
    _stage(stage, statuses, profile, root)
    output = folder / "sphinx"
    shutil.rmtree(output, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(stage)]
    command += ["--path-output", str(output), "-W", "-n", "--keep-going"]
    log = folder / "build.log"
    with log.open("w", encoding="utf-8") as stream:
        done = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise BuildError(f"{_complaints(log)}\nthe whole log is in {log}")
    pages = folder / "html"
    shutil.rmtree(pages, ignore_errors=True)
    (output / "_build" / "html").rename(pages)
    return pages


def _stage(stage: Path, statuses: list[Status], profile: str, root: Path) -> None:
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    for name in COPIED:
        source = root / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("executed", ".ipynb_checkpoints")
            shutil.copytree(source, stage / name, ignore=ignore)
        else:
            shutil.copy2(source, stage / name)
    for status in statuses:
        name = f"{status.notebook}.ipynb"
        node = with_present_words(
            nbformat.read(executed_folder(root, profile) / name, as_version=4),
            nbformat.read(root / "notebooks" / name, as_version=4),
        )
        add_header(node, status)
        nbformat.write(node, stage / "notebooks" / name)
    blocks = {
        "status": f"{status_table(statuses)}\n\n{claims_table(statuses)}",
        "benchmarks": benchmark_table(root / BENCHMARKS),
    }
    for page in (stage / "book").glob("*.md"):
        page.write_text(fill(page.read_text(encoding="utf-8"), blocks), encoding="utf-8")


def _complaints(log: Path) -> str:
    lines = log.read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if "WARNING" in line or "ERROR" in line]
    return "\n".join(found[:20] or lines[-20:])

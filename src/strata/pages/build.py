"""From executed notebooks to pages: a staging copy, then Jupyter Book with warnings as errors."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from strata.book.chapters import add_time, read_chapter
from strata.book.check import Status, status_of
from strata.book.profiles import Notebook
from strata.book.record import executed_folder
from strata.book.values import Values
from strata.pages.header import (
    add_header,
    fill,
    status_table,
    with_present_words,
)
from strata.pages.luck import luck_table
from strata.pages.offers import add_offers
from strata.pages.performance import performance_blocks
from strata.pages.scale import scale_blocks
from strata.pages.scorecard import scorecard
from strata.pages.scorecard_page import counts_table, write_data
from strata.pages.scorecard_page import page as scorecard_page
from strata.pages.site import Site, address_pages, load_site
from strata.pages.teaching import add_student_edition, teaching_blocks

COPIED = ("_config.yml", "_toc.yml", "book", "notebooks")


class BuildError(RuntimeError):
    """Pages that must not or could not be built."""


def build(notebooks: list[Notebook], profile: str, root: Path) -> Path:
    """Build the pages of a profile and return their folder.

    Nothing tracked is changed: all happens under ``_build/<profile>/``.

    Raises
    ------
    BuildError
        If an executed notebook is missing, half-run, or stale without a declared reason, if a page
        refers to what is not there, or if Jupyter Book fails or warns.
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
    site = load_site(root)
    _stage(stage, notebooks, statuses, site, profile, root)
    output = folder / "sphinx"
    shutil.rmtree(output, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(stage)]
    command += ["--path-output", str(output), "-W", "-n", "--keep-going"]
    log = folder / "build.log"
    with log.open("w", encoding="utf-8") as stream:
        done = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise BuildError(f"{_complaints(log)}\nthe whole log is in {log}")
    address_pages(output / "_build" / "html", site)
    pages = folder / "html"
    shutil.rmtree(pages, ignore_errors=True)
    (output / "_build" / "html").rename(pages)
    return pages


def _stage(
    stage: Path,
    notebooks: list[Notebook],
    statuses: list[Status],
    site: Site,
    profile: str,
    root: Path,
) -> None:
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    for name in COPIED:
        source = root / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("executed", ".ipynb_checkpoints")
            shutil.copytree(source, stage / name, ignore=ignore)
        else:
            shutil.copy2(source, stage / name)
    for notebook, status in zip(notebooks, statuses, strict=True):
        name = f"{notebook.name}.ipynb"
        node = with_present_words(
            nbformat.read(executed_folder(root, profile) / name, as_version=4),
            nbformat.read(root / "notebooks" / name, as_version=4),
        )
        add_header(node, status)
        add_offers(node, status.record, site, root, stage / "book")
        add_time(node, read_chapter(notebook, root), notebook)
        nbformat.write(node, stage / "notebooks" / name)
    records = {status.notebook: status.record for status in statuses if status.record}
    rows = scorecard(records, root)
    write_data(rows, stage / "book" / "_static")
    add_student_edition(notebooks, root, stage / "book")
    blocks = {
        "status": status_table(statuses),
        "luck": luck_table(notebooks, root),
        "scorecard": scorecard_page(rows),
        "scorecard-counts": counts_table(rows),
        **performance_blocks(root),
        **teaching_blocks(notebooks, root),
        **scale_blocks(notebooks, root),
    }
    values = Values.of(root, records)
    for page in (stage / "book").glob("*.md"):
        try:
            text = values.fill(fill(page.read_text(encoding="utf-8"), blocks))
        except KeyError as error:
            raise BuildError(f"{page.name}: {error}") from None
        page.write_text(text, encoding="utf-8")


def _complaints(log: Path) -> str:
    lines = log.read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if "WARNING" in line or "ERROR" in line]
    return "\n".join(found[:20] or lines[-20:])

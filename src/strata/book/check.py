"""Is what we publish still what the code says? Keys are recomputed, nothing is executed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import nbformat
from nbformat import NotebookNode

from strata.book.data import data_parts_beside
from strata.book.judged import judged_claims
from strata.book.profiles import (
    Notebook,
    NotebookError,
    ParameterError,
    check_complete,
    points,
    resolve,
)
from strata.book.prose import prose_problems
from strata.book.record import (
    METADATA,
    TRACKED,
    Record,
    RecordError,
    changes,
    code_cells,
    executed_folder,
    files_behind,
    key_of,
    key_parts,
    load_record,
    reference_path,
    require_complete,
)
from strata.claims import load_claims
from strata.data.images.location import DataError

State = Literal["fresh", "stale", "missing", "half-run"]


@dataclass(frozen=True)
class Status:
    """State of one executed notebook, and why."""

    notebook: str
    profile: str
    state: State
    why: str = ""
    declared: str | None = None
    record: Record | None = None
    absent: tuple[str, ...] = ()
    """Data sets that are not here, so that their images could not be compared."""

    @property
    def acceptable(self) -> bool:
        """Whether it may be published: fresh, or stale with a declared reason."""
        return self.state == "fresh" or (self.state == "stale" and self.declared is not None)

    def line(self) -> str:
        """One line for the terminal."""
        state = f"stale ({self.why})" if self.state == "stale" else self.state
        why = f": {self.why}" if self.why and self.state != "stale" else ""
        absent = f"; {_not_compared(self.absent)}" if self.absent else ""
        declared = f" [declared: {self.declared}]" if self.declared else ""
        return f"{self.notebook:<24} {self.profile:<6} {state}{why}{absent}{declared}"


def status_of(notebook: Notebook, profile: str, root: Path) -> Status:
    """State of one notebook under one profile."""
    name, declared = notebook.name, notebook.profiles[profile].stale
    folder = executed_folder(root, profile)
    executed, beside = folder / f"{name}.ipynb", folder / f"{name}.json"
    if not executed.exists():
        return Status(name, profile, "missing", f"run: strata run {name} --profile {profile}")
    try:
        node = nbformat.read(executed, as_version=4)
        require_complete(node, name)
        record = load_record(beside)
        if node.metadata.get(METADATA) != asdict(record):
            raise RecordError("the notebook and the record beside it are of different runs")
    except (RecordError, ValueError) as error:
        return Status(name, profile, "half-run", str(error))
    try:
        parts, absent = _parts_beside(record, notebook, profile, root)
    except DataError as error:
        return Status(name, profile, "stale", f"changed: data, {error}", declared, record)
    except (NotebookError, ParameterError) as error:
        why = "; ".join(str(error).splitlines())
        return Status(name, profile, "stale", f"cannot be run: {why}", record=record)
    if key_of(parts) == record.key:
        return Status(name, profile, "fresh", record=record, absent=absent)
    why = ", ".join(changes(record.key_parts, parts))
    return Status(name, profile, "stale", f"changed: {why}", declared, record, absent)


def _parts_beside(
    record: Record, notebook: Notebook, profile: str, root: Path
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The parts of the key as it is now, those of data that are not here from the record.

    Also the names of these data.
    """
    parameters = resolve(notebook, profile, root)
    recorded = record.key_parts["data"]
    data, absent = data_parts_beside(points(notebook, parameters), recorded)
    return key_parts(notebook, parameters, root, data), absent


def _not_compared(absent: tuple[str, ...]) -> str:
    one = len(absent) == 1
    return (
        f"{' and '.join(absent)} {'is' if one else 'are'} not here, so "
        f"{'its' if one else 'their'} images were not compared"
    )


def check_sources(notebooks: Sequence[Notebook], root: Path) -> list[str]:
    """Problems of the sources: parameters, code, outputs, prose numbers, untested claims."""
    problems = []
    for notebook in notebooks:
        try:
            problems += _source_problems(notebook, root)
        except NotebookError as error:
            problems.append(str(error))
    return problems + _claim_problems(notebooks, root) + prose_problems(root)


def _source_problems(notebook: Notebook, root: Path) -> list[str]:
    node = notebook.read(root)
    files_behind(notebook, code_cells(node))
    problems = check_complete(notebook, root)
    if any(c.get("outputs") or c.get("execution_count") for c in node.cells):
        problems.append(f"{notebook.name}: the source holds outputs; sources hold none")
    return problems + _reference_problems(notebook, root)


def _reference_problems(notebook: Notebook, root: Path) -> list[str]:
    """Records that ``strata verify`` compares with, beside those of the tracked notebooks."""
    problems = []
    for profile in sorted(set(notebook.profiles) - set(TRACKED)):
        path = reference_path(root, profile, notebook.name)
        if path.exists():
            record = load_record(path)
            try:
                parts, _ = _parts_beside(record, notebook, profile, root)
                why = changes(record.key_parts, parts)
            except DataError as error:
                why = [f"data, {error}"]
            except ParameterError:
                continue  # which `check_complete` has said
            if why:
                problems.append(
                    f"{notebook.name}: the tracked record of {profile} is stale "
                    f"(changed: {', '.join(why)}): strata verify --profile {profile} --accept"
                )
    return problems


def _claim_problems(notebooks: Sequence[Notebook], root: Path) -> list[str]:
    judged = {
        notebook.name: [claim for cell in _cells(notebook, root) for claim in judged_claims(cell)]
        for notebook in notebooks
    }
    tests = root / "tests"
    tested = "\n".join(path.read_text(encoding="utf-8") for path in tests.rglob("test_*.py"))
    problems = []
    for claim in load_claims(root / "book" / "claims.yml").values():
        if claim.id not in judged.get(claim.notebook, ()):
            problems.append(f"claim {claim.id}: notebook {claim.notebook!r} does not judge it")
        if tests.is_dir() and f'claim("{claim.id}")' not in tested:
            problems.append(f"claim {claim.id}: no test is marked with it")
    return problems


def _cells(notebook: Notebook, root: Path) -> list[NotebookNode]:
    """Of a notebook that can be read; of others `check_sources` says why not."""
    try:
        return notebook.read(root).cells
    except NotebookError:
        return []

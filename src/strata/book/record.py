"""The record of an executed notebook: what it ran, on what, and what came out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from strata.book.data import Part, data_change, data_parts, hash_of
from strata.book.files import write_whole
from strata.book.profiles import Notebook, NotebookError, points
from strata.claims import CLAIM_MIME
from strata.report import GLUE_PREFIX, NUMBER_MIME, POINTS_MIME
from strata.runs.locks import file_locked
from strata.sources import imported_modules, source_files
from strata.yaml_files import read_yaml

METADATA = "strata"
TRACKED = ("full",)
"""Profiles whose executed notebooks are tracked under ``book/executed``."""


class RecordError(ValueError):
    """An executed notebook that cannot be accepted, or a record that cannot be read."""


@dataclass(frozen=True)
class Record:
    """Everything a page says about its run.

    ``result`` is what must come out again; ``run`` is about this run only.
    """

    notebook: str
    profile: str
    parameters: dict[str, Any]
    key: str
    key_parts: dict[str, Any]
    result: dict[str, Any]
    run: dict[str, Any] = field(default_factory=dict)

    def dumps(self) -> str:
        """The record as the JSON that stands beside the notebook."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"


def executed_folder(root: Path, profile: str) -> Path:
    """Where the executed notebooks of a profile lie."""
    if profile in TRACKED:
        return tracked_folder(root, profile)
    return root / "_build" / profile / "executed"


def tracked_folder(root: Path, profile: str) -> Path:
    """Where the tracked records of a profile lie."""
    return root / "book" / "executed" / profile


def reference_path(root: Path, profile: str, name: str) -> Path:
    """The tracked record that ``strata verify`` compares with."""
    return tracked_folder(root, profile) / f"{name}.json"


def publish(record: Record, output: Path, target: Path) -> None:
    """Put a record and its notebook in place, both of one run; the notebook carries the record too.

    Parameters
    ----------
    output
        The notebook as it was executed.
    target
        The folder.
    """
    node = nbformat.read(output, as_version=4)
    node.metadata.pop("papermill", None)
    for cell in node.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
    node.metadata[METADATA] = asdict(record)
    target.mkdir(parents=True, exist_ok=True)
    with file_locked(target / f".{record.notebook}.lock"):
        write_whole(target / output.name, nbformat.writes(node) + "\n")
        write_whole(target / f"{record.notebook}.json", record.dumps())


def load_record(path: Path) -> Record:
    """Read a record.

    Raises
    ------
    RecordError
        If the file is missing or damaged.
    """
    try:
        return Record(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise RecordError(f"no record at {path}") from None
    except (ValueError, TypeError) as error:
        raise RecordError(f"the record {path} is damaged: {error}") from error


def load_records(names: Iterable[str], folder: Path) -> dict[str, Record]:
    """The records in a folder, by notebook, of those notebooks that have one there."""
    paths = {name: folder / f"{name}.json" for name in names}
    return {name: load_record(path) for name, path in paths.items() if path.exists()}


def key_parts(
    notebook: Notebook,
    parameters: Mapping[str, Any],
    root: Path,
    data: Mapping[str, Part] | None = None,
) -> dict[str, Any]:
    """What decides the outcome of a run, part by part, without running it.

    Parameters
    ----------
    notebook, parameters, root
        What would run, with what, and where the project is.
    data
        Fingerprints of the data by experiment; if not given, those of the data that are here.

    Returns
    -------
    dict
        ``code`` (hash of the code cells), ``parameters``, ``sources`` (hash by file), ``data``
        (fingerprints by experiment, and the published figures), ``claims``, ``constraints``.

    Raises
    ------
    DataError
        `data` is not given, and a data set is not here or damaged.
    NotebookError
        The notebook cannot be read, or its code not be followed.
    """
    code = code_cells(notebook.read(root))
    claims = read_yaml(root / "book" / "claims.yml")["claims"]
    published = read_yaml(root / "book" / "published.yml")
    if data is None:
        data = data_parts(points(notebook, parameters))
    return {
        "code": hash_of(code),
        "parameters": dict(parameters),
        "sources": files_behind(notebook, code),
        "data": {
            **data,
            "book/published.yml": hash_of(published.get(notebook.published or notebook.study)),
        },
        "claims": hash_of({k: v for k, v in claims.items() if v["notebook"] == notebook.name}),
        "constraints": hash_of((root / "constraints.txt").read_text(encoding="utf-8")),
    }


def code_cells(node: NotebookNode) -> list[str]:
    """The code of a notebook, cell by cell."""
    return [cell.source for cell in node.cells if cell.cell_type == "code"]


def files_behind(notebook: Notebook, code: Sequence[str]) -> dict[str, str]:
    """The files of Strata that a notebook with this code rests on, each with a hash.

    Raises
    ------
    NotebookError
        The code is not Python, or imports what is not there.
    """
    named = {module.__name__ for module in notebook.modules()}
    try:
        return source_files(
            named | imported_modules("\n".join(_plain_python(cell) for cell in code))
        )
    except SyntaxError as error:
        text = f"{error.msg}: {(error.text or '').strip()}"
        raise NotebookError(f"{notebook.name}: cannot follow its code: {text}") from None
    except ModuleNotFoundError as error:
        raise NotebookError(f"{notebook.name}: {error}") from None


def key_of(parts: Mapping[str, Any]) -> str:
    """One key for all parts."""
    return hash_of(parts)[:32]


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Name what differs between the parts of two keys, files and parameters one by one."""
    found = []
    for part in sorted(set(old) | set(new)):
        before, after = old.get(part), new.get(part)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            names = [n for n in sorted(set(before) | set(after)) if before.get(n) != after.get(n)]
            if part == "data":
                found += [data_change(n, before.get(n), after.get(n)) for n in names]
                continue
            prefix = {"parameters": "parameter ", "sources": "src/strata/"}.get(part, "")
            found += [f"{prefix}{n}" for n in names]
        else:
            found.append({"code": "code cells", "claims": "book/claims.yml"}.get(part, part))
    return found


def require_complete(node: NotebookNode, name: str) -> None:
    """Refuse a notebook that was not run to its end.

    Raises
    ------
    RecordError
        If a cell raised or a non-empty code cell was never executed.
    """
    for number, cell in enumerate(node.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        for output in cell.outputs:
            if output.output_type == "error":
                raise RecordError(f"{name}: cell {number} raised {output.ename}: {output.evalue}")
        if cell.execution_count is None:
            raise RecordError(f"{name} is half-run: cell {number} was never executed")


def collect_result(node: NotebookNode) -> dict[str, Any]:
    """Claims, numbers and the digest of the points, from the outputs of a notebook.

    Raises
    ------
    RecordError
        If two numbers or two claims share a name.
    """
    claims = {c["id"]: c for c in _unique(_payloads(node, CLAIM_MIME), "id")}
    numbers = {n["name"]: n for n in _unique(_payloads(node, GLUE_PREFIX + NUMBER_MIME), "name")}
    used: dict[str, Any] = {}
    for payload in _payloads(node, POINTS_MIME):
        used |= payload
    return {"claims": claims, "numbers": numbers, "points": used}


def _plain_python(cell: str) -> str:
    return "\n".join(line for line in cell.splitlines() if not line.lstrip().startswith(("%", "!")))


def _payloads(node: NotebookNode, mime: str) -> Iterator[dict[str, Any]]:
    for cell in node.cells:
        for output in cell.get("outputs", []):
            if mime in output.get("data", {}):
                yield dict(output["data"][mime])


def _unique(payloads: Iterator[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    found = list(payloads)
    names = [payload[name] for payload in found]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise RecordError(f"reported twice: {', '.join(twice)}")
    return found

"""Worked changes of one parameter: declared in ``book/variations.yml``, run, and kept in a file."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field

from strata.book import run as runner
from strata.book.files import require_writable, write_whole
from strata.book.profiles import Notebook, NotebookError, ParameterError, resolve
from strata.book.record import Record, RecordError, load_record, reference_path
from strata.book.settings import named
from strata.runs.locks import file_locked
from strata.yaml_files import read_yaml

FILE = "variations.yml"
BASE = "quick"
"""The profile that is varied, and whose tracked records the variations are held against."""


class Variation(BaseModel):
    """One entry of ``book/variations.yml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    notebook: str
    name: str
    title: str
    set: dict[str, Any] = Field(min_length=1)
    watch: dict[str, str] = Field(min_length=1)
    """What is looked at, a number or CLAIM.PART, and what it is in words."""
    predict: str
    expect: str
    found: str | None = None
    found_on: str | None = None
    """Date of the run that ``found`` speaks of."""

    @property
    def id(self) -> str:
        """Unique in the book."""
        return f"{self.notebook}/{self.name}"

    @property
    def command(self) -> str:
        """What the reader types."""
        changes = []
        for name, value in self.set.items():
            text = yaml.safe_dump(value, default_flow_style=True, width=math.inf).splitlines()[0]
            changes.append(f"--set {shlex.quote(f'{name}={text}')}")
        return f"strata run {self.notebook} {' '.join(changes)}"


@dataclass(frozen=True)
class Result:
    """What one run of a variation gave.

    ``base`` is the key of the tracked record that was current then: it holds everything that the
    variation leaves as it is.
    """

    base: str | None
    set: dict[str, Any]
    seconds: float
    date: str
    values: dict[str, dict[str, Any] | None]


def load_variations(root: Path, notebooks: Sequence[Notebook]) -> list[Variation]:
    """The variations of these notebooks, in the order of the book.

    Raises
    ------
    ValueError
        If an entry has an unknown or missing field; names the entry.
    """
    entries = _entries(root)
    return [
        _variation(notebook.name, name, entry)
        for notebook in notebooks
        for name, entry in entries.get(notebook.name, {}).items()
    ]


def _entries(root: Path) -> dict[str, dict[str, Any]]:
    """What is declared, by notebook and name."""
    path = root / "book" / FILE
    if not path.exists():
        return {}
    with named(FILE):
        entries = dict(read_yaml(path) or {})
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            raise ValueError(f"{FILE}, {name}: takes variations by name, got {entry!r}")
    return entries


def _variation(notebook: str, name: str, entry: dict[str, Any]) -> Variation:
    with named(f"{FILE}, {notebook}/{name}"):
        return Variation.model_validate({**entry, "notebook": notebook, "name": name})


def results_path(root: Path, profile: str = BASE) -> Path:
    """Where results lie: tracked for the profile that is published, else among what is built."""
    if profile == BASE:
        return root / "book" / "executed" / "variations.json"
    return root / "_build" / "variations" / f"{profile}.json"


def load_results(path: Path) -> dict[str, Result]:
    """Results by the id of the variation; none, if nothing was run.

    Raises
    ------
    RecordError
        If the file is damaged.
    """
    if not path.exists():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {name: Result(**entry) for name, entry in entries.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise RecordError(f"the results in {path} are damaged: {error}") from error


def watched(record: Record, name: str) -> dict[str, Any] | None:
    """A number or a claim's part of a record, without what judges it; None, if it has none."""
    claim, dot, part = name.partition(".")
    if not dot:
        found = record.result["numbers"].get(name)
        return found and {"value": found["value"], "text": found["text"]}
    found = record.result["claims"].get(claim, {}).get("parts", {}).get(part)
    return found and {field: found[field] for field in ("value", "low", "high")}


class Prepared(NamedTuple):
    """A variation, resolved and checked, and where its notebook is executed."""

    variation: Variation
    job: runner.Job
    setting: runner.Setting


def prepare_variations(
    variations: Sequence[Variation],
    notebooks: Sequence[Notebook],
    root: Path,
    profile: str = BASE,
    say: Callable[[str], None] = print,
) -> list[Prepared]:
    """Resolve and check every variation before the first one runs.

    Parameters
    ----------
    variations, notebooks
        What to run, and the entries of their notebooks in ``book/profiles.yml``.
    root : Path
        Project root.
    profile : str
        Whose parameters are changed.
    say : callable
        Takes a line for the user.

    Raises
    ------
    ValueError
        If any change is refused, results could not be kept, or those that are kept are damaged.
    """
    path = results_path(root, profile)
    load_results(path)
    require_writable(path.parent)
    entries = {notebook.name: notebook for notebook in notebooks}
    prepared = []
    for variation in variations:
        folder = root / "_build" / "variations" / profile / variation.id
        setting = runner.Setting(root, folder=folder, say=say)
        (job,) = runner.prepare([entries[variation.notebook]], profile, root, variation.set)
        runner.require_ready([job], setting)
        prepared.append(Prepared(variation, job, setting))
    return prepared


def run_variations(prepared: Sequence[Prepared], root: Path, profile: str = BASE) -> list[str]:
    """Execute variations one after the other, and keep each result as soon as it is there.

    Returns
    -------
    list of str
        The ids of those that failed.
    """
    path = results_path(root, profile)
    failed = []
    for variation, job, setting in prepared:
        setting.say(variation.command)
        (outcome,) = runner.run([job], setting)
        if outcome.record is None:
            failed.append(variation.id)
            continue
        base = _base(root, variation.notebook, profile)
        result = Result(
            base=base.key if base else None,
            set=variation.set,
            seconds=outcome.record.run["seconds"],
            date=outcome.record.run["date"],
            values={name: watched(outcome.record, name) for name in variation.watch},
        )
        _keep(path, variation.id, result)
    return failed


def variation_problems(notebooks: Sequence[Notebook], root: Path) -> list[str]:
    """Variations that cannot be run, that watch what is not there, or whose result is stale.

    Parameters
    ----------
    notebooks, root
        All of the book, and where the project is.
    """
    entries = {notebook.name: notebook for notebook in notebooks}
    problems = [
        f"{FILE}: there is no notebook {name!r}" for name in _entries(root) if name not in entries
    ]
    bases = {name: _base(root, name, BASE) for name in entries}
    results = load_results(results_path(root))
    return problems + [
        f"variation {variation.id}: {problem}"
        for variation in load_variations(root, notebooks)
        for problem in _problems(
            variation,
            entries[variation.notebook],
            root,
            bases[variation.notebook],
            results.get(variation.id),
        )
    ]


def not_run(notebooks: Sequence[Notebook], root: Path) -> list[str]:
    """Ids of the variations without a result."""
    results = load_results(results_path(root))
    return [v.id for v in load_variations(root, notebooks) if v.id not in results]


def _problems(
    variation: Variation,
    notebook: Notebook,
    root: Path,
    base: Record | None,
    result: Result | None,
) -> Iterator[str]:
    try:
        resolve(notebook, BASE, root, variation.set)
    except NotebookError:
        return  # `check_sources` says it of the notebook
    except ParameterError as error:
        yield str(error)
        return
    usual = notebook.profiles[BASE].parameters
    if all(usual.get(name) == value for name, value in variation.set.items()):
        yield f"changes nothing of the {BASE} profile"
    if base is not None:
        for name in variation.watch:
            if watched(base, name) is None:
                yield f"the tracked record of {BASE} has no {name!r}"
    if result is not None:
        changed = {
            f"the {BASE} record": base is not None and result.base != base.key,
            "set": result.set != variation.set,
            "watch": set(result.values) != set(variation.watch),
        }
        if any(changed.values()):
            why = ", ".join(name for name, differs in changed.items() if differs)
            yield f"its result is stale (changed: {why}): strata vary {variation.id}"
        elif variation.found and variation.found_on != result.date:
            yield f"`found` is not of the run of {result.date}: read its numbers, set `found_on`"


def _base(root: Path, name: str, profile: str) -> Record | None:
    try:
        return load_record(reference_path(root, profile, name))
    except RecordError:
        return None


def _keep(path: Path, name: str, result: Result) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with file_locked(path.with_name(f".{path.name}.lock")):
        before = {key: vars(value) for key, value in load_results(path).items()}
        kept = before | {name: vars(result)}
        write_whole(path, json.dumps(kept, indent=1, sort_keys=True) + "\n")

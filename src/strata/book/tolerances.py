"""How far a number may move elsewhere: measured, by runs with other threads and other seeds."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from strata.book.files import write_whole
from strata.book.profiles import Notebook
from strata.book.record import Record, RecordError, load_record, reference_path

ROUNDING = 1e-6
"""Share of a number that another order of the same sums may change anywhere."""
TWICE = 2
"""A shift that another number of threads made once may well be made double elsewhere."""


@dataclass(frozen=True)
class OtherRun:
    """What came out with another number of threads or another family of seeds."""

    notebook: str
    profile: str
    key: str
    run: dict[str, Any]
    values: dict[str, float]
    verdicts: dict[str, str]

    @classmethod
    def of(cls, record: Record) -> Self:
        """Keep of a record what is needed to compare."""
        values, verdicts = values_of(record.result), verdicts_of(record.result)
        return cls(record.notebook, record.profile, record.key, record.run, values, verdicts)

    @property
    def setting(self) -> tuple[int, int]:
        """Threads of a worker, and family of seeds."""
        return self.run["threads_per_worker"], self.run["seed_family"]


def values_of(result: Mapping[str, Any]) -> dict[str, float]:
    """All numbers of a result by what `strata verify` calls them."""
    numbers = {name: number["value"] for name, number in result["numbers"].items()}
    return numbers | {name: estimate["value"] for name, estimate in estimates_of(result).items()}


def estimates_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of all claims of a result, by what `strata verify` calls their values."""
    return {
        f"{name} {part} value": estimate
        for name, claim in result["claims"].items()
        for part, estimate in claim["parts"].items()
    }


def verdicts_of(result: Mapping[str, Any]) -> dict[str, str]:
    """How each claim of a result was judged."""
    return {name: claim["verdict"] for name, claim in result["claims"].items()}


def others_path(root: Path, profile: str, name: str) -> Path:
    """Where the other runs of a notebook are kept, beside its tracked record."""
    return reference_path(root, profile, name).with_suffix(".others.json")


def load_others(root: Path, profile: str, name: str) -> list[OtherRun]:
    """The other runs of a notebook that were kept; none if there is no file.

    Raises
    ------
    RecordError
        If the file is damaged.
    """
    path = others_path(root, profile, name)
    if not path.exists():
        return []
    try:
        return [OtherRun(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise RecordError(f"the other runs in {path} are damaged: {error}") from error


def keep(root: Path, record: Record) -> Path:
    """Add a run to those of its notebook; it replaces the one of the same setting.

    Runs of another key are dropped: they belong to code that is no more.
    """
    fresh = OtherRun.of(record)
    kept = [
        other
        for other in load_others(root, record.profile, record.notebook)
        if other.key == fresh.key and other.setting != fresh.setting
    ]
    path = others_path(root, record.profile, record.notebook)
    runs = sorted([*kept, fresh], key=lambda other: other.setting)
    text = json.dumps([asdict(other) for other in runs], indent=1, sort_keys=True)
    write_whole(path, text + "\n")
    return path


def comparable(tracked: Record, others: Sequence[OtherRun]) -> list[OtherRun]:
    """The runs of the same code and profile as a record."""
    return [o for o in others if (o.key, o.profile) == (tracked.key, tracked.profile)]


def verdicts_seen(tracked: Record, others: Sequence[OtherRun]) -> dict[str, set[str]]:
    """How each claim was judged, by the record or by a run with other threads or seeds."""
    runs = comparable(tracked, others)
    return {
        name: {verdict, *(o.verdicts[name] for o in runs if name in o.verdicts)}
        for name, verdict in verdicts_of(tracked.result).items()
    }


def tolerances(tracked: Record, others: Sequence[OtherRun]) -> dict[str, float | None]:
    """How far each number of a record may move on another machine, absolute.

    The largest of: twice what another number of threads changed, what another family of seeds
    changed, half of the interval over seeds (of claims only), and the rounding of the number. A
    number for which none but the last is known has None: there is nothing to hold it against.

    Parameters
    ----------
    tracked
        The record that others are compared with.
    others
        Runs of the same notebook; those of another key or profile do not count.
    """
    usual = values_of(tracked.result)
    counted = comparable(tracked, others)
    halves = _halves(tracked.result)
    found: dict[str, float | None] = {}
    for name, value in usual.items():
        shifts = [halves[name]] if name in halves else []
        for other in counted:
            _, seeds = other.setting
            if name in other.values:
                shift = abs(other.values[name] - value)
                shifts.append(shift if seeds else TWICE * shift)
        found[name] = max(*shifts, ROUNDING * abs(value)) if shifts else None
    return found


def _halves(result: Mapping[str, Any]) -> dict[str, float]:
    """Half of the interval of each part of a claim, where it is finite."""
    halves = {name: (e["high"] - e["low"]) / 2 for name, e in estimates_of(result).items()}
    return {name: half for name, half in halves.items() if math.isfinite(half)}


def other_run_problems(notebooks: Sequence[Notebook], root: Path) -> list[str]:
    """Other runs that belong to another state of the code than the tracked record."""
    problems = []
    for notebook in notebooks:
        for profile in notebook.profiles:
            others = load_others(root, profile, notebook.name)
            reference = reference_path(root, profile, notebook.name)
            if others and not reference.exists():
                problems.append(
                    f"{notebook.name}: runs of {profile} with other threads and seeds have no "
                    f"record to be held against: strata verify {notebook.name} --profile {profile} "
                    "--accept"
                )
            elif others and {other.key for other in others} != {load_record(reference).key}:
                problems.append(
                    f"{notebook.name}: runs of {profile} with other threads and seeds are of older "
                    f"code: strata calibrate {notebook.name} --profile {profile}"
                )
    return problems

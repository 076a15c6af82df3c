"""The scorecard: every claim of the studies, with what was measured and how it was judged."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import nbformat
from pydantic import BaseModel, ConfigDict, TypeAdapter

from strata.book.judged import judged_claims
from strata.book.record import Record
from strata.book.settings import named
from strata.book.tolerances import OtherRun, comparable, load_others
from strata.claims import Claim, Verdict, load_claims
from strata.yaml_files import read_yaml

STUDIES = ("A", "B", "C", "D")
WITHHELD: Verdict = "not judged at this profile"
VERDICTS = (
    "reproduced",
    "not reproduced",
    "inconclusive",
    WITHHELD,
    "not run at this profile",
    "not tested",
)
"""In the order in which tables name them; the first four are those of a record."""


class Statistic(BaseModel):
    """One part of a claim; without values where it was not run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    part: str
    statistic: str
    criterion: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    method: str | None = None
    verdict: str


class Row(BaseModel):
    """One claim."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    study: Literal["A", "B", "C", "D"]
    origin: Literal["study", "ours"]
    where: str
    statement: str
    control: str | None = None
    notebook: str | None = None
    chapter: str | None = None
    figure: str | None = None
    profile: str | None = None
    verdict: str
    other_seeds: tuple[str, ...] = ()
    reason: str | None = None
    parts: tuple[Statistic, ...] = ()

    @property
    def card(self) -> str | None:
        """Address of the claim's card below the root of the pages."""
        return f"notebooks/{self.notebook}.html#claim-{self.id}" if self.profile else None

    @property
    def moved(self) -> bool:
        """Whether another family of seeds gave another verdict."""
        return any(verdict != self.verdict for verdict in self.other_seeds)

    @property
    def drawing(self) -> str | None:
        """Address of the figure that belongs to the claim."""
        return f"notebooks/{self.notebook}.html#{self.figure}" if self.figure else None


class Untested(BaseModel):
    """A statement of a study that no chapter tests."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: Literal["A", "B", "C", "D"]
    where: str
    statement: str
    reason: str


class Known(BaseModel):
    """``book/scorecard.yml``: what neither the claims nor the records say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    numbered: dict[str, int]
    ours: tuple[str, ...]
    untested: dict[str, Untested]


def load_known(root: Path) -> Known:
    """Read ``book/scorecard.yml``.

    Raises
    ------
    ValueError
        If it is damaged, or a field is unknown or missing; names the file.
    """
    with named("scorecard.yml"):
        return Known(**read_yaml(root / "book" / "scorecard.yml"))


def scorecard(records: Mapping[str, Record], root: Path) -> list[Row]:
    """A row for every claim, in the order of studies and numbers.

    Parameters
    ----------
    records
        The records of one profile by notebook; a claim whose notebook has none is in the rows
        all the same.
    root
        The project, for its claims and the figures of its notebooks.
    """
    known = load_known(root)
    claims = load_claims(root / "book" / "claims.yml")
    places = {name: _figures(root, name) for name in {c.notebook for c in claims.values()}}
    redrawn = {name: _redrawn(record, root) for name, record in records.items()}
    rows = [
        _tested(
            claim,
            records.get(claim.notebook),
            places[claim.notebook],
            known,
            redrawn.get(claim.notebook, []),
        )
        for claim in claims.values()
    ]
    rows += [
        Row(id=name, origin="study", verdict="not tested", **words.model_dump())
        for name, words in known.untested.items()
    ]
    return sorted(rows, key=lambda row: (row.study, _order(row.id)))


def counts(rows: list[Row]) -> dict[str, Counter[str]]:
    """How many claims of each study have which verdict."""
    return {study: Counter(row.verdict for row in rows if row.study == study) for study in STUDIES}


def to_json(rows: list[Row]) -> str:
    """The rows as JSON: a list with an object a claim."""
    return _ROWS.dump_json(rows, indent=1).decode() + "\n"


def from_json(text: str) -> list[Row]:
    """The rows back from JSON.

    Raises
    ------
    pydantic.ValidationError
        If a field is missing, unknown or of the wrong type.
    """
    return _ROWS.validate_json(text)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of what `to_json` writes."""
    return _ROWS.json_schema(mode="serialization")


def to_csv(rows: list[Row]) -> str:
    """The rows as CSV: a line a part, and one line for a claim without parts."""
    claim = [name for name in Row.model_fields if name not in ("parts", "verdict", "other_seeds")]
    part = [name for name in Statistic.model_fields if name != "verdict"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*claim, "verdict", "other_seeds", *part, "part_verdict"])
    for row in rows:
        head = [getattr(row, name) for name in claim]
        head += [row.verdict, "; ".join(row.other_seeds)]
        for found in row.parts:
            writer.writerow([*head, *(getattr(found, name) for name in part), found.verdict])
        if not row.parts:
            writer.writerow([*head, *("" for _ in part), ""])
    return text.getvalue()


def to_text(rows: list[Row]) -> str:
    """The rows for a terminal: a line a claim, then the counts."""
    lines = [f"{row.id:<6} {row.verdict:<26} {row.statement}" for row in rows]
    for study, found in counts(rows).items():
        said = ", ".join(f"{found[v]} {v}" for v in VERDICTS if found[v])
        lines.append(f"study {study}: {found.total()} claims: {said}")
    return "\n".join(lines) + "\n"


FORMATS = {"text": to_text, "json": to_json, "csv": to_csv}
_ROWS = TypeAdapter(list[Row])


def _redrawn(record: Record, root: Path) -> list[OtherRun]:
    """The runs of a record's notebook with other families of seeds."""
    others = comparable(record, load_others(root, record.profile, record.notebook))
    return [other for other in others if other.setting[1]]


def _tested(
    claim: Claim,
    record: Record | None,
    figures: Mapping[str, str],
    known: Known,
    redrawn: Sequence[OtherRun],
) -> Row:
    found = record.result["claims"].get(claim.id) if record else None
    measured = found["parts"] if found else {}
    none = "not run at this profile"
    parts = [
        Statistic(
            part=name,
            statistic=part.statistic,
            criterion=part.criterion,
            **(_measured(measured[name]) if name in measured else {"verdict": none}),
        )
        for name, part in claim.parts.items()
    ]
    return Row(
        id=claim.id,
        study=claim.study,
        origin="ours" if claim.id in known.ours else "study",
        where=claim.where,
        statement=claim.statement,
        control=claim.control,
        notebook=claim.notebook,
        chapter=figures.get(""),
        figure=figures.get(claim.id),
        profile=record.profile if record and found else None,
        verdict=found["verdict"] if found else none,
        other_seeds=tuple(
            other.verdicts[claim.id]
            for other in redrawn
            if found and found["verdict"] != WITHHELD and claim.id in other.verdicts
        ),
        parts=tuple(parts),
    )


def _measured(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part[name] for name in ("value", "low", "high", "n", "method", "verdict")}


def _figures(root: Path, notebook: str) -> dict[str, str]:
    """The figure of each claim that a notebook judges, and its title under the empty name.

    That is the last figure above the claim in its section, else the next one below it.
    """
    path = root / "notebooks" / f"{notebook}.ipynb"
    if not path.exists():
        return {}
    found: dict[str, str] = {}
    waiting: list[str] = []
    figure: str | None = None
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            for level, title in re.findall(r"^(#+) (.+)$", cell.source, re.MULTILINE):
                waiting, figure = [], None
                if level == "#":
                    found[""] = title
            continue
        if name := cell.metadata.get("mystnb", {}).get("figure", {}).get("name"):
            found |= dict.fromkeys(waiting, name)
            waiting, figure = [], name
        for claim in judged_claims(cell):
            if figure:
                found[claim] = figure
            else:
                waiting.append(claim)
    return found


def _order(name: str) -> tuple[bool, str, int, str]:
    """Claims by number, those that are not tested last.

    Examples
    --------
    >>> sorted(["C10", "C2b", "CU1", "C2"], key=_order)
    ['C2', 'C2b', 'C10', 'CU1']
    """
    prefix, number, letter = re.fullmatch(r"([A-Z]+)(\d+)(\w*)", name).groups()
    return prefix.endswith("U"), prefix, int(number), letter

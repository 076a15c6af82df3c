"""Values in the words of a page: written by name, filled in by the build.

A page writes code that begins with one of four words, and the build puts text in its place:
``value NOTEBOOK NAME`` for a number that the notebook reports, ``value CLAIM.PART`` and ``interval
CLAIM.PART`` for what was measured, ``published PATH`` for a number of ``book/published.yml`` by its
keys, joined with dots, and ``claim CLAIM`` for a link to its card that tells the verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from strata.book.record import Record
from strata.claims import Claim, load_claims, verdict_slug
from strata.yaml_files import read_yaml

# Not within a double pair of backticks, so that a page can show how a reference is written.
_REFERENCE = re.compile(r"(?<!`)(?<!`` )`(value|interval|published|claim)\s+([^`]+)`")


class UnknownValueError(KeyError):
    """A value that no record, claim or published figure has."""

    def __str__(self) -> str:
        return str(self.args[0])


class NoRecordError(UnknownValueError):
    """A value of a notebook that was not run at this profile; its status says so already."""


@dataclass(frozen=True)
class Values:
    """Where values come from: the records of one profile, the claims, the published figures."""

    notebooks: frozenset[str]
    records: Mapping[str, Record]
    claims: Mapping[str, Claim]
    published: Mapping[str, Any]

    @classmethod
    def of(cls, root: Path, records: Mapping[str, Record]) -> Values:
        """Those of a project."""
        notebooks = frozenset(path.stem for path in (root / "notebooks").glob("*.ipynb"))
        claims = load_claims(root / "book" / "claims.yml")
        return cls(notebooks, records, claims, read_yaml(root / "book" / "published.yml"))

    def fill(self, page: str) -> str:
        """Put text in the place of every reference of a page.

        Raises
        ------
        UnknownValueError
            For a reference to nothing.
        """
        return _REFERENCE.sub(lambda match: self._text(*match.groups()), page)

    def problems(self, place: str, page: str) -> Iterable[str]:
        """References of a page to nothing, in words."""
        for match in _REFERENCE.finditer(page):
            try:
                self._text(*match.groups())
            except NoRecordError:
                continue
            except UnknownValueError as error:
                yield f"{place}: {match.group()}: {error}"

    def _text(self, word: str, target: str) -> str:
        target = " ".join(target.split())
        if word == "published":
            found = self._published(target)
            return f"{found:,}" if isinstance(found, int) else str(found)
        if word == "claim":
            return self._chip(target)
        notebook, space, name = target.partition(" ")
        if space and word == "value":
            return self._number(notebook, name)
        claim, _, part = target.partition(".")
        found = self._judged(claim)["parts"]
        if part not in found:
            raise UnknownValueError(f"claim {claim} has the parts {', '.join(found)}")
        if word == "value":
            return _short(found[part]["value"])
        return f"{_short(found[part]['low'])} to {_short(found[part]['high'])}"

    def _number(self, notebook: str, name: str) -> str:
        numbers = self._record(notebook).result["numbers"]
        if name not in numbers:
            raise UnknownValueError(f"{notebook} reports no number {name!r}")
        return str(numbers[name]["text"])

    def _record(self, notebook: str) -> Record:
        if notebook not in self.notebooks:
            raise UnknownValueError(f"there is no notebook {notebook!r}")
        if notebook not in self.records:
            raise NoRecordError(f"there is no record of {notebook}")
        return self.records[notebook]

    def _judged(self, name: str) -> dict[str, Any]:
        if name not in self.claims:
            raise UnknownValueError(f"there is no claim {name!r}")
        claims = self._record(self.claims[name].notebook).result["claims"]
        if name not in claims:
            raise UnknownValueError(f"claim {name} is not in the record of its notebook")
        return claims[name]

    def _chip(self, name: str) -> str:
        verdict = self._judged(name)["verdict"]
        return chip(name, verdict, f"../notebooks/{self.claims[name].notebook}.html")

    def _published(self, path: str) -> float | int | str:
        here: Any = self.published
        for key in path.split("."):
            keys = [key, int(key)] if key.isdigit() else [key]
            items = dict(enumerate(here)) if isinstance(here, list) else here
            known = [k for k in keys if isinstance(items, dict) and k in items]
            here = items[known[0]] if known else None
        if not isinstance(here, (int, float, str)):
            raise UnknownValueError(f"published.yml has no number {path!r}")
        return here


def chip(name: str, verdict: str, page: str = "") -> str:
    """A link in HTML that tells a verdict and leads to the card of its claim."""
    return (
        f'<a class="strata-chip" href="{page}#claim-{name}" '
        f'data-verdict="{verdict_slug(verdict)}">{name} {escape(verdict)}</a>'
    )


def value_problems(root: Path, records: Mapping[str, Record]) -> list[str]:
    """References to nothing in the pages of the book."""
    values = Values.of(root, records)
    return [
        problem
        for page in sorted((root / "book").glob("*.md"))
        for problem in values.problems(page.name, page.read_text(encoding="utf-8"))
    ]


def _short(value: float) -> str:
    return f"{value:.3g}"

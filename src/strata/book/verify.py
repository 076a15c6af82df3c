"""Does it reproduce? A profile is executed again, from nothing, and held against its record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from strata.book.record import Record


@dataclass(frozen=True)
class Difference:
    """One number or verdict of a record beside the same one of another run.

    ``allowed`` is how far they may lie apart, ``same`` whether they lie so near. Both are None
    where nothing is known to judge the number by.
    """

    what: str
    tracked: Any
    again: Any
    allowed: float | None
    same: bool | None

    def line(self) -> str:
        """One row of the table."""
        near = "same" if self.tracked == self.again else "within"
        mark = {True: near, False: "DIFFERENT", None: "not judged"}[self.same]
        return f"{self.what:<44} {_show(self.tracked):>14} {_show(self.again):>14}  {mark}"


def same_build(one: Record, other: Record) -> bool:
    """Whether two runs owe each other the same bits: machine, versions, threads, seeds agree."""
    parts = ("machine", "threads_per_worker", "seed_family")
    return all(one.run.get(part) == other.run.get(part) for part in parts)


def compare(
    tracked: Record,
    again: Record,
    tolerances: Mapping[str, float | None],
    verdicts: Mapping[str, Set[str]],
) -> list[Difference]:
    """Hold a fresh record against the tracked one.

    On the same machine and build every number and the digests of the stored points must be equal
    to the last bit. Elsewhere each number must lie within its tolerance, and each verdict must be
    one that has been seen.

    Parameters
    ----------
    tracked, again
        The two records.
    tolerances
        By the name of the number, see `strata.book.tolerances`; used elsewhere only.
    verdicts
        By the claim, those of the record and of runs with other threads and seeds; used elsewhere
        only. The tracked one is among them without being named.
    """
    exact = same_build(tracked, again)
    rows = [_row("key", tracked.key, again.key)]
    rows += _claims(tracked.result["claims"], again.result["claims"], tolerances, verdicts, exact)
    old, new = tracked.result["numbers"], again.result["numbers"]
    for name in sorted(set(old) | set(new)):
        before, after = (side.get(name, {}).get("value") for side in (old, new))
        rows.append(_row(name, before, after, 0.0 if exact else tolerances.get(name)))
    if exact:
        for name in sorted(set(tracked.result["points"]) | set(again.result["points"])):
            before = tracked.result["points"].get(name, {}).get("digest")
            after = again.result["points"].get(name, {}).get("digest")
            rows.append(_row(f"digest of {name}", before, after))
    return rows


def _claims(
    old: dict[str, Any],
    new: dict[str, Any],
    tolerances: Mapping[str, float | None],
    verdicts: Mapping[str, Set[str]],
    exact: bool,
) -> Iterator[Difference]:
    for name in sorted(set(old) | set(new)):
        before, after = old.get(name, {}), new.get(name, {})
        usual, found = before.get("verdict"), after.get("verdict")
        same = usual == found or (not exact and found in verdicts.get(name, ()))
        yield Difference(f"{name} verdict", usual, found, 0.0, same)
        parts = set(before.get("parts", {})) | set(after.get("parts", {}))
        for part in sorted(parts):
            sides = [side.get("parts", {}).get(part, {}) for side in (before, after)]
            for field in ("value", "low", "high") if exact else ("value",):
                what = f"{name} {part} {field}"
                values = [side.get(field) for side in sides]
                yield _row(what, *values, 0.0 if exact else tolerances.get(what))


def _row(what: str, tracked: Any, again: Any, allowed: float | None = 0.0) -> Difference:
    if not (isinstance(tracked, float) and isinstance(again, float)):
        allowed, same = 0.0, tracked == again
    elif allowed is None:
        same = None
    else:
        same = tracked == again or abs(tracked - again) <= allowed
    return Difference(what, tracked, again, allowed, same)


def summary(rows: Sequence[Difference], rule: str) -> str:
    """How many rows agree, in words; rows that were not judged are no agreement."""
    counts = Counter(row.same for row in rows)
    words = f"{counts[True]} of {len(rows)} rows agree {rule}"
    if counts[False]:
        words += f", {counts[False]} differ"
    if counts[None]:
        words += f", {counts[None]} have nothing to be judged by"
    return words


def _show(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)[:14]

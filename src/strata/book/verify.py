"""Does it reproduce? A profile is executed again, from nothing, and held against its record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from strata.book.record import Record
from strata.claims import Claim


@dataclass(frozen=True)
class Difference:
    """One number or verdict of a record beside the same one of another run."""

    what: str
    tracked: Any
    again: Any
    allowed: float
    same: bool

    def line(self) -> str:
        """One row of the table."""
        mark = "same" if self.same else "DIFFERENT"
        return f"{self.what:<44} {_show(self.tracked):>14} {_show(self.again):>14}  {mark}"


def same_build(one: Record, other: Record) -> bool:
    """Whether two runs owe each other the same bits: machine, versions and threads agree."""
    return all(
        one.run.get(part) == other.run.get(part) for part in ("machine", "threads_per_worker")
    )


def compare(tracked: Record, again: Record, claims: dict[str, Claim]) -> list[Difference]:
    """Hold a fresh record against the tracked one.

    On the same machine and build every number and the digests of the stored points must be equal
    to the last bit. Elsewhere each number must lie within its stated tolerance, and every verdict
    must be the same.
    """
    exact = same_build(tracked, again)
    rows = [_row("key", tracked.key, again.key)]
    rows += _claims(tracked.result["claims"], again.result["claims"], claims, exact)
    old, new = tracked.result["numbers"], again.result["numbers"]
    for name in sorted(set(old) | set(new)):
        before, after = old.get(name), new.get(name)
        allowed = 0.0 if exact or before is None else before["tolerance"]
        rows.append(_row(name, before and before["value"], after and after["value"], allowed))
    if exact:
        for name in sorted(set(tracked.result["points"]) | set(again.result["points"])):
            before = tracked.result["points"].get(name, {}).get("digest")
            after = again.result["points"].get(name, {}).get("digest")
            rows.append(_row(f"digest of {name}", before, after))
    return rows


def _claims(
    old: dict[str, Any], new: dict[str, Any], claims: dict[str, Claim], exact: bool
) -> Iterator[Difference]:
    for name in sorted(set(old) | set(new)):
        before, after = old.get(name, {}), new.get(name, {})
        yield _row(f"{name} verdict", before.get("verdict"), after.get("verdict"))
        parts = set(before.get("parts", {})) | set(after.get("parts", {}))
        for part in sorted(parts):
            allowed = 0.0 if exact else claims[name].parts[part].tolerance
            sides = [side.get("parts", {}).get(part, {}) for side in (before, after)]
            for field in ("value", "low", "high") if exact else ("value",):
                values = [side.get(field) for side in sides]
                yield _row(f"{name} {part} {field}", *values, allowed)


def _row(what: str, tracked: Any, again: Any, allowed: float = 0.0) -> Difference:
    if isinstance(tracked, float) and isinstance(again, float):
        same = tracked == again or abs(tracked - again) <= allowed
    else:
        same = tracked == again
    return Difference(what, tracked, again, allowed, same)


def _show(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)[:14]

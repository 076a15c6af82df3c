"""What a notebook hands to its record and its prose: numbers, judged claims, points used."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from IPython.display import display

from strata.sweep import used_points

NUMBER_MIME = "application/vnd.strata.number+json"
POINTS_MIME = "application/vnd.strata.points+json"
GLUE_PREFIX = "application/papermill.record/"


def report(name: str, value: float, text: str | None = None) -> None:
    """Keep a measured number for the record and for ``{glue:text}`` in the prose.

    Parameters
    ----------
    name : str
        Unique in the notebook.
    value : float
        The number itself, compared by ``strata verify``.
    text : str, optional
        How the prose shows it, unit included; two decimals by default.
    """
    shown = f"{value:.2f}" if text is None else text
    number = {"name": name, "value": float(value), "text": shown}
    display(
        {GLUE_PREFIX + "text/plain": repr(shown), GLUE_PREFIX + NUMBER_MIME: number},
        raw=True,
        metadata={"scrapbook": {"name": name, "mime_prefix": GLUE_PREFIX}},
    )


@dataclass(frozen=True)
class Provenance:
    """The points of the run store that a notebook read, with a digest of their contents."""

    points: dict[str, dict[str, Any]]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        lines = [
            f"{name}: {entry['n']} points, digest {entry['digest'][:16]}"
            for name, entry in self.points.items()
        ]
        return {"text/plain": "\n".join(lines), POINTS_MIME: self.points}


def provenance() -> Provenance:
    """Name the points this notebook has used so far, for its last cell."""
    used: dict[str, dict[str, str]] = {}
    for point in used_points():
        used.setdefault(point.experiment, {})[point.key] = point.digest
    return Provenance(
        {
            name: {
                "n": len(digests),
                "digest": hashlib.sha256("".join(sorted(digests.values())).encode()).hexdigest(),
            }
            for name, digests in used.items()
        }
    )

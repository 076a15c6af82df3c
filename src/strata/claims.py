"""Claims: what a paper says, the criterion written down beforehand, and the verdict."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from strata.paths import project_root
from strata.statistics import Estimate
from strata.yaml_files import read_yaml

PROFILES = ("smoke", "quick", "full", "paper")
CLAIM_MIME = "application/vnd.strata.claim+json"

Verdict = Literal["reproduced", "not reproduced", "inconclusive", "not judged at this profile"]


class Part(BaseModel):
    """One statistic of a claim, with the bound that its interval must clear."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    statistic: str
    above: float | None = None
    below: float | None = None
    inside: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _one_criterion(self) -> Self:
        given = [c for c in (self.above, self.below, self.inside) if c is not None]
        if len(given) != 1:
            raise ValueError("a part has exactly one criterion: above, below or inside")
        if self.inside is not None and self.inside[0] >= self.inside[1]:
            raise ValueError("inside needs two growing bounds")
        return self

    @property
    def criterion(self) -> str:
        """The criterion in words."""
        if self.above is not None:
            return f"interval above {self.above:g}"
        if self.below is not None:
            return f"interval below {self.below:g}"
        low, high = self.inside or (0, 0)
        return f"interval inside [{low:g}, {high:g}]"

    def judge(self, estimate: Estimate) -> Verdict:
        """Compare an interval with the criterion; an interval on both sides decides nothing."""
        low, high = -float("inf"), float("inf")
        if self.above is not None:
            holds, fails = estimate.low > self.above, estimate.high <= self.above
        elif self.below is not None:
            holds, fails = estimate.high < self.below, estimate.low >= self.below
        else:
            low, high = self.inside or (low, high)
            holds = low <= estimate.low and estimate.high <= high
            fails = estimate.high < low or estimate.low > high
        return "reproduced" if holds else "not reproduced" if fails else "inconclusive"


class Claim(BaseModel):
    """A claim of a study as ``book/claims.yml`` states it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    study: Literal["A", "B", "C", "D"]
    where: str
    statement: str
    control: str
    notebook: str
    profile: Literal["smoke", "quick", "full", "paper"]
    parts: dict[str, Part] = Field(min_length=1)


@dataclass(frozen=True)
class Judgement:
    """A judged claim; Jupyter shows it as a card, and the record keeps it."""

    claim: Claim
    profile: str
    verdict: Verdict
    parts: dict[str, tuple[Estimate, Verdict]]

    def to_json(self) -> dict[str, Any]:
        """Return what the record keeps."""
        parts = {
            name: estimate.to_json()
            | {"verdict": verdict, "criterion": self.claim.parts[name].criterion}
            for name, (estimate, verdict) in self.parts.items()
        }
        return {"id": self.claim.id, "verdict": self.verdict, "parts": parts}

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {
            "text/plain": f"{self.claim.id}: {self.verdict}",
            "text/html": self._html(),
            CLAIM_MIME: self.to_json(),
        }

    def _html(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(self.claim.parts[name].statistic)}</td>"
            f"<td>{e.value:.3g}</td><td>{e.low:.3g} to {e.high:.3g}</td><td>{e.n}</td>"
            f"<td>{html.escape(self.claim.parts[name].criterion)}</td><td>{v}</td></tr>"
            for name, (e, v) in self.parts.items()
        )
        methods = "; ".join(dict.fromkeys(e.method for e, _ in self.parts.values()))
        return (
            f'<div class="strata-claim" id="claim-{self.claim.id}" '
            f'data-verdict="{verdict_slug(self.verdict)}">'
            f'<p class="strata-claim-head"><b>{self.claim.id}</b> '
            f"{html.escape(self.claim.statement)} "
            f'<span class="strata-verdict">{self.verdict}</span></p>'
            "<table><thead><tr><th>statistic</th><th>value</th><th>interval</th><th>n</th>"
            f"<th>criterion</th><th>part</th></tr></thead><tbody>{rows}</tbody></table>"
            f"<p><b>Control.</b> {html.escape(self.claim.control)} "
            f"<b>Intervals.</b> {html.escape(methods)}.</p></div>"
        )


def verdict_slug(verdict: str) -> str:
    """Give a verdict as one word, by which the pages style it.

    Examples
    --------
    >>> verdict_slug("not judged at this profile")
    'not-judged'
    """
    return verdict.removesuffix(" at this profile").replace(" ", "-")


@cache
def load_claims(path: Path | None = None) -> dict[str, Claim]:
    """Read ``book/claims.yml``.

    Raises
    ------
    ValueError
        If a claim lacks a field, has one too many, or states no single criterion.
    """
    source = path or project_root() / "book" / "claims.yml"
    entries = read_yaml(source)["claims"]
    return {name: Claim(id=name, **entry) for name, entry in entries.items()}


def combine(verdicts: list[Verdict]) -> Verdict:
    """Verdict of a claim from those of its parts: one failure fails it, one doubt leaves it open.

    Examples
    --------
    >>> combine(["reproduced", "inconclusive"])
    'inconclusive'
    >>> combine(["not reproduced", "inconclusive"])
    'not reproduced'
    """
    for verdict in ("not reproduced", "inconclusive"):
        if verdict in verdicts:
            return verdict
    return "reproduced"


def judge(
    claim_id: str,
    estimates: Mapping[str, Estimate],
    profile: str,
    *,
    claims: Mapping[str, Claim] | None = None,
) -> Judgement:
    """Judge a claim of ``book/claims.yml`` by the intervals of its parts.

    Parameters
    ----------
    claim_id : str
        For example ``"C1"``.
    estimates : mapping from part to Estimate
        Exactly the parts that the claim names.
    profile : str
        What was run. Below the claim's own profile, and for a run with changed parameters
        (``"custom"``), the statistics are shown and the verdict is withheld.

    Raises
    ------
    KeyError
        For a claim that is not in the file.
    ValueError
        If the parts do not match.
    """
    known = load_claims() if claims is None else claims
    if claim_id not in known:
        raise KeyError(f"claim {claim_id!r} is not in book/claims.yml")
    claim = known[claim_id]
    if set(estimates) != set(claim.parts):
        raise ValueError(
            f"claim {claim_id} has the parts {sorted(claim.parts)}, got {sorted(estimates)}"
        )
    judged = profile in PROFILES and PROFILES.index(profile) >= PROFILES.index(claim.profile)
    withheld: Verdict = "not judged at this profile"
    parts = {
        name: (estimates[name], part.judge(estimates[name]) if judged else withheld)
        for name, part in claim.parts.items()
    }
    verdict = combine([v for _, v in parts.values()]) if judged else withheld
    return Judgement(claim, profile, verdict, parts)

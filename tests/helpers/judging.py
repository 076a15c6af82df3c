"""What the criteria in ``book/claims.yml`` make of made-up estimates."""

from collections.abc import Mapping

from strata.claims import judge
from strata.statistics import Estimate


def verdicts(claim: str, estimates: Mapping[str, Estimate]) -> dict[str, str]:
    """The verdict on each part of a claim, and on all of it."""
    judgement = judge(claim, estimates, "full")
    return {name: verdict for name, (_, verdict) in judgement.parts.items()} | {
        "all": judgement.verdict
    }

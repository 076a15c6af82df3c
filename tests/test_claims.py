"""Verdicts: what an interval on the right, the wrong and both sides of a criterion gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from strata.claims import CLAIM_MIME, PROFILES, Claim, Part, combine, judge, load_claims
from strata.statistics import Estimate


def estimate(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, low, high, 5, "made up")


def part(**criterion: object) -> Part:
    return Part(statistic="s", **criterion)


def claim(profile: str = "full", **parts: Part) -> dict[str, Claim]:
    entry = Claim(
        id="X1",
        study="C",
        where="figure",
        statement="a < b & c",
        control="none",
        notebook="n",
        profile=profile,
        parts=parts or {"a": part(above=1)},
    )
    return {"X1": entry}


@pytest.mark.parametrize(
    ("criterion", "low", "high", "verdict"),
    [
        ({"above": 1}, 1.1, 2, "reproduced"),
        ({"above": 1}, 0.9, 2, "inconclusive"),
        ({"above": 1}, 0.2, 1, "not reproduced"),
        ({"below": 1}, 0.2, 0.9, "reproduced"),
        ({"below": 1}, 0.2, 1.1, "inconclusive"),
        ({"below": 1}, 1.1, 2, "not reproduced"),
        ({"inside": [2, 5]}, 2, 5, "reproduced"),
        ({"inside": [2, 5]}, 1, 3, "inconclusive"),
        ({"inside": [2, 5]}, 1, 6, "inconclusive"),
        ({"inside": [2, 5]}, 5.1, 6, "not reproduced"),
        ({"inside": [2, 5]}, 0, 1.9, "not reproduced"),
    ],
)
def test_an_interval_against_a_criterion(criterion, low, high, verdict):
    assert part(**criterion).judge(estimate(low, high)) == verdict


@given(st.floats(-5, 5), st.floats(0, 5), st.floats(-5, 5))
def test_above_and_below_are_mirror_images(low, width, bound):
    up = part(above=bound).judge(estimate(low, low + width))
    down = part(below=-bound).judge(estimate(-low - width, -low))
    assert up == down


def test_one_failed_part_fails_the_claim_and_one_doubt_leaves_it_open():
    assert combine(["reproduced", "reproduced"]) == "reproduced"
    assert combine(["reproduced", "inconclusive"]) == "inconclusive"
    assert combine(["inconclusive", "not reproduced", "reproduced"]) == "not reproduced"


@pytest.mark.parametrize("profile", [*PROFILES, "custom"])
def test_a_verdict_is_withheld_below_the_claims_own_profile(profile):
    found = judge("X1", {"a": estimate(2, 3)}, profile, claims=claim("full"))
    judged = profile in ("full", "paper")
    assert found.verdict == ("reproduced" if judged else "not judged at this profile")
    assert found.parts["a"][0].value == 2.5


def test_the_card_shows_what_the_record_keeps_and_escapes_the_words():
    found = judge("X1", {"a": estimate(2, 3)}, "full", claims=claim())
    bundle = found._repr_mimebundle_()
    assert bundle[CLAIM_MIME]["parts"]["a"]["low"] == 2
    assert 'data-verdict="reproduced"' in bundle["text/html"]
    assert "a &lt; b &amp; c" in bundle["text/html"]


def test_parts_must_match_and_the_claim_must_exist():
    with pytest.raises(ValueError, match="has the parts"):
        judge("X1", {"b": estimate(1, 2)}, "full", claims=claim())
    with pytest.raises(KeyError, match="C99"):
        judge("C99", {}, "full")


@pytest.mark.parametrize("criterion", [{}, {"above": 1, "below": 2}, {"inside": [2, 1]}])
def test_a_part_has_exactly_one_criterion(criterion):
    with pytest.raises(ValidationError):
        part(**criterion)


def test_every_claim_of_the_book_reads_well():
    claims = load_claims()
    assert {"C1", "C2", "C3", "C4", "C5"} <= set(claims)
    for entry in claims.values():
        assert entry.statement.endswith(".")
        assert entry.control
        assert entry.study == entry.id[0]

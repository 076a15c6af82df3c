"""Values in the words of pages: taken from records and claims by name, refused when unknown."""

from pathlib import Path

import pytest

from strata.book.record import Record
from strata.book.values import NoRecordError, UnknownValueError, Values, value_problems
from strata.claims import Claim, load_claims

ROOT = Path(__file__).parents[2]


@pytest.fixture
def values():
    part = load_claims(ROOT / "book" / "claims.yml")["C1"].parts["rise"]
    claim = Claim(
        id="C1", study="C", where="here", statement="It rises.", control="none", notebook="one",
        profile="full", parts={"slope": part},
    )  # fmt: skip
    judged = {
        "verdict": "not reproduced",
        "parts": {"slope": {"value": 1.23456, "low": -1e-4, "high": 2}},
    }
    result = {"numbers": {"rank-a": {"text": "7.3 of 8"}}, "claims": {"C1": judged}}
    record = Record("one", "full", {}, "", {}, result)
    published = {"C": {"ranks": {3: [4.28, 6.8], "what": "a figure", "images": 50000}}}
    claims = {"C1": claim, "C2": claim.model_copy(update={"id": "C2", "notebook": "two"})}
    return Values(frozenset({"one", "two"}), {"one": record}, claims, published)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a `value one rank-a` b", "a 7.3 of 8 b"),
        ("`value one\n  rank-a`", "7.3 of 8"),
        ("`value C1.slope`", "1.23"),
        ("`` `value C1.slope` ``", "`` `value C1.slope` ``"),
        ("`interval C1.slope`", "-0.0001 to 2"),
        ("`published C.ranks.3.1` and `published C.ranks.3.0`", "6.8 and 4.28"),
        ("`published C.ranks.images`, `published C.ranks.what`", "50,000, a figure"),
        ("`value` and `strata run` and `published`", "`value` and `strata run` and `published`"),
    ],
)
def test_a_reference_becomes_text(values, written, shown):
    assert values.fill(written) == shown


def test_a_claim_becomes_a_link_with_its_verdict(values):
    shown = values.fill("`claim C1`")
    assert 'href="../notebooks/one.html#claim-C1"' in shown
    assert 'data-verdict="not-reproduced"' in shown
    assert ">C1 not reproduced<" in shown


@pytest.mark.parametrize(
    "written",
    [
        "`value one rank-b`",
        "`value three rank-a`",
        "`value C1.fall`",
        "`value C9.slope`",
        "`interval one rank-a`",
        "`published C.ranks.4.0`",
        "`published C.ranks.3.2`",
        "`published C.ranks`",
        "`claim C9`",
    ],
)
def test_a_reference_to_nothing_is_refused_and_named(values, written):
    with pytest.raises(UnknownValueError):
        values.fill(written)
    assert [p.startswith(f"page.md: {written}") for p in values.problems("page.md", written)] == [
        True
    ]


def test_a_notebook_that_was_not_run_is_no_dangling_reference(values):
    with pytest.raises(NoRecordError):
        values.fill("`value C2.slope`")
    assert list(values.problems("page.md", "`value C2.slope` `value two rank`")) == []


def test_check_finds_a_dangling_reference_and_no_page_is_built_with_it(smoked, strata_here):
    assert value_problems(smoked, {}) == []
    page = smoked / "book" / "extra.md"
    page.write_text("# Extra\n\nRank `value ntk-depth rank-peak`, not `value ntk-depth no-such`.\n")
    done = strata_here(smoked, "check", "--profile", "smoke")
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.startswith("extra.md")] == [
        "extra.md: `value ntk-depth no-such`: ntk-depth reports no number 'no-such'"
    ]
    done = strata_here(smoked, "build", "--profile", "smoke")
    assert done.returncode == 1
    assert done.stderr == "extra.md: ntk-depth reports no number 'no-such'\n"

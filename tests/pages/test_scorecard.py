"""The scorecard: a row for every claim, whatever was run, and the same in every format."""

import csv
import io
import re
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
import yaml

from strata.book.profiles import load_notebooks
from strata.book.record import Record, executed_folder, load_records
from strata.book.tolerances import keep
from strata.claims import load_claims
from strata.pages.scorecard import (
    VERDICTS,
    Row,
    counts,
    from_json,
    load_known,
    scorecard,
    to_csv,
    to_json,
    to_text,
)
from strata.pages.scorecard_drawing import drawing
from strata.pages.scorecard_page import counts_table, page, write_data

ROOT = Path(__file__).parents[2]
NASTY = 'Ranks <b>fall</b> & "rise"\nfrom 1, 2; to 3'


def cell(kind: str, source: str, figure: str | None = None) -> nbformat.NotebookNode:
    node = getattr(nbformat.v4, f"new_{kind}_cell")(source)
    if figure:
        node.metadata["mystnb"] = {"figure": {"name": figure}}
    return node


def part(statistic: str, **criterion: object) -> dict:
    """A part for claims.yml; what else a part has is that of a real one."""
    real = load_claims(ROOT / "book" / "claims.yml")["C1"].parts["rise"]
    rest = real.model_dump(exclude={"statistic", "above", "below", "inside"})
    return {"statistic": statistic, **criterion, **rest}


@pytest.fixture
def project(tmp_path):
    """Two notebooks with three claims, one of them ours, and a statement that is not tested."""
    (tmp_path / "book").mkdir()
    (tmp_path / "notebooks").mkdir()
    claim = {"study": "C", "where": "figure 2", "control": "none", "profile": "full"}
    claims = {
        "C10": claim
        | {
            "statement": NASTY,
            "notebook": "one",
            "parts": {
                "low": part("rank < 2", below=2),
                "high": part("slope", above=0),
            },
        },
        "C2": claim
        | {
            "statement": "Two.",
            "notebook": "one",
            "parts": {"only": part("s", inside=[0, 1])},
        },
        "C2b": claim
        | {
            "statement": "Ours.",
            "notebook": "two",
            "parts": {"only": part("t", above=0)},
        },
    }
    (tmp_path / "book" / "claims.yml").write_text(
        yaml.safe_dump({"claims": claims}, sort_keys=False)
    )
    untested = {"study": "C", "where": "a slide", "statement": "Three.", "reason": "No <data>."}
    known = {"numbered": {"C": 2}, "ours": ["C2b"], "untested": {"CU1": untested}}
    (tmp_path / "book" / "scorecard.yml").write_text(yaml.safe_dump(known))
    cells = [
        cell("markdown", "# The first\n\n## A section"),
        cell("code", "draw()", "fig-early"),
        cell("markdown", "## Another"),
        cell("code", 'judge("C2", {}, profile)'),
        cell("code", "draw()", "fig-late"),
        cell("code", 'judge(\n    "C10", {}, profile\n)'),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "one.ipynb")
    lone = [cell("code", "draw()", "fig-x"), cell("markdown", "## B"), cell("code", 'judge("C2b")')]
    nbformat.write(nbformat.v4.new_notebook(cells=lone), tmp_path / "notebooks" / "two.ipynb")
    return tmp_path


@pytest.fixture
def record():
    """A record of the first notebook; of the second there is none."""
    found = {"value": 1.5, "low": 1.25, "high": 1.75, "n": 5, "method": "t", "criterion": "-"}
    judged = {
        "C10": {
            "verdict": "inconclusive",
            "parts": {
                "low": found | {"verdict": "reproduced"},
                "high": found | {"verdict": "inconclusive", "value": 0.123456789},
            },
        },
        "C2": {"verdict": "reproduced", "parts": {"only": found | {"verdict": "reproduced"}}},
    }
    return Record("one", "full", {}, "", {}, {"claims": judged})


@pytest.fixture
def rows(project, record) -> list[Row]:
    return scorecard({"one": record}, project)


def test_every_claim_has_a_row_in_the_order_of_numbers(rows):
    assert [row.id for row in rows] == ["C2", "C2b", "C10", "CU1"]
    assert [row.origin for row in rows] == ["study", "ours", "study", "study"]
    tested = rows[2]
    assert tested.verdict == "inconclusive"
    assert tested.profile == "full"
    assert [(p.part, p.value, p.n) for p in tested.parts] == [
        ("low", 1.5, 5),
        ("high", 0.123456789, 5),
    ]
    assert tested.parts[0].criterion == "interval below 2"


def test_other_seeds_stand_beside_the_verdict(project, record):
    judged = record.result["claims"]

    def again(seeds, verdicts, key=record.key):
        other = deepcopy(judged)
        for name, verdict in verdicts.items():
            other[name]["verdict"] = verdict
        facts = {"threads_per_worker": 1, "seed_family": seeds}
        keep(project, replace(record, key=key, run=facts, result={"claims": other, "numbers": {}}))

    (project / "book" / "executed" / "full").mkdir(parents=True)
    again(0, {"C2": "not reproduced"})
    again(1, {"C10": "reproduced"})
    rows = scorecard({"one": record}, project)
    assert {row.id: (row.other_seeds, row.moved) for row in rows} == {
        "C2": (("reproduced",), False),
        "C2b": ((), False),
        "C10": (("reproduced",), True),
        "CU1": ((), False),
    }
    assert page(rows).count("With other seeds: reproduced.") == 1
    assert "| 1 of 2 |" in counts_table(rows).splitlines()[2 + 2]
    said = (
        "With other seeds 2 claims were judged again: 1 got another verdict, {} the opposite one."
    )
    assert said.format("none") in counts_table(rows)
    turned = [row.model_copy(update={"verdict": "not reproduced"}) for row in rows if row.moved]
    assert said.replace("2", "1").format("C10") in counts_table(turned)
    assert from_json(to_json(rows)) == rows
    assert {line["other_seeds"] for line in csv.DictReader(io.StringIO(to_csv(rows)))} == {
        "reproduced",
        "",
    }
    judged["C10"]["verdict"] = "not judged at this profile"
    assert not any(row.moved for row in scorecard({"one": record}, project))
    again(1, {"C10": "reproduced"}, key="of older code")
    assert not any(row.other_seeds for row in scorecard({"one": record}, project))


def test_a_claim_without_a_record_was_not_run(rows):
    ours = rows[1]
    assert ours.verdict == "not run at this profile"
    assert ours.profile is None
    assert ours.card is None
    assert [(p.statistic, p.value, p.verdict) for p in ours.parts] == [("t", None, ours.verdict)]


def test_a_record_that_lacks_the_claim_is_as_none(project, record):
    older = replace(record, result={"claims": {"C2": record.result["claims"]["C2"]}})
    found = {row.id: row.verdict for row in scorecard({"one": older}, project)}
    assert found["C2"] == "reproduced"
    assert found["C10"] == "not run at this profile"


def test_a_part_that_came_after_the_run_has_no_values(project, record):
    del record.result["claims"]["C10"]["parts"]["high"]
    low, high = next(r for r in scorecard({"one": record}, project) if r.id == "C10").parts
    assert (low.value, high.value, high.verdict) == (1.5, None, "not run at this profile")


def test_what_is_not_tested_says_why(rows):
    assert rows[3].verdict == "not tested"
    assert rows[3].reason == "No <data>."
    assert rows[3].parts == ()


def test_a_claim_leads_to_a_figure_of_its_own_section(rows):
    found = {row.id: row.figure for row in rows}
    assert found == {"C2": "fig-late", "C10": "fig-late", "C2b": None, "CU1": None}
    assert rows[2].card == "notebooks/one.html#claim-C10"
    assert rows[2].drawing == "notebooks/one.html#fig-late"
    assert rows[2].chapter == "The first"


def test_counts_add_up(rows):
    found = counts(rows)["C"]
    assert found == Counter(row.verdict for row in rows)
    table = [line.split("|") for line in counts_table(rows).splitlines()]
    cells = {line[1].strip(): [int(c) for c in line[2:-1]] for line in table[2:]}
    assert cells["study C"] == cells["all studies"] == [3, 1, 1, 0, 1]
    assert cells["our controls and checks"] == [1, 0, 0, 1, 0]
    assert all(line[0] == sum(line[1:]) for line in cells.values())
    assert "study C: 4 claims" in to_text(rows)


def test_json_comes_back_the_same_and_csv_holds_the_same(rows):
    assert from_json(to_json(rows)) == rows
    lines = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert [(line["id"], line["part"]) for line in lines] == [
        (row.id, name) for row in rows for name in ([p.part for p in row.parts] or [""])
    ]
    parts = {(row.id, part.part): part for row in rows for part in row.parts}
    for line in lines:
        row = next(row for row in rows if row.id == line["id"])
        assert (line["statement"], line["verdict"]) == (row.statement, row.verdict)
        assert (line["reason"] or None, line["profile"] or None) == (row.reason, row.profile)
        if part := parts.get((line["id"], line["part"])):
            assert line["part_verdict"] == part.verdict
            for name in ("value", "low", "high", "n"):
                value = float(line[name]) if line[name] else None
                assert value == getattr(part, name)


class Tags(HTMLParser):
    """Tags and words of a piece of HTML; every tag must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: Counter[str] = Counter()
        self.words = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen[tag] += 1
        if tag not in ("input", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("input", "rect"):
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


def test_the_page_shows_every_word_as_it_is(rows):
    text = page(rows)
    assert text.startswith("```{raw} html\n")
    tags = Tags(text)
    assert tags.seen["details"] == tags.seen["summary"] == len(rows)
    assert NASTY in tags.words
    assert "No <data>." in tags.words
    # The deciding part of an inconclusive claim is the one that is inconclusive itself.
    assert "slope: 0.123 (1.25 to 1.75), n = 5; asked for: interval above 0" in tags.words


def test_the_drawing_has_a_cell_a_claim_and_one_a_verdict(rows):
    text = drawing(rows)
    verdicts = {row.verdict for row in rows}
    assert Tags(text).seen["rect"] == 1 + len(rows) + len(verdicts)
    assert all(f">{row.id} " in text for row in rows)


def test_the_files_are_written_beside_the_style(rows, tmp_path):
    write_data(rows, tmp_path)
    names = {path.name for path in tmp_path.glob("scorecard.*")}
    assert names == {f"scorecard.{end}" for end in ("json", "csv", "svg", "schema.json")}
    assert from_json((tmp_path / "scorecard.json").read_text()) == rows


def test_every_numbered_claim_of_the_studies_is_tested_or_named_as_untested():
    known, claims = load_known(ROOT), load_claims(ROOT / "book" / "claims.yml")
    wanted = {f"{prefix}{i}" for prefix, n in known.numbered.items() for i in range(1, n + 1)}
    assert sum(known.numbered.values()) == 70
    assert wanted <= set(claims) | set(known.untested)
    assert not set(claims) & set(known.untested)


def test_what_is_ours_is_a_claim_and_says_so():
    known, claims = load_known(ROOT), load_claims(ROOT / "book" / "claims.yml")
    assert set(known.ours) <= set(claims)
    said = re.compile(r"not in the study|\bours\b|control of|validity check|\(assumption\)")
    missing = {c.id for c in claims.values() if said.search(c.where)} - set(known.ours)
    assert missing == set()
    assert not {c.id for c in claims.values() if c.id[-1].isdigit()} & set(known.ours) - {
        "A0", "C2", *(f"BV{i}" for i in range(1, 7))
    }  # fmt: skip


def test_the_published_scorecard_is_whole():
    records = load_records(load_notebooks(ROOT), executed_folder(ROOT, "full"))
    assert set(records) == set(load_notebooks(ROOT))
    rows = scorecard(records, ROOT)
    assert len(rows) == len(load_claims(ROOT / "book" / "claims.yml")) + len(
        load_known(ROOT).untested
    )
    assert {row.verdict for row in rows} <= set(VERDICTS) - {"not judged at this profile"}
    assert from_json(to_json(rows)) == rows
    anchors = {row.figure for row in rows if row.figure}
    sources = "".join(p.read_text() for p in (ROOT / "notebooks").glob("*.ipynb"))
    assert all(f'"name": "{anchor}"' in sources for anchor in anchors)
    assert sum(row.figure is None for row in rows) < 25


def test_the_command_prints_what_the_build_writes(strata_here):
    done = strata_here(ROOT, "scorecard", "--format", "json")
    assert done.returncode == 0
    assert {row.study for row in from_json(done.stdout)} == {"A", "B", "C", "D"}
    done = strata_here(ROOT, "scorecard", "--format", "yaml")
    assert done.returncode == 2
    assert "--format takes text, json, csv" in done.stderr

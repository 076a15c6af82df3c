"""The same numbers twice, and every way in which two records can differ."""

import json
import shutil
from copy import deepcopy
from dataclasses import replace

import pytest

from strata.book.record import Record, load_record, reference_path
from strata.book.run import Outcome
from strata.book.verify import Difference, compare, same_build, summary


@pytest.fixture(scope="module")
def record(smoke_project):
    return load_record(smoke_project / "_build" / "smoke" / "executed" / "ntk-depth.json")


def elsewhere(record):
    """The same record, as if from another machine."""
    return replace(record, run=record.run | {"machine": {"cpu": "another"}})


def changed(record, change):
    result = deepcopy(record.result)
    change(result)
    return replace(record, result=result)


def differences(one, other, tolerances=None) -> list[str]:
    return [row.what for row in compare(one, other, tolerances or {}, {}) if row.same is False]


def test_executed_again_from_nothing_every_bit_is_the_same(smoked, strata_here):
    """The first run was beside another chapter, so that it had another number of workers."""
    reference = smoked / "book" / "executed" / "smoke" / "ntk-depth.json"
    reference.parent.mkdir(parents=True)
    shutil.copy2(smoked / "_build" / "smoke" / "executed" / "ntk-depth.json", reference)
    done = strata_here(smoked, "verify", "ntk-depth", "--profile", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "to the last bit" in done.stdout
    again = smoked / "_build" / "verify" / "smoke" / "ntk-depth.json"
    one, two = (json.loads(path.read_text()) for path in (reference, again))
    assert one["result"] == two["result"]
    assert one["key"] == two["key"]


def test_without_a_record_it_says_how_to_keep_one(tiny_project, strata_here):
    root = tiny_project(good=["6 * 7"])
    first = strata_here(root, "verify")
    assert first.returncode == 1
    assert "strata verify --accept" in first.stderr
    assert strata_here(root, "verify", "--accept").returncode == 0
    kept = root / "book" / "executed" / "quick" / "good.json"
    assert kept.read_text() == (root / "_build" / "verify" / "quick" / "good.json").read_text()


def test_what_is_accepted_is_held_against_the_record_before_it(tiny_project, strata_here):
    root = tiny_project(good=["from strata.report import report\nreport('seven', 7.0)"])
    assert strata_here(root, "verify", "--accept").returncode == 0
    kept = root / "book" / "executed" / "quick" / "good.json"
    right = json.loads(kept.read_text())
    wrong = json.loads(kept.read_text())
    wrong["result"]["numbers"]["seven"]["value"] = 8.0
    kept.write_text(json.dumps(wrong))
    done = strata_here(root, "verify", "--accept")
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("seven"))
    assert line.split() == ["seven", "8", "7", "DIFFERENT"]
    assert json.loads(kept.read_text())["result"] == right["result"]


def test_a_kill_while_a_record_is_accepted_leaves_the_old_one(
    tiny_project, strata_here, monkeypatch
):
    root = tiny_project(good=["6 * 7"])
    record = Record("good", "quick", {}, "key", {}, {"claims": {}, "numbers": {}, "points": {}})
    old = reference_path(root, "quick", "good")
    old.parent.mkdir(parents=True)
    old.write_text("old")

    def run(jobs, setting):
        (setting.folder / "good.json").write_text(record.dumps())
        return [Outcome("good", record, None)]

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("strata.book.run.run", run)
    monkeypatch.setattr("pathlib.Path.replace", killed)
    assert strata_here(root, "verify", "--accept").returncode != 0
    assert [(path.name, path.read_text()) for path in old.parent.iterdir()] == [
        ("good.json", "old")
    ]


def test_a_record_agrees_with_itself(record):
    assert same_build(record, record)
    assert differences(record, record) == []


def test_on_the_same_build_the_last_bit_counts(record):
    def nudge(result):
        result["numbers"]["rank-peak"]["value"] *= 1 + 1e-15

    assert differences(record, changed(record, nudge)) == ["rank-peak"]


def test_elsewhere_the_tolerance_counts(record):
    def push(result):
        result["numbers"]["rank-peak"]["value"] += 0.5
        result["claims"]["C1"]["parts"]["rise"]["value"] += 0.1

    names = ["C1 rise value", "rank-peak"]
    other = elsewhere(record)
    assert not same_build(record, other)
    pushed = changed(other, push)
    assert differences(record, pushed, dict(zip(names, (0.11, 0.51), strict=True))) == []
    assert differences(record, pushed, dict(zip(names, (0.09, 0.49), strict=True))) == names


def test_elsewhere_a_verdict_that_other_seeds_gave_is_no_difference(record):
    def judge(result):
        result["claims"]["C2"]["verdict"] = "inconclusive"

    usual = record.result["claims"]["C2"]["verdict"]
    assert usual != "inconclusive"
    seen = {"C2": {usual, "inconclusive"}}

    def row(other, verdicts):
        (found,) = (r for r in compare(record, other, {}, verdicts) if r.what == "C2 verdict")
        return found

    assert row(changed(elsewhere(record), judge), seen).same is True
    assert row(changed(elsewhere(record), judge), seen).line().endswith("within")
    assert row(changed(elsewhere(record), judge), {"C2": {usual}}).same is False
    assert row(changed(record, judge), seen).same is False  # on this machine bits count
    assert row(elsewhere(record), {}).line().endswith("same")


def test_a_number_without_a_tolerance_is_shown_and_not_judged(record):
    def push(result):
        result["numbers"]["rank-peak"]["value"] += 50

    rows = compare(record, changed(elsewhere(record), push), {}, {})
    (row,) = (row for row in rows if row.what == "rank-peak")
    assert row.same is None
    assert row.line().endswith("not judged")
    assert f"{sum(row.same is None for row in rows)} have nothing to be judged by" in summary(
        rows, "within tolerance"
    )


def test_what_was_not_judged_is_no_agreement():
    def rows(*same):
        return [Difference("it", 1.0, 1.0, 0.0, one) for one in same]

    assert summary(rows(True, True), "exactly") == "2 of 2 rows agree exactly"
    assert summary(rows(True, False, None, None), "nearly") == (
        "1 of 4 rows agree nearly, 1 differ, 2 have nothing to be judged by"
    )


@pytest.mark.parametrize("part", ["threads_per_worker", "seed_family"])
def test_other_threads_and_other_seeds_owe_no_bits(record, part):
    assert not same_build(record, replace(record, run=record.run | {part: 7}))


def test_verdicts_keys_digests_and_missing_numbers_count(record):
    def spoil(result):
        result["claims"]["C2"]["verdict"] = "reproduced"
        result["points"]["strata.experiments.ntk_depth"]["digest"] = "0"
        del result["numbers"]["rank-first"]

    found = differences(record, changed(replace(record, key="0"), spoil))
    assert found == ["key", "C2 verdict", "rank-first", "digest of strata.experiments.ntk_depth"]

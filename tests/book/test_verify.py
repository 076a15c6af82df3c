"""The same numbers twice, and every way in which two records can differ."""

import json
import shutil
from copy import deepcopy
from dataclasses import replace

import pytest

from strata.book.record import load_record
from strata.book.verify import compare, same_build
from strata.claims import load_claims


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


def differences(one, other) -> list[str]:
    return [row.what for row in compare(one, other, load_claims()) if not row.same]


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


def test_a_record_agrees_with_itself(record):
    assert same_build(record, record)
    assert differences(record, record) == []


def test_on_the_same_build_the_last_bit_counts(record):
    def nudge(result):
        result["numbers"]["rank-peak"]["value"] *= 1 + 1e-15

    assert differences(record, changed(record, nudge)) == ["rank-peak"]


def test_elsewhere_the_tolerance_counts(record):
    def nudge(result):
        result["numbers"]["rank-peak"]["value"] += 0.5
        result["claims"]["C1"]["parts"]["rise"]["value"] += 0.1

    def push(result):
        result["numbers"]["rank-peak"]["value"] += 50
        result["claims"]["C1"]["parts"]["rise"]["value"] += 50

    other = elsewhere(record)
    assert not same_build(record, other)
    assert differences(record, changed(other, nudge)) == []
    assert differences(record, changed(other, push)) == ["C1 rise value", "rank-peak"]


def test_verdicts_keys_digests_and_missing_numbers_count(record):
    def spoil(result):
        result["claims"]["C2"]["verdict"] = "reproduced"
        result["points"]["strata.experiments.ntk_depth"]["digest"] = "0"
        del result["numbers"]["rank-first"]

    found = differences(record, changed(replace(record, key="0"), spoil))
    assert found == ["key", "C2 verdict", "rank-first", "digest of strata.experiments.ntk_depth"]

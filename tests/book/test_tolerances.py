"""Tolerances come from runs: which shift counts how much, and what is kept of a run."""

import json
import math
from dataclasses import replace

import pytest

from strata.book.profiles import Notebook, Profile
from strata.book.record import Record, RecordError, reference_path
from strata.book.tolerances import (
    OtherRun,
    keep,
    load_others,
    other_run_problems,
    others_path,
    tolerances,
)


def record(value=1.0, number=5.0, *, threads=1, seeds=0, half=0.0, key="k"):
    """One claim with one part, and one number."""
    part = {"value": value, "low": value - half, "high": value + half}
    result = {
        "claims": {"C1": {"verdict": "reproduced", "parts": {"rise": part}}},
        "numbers": {"peak": {"value": number}},
        "points": {},
    }
    run = {"threads_per_worker": threads, "seed_family": seeds}
    return Record("chapter", "quick", {}, key, {}, result, run)


def allowed(tracked, *others):
    return tolerances(tracked, [OtherRun.of(other) for other in others])


def test_threads_count_twice_and_seeds_once():
    found = allowed(record(), record(1.25, threads=2), record(1.375, seeds=1))
    assert found["C1 rise value"] == 0.5
    assert allowed(record(), record(1.75, seeds=1))["C1 rise value"] == 0.75


def test_the_interval_over_seeds_is_the_least_for_a_claim():
    assert allowed(record(half=0.5), record(1.125, threads=2))["C1 rise value"] == 0.5
    assert allowed(record(half=0.5))["C1 rise value"] == 0.5


def test_an_interval_without_end_says_nothing():
    assert allowed(record(half=math.inf))["C1 rise value"] is None


def test_a_number_that_no_other_run_has_is_not_judged():
    assert allowed(record())["peak"] is None
    other = record(threads=2)
    other.result["numbers"] = {}
    assert allowed(record(), other)["peak"] is None


def test_what_never_moves_may_still_be_rounded():
    assert allowed(record(number=5.0), record(number=5.0, threads=2))["peak"] == pytest.approx(5e-6)


def test_runs_of_other_code_or_another_profile_do_not_count():
    assert allowed(record(), record(2.0, 6.0, threads=2, key="old"))["peak"] is None
    smoke = replace(record(2.0, 6.0, threads=2), profile="smoke")
    assert allowed(record(), smoke)["peak"] is None


def test_a_kept_run_replaces_that_of_its_setting_and_drops_those_of_old_code(tmp_path):
    keep(tmp_path, record(2.0, threads=2, key="old"))
    for value in (3.0, 4.0):
        keep(tmp_path, record(value, threads=2))
    keep(tmp_path, record(5.0, seeds=1))
    kept = load_others(tmp_path, "quick", "chapter")
    assert [(o.setting, o.values["C1 rise value"]) for o in kept] == [((1, 1), 5.0), ((2, 0), 4.0)]
    assert {o.key for o in kept} == {"k"}
    assert load_others(tmp_path, "quick", "another") == []


def test_a_damaged_file_is_named(tmp_path):
    path = others_path(tmp_path, "quick", "chapter")
    path.parent.mkdir(parents=True)
    for text in ("{", json.dumps([{"notebook": "chapter"}])):
        path.write_text(text)
        with pytest.raises(RecordError, match=r"chapter\.others\.json"):
            load_others(tmp_path, "quick", "chapter")


@pytest.mark.parametrize("command", ["calibrate", "verify"])
def test_a_damaged_file_is_said_before_anything_runs(
    tiny_project, strata_here, monkeypatch, command
):
    monkeypatch.setattr("strata.book.run.run", lambda *_: pytest.fail("it ran"))
    root = tiny_project(good=["1"])
    path = others_path(root, "quick", "good")
    path.parent.mkdir(parents=True)
    path.write_text("{")
    done = strata_here(root, command)
    assert done.returncode == 2
    assert done.stderr.startswith(f"strata: the other runs in {path} are damaged")
    assert done.stderr.count("\n") == 1


def test_a_run_that_is_killed_while_it_is_kept_leaves_the_others_whole(tmp_path, monkeypatch):
    path = keep(tmp_path, record(2.0, threads=2))
    before = path.read_text()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        keep(tmp_path, record(3.0, seeds=1))
    assert path.read_text() == before


def test_calibrate_keeps_a_run_for_each_setting(tiny_project, strata_here):
    code = [
        "import os\nfrom strata.report import report",
        "report('threads', float(os.environ['STRATA_THREADS']))",
        "report('draw', float(os.environ['STRATA_SEEDS']))",
    ]
    root = tiny_project(good=code)
    done = strata_here(root, "calibrate", "--threads", "2", "--seeds", "1", "--seeds", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    kept = load_others(root, "quick", "good")
    assert [other.setting for other in kept] == [(1, 1), (1, 3), (2, 0)]
    assert [other.values["draw"] for other in kept] == [1, 3, 0]
    assert [other.values["threads"] for other in kept] == [1, 1, 2]


def test_check_names_runs_of_older_code(tmp_path):
    notebook = Notebook(
        name="chapter",
        study="A",
        experiments=[],
        profiles={"quick": Profile(seconds=1, needs=[], parameters={})},
    )
    assert other_run_problems([notebook], tmp_path) == []
    keep(tmp_path, record(threads=2))
    (problem,) = other_run_problems([notebook], tmp_path)
    assert "strata verify chapter --profile quick --accept" in problem
    reference_path(tmp_path, "quick", "chapter").write_text(record().dumps())
    assert other_run_problems([notebook], tmp_path) == []
    reference_path(tmp_path, "quick", "chapter").write_text(record(key="new").dumps())
    (problem,) = other_run_problems([notebook], tmp_path)
    assert "strata calibrate chapter --profile quick" in problem

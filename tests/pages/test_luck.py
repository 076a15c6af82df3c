"""The table of what moved: each count on made-up runs."""

from dataclasses import replace

from strata.book.profiles import Notebook, Profile
from strata.book.record import Record, reference_path
from strata.book.tolerances import keep
from strata.pages.luck import luck_table

CHAPTER = Notebook(
    name="chapter",
    study="A",
    experiments=[],
    profiles={name: Profile(seconds=1, needs=[], parameters={}) for name in ("smoke", "quick")},
)


def run(first, second, number, *, threads=1, seeds=0, verdict="reproduced"):
    parts = {
        "first": {"value": first, "low": first - 1, "high": first + 1},
        "second": {"value": second, "low": second, "high": second},
    }
    result = {
        "claims": {"C1": {"verdict": verdict, "parts": parts}},
        "numbers": {"peak": {"value": number}},
        "points": {},
    }
    facts = {"threads_per_worker": threads, "seed_family": seeds}
    return Record("chapter", "quick", {}, "key", {}, result, facts)


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_a_row_counts_what_moved_and_what_stayed_inside(tmp_path):
    assert "strata calibrate" in luck_table([CHAPTER], tmp_path)
    keep(tmp_path, run(1.5, 2.0, 3.0, threads=2))
    keep(tmp_path, run(0.5, 2.5, 4.0, seeds=1, verdict="inconclusive"))
    reference_path(tmp_path, "quick", "chapter").write_text(run(1.0, 2.0, 3.0).dumps())
    keep(tmp_path, replace(run(9.0, 9.0, 9.0, seeds=2), profile="smoke"))
    seeds, threads = luck_table([CHAPTER], tmp_path).splitlines()[2:]
    assert cells(threads) == ["quick", "2 threads", "1 of 3", "2 of 2", "0 of 1"]
    assert cells(seeds)[:-1] == ["quick", "seeds, family 1", "3 of 3", "1 of 2"]
    assert cells(seeds)[-1] == "1 of 1; C1 from reproduced to inconclusive"


def test_runs_of_other_code_than_the_record_are_not_compared(tmp_path):
    keep(tmp_path, run(1.5, 2.0, 3.0, threads=2))
    tracked = replace(run(1.0, 2.0, 3.0), key="newer")
    reference_path(tmp_path, "quick", "chapter").write_text(tracked.dumps())
    assert "2 threads" not in luck_table([CHAPTER], tmp_path)


def test_a_profile_that_judges_nothing_has_no_verdicts_to_compare(tmp_path):
    withheld = "not judged at this profile"
    keep(tmp_path, run(1.5, 2.0, 3.0, threads=2, verdict=withheld))
    tracked = run(1.0, 2.0, 3.0, verdict=withheld)
    reference_path(tmp_path, "quick", "chapter").write_text(tracked.dumps())
    assert cells(luck_table([CHAPTER], tmp_path).splitlines()[2])[-1] == "not judged"

"""Points that rest on points of another experiment: computed first, once, and shared."""

import shutil

import pytest
import toy_reader
from looking import computed, digests

from strata.store import Store
from strata.sweep import SweepError, sweep, used_points


@pytest.fixture
def reader(toy):
    return toy_reader


def points(toy, log, **faults):
    read = [toy.Config(value=n, log=str(log), **faults) for n in (3, 4, 5)]
    return [
        toy_reader.Config(read=tuple(read[:2])),
        toy_reader.Config(read=tuple(read[:2]), factor=10),
        toy_reader.Config(read=(read[2], read[0])),
    ]


@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_needed_is_computed_once_and_handed_over_in_order(toy, reader, store, log, workers):
    found = sweep(reader, points(toy, log), store=store, workers=workers)
    assert [r.metrics["squares"] for r in found] == [[9, 16], [90, 160], [25, 9]]
    assert computed(log) == {3: 1, 4: 1, 5: 1}
    assert sweep(toy, list(points(toy, log)[2].read), store=store)[0].metrics["square"] == 25
    assert computed(log) == {3: 1, 4: 1, 5: 1}


def test_stored_points_need_nothing(toy, reader, store, log):
    first = sweep(reader, points(toy, log), store=store, workers=0)
    shutil.rmtree(store.root / "toy_experiment")
    again = sweep(reader, points(toy, log), store=store, workers=0)
    assert digests(again) == digests(first)
    assert computed(log) == {3: 1, 4: 1, 5: 1}


def test_only_what_was_asked_for_counts_as_used(toy, reader, tmp_path, log):
    # Else the record of a chapter would depend on what the store held before.
    before = len(used_points())
    sweep(reader, points(toy, log), store=Store(tmp_path / "fresh"), workers=0)
    assert {point.experiment for point in used_points()[before:]} <= {"toy_reader"}


def test_a_failure_below_is_named_and_what_could_be_computed_is_kept(toy, reader, store, log):
    good, bad = toy.Config(value=1, log=str(log)), toy.Config(value=2, fault="raise")
    with pytest.raises(SweepError, match="the fault of point 2"):
        sweep(reader, [toy_reader.Config(read=(good, bad))], store=store, workers=2)
    assert computed(log) == {1: 1}
    assert sweep(toy, [good], store=store, workers=0)[0].metrics["square"] == 1
    assert computed(log) == {1: 1}

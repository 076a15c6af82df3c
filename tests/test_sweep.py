"""A sweep computes what is missing, once, and survives what happens to it."""

import os
import shutil
from itertools import chain
from pathlib import Path

import pytest
import toy_experiment
from hypothesis import given
from hypothesis import strategies as st
from looking import computed, digests

from strata import sweep as module
from strata.store import Store
from strata.sweep import shard, sweep, used_points, worker_count

HELPERS = Path(__file__).parent / "helpers"


# The plain case.


def test_results_come_in_order_and_are_computed_once(toy, store, log):
    points = [toy.Config(value=n, log=str(log), seconds=n / 100) for n in (3, 1, 2, 1)]
    results = sweep(toy, points, store=store, workers=2)
    assert [result.metrics["square"] for result in results] == [9, 1, 4, 1]
    assert computed(log) == {1: 1, 2: 1, 3: 1}
    again = sweep(toy, points, store=store, workers=0)
    assert digests(again) == digests(results)
    more = [*points, toy.Config(value=4, log=str(log))]
    assert sweep(toy, more, store=store, workers=0)[-1].metrics["square"] == 16
    assert computed(log) == {1: 1, 2: 1, 3: 1, 4: 1}
    assert list(store.root.glob("*/.[!l]*")) == []


def test_no_points_give_no_results(toy, store):
    assert sweep(toy, [], store=store) == []


def test_the_number_of_workers_changes_no_bit(toy, tmp_path):
    points = [toy.Config(value=n, stack="s" if n > 3 else None) for n in range(15)]
    seen = {
        tuple(digests(sweep(toy, points, store=Store(tmp_path / str(n)), workers=n)))
        for n in (0, 2)
    }
    assert len(seen) == 1


def test_workers_are_other_processes_of_one_thread_and_zero_is_this_one(toy, store, log):
    (one,) = sweep(toy, [toy.Config(value=1, log=str(log))], store=store, workers=1)
    assert str(os.getpid()) not in log.read_text().split()
    (two,) = sweep(toy, [toy.Config(value=2, log=str(log))], store=store, workers=0)
    assert str(os.getpid()) in log.read_text().split()
    assert one.metrics["threads"] == two.metrics["threads"] == 1


def test_other_threads_and_other_seeds_are_other_points(toy, store, monkeypatch):
    config = toy.Config(value=1)
    usual = store.key(toy, config)
    (published,) = sweep(toy, [config], store=store, workers=1)
    for name, setting in (("STRATA_THREADS", "2"), ("STRATA_SEEDS", "1")):
        with monkeypatch.context() as changed:
            changed.setenv(name, setting)
            assert store.key(toy, config) != usual
            (other,) = sweep(toy, [config], store=store, workers=1)
            assert other.metrics["threads"] == (2 if name == "STRATA_THREADS" else 1)
    assert store.key(toy, config) == usual
    assert published.metrics["threads"] == 1


@pytest.mark.parametrize("setting", ["0", "-1", "two"])
def test_a_number_of_threads_that_cannot_be_is_refused(toy, store, monkeypatch, setting):
    monkeypatch.setenv("STRATA_THREADS", setting)
    with pytest.raises(ValueError, match="STRATA_THREADS"):
        sweep(toy, [toy.Config(value=1)], store=store, workers=0)


def test_workers_see_the_environment_of_now(toy, store, monkeypatch):
    for number, setting in enumerate(("one", "two")):
        monkeypatch.setenv("STRATA_TOY_SETTING", setting)
        (result,) = sweep(toy, [toy.Config(value=number)], store=store, workers=1)
        assert result.metrics["setting"] == setting


def test_the_longest_points_begin_first(toy, store, log):
    points = [toy.Config(value=n, seconds=s, log=str(log)) for n, s in enumerate((0, 0.1, 0.05))]
    sweep(toy, points, store=store, workers=0)
    assert [int(line.split()[0]) for line in log.read_text().splitlines()] == [1, 2, 0]


def test_the_points_that_were_used_are_remembered_with_their_digests(toy, store):
    points = [toy.Config(value=n) for n in (71, 72, 71)]
    results = sweep(toy, points, store=store, workers=0)
    mine = used_points()[-2:]
    assert [(point.experiment, point.key) for point in mine] == [
        ("toy_experiment", store.key(toy, config)) for config in points[:2]
    ]
    assert [point.digest for point in mine] == digests(results[:2])
    sweep(toy, points[:1], store=store, workers=0)
    assert used_points()[-2:] == mine


def test_the_progress_of_a_sweep_counts_its_missing_points(toy, store, capfd):
    points = [toy.Config(value=n) for n in range(3)]
    sweep(toy, points[:1], store=store, workers=0)
    sweep(toy, points, store=store, workers=0)
    lines = [line.split(" (")[0] for line in capfd.readouterr().err.splitlines()]
    assert lines[-2:] == ["toy_experiment: 0/2", "toy_experiment: 2/2"]


@pytest.mark.parametrize("value", ["-1", "many", "1.5"])
def test_a_bad_number_of_workers_is_refused(toy, store, monkeypatch, value):
    monkeypatch.setenv("STRATA_WORKERS", value)
    with pytest.raises(ValueError, match="STRATA_WORKERS"):
        worker_count()
    with pytest.raises(ValueError, match="STRATA_WORKERS"):
        sweep(toy, [], store=store)
    with pytest.raises(ValueError, match="workers"):
        sweep(toy, [], store=store, workers=-1)


def test_the_number_of_workers_comes_from_the_environment_or_the_machine(monkeypatch):
    monkeypatch.setenv("STRATA_WORKERS", "3")
    assert worker_count() == 3
    monkeypatch.delenv("STRATA_WORKERS")
    assert 1 <= worker_count() <= os.cpu_count()


# Stacks.


def test_stacks_are_formed_from_the_list_and_not_from_the_store(toy, store, log):
    kinds = [*["even", "odd"] * 9, "even", None]
    points = [toy.Config(value=n, log=str(log), stack=kind) for n, kind in enumerate(kinds)]
    (alone,) = sweep(toy, points[:1], store=store, workers=0)
    assert alone.metrics["together"] == 1
    # Ten even values make stacks of 8 and 2, nine odd ones of 8 and 1; the last is alone.
    expected = [*[8] * 16, 2, 1, 2, 1]
    results = sweep(toy, points, store=store, workers=0)
    assert [result.metrics["together"] for result in results] == expected
    assert computed(log) == {0: 2, **dict.fromkeys(range(1, 20), 1)}
    # Both are kept: as a member of the stack, and alone.
    assert digests(sweep(toy, points[:1], store=store, workers=0)) == [alone.digest()]
    assert digests(sweep(toy, points, store=store, workers=0)) == digests(results)
    assert computed(log)[0] == 2


def test_an_interrupted_stack_is_computed_again_as_a_whole(toy, store, log):
    points = [toy.Config(value=n, stack="s", log=str(log)) for n in range(4)]
    whole = sweep(toy, points, store=store, workers=0)
    assert whole[0].metrics["together"] == 4
    for point in used_points()[-2:]:
        shutil.rmtree(store.root / point.experiment / point.key)
    assert digests(sweep(toy, points, store=store, workers=0)) == digests(whole)
    assert computed(log) == dict.fromkeys(range(4), 2)


# Shards.


def shards(toy, points, n):
    return [shard(toy, points, i, n) for i in range(1, n + 1)]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a", "b", None])), max_size=40),
    st.integers(1, 6),
)
def test_shards_are_disjoint_and_cover_all(pairs, n):
    toy = toy_experiment
    points = [toy.Config(value=v, seconds=v, stack=s) for v, s in pairs]
    parts = shards(toy, points, n)
    assert parts == shards(toy, points, n)
    assert sorted(map(repr, chain(*parts))) == sorted(map(repr, dict.fromkeys(points)))
    # Stacks stay as they are in the sweep as a whole.
    stacks = module._longest_first(toy, dict(enumerate(dict.fromkeys(points))))
    unique = list(dict.fromkeys(points))
    whole = {frozenset(unique[place] for place in stack) for stack in stacks}
    of_parts = {
        frozenset(part[place] for place in stack)
        for part in parts
        for stack in module._longest_first(toy, dict(enumerate(part)))
    }
    assert of_parts == whole
    # The greedy rule leaves no two parts further apart than the costliest stack.
    loads = [sum(toy.cost(config) for config in part) for part in parts]
    costliest = max((sum(map(toy.cost, stack)) for stack in whole), default=0.0)
    assert max(loads) - min(loads) <= costliest + 1e-9


@pytest.mark.parametrize(("i", "n"), [(0, 2), (3, 2), (1, 0), (-1, 2)])
def test_a_shard_out_of_range_is_refused(toy, i, n):
    with pytest.raises(ValueError, match=f"shard {i}/{n}"):
        shard(toy, [], i, n)

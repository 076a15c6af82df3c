"""What a profile would take: every point once, hours from rates, jobs on nodes."""

from pathlib import Path

import pytest

from strata.book.jobs import PROFILE_CORES
from strata.book.operations import with_needs
from strata.book.profiles import load_notebooks, points, resolve
from strata.book.record import executed_folder, load_records
from strata.book.scaling import Cost, Estimate, Node, costs, estimates, makespan

ROOT = Path(__file__).parents[2]
STUDY_C = ["ntk-depth", "latent-recovery", "latent-sprites"]
STUDY_B = ["component-orders", "component-use"]
NOTEBOOKS = load_notebooks(ROOT)


def notebooks(names):
    return [NOTEBOOKS[name] for name in names]


def lasting(notebook, seconds):
    """The notebook with another expectation of how long its paper profile takes."""
    paper = notebook.profiles["paper"].model_copy(update={"seconds": seconds})
    return notebook.model_copy(update={"profiles": notebook.profiles | {"paper": paper}})


@pytest.mark.parametrize("names", [STUDY_C, STUDY_B])
def test_every_point_counts_once_however_many_nodes_share_them(names):
    whole, seen = 0, set()
    for notebook in notebooks(names):
        for module, configs in points(notebook, resolve(notebook, "paper", ROOT)):
            whole += len(with_needs(module, configs, seen))
    long = [lasting(notebook, 1e6) for notebook in notebooks(names)]
    one, many = (costs(long, "paper", ROOT, nodes, 1) for nodes in (1, 100))
    for found in (one, many):
        assert sum(cost.points for cost in found) == whole
    assert [len(cost.shards) for cost in one] == [1] * len(names)
    assert all(len(cost.shards) > 1 for cost in many)
    for alone, shared in zip(one, many, strict=True):
        assert shared.work == pytest.approx(alone.work)
        assert (shared.longest, shared.kept) == (alone.longest, pytest.approx(alone.kept))


def test_what_an_earlier_chapter_computes_is_not_counted_again():
    alone = costs(notebooks(STUDY_B[1:]), "paper", ROOT)[0]
    after = costs(notebooks(STUDY_B), "paper", ROOT)[1]
    assert after.points < alone.points
    assert after.work < alone.work


def test_hours_follow_from_the_measured_rate():
    cost = Cost("one", ((3600.0, 1800.0), (1800.0,)), kept=0, held=0, uncounted=0)
    estimate = Estimate(cost, measured_work=100.0, measured_seconds=50.0)
    assert estimate.rate == 2
    assert estimate.core_hours == 1
    assert estimate.longest_hours == 0.5
    # No job is shorter than its longest point.
    assert estimate.job_hours(Node("many cores", 16)) == [0.5, 0.25]
    assert estimate.job_hours(Node("a fast one", 1, rate=4.0)) == [0.375, 0.125]


def test_the_longest_job_goes_to_the_first_free_node():
    assert makespan([2, 3, 2, 3, 2], nodes=2) == 7
    assert makespan([5.0, 1.0], nodes=100) == 5
    assert makespan([1.0] * 6, nodes=3) == 2


def test_the_seconds_of_the_paper_profile_are_those_of_the_page():
    # Chapters that share points have seconds of their own in the profiles, of a run alone.
    alone = [*STUDY_C, "extractor-tunnel", "core-spurious", "component-tasks", "inversion-depth"]
    records = load_records(alone, executed_folder(ROOT, "full"))
    for notebook, estimate in zip(
        notebooks(alone), estimates(notebooks(alone), records, ROOT), strict=True
    ):
        said = notebook.profiles["paper"].seconds * PROFILE_CORES / 3600
        assert 1 / 3 < said / estimate.core_hours < 3, notebook.name

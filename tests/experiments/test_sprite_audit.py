"""The audit of the published sprite runs: draws, sets, ceilings, and the claims on them."""

import numpy as np
import pytest
from judging import verdicts

from strata.experiments import sprite_audit as audit
from strata.published import load_published
from strata.seeding import numpy_generator

PUBLISHED = {
    "agreement": 0.7,
    "id": [0.871, 0.870, 0.871, 0.870, 0.871, 0.871],
    "ood": [0.833, 0.832, 0.833, 0.830, 0.833, 0.833],
}
PRINTED = {"nominal": [0.6, 0.9], "sizes": {"train": [8924, 3636], "ood": 330, "id": 118}}


def test_the_number_of_an_image_says_all_its_factors():
    found = audit.pool(400, 3, "train")
    places = np.ravel_multi_index(tuple(found.values()), tuple(audit.GRID.values()))
    drawn = audit._old_generator(3).permutation(audit.IMAGES)[:320]
    assert np.array_equal(places, drawn)
    assert len(set(places)) == 320
    rest = audit.pool(400, 3, "test")
    assert {len(levels) for levels in rest.values()} == {80}


def test_the_median_is_the_lower_middle():
    rng = numpy_generator("test", "median")
    for n in (1, 2, 7, 10):
        levels = rng.integers(0, 6, n)
        below = np.quantile(levels, 0.5, method="lower")
        assert audit.own_median(levels) == below


def test_the_two_pools_have_different_thresholds_and_the_ceilings_follow():
    found = audit.audit("six", 0.7)
    assert found.thresholds == pytest.approx({"train": 0.8, "test": 0.7})
    assert round(found.ceilings["ood"], 4) == 0.8330
    assert round(found.ceilings["id"], 4) == 0.8712
    # Mistaken are exactly the test objects at the scale .8.
    scales = audit.pool(*audit.TEST, "test")["scale"]
    assert 1 - found.ceilings["ood"] == pytest.approx((scales == 3).mean())


def test_the_two_class_runs_have_the_sizes_and_agreements_of_the_first_audit():
    six, nine = (audit.audit("two", nominal) for nominal in (0.6, 0.9))
    assert [six.sizes["train"], nine.sizes["train"]] == [8924, 3636]
    assert (nine.sizes["id"], nine.sizes["ood"]) == (118, 330)
    assert [round(run.agreement, 3) for run in (six, nine)] == [0.499, 0.752]
    assert (round(nine.ceilings["ood"], 3), round(nine.ceilings["id"], 3)) == (0.845, 0.856)
    assert six.balance == nine.balance == 0.5


@pytest.mark.parametrize(("task", "agreement"), [("six", 0.7), ("two", 0.6), ("two", 0.9)])
def test_one_threshold_leaves_no_mistakes(task: str, agreement: float):
    found = audit.audit(task, agreement, fixed=True)
    assert found.ceilings == {"id": 1.0, "ood": 1.0}
    assert found.thresholds["train"] == found.thresholds["test"]


def test_a_filter_alone_reaches_the_nominal_agreement():
    for nominal in (0.6, 0.8, 0.9):
        assert audit.audit("six", nominal).agreement == pytest.approx(nominal, abs=1e-4)


def test_balancing_afterwards_takes_the_agreement_that_the_class_shares_say():
    """Positives keep m of their a : b, negatives theirs: the mean of two shares is left."""
    found = audit.audit("two", 0.9)
    pool = audit.pool(*audit.TRAIN, "train")
    pool = {name: levels[pool["shape"] != audit.ELLIPSE] for name, levels in pool.items()}
    label, spurious = (pool["shape"] == audit.HEART) & (pool["scale"] > 3), audit.shortcut(pool)
    kept = (label == spurious).mean() / 9 / (label != spurious).mean()
    shares = []
    for value in (True, False):
        same = (label == value) & (spurious == value)
        other = (label == value) & (spurious != value)
        shares.append(same.mean() / (same.mean() + kept * other.mean()))
    assert found.agreement == pytest.approx(np.mean(shares), abs=0.01)


@pytest.mark.parametrize("agreement", [0.5, 0.6, 0.9])
def test_joint_rows_hold_balance_and_agreement(agreement: float):
    rng = numpy_generator("test", "joint")
    label, spurious = rng.random((2, 5000)) < 0.25
    rows = audit.joint_rows(label, spurious, agreement)
    assert len(set(rows)) == len(rows) > 100
    assert label[rows].mean() == pytest.approx(0.5, abs=0.01)
    for value in (True, False):
        chosen = rows[label[rows] == value]
        assert (spurious == value)[chosen].mean() == pytest.approx(agreement, abs=0.01)


def test_the_chance_of_two_thresholds_is_a_coins_and_falls_for_odd_sets():
    """Even draws prefer the lower scale by their ties, of one image alone there are none."""
    assert audit.chance_of_two_thresholds(40_000, 1_000) == pytest.approx(0.5, abs=1e-3)
    assert audit.chance_of_two_thresholds(1, 1) == pytest.approx(0.5)
    # Two images of two: the lower is low in three of four draws.
    assert audit.chance_of_two_thresholds(2, 2) == pytest.approx(2 * 0.75 * 0.25, abs=1e-4)


@pytest.mark.claim("C14")
def test_c14_finds_nothing_left_of_the_published_gap_and_something_where_there_is():
    found = audit.left_of_the_gap(PUBLISHED)
    assert abs(found["left"].value) < 0.02
    assert verdicts("C14", found)["all"] == "not reproduced"
    worse = PUBLISHED | {"ood": [0.7, 0.69, 0.7, 0.71, 0.7, 0.7]}
    found = audit.left_of_the_gap(worse)
    assert found["left"].value == pytest.approx(1 - 0.038191 / 0.170667, abs=0.01)
    assert verdicts("C14", found)["all"] == "reproduced"


@pytest.mark.claim("C14b")
def test_c14b_matches_the_published_runs_and_refuses_others():
    found = audit.matches(PUBLISHED, PRINTED)
    assert set(verdicts("C14b", found).values()) == {"reproduced"}
    lower = PUBLISHED | {"id": [0.85, 0.84, 0.86, 0.85, 0.85, 0.85]}
    assert verdicts("C14b", audit.matches(lower, PRINTED))["id"] == "not reproduced"
    other = PRINTED | {"sizes": PRINTED["sizes"] | {"ood": 331}}
    found = audit.matches(PUBLISHED, other)
    assert found["sizes"].value == 1
    assert verdicts("C14b", found)["sizes"] == "not reproduced"


@pytest.mark.claim("C14c")
def test_c14c_refuses_filtered_sets_and_accepts_joint_ones():
    found = audit.agreements([0.6, 0.9])
    assert found["filtered"].value == pytest.approx(0.148, abs=5e-4)
    judged = verdicts("C14c", found)
    assert judged["filtered"] == judged["all"] == "not reproduced"
    assert judged["joint"] == "reproduced"
    # At one half nothing is dropped and nothing lost.
    assert verdicts("C14c", audit.agreements([0.5]))["all"] == "reproduced"


def test_the_published_file_holds_what_is_judged_here():
    sprites = load_published("latents")["sprites"]
    assert {name: sprites["six"][name] for name in PUBLISHED} == PUBLISHED
    assert {name: sprites["two"][name] for name in PRINTED} == PRINTED

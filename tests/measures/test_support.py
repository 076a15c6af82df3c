"""Support curves on read-outs whose losses can be counted, and orders matched in a score."""

import numpy as np
import pytest

from strata.measures.support import matched_order, removed_share, support_curve

CLASSES = 5


def one_feature_a_class(images: int = 200):
    """Feature c alone decides class c: without it, its images go to class 0."""
    labels = np.arange(images) % CLASSES
    codes = np.eye(CLASSES)[labels] * np.linspace(1, 2, images)[:, None]
    return codes, np.eye(CLASSES), np.zeros(CLASSES), labels


def random_case():
    rng = np.random.default_rng(0)
    codes = rng.exponential(size=(300, 12)) * (rng.random((300, 12)) < 0.4)
    head, bias = rng.normal(size=(12, CLASSES)), rng.normal(size=CLASSES)
    labels = (codes @ head + bias + rng.normal(size=(300, CLASSES))).argmax(axis=1)
    return codes, head, bias, labels


def test_each_feature_costs_its_class_and_class_0_is_won_by_default():
    """Equal logits go to class 0, whose images therefore never suffer."""
    codes, head, bias, labels = one_feature_a_class()
    found = support_curve(codes, head, bias, labels, [0, 1, 2, 3, 4], [0, 0.2, 0.4, 0.6, 0.8, 1])
    assert found == pytest.approx([1, 1, 0.8, 0.6, 0.4, 0.2])
    found = support_curve(codes, head, bias, labels, [4, 3, 2, 1, 0], [0, 0.2, 0.4, 0.6, 0.8, 1])
    assert found == pytest.approx([1, 0.8, 0.6, 0.4, 0.2, 0.2])


def test_a_feature_without_a_head_or_without_a_code_costs_nothing():
    codes, head, bias, labels = one_feature_a_class()
    codes = np.c_[codes, np.ones(len(codes)), np.zeros(len(codes))]
    head = np.r_[head, np.zeros((1, CLASSES)), np.ones((1, CLASSES))]
    found = support_curve(codes, head, bias, labels, [5, 6, 0, 1, 2, 3, 4], [1 / 7, 2 / 7])
    assert found.tolist() == [1, 1]


def test_a_misleading_feature_is_a_gain():
    """It outvotes the others for half of the images of class 1."""
    codes, head, bias, labels = one_feature_a_class()
    misled = (labels == 1) & (np.arange(len(labels)) < 100)
    codes = np.c_[codes, 10.0 * misled]
    head = np.r_[head, np.eye(CLASSES)[[2]]]
    found = support_curve(codes, head, bias, labels, [5, 0, 1, 2, 3, 4], [0, 1 / 6])
    assert found == pytest.approx([1, 1 / 0.9])


def test_the_bias_alone_is_left_at_the_end():
    codes, head, bias, labels = random_case()
    share = np.mean(labels == bias.argmax())
    everything = np.mean((codes @ head + bias).argmax(axis=1) == labels)
    found = support_curve(codes, head, bias, labels, np.arange(12), [1.0])
    assert found == pytest.approx([share / everything])


def test_removing_is_setting_the_code_to_zero():
    codes, head, bias, labels = random_case()
    order = np.random.default_rng(1).permutation(12)
    without = codes.copy()
    without[:, order[:6]] = 0
    right = [np.mean((z @ head + bias).argmax(axis=1) == labels) for z in (without, codes)]
    found = support_curve(codes, head, bias, labels, order, [0.5])
    assert found == pytest.approx([right[0] / right[1]])


def test_only_the_set_counts_and_names_of_features_do_not():
    codes, head, bias, labels = random_case()
    order, names = np.arange(12), np.random.default_rng(2).permutation(12)
    found = support_curve(codes, head, bias, labels, order, [0, 0.5])
    shuffled = [*order[:6][::-1], *order[6:]]
    assert support_curve(codes, head, bias, labels, shuffled, [0, 0.5]) == pytest.approx(found)
    renamed = np.argsort(names)[order]
    again = support_curve(codes[:, names], head[names], bias, labels, renamed, [0, 0.5])
    assert again == pytest.approx(found)


def test_a_common_shift_of_all_logits_changes_nothing():
    codes, head, bias, labels = random_case()
    fractions = [0, 0.25, 0.5, 0.75, 1]
    found = support_curve(codes, head, bias, labels, np.arange(12), fractions)
    shifted = head + np.random.default_rng(3).normal(size=(12, 1))
    again = support_curve(codes, shifted, bias + 1, labels, np.arange(12), fractions)
    assert again == pytest.approx(found)


@pytest.mark.parametrize("strata", [1, 2, 3, 5, 12])
def test_every_beginning_holds_as_many_of_each_stratum(strata):
    rng = np.random.default_rng(strata)
    order, scores = rng.permutation(12), rng.random(12)
    stratum = np.empty(12, dtype=int)
    for number, members in enumerate(np.array_split(np.argsort(scores), strata)):
        stratum[members] = number
    found = matched_order(order, scores, rng, strata=strata)
    assert sorted(found) == list(range(12))
    assert stratum[found].tolist() == stratum[order].tolist()


def test_the_extremes_are_a_random_order_and_no_change():
    order, scores = np.arange(6), np.random.default_rng(0).random(6)
    assert matched_order(order, scores, np.random.default_rng(1), strata=6).tolist() == [*order]
    rng = np.random.default_rng(2)
    firsts = [matched_order(order, scores, rng, strata=1)[0] for _ in range(6000)]
    assert np.bincount(firsts) / 6000 == pytest.approx([1 / 6] * 6, abs=4 * (5 / 36 / 6000) ** 0.5)


def test_within_a_stratum_all_arrangements_are_as_likely():
    rng = np.random.default_rng(0)
    found = [matched_order([3, 2, 1, 0], [1, 2, 3, 4], rng, strata=2) for _ in range(4000)]
    kinds, counts = np.unique(found, axis=0, return_counts=True)
    assert kinds.tolist() == [[2, 3, 0, 1], [2, 3, 1, 0], [3, 2, 0, 1], [3, 2, 1, 0]]
    assert counts / 4000 == pytest.approx([0.25] * 4, abs=4 * (3 / 16 / 4000) ** 0.5)


def test_only_the_ranks_of_the_scores_count():
    order, scores = np.arange(10), np.random.default_rng(0).exponential(size=10)
    found = matched_order(order, scores, np.random.default_rng(5), strata=3)
    again = matched_order(order, np.log(scores), np.random.default_rng(5), strata=3)
    assert found.tolist() == again.tolist()


def test_a_matched_removal_takes_away_about_the_same_score():
    """Without strata the most important half would be compared with an average half."""
    rng = np.random.default_rng(0)
    scores = np.sort(rng.exponential(size=100))[::-1]
    order = np.argsort(-scores + 0.3 * rng.normal(size=100))
    removed = scores[order[:50]].sum()
    for strata, ratio in ((10, 1.0), (1, scores.sum() / 2 / removed)):
        sums = [
            scores[matched_order(order, scores, rng, strata=strata)[:50]].sum() for _ in range(200)
        ]
        assert np.mean(sums) / removed == pytest.approx(ratio, abs=0.03)


def test_the_share_of_scores_that_goes_is_counted_by_hand():
    fractions = [tenth / 10 for tenth in range(11)]
    found = removed_share([4, 3, 2, 1, 0], [5.0, 0.0, 1.0, 2.0, 2.0], fractions)
    counts = [0, 0, 1, 2, 2, 2, 3, 4, 4, 4, 5]
    assert found.tolist() == [[0, 0.2, 0.4, 0.5, 0.5, 1][count] for count in counts]


def test_the_unit_of_the_scores_does_not_matter_and_an_order_meets_its_reverse():
    scores, order = np.random.default_rng(0).random(10), np.random.default_rng(1).permutation(10)
    fractions = np.linspace(0, 1, 11)
    found = removed_share(order, scores, fractions)
    assert removed_share(order, 1e-6 * scores, fractions) == pytest.approx(found)
    assert removed_share(order[::-1], scores, fractions) == pytest.approx(1 - found[::-1])


@pytest.mark.parametrize(
    ("scores", "order", "fraction", "message"),
    [
        ([0, 0, 0], [0, 1, 2], 0.5, "not all 0"),
        ([1, -1, 1], [0, 1, 2], 0.5, "not negative"),
        ([1, np.inf, 1], [0, 1, 2], 0.5, "not negative"),
        ([1, 1, 1], [0, 1, 1], 0.5, "no permutation"),
        ([1, 1, 1], [0, 1, 2], 2, "from 0 to 1"),
    ],
)
def test_a_share_refuses_what_makes_no_sense(scores, order, fraction, message):
    with pytest.raises(ValueError, match=message):
        removed_share(order, scores, [fraction])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head": np.ones((3, CLASSES))}, "do not fit"),
        ({"codes": np.ones((0, CLASSES))}, "do not fit"),
        ({"bias": np.zeros(2)}, "do not fit"),
        ({"labels": np.zeros(3, dtype=int)}, "do not fit"),
        ({"order": [0, 0, 1, 2, 3]}, "no permutation"),
        ({"order": [0, 1]}, "no permutation"),
        ({"fractions": [0, 1.1]}, "from 0 to 1"),
        ({"fractions": [-0.1]}, "from 0 to 1"),
        ({"labels": np.full(200, 99)}, "never right"),
    ],
)
def test_a_curve_refuses_what_makes_no_sense(changes, message):
    names = ("codes", "head", "bias", "labels")
    given = dict(zip(names, one_feature_a_class(), strict=True))
    given |= {"order": np.arange(CLASSES), "fractions": [0.5]} | changes
    with pytest.raises(ValueError, match=message):
        support_curve(**given)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": [0, 1, 1]}, "no permutation"),
        ({"order": [0, 1]}, "no permutation"),
        ({"scores": [0, 1, np.nan]}, "finite"),
        ({"scores": [[0, 1, 2]]}, "finite"),
        ({"strata": 0}, "from 1 to"),
        ({"strata": 4}, "from 1 to"),
    ],
)
def test_a_matched_order_refuses_what_makes_no_sense(changes, message):
    given = {"order": [0, 1, 2], "scores": [1.0, 2.0, 3.0], "strata": 2} | changes
    with pytest.raises(ValueError, match=message):
        matched_order(
            given["order"], given["scores"], np.random.default_rng(0), strata=given["strata"]
        )

"""The statistics of C13 on made-up tables whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from extractor_tunnel_nets import SEEDS, from_cut, halves, net, nets
from judging import verdicts

from strata.experiments import extractor_tunnel_claims as claims


@pytest.mark.claim("C13")
def test_c13_finds_a_linear_tunnel_past_the_boundary_and_not_before():
    found = claims.piped(nets())
    assert found["after"].value == pytest.approx(0, abs=0.001)
    assert found["probe"].value == pytest.approx(0, abs=0.001)
    assert found["before"].value == pytest.approx(0.08, abs=0.001)
    assert set(verdicts("C13", found).values()) == {"reproduced"}


@pytest.mark.claim("C13")
def test_c13_refuses_replacements_that_lose_past_the_boundary_or_win_before_it():
    found = verdicts("C13", claims.piped(nets(piped_fresh=lambda d: from_cut(d, 99))))
    assert (found["after"], found["probe"]) == ("not reproduced", "reproduced")
    found = verdicts("C13", claims.piped(nets(probe=lambda d: from_cut(d, 99))))
    assert (found["after"], found["probe"]) == ("reproduced", "not reproduced")
    found = verdicts("C13", claims.piped(nets(piped_fresh=lambda d: from_cut(d, 0))))
    assert (found["after"], found["before"]) == ("reproduced", "not reproduced")


@pytest.mark.parametrize(
    ("transition", "mean"),
    [(0.0, 0.5), (1.0, 0.6), (2.0, 0.7), (3.0, 0.8), (4.0, 0.8), (np.nan, 0.8)],
)
def test_what_is_lost_is_averaged_over_the_cuts_from_the_boundary_on(transition, mean):
    """The boundary is the input past the peak, h_{l* + 1}; at the latest the last input, h_4."""
    cuts = [0.0, 0.2, 0.4, 0.6, 0.8]
    one = net(depth=4, transition=transition, accuracy=1.0, probe=cuts)
    assert claims.past_boundary(one, "probe") == pytest.approx(1 - mean)
    expected = None if np.isnan(transition) else int(transition) + 1
    assert claims.boundary(one) == expected


@pytest.mark.claim("C13b")
@pytest.mark.parametrize(("cut", "share"), [(0, 0), (1, 1), (2, 1), (3, 1), (4, 0)])
def test_c13b_takes_a_cut_at_most_one_layer_off_both_predictions_which_are_2(cut, share):
    found = claims.cut_against_boundary(nets(piped_fresh=lambda d: from_cut(d, cut)))
    assert (found["rank"].value, found["block"].value) == (share, share)
    verdict = "reproduced" if share else "not reproduced"
    assert set(verdicts("C13b", found).values()) == {verdict}


@pytest.mark.claim("C13b")
def test_c13b_can_hold_by_one_prediction_and_fail_by_the_other():
    for column, fails, holds in (
        ("block_start", "block", "rank"),
        ("transition", "rank", "block"),
    ):
        found = claims.cut_against_boundary(nets(**{column: lambda d: d}))
        assert (found[fails].value, found[holds].value) == (0, 1)
        parts = verdicts("C13b", found)
        assert (parts[fails], parts[holds]) == ("not reproduced", "reproduced")
        assert parts["all"] == "not reproduced"


@pytest.mark.claim("C13b")
def test_c13b_does_not_let_misses_of_plus_3_and_minus_3_cancel():
    """Half of the seeds cut at 4 where 1 is predicted, the others at 1 where 4 is."""

    def missing(cut: int, predicted: int) -> pd.DataFrame:
        return nets(
            piped_fresh=lambda d: from_cut(d, cut),
            transition=lambda d: predicted - 1.0,
            block_start=lambda d: predicted - 1,
        )

    found = claims.cut_against_boundary(halves(missing(4, 1), missing(1, 4)))
    for name in ("rank", "block"):
        assert found[name].value == found[name].high == 0
    assert set(verdicts("C13b", found).values()) == {"not reproduced"}


@pytest.mark.claim("C13b")
def test_c13b_is_the_share_of_deep_depths_in_each_seed():
    """Depths 4 and 5 miss by +3 and -3, depth 8 does not: a third, not all in the mean."""
    cuts, boundaries = {4: 4, 5: 1, 8: 2}, {4: 1, 5: 4, 8: 2}
    found = claims.cut_against_boundary(
        nets(
            piped_fresh=lambda d: from_cut(d, cuts.get(d, 0)),
            transition=lambda d: boundaries.get(d, 9) - 1.0,
        )
    )
    assert found["rank"].value == found["rank"].high == pytest.approx(1 / 3)
    assert found["rank"].n == len(SEEDS)
    assert verdicts("C13b", found)["rank"] == "not reproduced"


@pytest.mark.claim("C13b")
def test_c13b_stays_open_where_half_of_the_seeds_hit():
    found = claims.cut_against_boundary(halves(nets(), nets(piped_fresh=lambda d: from_cut(d, 4))))
    assert (found["rank"].value, found["block"].value) == (0.5, 0.5)
    assert set(verdicts("C13b", found).values()) == {"inconclusive"}


@pytest.mark.parametrize(("short_of_all", "share"), [(0, 1), (1, 1), (2, 0)])
def test_without_a_transition_the_boundary_lies_behind_the_last_map(short_of_all, share):
    """It agrees with a net that no cut suffices for, which counts with cut L + 1."""
    nowhere = nets(
        transition=lambda d: np.nan, piped_fresh=lambda d: from_cut(d, d + 1 - short_of_all)
    )
    assert claims.cut_against_boundary(nowhere)["rank"].value == share


@pytest.mark.parametrize(
    ("piped", "first"),
    [
        ([0.97, 0.98, 0.99, 0.98], 0),
        ([0.90, 0.98, 0.99, 0.98], 1),
        ([0.98, 0.90, 0.98, 0.98], 2),
        ([0.90, 0.98, 0.98, 0.96], 4),
        ([0.90, 0.90, 0.90, 0.90], 4),
    ],
)
def test_a_cut_suffices_if_it_and_all_later_ones_do(piped, first):
    one = net(depth=3, accuracy=0.975, piped_fresh=piped)
    assert claims.first_sufficient_cut(one) == first


@pytest.mark.parametrize("points", [600, 1000, 2000])
def test_a_cut_that_is_behind_by_the_margin_itself_suffices(points):
    """Accuracies are counts over counts, so that a gap of exactly 0.01 does occur."""
    gap = points // 100
    for right in range(gap, points + 1):
        one = net(accuracy=right / points, piped_fresh=[(right - gap) / points])
        assert claims.first_sufficient_cut(one) == 0, right
        one = net(accuracy=right / points, piped_fresh=[(right - gap - 1) / points])
        assert claims.first_sufficient_cut(one) == 1, right

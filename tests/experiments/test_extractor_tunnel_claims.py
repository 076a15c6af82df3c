"""The statistics of C6 and C7 on made-up tables, and what all of C6 to C13 share."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from extractor_tunnel_nets import DEPTHS, SEEDS, falling, halves, hill, net, nets, similarities
from judging import verdicts

from strata.experiments import extractor_tunnel_claims as claims
from strata.runs.result import Result

PUBLISHED = {depth: falling(depth).tolist() for depth in DEPTHS}


@pytest.mark.claim("C6")
def test_c6_finds_an_early_peak_that_training_made():
    found = claims.rank_peak(nets())
    assert found["peak"].value == 1
    assert found["share"].value == 1
    assert found["rise"].value == pytest.approx(1.3, rel=0.005)
    falls = [hill(d)[-2] / 2.6 for d in DEPTHS if d >= 4]
    assert found["training"].value == pytest.approx(np.prod(falls) ** (1 / 3), rel=0.005)
    assert set(verdicts("C6", found).values()) == {"reproduced"}


@pytest.mark.claim("C6")
def test_c6_refuses_a_late_peak_a_flat_curve_and_a_fall_that_was_there_before():
    late = nets(covariance_ranks=lambda d: hill(d, top=3))
    found = verdicts("C6", claims.rank_peak(late))
    assert found["peak"] == found["share"] == found["all"] == "not reproduced"
    assert found["rise"] == "reproduced"
    flat = nets(covariance_ranks=lambda d: falling(d) + 0.05 * (np.arange(d + 1) == 1))
    assert verdicts("C6", claims.rank_peak(flat))["rise"] == "not reproduced"
    before = nets(covariance_ranks_init=lambda d: hill(d) ** 1.5)
    assert verdicts("C6", claims.rank_peak(before))["training"] == "not reproduced"


def test_the_share_counts_nets_whose_mean_curve_hides_them():
    """Half of the seeds peak at map 3, less high: the mean curve still peaks at map 1."""
    late = nets(covariance_ranks=lambda d: 0.9 * hill(d, top=3))
    found = claims.rank_peak(halves(nets(), late))
    assert found["peak"].value == 1
    assert found["share"].value == 0.5
    assert verdicts("C6", found)["share"] == "inconclusive"


def test_the_rise_is_taken_where_the_other_seeds_peak():
    """Of three seeds two peak at map 1, to 4, one at map 2, to 8; each has 2 elsewhere."""
    curves = [[2, 4, 2, 2, 2], [2, 4, 2, 2, 2], [2, 2, 8, 2, 2]]
    table = pd.DataFrame(
        {"depth": 4, "seed": seed, "covariance_ranks": curve, "covariance_ranks_init": curve}
        for seed, curve in enumerate(curves)
    )
    # The first two see 2 3 5 2 2 of the others and take their own 2; the third sees 2 4 2 2 2.
    assert claims.rank_peak(table)["rise"].value == pytest.approx(1)


@pytest.mark.claim("C6b")
def test_c6b_holds_the_peak_against_the_texts_range():
    late = nets(covariance_ranks=lambda d: hill(d, top=3))
    assert verdicts("C6b", claims.rank_peak_text(late))["all"] == "reproduced"
    assert verdicts("C6b", claims.rank_peak_text(nets()))["all"] == "not reproduced"


@pytest.mark.claim("C6c")
def test_c6c_tells_which_task_gives_the_published_curves():
    low = nets(covariance_ranks=lambda d: np.linspace(1.02, 1.0, d + 1))
    same = nets(covariance_ranks=falling)
    found = claims.provenance(same, low, PUBLISHED)
    assert found["start"].value == pytest.approx(1.95, rel=0.005)
    assert found["distance"].value == pytest.approx(-0.465, abs=0.005)
    assert verdicts("C6c", found)["all"] == "reproduced"
    found = claims.provenance(low, same, PUBLISHED)
    assert found["start"].value == pytest.approx(1.02, rel=0.005)
    assert found["distance"].value == pytest.approx(0.465, abs=0.005)
    parts = verdicts("C6c", found)
    assert parts["start"] == parts["distance"] == "not reproduced"


@pytest.mark.claim("C6d")
def test_c6d_wants_peaks_in_deep_nets_only():
    found = claims.shallow_peaks(nets())
    assert (found["shallow"].value, found["deep"].value) == (0, 1)
    assert verdicts("C6d", found)["all"] == "reproduced"
    everywhere = verdicts("C6d", claims.shallow_peaks(nets(transition=lambda d: 1.0)))
    assert (everywhere["shallow"], everywhere["deep"]) == ("not reproduced", "reproduced")
    nowhere = verdicts("C6d", claims.shallow_peaks(nets(transition=lambda d: np.nan)))
    assert (nowhere["shallow"], nowhere["deep"]) == ("reproduced", "not reproduced")


@pytest.mark.claim("C7")
def test_c7_finds_a_late_block_far_from_the_first_map():
    found = claims.blocks(nets())
    assert found["block"].value == pytest.approx(0.97)
    assert found["ends"].value == pytest.approx(0.5)
    assert found["trained"].value == pytest.approx(0.27)
    assert set(verdicts("C7", found).values()) == {"reproduced"}


@pytest.mark.claim("C7")
def test_c7_refuses_maps_that_are_all_alike_all_different_or_untrained():
    alike = claims.blocks(nets(cka=lambda d: similarities(d, 0.97, far=0.97)))
    assert verdicts("C7", alike)["ends"] == "not reproduced"
    different = claims.blocks(nets(cka=lambda d: similarities(d, 0.5)))
    assert verdicts("C7", different)["block"] == "not reproduced"
    untrained = claims.blocks(nets(cka_init=lambda d: similarities(d, 0.97)))
    assert verdicts("C7", untrained)["trained"] == "not reproduced"


@pytest.mark.parametrize(("depth", "maps"), [(4, 2), (5, 2), (6, 3), (9, 4)])
def test_the_late_block_holds_the_pairs_of_the_last_half_of_the_maps(depth, maps):
    cka = np.full((depth + 2, depth + 2), np.nan)
    cka[-maps:, -maps:] = 0.9
    np.fill_diagonal(cka, 1.0)
    assert claims.late_block(net(depth=depth, cka=cka)) == pytest.approx(0.9)
    cka[-maps, -1] = 0.9 + 0.1 * maps * (maps - 1) / 2
    assert claims.late_block(net(depth=depth, cka=cka)) == pytest.approx(1.0)


def test_the_ends_are_first_and_last_map_and_not_the_input():
    def corner(depth: int) -> np.ndarray:
        cka = similarities(depth, 0.97, far=0.1)
        cka[1, -1] = cka[-1, 1] = 0.6
        return cka

    assert claims.blocks(nets(cka=corner))["ends"].value == pytest.approx(0.6)


def test_the_estimates_do_not_depend_on_the_order_of_the_rows():
    table = nets()
    mixed = table.sample(frac=1, random_state=0)
    for statistic in STATISTICS:
        for name, estimate in statistic(table).items():
            assert statistic(mixed)[name].low == pytest.approx(estimate.low), (statistic, name)


def test_only_nets_of_one_depth_make_an_array():
    table = nets()
    deepest = table[table["depth"] == 8].sample(frac=1, random_state=0)
    rows = claims.by_map(deepest, "covariance_ranks")
    assert rows.shape == (len(SEEDS), 9)
    assert rows[2].tolist() == deepest.set_index("seed")["covariance_ranks"][2]
    with pytest.raises(ValueError, match="several depths"):
        claims.by_map(table, "covariance_ranks")


def test_the_table_has_a_row_a_net_with_its_maps():
    point = SimpleNamespace(task="t", depth=4, seed=1)
    after, before = similarities(4, 0.9), similarities(4, 0.7)
    arrays = {"cka_rbf": after, "cka_rbf_init": before}
    result = Result(metrics={"transition": None, "covariance_ranks": [1.0, 2.0]}, arrays=arrays)
    row = claims.table([point], [result]).iloc[0]
    assert (row["task"], row["depth"], row["seed"]) == ("t", 4, 1)
    assert np.isnan(row["transition"])
    assert row["covariance_ranks"] == [1.0, 2.0]
    assert row["cka"] is after
    assert row["cka_init"] is before
    with pytest.raises(ValueError, match="shorter"):
        claims.table([point], [])


def provenance(table: pd.DataFrame) -> dict:
    return claims.provenance(table, nets(), PUBLISHED)


STATISTICS = (
    claims.rank_peak,
    claims.rank_peak_text,
    provenance,
    claims.shallow_peaks,
    claims.blocks,
    claims.piped,
    claims.cut_against_boundary,
)


@pytest.mark.parametrize("depth", [4, 8])
@pytest.mark.parametrize("statistic", STATISTICS)
def test_a_missing_net_is_an_error_and_not_a_smaller_sample(statistic, depth):
    table = nets()
    gap = (table["depth"] == depth) & (table["seed"] == 0)
    with pytest.raises(ValueError, match="not complete"):
        statistic(table[~gap])

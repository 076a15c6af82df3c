"""The statistics of C1 to C5 on made-up tables whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from strata.claims import judge
from strata.experiments import ntk_claims

DEPTHS = np.arange(1, 9)


def nets(**columns: object) -> pd.DataFrame:
    """Eight seeds with small noise around a function of depth for every column."""
    rng = np.random.default_rng(0)
    rows = []
    for seed in range(8):
        for depth in DEPTHS:
            row = {"task": "t", "depth": int(depth), "seed": seed}
            for name, shape in columns.items():
                value = np.asarray(shape(depth), dtype=float)
                noisy = value * (1 + 0.01 * rng.normal(size=value.shape))
                row[name] = noisy.tolist() if value.ndim else float(noisy)
            rows.append(row)
    return pd.DataFrame(rows)


def hill(depth: int) -> float:
    return 9.0 / (1 + 0.4 * abs(depth - 3))


def flat(depth: int) -> float:
    return 4.0


def verdict(claim: str, estimates: dict) -> str:
    return judge(claim, estimates, "full").verdict


@pytest.mark.claim("C1")
def test_c1_finds_a_peak_and_refuses_a_rise_without_a_fall():
    found = ntk_claims.rank_peak(nets(rank=hill))
    assert found["peak"].value == 3
    assert found["rise"].value == pytest.approx(hill(3) / hill(1), rel=0.02)
    assert verdict("C1", found) == "reproduced"
    rising = ntk_claims.rank_peak(nets(rank=lambda d: 2.0 + d))
    assert rising["peak"].value == 8
    assert verdict("C1", rising) == "not reproduced"


@pytest.mark.claim("C1b")
def test_c1b_holds_the_peak_against_the_texts_range():
    assert verdict("C1b", ntk_claims.rank_peak_text(nets(rank=hill))) == "not reproduced"
    later = nets(rank=lambda d: 9.0 - abs(d - 4.5) ** 1.2)
    assert verdict("C1b", ntk_claims.rank_peak_text(later)) == "reproduced"


@pytest.mark.claim("C2")
def test_c2_tells_a_falling_start_from_one_that_rises_by_itself():
    falling = nets(rank=hill, rank_init=lambda d: 3.0 * 0.8**d)
    found = ntk_claims.rank_at_start(falling)
    assert found["slope"].value == pytest.approx(np.log(0.8), abs=0.01)
    assert verdict("C2", found) == "reproduced"
    rising = nets(rank=hill, rank_init=hill)
    assert verdict("C2", ntk_claims.rank_at_start(rising)) == "not reproduced"


@pytest.mark.claim("C2b")
def test_c2b_finds_the_place_of_the_highest_rank():
    rng = np.random.default_rng(1)
    curves = np.array([1.4, 2, 4, 6, 4, 2]) + 0.1 * rng.normal(size=(6, 6))
    assert verdict("C2b", ntk_claims.untrained_peak(curves)) == "reproduced"
    rising = np.arange(6.0) + 0.1 * rng.normal(size=(6, 6))
    assert ntk_claims.untrained_peak(rising)["peak"].value == 5
    assert verdict("C2b", ntk_claims.untrained_peak(rising)) == "not reproduced"


@pytest.mark.claim("C3")
def test_c3_tells_falling_layers_from_rising_ones():
    falling = nets(layer_ranks=lambda d: np.linspace(9, 2, d + 1))
    found = ntk_claims.layer_trend(falling)
    assert found["trend"].value == pytest.approx(-1)
    assert (found["first"].value, found["last"].value) == pytest.approx((1, 2), rel=0.02)
    assert verdict("C3", found) == "reproduced"
    rising = nets(layer_ranks=lambda d: np.linspace(2, 9, d + 1))
    assert verdict("C3", ntk_claims.layer_trend(rising)) == "not reproduced"


@pytest.mark.claim("C3b")
def test_c3b_sees_a_bump_between_the_fixed_maps_and_none_without():
    def bumpy(depth: int) -> np.ndarray:
        ranks = np.linspace(9, 2, depth + 1)
        ranks[5:6] *= 3
        return ranks

    assert verdict("C3b", ntk_claims.layer_bump(nets(layer_ranks=bumpy))) == "reproduced"
    smooth = nets(layer_ranks=lambda d: np.linspace(9, 2, d + 1))
    assert verdict("C3b", ntk_claims.layer_bump(smooth)) == "not reproduced"


@pytest.mark.claim("C4")
def test_c4_tells_concentration_beyond_the_peak_from_its_opposite():
    shapes = {"rank": hill, "top1": lambda d: 0.4 + 0.03 * abs(d - 3), "tail": lambda d: 0.03 / d}
    found = ntk_claims.concentration(nets(**shapes))
    assert found["top1"].value == pytest.approx(0.15, abs=0.01)
    assert found["tail"].value == pytest.approx(3 / 8, rel=0.05)
    assert verdict("C4", found) == "reproduced"
    shapes["top1"] = lambda d: 0.9 - 0.05 * d
    assert verdict("C4", ntk_claims.concentration(nets(**shapes))) == "not reproduced"


@pytest.mark.claim("C5")
def test_c5_wants_growth_that_stops_at_the_peak():
    def energy(level: float) -> np.ndarray:
        return np.linspace(0.1, level, 12) * 12 / 10

    shapes = {
        "rank": hill,
        "alignment": lambda d: energy(0.4 + 0.05 * min(d, 3)),
        "alignment_init": lambda d: energy(0.3),
    }
    assert verdict("C5", ntk_claims.alignment_growth(nets(**shapes))) == "reproduced"
    shapes["alignment"] = lambda d: energy(0.4 + 0.06 * d)
    found = ntk_claims.alignment_growth(nets(**shapes))
    assert judge("C5", found, "full").parts["stops"][1] == "not reproduced"


@pytest.mark.claim("C5b")
def test_c5b_compares_with_chance_and_with_the_start():
    shapes = {
        "edge_energy": lambda d: np.array([0.4, 0.2]),
        "edge_energy_init": lambda d: np.array([0.24, 0.2]),
        "edge_share": lambda d: 0.23,
    }
    found = ntk_claims.boundary_energy(nets(**shapes))
    assert found["chance"].value == pytest.approx(0.17, abs=0.01)
    assert verdict("C5b", found) == "reproduced"
    shapes["edge_energy"] = lambda d: np.array([0.2, 0.2])
    assert verdict("C5b", ntk_claims.boundary_energy(nets(**shapes))) == "not reproduced"


def test_a_missing_net_is_an_error_and_not_a_smaller_sample():
    table = nets(rank=hill).iloc[:-1]
    with pytest.raises(ValueError, match="not complete"):
        ntk_claims.curves(table, "rank")

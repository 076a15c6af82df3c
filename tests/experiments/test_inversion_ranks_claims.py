"""The statistics of D4 and D5 on made-up results: when they hold, and when not."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from judging import verdicts

from strata.experiments import inversion_ranks_claims as claims
from strata.nets.stages import STAGES
from strata.runs.result import Result

INPUTS = 100
KINDS = ("untrained", "calibrated", "natural")
RANKS = (100, 60, 60, 60, 40, 20)
OUTPUTS = (500, 130, 500, 260, 130, 60)
SMALL = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


def spectrum(rank: int, small: float) -> np.ndarray:
    values = np.ones(INPUTS)
    values[rank - round(small * rank) : rank] = 1e-3
    values[rank:] = 1e-16
    return values


def place(kind: str, seed: int, side: int = 16, **changes: object) -> SimpleNamespace:
    net = SimpleNamespace(kind=kind, seed=seed)
    fixed = {"net": net, "side": side, "pooling": "maximum", "stages": STAGES, "images": 2}
    return SimpleNamespace(**fixed | changes)


def result(ranks=RANKS, small=SMALL, dropped=1e-16, null=0.001, random=0.03, left=None) -> Result:
    values = np.array([[spectrum(r, s) for r, s in zip(ranks, small, strict=True)]] * 2)
    kept = np.array([[row[r - 1] for row, r in zip(image, ranks, strict=True)] for image in values])
    arrays = {
        "outputs": np.array(OUTPUTS[: len(ranks)]),
        "live": np.array([OUTPUTS[: len(ranks)]] * 2),
        "rank": np.array([ranks] * 2),
        "kept": kept,
        "dropped": np.full((2, len(ranks)), dropped),
        "values": values,
        "reference": np.full((2, len(ranks)), 2.0),
        "lengths": np.array([0.01, 0.1]),
        "seen_null": 2.0 * np.array([[null / 10, null]] * 2),
        "seen_random": 2.0 * np.array([[random / 10, random]] * 2),
    }
    if left is not None:
        arrays["inputs_left"] = np.array([left] * 2)
    return Result({"inputs": INPUTS}, arrays)


def sweep(make=lambda kind, seed: result(), kinds=KINDS, **changes):
    places = [(kind, seed) for kind in kinds for seed in range(3)]
    return [place(k, s, **changes) for k, s in places], [make(k, s) for k, s in places]


def nets(**traits: object) -> pd.DataFrame:
    return claims.stages(*sweep(lambda kind, seed: result(**traits)))


def steps(**traits: object) -> pd.DataFrame:
    return claims.steps(*sweep(lambda kind, seed: result(**traits)))


def test_tables_hold_what_was_measured():
    rows = nets()
    assert len(rows) == 3 * 3 * 2 * 6
    c5 = rows[rows["stage"] == "c5"].iloc[0]
    assert (c5["rank"], c5["share"], c5["full"]) == (20, 0.2, False)
    assert c5["small"] == pytest.approx(0.5)
    assert c5["small_inputs"] == pytest.approx(0.1)
    assert np.isnan(c5["left"])
    assert rows[rows["stage"] == "conv1"]["full"].all()
    assert rows[rows["stage"] == "pool"]["log_gap"].iloc[0] == pytest.approx(13 - 0.35, abs=0.1)


@pytest.mark.claim("D4")
def test_d4_wants_every_image_a_gap_and_short_steps_unseen():
    found = claims.exact_loss(nets(), steps())
    assert set(verdicts("D4", found).values()) == {"reproduced"}
    whole = verdicts("D4", claims.exact_loss(nets(ranks=(100, 100, 60, 60, 40, 20)), steps()))
    assert whole["pool"] == whole["all"] == "not reproduced"
    blurred = verdicts("D4", claims.exact_loss(nets(dropped=5e-4), steps(null=0.03)))
    assert blurred["gap"] == blurred["step"] == "not reproduced"


@pytest.mark.claim("D4")
def test_d4_judges_the_worst_image():
    def one(kind: str, seed: int) -> Result:
        ranks = (98, 100, *RANKS[2:]) if kind == "natural" else RANKS
        return result(ranks=ranks)

    found = verdicts("D4", claims.exact_loss(claims.stages(*sweep(one)), steps()))
    assert found["conv1"] == found["pool"] == "not reproduced"


def test_stages_that_keep_all_that_their_size_allows_have_no_gap_to_show():
    full = nets(ranks=(100, 60, 60, 60, 40, 60), small=(0,) * 6, dropped=0.0)
    assert full[full["stage"] == "c5"]["full"].all()
    assert np.isfinite(full["log_gap"]).all()
    assert claims.exact_loss(full, steps())["gap"].value == pytest.approx(
        -np.log10(2.2e-16), abs=0.1
    )


def averaged(rank: int) -> pd.DataFrame:
    made = sweep(
        lambda kind, seed: result(ranks=(rank,), small=(0.0,)),
        KINDS[:2],
        stages=("pool",),
        pooling="average",
    )
    return claims.stages(*made)


@pytest.mark.claim("D4b")
def test_d4b_wants_averages_to_keep_everything():
    assert set(verdicts("D4b", claims.by_pooling(nets(), averaged(100))).values()) == {"reproduced"}
    found = verdicts("D4b", claims.by_pooling(nets(), averaged(60)))
    assert set(found.values()) == {"not reproduced"}
    found = verdicts("D4b", claims.by_pooling(nets(), averaged(80)))
    assert found["drop"] == "reproduced"
    assert found["average"] == found["all"] == "not reproduced"
    with pytest.raises(ValueError, match="same nets"):
        claims.by_pooling(nets(), averaged(80).iloc[1:])


def walk(far: float, near: float, random: float = 10.0, nearest: float = 10.0) -> Result:
    metrics = {"reference": 1.0, "reference_input": 2.0, "nearest": nearest, "outside": 0.0}
    path = {"inputs": 2 * far, "embedding": near, "random_embedding": random}
    arrays = {name: np.array([0.0, value]) for name, value in path.items()}
    return Result(metrics, arrays | {"straight_embedding": np.array([0.0, 5.0])})


def walked(make) -> dict[str, str]:
    places, results = sweep(make, ("untrained", "natural"))
    return verdicts("D4c", claims.walked(claims.walks(places, results)))


@pytest.mark.claim("D4c")
def test_d4c_wants_far_inputs_with_one_embedding_for_both_kinds_of_nets():
    assert set(walked(lambda kind, seed: walk(2.0, 0.1)).values()) == {"reproduced"}
    one_fails = walked(lambda kind, seed: walk(2.0, 0.1 if kind == "natural" else 0.8))
    assert one_fails["near"] == one_fails["all"] == "not reproduced"
    assert one_fails["far"] == "reproduced"
    nowhere = walked(lambda kind, seed: walk(0.5, 0.01, random=0.01, nearest=0.01))
    assert nowhere["far"] == nowhere["random"] == nowhere["other"] == "not reproduced"


@pytest.mark.claim("D4d")
def test_d4d_takes_the_kind_that_keeps_most():
    assert verdicts("D4d", claims.other_sizes(nets()))["all"] == "reproduced"

    def one(kind: str, seed: int) -> Result:
        return result(ranks=(100, 100, *RANKS[2:]) if kind == "natural" else RANKS)

    found = claims.other_sizes(claims.stages(*sweep(one)))
    assert verdicts("D4d", found)["all"] == "not reproduced"


@pytest.mark.claim("D4e")
def test_d4e_is_not_met_by_short_steps_alone():
    assert set(verdicts("D4e", claims.against_random(steps(), steps())).values()) == {"reproduced"}
    tiny = steps(null=1e-6, random=1e-6)
    assert set(verdicts("D4e", claims.against_random(tiny, tiny)).values()) == {"not reproduced"}


@pytest.mark.claim("D5")
def test_d5_wants_a_rise_along_all_stages_in_every_kind():
    steep = (0.0, 0.1, 0.3, 0.4, 0.5, 0.8)
    assert set(verdicts("D5", claims.near_loss(nets(small=steep))).values()) == {"reproduced"}
    falling = verdicts("D5", claims.near_loss(nets(small=(0.0, 0.8, 0.5, 0.4, 0.3, 0.1))))
    assert set(falling.values()) == {"not reproduced"}
    level = claims.near_loss(nets(small=(0.0, *[0.2] * 5)))
    assert level["trend_trained"].value == 0
    assert verdicts("D5", level)["untrained"] == "not reproduced"


@pytest.mark.claim("D5")
def test_d5_refuses_a_jump_at_the_last_stage_alone():
    jump = verdicts("D5", claims.near_loss(nets(small=(0.0, 0.4, 0.3, 0.2, 0.1, 0.8))))
    assert jump["trained"] == "reproduced"
    assert jump["trend_trained"] == jump["all"] == "not reproduced"


def reconstructed(sign: float) -> pd.DataFrame:
    """Distances that grow with depth, and at each stage by kind with what is nearly lost."""

    def make(kind: str, seed: int) -> Result:
        number = KINDS.index(kind)
        small = np.array(SMALL) + (0.1 * number if number else 0.0)
        left = 3.0 * np.arange(6) + sign * number + 0.01 * seed
        ranks = tuple(r - 5 * ((number + i) % 3) for i, r in enumerate(RANKS))
        return result(ranks=ranks, small=tuple(small), left=tuple(left))

    return claims.stages(*sweep(make))


@pytest.mark.claim("D5b")
def test_d5b_is_not_met_by_depth_alone():
    assert verdicts("D5b", claims.with_reconstructions(reconstructed(1)))["all"] == "reproduced"
    found = verdicts("D5b", claims.with_reconstructions(reconstructed(-1)))
    assert found["all"] == "not reproduced"
    assert claims.given_rank(reconstructed(-1)).low > 0, "depth alone"

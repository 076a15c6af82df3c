"""The statistics of C12 to C12i on made-up tables, on which each holds and on which it fails."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from judging import verdicts
from latent_nets import falling, hill, level, nets

from strata.experiments import latent_recovery_claims as claims
from strata.runs.result import Result


def rising(depth: int) -> np.ndarray:
    """CKA that is highest at z_1: the place 2."""
    return hill(depth, 2, 0.6, 0.9, 0.1)


def growing(depth: int) -> np.ndarray:
    """CKA that is highest at the logits."""
    return np.linspace(0.2, 0.95, depth + 2)


def slides(**columns: object) -> pd.DataFrame:
    return nets(("linear",), (4,), ("identity", "tanh"), "slides", **columns)


def text(**columns: object) -> pd.DataFrame:
    return nets(("linear",), (4,), ("tanh",), "text", **columns)


def study(shape: Callable[[int], np.ndarray]) -> dict[str, Callable[[int], np.ndarray]]:
    lists = ("rbf_latents", "rbf_latents_init", "debiased_latents", "debiased_latents_init")
    numbers = ("score_rbf", "label_rbf", "score_debiased", "label_debiased")
    return dict.fromkeys(lists, shape) | {f"{name}_latents": lambda d: 0.4 for name in numbers}


@pytest.mark.claim("C12")
def test_c12_wants_an_inner_map_above_both_ends_in_both_set_ups():
    found = claims.recovery(slides(**study(rising)), text(**study(rising)))
    assert found["slides_rise"].value == pytest.approx(0.3, abs=0.005)
    assert found["text_fall"].value == pytest.approx(0.9 - rising(4)[-2], abs=0.005)
    assert verdicts("C12", found)["all"] == "reproduced"
    found = claims.recovery(slides(**study(falling)), text(**study(rising)))
    assert found["slides_rise"].value == pytest.approx(-0.16, abs=0.005), "z_0, a step of five"
    parts = verdicts("C12", found)
    assert (parts["slides_rise"], parts["text_rise"]) == ("not reproduced", "reproduced")
    up = claims.recovery(slides(**study(rising)), text(**study(growing)))
    assert up["text_fall"].value < 0, "the logits are the best"
    assert verdicts("C12", up)["text_fall"] == "not reproduced"


@pytest.mark.claim("C12")
def test_c12_finds_nothing_in_noise():
    """The best of many inner maps is picked on the other seeds, so that noise does not rise."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(12):
        flat = text(**study(lambda depth: rng.normal(0.5, 0.1, depth + 2)))
        found.append(claims.recovery(flat, flat)["text_rise"].value)
    assert np.mean(found) < 0, "the best of four on its own seed would be 0.1 above"


def peaked(**changes: object) -> pd.DataFrame:
    columns = {}
    for kind in ("rbf", "debiased"):
        columns |= {
            f"{kind}_relevant": rising,
            f"{kind}_relevant_init": lambda d: falling(d, 0.6),
            f"score_{kind}_relevant": lambda d: 0.4,
            f"label_{kind}_relevant": lambda d: 0.3,
        }
    return nets(("even",), (4, 6), ("layers",), **columns | changes)


@pytest.mark.claim("C12b")
@pytest.mark.claim("C12c")
def test_c12b_and_c_want_a_peak_that_training_made():
    found = claims.peak(peaked())
    assert found["rise"].value == pytest.approx(0.3, abs=0.005)
    assert found["fall"].value > 0.3
    assert found["score"].value == pytest.approx(0.5, abs=0.005)
    assert found["label"].value == pytest.approx(0.6, abs=0.005)
    init = [falling(depth, 0.6)[2] for depth in (4, 6)]
    assert found["trained"].value == pytest.approx(0.9 - np.mean(init), abs=0.005)
    assert verdicts("C12b", found)["all"] == verdicts("C12c", found)["all"] == "reproduced"


@pytest.mark.claim("C12b")
@pytest.mark.claim("C12c")
@pytest.mark.parametrize(
    ("part", "column", "shape"),
    [
        ("rise", "{}_relevant", falling),
        ("fall", "{}_relevant", growing),
        ("score", "score_{}_relevant", lambda d: 0.95),
        ("label", "label_{}_relevant", lambda d: 0.95),
        ("trained", "{}_relevant_init", lambda d: rising(d) + 0.05),
    ],
)
@pytest.mark.parametrize("kind", ["rbf", "debiased"])
def test_c12b_and_c_refuse_what_is_no_peak_by_either_measure(part, column, shape, kind):
    found = claims.peak(peaked(**{column.format(kind): shape}))
    assert verdicts("C12b", found)[part] == verdicts("C12c", found)[part] == "not reproduced"


def measured(**changes: object) -> dict:
    columns = {
        "rbf_latents": lambda d: hill(d, 1, 1.0, 0.3, 0.2),
        "r2_latents": lambda d: level(d, 0.9),
        "r2_unrelated": lambda d: level(d, 0.0),
    }
    columns |= changes
    return claims.disagreement(text(**columns), nets(**columns))


@pytest.mark.claim("C12d")
def test_c12d_wants_similarity_low_and_decodability_high():
    found = measured()
    assert found["cka_text"].value == pytest.approx(hill(4, 1, 1.0, 0.3, 0.2)[3], abs=0.005)
    assert found["r2"].value == pytest.approx(0.9, abs=0.005)
    assert verdicts("C12d", found)["all"] == "reproduced"


@pytest.mark.claim("C12d")
def test_c12d_refuses_measures_that_agree_and_a_read_out_that_finds_anything():
    both_high = verdicts("C12d", measured(rbf_latents=lambda d: level(d, 0.8)))
    assert both_high["cka"] == both_high["cka_text"] == "not reproduced"
    both_low = verdicts("C12d", measured(r2_latents=lambda d: level(d, 0.3)))
    assert both_low["r2"] == both_low["r2_text"] == "not reproduced"
    too_good = verdicts("C12d", measured(r2_unrelated=lambda d: level(d, 0.3)))
    assert too_good["unrelated"] == "not reproduced"


def beside(rank: int, similarity: int, debiased: int | None = None) -> pd.DataFrame:
    """Ranks and similarity that peak at the places given; debiased where the other does."""
    places = {"rbf": similarity, "debiased": similarity if debiased is None else debiased}
    ranks = {
        name: lambda d: hill(d, rank, 3.0, 9.0, 1.0)
        for name in ("covariance_ranks", "singular_value_ranks")
    }
    alike = {
        f"{kind}_relevant": lambda d, place=place: hill(d, place, 0.6, 0.9, 0.1)
        for kind, place in places.items()
    }
    return nets(("products",), (4,), ("identity", "layers"), **ranks, **alike)


@pytest.mark.claim("C12e")
def test_c12e_wants_both_peaks_at_one_map():
    found = claims.coincidence(beside(2, 2))
    assert found["covariance"].value == found["singular"].value == 0
    assert found["singular_chance"].value == pytest.approx(-(2 + 1 + 0 + 1 + 2 + 3) / 6)
    assert found["rank"].value == pytest.approx(9 / 6, rel=0.01)
    assert verdicts("C12e", found)["all"] == "reproduced"


@pytest.mark.claim("C12e")
def test_c12e_takes_the_kind_of_similarity_that_is_farther_off():
    assert claims.coincidence(beside(2, 2, 4))["covariance"].value == 2
    assert claims.coincidence(beside(2, 4, 2))["covariance"].value == 2


@pytest.mark.claim("C12e")
def test_c12e_refuses_peaks_that_are_a_map_apart_and_ranks_that_only_fall():
    found = claims.coincidence(beside(2, 1))
    assert found["covariance"].value == 1
    assert verdicts("C12e", found)["covariance"] == "not reproduced"
    far = claims.coincidence(beside(1, 5))
    assert verdicts("C12e", far)["covariance_chance"] == "not reproduced"
    late = beside(2, 3)
    both = pd.concat([beside(2, 1), late.assign(setup=late["setup"] + ", late")])
    distance, _ = claims.peak_distance(both, "covariance_ranks")
    assert distance.tolist() == [1] * 6, "early and late do not cancel"
    falls = claims.coincidence(beside(1, 1))
    assert falls["covariance"].value == 0
    assert verdicts("C12e", falls)["rank"] == "not reproduced"


def test_the_input_counts_for_similarity_and_not_for_rank():
    net = beside(2, 0).iloc[0].copy()
    net["covariance_ranks"] = [99.0, *net["covariance_ranks"][1:]]
    assert claims.peak_places(net, "covariance_ranks") == (0, 2)


def two_kinds(kind: str, others: float, start: float = 0.7) -> pd.DataFrame:
    names = (f"{kind}_relevant", f"{kind}_irrelevant")
    columns = dict(zip(names, (0.6, others), strict=True))
    columns |= {f"{names[0]}_init": 0.7, f"{names[1]}_init": start}
    return nets(**{name: lambda d, value=value: level(d, value) for name, value in columns.items()})


@pytest.mark.claim("C12f")
@pytest.mark.claim("C12g")
@pytest.mark.parametrize(
    ("claim", "kind", "statistic"),
    [
        ("C12f", "rbf", claims.dropped_by_similarity),
        ("C12g", "r2", claims.dropped_by_decodability),
    ],
)
def test_c12f_and_g_want_the_other_latents_lower_after_training_only(claim, kind, statistic):
    found = statistic(two_kinds(kind, 0.2))
    assert found["linear"].value == pytest.approx(0.4, abs=0.005)
    assert verdicts(claim, found)["all"] == "reproduced"
    alike = verdicts(claim, statistic(two_kinds(kind, 0.6)))
    assert (alike["linear"], alike["products"], alike["start"]) == (
        "not reproduced",
        "not reproduced",
        "reproduced",
    )
    assert verdicts(claim, statistic(two_kinds(kind, 0.2, 0.2)))["start"] == "not reproduced"


def test_a_negative_r2_is_no_less_than_nothing():
    found = claims.dropped_by_decodability(two_kinds("r2", -0.5))
    assert found["linear"].value == pytest.approx(0.6, abs=0.005)


def test_similarity_is_looked_at_in_the_middle_and_decodability_at_the_end():
    steps = {
        f"{kind}_relevant{when}": lambda d: np.arange(d + 2)
        for kind in ("rbf", "r2")
        for when in ("", "_init")
    }
    zeros = {name.replace("relevant", "irrelevant"): lambda d: level(d, 0) for name in steps}
    table = nets(depths=(6,), **steps, **zeros)
    assert claims.dropped_by_similarity(table)["linear"].value == pytest.approx(4, abs=0.01)
    assert claims.dropped_by_decodability(table)["linear"].value == pytest.approx(6, abs=0.01)


@pytest.mark.claim("C12h")
def test_c12h_holds_the_last_hidden_map_against_the_score():
    columns = {
        "rbf_latents": lambda d: hill(d, d, 1.0, 0.27, 0.1),
        "score_rbf_latents": lambda d: 0.26,
    }
    found = claims.one_number(text(**columns), nets(**columns))
    assert found["text"].value == pytest.approx(0.01, abs=0.003)
    assert verdicts("C12h", found)["all"] == "reproduced"
    more = columns | {"score_rbf_latents": lambda d: 0.1}
    parts = verdicts("C12h", claims.one_number(text(**more), nets(**columns)))
    assert (parts["text"], parts["linear"]) == ("not reproduced", "reproduced")


def test_c12h_lets_more_and_less_than_the_score_not_cancel():
    columns = {"rbf_latents": lambda d: level(d, 0.3)}
    more, less = (
        nets(("even",), score_rbf_latents=lambda d, s=s: s, **columns) for s in (0.2, 0.4)
    )
    own = pd.concat([more, less.assign(setup=less["setup"] + ", less")])
    found = claims.one_number(text(score_rbf_latents=lambda d: 0.3, **columns), own)
    assert found["linear"].value == pytest.approx(0.1, abs=0.003)


def test_c12h_takes_the_linear_rule_of_ours_only():
    columns = {"rbf_latents": lambda d: level(d, 0.3), "score_rbf_latents": lambda d: 0.3}
    odd = nets(("products",), rbf_latents=lambda d: level(d, 0.3), score_rbf_latents=lambda d: 0.9)
    own = pd.concat([nets(("even",), **columns), odd])
    assert claims.one_number(text(**columns), own)["linear"].value == pytest.approx(0, abs=0.005)


def undoing(**changes: object) -> dict:
    columns = {
        "r2_relevant": lambda d: hill(d, 3, 0.8, 0.95, 0.1),
        "r2_relevant_init": lambda d: falling(d, 0.8),
    }
    return claims.undone(nets(**columns | changes))


@pytest.mark.claim("C12i")
def test_c12i_wants_a_read_out_of_inner_maps_that_beats_the_input():
    found = undoing()
    assert found["gain"].value == pytest.approx(0.15, abs=0.005)
    assert verdicts("C12i", found)["all"] == "reproduced"
    none = undoing(r2_relevant=lambda d: falling(d, 0.8))
    assert verdicts("C12i", none)["gain"] == "not reproduced"
    untrained = undoing(r2_relevant_init=lambda d: level(d, 0.99))
    assert verdicts("C12i", untrained)["trained"] == "not reproduced"


def test_z_0_is_no_gain_over_the_input_in_c12i():
    """It is an affine map of the input: what it seems to gain is noise."""
    found = undoing(r2_relevant=lambda d: hill(d, 1, 0.8, 0.95, 0.1))
    expected = np.mean([hill(depth, 1, 0.8, 0.95, 0.1)[2] for depth in (4, 6)]) - 0.8
    assert found["gain"].value == pytest.approx(expected, abs=0.005)


def test_the_table_has_a_row_a_net_that_names_its_set_up():
    point = SimpleNamespace(
        setting="own", teacher="even", decoder="layers", activation="relu", depth=4, seed=1
    )
    row = claims.table([point], [Result(metrics={"accuracy": 0.9}, arrays={})]).iloc[0]
    assert row["setup"] == "own, even, layers, relu, 4"
    assert (row["seed"], row["depth"], row["accuracy"]) == (1, 4, 0.9)
    with pytest.raises(ValueError, match="shorter"):
        claims.table([point], [])


STATISTICS = {
    claims.peak: peaked(),
    claims.coincidence: beside(2, 2),
    claims.dropped_by_similarity: two_kinds("rbf", 0.2),
    claims.dropped_by_decodability: two_kinds("r2", 0.2),
}


@pytest.mark.parametrize("statistic", STATISTICS)
def test_a_missing_net_is_an_error_and_order_is_none(statistic):
    whole = STATISTICS[statistic]
    with pytest.raises(ValueError, match="not complete"):
        statistic(whole.iloc[1:])
    mixed = statistic(whole.sample(frac=1, random_state=0))
    for name, estimate in statistic(whole).items():
        assert mixed[name].low == pytest.approx(estimate.low), name

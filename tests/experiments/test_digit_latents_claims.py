"""The statistics of C12p to C12w on made-up tables, on which they hold and on which they fail."""

import numpy as np
import pandas as pd
import pytest
from judging import verdicts

from strata.experiments import digit_latents_claims as claims
from strata.runs.result import Result

DEPTHS, SEEDS = (1, 2, 3, 5), range(6)


def line(first, last, hidden_last=None):
    """Values over L + 1 maps, from the first to the last hidden one, then the logits."""

    def curve(depth):
        hidden = np.linspace(first, first if depth == 1 else last, depth)
        return np.append(hidden, last if hidden_last is None else hidden_last)

    return curve


def hill(depth):
    """Up to 0.45 at the map past the first, and down again."""
    return (
        np.interp(np.arange(depth + 1), [0, 1, depth], [0.3, 0.45, 0.25])
        if depth > 1
        else [0.3, 0.25]
    )


def nets(**changes):
    """Six seeds with small noise; __ in a name stands for the space in a column's.

    Linear and debiased CKA are as RBF CKA, where they are not given.
    """
    shapes = {
        "cka encoder": line(0.45, 0.3),
        "cka_init encoder": line(0.3, 0.25),
        "cka untrained": line(0.3, 0.25),
        "cka_init untrained": line(0.3, 0.25),
        "r2 encoder": line(0.9, 0.87),
        "r2_init encoder": line(0.9, 0.7),
        "cka within": line(0.3, 0.1),
        "cka_init within": line(0.3, 0.25),
        "r2 within": line(0.7, 0.3),
        "r2_init within": line(0.7, 0.5),
    } | {name.replace("__", " "): shape for name, shape in changes.items()}
    for name in [name for name in shapes if name.startswith("cka")]:
        for kind in ("cka_linear", "cka_debiased"):
            shapes.setdefault(name.replace("cka", kind, 1), shapes[name])
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"depth": depth, "seed": seed}
        | {
            name: (np.asarray(shape(depth)) + 0.001 * rng.standard_normal(depth + 1)).tolist()
            for name, shape in shapes.items()
        }
        for depth in DEPTHS
        for seed in SEEDS
    )


def references(pixels, label=0.2):
    """Encoders of all seeds, with which pixels and label have these similarities."""
    measured = {"cka": {"encoder": [pixels, label]}, "cka_debiased": {"encoder": [pixels, label]}}
    return [Result(metrics={"references": measured}) for _ in SEEDS]


@pytest.mark.claim("C12p")
def test_c12p_takes_the_most_similar_layer():
    found = claims.sentence(nets())
    assert found["highest"].value == pytest.approx(0.45, abs=0.003)
    assert set(verdicts("C12p", found).values()) == {"reproduced"}
    late = nets(cka__encoder=line(0.1, 0.2, hidden_last=0.8))
    assert claims.sentence(late)["highest"].value == pytest.approx(0.8, abs=0.003)
    assert set(verdicts("C12p", claims.sentence(late)).values()) == {"not reproduced"}
    one = verdicts("C12p", claims.sentence(nets(cka_linear__encoder=line(0.8, 0.3))))
    assert (one["highest"], one["linear"]) == ("reproduced", "not reproduced")


@pytest.mark.claim("C12q")
def test_c12q_wants_more_than_before_than_for_any_latents_and_than_the_label_gives():
    good = {"cka__encoder": line(0.45, 0.3), "cka__within": line(0.4, 0.35)}
    found = claims.approach(nets(**good))
    by_depth = [np.mean(line(0.45, 0.3)(d)[:-1] - line(0.3, 0.25)(d)[:-1]) for d in DEPTHS]
    assert found["nearer"].value == pytest.approx(np.mean(by_depth), abs=0.002)
    assert set(verdicts("C12q", found).values()) == {"reproduced"}
    alike = verdicts("C12q", claims.approach(nets(**good, cka__untrained=line(0.45, 0.3))))
    assert alike["nearer"] == alike["within_debiased"] == "reproduced"
    assert "reproduced" not in (alike["learned"], alike["learned_debiased"])
    label = verdicts("C12q", claims.approach(nets()))
    assert label["nearer"] == label["learned"] == "reproduced"
    assert label["within"] == label["within_debiased"] == "not reproduced"
    away = verdicts("C12q", claims.approach(nets(cka__encoder=line(0.2, 0.2))))
    assert away["nearer"] == away["learned"] == "not reproduced"


@pytest.mark.claim("C12r")
def test_c12r_wants_an_inner_peak():
    found = claims.peak(nets(cka__encoder=hill), references(0.2))
    assert found["rise"].value == pytest.approx(0.15, abs=0.003)
    assert found["fall"].value == pytest.approx(0.2, abs=0.003)
    assert set(verdicts("C12r", found).values()) == {"reproduced"}
    below = claims.peak(nets(cka__encoder=hill), references(0.5))
    assert below["rise"].value == pytest.approx(-0.05, abs=0.003)
    assert verdicts("C12r", below)["rise"] == "not reproduced"
    falling = verdicts("C12r", claims.peak(nets(), references(0.2)))
    assert falling["rise"] == "not reproduced"
    late = nets(cka__encoder=line(0.2, 0.4, hidden_last=0.5))
    growing = verdicts("C12r", claims.peak(late, references(0.1)))
    assert growing["rise"] == growing["rise_debiased"] == "reproduced"
    assert growing["fall"] == growing["fall_debiased"] == "not reproduced"


def noise(rng):
    """A table of nets whose similarities are independent of everything."""
    table = nets()
    for column in ("cka encoder", "cka_debiased encoder"):
        table[column] = [rng.standard_normal(depth + 1).tolist() for depth in table["depth"]]
    return table


def test_places_picked_on_other_seeds_give_nothing_in_noise():
    """Over many tables the gains are 0 on average; a rise over the higher of two is below it."""
    rng = np.random.default_rng(1)
    gains, rises = [], []
    for _ in range(30):
        table = noise(rng)
        gains += [e.value for e in claims.beyond(table, references(0.0), "pixels").values()]
        gains.append(claims.peak(table, references(0.0))["fall"].value)
        rises.append(claims.peak(table, references(0.0))["rise"].value)
    assert abs(np.mean(gains)) < 3 * np.std(gains) / np.sqrt(len(gains))
    assert np.mean(rises) < 0


@pytest.mark.claim("C12s")
def test_c12s_wants_similarity_halved_and_the_read_out_kept():
    found = claims.disagreement(nets(), references(0.9))
    # At depth 5 the middle hidden map is the third of five.
    assert found["cka"].value == pytest.approx(0.375 / 0.9, abs=0.005)
    assert found["r2"].value == pytest.approx(0.885, abs=0.003)
    assert set(verdicts("C12s", found).values()) == {"reproduced"}
    lost = nets(r2__encoder=line(0.9, 0.5))
    both_lost = verdicts("C12s", claims.disagreement(lost, references(0.9)))
    assert (both_lost["cka"], both_lost["r2"]) == ("reproduced", "not reproduced")
    both_kept = verdicts("C12s", claims.disagreement(nets(), references(0.5)))
    assert (both_kept["cka"], both_kept["r2"]) == ("not reproduced", "reproduced")


@pytest.mark.claim("C12t")
def test_c12t_takes_off_what_untrained_nets_lose_too():
    found = claims.shed(nets())
    assert found["r2"].value == pytest.approx(-0.2, abs=0.005)
    assert found["cka"].value == pytest.approx(-0.15, abs=0.005)
    assert set(verdicts("C12t", found).values()) == {"reproduced"}
    same = nets(r2__within=line(0.7, 0.5), cka__within=line(0.3, 0.25))
    assert "reproduced" not in verdicts("C12t", claims.shed(same)).values()
    less = nets(r2__within=line(0.7, 0.65), cka__within=line(0.3, 0.3))
    assert set(verdicts("C12t", claims.shed(less)).values()) == {"not reproduced"}


@pytest.mark.parametrize(
    ("claim", "reference", "encoders"),
    [
        pytest.param("C12v", "pixels", references, marks=pytest.mark.claim("C12v")),
        pytest.param(
            "C12w",
            "label",
            lambda level: references(9.0, level),
            marks=pytest.mark.claim("C12w"),
        ),
    ],
)
def test_c12v_and_c12w_hold_the_best_hidden_map_against_a_reference(claim, reference, encoders):
    found = claims.beyond(nets(), encoders(0.4), reference)
    assert found["cka"].value == pytest.approx(0.05, abs=0.003)
    assert set(verdicts(claim, found).values()) == {"reproduced"}
    only_logits = nets(cka__encoder=line(0.3, 0.3, hidden_last=0.6))
    parts = verdicts(claim, claims.beyond(only_logits, encoders(0.4), reference))
    assert set(parts.values()) == {"not reproduced"}


def probes(encoder, untrained, projection):
    rng = np.random.default_rng(0)
    return [
        Result(
            metrics={
                "probe": {
                    "encoder": encoder + 0.002 * rng.standard_normal(),
                    "untrained": untrained,
                    "projection": projection,
                    "pixels": 0.9,
                }
            }
        )
        for _ in SEEDS
    ]


@pytest.mark.claim("C12u")
def test_c12u_wants_latents_that_beat_both_controls():
    found = claims.encoder_check(probes(0.93, 0.6, 0.78))
    assert found["learned"].value == pytest.approx(0.33, abs=0.003)
    assert found["projection"].value == pytest.approx(0.15, abs=0.003)
    assert set(verdicts("C12u", found).values()) == {"reproduced"}
    parts = verdicts("C12u", claims.encoder_check(probes(0.8, 0.6, 0.78)))
    assert (parts["learned"], parts["projection"]) == ("reproduced", "not reproduced")


def test_a_sweep_that_is_not_complete_is_refused():
    table, encoders = nets(), references(0.5)
    for part in (
        claims.sentence,
        claims.approach,
        claims.shed,
        lambda nets: claims.peak(nets, encoders),
        lambda nets: claims.disagreement(nets, encoders),
        lambda nets: claims.beyond(nets, encoders, "pixels"),
    ):
        with pytest.raises(ValueError, match="not complete"):
            part(table.drop(index=table.index[-1]))
        with pytest.raises(ValueError, match="duplicate"):
            part(pd.concat([table, table.tail(1)]))


def test_layers_of_nets_of_several_depths_are_no_array():
    with pytest.raises(ValueError, match="several lengths"):
        claims.by_layer(nets(), "cka encoder")
    rows = claims.by_layer(nets().query("depth == 3").iloc[::-1], "cka encoder")
    assert rows.shape == (6, 4)
    assert rows[0].tolist() == nets().query("depth == 3 and seed == 0")["cka encoder"].iloc[0]

"""The statistics of A0 and A0b on made-up nets whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from judging import verdicts
from study_a import TINY

from strata.experiments import feature_truth
from strata.experiments import feature_truth_claims as claims
from strata.experiments.feature_truth import COLOUR, LAST, NOISE, WHERE
from strata.runs.result import Result

SEEDS = range(5)
ANSWERS = {
    # complexity with means, in cells, R² from the pixels
    "hue": (0.05, 0.05, 0.95),
    "level": (0.03, 0.03, 0.98),
    "x": (0.8, 0.1, 0.85),
    "y": (0.7, 0.1, 0.86),
    "axis": (0.5, 0.4, 0.6),
    "shape": (0.6, 0.55, 0.1),
    "order": (0.9, 0.8, 0.0),
    COLOUR: (0.02, 0.02, 1.0),
    WHERE: (0.05, 0.04, 0.7),
    NOISE: (1.0, 1.0, 0.0),
    LAST: (0.96, 0.96, 0.0),
}


def rows(data="shapes", width=8, **changes):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        [
            {
                "data": data,
                "width": width,
                "seed": seed,
                "name": name,
                "complexity": kappa + 0.005 * rng.standard_normal(),
                "in_cells": cells + 0.005 * rng.standard_normal(),
                "lowpass": lowpass,
            }
            for seed in SEEDS
            for name, (kappa, cells, lowpass) in (ANSWERS | changes).items()
        ]
    )


@pytest.mark.claim("A0")
def test_a0_holds_where_all_is_as_it_should_be():
    found = claims.ground_truth(rows())
    assert set(verdicts("A0", found).values()) == {"reproduced"}
    assert found["position"].value == pytest.approx(0.65, abs=0.01)


@pytest.mark.claim("A0")
@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("colour", {COLOUR: (0.3, 0.3, 1.0)}),
        ("hue", {"hue": (0.7, 0.7, 0.95)}),
        ("last", {LAST: (0.5, 0.5, 0.0)}),
        ("noise", {NOISE: (0.8, 0.8, 0.0)}),
        ("position", {"x": (0.2, 0.1, 0.85), "y": (0.2, 0.15, 0.86)}),
    ],
)
def test_a0_names_the_part_that_fails(part, changes):
    found = verdicts("A0", claims.ground_truth(rows(**changes)))
    assert found.pop(part) == "not reproduced"
    assert found.pop("all") == "not reproduced"
    assert set(found.values()) == {"reproduced"}


@pytest.mark.claim("A0")
def test_a0_refuses_an_order_upside_down():
    factors = [name for name in ANSWERS if name not in claims.MADE_UP]
    changes = {n: (ANSWERS[n][0], ANSWERS[n][1], ANSWERS[n][1]) for n in factors}
    assert verdicts("A0", claims.ground_truth(rows(**changes)))["order"] == "not reproduced"


@pytest.mark.claim("A0b")
def test_a0b_takes_and_refuses_read_outs_that_see_the_place():
    assert set(verdicts("A0b", claims.any_read_out(rows())).values()) == {"reproduced"}
    found = verdicts("A0b", claims.any_read_out(rows(**{WHERE: (0.6, 0.03, 0.7)})))
    assert (found["pooled"], found["cells"]) == ("not reproduced", "reproduced")


def test_nets_on_shapes_of_the_usual_width_are_judged():
    other = rows(**{NOISE: (0.0, 0.0, 0.0)})
    everything = pd.concat([other.assign(data="cifar10"), rows(), other.assign(width=16)])
    assert claims.ground_truth(everything) == claims.ground_truth(rows())
    with pytest.raises(ValueError, match="shapes"):
        claims.ground_truth(other.assign(data="cifar10"))


def test_curves_say_what_became_of_something():
    up, down, level = np.linspace(0, 0.9, 16), np.linspace(0.9, 0, 16), np.full(16, 0.5)
    assert [claims.fate(c) for c in (up, down, level, np.zeros(16), level - 0.4)] == [
        "kept",
        "dropped on the way",
        "kept",
        "never found",
        "never found",
    ]


def test_a_table_has_a_row_for_each_net_and_thing():
    fields = feature_truth.Parameters.model_fields
    points = feature_truth.Parameters(**{n: v for n, v in TINY.items() if n in fields}).points()
    names, rng = list(ANSWERS), np.random.default_rng(0)
    shapes = dict.fromkeys(("r2_1", "r2_2", "untrained_r2"), (16, len(names)))
    results = [
        Result(
            {"names": names, "added": 0.1},
            {n: rng.random(size) for n, size in (shapes | {"lowpass_r2": (len(names),)}).items()},
        )
        for _ in points
    ]
    found = claims.table(points, results)
    assert len(found) == 2 * len(names)
    row = found[(found["seed"] == 1) & (found["name"] == "x")].iloc[0]
    arrays, i = results[1].arrays, names.index("x")
    assert row["complexity"] == pytest.approx(1 - arrays["r2_1"][:, i].mean())
    assert row["in_cells"] == pytest.approx(1 - arrays["r2_2"][:, i].mean())
    assert row["untrained"] == pytest.approx(1 - arrays["untrained_r2"][:, i].mean())
    assert row["lowpass"] == arrays["lowpass_r2"][i]
    assert row["curve"].tolist() == arrays["r2_1"][:, i].tolist()
    assert claims.ground_truth(found)["noise"].n == 2

"""The statistics of C11 and C11b on made-up tables whose answer is known."""

import numpy as np
import pandas as pd
import pytest
from judging import verdicts

from strata.experiments import rich_lazy
from strata.experiments import rich_lazy_claims as claims
from strata.runs.result import Result

SCALES = (1.0, 10.0, 100.0)


def nets(**columns: object) -> pd.DataFrame:
    """Six seeds; a column is a function of recipe and scale in setting A, and wrong in C.

    Every seed has an offset of its own, which pairing takes out, and small noise.
    """
    points = rich_lazy.Parameters(
        lazy_settings=["A", "C"],
        lazy_scales=list(SCALES),
        lazy_seeds=6,
        lazy_samples=20,
        lazy_width=2,
        lazy_depth=3,
        lazy_epochs=1,
        lazy_learning_rate=0.1,
        lazy_momentum=0.0,
    ).points()
    rng = np.random.default_rng(0)
    results = []
    for p in points:
        metrics = {}
        for name, shape in columns.items():
            value = np.asarray(shape(p.recipe, p.scale) if p.setting == "A" else 77.0)
            noisy = value + 0.002 * rng.normal(size=value.shape)
            if name == "ranks":
                noisy = noisy + p.seed
            metrics[name] = noisy.tolist()
        results.append(Result(metrics))
    order = rng.permutation(len(points))
    return claims.table([points[i] for i in order], [results[i] for i in order])


def ranks(rich: float, lazy: float):
    """Ranks of the input, the hidden maps z_0 to z_2, and the logits; the ends do not count."""

    def of(recipe: str, scale: float | None) -> list[float]:
        level = {1.0: rich, 100.0: lazy}.get(scale, 50.0)
        return [99.0, level - 1, level, level + 1, -99.0]

    return of


def kernel(rich: float, lazy: float):
    return lambda recipe, scale: {1.0: rich, 100.0: lazy}.get(scale, 0.0)


@pytest.mark.claim("C11")
def test_c11_wants_more_rank_in_rich_nets_and_nets_that_are_rich_and_lazy():
    found = claims.rich_rank(nets(ranks=ranks(3.0, 2.5), kernel_change=kernel(5.0, 0.05)))
    assert found["rank"].value == pytest.approx(0.5, abs=0.01)
    assert found["lazy_kernel"].value == pytest.approx(0.05, abs=0.01)
    assert found["rich_kernel"].value == pytest.approx(5.0, abs=0.01)
    assert {e.n for e in found.values()} == {6}
    assert verdicts("C11", found)["all"] == "reproduced"


@pytest.mark.claim("C11")
def test_c11_refuses_fewer_ranks_lazy_rich_nets_and_lazy_nets_that_moved():
    found = claims.rich_rank(nets(ranks=ranks(2.5, 3.0), kernel_change=kernel(0.5, 0.6)))
    assert set(verdicts("C11", found).values()) == {"not reproduced"}


@pytest.mark.claim("C11")
def test_c11_compares_within_a_seed():
    """The seeds' ranks differ by whole units, and the interval of the difference does not."""
    found = claims.rich_rank(nets(ranks=ranks(3.0, 2.9), kernel_change=kernel(5.0, 0.05)))
    assert found["rank"].high - found["rank"].low < 0.02


@pytest.mark.claim("C11b")
def test_c11b_wants_a_net_that_fits_and_is_near_its_start():
    def table(error: float, distance: float) -> pd.DataFrame:
        def of(value: float):
            return lambda recipe, scale: value if recipe == "linearised" else 55.0

        return nets(train_error_restored=of(error), relative_distance=of(distance))

    found = claims.study_recipe(table(0.01, 0.03))
    assert (found["error"].value, found["distance"].value) == pytest.approx((0.01, 0.03), abs=0.005)
    assert verdicts("C11b", found)["all"] == "reproduced"
    far = verdicts("C11b", claims.study_recipe(table(0.01, 0.8)))
    assert (far["error"], far["distance"], far["all"]) == (
        "reproduced",
        "not reproduced",
        "not reproduced",
    )
    wrong = verdicts("C11b", claims.study_recipe(table(0.3, 0.03)))
    assert (wrong["error"], wrong["all"]) == ("not reproduced", "not reproduced")


def test_the_scales_grow_from_left_to_right():
    wide = claims.by_scale(nets(loss=lambda recipe, scale: scale or 5.0), "loss")
    assert wide.shape == (6, 3)
    assert wide.mean(axis=0) == pytest.approx(SCALES, abs=0.01)


def test_a_missing_net_is_an_error_and_not_a_smaller_sample():
    table = nets(kernel_change=kernel(5.0, 0.05))
    hole = (table["setting"] == "A") & (table["scale"] == 10) & (table["seed"] == 3)
    with pytest.raises(ValueError, match="not complete"):
        claims.by_scale(table[~hole], "kernel_change")
    with pytest.raises(ValueError, match="no linearised net of setting A"):
        claims.study_recipe(table[table["recipe"] == "scaled"])

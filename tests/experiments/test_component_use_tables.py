"""From results to a table of nets and orders, and from it to arrays."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from use_tables import SHAPE, table

from strata.experiments import component_use_tables as tables
from strata.experiments.component_use import STUDENTS
from strata.runs.result import Result


def test_a_cube_has_its_axes_growing_whatever_the_order_of_the_rows():
    values = np.random.default_rng(0).normal(size=SHAPE)
    nets = table(gain=values).sample(frac=1, random_state=0)
    assert (tables.cube(nets, "gain") == values).all()


def test_a_table_with_a_net_missing_twice_or_of_two_data_sets_is_an_error():
    nets = table(gain=np.zeros(SHAPE))
    with pytest.raises(ValueError, match="not complete"):
        tables.cube(nets[1:], "gain")
    with pytest.raises(ValueError, match="twice"):
        tables.cube(pd.concat([nets, nets[:1]]), "gain")
    with pytest.raises(ValueError, match="one data set"):
        tables.cube(pd.concat([nets, table("b", gain=np.zeros(SHAPE))]), "gain")


def point(name: str, seed: int, size: int | None = None) -> SimpleNamespace:
    targets = SimpleNamespace(data=SimpleNamespace(name=name, size=size), seed=seed)
    return SimpleNamespace(targets=targets, settings=SimpleNamespace(orders=(4, 7)))


def measured(offset: float, depth: int, *, warm: bool = True) -> Result:
    """Two nets and two orders; every number tells where it comes from."""
    numbers = np.array([[1.0, 2.0], [3.0, 4.0]]) + offset
    effects = ("phi_train", "phi_test", "effectiveness", "overfitting")
    kinds = STUDENTS if warm else STUDENTS[:2]
    apart = [kind for kind in kinds if kind != "_own"]
    names = [
        name + about + kind for kind in apart for name in effects for about in ("", "_centred")
    ]
    names += [name + kind for kind in kinds for name in ("accuracy", "loss", "residual")]
    arrays = {name: numbers + 10 * i for i, name in enumerate(names)}
    arrays |= {"net_accuracy": np.array([0.5, 0.25]), "net_loss": np.array([100.0, 200.0])}
    targets = [{"depth": depth, "samples": n} for n in (30, 60)]
    return Result(metrics={"targets": targets}, arrays=arrays)


def test_the_table_has_every_net_and_order_with_its_numbers():
    points = [point("x", 0), point("x", 1), point("y", 0, size=16)]
    results = [measured(0, 8), measured(0.5, 8), measured(0, 20, warm=False)]
    nets = tables.table(points, results)
    assert len(nets) == 3 * 2 * 2
    assert [rows["data"].iloc[0] for rows in tables.data_sets(nets)] == ["x", "y"]
    row = nets[(nets["seed"] == 1) & (nets["samples"] == 60) & (nets["order"] == 7)].iloc[0]
    arrays = results[1].arrays
    assert row["phi_train"] == 4.5
    for name in ("effectiveness_centred", "phi_test_warm", "overfitting_centred_warm"):
        assert row[name] == arrays[name][1, 1]
    assert row["net"] == 25
    for kind in STUDENTS:
        assert row[f"gain{kind}"] == 100 * (arrays[f"accuracy{kind}"][1, 1] - 0.25)
        assert row[f"fall{kind}"] == 200 - arrays[f"loss{kind}"][1, 1]
        assert row[f"residual{kind}"] == arrays[f"residual{kind}"][1, 1]
    images = nets[nets["data"] == "y"]
    absent = ["gain_warm", "fall_warm", "residual_warm", "effectiveness_warm"]
    assert images[absent].isna().all(axis=None)
    assert images["gain_own"].notna().all()


def test_relus_are_those_on_the_way_to_the_feature():
    nets = tables.table([point("x", 0), point("y", 0, size=16)], [measured(0, 8), measured(0, 20)])
    assert [tables.relus(rows).tolist() for rows in tables.data_sets(nets)] == [[8], [18]]


def test_the_nearest_order_is_so_by_ratio():
    """Of 1, 2, 4, 7 and 13: 8 / 7 is less than 13 / 8, and of 1 and 2 the square root of 2 is 1."""
    assert tables.nearest(table(), [8, 10, 100, 2**0.5 - 1e-9]).tolist() == [3, 4, 4, 0]

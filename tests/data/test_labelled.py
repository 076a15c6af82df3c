"""Labelled images by name: which are held out, and what is known of them."""

import numpy as np
import pytest
from own_images import write_own

from strata.data.images.location import MissingDataError
from strata.data.labelled import SHAPES_TASK, held_out_images, train_and_held_out
from strata.data.shapes import make_shapes, task


def _rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_shapes_are_one_draw_cut_in_two() -> None:
    drawn = make_shapes(50, _rng(), size=16)
    labels, classes = task(drawn, *SHAPES_TASK)
    found = train_and_held_out("shapes", 30, 20, _rng(), size=16)
    parts = (found.train, found.held_out)
    assert [len(part) for part in parts] == [30, 20]
    assert {part.classes for part in parts} == {classes}
    np.testing.assert_array_equal(np.concatenate([p.images for p in parts]), drawn.images)
    np.testing.assert_array_equal(np.concatenate([p.labels for p in parts]), labels)
    for name, values in drawn.factors.items():
        np.testing.assert_array_equal(found.factors[name], values[30:])


def test_held_out_photographs_are_test_images(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("STRATA_IMAGES", str(write_own(tmp_path / "mine.npz")))
    found = train_and_held_out("own", 9, 6, _rng(), size=16)
    assert found.train.images.max() < 100 <= found.held_out.images.min()
    assert (len(found.train), len(found.held_out), found.factors) == (9, 6, {})
    alone = held_out_images("own", 6, _rng(), size=16)
    assert alone.images.min() >= 100
    assert alone.source == found.train.source


def test_a_set_that_is_not_here_is_not_replaced(monkeypatch) -> None:
    monkeypatch.delenv("STRATA_DATA", raising=False)
    with pytest.raises(MissingDataError):
        held_out_images("cifar10", 5, _rng(), size=32)

"""The map of a dictionary keeps neighbours together and is the same each time."""

import numpy as np
import pytest

from strata.atlas import layout
from strata.atlas import places as places_module


def bundles(bundle: int = 8, directions: int = 4, noise: float = 0.02) -> np.ndarray:
    """Atoms in a few bundles of directions that are far from each other."""
    noises = np.random.default_rng(0).normal(size=(bundle * directions, 16))
    return np.repeat(np.eye(directions, 16), bundle, axis=0) + noise * noises


def test_the_same_atoms_get_the_same_bits():
    assert layout(bundles(), seed=3).tobytes() == layout(bundles(), seed=3).tobytes()


def test_the_same_atoms_get_the_same_bits_where_far_atoms_are_grouped(monkeypatch):
    monkeypatch.setattr(places_module, "EXACT", 250)
    atoms = np.random.default_rng(0).normal(size=(251, 4))
    first, second = layout(atoms, seed=0), layout(atoms, seed=0)
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    "atoms",
    [
        bundles(),
        np.eye(4),
        np.random.default_rng(1).normal(size=(30, 2)),
        np.vstack([np.zeros((3, 5)), np.eye(5)]),
        np.outer(np.arange(1.0, 7.0), [1.0, 2.0, 3.0]),
        np.repeat(np.eye(3), 4, axis=0),
    ],
    ids=["bundles", "fewest", "plane", "dead", "parallel", "repeated"],
)
def test_it_fills_the_unit_square(atoms):
    places = layout(atoms, seed=0)
    assert places.shape == (len(atoms), 2)
    assert places.dtype == np.float64
    assert places.min() >= 0
    assert places.max() <= 1
    assert np.ptp(places, axis=0).max() == pytest.approx(1)
    assert (places.min(axis=0) + places.max(axis=0)) / 2 == pytest.approx(0.5)


def test_the_nearest_neighbours_are_of_the_same_bundle():
    places = layout(bundles(), seed=0)
    gaps = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(gaps, np.inf)
    assert (gaps.argmin(axis=1) // 8 == np.arange(32) // 8).all()


def test_equal_atoms_stand_in_the_middle():
    assert (layout(np.ones((5, 3)), seed=0) == 0.5).all()


@pytest.mark.parametrize("shape", [(3, 5), (9, 1), (9,), (2, 5, 5)])
def test_too_little_for_a_map(shape):
    with pytest.raises(ValueError, match="at least 4 atoms"):
        layout(np.ones(shape), seed=0)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_atoms_are_finite(number):
    atoms = np.eye(5)
    atoms[0, 0] = number
    with pytest.raises(ValueError, match="finite"):
        layout(atoms, seed=0)

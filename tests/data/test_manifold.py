"""The hidden manifold: what is known of it by construction."""

import numpy as np
import pytest

from strata.data.manifold import World, hidden_manifold


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_same_state_gives_the_same_bits() -> None:
    a, b = hidden_manifold(50, rng()), hidden_manifold(50, rng())
    assert np.array_equal(a.x, b.x)
    assert np.array_equal(a.y, b.y)
    assert len(a) == 50


def test_samples_share_the_world() -> None:
    """The first sample's rule labels the second one: both are nearest-neighbour consistent."""
    one, two = hidden_manifold(20_000, rng(1)), hidden_manifold(300, rng(2))
    nearest = [int(np.square(one.latents - c).sum(axis=1).argmin()) for c in two.latents]
    assert (one.y[nearest] == two.y).mean() > 0.4
    assert (one.y[:300] == two.y).mean() < 0.2


def test_inputs_are_a_function_of_the_latents() -> None:
    sample = hidden_manifold(4000, rng())
    argument = np.arctanh(np.clip(sample.x, -1 + 1e-12, 1 - 1e-12))
    singular = np.linalg.svd(argument, compute_uv=False)
    assert (singular[:6] > 1).all()
    assert singular[6] < 1e-6 * singular[0]


def test_latents_are_standard_normal() -> None:
    latents = hidden_manifold(50_000, rng()).latents
    assert np.abs(latents.mean(axis=0)).max() < 0.02
    assert np.abs(np.cov(latents.T) - np.eye(6)).max() < 0.03


def test_no_class_is_rare() -> None:
    counts = np.bincount(hidden_manifold(20_000, rng()).y, minlength=10) / 20_000
    assert counts.min() > 0.02
    assert counts.max() < 0.25


def test_another_world_has_other_inputs_and_labels() -> None:
    here, there = (hidden_manifold(500, rng(), World(seed=seed)) for seed in (0, 1))
    assert np.array_equal(here.latents, there.latents)
    assert not np.allclose(here.x, there.x)
    assert (here.y == there.y).mean() < 0.5


def test_a_world_of_other_sizes() -> None:
    sample = hidden_manifold(100, rng(), World(inputs=7, latents=2, classes=3, hidden=5, layers=1))
    assert sample.x.shape == (100, 7)
    assert sample.latents.shape == (100, 2)
    assert set(sample.y.tolist()) <= {0, 1, 2}


@pytest.mark.parametrize("wrong", ["inputs", "latents", "hidden", "layers", "classes"])
def test_impossible_worlds_are_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        hidden_manifold(10, rng(), World(**{wrong: 0}))
    with pytest.raises(ValueError, match="n "):
        hidden_manifold(0, rng())

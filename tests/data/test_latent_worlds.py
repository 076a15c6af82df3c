"""The hidden manifold of the depth study: what is known of it by construction."""

from dataclasses import replace

import numpy as np
import pytest

from strata.data import latent_worlds
from strata.data.latent_worlds import (
    LEAST_SHARE,
    LatentSample,
    LatentWorld,
    draw_latents,
    latent_sample,
)

OWN = LatentWorld(latents="normal", relevant=4, irrelevant=3, inputs=20, teacher="even")


def draw(world: LatentWorld, n: int = 200, seed: int = 0) -> LatentSample:
    return latent_sample(n, np.random.default_rng(seed), world)


def weights(world: LatentWorld) -> np.ndarray:
    """What a linear score takes of each latent, solved from a sample."""
    sample = draw(world)
    return np.linalg.lstsq(sample.latents, sample.score, rcond=None)[0]


def test_the_same_state_gives_the_same_bits() -> None:
    one, two = draw(OWN), draw(OWN)
    assert np.array_equal(one.x, two.x)
    assert np.array_equal(one.score, two.score)
    assert len(one) == 200


def test_a_linear_decoder_gives_every_latent_the_same_share_of_the_input() -> None:
    sample = draw(OWN)
    mixing = np.linalg.lstsq(sample.latents, sample.x, rcond=None)[0]
    assert np.allclose(sample.latents @ mixing, sample.x)
    assert np.allclose((mixing**2).sum(axis=1), OWN.inputs / 7)


@pytest.mark.parametrize(("name", "gain"), [("tanh", 1), ("tanh-third", 1 / 3)])
def test_the_other_decoders_work_on_the_same_mixture(name: str, gain: float) -> None:
    plain, bent = draw(OWN), draw(replace(OWN, decoder=name))
    assert np.array_equal(plain.latents, bent.latents)
    assert np.array_equal(plain.score, bent.score)
    assert np.allclose(np.arctanh(bent.x), gain * plain.x)


def test_two_layers_hide_the_latents_from_a_linear_read_out() -> None:
    sample = draw(replace(OWN, decoder="layers", inputs=60), n=4000)
    fitted = np.linalg.lstsq(sample.x, sample.latents, rcond=None)[0]
    left = np.square(sample.latents - sample.x @ fitted).mean()
    assert 0.03 < left < 0.6
    assert np.abs(sample.x).max() < 1


def test_two_layers_are_the_second_on_top_of_the_first() -> None:
    """With the first layer known, the argument of the second is linear in its output."""
    sample = draw(replace(OWN, decoder="layers"), n=400)
    first = np.tanh(2 * draw(OWN, n=400).x)
    second = np.linalg.lstsq(first, np.arctanh(sample.x), rcond=None)[0]
    assert np.allclose(np.tanh(first @ second), sample.x)


def test_the_teacher_reads_the_relevant_latents_only() -> None:
    found = weights(OWN)
    assert np.allclose(np.abs(found[:4]), 1)
    assert np.allclose(found[4:], 0)
    gaussian = weights(replace(OWN, teacher="linear"))
    assert len(np.unique(np.abs(gaussian[:4]).round(6))) == 4
    assert np.allclose(gaussian[4:], 0)


def test_of_products_no_latent_tells_anything_alone() -> None:
    sample = draw(replace(OWN, teacher="products"), n=20_000)
    c = sample.latents
    pairs = np.stack([c[:, 0] * c[:, 1], c[:, 2] * c[:, 3]], axis=1)
    found = np.linalg.lstsq(pairs, sample.score, rcond=None)[0]
    assert np.allclose(np.abs(found), 1)
    assert np.allclose(pairs @ found, sample.score)
    assert np.abs(np.corrcoef(c.T, sample.y)[-1, :-1]).max() < 0.03


def test_labels_are_signs_of_the_score() -> None:
    sample = draw(OWN)
    assert np.array_equal(sample.y, np.sign(sample.score))
    assert np.array_equal(sample.classes, sample.y == 1)


@pytest.mark.parametrize("teacher", ["linear", "even", "products"])
@pytest.mark.parametrize("latents", ["bernoulli", "normal"])
def test_no_class_is_rare(teacher: str, latents: str) -> None:
    for seed in range(10):
        world = LatentWorld(latents=latents, inputs=3, teacher=teacher, seed=seed)
        share = (draw(world, 4000).y > 0).mean()
        assert LEAST_SHARE - 0.03 < share < 1 - LEAST_SHARE + 0.03


def test_without_redrawing_a_class_would_be_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pitfall of the study: one teacher in five leaves a class under a tenth."""
    monkeypatch.setattr(latent_worlds, "LEAST_SHARE", 0.0)
    worlds = [LatentWorld(inputs=1, seed=1000 + seed) for seed in range(100)]
    shares = np.array([(draw(world, 400).y > 0).mean() for world in worlds])
    assert 0.1 < (np.minimum(shares, 1 - shares) < 0.1).mean() < 0.35


def test_four_bernoulli_latents_make_sixteen_points() -> None:
    sample = draw(LatentWorld(inputs=8), n=2000)
    assert len(np.unique(sample.x.round(9), axis=0)) == 16
    assert set(np.unique(sample.latents)) == {0.0, 1.0}


def test_another_seed_has_another_decoder_and_the_same_latents() -> None:
    one, two = draw(OWN), draw(replace(OWN, seed=1))
    assert np.array_equal(one.latents, two.latents)
    assert not np.allclose(one.x, two.x)


def test_normal_latents_are_standard_normal() -> None:
    latents = draw_latents(50_000, np.random.default_rng(0), OWN)
    assert np.abs(latents.mean(axis=0)).max() < 0.02
    assert np.abs(np.cov(latents.T) - np.eye(7)).max() < 0.03


@pytest.mark.parametrize(
    ("name", "value"), [("relevant", 0), ("irrelevant", -1), ("inputs", 0), ("inputs", 2.5)]
)
def test_impossible_worlds_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        draw(replace(OWN, **{name: value}))


def test_products_need_pairs_and_a_sample_needs_points() -> None:
    with pytest.raises(ValueError, match="relevant must be even"):
        draw(replace(OWN, relevant=3, teacher="products"))
    with pytest.raises(ValueError, match="n must be"):
        draw(OWN, n=0)


def test_a_rule_that_no_teacher_fulfils_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent_worlds, "LEAST_SHARE", 0.51)
    with pytest.raises(ValueError, match="no teacher"):
        draw(replace(OWN, seed=77, inputs=2))

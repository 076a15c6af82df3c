"""Encoders of digits: what decides a point, and what its latents and controls are."""

import numpy as np
import pytest
from experimenting import assert_costs_grow, assert_repeats

from strata.experiments import digit_encoder
from strata.experiments.layer_latents import held_against
from strata.training.fitting import Budget
from strata.training.self_supervised import SelfSupervision


def config(seed=0, steps=6, **changes):
    budget = Budget(steps=steps, batch_size=40, first_rate=3e-3, last_rate=1e-4)
    values = {"seed": seed, "images": 260, "test": 100, "size": 6}
    return digit_encoder.Config(**values | changes, supervision=SelfSupervision(budget=budget))


@pytest.fixture(scope="module")
def result():
    return digit_encoder.run(config())


def test_the_same_point_gives_the_same_bits(result):
    assert_repeats(digit_encoder, config(), result)


def test_digits_are_balanced_drawn_by_the_seed_and_in_no_order():
    first, again, other = (digit_encoder.digits(config(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)
    assert np.bincount(first.labels).tolist() == [26] * 10
    assert len(set(first.labels[:40])) == 10
    assert first.images.min() == 0
    assert first.images.max() == 1
    assert len(np.unique(first.pixels, axis=0)) == 260
    assert digit_encoder.data_fingerprint(config()) != digit_encoder.data_fingerprint(config(1))


def test_held_out_digits_decide_nothing_of_the_training(monkeypatch, result):
    drawn = digit_encoder.digits(config())
    changed = drawn.images.copy()
    changed[-drawn.test :] = 1 - changed[-drawn.test :]
    monkeypatch.setattr(digit_encoder, "digits", lambda config: drawn._replace(images=changed))
    found = digit_encoder.run(config())
    for name in ("encoder", "untrained"):
        np.testing.assert_array_equal(found.arrays[name][:160], result.arrays[name][:160])
        assert not np.array_equal(found.arrays[name][160:], result.arrays[name][160:])
    np.testing.assert_array_equal(found.arrays["loss"], result.arrays["loss"])


def test_latents_within_classes_know_nothing_of_the_class(result):
    found = digit_encoder.latents(config(), result.arrays)
    assert tuple(found) == digit_encoder.LATENTS
    assert all(len(values) == 100 for values in found.values())
    labels = found["label"].argmax(axis=1)
    np.testing.assert_array_equal(labels, digit_encoder.digits(config()).labels[-100:])
    for digit in np.unique(labels):
        np.testing.assert_allclose(found["within"][labels == digit].mean(axis=0), 0, atol=1e-12)
    between = found["encoder"] - found["within"]
    total, parts = (values.var(axis=0) for values in (found["encoder"], between))
    np.testing.assert_allclose(total, parts + found["within"].var(axis=0))


def test_projections_are_linear_in_the_pixels_and_as_strong():
    pixels, projected = digit_encoder.digits(config()).pixels, digit_encoder.projections(config())
    assert projected.shape == (260, 6)
    many = digit_encoder.projections(config(size=400))
    strength = (many**2).mean() / (pixels**2).mean()
    assert strength == pytest.approx(1, abs=0.15)
    found = held_against([pixels], {"projection": projected})
    assert found["r2"]["projection"][0] > 0.85


def test_numbers_are_those_of_their_latents(result):
    assert set(result.metrics["probe"]) == {"encoder", "untrained", "projection", "pixels"}
    assert all(0 < share < 1 for share in result.metrics["probe"].values())
    assert result.metrics["probe"]["pixels"] > 0.5
    pixels, label = (digit_encoder.REFERENCES.index(name) for name in ("pixels", "label"))
    given = result.metrics["references"]
    assert given["cka"]["pixels"][pixels] == pytest.approx(1)
    assert given["covariance_ranks"][pixels] == result.metrics["ranks"]["pixels"]
    # A label predicts nothing of what is left when the class means are taken off.
    assert given["r2"]["within"][label] < 0.01
    assert given["cka_linear"]["within"][label] < 1e-9
    assert given["r2"]["label"][label] > 0.99
    assert result.arrays["loss"].shape == (6,)
    assert result.arrays["terms"].shape == (3, 6)


def test_views_show_the_first_digits_twice_and_differently():
    shown = digit_encoder.views(config(), 4)
    assert shown.shape == (2, 4, 28, 28)
    assert not np.array_equal(shown[0], shown[1])
    shown = digit_encoder.views(config(), 40).reshape(2, 40, -1)
    # Each view still overlaps with its own digit more than with another.
    overlap = shown @ digit_encoder.digits(config()).pixels[:40].T
    own = overlap.diagonal(axis1=1, axis2=2).mean(axis=1)
    assert (own > 1.3 * overlap.mean(axis=(1, 2))).all()


def test_costs_grow_with_the_training():
    assert_costs_grow(digit_encoder, config(), config(steps=60))

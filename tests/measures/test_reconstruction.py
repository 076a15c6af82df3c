"""Measures of reconstructions where their values are known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from strata.measures.reconstruction import CUT, hf, hpcorr, inverted, mem, pearson

SHAPE = (5, 3, 16, 16)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def images(rng):
    return rng.random(SHAPE)


def test_pearson_is_numpys_and_forgets_brightness_and_contrast(images, rng):
    other = images + rng.normal(size=SHAPE)
    wanted = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(images, other, strict=True)]
    np.testing.assert_allclose(pearson(images, other), wanted)
    scale, shift = rng.uniform(0.1, 5, (2, 5, 1, 1, 1))
    np.testing.assert_allclose(pearson(images, scale * other + shift), wanted)
    np.testing.assert_allclose(pearson(images, -images), -1)


def test_the_fine_part_is_what_two_blurs_take_away(images, rng):
    """A second formula: the kernel is separable, so two blurs are one with 5 x 5 taps."""
    tap = np.exp(-0.5)
    row = np.array([tap, 1, tap]) / (1 + 2 * tap)
    wide = np.outer(np.convolve(row, row), np.convolve(row, row))
    other = rng.random(SHAPE)

    def fine(pictures):
        # Mirrored once by a rim of two pixels, which is as good as twice by one.
        rims = np.pad(pictures, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(rims, (5, 5), axis=(2, 3))
        return pictures - np.einsum("ncijkl,kl->ncij", windows, wide)

    np.testing.assert_allclose(hpcorr(images, other), pearson(fine(images), fine(other)))


def test_hpcorr_sees_edges_and_not_tints(images, rng):
    np.testing.assert_allclose(hpcorr(images, 3 - 2 * images), -1)
    tints = rng.normal(size=(5, 3, 1, 1))
    np.testing.assert_allclose(hpcorr(images, images + tints), 1)
    assert (pearson(images, images + tints) < 0.9).all()
    smooth = gaussian_filter(rng.normal(size=SHAPE), (0, 0, 3, 3), mode="mirror")
    noisy = smooth / smooth.std() + 0.3 * rng.normal(size=SHAPE)
    assert (pearson(smooth, noisy) > 0.9).all()
    assert (hpcorr(smooth, noisy) < 0.5).all()


def test_noise_correlates_with_nothing(rng):
    a, b = rng.normal(size=(2, 200, 3, 16, 16))
    for measure in (pearson, hpcorr):
        found = measure(a, b)
        assert abs(found.mean()) < 4 * found.std() / np.sqrt(200)


def test_memory_counts_the_way_that_is_left(images, rng):
    start = rng.random(SHAPE)
    for left in (0.0, 0.3, 1.0):
        np.testing.assert_allclose(mem(images + left * (start - images), images, start), left)
    aside = rng.normal(size=SHAPE)
    way = start - images
    along = (aside * way).sum(axis=(1, 2, 3)) / (way**2).sum(axis=(1, 2, 3))
    aside -= along[:, None, None, None] * way
    np.testing.assert_allclose(mem(images + aside, images, start), 0, atol=1e-12)


def test_memory_of_descent_on_a_projection_is_its_null_share(images, rng):
    """Where a map keeps some pixels exactly, descent mends these and leaves the rest."""
    start = rng.random(SHAPE)
    kept = rng.random(SHAPE[1:]) < 0.5
    made = np.where(kept, images, start)
    way = (start - images) ** 2
    null = (way * ~kept).sum(axis=(1, 2, 3)) / way.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(mem(made, images, start), null)


@pytest.mark.parametrize("cycles", [1, 3, 4, 5, 8])
def test_a_wave_is_fine_or_it_is_not(cycles):
    """A plane wave of k cycles over 16 pixels, and one of k across and k down."""
    turns = 2 * np.pi * cycles * np.arange(16) / 16
    across = np.broadcast_to(np.cos(turns), (1, 2, 16, 16))
    assert hf(across) == pytest.approx(float(cycles / 16 > CUT))
    slanted = np.cos(turns[:, None] + turns)[None, None]
    assert hf(slanted) == pytest.approx(float(np.hypot(cycles, cycles) / 16 > CUT))


def test_the_power_of_noise_is_spread_evenly(rng):
    found = hf(rng.normal(size=(100, 3, 32, 32)))
    assert found.mean() == pytest.approx(1 - np.pi / 16, abs=0.01)


def test_power_of_two_waves_adds(rng):
    x = np.arange(16) / 16
    slow, fast = np.cos(2 * np.pi * x), np.cos(2 * np.pi * 7 * x)
    mixed = np.broadcast_to(3 * slow + 4 * fast + 5, (1, 1, 16, 16))
    assert hf(mixed) == pytest.approx(16 / 25)
    np.testing.assert_allclose(hf(-2 * mixed + 7), hf(mixed))


def test_inverted_needs_both_conditions():
    near, far = 0.5, 2.0
    assert inverted(near, far, 1.0, 1.0)
    for m_g, m_i in ((near, near), (far, far), (far, near), (1.0, far), (near, 1.0)):
        assert not inverted(m_g, m_i, 1.0, 1.0)
    shares = inverted(np.linspace(0, 2, 20), np.full((3, 20), 2.0), np.ones(20), 1.0)
    np.testing.assert_array_equal(shares.mean(axis=1), 0.5)


def test_a_batch_is_its_images_one_by_one(images, rng):
    other, start = rng.random((2, *SHAPE))
    for measure in (pearson, hpcorr):
        alone = [measure(images[i : i + 1], other[i : i + 1])[0] for i in range(5)]
        np.testing.assert_array_equal(measure(images, other), alone)
    alone = [hf(images[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(hf(images), alone, rtol=1e-14)
    alone = [mem(images[i : i + 1], other[i : i + 1], start[i : i + 1])[0] for i in range(5)]
    np.testing.assert_array_equal(mem(images, other, start), alone)


@pytest.mark.parametrize("measure", [pearson, hpcorr])
def test_what_are_no_pairs_of_images_is_refused(measure, images):
    for wrong, word in (
        (images[:, :, :8], "no pairs"),
        (images[0], r"\(n, c, h, w\)"),
        (np.where(images > 0.5, np.nan, images), "NaN"),
        (np.empty((0, 3, 4, 4)), "empty"),
    ):
        with pytest.raises(ValueError, match=word):
            measure(images, wrong)


def test_what_has_no_answer_is_refused(images):
    flat = np.full(SHAPE, 0.1)
    for measure in (pearson, hpcorr):
        with pytest.raises(ValueError, match="constant"):
            measure(images, flat)
    with pytest.raises(ValueError, match="constant"):
        hf(flat)
    with pytest.raises(ValueError, match="2 x 2"):
        hpcorr(images[..., :1], images[..., :1])
    with pytest.raises(ValueError, match="start is its original"):
        mem(images, images, images)
    for wrong in ((-1.0, 1.0, 1.0, 1.0), (1.0, 1.0, np.nan, 1.0)):
        with pytest.raises(ValueError, match="finite and not negative"):
            inverted(*wrong)

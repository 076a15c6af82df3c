"""Spatial statistics on maps whose values can be worked out."""

import itertools

import numpy as np
import pytest

from strata.measures.spatial import (
    high_frequency_share,
    lag_one_autocorrelation,
    phase_shuffled,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def as_maps(one):
    return np.asarray(one, dtype=float)[None, None]


def chessboard(h, w):
    return as_maps((-1.0) ** np.add.outer(np.arange(h), np.arange(w)))


def wave(h, w, down, across, phase=0.3):
    """A wave with whole numbers of periods down and across."""
    y, x = np.mgrid[:h, :w]
    return as_maps(np.cos(2 * np.pi * (down * y / h + across * x / w) + phase))


# -- neighbours ------------------------------------------------------------------------------------


@pytest.mark.parametrize("w", [3, 4, 8, 50])
def test_a_slope_is_one_along_its_lines_and_less_in_its_direction(w):
    slope = as_maps(np.arange(w) + np.zeros((5, 1)))
    along = (w - 3) / (w - 1)
    assert lag_one_autocorrelation(slope) == pytest.approx((1 + along) / 2)
    assert lag_one_autocorrelation(slope.swapaxes(2, 3)) == pytest.approx((1 + along) / 2)


@pytest.mark.parametrize(("h", "w"), [(2, 2), (4, 4), (6, 4), (16, 16)])
def test_a_chessboard_is_minus_one(h, w):
    assert lag_one_autocorrelation(chessboard(h, w)) == pytest.approx(-1)


def test_stripes_are_one_along_and_minus_one_across():
    stripes = as_maps(np.array([1.0, -1.0, 1.0, -1.0]) + np.zeros((4, 1)))
    assert lag_one_autocorrelation(stripes) == pytest.approx(0, abs=1e-12)


def test_the_mean_over_all_arrangements_of_any_numbers():
    # Exchangeable values have -1 / (N - 1) exactly: here all 720 arrangements on 2 x 3.
    values = [3.0, -1.0, 0.5, 0.0, 10.0, 4.0]
    arranged = np.array(list(itertools.permutations(values))).reshape(-1, 1, 2, 3)
    each = [lag_one_autocorrelation(one[None]) for one in arranged]
    assert np.mean(each) == pytest.approx(-1 / 5)
    assert lag_one_autocorrelation(arranged) == pytest.approx(-1 / 5)


def test_white_noise_has_that_value_on_four_by_four(rng):
    found = [lag_one_autocorrelation(rng.standard_normal((50, 4, 4, 4))) for _ in range(60)]
    error = np.std(found) / np.sqrt(60)
    assert abs(np.mean(found) + 1 / 15) < 4 * error
    assert error < 0.003


def test_long_waves_are_smooth():
    # Far from the edges: cos(2 pi / period) in the wave's direction, 1 along its lines.
    found = lag_one_autocorrelation(wave(400, 400, 0, 25))
    assert found == pytest.approx((1 + np.cos(2 * np.pi / 16)) / 2, abs=0.01)


def test_smoothing_raises_it(rng):
    noise = rng.standard_normal((20, 3, 8, 8))
    smooth = noise + np.roll(noise, 1, 2) + np.roll(noise, 1, 3)
    assert lag_one_autocorrelation(smooth) > 0.2 > lag_one_autocorrelation(noise)


# -- frequencies -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("down", "across", "high"),
    [(0, 1, 0), (1, 1, 0), (2, 0, 0), (2, 1, 1), (0, 3, 1), (4, 0, 1), (4, 4, 1)],
)
def test_a_wave_is_low_or_high(down, across, high):
    # On 8 x 8 the cut-off lies at 2 periods; the wave of 2 itself is low.
    assert high_frequency_share(wave(8, 8, down, across)) == pytest.approx(high, abs=1e-12)


def test_two_waves_share_by_their_power():
    both = 3 * wave(8, 8, 1, 0) + 4 * wave(8, 8, 0, 3)
    assert high_frequency_share(both) == pytest.approx(16 / 25)


@pytest.mark.parametrize(("size", "high"), [(4, 11), (8, 51), (16, 255 - 48)])
def test_white_noise_has_the_share_of_frequencies(size, high, rng):
    places = np.fft.fftfreq(size)
    radius = np.hypot(places[:, None], places)
    assert (radius > 0.25).sum() == high
    found = [high_frequency_share(rng.standard_normal((20, 2, size, size))) for _ in range(40)]
    error = np.std(found) / np.sqrt(40)
    assert abs(np.mean(found) - high / (size**2 - 1)) < 4 * error


def test_a_spot_has_all_frequencies_alike():
    spot = np.zeros((1, 1, 4, 4))
    spot[0, 0, 2, 1] = 7
    assert high_frequency_share(spot) == pytest.approx(11 / 15)


def test_cut_offs_at_the_ends(rng):
    maps = rng.standard_normal((3, 2, 5, 6))
    assert high_frequency_share(maps, 0) == pytest.approx(1)
    assert high_frequency_share(maps, np.sqrt(2)) == 0
    shares = [high_frequency_share(maps, c) for c in np.linspace(0, 1.5, 20)]
    assert (np.diff(shares) <= 0).all()


def test_a_slope_has_a_jump_at_its_edge():
    slope = as_maps(np.arange(4) + np.zeros((4, 1)))
    assert high_frequency_share(slope) == pytest.approx(1 / 5)  # power 8, 4, 8 at 1/4, 1/2, 3/4


# -- both ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", [lag_one_autocorrelation, high_frequency_share])
def test_means_and_one_scale_for_all_do_not_matter_and_constant_maps_do_not_count(measure, rng):
    maps = rng.standard_normal((4, 3, 5, 5))
    expected = measure(maps)
    assert measure(-7 * maps + rng.standard_normal((4, 3, 1, 1))) == pytest.approx(expected)
    constant = np.broadcast_to(rng.standard_normal((2, 3, 1, 1)), (2, 3, 5, 5))
    assert measure(np.concatenate([maps, constant])) == pytest.approx(expected)
    assert measure(maps[:, ::-1, ::-1].swapaxes(2, 3)) == pytest.approx(expected)


@pytest.mark.parametrize("measure", [lag_one_autocorrelation, high_frequency_share])
def test_maps_count_by_their_variance(measure, rng):
    a, b = rng.standard_normal((2, 1, 1, 4, 4))
    weights = np.array([a.var(), 9 * b.var()])
    expected = weights @ [measure(a), measure(b)] / weights.sum()
    assert measure(np.concatenate([a, 3 * b])) == pytest.approx(expected)


# -- surrogates ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("h", "w"), [(4, 4), (5, 7), (8, 5), (2, 6)])
def test_shuffled_phases_keep_the_power_and_little_else(h, w, rng):
    maps = rng.standard_normal((3, 2, h, w)).astype(np.float32) + 2
    found = phase_shuffled(maps, rng)
    assert found.dtype == np.float64
    exact = maps.astype(np.float64)
    np.testing.assert_allclose(
        np.abs(np.fft.fft2(found)), np.abs(np.fft.fft2(exact)), rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(found.mean(axis=(2, 3)), exact.mean(axis=(2, 3)), rtol=1e-12)
    np.testing.assert_allclose(found.var(axis=(2, 3)), exact.var(axis=(2, 3)), rtol=1e-9)
    assert not np.allclose(found, exact, atol=0.1)


def test_shuffled_phases_cannot_change_the_share_nor_the_neighbours_round_the_edge(rng):
    maps = rng.standard_normal((6, 2, 4, 4)).cumsum(axis=3)
    found = phase_shuffled(maps, rng)
    assert high_frequency_share(found) == pytest.approx(high_frequency_share(maps), rel=1e-9)

    def round_the_edge(x):
        z = x - x.mean(axis=(2, 3), keepdims=True)
        return sum((z * np.roll(z, 1, axis)).mean() for axis in (2, 3)) / 2 / np.square(z).mean()

    assert round_the_edge(found) == pytest.approx(round_the_edge(maps), rel=1e-9)
    assert lag_one_autocorrelation(found) != pytest.approx(lag_one_autocorrelation(maps))


def test_shuffled_phases_blur_a_spot_and_differ_by_map_and_draw(rng):
    spots = np.zeros((2, 2, 8, 8))
    spots[..., 3, 4] = 1
    found = phase_shuffled(spots, np.random.default_rng(0))
    assert np.abs(found).max() < 0.6
    assert np.abs(found[0, 0] - found[1, 0]).max() > 0.05
    assert np.abs(found[0, 0] - found[0, 1]).max() > 0.05
    np.testing.assert_array_equal(found, phase_shuffled(spots, np.random.default_rng(0)))


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "maps",
    [
        np.ones((4, 4)),
        np.empty((0, 1, 4, 4)),
        np.arange(4.0).reshape(1, 1, 1, 4),
        np.ones((2, 1, 4, 4)),
        np.full((1, 1, 4, 4), np.nan),
    ],
)
def test_faults_are_refused(maps, rng):
    for measure in (
        lag_one_autocorrelation,
        high_frequency_share,
        lambda m: phase_shuffled(m, rng),
    ):
        with pytest.raises(ValueError, match=r"must|NaN"):
            measure(maps)


def test_a_negative_cut_off_is_refused(rng):
    with pytest.raises(ValueError, match="negative"):
        high_frequency_share(rng.standard_normal((1, 1, 4, 4)), -0.1)

"""Core and spurious features: draws against the moments of their formulas, and what shifts do."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.data.fingerprint import fingerprint
from strata.data.spurious import conflicting, core_spurious, slide_setting, yin_yang_spurious
from strata.data.toy import TASKS, Toy
from strata.measures.soft_ranks import covariance_rank

N = 50_000
FIVE = 5 / math.sqrt(N)
"""Five standard errors of the mean of N draws of variance 1: by chance 6 in ten million."""

PLAIN = {"agreement": 0.9, "core_strength": 0.25, "core_mean": 2.0, "core_noise": 0.2}
NOISY = {"agreement": 0.7, "core_strength": 3.0, "core_mean": 0.5, "core_noise": 1.5}
SHIFTED = [("none", 0.8), ("flipped", 0.2), ("uncorrelated", 0.5)]
DRAWS = {
    "core-spurious": lambda rng: core_spurious(500, rng, noise_dims=4, rotation=10.0),
    "slide": lambda rng: slide_setting("B", 500, rng),
    "yin-yang": lambda rng: yin_yang_spurious(500, rng),
}


def _rng(seed=0):
    return np.random.default_rng(seed)


def share_is(found, probability):
    """Whether a mean of N draws of 0 and 1 is within five standard errors."""
    found = np.mean(found)
    return abs(found - probability) <= FIVE * math.sqrt(probability * (1 - probability))


# -- core and spurious columns ---------------------------------------------------------------------


def test_the_default_columns_are_those_of_the_study():
    # x_c = 0.25 (2 y + 0.2 e), x_s = 6 s + 0.5 e'.
    toy = core_spurious(N, _rng(1))
    y, s = toy.factors["core"], toy.factors["spurious"]
    e = np.stack([(toy.x[:, 0] - 0.5 * y) / 0.05, (toy.x[:, 1] - 6 * s) / 0.5])
    assert toy.x.shape == (N, 2)
    assert np.abs(e.mean(axis=1)).max() < FIVE
    assert np.abs(e.var(axis=1) - 1).max() < math.sqrt(2) * FIVE  # var(e^2) = 2
    for one, other in [(e[0], e[1]), *((noise, sign) for noise in e for sign in (y, s))]:
        assert abs(np.mean(one * other)) < FIVE
    assert share_is(y == 1, 0.5)
    assert share_is(y == s, 0.9)
    # The core column alone separates the classes: ±0.5 with noise 0.05.
    assert np.array_equal(np.sign(toy.x[:, 0]), y)


@pytest.mark.parametrize("core", [PLAIN, NOISY])
@pytest.mark.parametrize(("strength", "noise"), [(6.0, 0.5), (1.0, 2.0)])
def test_columns_have_the_variances_and_the_correlation_of_their_formula(core, strength, noise):
    toy = core_spurious(N, _rng(2), **core, spurious_strength=strength, spurious_noise=noise)
    signal = (core["core_strength"] * core["core_mean"]) ** 2
    variance = np.array(
        [signal + (core["core_strength"] * core["core_noise"]) ** 2, strength**2 + noise**2]
    )
    shares = np.array([signal, strength**2]) / variance
    assert np.abs(toy.x.mean(axis=0) / np.sqrt(variance)).max() < FIVE
    # The fourth moment of (signal + noise) over variance^2 is 3 - 2 share^2.
    kurtosis = 3 - 2 * shares**2
    assert (np.abs(toy.x.var(axis=0) / variance - 1) < FIVE * np.sqrt(kurtosis - 1)).all()
    correlation = (2 * core["agreement"] - 1) * math.sqrt(shares.prod())
    standardised = (toy.x / np.sqrt(variance)).prod(axis=1)
    assert abs(standardised.mean() - correlation) < FIVE * standardised.std()


@pytest.mark.parametrize(("shift", "expected"), SHIFTED)
@pytest.mark.parametrize(
    "draw",
    [
        lambda shift: core_spurious(N, _rng(3), agreement=0.8, shift=shift),
        lambda shift: yin_yang_spurious(N, _rng(3), agreement=0.8, shift=shift),
    ],
)
def test_a_shift_changes_the_share_of_conflicting_samples(draw, shift, expected):
    toy = draw(shift)
    assert share_is(conflicting(toy), 1 - expected)
    # Alike in both classes.
    for label in (-1, 1):
        part = conflicting(toy)[toy.y == label]
        assert abs(part.mean() - (1 - expected)) < 5 * math.sqrt(0.25 / len(part))


@pytest.mark.parametrize("draw", [core_spurious, yin_yang_spurious])
def test_full_agreement_never_conflicts_and_none_always_does(draw):
    for agreement, shift, share in [(1, "none", 0), (0, "none", 1), (1, "flipped", 1)]:
        toy = draw(300, _rng(), agreement=agreement, shift=shift)
        assert conflicting(toy).mean() == share


def test_one_seed_gives_one_set_of_points_under_every_shift_and_strength():
    plain = core_spurious(400, _rng())
    for changes in ({"shift": "flipped"}, {"core_strength": 0.01}, {"noise_dims": 7}):
        other = core_spurious(400, _rng(), **changes)
        assert np.array_equal(other.y, plain.y)
        scale = changes.get("core_strength", 0.25) / 0.25
        assert other.x[:, 0] == pytest.approx(plain.x[:, 0] * scale, rel=1e-14)
        noise = other.x[:, 1] - 6 * other.factors["spurious"]
        assert noise == pytest.approx(plain.x[:, 1] - 6 * plain.factors["spurious"], abs=1e-14)


def test_noise_columns_are_independent_noise_of_their_strength():
    toy = core_spurious(N, _rng(4), noise_dims=3, noise_strength=0.1)
    e = toy.x[:, 2:] / 0.1
    moments = e.T @ e / N
    assert np.abs(e.mean(axis=0)).max() < FIVE
    assert np.abs(moments - np.eye(3)).max() < math.sqrt(2) * FIVE
    for signal in (toy.y, toy.factors["spurious"], toy.x[:, 0] / toy.x[:, 0].std()):
        assert np.abs(signal @ e / N).max() < FIVE


@given(st.floats(-720, 720))
def test_rotation_is_a_rotation_of_the_first_two_columns(degrees):
    plain = core_spurious(50, _rng(), noise_dims=2)
    turned = core_spurious(50, _rng(), noise_dims=2, rotation=degrees)
    assert np.array_equal(turned.x[:, 2:], plain.x[:, 2:])
    assert np.array_equal(turned.y, plain.y)
    norms = [np.linalg.norm(toy.x[:, :2], axis=1) for toy in (turned, plain)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-12)
    # In the complex plane, a turn back by the same angle.
    points = [toy.x[:, 0] + 1j * toy.x[:, 1] for toy in (turned, plain)]
    assert points[0] * np.exp(-1j * np.radians(degrees)) == pytest.approx(points[1], abs=1e-12)


def test_a_quarter_turn_moves_the_core_onto_the_second_axis():
    plain, turned = core_spurious(50, _rng()), core_spurious(50, _rng(), rotation=90.0)
    assert turned.x[:, 1] == pytest.approx(plain.x[:, 0], abs=1e-14)
    assert turned.x[:, 0] == pytest.approx(-plain.x[:, 1], abs=1e-14)


def test_the_input_has_the_ranks_measured_in_the_pilot():
    # Covariance ranks 1.02, and 1.64 with 200 columns of noise.
    alone = [covariance_rank(core_spurious(2000, _rng(seed)).x) for seed in range(3)]
    beside = [
        covariance_rank(core_spurious(2000, _rng(seed), noise_dims=200).x) for seed in range(3)
    ]
    assert alone == pytest.approx([1.02] * 3, abs=0.01)
    assert beside == pytest.approx([1.64] * 3, abs=0.03)


# -- yin-yang with a third coordinate --------------------------------------------------------------


def test_the_label_of_yin_yang_is_that_of_the_first_two_coordinates():
    toy = yin_yang_spurious(N, _rng(6))
    assert toy.x.shape == (N, 3)
    assert np.array_equal(toy.y, TASKS["yin-yang"].label(toy.x[:, :2]))
    assert np.array_equal(toy.factors["core"], toy.y)
    # Uniform on [-1, 1]: mean 0, variance 1/3.
    assert np.abs(toy.x[:, :2].mean(axis=0)).max() < FIVE * math.sqrt(1 / 3)
    assert np.abs(toy.x[:, :2].var(axis=0) - 1 / 3).max() < FIVE * math.sqrt(1 / 5 - 1 / 9)
    assert share_is(toy.y == 1, 0.5)
    assert share_is(conflicting(toy), 0.05)


def test_the_third_coordinate_is_the_spurious_sign_with_noise():
    toy = yin_yang_spurious(N, _rng(7), spurious_strength=2.0, spurious_noise=0.5)
    s = toy.factors["spurious"]
    e = (toy.x[:, 2] - 2 * s) / 0.5
    assert abs(e.mean()) < FIVE
    assert abs(e.var() - 1) < math.sqrt(2) * FIVE
    for other in (s, toy.y, toy.x[:, 0], toy.x[:, 1]):
        assert abs(np.mean(e * other)) < FIVE
    # corr(x3, y) = (2 p - 1) sqrt(signal share).
    product = toy.x[:, 2] * toy.y / math.sqrt(4.25)
    assert abs(product.mean() - 0.9 * math.sqrt(4 / 4.25)) < FIVE * product.std()


def test_a_shift_leaves_the_points_of_the_plane_where_they_are():
    plain, flipped = (yin_yang_spurious(300, _rng(), shift=s) for s in ("none", "flipped"))
    assert np.array_equal(plain.x[:, :2], flipped.x[:, :2])
    assert not np.array_equal(plain.x[:, 2], flipped.x[:, 2])


# -- all -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_generator_gives_the_same_bits(name):
    draw = DRAWS[name]
    one, again, other = draw(_rng(1)), draw(_rng(1)), draw(_rng(2))
    assert fingerprint(one.x, one.y) == fingerprint(again.x, again.y)
    assert fingerprint(one.x, one.y) != fingerprint(other.x, other.y)
    assert (one.x.dtype, one.y.dtype) == (np.float64, np.int64)
    assert set(one.factors) == {"core", "spurious"}
    for factor in one.factors.values():
        assert factor.shape == one.y.shape
        assert set(np.unique(factor)) == {-1, 1}


def test_conflicting_is_where_sign_and_label_differ():
    y, s = np.array([1, 1, -1, -1]), np.array([1, -1, -1, 1])
    toy = Toy("by hand", np.zeros((4, 2)), y, {"spurious": s})
    assert conflicting(toy).tolist() == [False, True, False, True]
    with pytest.raises(ValueError, match="'disk' has no spurious"):
        conflicting(TASKS["disk"].sample(3, _rng()))


@pytest.mark.parametrize("n", [0, -3, 2.5, True, float("nan")])
def test_counts_that_are_none_are_refused(n):
    for draw in (
        lambda: core_spurious(n, _rng()),
        lambda: slide_setting("A", n, _rng()),
        lambda: yin_yang_spurious(n, _rng()),
    ):
        with pytest.raises(ValueError, match="n must be an int of at least 1"):
            draw()


@pytest.mark.parametrize("draw", [core_spurious, yin_yang_spurious])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"agreement": -0.01}, "agreement must"),
        ({"agreement": 1.01}, "agreement must"),
        ({"agreement": math.nan}, "agreement must"),
        ({"shift": "rotated"}, "unknown shift 'rotated'"),
        ({"spurious_noise": -1e-9}, "spurious_noise must"),
        ({"spurious_noise": math.nan}, "spurious_noise must"),
        ({"spurious_strength": math.inf}, "spurious_strength must"),
    ],
)
def test_numbers_out_of_range_are_refused(draw, changes, message):
    with pytest.raises(ValueError, match=message):
        draw(10, _rng(), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *(
            ({name: bad}, f"{name} must")
            for name in ("core_strength", "core_mean", "core_noise", "noise_strength")
            for bad in (-0.1, math.nan, math.inf)
        ),
        *(({"noise_dims": bad}, "noise_dims must") for bad in (-1, 1.5, math.nan, True)),
        *(({"rotation": bad}, "rotation must") for bad in (math.nan, math.inf)),
    ],
)
def test_core_and_noise_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        core_spurious(10, _rng(), **changes)

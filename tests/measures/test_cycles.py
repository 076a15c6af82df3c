"""Cycles through maps whose inverses are known."""

import numpy as np
import pytest

from strata.measures.components import rows
from strata.measures.cycles import cycle, fit_inverses

METHODS = [("pinv", {}), ("ridge", {"strength": 0.1}), ("gradient", {"steps": 200})]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def rotation(k, rng):
    return np.linalg.qr(rng.standard_normal((k, k)))[0]


def maps(sizes, rng, count=3):
    """Square maps with these singular values."""
    k = len(sizes)
    return np.stack([rotation(k, rng) * sizes @ rotation(k, rng) for _ in range(count)])


def energy(x):
    return float(np.square(x).sum())


# -- closed forms ----------------------------------------------------------------------------------


@pytest.mark.parametrize("spread", [1, 30, 1000])
def test_invertible_maps_lose_nothing_in_any_number_of_cycles(spread, rng):
    # The degeneracy: the maps share nothing but the features, and yet nothing is lost.
    shared = rng.standard_normal((60, 6)) * np.geomspace(1, 0.1, 6)
    g = maps(np.geomspace(1, 1 / spread, 6), rng)
    h = fit_inverses(shared, g)
    np.testing.assert_allclose(h, np.linalg.inv(g), rtol=1e-6, atol=1e-6)
    for cycles in (0, 1, 5, 50):
        np.testing.assert_allclose(cycle(shared, g, h, cycles), shared, atol=1e-8)


def test_a_map_without_full_rank_projects(rng):
    shared = rng.standard_normal((80, 5))
    g = maps([1, 2, 3, 0, 0], rng, count=1)
    h = fit_inverses(shared, g)
    once = cycle(shared, g, h, 1)
    assert np.linalg.matrix_rank(h[0] @ g[0]) == 3
    np.testing.assert_allclose(cycle(shared, g, h, 7), once, atol=1e-10)
    np.testing.assert_allclose(shared @ g[0].T, once @ g[0].T, atol=1e-10)
    # What is left is the least-squares prediction from the mapped features.
    mapped = shared @ g[0].T
    best = mapped @ np.linalg.lstsq(mapped, shared, rcond=1e-9)[0]
    np.testing.assert_allclose(once, best, atol=1e-10)


def test_maps_that_lose_different_directions_contract_without_end(rng):
    shared = rng.standard_normal((50, 2))
    g = np.stack([np.diag([1.0, 0.0]), np.diag([0.0, 1.0])])
    h = fit_inverses(shared, g)
    left = [energy(cycle(shared, g, h, c)) / energy(shared) for c in (0, 1, 5, 20)]
    assert left[0] == 1
    assert (np.diff(left) < 0).all()
    assert left[-1] < 1e-3


def test_features_without_full_rank_come_back_all_the_same(rng):
    shared = rng.standard_normal((40, 2)) @ rng.standard_normal((2, 6))
    g = rng.standard_normal((3, 6, 6))
    np.testing.assert_allclose(
        cycle(shared, g, fit_inverses(shared, g), 5), shared, rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize("n", [3, 200])
def test_ridge_solves_its_normal_equations(n, rng):
    shared, g = rng.standard_normal((n, 4)), rng.standard_normal((2, 5, 4))
    h = fit_inverses(shared, g, "ridge", strength=0.3)
    second = shared.T @ shared / n
    for one, back in zip(g, h, strict=True):
        mapped = one @ second @ one.T
        penalty = 0.3 * np.trace(mapped) / 5
        expected = second @ one.T @ np.linalg.inv(mapped + penalty * np.eye(5))
        np.testing.assert_allclose(back, expected, atol=1e-10)


def test_ridge_through_a_rotation_in_the_eigenbasis(rng):
    n, sizes = 400, np.array([3.0, 1.0, 0.5, 0.1])
    basis = rotation(4, rng)
    shared = np.linalg.qr(rng.standard_normal((n, 4)))[0] * np.sqrt(n) * sizes @ basis
    g = rotation(4, rng)[None]
    h = fit_inverses(shared, g, "ridge", strength=0.05)
    kept = sizes**2 / (sizes**2 + 0.05 * (sizes**2).mean())
    for cycles in (1, 5):
        found = cycle(shared, g, h, cycles) @ basis.T
        np.testing.assert_allclose(found, shared @ basis.T * kept**cycles, atol=1e-10)


def test_a_stronger_ridge_contracts_more_and_none_is_the_pseudo_inverse(rng):
    shared, g = rng.standard_normal((100, 5)), maps(np.geomspace(1, 0.05, 5), rng)
    left = [
        energy(cycle(shared, g, fit_inverses(shared, g, "ridge", strength=s), 5)) / energy(shared)
        for s in (1e-12, 1e-3, 1e-2, 1e-1, 1)
    ]
    assert left[0] == pytest.approx(1, rel=1e-6)
    assert (np.diff(left) < 0).all()


@pytest.mark.parametrize(("method", "options"), METHODS[:2])
def test_no_cycle_of_a_closed_form_adds_energy(method, options, rng):
    for _ in range(10):
        shared, g = rng.standard_normal((30, 4)) + 2, rng.standard_normal((3, 3, 4))
        h = fit_inverses(shared, g, method, **options)
        left = [energy(cycle(shared, g, h, c)) for c in range(6)]
        assert (np.diff(left) <= 1e-12 * left[0]).all()


@pytest.mark.parametrize(("method", "options"), METHODS[:2])
def test_units_of_features_and_of_maps_do_not_matter(method, options, rng):
    shared, g = rng.standard_normal((50, 4)), rng.standard_normal((3, 4, 4))
    expected = cycle(shared, g, fit_inverses(shared, g, method, **options), 3)
    scaled = g * np.array([0.01, 5.0, -300.0])[:, None, None]
    turned = np.stack([rotation(4, rng) @ one for one in scaled])
    found = cycle(70 * shared, turned, fit_inverses(70 * shared, turned, method, **options), 3)
    np.testing.assert_allclose(found, 70 * expected, rtol=1e-6, atol=1e-8)


# -- the gradient ----------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [None, 0])
def test_the_gradient_comes_to_the_inverse_of_a_good_map(start, rng):
    shared, g = rng.standard_normal((200, 4)), maps(np.geomspace(1.5, 0.7, 4), rng)
    begin = None if start is None else np.random.default_rng(start)
    h = fit_inverses(shared, g, "gradient", steps=1500, rates=(3e-2, 1e-4), rng=begin)
    np.testing.assert_allclose(h, fit_inverses(shared, g), atol=1e-8)
    np.testing.assert_allclose(cycle(shared, g, h, 5), shared, atol=1e-7)


def test_the_gradient_is_that_of_the_written_loss(rng):
    # Adam's first step goes by the sign of the gradient; here against finite differences.
    shared, g = rng.standard_normal((30, 3)), rng.standard_normal((2, 3, 3))
    rate = 1e-3
    h = fit_inverses(
        shared, g, "gradient", steps=1, rates=(rate, rate), rng=np.random.default_rng(5)
    )
    start = np.random.default_rng(5).uniform(-1, 1, h.shape) / np.sqrt(3)

    def loss(maps_back):
        back = [shared @ a.T @ b.T for a, b in zip(g, maps_back, strict=True)]
        return sum(np.square(b - shared).mean() for b in back)

    for place in np.ndindex(h.shape):
        step = np.zeros_like(h)
        step[place] = 1e-6
        slope = (loss(start + step) - loss(start - step)) / 2e-6
        assert (h - start)[place] == pytest.approx(-rate * np.sign(slope), rel=1e-3)


def test_later_phases_train_on_what_earlier_cycles_left(rng):
    # Second step of two phases: the gradient at the features after one cycle, by Adam's own rules.
    shared, g = rng.standard_normal((30, 3)), rng.standard_normal((2, 3, 3))
    start = np.random.default_rng(5).uniform(-1, 1, g.shape) / np.sqrt(3)

    def slope(h, psi):
        mapped = psi @ g.mT
        return 2 / psi.size * (mapped @ h.mT - psi).mT @ mapped

    first = slope(start, shared)
    h = start - 1e-3 * np.sign(first)
    second = slope(h, cycle(shared, g, h, 1))
    mean = (0.9 * 0.1 * first + 0.1 * second) / (1 - 0.9**2)
    size = (0.999 * 0.001 * first**2 + 0.001 * second**2) / (1 - 0.999**2)
    expected = h - 1e-3 * mean / np.sqrt(size)
    found = fit_inverses(
        shared, g, "gradient", steps=2, rates=(1e-3, 1e-3), phases=2, rng=np.random.default_rng(5)
    )
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_steps_that_end_early_contract_what_the_maps_hardly_use(rng):
    # Nothing is lost by these maps, and yet cycles shrink: the optimiser shows, not the sharing.
    shared = rng.standard_normal((200, 8))
    sizes = np.geomspace(1, 1e-3, 8)
    g = rotation(8, rng)[None] * sizes  # column i of the map has the size of direction i
    assert energy(cycle(shared, g, fit_inverses(shared, g), 5)) == pytest.approx(energy(shared))
    left = []
    for steps in (100, 400, 1600):
        h = fit_inverses(shared, g, "gradient", steps=steps)
        left.append(energy(cycle(shared, g, h, 5)) / energy(shared))
    assert left[0] < left[1] < left[2] < 0.95
    kept = np.square(cycle(shared, g, h, 5)).sum(axis=0) / np.square(shared).sum(axis=0)
    assert kept[0] > 0.9
    assert kept[-1] < 0.01


# -- all of them -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_leading_axes_are_problems_of_their_own(method, options, rng):
    shared, g = rng.standard_normal((2, 3, 20, 4)), rng.standard_normal((2, 3, 2, 5, 4))
    h = fit_inverses(shared, g, method, **options)
    assert h.shape == (2, 3, 2, 4, 5)
    after = cycle(shared, g, h, 2)
    for place in np.ndindex(2, 3):
        alone = fit_inverses(shared[place], g[place], method, **options)
        np.testing.assert_allclose(h[place], alone, atol=1e-9)
        np.testing.assert_allclose(after[place], cycle(shared[place], g[place], alone, 2))


def test_a_cycle_is_the_mean_of_the_ways_there_and_back(rng):
    shared, g, h = (rng.standard_normal(s) for s in [(10, 3), (4, 5, 3), (4, 3, 5)])
    by_hand = shared
    for _ in range(3):
        by_hand = np.mean([by_hand @ a.T @ b.T for a, b in zip(g, h, strict=True)], axis=0)
    np.testing.assert_allclose(cycle(shared, g, h, 3), by_hand, rtol=1e-10)
    np.testing.assert_array_equal(cycle(shared, g, h, 0), shared)


def test_positions_of_images_are_samples(rng):
    images = rng.standard_normal((7, 3, 2, 2))
    g = rng.standard_normal((2, 3, 3))
    h = fit_inverses(rows(images), g, "ridge")
    after = cycle(rows(images), g, h, 1).reshape(7, 2, 2, 3)
    weights = (h @ g).mean(axis=0)
    np.testing.assert_allclose(after, np.einsum("ok,nkhw->nhwo", weights, images), atol=1e-12)


SHARED, MAPS = np.ones((4, 2)), np.ones((3, 2, 2))


@pytest.mark.parametrize(
    "fault",
    [
        lambda: fit_inverses(SHARED[0], MAPS),
        lambda: fit_inverses(SHARED, MAPS[0]),
        lambda: fit_inverses(SHARED, np.ones((3, 2, 3))),
        lambda: fit_inverses(SHARED[:0], MAPS),
        lambda: fit_inverses(SHARED[None], np.ones((2, 3, 2, 2))),
        lambda: fit_inverses(SHARED * np.nan, MAPS),
        lambda: fit_inverses(SHARED, MAPS, "newton"),
        lambda: fit_inverses(SHARED, MAPS, "ridge", strength=0.0),
        lambda: fit_inverses(SHARED, MAPS, "gradient", steps=0),
        lambda: fit_inverses(SHARED, MAPS, "gradient", phases=0),
        lambda: fit_inverses(SHARED, MAPS, "gradient", rates=(0.0, 1.0)),
        lambda: cycle(SHARED, MAPS, MAPS, -1),
        lambda: cycle(SHARED, MAPS, MAPS[:2], 1),
    ],
)
def test_faults_are_refused(fault):
    with pytest.raises(ValueError, match=r"must|fit|NaN"):
        fault()


def test_features_that_are_zero_come_back_as_zero():
    for method, options in METHODS:
        h = fit_inverses(np.zeros((4, 2)), MAPS, method, **options)
        assert (cycle(np.zeros((4, 2)), MAPS, h, 3) == 0).all()


def test_steps_that_diverge_are_told():
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match="diverged"),
    ):
        fit_inverses(1e3 * SHARED, 1e3 * MAPS, "gradient", rates=(1e300, 1e300), steps=50)

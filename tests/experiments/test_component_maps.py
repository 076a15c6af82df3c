"""Maps of components: parts whose smoothness is known, with noise that is known to be rough."""

import numpy as np
import pytest
from component_nets import image_config, image_settings
from experimenting import assert_costs_grow, assert_refused
from made_components import map_parameters, parameters

from strata.experiments import component_maps, component_orders, component_significance
from strata.measures.spatial import high_frequency_share, lag_one_autocorrelation
from strata.runs.result import Result

N, C, SIDE = 200, 3, 4
NOISE = 0.3


def smooth(rng: np.random.Generator) -> np.ndarray:
    """Maps (N, C, SIDE, SIDE) that are slopes in random directions."""
    across, down = rng.normal(size=(2, N, C, 1, 1))
    place = np.arange(SIDE) - (SIDE - 1) / 2
    return across * place + down * place[:, None]


def noisy(rng: np.random.Generator) -> np.ndarray:
    return NOISE * rng.normal(size=(N, C, SIDE, SIDE))


def given(seed: int = 0, noise: float = 1.0) -> list[Result]:
    """One net: order 4 a slope, order 7 a chessboard, and two students with noise of their own."""
    rng = np.random.default_rng(seed)
    board = np.where(np.indices((SIDE, SIDE)).sum(axis=0) % 2, 1.0, -1.0)
    low, high = smooth(rng), 0.5 * rng.normal(size=(N, C, 1, 1)) * board
    feature = low + high + 0.1 * rng.normal(size=low.shape)
    outputs = np.stack([low, low + high])
    chains = [outputs + noise * np.stack([noisy(rng), noisy(rng)]) for _ in range(2)]
    target = {"depth": 8, "samples": 16, "test_accuracy": 0.5}
    family = Result({"targets": [target]}, {"test": feature[None]})
    return [family, *(Result({"orders": [4, 7]}, {"test": chain[:, None]}) for chain in chains)]


def point(shown: int = 2) -> component_maps.Config:
    targets = image_config(samples=(16,))
    chain = component_orders.Config(targets=targets, settings=image_settings())
    return component_maps.Config(chain=chain, shown=shown)


@pytest.fixture(scope="module")
def found():
    return component_maps.run(point(), given=given()).arrays


def test_a_point_needs_the_same_chains_as_the_shares():
    images = parameters().points()[-2:]
    for config, other in zip(map_parameters().points(), images, strict=True):
        assert component_maps.needs(config) == component_significance.needs(other)[:3]
        assert config.shown == 2


def test_what_two_maps_share_has_the_statistic_that_it_has_alone():
    rng = np.random.default_rng(1)
    common = smooth(rng)
    first, second = common + 2 * noisy(rng), common + 2 * noisy(rng)
    for statistic in component_maps.STATISTICS.values():
        alone, blurred = statistic(common), statistic(first)
        value, size = component_maps.shared_statistic(statistic, first, second)
        assert abs(value - alone) < 0.03 < abs(blurred - alone)
        assert size == pytest.approx(component_maps.power(common), rel=0.03)


def test_without_noise_the_shared_part_is_the_component():
    arrays = component_maps.run(point(), given=given(noise=1e-4)).arrays
    assert arrays["lag_shared"] == pytest.approx(arrays["lag_component"], abs=1e-4)
    assert arrays["high_shared"] == pytest.approx(arrays["high_component"], abs=1e-4)


def test_a_slope_is_smooth_a_chessboard_rough_and_noise_in_between(found):
    (low, high), (slope, board) = found["lag_component"][0], found["lag_shared"][0]
    assert slope == pytest.approx((1 / 3 + 1) / 2, abs=0.02)  # along the slope and across
    assert board == pytest.approx(-1, abs=0.05)
    assert board < high < low < slope + 0.02
    white = -1 / (SIDE**2 - 1)
    assert found["lag_noise"][0] == pytest.approx([white, white], abs=0.02)
    assert found["high_noise"][0] == pytest.approx([11 / 15] * 2, abs=0.02)


def test_shuffled_phases_keep_the_power_of_every_frequency():
    """A control that cannot fail: only the noise of the other chain keeps the two apart."""
    arrays = component_maps.run(point(), given=given(noise=1e-4)).arrays
    assert arrays["high_phase"] == pytest.approx(arrays["high_component"], abs=1e-4)


def test_a_pattern_that_all_images_have_does_not_count(found):
    family, first, second = given()
    pattern = np.arange(SIDE**2).reshape(SIDE, SIDE) * 10.0
    moved = [
        Result(r.metrics, {"test": r.arrays["test"] + pattern}) for r in (family, first, second)
    ]
    arrays = component_maps.run(point(), given=moved).arrays
    for name, array in arrays.items():
        assert array == pytest.approx(found[name], abs=1e-4), name


def test_feature_and_rest_are_measured_like_any_map(found):
    family, first, _ = (result.arrays["test"] for result in given())
    whole = family[0] - family[0].mean(axis=0)
    left = family[0] - first[-1, 0]
    left = left - left.mean(axis=0)
    assert found["lag_feature"] == pytest.approx([lag_one_autocorrelation(whole)])
    assert found["high_rest"] == pytest.approx([high_frequency_share(left)])


def test_the_maps_that_are_shown_add_up(found):
    assert found["shown_component"].shape == (2, 2, SIDE, SIDE)
    assert found["shown_component"].cumsum(axis=1) == pytest.approx(found["shown_output"], abs=1e-5)
    total = found["shown_output"][:, -1] + found["shown_rest"]
    assert total == pytest.approx(found["shown_feature"], abs=1e-5)


def test_more_images_to_look_at_do_not_change_what_is_measured(found):
    arrays = component_maps.run(point(5), given=given()).arrays
    assert arrays["lag_phase"].tolist() == found["lag_phase"].tolist()
    assert len(arrays["shown_rest"]) == 5


def test_more_nets_cost_more():
    targets = image_config(samples=(16, 32))
    chain = point().chain.model_copy(update={"targets": targets})
    assert_costs_grow(component_maps, point(), point().model_copy(update={"chain": chain}))


@pytest.mark.parametrize("value", [0, 21, 1.5])
def test_a_wrong_number_of_images_to_show_is_refused(value):
    assert_refused(map_parameters, "shown_images", value)

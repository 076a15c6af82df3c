"""What cycles leave of a shared feature, where the answer is known."""

import numpy as np
import pytest

from strata.experiments.cycling import (
    CYCLES,
    MAIN,
    METHODS,
    STUDY_CYCLES,
    Step,
    fits,
    measured,
    returns,
)
from strata.measures.components import variance
from strata.measures.cycles import cycle, fit_inverses

K, NETS, STEPS = 4, 3, 40
PINV = METHODS.index("pinv")


def shared_features(seed: int = 0, shape: tuple[int, ...] = (200, K)) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def maps(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(NETS, K, K))


def step(seed: int, shape: tuple[int, ...] = (200, K)) -> Step:
    shared, g = shared_features(seed, shape), maps(seed + 10)
    return Step(shared, g, returns(shared[None], g[None], STEPS)[0], [0.1, 0.2, 0.3])


def test_maps_that_can_be_inverted_lose_nothing_however_many_cycles():
    """The degeneracy: nothing is shared by these nets, and all of it is reliable."""
    found = returns(shared_features()[None], maps()[None], STEPS)[0, PINV]
    assert found == pytest.approx(np.broadcast_to(np.eye(K), found.shape), abs=1e-6)


def test_a_direction_that_only_some_nets_use_shrinks_by_their_share_each_cycle():
    g = np.stack([np.diag(row) for row in ([1.0, 2, 3, 4], [1, 1, 0, 0], [2, 0, 1, 0])])
    uncorrelated, _ = np.linalg.qr(shared_features())
    found = returns(uncorrelated[None], g[None], STEPS)[0, PINV]
    for matrix, number in zip(found, CYCLES, strict=True):
        kept = np.array([1, 2 / 3, 2 / 3, 1 / 3]) ** number
        assert matrix == pytest.approx(np.diag(kept), abs=1e-6)


def test_a_ridge_gives_up_what_a_net_hardly_uses_and_the_inverse_does_not():
    """The direction is private but for a thousandth of it in the other nets."""
    g = np.stack([np.eye(K), np.diag([1, 1, 1, 1e-3]), np.diag([1, 1, 1, 1e-3])])
    uncorrelated, _ = np.linalg.qr(shared_features())
    found = returns(uncorrelated[None], g[None], STEPS)[0]
    after = found[:, CYCLES.index(STUDY_CYCLES), -1, -1]
    assert after[PINV] == pytest.approx(1, abs=1e-4)
    assert (after[1:4] < 0.02).all()
    assert found[1, CYCLES.index(STUDY_CYCLES), 0, 0] > 0.98


def test_returns_act_on_samples_as_cycles_do():
    shared, g = shared_features(), maps()
    found = returns(np.stack([shared, 2 * shared]), np.stack([g, g]), STEPS)
    assert found.shape == (2, len(METHODS), len(CYCLES), K, K)
    for place, (name, options) in enumerate(fits(STEPS).items()):
        assert name == METHODS[place]
        inverses = fit_inverses(shared, g, **options)
        for number, matrix in zip(CYCLES, found[0, place], strict=True):
            assert shared @ matrix == pytest.approx(cycle(shared, g, inverses, number), abs=1e-9)


def test_positions_of_a_map_are_samples_of_the_fit():
    images = shared_features(shape=(30, K, 2, 2))
    as_rows = np.moveaxis(images, 1, -1).reshape(1, -1, K)
    g = maps()[None]
    assert returns(images[None], g, STEPS) == pytest.approx(returns(as_rows, g, STEPS))


def test_variances_are_those_of_the_targets_part_in_its_own_units():
    steps, scale = [step(0), step(1)], 3.0
    found = measured(steps, scale)
    outputs = [scale * each.shared @ each.maps[0].T for each in steps]
    for name, wanted in (
        ("numerator", [variance(output) for output in outputs]),
        ("component_numerator", [variance(outputs[0]), variance(outputs[1] - outputs[0])]),
    ):
        none = found[name][:, 0]
        assert none == pytest.approx(np.broadcast_to(wanted, none.shape)), "before any cycle"
        assert found[name][PINV] == pytest.approx(np.broadcast_to(wanted, (len(CYCLES), 2)))
    assert found["shared_variance"] == pytest.approx([variance(each.shared) for each in steps])
    assert found["cycle_error"][PINV] == pytest.approx([0, 0], abs=1e-9)
    assert found["fit"].tolist() == [[0.1, 0.2, 0.3]] * 2


@pytest.mark.parametrize("shape", [(200, K), (30, K, 2, 3)])
def test_the_reliable_part_has_the_shape_of_the_feature(shape):
    steps = [step(0, shape), step(1, shape)]
    found = measured(steps, 2.0)
    assert found["reliable"].shape == (2, *shape)
    study = METHODS.index(MAIN), CYCLES.index(STUDY_CYCLES)
    assert [variance(each) for each in found["reliable"]] == pytest.approx(
        found["numerator"][study], rel=1e-5
    )
    for each, output in zip(steps, found["reliable"], strict=True):
        matrix = 2.0 * each.maps[0] @ each.returns[study].T
        wanted = np.einsum("ij,nj...->ni...", matrix, each.shared)
        assert output == pytest.approx(wanted, rel=1e-4, abs=1e-5)

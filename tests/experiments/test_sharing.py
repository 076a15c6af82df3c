"""Shared features: their format, what changes nothing, and nets that share all or something."""

from pathlib import Path

import numpy as np
import pytest
import torch
from component_nets import DATA, IMAGES, budget, image_config, made_family

from strata.experiments import component_targets
from strata.experiments.component_data import load
from strata.experiments.cycling import CYCLES, MAIN, METHODS, STUDY_CYCLES
from strata.experiments.sharing import Settings, read, share
from strata.measures.components import variance
from strata.runs.result import Result

NAMES = ("made up", 0)


def settings(**changes: object) -> Settings:
    given = {"orders": (1, 2), "width": 16, "budget": budget(30), "inverse_steps": 20}
    return Settings(**given | changes)


def features(seed: int, m: int = 1, k: int = 4) -> np.ndarray:
    """Random functions of the inputs, (m, samples, k)."""
    rng, pool = np.random.default_rng(seed), load(DATA)
    x = torch.cat([pool.inputs, pool.test_inputs]).numpy()
    return np.tanh(x @ rng.normal(size=(m, x.shape[1], k)) / 4)


def family(values: np.ndarray) -> Result:
    return made_family(values, [np.arange(20)] * len(values))


def exemplars(scale: float = 1.0) -> list[Result]:
    return [family(scale * features(seed)) for seed in (1, 2)]


def shared(**changes: object) -> Result:
    given = {"family": family(features(0, 3)), "exemplars": exemplars(), "settings": settings()}
    options = given | changes
    return share(
        options.pop("family"),
        options.pop("exemplars"),
        DATA,
        options.pop("settings"),
        NAMES,
        **options,
    )


def test_the_result_has_the_sharing_format() -> None:
    found = shared()
    methods, cycles, orders, m, nets, k = len(METHODS), len(CYCLES), 2, 3, 3, 4
    assert {name: array.shape for name, array in found.arrays.items()} == {
        "numerator": (methods, cycles, orders, m),
        "component_numerator": (methods, cycles, orders, m),
        "reliable": (orders, m, DATA.test, k),
        "shared_variance": (orders, m),
        "condition": (orders, m, nets),
        "fit": (orders, m, nets),
        "cycle_error": (methods, orders, m),
    }
    assert found.metrics["methods"] == list(METHODS)
    assert found.metrics["cycles"] == list(CYCLES)
    assert found.metrics["orders"] == [1, 2]
    assert len(found.metrics["targets"]) == m
    study = METHODS.index(MAIN), CYCLES.index(STUDY_CYCLES)
    outputs = found.arrays["reliable"]
    for place in np.ndindex(orders, m):
        assert variance(outputs[place]) == pytest.approx(
            found.arrays["numerator"][study][place], rel=1e-5
        )
    assert found.digest() == shared().digest()


def test_a_target_is_the_same_alone_and_among_others() -> None:
    whole, part = shared(), shared(members=[2, 0])
    assert part.metrics["targets"] == [whole.metrics["targets"][i] for i in (2, 0)]
    for name in ("numerator", "fit"):
        axis = 3 if name == "numerator" else 1
        wanted = np.take(whole.arrays[name], [2, 0], axis=axis)
        np.testing.assert_allclose(part.arrays[name], wanted, rtol=1e-3)


def test_one_method_alone_gives_the_same_reliable_part() -> None:
    whole, part = shared(), shared(methods=[MAIN])
    assert part.metrics["methods"] == [MAIN]
    np.testing.assert_array_equal(part.arrays["reliable"], whole.arrays["reliable"])
    np.testing.assert_array_equal(part.arrays["numerator"][0], whole.arrays["numerator"][-1])
    with pytest.raises(ValueError, match="gradient"):
        shared(methods=["pinv"])


def test_other_names_are_other_random_numbers() -> None:
    one = share(family(features(0)), exemplars(), DATA, settings(), ("a",))
    two = share(family(features(0)), exemplars(), DATA, settings(), ("b",))
    assert not np.allclose(one.arrays["fit"], two.arrays["fit"], rtol=1e-3)


def test_maps_read_every_net_at_every_position() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 3, 4, 4, generator=generator)
    psi = torch.randn(2, 5, 4, 2, 2, generator=generator)
    found = read(maps, psi)
    assert found.shape == (2, 5, 3, 4, 2, 2)
    wanted = maps[1, 2] @ psi[1, 3, :, 0, 1]
    torch.testing.assert_close(found[1, 3, 2, :, 0, 1], wanted)


def test_the_size_of_a_feature_is_only_a_unit_where_features_are_standardised() -> None:
    usual = shared()
    larger = shared(exemplars=exemplars(scale=10.0))
    np.testing.assert_allclose(larger.arrays["fit"], usual.arrays["fit"], rtol=0.02)
    np.testing.assert_allclose(larger.arrays["numerator"], usual.arrays["numerator"], rtol=0.02)
    target = shared(family=family(10 * features(0, 3)))
    ratio = target.arrays["numerator"] / usual.arrays["numerator"]
    np.testing.assert_allclose(ratio, 100, rtol=0.02)


def test_otherwise_the_largest_feature_rules_the_loss() -> None:
    raw = settings(standardised=False)
    usual, ruled = shared(settings=raw), shared(settings=raw, exemplars=exemplars(scale=10.0))
    assert (ruled.arrays["fit"][:, :, 0] > usual.arrays["fit"][:, :, 0]).all()


def test_a_target_that_is_its_own_exemplar_shares_all_and_one_among_others_does_not() -> None:
    long = settings(orders=(1,), budget=budget(600), inverse_steps=1000)
    own, beside = (shared(exemplars=each, settings=long) for each in (None, exemplars()))
    fit = own.arrays["fit"]
    np.testing.assert_allclose(fit, fit[:, :, :1].repeat(3, axis=2), atol=0.05)
    assert (fit[:, :, 0] < beside.arrays["fit"][:, :, 0]).all(), "less is asked of psi"
    kept, lost = (
        found.arrays["numerator"][-1, CYCLES.index(STUDY_CYCLES)] / found.arrays["numerator"][-1, 0]
        for found in (own, beside)
    )
    assert (kept > 0.9).all()
    assert (lost < kept).all()


def test_a_run_that_was_killed_goes_on(tmp_path: Path) -> None:
    usual = shared()
    assert shared(scratch=tmp_path).digest() == usual.digest()
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["sharing_0_1.npz", "sharing_0_2.npz"]
    (tmp_path / kept[1]).unlink()
    assert shared(scratch=tmp_path).digest() == usual.digest()
    assert sorted(path.name for path in tmp_path.iterdir()) == kept


@pytest.mark.parametrize("orders", [(), (2, 1), (2, 2)])
def test_orders_must_grow(orders: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="orders must grow"):
        shared(settings=settings(orders=orders))


def test_images_are_taken_apart_one_by_one() -> None:
    nets = component_targets.run(image_config())
    others = [
        component_targets.run(image_config(samples=(IMAGES.pool,), seed=seed)) for seed in (5, 6)
    ]
    chosen = settings(orders=(4, 7), width=2, budget=budget(3))
    found = share(nets, others, IMAGES, chosen, NAMES)
    assert found.arrays["reliable"].shape == (2, 2, *nets.arrays["test"].shape[1:])
    assert np.isfinite(found.arrays["numerator"]).all()
    alone = share(nets, others, IMAGES, chosen, NAMES, members=[1])
    np.testing.assert_array_equal(
        alone.arrays["numerator"][..., 0], found.arrays["numerator"][..., 1]
    )

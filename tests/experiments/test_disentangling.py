"""Chains of students: their format, and cases whose answer is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from component_nets import (
    DATA,
    IMAGES,
    budget,
    chain_settings,
    family_config,
    image_config,
    image_settings,
    made_family,
    trained_chain,
    trained_family,
)

from strata.experiments import component_orders
from strata.experiments.component_data import load
from strata.experiments.component_nets import evaluated, make_students, stacks
from strata.experiments.component_targets import run as train_targets
from strata.experiments.disentangling import _scale, cold, disentangle
from strata.measures.components import residuals
from strata.runs.result import Result
from strata.seeding import torch_generator
from strata.training.epochs import flat_state


def chain(start: str = "cold", **changes: object) -> Result:
    config = component_orders.Config(
        targets=family_config(), settings=chain_settings(start=start, **changes)
    )
    previous = [trained_chain()] if start == "continued" else []
    return component_orders.run(config, given=[trained_family(), *previous])


def everything() -> torch.Tensor:
    pool = load(DATA)
    return torch.cat([pool.inputs, pool.test_inputs])


def test_a_chain_has_the_chain_format() -> None:
    found = trained_chain()
    assert found.metrics["orders"] == [1, 2, 4]
    assert np.shape(found.metrics["residual_test"]) == (3, 4)
    assert found.arrays["test"].shape == (3, 4, 120, 8)
    assert [found.arrays[f"own_{i}"].shape for i in (0, 1)] == [(3, 20, 8), (3, 100, 8)]
    assert {"state_1", "state_2", "state_4"} < set(found.arrays)


def test_residuals_are_those_of_the_outputs() -> None:
    found, features = trained_chain(), trained_family().arrays["test"]
    for i in range(4):
        expected = residuals(found.arrays["test"][:, i], features[i])
        np.testing.assert_allclose(np.array(found.metrics["residual_test"])[:, i], expected)
    assert np.max(found.metrics["residual_pool"]) < 1


def test_a_linear_feature_needs_no_depth() -> None:
    x = everything().numpy()
    weight = np.random.default_rng(0).normal(size=(64, 8))
    features = np.stack([3 * (x @ weight), x @ weight + 100])
    family = made_family(features, [np.arange(30)] * 2)
    settings = chain_settings(orders=(1,), budget=budget(400), width=32)
    found = disentangle(family, DATA, settings, ("linear",))
    # Scale and shift of a feature are no obstacle, and the outputs are in its units.
    assert np.max(found.metrics["residual_pool"]) < 0.06
    means = found.arrays["test"][0].mean(axis=1)
    np.testing.assert_allclose(means, family.arrays["test"].mean(axis=1), atol=3)


def test_a_student_that_starts_as_the_teacher_stays_there() -> None:
    """What a net of order 2 gives has an exact answer at order 2; training on keeps it."""
    made = [torch_generator("teacher", i) for i in range(2)]
    teachers = make_students((64,), 8, 2, made, width=16)
    features = evaluated(teachers, everything()).numpy()
    family = made_family(features, [np.arange(30)] * 2)
    settings = chain_settings(orders=(2,), start="continued", budget=budget(1))
    # The student gives the feature less its mean, over its scale.
    with torch.no_grad():
        for i, feature in enumerate(torch.from_numpy(features[:, : DATA.pool])):
            teachers.bias[i, :, 0] -= feature.mean(0)
            teachers.last[i] /= _scale(feature)
            teachers.bias[i] /= _scale(feature)
    previous = Result(arrays={"state_2": flat_state(teachers), "test": features[None]})
    found = disentangle(family, DATA, settings, ("teacher",), previous=previous)
    assert np.max(found.metrics["residual_test"]) < 0.2


def test_longer_training_leaves_less_on_the_pool() -> None:
    continued = np.array(chain("continued").metrics["residual_pool"])
    assert continued.mean() < np.mean(trained_chain().metrics["residual_pool"])


def test_warm_and_cold_chains_share_their_first_student_only() -> None:
    warm = chain("warm").arrays["test"]
    # Only the batches differ for the first student: it starts from the same weights.
    other = trained_chain().arrays["test"]
    assert not np.array_equal(warm, other)
    left = np.array(chain("warm").metrics["residual_pool"])
    assert (left[-1] < left[0]).all()


def test_the_chain_depends_on_its_seed_and_names_only() -> None:
    again = chain()
    assert again.digest() == trained_chain().digest()
    assert not np.array_equal(chain(seed=1).arrays["test"], again.arrays["test"])
    renamed = disentangle(trained_family(), DATA, chain_settings(), ("other",))
    assert not np.array_equal(renamed.arrays["test"], again.arrays["test"])


def test_own_samples_are_all_that_an_own_pool_has() -> None:
    """Features outside the own samples have no say, but for the residuals measured on them."""
    family = trained_family()
    changed = dict(family.arrays)
    changed["pool"] = changed["pool"].copy()
    for i in range(4):
        outside = np.setdiff1d(np.arange(240), changed[f"own_{i}"])
        changed["pool"][i][outside] = 1e3
    settings = chain_settings(pool="own")
    one = disentangle(family, DATA, settings, ("own",))
    other = disentangle(Result(arrays=changed), DATA, settings, ("own",))
    assert np.array_equal(one.arrays["test"], other.arrays["test"])
    everyone = disentangle(Result(arrays=changed), DATA, chain_settings(), ("own",))
    assert not np.array_equal(everyone.arrays["test"], one.arrays["test"])


@pytest.mark.parametrize("start", ["cold", "warm", "continued"])
def test_images_go_the_same_way(start: str) -> None:
    family = train_targets(image_config())
    settings = image_settings()
    first = disentangle(family, IMAGES, settings, ("images",))
    assert first.arrays["test"].shape == (2, 2, 32, 8, 4, 4)
    assert first.arrays["own_1"].shape == (2, 32, 8, 4, 4)
    settings = settings.model_copy(update={"start": start})
    found = disentangle(family, IMAGES, settings, ("images",), previous=first)
    assert found.arrays["test"].shape == first.arrays["test"].shape
    assert cold(settings) == image_settings()


def test_continued_images_go_on_from_their_own_student() -> None:
    family = train_targets(image_config())
    first = disentangle(family, IMAGES, image_settings(), ("images",))
    still = image_settings(
        start="continued", budget=budget(1).model_copy(update={"first_rate": 1e-12})
    )
    found = disentangle(family, IMAGES, still, ("images",), previous=first)
    # One step at a rate of nothing changes the running statistics alone.
    for order in range(2):
        for i in range(2):
            a, b = first.arrays["test"][order, i], found.arrays["test"][order, i]
            assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.9


def test_a_killed_run_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    whole = chain()
    settings = chain_settings()
    arguments = (trained_family(), DATA, settings, ("trained", "true", "manifold", 0))
    assert disentangle(*arguments, scratch=tmp_path).digest() == whole.digest()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    files[-1].unlink()
    assert disentangle(*arguments, scratch=tmp_path).digest() == whole.digest()
    files[0].write_bytes(b"torn")
    with pytest.warns(UserWarning, match="ignored"):
        assert disentangle(*arguments, scratch=tmp_path).digest() == whole.digest()


def test_wrong_orders_and_missing_chains_are_refused() -> None:
    with pytest.raises(ValueError, match="orders must grow"):
        disentangle(trained_family(), DATA, chain_settings(orders=(2, 1)), ())
    with pytest.raises(ValueError, match="cold chain"):
        disentangle(trained_family(), DATA, chain_settings(start="continued"), ())
    with pytest.raises(ValueError, match="4, 7, 10"):
        make_students((3, 16, 16), 8, 5, [torch.Generator()], width=2)


def test_dense_nets_are_stacked_and_image_nets_are_not() -> None:
    assert stacks(3, (64,)) == [[0, 1, 2]]
    assert stacks(3, (3, 16, 16)) == [[0], [1], [2]]


def test_points_name_what_they_need() -> None:
    settings = chain_settings(start="continued")
    config = component_orders.Config(targets=family_config(), settings=settings)
    (_, family), (module, start) = component_orders.needs(config)
    assert family == family_config()
    assert module is component_orders
    assert start.settings == chain_settings()
    assert len(component_orders.needs(start)) == 1
    warm = config.model_copy(update={"settings": chain_settings(start="warm")})
    assert component_orders.cost(warm) == component_orders.cost(start)
    assert component_orders.data_source(config) == "hidden manifold"
    assert component_orders.data_fingerprint(config)

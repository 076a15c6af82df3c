"""Tasks of known depth: exact small cases, how simple they are, and nets that learn them."""

import numpy as np
import pytest
from experimenting import assert_costs_grow, assert_repeats

from strata.experiments import component_task_images, component_tasks
from strata.experiments.component_data import Data
from strata.experiments.component_tasks import Config, Learner
from strata.experiments.random_tasks import WINDOW, described, standardised, task_outputs
from strata.training.fitting import Budget

DATA = Data(name="manifold", pool=400, test=100)
LEARNER = Learner(
    order=3, width=24, budget=Budget(steps=150, batch_size=32, first_rate=1e-2, last_rate=1e-3)
)


def config(**changes: object) -> Config:
    settings = {
        "data": DATA,
        "relus": (0, 1, 4),
        "form": "plain",
        "seed": 0,
        "width": 16,
        "feature": 8,
        "learner": None,
    }
    return Config(**settings | changes)


def drawn(x: np.ndarray, relus: int, form: str = "plain", width: int = 6) -> np.ndarray:
    rng = np.random.default_rng(5)
    return task_outputs(x, relus, width=width, outputs=3, form=form, seen=len(x), rng=rng)


def weights(*shapes: tuple[int, int]) -> list[np.ndarray]:
    """What `drawn` draws, in this order."""
    rng = np.random.default_rng(5)
    return [rng.normal(size=shape) * np.sqrt(2 / shape[0]) for shape in shapes]


X = np.random.default_rng(0).normal(size=(200, 10))


def test_a_task_without_relus_is_linear():
    first, last = weights((10, 6), (6, 3))
    np.testing.assert_allclose(drawn(X, 0), X @ first @ last)
    assert described(X, drawn(X, 0))["linear_r2"] == pytest.approx(1, abs=1e-4)


def test_each_relu_comes_between_two_maps():
    first, second, third, last = weights((10, 6), (6, 6), (6, 6), (6, 3))
    z = np.maximum(np.maximum(X @ first, 0) @ second, 0) @ third
    np.testing.assert_allclose(drawn(X, 2), z @ last)


@pytest.mark.parametrize("relus", [0, 1, 5])
@pytest.mark.parametrize("form", ["plain", "pooled"])
def test_without_biases_a_task_scales_with_its_input(relus, form):
    np.testing.assert_allclose(drawn(3 * X, relus, form), 3 * drawn(X, relus, form))


def test_the_greatest_of_sixteen_values_takes_four_relus():
    first, last = weights((10, 6 * WINDOW), (6, 3))
    values = (X @ first).reshape(len(X), 6, WINDOW)
    for _ in range(4):
        a, b = values[..., 0::2], values[..., 1::2]
        values = b + np.maximum(a - b, 0)
    np.testing.assert_allclose(drawn(X, 0, "pooled"), values[..., 0] @ last)
    assert described(X, drawn(X, 0, "pooled"))["linear_r2"] < 0.8


def test_a_normalised_task_standardises_what_its_relus_get():
    first, second, last = weights((10, 6), (6, 6), (6, 3))
    z = standardised(np.maximum(standardised(X @ first, 200), 0) @ second, 200)
    np.testing.assert_allclose(drawn(X, 1, "normalised"), z @ last)
    np.testing.assert_allclose(drawn(7 * X, 1, "normalised"), drawn(X, 1, "normalised"))


def test_standardised_looks_at_the_first_rows_only():
    values = np.random.default_rng(1).normal(3, 5, size=(50, 4))
    found = standardised(values, 30)
    np.testing.assert_allclose(found[:30].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(found[:30].std(axis=0), 1)
    values[30:] += 100
    np.testing.assert_array_equal(standardised(values, 30)[:30], found[:30])


def test_an_output_that_does_not_vary_is_refused():
    with pytest.raises(ValueError, match="does not vary"):
        standardised(np.c_[np.arange(5.0), np.ones(5)], 5)


def test_direction_is_the_mean_cosine_of_two_samples():
    outputs = np.random.default_rng(2).normal(1, 1, size=(30, 4))
    outputs[3] = 0  # a sample for which all is off is like no other
    x = np.random.default_rng(3).normal(size=(30, 2))
    size = np.linalg.norm(outputs, axis=1)
    cosines = [
        outputs[i] @ outputs[j] / (size[i] * size[j]) if size[i] * size[j] else 0.0
        for i in range(30)
        for j in range(30)
        if i != j
    ]
    assert described(x, outputs)["direction"] == pytest.approx(np.mean(cosines))


def test_outputs_of_one_direction_have_rank_and_cosine_one():
    length = np.random.default_rng(4).uniform(1, 2, size=(40, 1))
    found = described(length, length * np.array([[1.0, 2.0, -3.0]]))
    assert [found[name] for name in ("rank", "direction")] == pytest.approx([1, 1])
    assert found["linear_r2"] == pytest.approx(1, abs=1e-4)


def test_depth_brings_the_plain_tasks_to_one_direction_and_makes_the_normalised_harder():
    plain, normalised = (
        component_tasks.run(config(form=form, relus=(0, 1, 30))).metrics["targets"]
        for form in ("plain", "normalised")
    )
    assert plain[2]["direction"] > 0.9 > plain[1]["direction"]
    assert plain[2]["rank"] < 3 < plain[1]["rank"]
    assert normalised[2]["direction"] < 0.5
    assert normalised[2]["rank"] > 3
    assert normalised[2]["linear_r2"] < 0.2 < normalised[1]["linear_r2"] < 0.95


def test_a_family_has_the_family_format():
    family = component_tasks.run(config())
    assert [task["relus"] for task in family.metrics["targets"]] == [0, 1, 4]
    assert family.arrays["pool"].shape == (3, 400, 8)
    assert family.arrays["test"].shape == (3, 100, 8)
    assert family.arrays["pool"].dtype == family.arrays["test"].dtype == np.float32
    assert [family.arrays[f"own_{i}"].shape for i in range(3)] == [(0,)] * 3
    np.testing.assert_allclose(family.arrays["pool"].std(axis=1), 1, rtol=1e-5)
    assert all(t["left_pool"] == t["left_test"] == 0 for t in family.metrics["targets"])


def test_learners_come_near_their_tasks_and_the_tasks_stay_the_same():
    given, learned = component_tasks.run(config()), component_tasks.run(config(learner=LEARNER))
    for ours, theirs in zip(learned.metrics["targets"], given.metrics["targets"], strict=True):
        assert 0 < ours["left_pool"] < ours["left_test"] < 0.6
        assert {**ours, "left_pool": 0, "left_test": 0} == theirs
    for i in range(3):
        off = learned.arrays["test"][i] - given.arrays["test"][i]
        left = off.var(axis=0).mean() / given.arrays["test"][i].var(axis=0).mean()
        assert learned.metrics["targets"][i]["left_test"] == pytest.approx(left, rel=1e-4)


def test_a_point_repeats_and_its_seed_and_form_matter(tmp_path):
    short = LEARNER.model_copy(update={"budget": LEARNER.budget.model_copy(update={"steps": 3})})
    point = config(learner=short)
    result = component_tasks.run(point)
    assert_repeats(component_tasks, point, result, tmp_path)
    for change in ({"seed": 1}, {"form": "pooled"}, {"form": "normalised"}):
        other = component_tasks.run(config(learner=short, **change))
        assert not np.allclose(other.arrays["test"][1], result.arrays["test"][1])


def test_images_are_refused():
    with pytest.raises(ValueError, match="take vectors"):
        component_tasks.run(config(data=Data(name="shapes", pool=10, test=5, size=16)))


def test_a_longer_training_costs_more():
    longer = LEARNER.model_copy(update={"budget": LEARNER.budget.model_copy(update={"steps": 900})})
    points = (config(), config(learner=LEARNER), config(learner=longer))
    assert_costs_grow(component_tasks, *points)


def image_config(**changes: object) -> component_task_images.Config:
    data = Data(name="shapes", pool=120, test=1, size=16)
    return component_task_images.Config(**{"data": data, "relus": (0, 12), "seed": 0} | changes)


def test_the_studys_tasks_are_described_alike(tmp_path):
    point = image_config()
    result = component_task_images.run(point)
    first, second = result.metrics["tasks"]
    assert (first["relus"], second["relus"]) == (0, 12)
    assert first["linear_r2"] < 0.95  # the maximum over windows
    assert second["deviation"] < first["deviation"]
    assert_repeats(component_task_images, point, result, tmp_path)
    assert component_task_images.run(image_config(seed=1)).metrics != result.metrics
    assert_costs_grow(component_task_images, point, image_config(relus=(0, 80)))

"""How reconstructions are looked at: made-up ones whose distances and classes are known."""

from functools import cache
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import torch
from experimenting import assert_costs_grow, assert_refused
from inverted_nets import NETS

from strata.experiments import inversion_manifold as manifold
from strata.experiments import inversion_nets, inversions
from strata.experiments import inversion_training_tables as tables
from strata.experiments.inversion_pictures import Pictures, as_pixels
from strata.measures.nearest import directions, mixtures, nearest_distance
from strata.measures.smoothing import blur
from strata.nets.stages import embedding
from strata.runs.result import Result

KNOWN = NETS | {
    "pool": 40,
    "stages": ["conv1", "pool", "c2", "c3", "c4", "c5"],
    "steps": 10,
    "rate_steps": 2,
}
N = KNOWN["images"] + KNOWN["photographs"]


def parameters(**changes: object) -> manifold.Parameters:
    return manifold.Parameters(**KNOWN | changes)


@cache
def point() -> manifold.Config:
    """A seed with three reconstructions, which `made` makes up."""
    first = parameters().points()[0]
    return first.model_copy(update={"made": first.made[:3]})


@cache
def pictures() -> Pictures:
    return inversion_nets.pictures(point().natural)


@cache
def judges() -> tuple[Result, Result]:
    return inversion_nets.run(point().natural), inversion_nets.run(point().independent)


@cache
def made() -> tuple[Result, ...]:
    """The originals themselves, training images, and held-out images."""
    shown = pictures().shown(), as_pixels(pictures().training[:N]), as_pixels(pictures().pool[:N])
    n = len(shown[0])
    numbers = {
        "inputs": np.tile([9.0, 2.0], (n, 1)),
        "embedding": np.tile([5.0, 1.0], (n, 1)),
        "gray_input": np.full(n, 4.0),
        "reference": np.full(n, 3.0),
        "norm": np.full(n, 6.0),
        "rate": np.full(n, 0.1),
        "start": inversions.start_of(point().made[0]).numpy(),
    }
    return tuple(Result(arrays=numbers | {"made": images.numpy()}) for images in shown)


@cache
def looks() -> Result:
    return manifold.run(point(), given=[*judges(), *made()])


def row(name: str, kind: str) -> np.ndarray:
    """Numbers of one of the baselines."""
    return looks().arrays[name][len(made()) + manifold.BASELINES.index(kind)]


def test_each_seed_has_a_point_with_all_kinds_and_judges_that_are_trained():
    points = parameters(seeds=3).points()
    assert [each.natural.seed for each in points] == [0, 1, 2]
    assert [each.independent.seed for each in points] == [1, 2, 0]
    for each in points:
        assert {made.net.kind for made in each.made} == set(manifold.KINDS)
        assert {made.net.seed for made in each.made} == {each.natural.seed}
        assert len(set(each.made)) == len(each.made) == 6 * 4 * 2 + 3 * 2 + 6
        assert {made.stage for made in each.made if made.method == "descent"} == {"c2", "c5"}
        gray = [made for made in each.made if made.start == "gray"]
        assert {(made.stage, made.method) for made in gray} == {("c5", "adam")}
        needed = manifold.needs(each)
        assert [config for _, config in needed] == [each.natural, each.independent, *each.made]
        assert [module for module, _ in needed[1:3]] == [inversion_nets, inversions]


def test_the_matched_nets_differ_in_images_and_labels_alone():
    few = {
        made.net.model_copy(update={"kind": "noise"})
        for made in parameters().points()[0].made
        if made.net.kind in ("matched", "random_labels", "noise")
    }
    assert len(few) == 1


def test_ready_made_weights_are_not_judged_by_themselves():
    for each in parameters(architecture="resnet50").points():
        assert (each.natural.kind, each.independent.kind) == ("natural", "matched")


def test_early_and_late_stages_are_those_that_there_are():
    assert (parameters().early, parameters().late) == (["pool", "c2"], ["c4", "c5"])
    few = parameters(stages=["conv1", "pool", "c3", "c5"])
    assert (few.early, few.late) == (["pool"], ["c5"])
    assert {made.stage for made in few.points()[0].made} == {"pool", "c5"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stages", ["c2", "pool", "c5"]),
        ("stages", ["pool", "pool", "c5"]),
        ("stages", ["pool", "c3"]),
        ("stages", ["conv1", "c5"]),
        ("stages", ["pool", "c6"]),
        ("steps", 1),
        ("rate_steps", 0),
        ("seeds", 1),
    ],
)
def test_parameters_out_of_range_are_refused(field, value):
    assert_refused(parameters, field, value)


def test_more_reconstructions_and_more_references_cost_more():
    larger = parameters(training_images=200).points()[0]
    assert_costs_grow(manifold, point(), parameters().points()[0], larger)


def test_the_data_are_those_of_the_seed():
    points = parameters().points()
    assert manifold.data_source(points[0]) == "shapes"
    assert manifold.data_fingerprint(point()) == manifold.data_fingerprint(points[0])
    assert manifold.data_fingerprint(points[0]) != manifold.data_fingerprint(points[1])


def test_training_images_are_at_no_distance_from_themselves():
    for name in ("pixels", "pixels_seen", "features", "features_seen"):
        assert looks().arrays[name][1] == pytest.approx(0, abs=1e-6), name
        assert (looks().arrays[name][2] > 0.01).all(), name
    for name in ("pixels_unseen", "features_unseen"):
        assert looks().arrays[name][2] == pytest.approx(0, abs=1e-6), name
        assert (looks().arrays[name][1] > 0.01).all(), name


def test_a_copy_is_judged_as_its_original():
    for name, values in looks().arrays.items():
        if not name.startswith(("held_out", "mixture")):
            assert values.shape[:2] == (len(made()) + len(manifold.BASELINES), N), name
            assert values[0].tolist() == row(name, "original").tolist(), name
    assert looks().arrays["mixture"][0] == pytest.approx(row("pixels", "original"), abs=1e-6)


def test_mixtures_are_as_good_copies_and_use_the_start_of_their_method():
    """The second group is by Adam, whose start is not blurred, the third by blurred descent."""
    assert [each.method for each in point().made] == ["blurred", "adam", "blurred"]
    started = inversions.start_of(point().made[0]), _blurred_start()
    for group, other in ((1, started[0]), (2, started[1])):
        mixed = mixtures(
            directions(made()[group].arrays["made"]),
            directions(pictures().shown()),
            directions(other),
        )
        wanted = nearest_distance(mixed, directions(pictures().training))
        assert looks().arrays["mixture"][group] == pytest.approx(wanted, abs=1e-4)


def _blurred_start() -> torch.Tensor:
    config = point().made[0]
    image = inversions.start_of(config)
    for sigma in np.linspace(2.4, 0.4, config.steps):
        image = blur(image, sigma)
    tint = image.mean(dim=(2, 3), keepdim=True)
    return image - tint + tint.mean(dim=1, keepdim=True)


def test_more_references_are_never_farther():
    assert looks().metrics == {"references": 100, "equal_references": 40}
    for space in ("pixels", "features"):
        assert (looks().arrays[space] <= looks().arrays[f"{space}_seen"] + 1e-6).all()


def test_distances_and_classes_are_those_of_another_way():
    other = inversion_nets.net_of(point().independent, judges()[1])
    with torch.no_grad():
        features = [
            embedding(other, as_pixels(images), "c5").mean(dim=(2, 3)).double().numpy()
            for images in (pictures().training, pictures().pool)
        ]
        chances = other(pictures().shown()).softmax(dim=1).numpy()
    seen, held_out = (directions(each, features[0].mean(axis=0)) for each in features)
    assert looks().arrays["held_out_features"] == pytest.approx(
        nearest_distance(held_out, seen), abs=1e-5
    )
    seen, held_out = (directions(each) for each in (pictures().training, pictures().pool))
    assert looks().arrays["held_out_pixels"] == pytest.approx(nearest_distance(held_out, seen))
    assert row("other", "original") == pytest.approx(chances, abs=1e-5)


def test_the_blurred_start_is_the_start_after_all_blurs_without_its_tint():
    wanted = nearest_distance(directions(_blurred_start()), directions(pictures().training))
    assert row("pixels", "blurred start") == pytest.approx(wanted, abs=1e-4)
    assert (row("pixels", "blurred start") != row("pixels", "start")).all()


def test_noise_is_farther_from_training_images_than_originals_are():
    assert row("pixels", "noise").min() > row("pixels", "original").max()


def test_a_point_gives_the_same_again():
    assert manifold.run(point(), given=[*judges(), *made()]).digest() == looks().digest()


def test_a_table_has_a_row_for_each_image():
    found = tables.by_image(point(), made(), looks())
    assert len(found) == 3 * N
    assert found["judged"].sum() == 3 * KNOWN["images"]
    first = found[found["method"] == point().made[0].method].iloc[:N]
    assert first["kind"].unique() == ["untrained"]
    assert first["stage"].unique() == ["pool"]
    assert first["detail"].to_numpy() == pytest.approx(1)
    assert first["correlation"].to_numpy() == pytest.approx(1)
    assert first["memory"].to_numpy() == pytest.approx(0)
    assert first["own"].to_numpy() == pytest.approx(1)
    assert first["other"].to_numpy() == pytest.approx(1)
    for name, value in (
        ("distance", 2),
        ("gray", 4),
        ("embedding", 1),
        ("reference", 3),
        ("norm", 6),
    ):
        assert (found[name] == value).all(), name
    assert found["fine"].between(0, 1).all()
    assert (found["rate"].isna() == (found["method"] == "adam")).all()
    assert (found["detail"].iloc[N:].abs() < 0.9).all()


def test_baselines_have_a_table_of_their_own():
    found = tables.baselines(point(), looks())
    assert found["kind"].unique().tolist() == list(manifold.BASELINES)
    assert len(found) == len(manifold.BASELINES) * N
    start = found[found["kind"] == "start"]
    assert start["pixels"].to_numpy() == pytest.approx(row("pixels", "start"))
    assert (found[found["kind"] == "original"]["own"] == 1).all()
    assert set(found.columns) <= set(tables.by_image(point(), made(), looks()).columns)
    assert isinstance(found, pd.DataFrame)


def test_agreement_beyond_chance_is_nothing_when_images_are_shuffled():
    """Over all assignments of reconstructions to originals right and wrong are equal."""
    classes = np.array([0, 0, 1, 2])
    chances = np.random.default_rng(0).dirichlet(np.ones(4), size=4)
    found = [tables.agreement(chances[list(order)], classes, 4) for order in permutations(range(4))]
    right, wrong = np.mean(found, axis=0).mean(axis=1)
    assert right == pytest.approx(wrong)


def test_a_judge_who_sees_one_class_in_everything_sees_nothing():
    right, wrong = tables.agreement(np.tile([0.1, 0.2, 0.7], (4, 1)), np.array([0, 0, 1, 2]), 4)
    assert right.mean() == pytest.approx(wrong.mean())


def test_photographs_are_compared_with_all_judged_originals():
    right, wrong = tables.agreement(np.eye(2)[[0, 1, 1]], np.array([0, 1, 1]), 2)
    assert right.tolist() == [1, 1, 1]
    assert wrong.tolist() == [0, 0, 0.5]


def test_noise_of_the_start_is_found_again():
    found = tables.by_image(point(), _kept_starts(), looks())
    assert found["start_share"].to_numpy() == pytest.approx(1, abs=1e-3)
    assert found["memory"].to_numpy() == pytest.approx(1, abs=0.1)
    flat = [each.model_copy(update={"start": "gray"}) for each in point().made]
    gray = point().model_copy(update={"made": tuple(flat)})
    assert tables.by_image(gray, made(), looks())["start_share"].isna().all()


def _kept_starts() -> list[Result]:
    """Searches that added a faint ramp to the start and nothing else."""
    ramp = np.broadcast_to(np.linspace(0, 0.01, KNOWN["size"]), (1, 3, 16, 16))
    return [Result(arrays=each.arrays | {"made": each.arrays["start"] + ramp}) for each in made()]


def test_a_search_that_did_not_move_has_added_nothing_fine_or_coarse():
    still = [
        Result(metrics=result.metrics, arrays=result.arrays | {"made": result.arrays["start"]})
        for result in made()
    ]
    found = tables.by_image(point(), still, looks())
    assert found["fine"].isna().all()
    assert (found["memory"] == 1).all()

"""The fully connected nets of study D: what must hold of each result, and what is refused."""

import numpy as np
import pytest
import torch
from experimenting import assert_costs_grow, assert_refused, assert_repeats
from own_images import write_own

from strata.experiments import inversion_exact as exact
from strata.experiments import inversion_linear as linear
from strata.experiments import inversion_relu as relu
from strata.experiments.inversion_vectors import Vectors, linear_map, originals, starts
from strata.measures.jacobian import input_jacobian
from strata.nets.mlp import MLP
from strata.seeding import torch_generator

VECTORS = Vectors(data="shapes", seed=0, images=2, side=4)
LINEAR = {
    "data": "shapes",
    "linear_seeds": 2,
    "linear_side": 4,
    "linear_images": 2,
    "linear_ratios": [0.5, 1.0, 1.98],
    "linear_depth": 2,
    "linear_depths": [1, 2],
    "last_factors": [1, 4],
    "linear_steps": 40,
    "linear_long_steps": 80,
}
RELU = {
    "data": "shapes",
    "relu_seeds": 2,
    "relu_side": 4,
    "relu_images": 2,
    "relu_ratios": [1.5, 1.8, 1.9, 2.0, 2.1, 2.2, 2.5],
    "relu_depths": [1, 2],
}
SQUARE = {
    "data": "shapes",
    "square_side": 5,
    "square_seeds": 2,
    "small_side": 4,
    "small_seeds": 4,
    "square_images": 3,
    "square_draws": 20,
}


def linear_with(**changes: object) -> linear.Parameters:
    return linear.Parameters(**LINEAR | changes)


def relu_with(**changes: object) -> relu.Parameters:
    return relu.Parameters(**RELU | changes)


def exact_with(**changes: object) -> exact.Parameters:
    return exact.Parameters(**SQUARE | changes)


def test_vectors_are_images_of_the_seed_and_starts_are_noise():
    a = originals(VECTORS)
    assert a.shape == (2, 48)
    assert a.min() >= 0
    assert a.max() <= 1
    assert torch.equal(a, originals(VECTORS))
    assert not torch.equal(a, originals(VECTORS.model_copy(update={"seed": 1})))
    many = starts(VECTORS.model_copy(update={"images": 500}))
    assert many.mean() == pytest.approx(0.7, abs=0.002)
    assert many.std() == pytest.approx(0.05, abs=0.002)


def test_the_linear_map_is_that_of_the_net():
    net = MLP([4, 7, 3], generator=torch_generator("test"), activation="identity").double()
    assert torch.allclose(linear_map(net.layers), input_jacobian(net, torch.zeros(4).double()))


def point(ratio: float, depth: int = 2, last: int = 1) -> linear.Config:
    return linear.Config(
        vectors=VECTORS, depth=depth, ratio=ratio, last=last, steps=40, long_steps=80
    )


def test_a_narrow_net_keeps_its_floor_and_a_wide_one_has_none():
    narrow, wide = (linear.run(point(ratio)) for ratio in (0.5, 1.98))
    assert narrow.metrics["rank"] == 24
    assert wide.metrics["rank"] == 48
    floor = narrow.arrays["floor"]
    assert narrow.arrays["long_null"] == pytest.approx(floor)
    assert narrow.arrays["least"] == pytest.approx(floor)
    assert (narrow.arrays["long"] >= floor - 1e-12).all()
    assert (wide.arrays["floor"] < 1e-10).all()
    assert (wide.arrays["least"] < 1e-10).all()
    assert narrow.metrics["condition"] == 0
    assert narrow.arrays["history"].shape == (2, 2, len(narrow.arrays["steps"]))
    assert narrow.arrays["history"][0, :, -1] == pytest.approx(narrow.arrays["long"])


def test_a_single_layer_is_hardly_changed_by_scaling():
    """The size that nets are scaled to is that expected of a layer as wide as the others."""
    for ratio in (1.0, 1.98):
        expected = linear.expected_top(point(ratio, depth=1))
        assert linear.run(point(ratio, depth=1)).metrics["top"] == pytest.approx(expected, rel=0.15)


def test_a_wider_last_layer_has_the_same_rank_and_a_better_condition():
    one, four = (linear.run(point(1.98, last=last)).metrics for last in (1, 4))
    assert one["rank"] == four["rank"] == 48
    assert four["condition"] < one["condition"]
    assert point(1.98, last=4).widths == [48, 95, 380]


def test_each_net_is_made_once():
    points = linear_with().points()
    assert len(points) == len(set(points)) == 2 * (3 + 2 + 1)
    assert {p.ratio for p in linear_with().by_depth()} == {1.0, 1.98}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("linear_ratios", [0.5, 1.0, 1.5]),
        ("linear_ratios", [1.0, 1.5, 1.98]),
        ("linear_ratios", [0.5, 1.0, 1.98, 3.0]),
        ("linear_depths", [2, 4]),
        ("last_factors", [1, 2]),
        ("linear_seeds", 1),
        ("data", "digits"),
    ],
)
def test_linear_parameters_that_no_claim_could_use_are_refused(field, value):
    assert_refused(linear_with, field, value)


def test_the_rank_of_a_relu_net_is_that_of_its_jacobian():
    net = MLP([6, 14, 13], generator=torch_generator("relu"), dtype=torch.float64)
    net = net.requires_grad_(False)
    x = originals(VECTORS)[0, :6]
    found = relu.at_image(net, x)
    whole = input_jacobian(lambda v: net(v).relu(), x)
    values = torch.linalg.svdvals(whole).numpy()
    assert found.rank.rank == int((values > 1e-10 * values[0]).sum())
    active = [int((z > 0).sum()) for z in net.preactivations(x[None])]
    assert found.active == active


def test_a_net_that_is_off_has_rank_zero():
    net = MLP([3, 4], generator=torch_generator("off"), dtype=torch.float64)
    with torch.no_grad():
        net.layers[0].bias.fill_(-100)
    assert relu.at_image(net, torch.ones(3).double()).rank.rank == 0


def test_relu_ranks_never_exceed_inputs_or_active_units():
    result = relu.run(relu_with().points()[0])
    for prefix in ("", "grown_"):
        rank, active = (result.arrays[f"{prefix}{name}"] for name in ("rank", "active"))
        assert (rank <= np.minimum(active, 48)).all()
    assert result.arrays["rank"].shape == (7, 2, 2)
    apart = result.arrays["apart"].astype(bool)
    assert (result.arrays["rank"][apart] == 48).all(), "layers that can be undone lose nothing"


@pytest.mark.parametrize(
    ("field", "value"), [("relu_ratios", [1.5, 2.0, 2.5]), ("relu_depths", [2, 1])]
)
def test_relu_parameters_that_no_claim_could_use_are_refused(field, value):
    assert_refused(relu_with, field, value)


def test_the_inverse_is_exact_and_noise_goes_through_it_as_through_the_matrix():
    config = exact_with().small_points()[0]
    result = exact.run(config)
    a = originals(config.vectors)
    assert (result.arrays["exact"] < 1e-8).all()
    assert (result.arrays["exact_single"] > result.arrays["exact"]).all()
    assert result.metrics["least"] == pytest.approx(result.arrays["values"][-1], rel=1e-3)
    assert result.metrics["least"] >= result.arrays["values"][-1] * (1 - 1e-9)
    shift = exact.SHIFT
    spread = np.sqrt((shift / result.arrays["values"]) ** 2).max()
    assert np.median(result.arrays["random"]) == pytest.approx(spread, rel=0.6)
    assert (result.arrays["clipped"] <= np.sqrt(a.shape[1])).all()
    assert result.arrays["random_embedding"].mean() == pytest.approx(shift * np.sqrt(48), rel=0.05)
    assert result.arrays["descent"].shape == (3,)
    kept = int((result.arrays["values"] * exact.SPREAD >= shift).sum())
    assert result.metrics["kept"] == kept


def test_large_squares_have_no_spectrum():
    points = exact_with().points()
    assert [p.spectrum for p in points] == [False] * 2 + [True] * 4
    assert "truncated" not in exact.run(points[0]).arrays


def test_results_repeat_and_costs_grow():
    points = (linear_with().points()[0], relu_with().points()[0], exact_with().points()[0])
    for module, config in zip((linear, relu, exact), points, strict=True):
        assert_repeats(module, config, module.run(config))
        assert module.data_source(config) == "shapes"
        assert module.data_fingerprint(config) == module.data_fingerprint(config)
    assert_costs_grow(linear, point(0.5), point(1.0), point(1.98))


def test_a_page_names_photographs_as_their_set_does(tmp_path, monkeypatch):
    monkeypatch.setenv("STRATA_IMAGES", str(write_own(tmp_path / "mine.npz")))
    config = exact_with(data="own").points()[0]
    assert exact.data_source(config) == "own images: mine.npz"
    a = originals(config.vectors)
    # Held-out ones: they are the lighter ones.
    assert a.min() >= 100 / 255

"""Rank and CKA along depth: what decides a point, what it gives, and that its numbers agree."""

import numpy as np
import pytest
import torch
from experimenting import assert_costs_grow, assert_refused, assert_repeats, trained_again
from pydantic import ValidationError

from strata.data.toy import TASKS, plane_grid
from strata.experiments import extractor_tunnel, extractor_tunnel_claims
from strata.measures.transition import late_block_start, transition_layer

ALL_TASKS = ["yin-yang", "disk", "core-spurious", "core-spurious-noise"]
MEASURED = extractor_tunnel.MEASURED_POINTS
INIT = "_init"


def parameters(**changes: object) -> extractor_tunnel.Parameters:
    values = {
        "tasks": ["yin-yang"],
        "depths": [1, 4],
        "seeds": 2,
        "training_points": 120,
        "core_training_points": 80,
        "noise_dims": 3,
        "width": 10,
        "optimizer": "adam",
        "learning_rate": 0.01,
        "momentum": 0.0,
        "epochs": 60,
        "patience": 50,
        "kernel_points": 40,
        "test_points": MEASURED,
    }
    return extractor_tunnel.Parameters(**values | changes)


def still(point: extractor_tunnel.Config) -> extractor_tunnel.Config:
    """The point with a training that does not move the net."""
    schedule = point.schedule.model_copy(update={"epochs": 1, "lr": 1e-12})
    return point.model_copy(update={"schedule": schedule})


def soft_rank(spectrum: np.ndarray) -> float:
    p = spectrum[spectrum > 1e-12 * spectrum.max()]
    p = p / p.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


@pytest.fixture(scope="module")
def point():
    return parameters().points()[2]


@pytest.fixture(scope="module")
def result(point):
    return extractor_tunnel.run(point)


@pytest.fixture(scope="module")
def net(point):
    """The trained net of the point, trained again."""
    toy = extractor_tunnel.make_data(point)[0]
    trained = trained_again(extractor_tunnel.make_net(point), toy, point.schedule, point.seed)
    return trained.net.double()


@pytest.fixture(scope="module")
def held_out(point):
    return extractor_tunnel.make_data(point)[1]


def outputs(net: torch.nn.Module, x: np.ndarray) -> list[np.ndarray]:
    """z_0 ... z_L."""
    with torch.no_grad():
        return [z.numpy() for z in net.double().preactivations(torch.tensor(x))]


def test_the_same_point_gives_the_same_bits(point, result):
    assert_repeats(extractor_tunnel, point, result)


def test_the_sweep_holds_every_task_depth_and_seed_once_with_seeds_innermost():
    points = parameters(tasks=ALL_TASKS).points()
    places = [(point.task, point.depth, point.seed) for point in points]
    assert places == [
        (task, depth, seed) for task in ALL_TASKS for depth in (1, 4) for seed in (0, 1)
    ]
    sizes = {point.task: (point.training_points, point.noise_dims) for point in points}
    assert sizes == {
        "yin-yang": (120, 0),
        "disk": (120, 0),
        "core-spurious": (80, 0),
        "core-spurious-noise": (80, 3),
    }


def test_all_depths_of_a_seed_share_their_data_and_nothing_else_does():
    points = parameters(tasks=ALL_TASKS).points()
    fingerprints = [extractor_tunnel.data_fingerprint(point) for point in points]
    assert len(set(fingerprints)) == len(points) / 2
    for point, fingerprint in zip(points, fingerprints, strict=True):
        deep = point.model_copy(update={"depth": 4})
        assert extractor_tunnel.data_fingerprint(deep) == fingerprint


def test_nets_of_another_seed_depth_or_task_start_elsewhere():
    nets = [extractor_tunnel.make_net(p) for p in parameters(tasks=ALL_TASKS[:3]).points()]
    biases = [tuple(net.layers[0].bias.tolist()) for net in nets]
    assert len(set(biases)) == len(nets)


@pytest.mark.parametrize(
    ("task", "columns"),
    [("yin-yang", 2), ("disk", 2), ("core-spurious", 2), ("core-spurious-noise", 5)],
)
def test_the_sets_have_their_sizes_and_no_point_is_in_both(task, columns):
    point = parameters(tasks=[task]).points()[2]
    seen, asked = extractor_tunnel.make_data(point)
    assert seen.x.shape == (point.training_points, columns)
    assert asked.x.shape == (point.test_points, columns)
    rows = np.concatenate([seen.x, asked.x])
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert extractor_tunnel.make_net(point).widths == (columns, 10, 10, 10, 10, 2)


def test_there_is_a_number_for_every_layer(point, result):
    metrics, maps = result.metrics, point.depth + 1
    lengths = {
        "covariance_ranks": maps,
        "singular_value_ranks": maps,
        "covariance_ranks_post": maps - 1,
        "singular_value_ranks_post": maps - 1,
        "ntk_ranks": maps,
        "weight_ranks": maps,
        "effective_weight_ranks": maps,
    }
    for name, length in lengths.items():
        assert len(metrics[name]) == len(metrics[name + INIT]) == length, name
        assert min(metrics[name]) >= 1, name
    for name in ("piped_fresh", "piped_trained", "probe"):
        assert len(metrics[name]) == maps, name
        assert 0.5 < min(metrics[name]) <= max(metrics[name]) <= 1, name


def test_the_cka_maps_hold_the_input_and_all_layers(point, result):
    for kind in extractor_tunnel.CKA_KINDS:
        for name in (f"cka_{kind}", f"cka_{kind}{INIT}"):
            cka = result.arrays[name]
            assert cka.shape == (point.depth + 2, point.depth + 2), name
            assert np.allclose(np.diag(cka), 1, atol=1e-12), name
            assert np.allclose(cka, cka.T, atol=1e-12), name
            assert cka.max() <= 1 + 1e-9, name
    assert result.arrays["cka_linear"].min() >= 0
    assert not np.allclose(result.arrays["cka_rbf"], result.arrays["cka_rbf_init"], atol=0.01)


def test_the_transition_and_the_block_follow_from_ranks_and_cka(result):
    metrics = result.metrics
    assert metrics["transition"] == transition_layer(metrics["covariance_ranks"])
    assert metrics["transition_init"] == transition_layer(metrics["covariance_ranks_init"])
    # The first row and column of the map are the input, which is no layer.
    assert metrics["block_start"] == late_block_start(result.arrays["cka_rbf"][1:, 1:])


def test_the_ranks_are_those_of_the_held_out_pre_activations(net, held_out, result):
    layers = outputs(net, held_out.x[:MEASURED])
    covariance = [soft_rank(np.linalg.eigvalsh(np.atleast_2d(np.cov(z.T)))) for z in layers]
    assert result.metrics["covariance_ranks"] == pytest.approx(covariance, rel=1e-6)
    singular = [soft_rank(np.linalg.svd(z, compute_uv=False)) for z in layers]
    assert result.metrics["singular_value_ranks"] == pytest.approx(singular, rel=1e-6)
    hidden = [np.maximum(z, 0) for z in layers[:-1]]
    post = [soft_rank(np.linalg.eigvalsh(np.cov(h.T))) for h in hidden]
    assert result.metrics["covariance_ranks_post"] == pytest.approx(post, rel=1e-6)
    x = held_out.x[:MEASURED]
    assert result.metrics["input_covariance_rank"] == pytest.approx(
        soft_rank(np.linalg.eigvalsh(np.cov(x.T)))
    )


def test_points_of_the_plane_keep_two_directions_up_to_the_first_map(result):
    for suffix in ("", INIT):
        assert result.metrics[f"covariance_ranks{suffix}"][0] <= 2
        assert result.metrics[f"singular_value_ranks{suffix}"][0] <= 3
        assert result.metrics[f"covariance_ranks{suffix}"][-1] <= 2


def test_the_weight_ranks_are_those_of_the_weights_and_of_their_products(net, result):
    product = None
    for place, layer in enumerate(net.layers):
        weight = layer.weight.detach().numpy()
        product = weight if product is None else weight @ product
        for name, matrix in (("weight_ranks", weight), ("effective_weight_ranks", product)):
            expected = soft_rank(np.linalg.svd(matrix, compute_uv=False))
            assert result.metrics[name][place] == pytest.approx(expected, rel=1e-6), (name, place)


def test_the_kernel_of_the_last_map_is_that_of_its_inputs(net, held_out, result):
    """df_0/dz_L is the same for all points, so that K_L = h h' + 1."""
    x = held_out.x[: extractor_tunnel.NTK_POINTS]
    hidden = np.maximum(outputs(net, x)[-2], 0)
    expected = soft_rank(np.linalg.eigvalsh(hidden @ hidden.T + 1))
    assert result.metrics["ntk_ranks"][-1] == pytest.approx(expected, rel=1e-6)


def test_the_cka_of_input_and_layers_is_that_of_their_covariances(net, held_out, result):
    x = held_out.x[:MEASURED]
    layers = [part - part.mean(axis=0) for part in (x, *outputs(net, x))]

    def inner(a: np.ndarray, b: np.ndarray) -> float:
        return float(((a.T @ b) ** 2).sum())

    expected = [[inner(a, b) / (inner(a, a) * inner(b, b)) ** 0.5 for b in layers] for a in layers]
    assert np.allclose(result.arrays["cka_linear"], expected, atol=1e-9)


def test_accuracy_and_decision_are_those_of_the_net(net, held_out, result):
    said = 2 * outputs(net, held_out.x)[-1].argmax(axis=1) - 1
    assert result.metrics["accuracy"] == pytest.approx((said == held_out.y).mean())
    logits = outputs(net, plane_grid(extractor_tunnel.REGION_SIDE))[-1]
    decision = result.arrays["decision"]
    assert np.allclose(decision, logits[:, 1] - logits[:, 0], atol=1e-5)
    labels = TASKS["yin-yang"].label(plane_grid(extractor_tunnel.REGION_SIDE))
    assert (np.sign(decision) == labels).mean() > 0.7, "class 1 is y = +1"


def test_more_test_points_change_the_accuracy_and_not_the_ranks(point, result):
    more = extractor_tunnel.run(point.model_copy(update={"test_points": 2 * MEASURED})).metrics
    assert more["accuracy"] != result.metrics["accuracy"]
    assert more["covariance_ranks"] == result.metrics["covariance_ranks"]


def test_before_training_the_numbers_are_those_of_a_fresh_net(point, held_out, result):
    fresh = outputs(extractor_tunnel.make_net(point), held_out.x[:MEASURED])
    expected = [soft_rank(np.linalg.eigvalsh(np.atleast_2d(np.cov(z.T)))) for z in fresh]
    assert result.metrics["covariance_ranks_init"] == pytest.approx(expected, rel=1e-6)


def test_a_net_that_did_not_move_ends_as_it_began(point, result):
    ended = extractor_tunnel.run(still(point))
    for name, values in ended.metrics.items():
        if name.endswith(INIT) and name != "transition_init":
            end = ended.metrics[name.removesuffix(INIT)]
            assert end == pytest.approx(values, rel=1e-5), name
            assert values == result.metrics[name], name
    for kind in extractor_tunnel.CKA_KINDS:
        start = result.arrays[f"cka_{kind}{INIT}"]
        assert np.allclose(ended.arrays[f"cka_{kind}"], start, atol=1e-6)


@pytest.mark.parametrize("task", ALL_TASKS)
def test_nets_on_the_plane_have_a_picture_of_their_decision(task):
    arrays = extractor_tunnel.run(still(parameters(tasks=[task]).points()[0])).arrays
    assert ("decision" in arrays) == (task != "core-spurious-noise")
    if "decision" in arrays:
        assert arrays["decision"].shape == (extractor_tunnel.REGION_SIDE**2,)


def test_the_picture_covers_the_data():
    for task, halves in extractor_tunnel.REGIONS.items():
        _, asked = extractor_tunnel.make_data(parameters(tasks=[task]).points()[0])
        assert (np.abs(asked.x) <= halves).mean() > 0.999, task


def test_the_claims_can_be_taken_from_what_is_stored(point, result, monkeypatch):
    """Also where one of the nets has no transition."""
    shallow, _, _, other = parameters().points()
    monkeypatch.setattr(extractor_tunnel, "transition_layer", lambda ranks: None)
    nowhere = extractor_tunnel.run(other)
    assert nowhere.metrics["transition"] is None
    assert len(nowhere.digest()) == 64
    monkeypatch.undo()
    rest = [shallow, shallow.model_copy(update={"seed": 1})]
    points = [point, other, *rest]
    results = [result, nowhere, *map(extractor_tunnel.run, rest)]
    nets = extractor_tunnel_claims.table(points, results)
    published = {1: [2.0, 1.0], 4: [2.0, 2.2, 1.6, 1.0, 1.0]}
    found = {
        **extractor_tunnel_claims.rank_peak(nets),
        **extractor_tunnel_claims.provenance(nets, nets, published),
        **extractor_tunnel_claims.shallow_peaks(nets),
        **extractor_tunnel_claims.blocks(nets),
        **extractor_tunnel_claims.piped(nets),
        **extractor_tunnel_claims.cut_against_boundary(nets),
    }
    assert all(np.isfinite([e.low, e.value, e.high]).all() for e in found.values())
    assert found["deep"].value == np.mean([result.metrics["transition"] > 0, False])


def test_deeper_points_cost_more(point):
    shallow = point.model_copy(update={"depth": 1})
    assert_costs_grow(extractor_tunnel, shallow, point)


def test_a_scratch_folder_takes_the_checkpoint_and_is_left_empty(point, result, tmp_path):
    assert_repeats(extractor_tunnel, point, result, tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tasks", []),
        ("tasks", ["spiral"]),
        ("depths", [4]),
        ("depths", [4, 1]),
        ("depths", [1, 4, 4]),
        ("depths", [0, 4]),
        ("seeds", 1),
        ("training_points", 10),
        ("noise_dims", 0),
        ("optimizer", "lbfgs"),
        ("learning_rate", 0.0),
        ("momentum", 1.0),
        ("epochs", "many"),
        ("kernel_points", 5),
        ("test_points", MEASURED - 1),
        ("unknown", 1),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(field, value):
    assert_refused(parameters, field, value)


@pytest.mark.parametrize("depths", [[1, 2, 3], [4, 5]])
def test_depths_that_a_claim_needs_are_asked_for(depths):
    with pytest.raises(ValidationError, match="must begin below 4 and end there or above"):
        parameters(depths=depths)


def test_the_kernel_takes_no_more_points_than_there_are_on_each_task():
    fewest = {"training_points": 70, "core_training_points": 60}
    for sizes in (fewest, dict(zip(fewest, (60, 70), strict=True))):
        assert parameters(kernel_points=60, **sizes).kernel_points == 60
        with pytest.raises(ValidationError, match="kernel_points must not exceed"):
            parameters(kernel_points=61, **sizes)

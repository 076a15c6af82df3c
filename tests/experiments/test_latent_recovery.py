"""Latents along depth: what decides a point, what it gives, and that its numbers agree."""

from itertools import product

import numpy as np
import pytest
import torch
from experimenting import assert_costs_grow, assert_refused, assert_repeats

from strata.experiments import latent_recovery
from strata.experiments import latent_recovery_claims as claims
from strata.measures.cka import rbf_cka
from strata.training import train

LISTS = ("covariance_ranks", "singular_value_ranks", "rbf_latents", "debiased_label", "r2_score")


def parameters(**changes: object) -> latent_recovery.Parameters:
    values = {
        "decoders": ["layers"],
        "activations": ["relu"],
        "depths": [2, 4],
        "seeds": 2,
        "relevant": 2,
        "inputs": 12,
        "slide_inputs": 10,
        "training_points": 100,
        "test_points": latent_recovery.MEASURED_POINTS + 50,
        "width": 9,
        "learning_rate": 0.01,
        "epochs": 4,
        "batch_size": 50,
    }
    return latent_recovery.Parameters(**values | changes)


@pytest.fixture(scope="module")
def points():
    return parameters().points()


@pytest.fixture(scope="module")
def some(points):
    """The first set-up of the slides, that of the text, and the deeper ones of ours."""
    return [*points[:2], *points[8:10], *(p for p in points[10:] if p.depth == 4)]


@pytest.fixture(scope="module")
def results(some):
    pairs = [some[i : i + 2] for i in range(0, len(some), 2)]
    return [result for pair in pairs for result in latent_recovery.run_many(pair)]


@pytest.fixture(scope="module")
def point(points):
    return points[-1]


@pytest.fixture(scope="module")
def alone(point):
    return latent_recovery.run(point)


def measured(point: latent_recovery.Config) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The input and every map on the test points, after training and before."""
    train_set, test_set = latent_recovery.make_data(point)
    net = latent_recovery.make_net(point)
    x, y = torch.tensor(train_set.x, dtype=torch.float32), torch.tensor(train_set.classes)
    trained = train(net, x, y, point.schedule, seed=point.seed).net
    held_out = torch.tensor(test_set.x)
    with torch.no_grad():
        return tuple(
            [test_set.x, *(z.numpy() for z in each.double().preactivations(held_out))]
            for each in (trained, net)
        )


def test_the_same_point_gives_the_same_bits(point, alone):
    assert_repeats(latent_recovery, point, alone)


def test_a_stack_gives_what_each_net_gives_alone(alone, results):
    stacked = results[-1].metrics
    assert alone.metrics.keys() == stacked.keys()
    for name in LISTS:
        assert alone.metrics[name] == pytest.approx(stacked[name], rel=1e-3, abs=1e-3), name


def test_the_sweep_holds_the_studys_set_ups_and_ours(points):
    found = [(p.setting, p.latents, p.teacher, p.decoder, p.activation, p.depth) for p in points]
    assert len(found) == 2 * len(set(found)) == len(set(points)) == 18
    slides = [
        ("slides", "bernoulli", "linear", d, a, 4)
        for d in ("identity", "tanh")
        for a in ("identity", "tanh")
    ]
    assert found[:8:2] == slides
    assert found[8] == ("text", "bernoulli", "linear", "tanh", "relu", 4)
    own = [("own", "normal", t, "layers", "relu", d) for t in ("even", "products") for d in (2, 4)]
    assert found[10::2] == own
    sizes = {p.setting: (p.relevant, p.irrelevant, p.inputs) for p in points}
    assert sizes == {"slides": (4, 0, 10), "text": (10, 0, 100), "own": (2, 2, 12)}


def test_worlds_of_a_seed_share_latents_and_nets_but_not_labels(points):
    own = [p for p in points if p.setting == "own" and p.depth == 4]
    even, other_seed, products = own[0], own[1], own[2]
    (seen, asked), (same, _) = (latent_recovery.make_data(p) for p in (even, products))
    assert np.array_equal(seen.latents, same.latents)
    assert np.array_equal(seen.x, same.x)
    assert 0.2 < (seen.y == same.y).mean() < 0.8
    assert len(np.unique(np.vstack([seen.x, asked.x]), axis=0)) == len(seen) + len(asked)
    weights = [latent_recovery.make_net(p).layers[0].weight for p in (even, products, other_seed)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    fingerprints = {latent_recovery.data_fingerprint(p) for p in own}
    assert len(fingerprints) == 4


def test_the_targets_are_the_parts_of_the_latents(point, points):
    found = latent_recovery.targets(point)
    test_set = latent_recovery.make_data(point)[1]
    assert np.array_equal(np.hstack([found["relevant"], found["irrelevant"]]), test_set.latents)
    assert np.array_equal(np.sign(found["score"]), found["label"])
    assert np.abs(np.corrcoef(found["unrelated"].T, test_set.latents.T)[:4, 4:]).max() < 0.2
    assert "irrelevant" not in latent_recovery.targets(points[0])


def test_there_is_a_number_for_the_input_and_every_map(some, results):
    for point, result in zip(some, results, strict=True):
        lists = {name: v for name, v in result.metrics.items() if isinstance(v, list)}
        assert {len(values) for values in lists.values()} == {point.depth + 2}
        assert all(name.removesuffix("_init") + "_init" in lists for name in lists)
        assert set(LISTS) <= set(lists)
        assert ("r2_irrelevant" in lists) == (point.setting == "own")
        assert max(max(v) for n, v in lists.items() if "ranks" not in n) <= 1


def test_the_numbers_are_those_of_the_net(point, alone):
    metrics, asked = alone.metrics, latent_recovery.targets(point)
    few = latent_recovery.MEASURED_POINTS
    after, before = measured(point)
    for layers, suffix in ((after, ""), (before, "_init")):
        alike = [rbf_cka(z[:few], asked["relevant"][:few]) for z in layers]
        assert metrics[f"rbf_relevant{suffix}"] == pytest.approx(alike, abs=1e-4)
        for z, rank in zip(layers, metrics[f"covariance_ranks{suffix}"], strict=True):
            p = np.linalg.eigvalsh(np.cov(z[:few].T)).clip(1e-15)
            p = p / p.sum()
            assert rank == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=1e-3)
    test_set = latent_recovery.make_data(point)[1]
    assert metrics["accuracy"] == (after[-1].argmax(axis=1) == test_set.classes).mean()
    for name, latents in product(("label", "score"), ("latents", "relevant")):
        alike = rbf_cka(asked[name][:few], asked[latents][:few])
        assert metrics[f"{name}_rbf_{latents}"] == pytest.approx(alike)


def test_points_with_equal_latents_are_read_from_others_only(points):
    """With two latents and a bent decoder a copy of the point would give each of them away."""
    bent = {"relevant": 2, "decoder": "layers", "inputs": 40, "activation": "relu"}
    metrics = latent_recovery.run(points[0].model_copy(update=bent)).metrics
    assert metrics["distinct"] == 4
    assert metrics["r2_latents"][0] < 0.9


def test_what_is_linear_in_the_latents_is_read_in_full_and_strangers_are_not(results):
    plain = results[0].metrics  # both decoder and net are linear
    assert plain["distinct"] == 16
    assert min(plain["r2_latents"][:2]) > 0.999
    assert plain["rbf_latents"][0] > 0.7
    for result in results:
        assert np.abs(result.metrics["r2_unrelated"]).max() < 0.1
        assert max(result.metrics["rbf_unrelated"]) < 0.1


def test_the_claims_can_be_taken_from_what_is_stored(some, results):
    nets = claims.table(some, results)
    slides, text, deep = (nets[nets["setting"] == name] for name in ("slides", "text", "own"))
    found = [
        *claims.recovery(slides, text).values(),
        *claims.peak(deep).values(),
        *claims.disagreement(text, deep).values(),
        *claims.coincidence(deep).values(),
        *claims.dropped_by_similarity(deep).values(),
        *claims.dropped_by_decodability(deep).values(),
        *claims.one_number(text, deep).values(),
        *claims.undone(deep).values(),
    ]
    assert np.isfinite([(e.low, e.value, e.high) for e in found]).all()


def test_bigger_points_cost_more(points):
    assert_costs_grow(latent_recovery, points[10], points[12])


def test_only_seeds_of_one_set_up_are_stacked(points):
    keys = [latent_recovery.stack_key(p) for p in points]
    assert len(set(keys)) == len(keys) / 2
    assert keys[0] == keys[1]
    large = {"schedule": points[0].schedule.model_copy(update={"batch_size": 5000})}
    many = points[0].model_copy(update={**large, "training_points": 5000})
    assert latent_recovery.stack_key(many) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("decoders", ["identity"]),
        ("decoders", ["fourier"]),
        ("activations", ["tanh"]),
        ("activations", ["identity", "relu"]),
        ("depths", [2, 3]),
        ("depths", [4, 2]),
        ("seeds", 1),
        ("relevant", 3),
        ("inputs", 1),
        ("slide_inputs", 1),
        ("training_points", 10),
        ("test_points", latent_recovery.MEASURED_POINTS - 1),
        ("width", 1),
        ("learning_rate", 0.0),
        ("epochs", "many"),
        ("batch_size", 0),
        ("unknown", 1),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(field, value):
    assert_refused(parameters, field, value)

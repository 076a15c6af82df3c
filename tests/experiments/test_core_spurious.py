"""A weak core beside a strong shortcut: what decides a point, what it gives, and both stops."""

import numpy as np
import pytest
import torch
from experimenting import assert_costs_grow, assert_refused, assert_repeats, trained_again
from pydantic import ValidationError

from strata.data.spurious import conflicting
from strata.data.toy import Toy
from strata.experiments import core_spurious, core_spurious_claims
from strata.measures.transition import transition_layer
from strata.nets.mlp import MLP
from strata.runs.result import Result
from strata.training import Schedule, Trained

EVERY = core_spurious.OBSERVE_EVERY


def parameters(**changes: object) -> core_spurious.Parameters:
    values = {
        "strengths": [0.03, 0.1, 0.25],
        "agreements": [0.9, 1.0],
        "noise_dims": [3],
        "depths": [1, 3],
        "seeds": 2,
        "training_points": 100,
        "width": 10,
        "learning_rate": 0.01,
        "epochs": 300,
        "patience": 20,
        "settle": 15,
    }
    return core_spurious.Parameters(**values | changes)


def config(
    strength: float = 0.25,
    agreement: float = 0.9,
    noise_dims: int = 0,
    depth: int = 3,
    seed: int = 0,
    **changes: object,
) -> core_spurious.Config:
    """One point; changes are of its schedule or of its patience."""
    point = core_spurious.Config(
        strength=strength,
        agreement=agreement,
        noise_dims=noise_dims,
        depth=depth,
        seed=seed,
        training_points=100,
        width=10,
        schedule=Schedule(lr=0.01, epochs=300, settle=15),
        patience=changes.pop("patience", 20),
    )
    return point.model_copy(update={"schedule": point.schedule.model_copy(update=changes)})


def trained(point: core_spurious.Config, **changes: object) -> Trained:
    """The training of a point again, with changes of the schedule."""
    toy = core_spurious.make_data(point)[0]
    schedule = point.schedule.model_copy(update=changes)
    return trained_again(core_spurious.make_net(point), toy, schedule, point.seed)


def accuracy(net: MLP, toy: Toy, chosen: np.ndarray | None = None) -> float:
    x, y = (toy.x, toy.y) if chosen is None else (toy.x[chosen], toy.y[chosen])
    with torch.no_grad():
        logits = net(torch.tensor(x, dtype=torch.float32)).numpy()
    return float((np.sign(logits[:, 1] - logits[:, 0]) == y).mean())


def on_conflicting(net: MLP, point: core_spurious.Config) -> float:
    shifted = core_spurious.make_data(point)[2]
    return accuracy(net, shifted, conflicting(shifted))


@pytest.fixture(scope="module")
def point():
    return config()


@pytest.fixture(scope="module")
def result(point):
    return core_spurious.run(point)


def test_the_same_point_gives_the_same_bits(point, result):
    assert_repeats(core_spurious, point, result)


def test_the_sweep_crosses_strengths_with_p_and_at_the_stated_p_with_noise():
    points = parameters(noise_dims=[3, 20]).points()
    assert len({point.model_dump_json() for point in points}) == len(points)
    cells = {(point.strength, point.agreement, point.noise_dims) for point in points}
    plain = {(a, p, 0) for a in (0.03, 0.1, 0.25) for p in (0.9, 1.0)}
    assert cells == plain | {(a, 0.9, n) for a in (0.03, 0.1, 0.25) for n in (3, 20)}
    assert len(points) == len(cells) * 2 * 2
    assert [point.seed for point in points[:2]] == [0, 1]
    (schedule,) = {point.schedule for point in points}
    assert (schedule.epochs, schedule.settle, schedule.patience) == (300, 15, None)


def test_all_depths_share_their_data_and_nothing_else_does(point):
    fingerprint = core_spurious.data_fingerprint(point)
    assert core_spurious.data_fingerprint(config(depth=1)) == fingerprint
    for other in (
        config(strength=0.1),
        config(agreement=1.0),
        config(noise_dims=3),
        config(seed=1),
    ):
        assert core_spurious.data_fingerprint(other) != fingerprint, other


def test_strengths_share_all_their_draws():
    weak, strong = (core_spurious.make_data(config(strength=a)) for a in (0.03, 0.25))
    for one, other in zip(weak, strong, strict=True):
        assert np.allclose(one.x[:, 0] / 0.03, other.x[:, 0] / 0.25, rtol=1e-12)
        assert np.array_equal(one.x[:, 1], other.x[:, 1])
        assert np.array_equal(one.y, other.y)


def test_values_of_p_share_all_but_some_spurious_signs():
    usual, perfect = (core_spurious.make_data(config(agreement=p)) for p in (0.9, 1.0))
    for one, other in zip(usual, perfect, strict=True):
        assert np.array_equal(one.x[:, 0], other.x[:, 0])
        assert np.array_equal(one.y, other.y)
    assert np.array_equal(usual[2].x, perfect[2].x), "no shortcut in the last set at any p"


def test_noise_dimensions_come_beside_the_same_training_points():
    plain, noisy = (core_spurious.make_data(config(noise_dims=n))[0] for n in (0, 3))
    assert np.array_equal(noisy.x[:, :2], plain.x)
    assert noisy.x.shape[1] == 5


def test_each_set_has_its_size_and_its_share_of_conflicting_samples():
    for p in (0.9, 1.0):
        sets = core_spurious.make_data(config(agreement=p))
        assert [len(toy) for toy in sets] == [100, 2000, 2000]
        train_share, usual, shifted = (conflicting(toy).mean() for toy in sets)
        assert train_share == pytest.approx(1 - p, abs=4 * (p * (1 - p) / 100) ** 0.5)
        assert usual == pytest.approx(1 - p, abs=4 * (p * (1 - p) / 2000) ** 0.5)
        assert shifted == pytest.approx(0.5, abs=4 * 0.5 / 2000**0.5)


def test_nets_of_one_seed_and_depth_begin_alike_for_all_strengths_and_p():
    def weights(point: core_spurious.Config) -> list[float]:
        net = core_spurious.make_net(point)
        return torch.nn.utils.parameters_to_vector(net.parameters()).tolist()

    first = weights(config())
    assert weights(config(strength=0.03)) == weights(config(agreement=1.0)) == first
    assert weights(config(seed=1)) != first
    assert weights(config(depth=1)) != first[: len(weights(config(depth=1)))]
    assert core_spurious.make_net(config(noise_dims=3)).widths == (5, 10, 10, 10, 2)


def test_the_metrics_are_those_of_the_trained_net(point, result):
    metrics, again = result.metrics, trained(point)
    _, usual, shifted = core_spurious.make_data(point)
    odd = conflicting(shifted)
    assert (metrics["epochs"], metrics["stop"]) == (again.epochs, again.stop)
    assert metrics["zero_error_epoch"] == again.zero_error_epoch
    assert metrics["train_error"] == again.error[-1]
    assert metrics["conflicting"] == pytest.approx(accuracy(again.net, shifted, odd))
    assert metrics["agreeing"] == pytest.approx(accuracy(again.net, shifted, ~odd))
    assert metrics["usual"] == pytest.approx(accuracy(again.net, usual))
    early = accuracy(again.zero_error_net, shifted, odd)
    assert metrics["conflicting_zero_error"] == pytest.approx(early)


def test_the_ranks_are_those_of_a_held_out_set_like_the_training_set(point, result):
    again, usual = trained(point), core_spurious.make_data(point)[1]
    for net, suffix in ((again.net, ""), (again.zero_error_net, "_zero_error")):
        ranks = []
        with torch.no_grad():
            for z in net.preactivations(torch.tensor(usual.x, dtype=torch.float32)):
                values = np.linalg.eigvalsh(np.cov(z.numpy().astype(float).T))
                p = values[values > 0] / values[values > 0].sum()
                ranks.append(float(np.exp(-(p * np.log(p)).sum())))
        assert result.metrics[f"covariance_ranks{suffix}"] == pytest.approx(ranks, rel=1e-4)
        assert result.metrics[f"transition{suffix}"] == transition_layer(ranks)


def test_the_course_begins_before_training_and_ends_with_the_net(point, result):
    epochs, course = result.arrays["epochs"], result.arrays["conflicting"]
    last = result.metrics["epochs"]
    assert epochs.tolist() == sorted({*range(0, last, EVERY), last})
    assert course[0] == pytest.approx(on_conflicting(core_spurious.make_net(point), point))
    assert course[-1] == result.metrics["conflicting"]
    early = trained(point, epochs=2 * EVERY).net
    assert course[2] == pytest.approx(on_conflicting(early, point))


def test_training_settles_after_the_first_faultless_epoch(result):
    metrics = result.metrics
    assert metrics["stop"] == "settled"
    assert metrics["epochs"] == metrics["zero_error_epoch"] + 15
    assert metrics["train_error"] == 0


def test_patience_is_where_a_training_with_patience_would_have_stopped():
    """The weakest core: the loss rests on a plateau while only the shortcut is used."""
    point = config(strength=0.03, seed=1, epochs=200, patience=5)
    metrics = core_spurious.run(point).metrics
    stopped = trained(point, patience=5)
    assert stopped.stop == "patience"
    assert metrics["patience_epoch"] == stopped.epochs < metrics["epochs"]
    watched = EVERY * (stopped.epochs // EVERY)
    then = trained(point, epochs=watched).net
    assert metrics["conflicting_patience"] == pytest.approx(on_conflicting(then, point))


def test_a_patience_that_never_ends_the_training_leaves_its_end():
    result = core_spurious.run(config(strength=0.1, patience=1000, epochs=100))
    before, last = result.arrays["conflicting"][-2:]
    assert result.metrics["patience_epoch"] is None
    assert result.metrics["conflicting_patience"] == result.metrics["conflicting"] == last
    assert before < last - 0.1, "cut while the core is being learned"


def test_the_core_is_learned_when_accuracy_on_conflicting_samples_stays_high(result):
    epochs, course = result.arrays["epochs"], result.arrays["conflicting"]
    found = result.metrics["epochs_to_core"]
    high = course >= core_spurious.LEARNED
    assert found in epochs
    assert high[epochs >= found].all()
    assert not high[np.flatnonzero(epochs == found)[0] - 1]


def test_a_net_that_begins_with_the_opposite_of_the_shortcut_has_not_learned_the_core():
    """By chance it is right on all conflicting samples before training, and wrong on the others."""
    for seed in range(20):
        point = config(depth=1, seed=seed)
        net, shifted = core_spurious.make_net(point), core_spurious.make_data(point)[2]
        odd = conflicting(shifted)
        if accuracy(net, shifted, odd) > 0.95 and accuracy(net, shifted, ~odd) < 0.05:
            break
    else:
        pytest.fail("no such net among twenty")
    result = core_spurious.run(point)
    assert result.arrays["conflicting"].min() < 0.5, "training first takes the shortcut"
    assert result.metrics["epochs_to_core"] != 0


def test_a_core_that_is_not_learned_has_no_epoch_and_counts_with_the_budget():
    point = config(strength=0.03, epochs=20)
    result = core_spurious.run(point)
    assert result.metrics["epochs_to_core"] is None
    for name in ("zero_error_epoch", "conflicting_zero_error", "covariance_ranks_zero_error"):
        assert result.metrics[name] is None, name
    assert result.metrics["transition_zero_error"] is None
    assert result.metrics["stop"] == "budget"
    nets = core_spurious_claims.table([point], [result])
    assert core_spurious_claims.epochs_to_core(nets).tolist() == [20]


def test_a_perfect_shortcut_is_all_that_a_net_uses():
    """At p = 1 no training sample conflicts, and the error is zero before the core is seen."""
    metrics = core_spurious.run(config(strength=0.1, agreement=1.0)).metrics
    assert metrics["usual"] == metrics["agreeing"] == 1
    assert metrics["conflicting"] < 0.05
    assert metrics["epochs_to_core"] is None


def test_a_strong_core_is_learned(result):
    assert result.metrics["conflicting"] > 0.95
    assert result.metrics["agreeing"] > 0.95


@pytest.mark.parametrize("dims", [0, 3])
def test_a_scratch_folder_takes_the_checkpoint_and_is_left_empty(tmp_path, dims):
    point = config(noise_dims=dims, epochs=30)
    assert_repeats(core_spurious, point, core_spurious.run(point), tmp_path)


def test_deeper_points_and_weaker_cores_cost_more(point):
    assert_costs_grow(core_spurious, config(depth=1), point, config(strength=0.03))


def test_the_claims_can_be_taken_from_what_is_stored():
    points = parameters(epochs=12, depths=[1, 2]).points()
    results = [core_spurious.run(point) for point in points]
    assert all(isinstance(result, Result) and result.digest() for result in results)
    nets = core_spurious_claims.table(points, results)
    found = {
        **core_spurious_claims.reliance_on_depth(nets),
        **core_spurious_claims.depth_or_patience(nets),
        **core_spurious_claims.correlation(nets),
        **core_spurious_claims.time_to_core(nets),
        **core_spurious_claims.transition_needs_core(nets),
    }
    assert all(np.isfinite([e.low, e.value, e.high]).all() for e in found.values())
    assert all(e.n == 2 for e in found.values())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("strengths", []),
        ("strengths", [0.03, 0.1, 0.2]),
        ("strengths", [0.25, 0.1, 0.03]),
        ("strengths", [0.0, 0.03, 0.1, 0.25]),
        ("agreements", [0.9]),
        ("agreements", [0.5, 1.0]),
        ("agreements", [0.4, 0.9, 1.0]),
        ("agreements", [0.9, 0.9, 1.0]),
        ("noise_dims", []),
        ("noise_dims", [0]),
        ("noise_dims", [20, 3]),
        ("depths", [3]),
        ("depths", [3, 1]),
        ("seeds", 1),
        ("training_points", 10),
        ("learning_rate", 0.0),
        ("epochs", "many"),
        ("patience", 0),
        ("settle", -1),
        ("unknown", 1),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(field, value):
    assert_refused(parameters, field, value)


def test_strengths_and_values_of_p_that_a_claim_needs_are_asked_for():
    with pytest.raises(ValidationError, match=r"strengths must hold \[0.03, 0.1, 0.25\]"):
        parameters(strengths=[0.03, 0.1])
    with pytest.raises(ValidationError, match=r"agreements 0.9 and 1.0"):
        parameters(agreements=[0.9, 0.98])

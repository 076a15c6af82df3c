"""What an observer of a training sees, and that it cannot reach the training."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

import strata.training.loop
from strata.data.toy import TASKS
from strata.nets.mlp import MLP
from strata.seeding import numpy_generator, torch_generator
from strata.training import Schedule, train, train_many

TOY = TASKS["disk"].sample(60, numpy_generator("test", 0))
X, Y = torch.tensor(TOY.x), torch.tensor((TOY.y + 1) // 2)


def _sequential():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2)).double()


NETS = {
    "mlp": MLP((2, 8, 2), generator=torch_generator("test", 0), dtype=torch.float64),
    "module": _sequential(),
}
SCHEDULES = {
    "full": Schedule(lr=0.01, epochs=23),
    "batches": Schedule(lr=0.01, epochs=23, batch_size=16),
}
nets = pytest.mark.parametrize("net", NETS.values(), ids=NETS.keys())
schedules = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES.keys())


def _weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def _error(net):
    return float((net(X).argmax(1) != Y).double().mean())


@nets
@schedules
@pytest.mark.parametrize(
    ("every", "epochs"),
    [
        (1, list(range(24))),
        (5, [0, 5, 10, 15, 20, 23]),
        (23, [0, 23]),
        (100, [0, 23]),
    ],
)
def test_it_sees_the_weights_of_the_epochs_that_it_is_told(net, schedule, every, epochs):
    seen = []
    trained = train(
        net,
        X,
        Y,
        schedule,
        seed=0,
        observe=lambda shown: (seen.append(_weights(shown)), float(len(seen)))[1],
        observe_every=every,
    )
    assert trained.observed_epochs.tolist() == epochs
    assert trained.observed.tolist() == list(range(1, len(epochs) + 1))
    assert (trained.observed_epochs.dtype, trained.observed.dtype) == (np.int64, np.float64)
    assert torch.equal(seen[0], _weights(net))
    assert torch.equal(seen[-1], _weights(trained.net))
    if every == 5:
        for weights, epoch in zip(seen[1:], epochs[1:], strict=True):
            short = schedule.model_copy(update={"epochs": epoch})
            assert torch.equal(weights, _weights(train(net, X, Y, short, seed=0).net))


@nets
def test_an_observed_training_error_is_the_one_of_the_full_batches(net):
    trained = train(net, X, Y, SCHEDULES["full"], seed=0, observe=_error, observe_every=1)
    assert np.array_equal(trained.observed[:-1], trained.error)
    assert trained.observed[-1] == _error(trained.net)


@pytest.mark.parametrize("stop", ["patience", "settled"])
def test_the_last_epoch_is_seen_where_the_training_stops_early(stop):
    net, changes = NETS["mlp"], {"patience": 6, "min_delta": 10}
    if stop == "settled":
        changes = {"zero_error": 0.99, "settle": 7}
    schedule = SCHEDULES["full"].model_copy(update=changes)
    trained = train(net, X, Y, schedule, seed=0, observe=_error, observe_every=4)
    assert trained.stop == stop
    assert trained.observed_epochs.tolist() == [0, 4, 7]
    assert trained.observed[-1] == _error(trained.net)


@nets
def test_it_gets_a_copy_of_the_nets_class_without_gradients(net):
    shown, before = [], _weights(net)

    def observe(seen):
        assert not torch.is_grad_enabled()
        assert not net(X).requires_grad
        shown.append(seen)
        return 0.0

    train(net, X, Y, SCHEDULES["full"], seed=0, observe=observe)
    assert torch.is_grad_enabled()
    assert all(type(seen) is type(net) and seen is not net for seen in shown)
    assert torch.equal(_weights(net), before)


@nets
@schedules
def test_an_observer_that_scrambles_its_net_changes_nothing(net, schedule):
    expected = train(net, X, Y, schedule, seed=0)
    given, seen = [], []

    def scramble(shown):
        given.append(shown)
        seen.append(_weights(shown))
        torch.rand(100)  # of the global state
        for parameter in shown.parameters():
            parameter.fill_(float("nan"))
            parameter.grad = torch.full_like(parameter, 1e9)
            parameter.data = torch.zeros_like(parameter)
        torch.set_grad_enabled(True)
        for earlier in given:
            nn.utils.vector_to_parameters(torch.ones_like(seen[0]), earlier.parameters())
        return 1.0

    with torch.random.fork_rng():
        trained = train(net, X, Y, schedule, seed=0, observe=scramble, observe_every=1)
    assert np.array_equal(trained.loss, expected.loss)
    assert np.array_equal(trained.error, expected.error)
    assert torch.equal(_weights(trained.net), _weights(expected.net))
    # Nor what it is shown later: each call fills the net anew.
    quiet = []
    train(
        net,
        X,
        Y,
        schedule,
        seed=0,
        observe=lambda shown: (quiet.append(_weights(shown)), 0.0)[1],
        observe_every=1,
    )
    assert all(torch.equal(a, b) for a, b in zip(seen, quiet, strict=True))


def test_what_is_not_finite_is_kept():
    answers = iter([float("nan"), torch.tensor(math.inf), -math.inf, 0])
    schedule = Schedule(lr=0.01, epochs=3)
    trained = train(
        NETS["mlp"], X, Y, schedule, seed=0, observe=lambda _: next(answers), observe_every=1
    )
    expected = np.array([math.nan, math.inf, -math.inf, 0.0])
    assert np.array_equal(trained.observed, expected, equal_nan=True)


def test_its_exceptions_pass_through():
    def fail(_):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        train(NETS["mlp"], X, Y, SCHEDULES["full"], seed=0, observe=fail)
    with pytest.raises(TypeError):
        train(NETS["mlp"], X, Y, SCHEDULES["full"], seed=0, observe=lambda _: None)


@pytest.mark.parametrize("observe", [None, _error], ids=["nobody", "somebody"])
@pytest.mark.parametrize("every", [0, -3])
def test_observations_less_than_an_epoch_apart_are_refused(observe, every):
    with pytest.raises(ValueError, match=f"one epoch apart, not {every}"):
        train(
            NETS["mlp"],
            X,
            Y,
            SCHEDULES["full"],
            seed=0,
            observe=observe,
            observe_every=every,
        )


def test_nothing_is_observed_where_nobody_looks():
    alone = train(NETS["mlp"], X, Y, SCHEDULES["full"], seed=0)
    both = [NETS["mlp"], copy.deepcopy(NETS["mlp"])]
    data = (X.expand(2, -1, -1), Y.expand(2, -1))
    for trained in (alone, *train_many(both, *data, SCHEDULES["full"], seeds=[0, 1])):
        assert (trained.observed_epochs.shape, trained.observed.shape) == ((0,), (0,))
        assert (trained.observed_epochs.dtype, trained.observed.dtype) == (np.int64, np.float64)


@pytest.mark.parametrize("resumed_with", [{}, {"observe": _error, "observe_every": 3}])
def test_a_checkpoint_observed_at_other_epochs_is_ignored(tmp_path, monkeypatch, resumed_with):
    path, saved = tmp_path / "training.npz", []
    save = strata.training.loop.save_checkpoint

    def keep_a_copy(*args):
        save(*args)
        saved.append(path.read_bytes())

    def go(**options):
        return train(NETS["mlp"], X, Y, SCHEDULES["full"], seed=0, **options)

    with monkeypatch.context() as patch:
        patch.setattr(strata.training.loop, "save_checkpoint", keep_a_copy)
        go(checkpoint=path, checkpoint_seconds=0, observe=_error, observe_every=2)
    path.write_bytes(saved[7])
    with pytest.warns(UserWarning, match="another training"):
        trained = go(checkpoint=path, **resumed_with)
    expected = go(**resumed_with)
    assert np.array_equal(trained.loss, expected.loss)
    assert np.array_equal(trained.observed_epochs, expected.observed_epochs)
    assert np.array_equal(trained.observed, expected.observed)

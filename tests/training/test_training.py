"""Training against a plain loop of PyTorch, the stack against one by one, and interruptions."""

import copy

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

import strata.training.loop
from strata.data.toy import TASKS
from strata.nets.mlp import MLP
from strata.seeding import numpy_generator, torch_generator
from strata.training import Schedule, stacking_pays, train, train_many

SEEDS = [3, 1, 4]


def _problem(n=90, widths=(2, 8, 8, 2), dtype=torch.float64, activation="relu", task="disk"):
    nets, xs, ys = [], [], []
    for seed in SEEDS:
        generator = torch_generator("test", seed)
        nets.append(MLP(widths, generator=generator, activation=activation, dtype=dtype))
        toy = TASKS[task].sample(n, numpy_generator("test", seed))
        xs.append(torch.tensor(toy.x, dtype=dtype))
        ys.append(torch.tensor((toy.y + 1) // 2))
    return nets, torch.stack(xs), torch.stack(ys)


def _weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def _error(net, x, y):
    with torch.no_grad():
        return float((net(x).argmax(1) != y).double().mean())


def _plain_loop(net, x, y, schedule, seed):
    """Train as anybody would: an optimiser over the parameters, a permutation an epoch."""
    net, shuffler = copy.deepcopy(net), torch_generator("shuffle", seed)
    if schedule.optimizer == "adam":
        optimizer = torch.optim.Adam(net.parameters(), lr=schedule.lr, foreach=False)
    else:
        optimizer = torch.optim.SGD(
            net.parameters(), lr=schedule.lr, momentum=schedule.momentum, foreach=False
        )
    history = []
    for _ in range(schedule.epochs):
        full = schedule.batch_size is None
        order = torch.arange(len(y)) if full else torch.randperm(len(y), generator=shuffler)
        total = 0.0
        for part in order.split(schedule.batch_size or len(y)):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x[part]), y[part])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(part)
        history.append(total / len(y))
    return net, history


SCHEDULES = {
    "adam, full batch": Schedule(lr=0.01, epochs=40),
    "adam, batches": Schedule(lr=0.01, epochs=12, batch_size=32),
    "sgd, full batch": Schedule(optimizer="sgd", lr=0.1, epochs=40),
    "sgd with momentum, batches": Schedule(
        optimizer="sgd", lr=0.05, momentum=0.9, epochs=12, batch_size=32
    ),
}
schedules = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES.keys())


def _assert_close(one, other, rtol):
    assert (one.epochs, one.stop) == (other.epochs, other.stop)
    assert one.zero_error_epoch == other.zero_error_epoch
    np.testing.assert_allclose(one.loss, other.loss, rtol=rtol)
    np.testing.assert_array_equal(one.error, other.error)
    scale = _weights(one.net).abs().max().item()
    torch.testing.assert_close(_weights(one.net), _weights(other.net), rtol=rtol, atol=rtol * scale)
    if one.zero_error_net is not None:
        mine, theirs = _weights(one.zero_error_net), _weights(other.zero_error_net)
        torch.testing.assert_close(mine, theirs, rtol=rtol, atol=rtol * scale)


def _assert_identical(one, other):
    assert np.array_equal(one.loss, other.loss)
    assert np.array_equal(one.error, other.error)
    assert (one.epochs, one.stop, one.zero_error_epoch) == (
        other.epochs,
        other.stop,
        other.zero_error_epoch,
    )
    assert np.array_equal(one.observed_epochs, other.observed_epochs)
    assert np.array_equal(one.observed, other.observed)
    assert torch.equal(_weights(one.net), _weights(other.net))
    assert (one.zero_error_net is None) == (other.zero_error_net is None)
    if one.zero_error_net is not None:
        assert torch.equal(_weights(one.zero_error_net), _weights(other.zero_error_net))


@schedules
def test_it_is_the_plain_loop(schedule):
    nets, x, y = _problem()
    trained = train(nets[0], x[0], y[0], schedule, seed=SEEDS[0])
    net, history = _plain_loop(nets[0], x[0], y[0], schedule, SEEDS[0])
    torch.testing.assert_close(_weights(trained.net), _weights(net), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(trained.loss, history, rtol=1e-10)
    assert (trained.epochs, trained.stop) == (schedule.epochs, "budget")


@schedules
@pytest.mark.parametrize(
    ("dtype", "rtol"), [(torch.float64, 1e-10), (torch.float32, 1e-4)], ids=["f64", "f32"]
)
def test_together_is_one_by_one(schedule, dtype, rtol):
    nets, x, y = _problem(dtype=dtype)
    together = train_many(nets, x, y, schedule, seeds=SEEDS)
    for i, seed in enumerate(SEEDS):
        _assert_close(together[i], train(nets[i], x[i], y[i], schedule, seed=seed), rtol)


@pytest.mark.parametrize("batch_size", [None, 32])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_together_is_one_by_one_when_nets_stop_at_different_epochs(batch_size, activation):
    nets, x, y = _problem(activation=activation)
    schedule = Schedule(lr=0.03, epochs=300, batch_size=batch_size, patience=4, min_delta=3e-3)
    together = train_many(nets, x, y, schedule, seeds=SEEDS)
    assert len({trained.epochs for trained in together}) > 1
    assert "patience" in {trained.stop for trained in together}
    for i, seed in enumerate(SEEDS):
        # A few hundred steps amplify rounding.
        _assert_close(together[i], train(nets[i], x[i], y[i], schedule, seed=seed), 1e-7)


def test_nets_may_share_their_data():
    nets, x, y = _problem()
    schedule = SCHEDULES["adam, batches"]
    shared = train_many(nets, x[:1].expand(3, -1, -1), y[:1].expand(3, -1), schedule, seeds=SEEDS)
    for net, seed, trained in zip(nets, SEEDS, shared, strict=True):
        _assert_close(trained, train(net, x[0], y[0], schedule, seed=seed), 1e-10)


@schedules
def test_same_seed_same_bits(schedule):
    nets, x, y = _problem(dtype=torch.float32)
    before, state = [_weights(net) for net in nets], torch.get_rng_state()
    one, two = (train(nets[0], x[0], y[0], schedule, seed=5) for _ in range(2))
    _assert_identical(one, two)
    for a, b in zip(*(train_many(nets, x, y, schedule, seeds=SEEDS) for _ in "ab"), strict=True):
        _assert_identical(a, b)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(_weights(n), w) for n, w in zip(nets, before, strict=True))
    if schedule.batch_size:
        assert not np.array_equal(train(nets[0], x[0], y[0], schedule, seed=6).loss, one.loss)


def test_full_batch_histories_belong_to_the_weights_before_the_update():
    (net, *_), (x, *_), (y, *_) = _problem()
    long = train(net, x, y, Schedule(lr=0.01, epochs=30), seed=0)
    assert long.error[0] == _error(net, x, y)
    for epochs in (1, 7, 29):
        short = train(net, x, y, Schedule(lr=0.01, epochs=epochs), seed=0)
        assert long.error[epochs] == _error(short.net, x, y)
        with torch.no_grad():
            assert long.loss[epochs] == pytest.approx(F.cross_entropy(short.net(x), y).item())


@pytest.mark.parametrize("batch_size", [None, 16])
@pytest.mark.parametrize("zero_error", [1e-5, 0.1])
def test_zero_error_net_is_the_first_that_has_it(batch_size, zero_error):
    (net, *_), (x, *_), (y, *_) = _problem(n=60, widths=(2, 20, 2))
    schedule = Schedule(lr=0.02, epochs=400, batch_size=batch_size, zero_error=zero_error)
    trained = train(net, x, y, schedule, seed=0)
    epoch = trained.zero_error_epoch
    assert _error(trained.zero_error_net, x, y) <= zero_error
    assert trained.epochs == 400
    short = train(net, x, y, schedule.model_copy(update={"epochs": epoch}), seed=0)
    assert torch.equal(_weights(short.net), _weights(trained.zero_error_net))
    if batch_size is None:
        assert epoch == np.flatnonzero(trained.error <= zero_error)[0]
    else:
        # The epoch that ended in these weights was itself that good.
        assert trained.error[epoch - 1] <= zero_error


def test_no_zero_error_net_where_there_is_none():
    (net, *_), (x, *_), (y, *_) = _problem()
    x, y = torch.cat([x, x]), torch.cat([y, 1 - y])  # every point has both labels
    trained = train(net, x, y, Schedule(lr=0.01, epochs=30), seed=0)
    assert (trained.zero_error_net, trained.zero_error_epoch) == (None, None)
    assert (trained.error >= 0.5).all()
    assert trained.loss.min() >= np.log(2) - 1e-12


@pytest.mark.parametrize("min_delta", [0.0, 1e-3, 1e-2])
def test_patience_is_its_definition(min_delta):
    (net, *_), (x, *_), (y, *_) = _problem()
    schedule = Schedule(lr=0.03, epochs=500, batch_size=16, patience=5, min_delta=min_delta)
    trained = train(net, x, y, schedule, seed=0)
    whole = train(net, x, y, schedule.model_copy(update={"patience": None}), seed=0).loss
    best, last_gain, stop = np.inf, -1, len(whole)
    for epoch, loss in enumerate(whole):
        if loss < best - min_delta:
            best, last_gain = loss, epoch
        elif epoch - last_gain == 5:
            stop = epoch + 1
            break
    assert trained.epochs == stop
    assert trained.stop == ("patience" if stop < 500 else "budget")
    assert np.array_equal(trained.loss, whole[:stop])


class _Killed(BaseException):
    pass


def _interrupt(monkeypatch, after):
    """Make the training die right after its checkpoint number `after` is written."""
    written = iter(range(1, after + 1))

    def save_and_die(*args):
        save(*args)
        if next(written) == after:
            raise _Killed

    save = strata.training.loop.save_checkpoint
    monkeypatch.setattr(strata.training.loop, "save_checkpoint", save_and_die)


def _resumed(monkeypatch, go, after):
    """Return what a training gives that is started again after its checkpoint number `after`."""
    with monkeypatch.context() as patch:
        _interrupt(patch, after)
        with pytest.raises(_Killed):
            go()
    with monkeypatch.context() as patch:
        resumed_at = []
        original = strata.training.loop.Loop._train_epoch
        patch.setattr(
            strata.training.loop.Loop,
            "_train_epoch",
            lambda loop: (resumed_at.append(loop._epoch), original(loop))[1],
        )
        resumed = go()
    assert resumed_at[0] == after
    return resumed


@schedules
@pytest.mark.parametrize("after", [1, 10])
def test_interrupted_is_uninterrupted(schedule, after, tmp_path, monkeypatch):
    nets, x, y = _problem(n=60, dtype=torch.float32)
    schedule = schedule.model_copy(update={"patience": 50, "zero_error": 0.35})

    def go(checkpoint=tmp_path / "training.npz"):
        return train(
            nets[0], x[0], y[0], schedule, seed=2, checkpoint=checkpoint, checkpoint_seconds=0
        )

    _assert_identical(_resumed(monkeypatch, go, after), go(checkpoint=None))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("batch_size", [None, 32])
@pytest.mark.parametrize("when", ["before they are found", "while it settles", "at the last epoch"])
def test_interrupted_it_settles_alike_and_is_observed_alike(
    batch_size, when, tmp_path, monkeypatch
):
    nets, x, y = _problem(n=60, dtype=torch.float32)
    schedule = Schedule(lr=0.01, epochs=400, batch_size=batch_size, zero_error=0.2, settle=5)

    def go(checkpoint=tmp_path / "training.npz", calls=None):
        def observe(net):
            if calls is not None:
                calls.append(1)
            return float(_weights(net).double().norm())

        options = {"checkpoint_seconds": 0, "observe": observe, "observe_every": 3}
        return train(nets[0], x[0], y[0], schedule, seed=2, checkpoint=checkpoint, **options)

    expected = go(checkpoint=None)
    found, stopped = expected.zero_error_epoch, expected.epochs
    assert expected.stop == "settled"
    after = {"before they are found": found - 1, "while it settles": found + 3}.get(
        when, stopped - 1
    )
    calls = []
    resumed = _resumed(monkeypatch, lambda: go(calls=calls), after)
    _assert_identical(resumed, expected)
    assert len(calls) == len(expected.observed)  # none was asked twice
    assert list(tmp_path.iterdir()) == []


def test_foreign_and_damaged_checkpoints_do_not_change_the_result(tmp_path, monkeypatch):
    nets, x, y = _problem(n=60)
    schedule, path = SCHEDULES["adam, batches"], tmp_path / "training.npz"
    expected = train(nets[0], x[0], y[0], schedule, seed=0)

    def left_by(net=nets[0], x=x[0], y=y[0], schedule=schedule, seed=0):
        path.unlink(missing_ok=True)
        with monkeypatch.context() as patch:
            _interrupt(patch, 3)
            with pytest.raises(_Killed):
                train(net, x, y, schedule, seed=seed, checkpoint=path, checkpoint_seconds=0)
        return path.read_bytes()

    faster = schedule.model_copy(update={"lr": 0.02})
    foreign = [{"net": nets[1]}, {"x": x[1]}, {"y": y[1]}, {"schedule": faster}, {"seed": 1}]
    damaged = left_by()[:-100]
    for content in (damaged, *(left_by(**other) for other in foreign)):
        path.write_bytes(content)
        with pytest.warns(UserWarning, match="ignored"):
            trained = train(nets[0], x[0], y[0], schedule, seed=0, checkpoint=path)
        _assert_identical(trained, expected)
        assert not path.exists()


def test_short_trainings_write_no_checkpoint(tmp_path, monkeypatch):
    _interrupt(monkeypatch, 1)
    nets, x, y = _problem()
    train(nets[0], x[0], y[0], Schedule(lr=0.01, epochs=3), seed=0, checkpoint=tmp_path / "c.npz")


@pytest.mark.parametrize("batch_size", [None, 32])
def test_a_diverging_net_is_named(batch_size):
    nets, x, y = _problem()
    schedule = Schedule(optimizer="sgd", lr=1e200, epochs=9, batch_size=batch_size)
    with pytest.raises(FloatingPointError, match=r"net of seed 4 .* in epoch [0-3]: .*rate"):
        train(nets[0], x[0], y[0], schedule, seed=4)
    with torch.no_grad():
        nets[1].layers[0].weight.fill_(float("nan"))
    mild = Schedule(lr=0.01, epochs=3, batch_size=batch_size)
    with pytest.raises(FloatingPointError, match=r"net 1 \(seed 1\) is nan in epoch 0"):
        train_many(nets, x, y, mild, seeds=SEEDS)


def test_bad_data_is_refused():
    nets, x, y = _problem()
    schedule, bad_x = Schedule(lr=0.01, epochs=1), x.clone()
    bad_x[1, 2, 0] = float("nan")
    for xs, ys, what in (
        (bad_x, y, "finite"),
        (x[:, :-1], y, "do not fit"),
        (x, y.double(), "int64"),
        (x, y - 1, "start at 0"),
        (x[:, :0], y[:, :0], "int64 of shape"),
    ):
        with pytest.raises(ValueError, match=what):
            train(nets[1], xs[1], ys[1], schedule, seed=0)
        with pytest.raises(ValueError, match=what):
            train_many(nets, xs, ys, schedule, seeds=SEEDS)
    with pytest.raises(ValueError, match="as many seeds"):
        train_many(nets, x, y, schedule, seeds=[0])
    with pytest.raises(ValueError, match="one shape"):
        train_many([*nets[:2], *_problem(widths=(2, 3, 2))[0][:1]], x, y, schedule, seeds=SEEDS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"lr": 0},
        {"lr": float("nan")},
        {"epochs": 0},
        {"batch_size": 0},
        {"patience": 0},
        {"min_delta": -1},
        {"zero_error": 1},
        {"settle": -1},
        {"optimizer": "lbfgs"},
        {"momentum": 0.9},
        {"momentum": 1, "optimizer": "sgd"},
        {"epoch": 3},
    ],
)
def test_bad_schedules_are_refused(wrong):
    with pytest.raises(ValidationError):
        Schedule(**{"lr": 0.1, "epochs": 2, **wrong})


def test_the_stacking_rule_is_a_threshold():
    answers = [stacking_pays(batch) for batch in range(1, 4000)]
    assert answers == sorted(answers, reverse=True)
    assert (answers[127], answers[1799]) == (True, False)
    with pytest.raises(ValueError, match="at least one sample"):
        stacking_pays(0)

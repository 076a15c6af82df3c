"""When a training ends: patience after the fact, and settling after the first faultless weights."""

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.data.toy import TASKS
from strata.nets.mlp import MLP
from strata.seeding import numpy_generator, torch_generator
from strata.training import Schedule, patience_epoch, train, train_many

SEEDS = [3, 1, 4]


def _problem(dtype=torch.float64, n=60):
    nets, xs, ys = [], [], []
    for seed in SEEDS:
        generator = torch_generator("test", seed)
        nets.append(MLP((2, 12, 2), generator=generator, dtype=dtype))
        toy = TASKS["disk"].sample(n, numpy_generator("test", seed))
        xs.append(torch.tensor(toy.x, dtype=dtype))
        ys.append(torch.tensor((toy.y + 1) // 2))
    return nets, torch.stack(xs), torch.stack(ys)


def _weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def _changed(schedule, **fields):
    return Schedule(**{**schedule.model_dump(), **fields})


# Multiples of 1/8, so that a fall by exactly min_delta happens and is exact.
EIGHTHS = st.integers(0, 8).map(lambda i: i / 8)


@settings(max_examples=200, deadline=None)
@given(
    loss=st.lists(EIGHTHS, max_size=20),
    patience=st.integers(1, 6),
    min_delta=st.sampled_from([0.0, 0.125, 0.5, 0.1]),
)
def test_the_epoch_of_patience_is_its_definition(loss, patience, min_delta):
    best, last_gain, expected = np.inf, None, None
    for epoch, value in enumerate(loss):
        if value < best - min_delta:
            best, last_gain = value, epoch
        elif epoch - last_gain == patience:
            expected = epoch + 1
            break
    assert patience_epoch(loss, patience, min_delta) == expected
    assert patience_epoch([4 * value for value in loss], patience, 4 * min_delta) == expected
    if expected is not None:
        assert patience_epoch(loss[:expected], patience, min_delta) == expected
        assert patience_epoch(loss[: expected - 1], patience, min_delta) is None
        if patience > 1:
            assert patience_epoch(loss, patience - 1, min_delta) < expected


def test_a_constant_loss_exhausts_patience_after_the_first_epoch():
    assert [patience_epoch(np.ones(9), p) for p in (1, 3, 8, 9)] == [2, 4, 9, None]
    assert patience_epoch(-np.arange(100.0), 1) is None
    assert patience_epoch([], 1) is None


def test_small_gains_add_up_to_one():
    slope = 8 - np.arange(20) / 8  # falls by more than 0.25 every third epoch
    assert patience_epoch(slope, 3, 0.25) is None
    assert patience_epoch(slope, 2, 0.25) == 3


PATIENCES = [(1, 1e-2), (2, 0.0), (4, 3e-3), (9, 1e-4)]


@pytest.mark.parametrize("batch_size", [None, 16])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])
def test_a_training_with_patience_ends_where_the_history_without_says(batch_size, dtype):
    (net, *_), (x, *_), (y, *_) = _problem(dtype)
    schedule = Schedule(lr=0.03, epochs=80, batch_size=batch_size)
    whole = train(net, x, y, schedule, seed=3).loss
    for patience, min_delta in PATIENCES:
        impatient = _changed(schedule, patience=patience, min_delta=min_delta)
        trained = train(net, x, y, impatient, seed=3)
        expected = patience_epoch(whole, patience, min_delta)
        assert trained.epochs == (expected or 80)
        assert trained.stop == ("budget" if expected is None else "patience")
        assert np.array_equal(trained.loss, whole[: trained.epochs])


@pytest.mark.parametrize("batch_size", [None, 16])
def test_every_net_of_a_stack_ends_where_its_own_history_says(batch_size):
    nets, x, y = _problem(torch.float32)
    stops = []
    for patience, min_delta in PATIENCES:
        schedule = Schedule(
            lr=0.03, epochs=40, batch_size=batch_size, patience=patience, min_delta=min_delta
        )
        for trained in train_many(nets, x, y, schedule, seeds=SEEDS):
            expected = trained.epochs if trained.stop == "patience" else None
            assert patience_epoch(trained.loss, patience, min_delta) == expected
            stops.append(trained.stop)
    assert {*stops} == {"patience", "budget"}


def test_both_have_one_default():
    default = inspect.signature(patience_epoch).parameters["min_delta"].default
    assert default == Schedule.model_fields["min_delta"].default


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (([1.0, np.nan], 1), "finite numbers"),
        (([[1.0, 2.0]], 1), "vector"),
        (([1.0], 0), "at least one epoch"),
        (([1.0], 1, -1e-3), "min_delta"),
        (([1.0], 1, np.inf), "min_delta"),
    ],
)
def test_bad_histories_are_refused(arguments, what):
    with pytest.raises(ValueError, match=what):
        patience_epoch(*arguments)


def _expected_end(found, settle, batch_size):
    """Full batches notice the weights of e epochs in the epoch that makes them e + 1."""
    noticed = found + 1 if batch_size is None else found
    return max(found + settle, noticed)


@pytest.mark.parametrize("batch_size", [None, 60, 16])
@pytest.mark.parametrize("settle", [0, 1, 2, 9])
def test_it_settles_so_many_epochs_after_the_first_faultless_weights(batch_size, settle):
    (net, *_), (x, *_), (y, *_) = _problem()
    schedule = Schedule(lr=0.03, epochs=200, batch_size=batch_size, zero_error=0.05)
    whole = train(net, x, y, schedule, seed=0)
    full = None if batch_size == len(y) else batch_size
    end = _expected_end(whole.zero_error_epoch, settle, full)
    assert 1 < end < 200
    trained = train(net, x, y, _changed(schedule, settle=settle), seed=0)
    assert (trained.epochs, trained.stop) == (end, "settled")
    assert trained.zero_error_epoch == whole.zero_error_epoch
    assert torch.equal(_weights(trained.zero_error_net), _weights(whole.zero_error_net))
    assert np.array_equal(trained.loss, whole.loss[:end])
    assert np.array_equal(trained.error, whole.error[:end])
    short = train(net, x, y, _changed(schedule, epochs=end), seed=0)
    assert torch.equal(_weights(trained.net), _weights(short.net))
    assert (short.epochs, short.stop) == (end, "budget")


@pytest.mark.parametrize(
    ("batch_size", "ends"), [(None, [1, 1, 2, 3]), (16, [1, 2, 3, 4])], ids=["full", "mini"]
)
def test_weights_faultless_from_the_start_settle_from_the_start(batch_size, ends):
    (net, *_), (x, *_), (y, *_) = _problem()
    schedule = Schedule(lr=1e-4, epochs=50, batch_size=batch_size, zero_error=0.99)
    for settle, end in enumerate(ends):
        trained = train(net, x, y, _changed(schedule, settle=settle), seed=0)
        assert (trained.epochs, trained.stop) == (end, "settled")
        assert trained.zero_error_epoch == (0 if batch_size is None else 1)


@pytest.mark.parametrize("batch_size", [None, 16])
def test_a_net_that_settles_leaves_the_stack(batch_size):
    nets, x, y = _problem()
    schedule = Schedule(lr=0.03, epochs=150, batch_size=batch_size, zero_error=0.1, settle=4)
    together = train_many(nets, x, y, schedule, seeds=SEEDS)
    assert len({trained.epochs for trained in together}) > 1
    for i, seed in enumerate(SEEDS):
        alone = train(nets[i], x[i], y[i], schedule, seed=seed)
        assert (together[i].epochs, together[i].stop) == (alone.epochs, alone.stop)
        assert together[i].zero_error_epoch == alone.zero_error_epoch
        assert alone.epochs == alone.zero_error_epoch + 4
        torch.testing.assert_close(
            _weights(together[i].net), _weights(alone.net), rtol=1e-8, atol=1e-8
        )


@pytest.mark.parametrize("batch_size", [None, 16])
def test_of_reasons_that_coincide_settling_is_named(batch_size):
    (net, *_), (x, *_), (y, *_) = _problem()
    # No epoch but the first gains 10 nats: patience p ends at p + 1 epochs.
    schedule = Schedule(lr=0.03, epochs=200, batch_size=batch_size, zero_error=0.05, min_delta=10)
    found = train(net, x, y, schedule, seed=0).zero_error_epoch
    end = found + 6
    for changes, expected in (
        ({"patience": end - 1}, (end, "settled")),
        ({"patience": end - 2}, (end - 1, "patience")),
        ({"epochs": end}, (end, "settled")),
        ({"epochs": end - 1}, (end - 1, "budget")),
        ({"epochs": end, "patience": end - 1}, (end, "settled")),
    ):
        trained = train(net, x, y, _changed(schedule, settle=6, **changes), seed=0)
        assert (trained.epochs, trained.stop) == expected


@pytest.mark.parametrize("batch_size", [None, 16])
def test_without_faultless_weights_nothing_settles(batch_size):
    (net, *_), (x, *_), (y, *_) = _problem()
    x, y = torch.cat([x, x]), torch.cat([y, 1 - y])  # every point has both labels
    schedule = Schedule(lr=0.03, epochs=20, batch_size=batch_size, settle=0)
    trained = train(net, x, y, schedule, seed=0)
    assert (trained.epochs, trained.stop, trained.zero_error_epoch) == (20, "budget", None)

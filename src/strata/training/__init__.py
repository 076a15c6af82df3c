"""Training by cross-entropy: one net, or many nets of one shape at once, in one loop.

In an epoch every sample is seen once. The loss and the error of an epoch come from the forward
passes of its own batches, each before the update that it leads to; no second pass is made for
them. With full batches, entry e of the histories thus belongs to the weights after e epochs.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from strata.data.fingerprint import fingerprint
from strata.nets.mlp import MLP, StackedMLP
from strata.seeding import torch_generator
from strata.training.gradients import Gradient, ModuleGradient, StackGradient
from strata.training.loop import Histories, Loop, Schedule
from strata.training.observing import Observer
from strata.training.patience import patience_epoch

__all__ = ["Schedule", "Trained", "patience_epoch", "stacking_pays", "train", "train_many"]

# The largest batch measured at which a stack of eight was at least 1.5 times faster.
_LARGEST_PAYING_BATCH = 512


@dataclass
class Trained:
    """A trained net and how it got there.

    Attributes
    ----------
    net
        After the last epoch.
    zero_error_net, zero_error_epoch
        The first weights found whose training error is at most ``schedule.zero_error``, and the
        number of epochs that they had been trained for; None if there were none. With full
        batches every epoch's weights are looked at, but those after the very last update. With
        smaller ones, the weights at the end of an epoch are, if the epoch's own error is that
        low.
    epochs
        Number of epochs trained.
    stop
        Why it ended there: ``settled``, ``patience``, or the ``budget`` of epochs; the first of
        these, if several ended it at once.
    loss, error
        Training loss (mean cross-entropy, nats) and error (share misclassified) of each epoch,
        (epochs,), float64.
    observed_epochs, observed
        What `train` was told to observe: the numbers of epochs that the weights had, int64, and
        what the observer said of them, float64, finite or not. Both empty without one.
    """

    net: nn.Module
    zero_error_net: nn.Module | None
    epochs: int
    stop: Literal["settled", "patience", "budget"]
    zero_error_epoch: int | None
    loss: NDArray[np.float64]
    error: NDArray[np.float64]
    observed_epochs: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    observed: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def train(
    net: nn.Module,
    x: Tensor,
    y: Tensor,
    schedule: Schedule,
    *,
    seed: int,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 20.0,
    observe: Callable[[nn.Module], float] | None = None,
    observe_every: int = 10,
) -> Trained:
    """Train a copy of one net.

    Parameters
    ----------
    net
        Any module without buffers that maps x to logits (n, k).
    x
        Inputs (n, ...), finite, of the net's dtype.
    y
        Class indices (n,), int64, from 0 to k - 1.
    schedule
        How to train.
    seed
        Of the shuffles; the initial weights are those of `net`.
    checkpoint
        File (.npz) from which an interrupted training goes on, with the same result to the last
        bit as without the interruption. Written every `checkpoint_seconds`, removed at the end.
        A checkpoint that is damaged or of another training is reported by a warning and ignored.
    checkpoint_seconds
        Shorter trainings write none.
    observe
        Called with the net as it is after 0, k, 2k, ... epochs and after the last one, without
        gradients; see `Trained` for what becomes of its answers. It gets a copy of the net,
        always the same one with new weights, so nothing that it does to it changes the training.
        Its exceptions end the training. A checkpoint keeps the answers so far; it cannot tell one
        observer from another, so go on with the one that the training began with, and let its
        answer depend on the weights only.
    observe_every
        The k epochs between two observations.

    Raises
    ------
    ValueError
        If the data is empty, not finite, of the wrong type, or does not fit together, the net
        has buffers, or `observe_every` is less than 1.
    FloatingPointError
        If the loss stops being finite; names the epoch and the seed.
    """
    if observe_every < 1:
        raise ValueError(f"observations are at least one epoch apart, not {observe_every}")
    _check(x, y, lead=())
    gradient = _gradient(net, x, y)
    weights = gradient.weights.detach()
    observer = None if observe is None else Observer(net, observe, observe_every)
    observed = 0 if observer is None else observe_every
    identity = fingerprint(x, y, weights, schedule.model_dump_json(), seed, observed)
    loop = Loop(gradient, schedule, [f"the net of seed {seed}"], [_shuffler(seed)], observer)
    return _trained(0, net, loop.run(checkpoint, identity, checkpoint_seconds), observer)


def train_many(
    nets: Sequence[MLP], x: Tensor, y: Tensor, schedule: Schedule, *, seeds: Sequence[int]
) -> list[Trained]:
    """Train copies of many MLPs of one shape as one batched net.

    Net i is trained as ``train(nets[i], x[i], y[i], schedule, seed=seeds[i])`` would, within the
    rounding of the dtype. A net that stops early leaves the batch. Faster than in turn where
    `stacking_pays`: small batches cost mostly calls, and a stack makes them once for all its
    nets. It also needs no autograd, which `train` does in order to take any module: even a stack
    of one saves a fifth at full batch and more below.

    Parameters
    ----------
    nets
        m nets of the same widths, activation and dtype.
    x
        Inputs (m, n, d); may be an expanded view where the nets share their data.
    y
        Class indices (m, n), int64.
    schedule
        How to train.
    seeds
        Of the shuffles, one a net.

    Raises
    ------
    ValueError
        If the nets differ in shape, or the data is empty, not finite, of the wrong type, or does
        not fit together.
    FloatingPointError
        If a loss stops being finite; names the epoch and the net.
    """
    if len(seeds) != len(nets):
        raise ValueError(f"{len(nets)} nets need as many seeds, not {len(seeds)}")
    stack = StackedMLP(nets)
    _check(x, y, lead=(len(nets),))
    names = [f"net {i} (seed {seed})" for i, seed in enumerate(seeds)]
    loop = Loop(StackGradient(stack, x, y), schedule, names, [_shuffler(seed) for seed in seeds])
    histories = loop.run(None, "", 0.0)
    return [_trained(i, net, histories) for i, net in enumerate(nets)]


def stacking_pays(batch: int) -> bool:
    """Say whether `train_many` was measured to be faster than `train` in turn at a batch size.

    A fixed rule, so that no result depends on a timing. For width 50 on one thread; the table is
    made by ``tests/benchmarks/test_stacked_training.py``.

    Raises
    ------
    ValueError
        If the batch has no sample.
    """
    if batch < 1:
        raise ValueError(f"a batch has at least one sample, not {batch}")
    return batch <= _LARGEST_PAYING_BATCH


def _gradient(net: nn.Module, x: Tensor, y: Tensor) -> Gradient:
    """By formula for an MLP, where that was measured to be a third faster; else by autograd."""
    if isinstance(net, MLP):
        return StackGradient(StackedMLP([net]), x[None], y[None])
    return ModuleGradient(net, x, y)


def _shuffler(seed: int) -> torch.Generator:
    return torch_generator("shuffle", seed)


def _check(x: Tensor, y: Tensor, lead: tuple[int, ...]) -> None:
    axes = len(lead) + 1
    if y.dtype != torch.int64 or y.ndim != axes or y.shape[:-1] != lead or y.shape[-1] == 0:
        raise ValueError(
            f"class indices must be int64 of shape {(*lead, 'n')}, not {y.dtype} {tuple(y.shape)}"
        )
    if x.ndim <= axes or x.shape[:axes] != y.shape:
        raise ValueError(f"inputs {tuple(x.shape)} do not fit class indices {tuple(y.shape)}")
    if not torch.isfinite(x).all():
        raise ValueError("inputs must be finite")
    if y.min() < 0:
        raise ValueError("class indices start at 0")


def _trained(i: int, net: nn.Module, found: Histories, observer: Observer | None = None) -> Trained:
    epochs, zero_epoch = int(found.epochs[i]), int(found.zero_epoch[i])
    reached = zero_epoch >= 0
    return Trained(
        net=_with_weights(net, found.final[i]),
        zero_error_net=_with_weights(net, found.zero_weights[i]) if reached else None,
        epochs=epochs,
        stop=found.stop[i],
        zero_error_epoch=zero_epoch if reached else None,
        loss=found.loss[i, :epochs],
        error=found.error[i, :epochs],
        **({} if observer is None else observer.arrays()),
    )


def _with_weights(net: nn.Module, weights: Tensor) -> nn.Module:
    filled = copy.deepcopy(net)
    nn.utils.vector_to_parameters(weights.clone(), filled.parameters())
    return filled

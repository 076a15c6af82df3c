"""The training loop itself: epochs, patience, snapshots, and a state that can be saved."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from strata.training.checkpoints import load_checkpoint, save_checkpoint
from strata.training.gradients import Gradient
from strata.training.observing import Observer
from strata.training.patience import count_waiting

_NEVER = -1


class Schedule(BaseModel):
    """How nets are trained; everything that decides the result beside nets, data and seed.

    Attributes
    ----------
    optimizer, lr, momentum
        Adam with torch's defaults, or gradient descent with momentum.
    epochs
        The budget.
    batch_size
        None, or at least the number of samples: full batches, never shuffled. Otherwise each
        net shuffles its samples every epoch; the last batch of an epoch may be smaller.
    patience, min_delta
        Stop after `patience` epochs in a row whose training loss is not below the best one by
        more than `min_delta`. None: never.
    zero_error
        The first weights whose training error is at most this are kept aside; training goes on.
    settle
        Stop this many epochs after those weights: at ``epochs == zero_error_epoch + settle``,
        or with the epoch that found them, if that is later. None: never. With full batches,
        weights of e epochs are found in the pass of the epoch that then changes them, so that
        ``settle=0`` and ``settle=1`` both end at e + 1 epochs. With smaller batches they are
        found when their last epoch ends, and ``settle=0`` ends at e.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    optimizer: Literal["adam", "sgd"] = "adam"
    lr: float = Field(gt=0, allow_inf_nan=False)
    momentum: float = Field(default=0.0, ge=0, lt=1)
    epochs: int = Field(ge=1)
    batch_size: int | None = Field(default=None, ge=1)
    patience: int | None = Field(default=None, ge=1)
    min_delta: float = Field(default=1e-4, ge=0, allow_inf_nan=False)
    zero_error: float = Field(default=1e-5, ge=0, lt=1)
    settle: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _momentum_belongs_to_sgd(self) -> Self:
        if self.optimizer == "adam" and self.momentum:
            raise ValueError("momentum is a setting of sgd; adam has its own")
        return self


@dataclass
class Histories:
    """What the loop found out about m nets; rows are nets, in the order given."""

    loss: NDArray[np.float64]  # (m, epochs of the budget), NaN after a net's last epoch
    error: NDArray[np.float64]  # the same
    epochs: NDArray[np.int64]  # (m,) epochs trained
    stop: list[str]  # (m,) settled, patience or budget
    final: Tensor  # (m, P) weights
    zero_epoch: NDArray[np.int64]  # (m,) epochs that the zero-error weights had, or -1
    zero_weights: Tensor  # (m, P)


class Loop:
    """Trains the m nets of a `Gradient`; a net that stops leaves the batch at once.

    Parameters
    ----------
    gradient
        The nets and their data.
    schedule
        How to train.
    names
        Of the nets (m,), for error messages.
    generators
        Of the shuffles, one a net, so that a net is shuffled alike alone and in company.
    observer
        Shown the weights before the first epoch and after every one. Only for one net.
    """

    def __init__(
        self,
        gradient: Gradient,
        schedule: Schedule,
        names: Sequence[str],
        generators: Sequence[torch.Generator],
        observer: Observer | None = None,
    ) -> None:
        m, budget = len(names), schedule.epochs
        self._gradient, self._schedule, self._names = gradient, schedule, names
        self._generators, self._observer = list(generators), observer
        self._alive = np.arange(m)
        self._epoch = 0
        self._best, self._waited = np.full(m, np.inf), np.zeros(m, dtype=np.int64)
        weights = gradient.weights.detach()
        self.found = Histories(
            loss=np.full((m, budget), np.nan),
            error=np.full((m, budget), np.nan),
            epochs=np.zeros(m, dtype=np.int64),
            stop=["budget"] * m,
            final=torch.zeros_like(weights),
            zero_epoch=np.full(m, _NEVER),
            zero_weights=torch.zeros_like(weights),
        )
        self._set_optimizer({})

    def run(self, checkpoint: Path | None, identity: str, every: float) -> Histories:
        """Train to the end, from the checkpoint if there is a usable one.

        Parameters
        ----------
        checkpoint
            File, or None. Only for one net. Removed at the end.
        identity
            Says which training this is, for the checkpoint.
        every
            Seconds between two checkpoints.

        Raises
        ------
        FloatingPointError
            If a loss is not finite; names the epoch and the net.
        """
        if checkpoint is not None:
            self._restore(load_checkpoint(checkpoint, identity))
        saved = time.monotonic()
        self._show()
        while len(self._alive):
            self._train_epoch()
            self._show()
            if checkpoint is not None and len(self._alive) and time.monotonic() - saved >= every:
                save_checkpoint(checkpoint, self._state(), identity)
                saved = time.monotonic()
        if checkpoint is not None:
            checkpoint.unlink(missing_ok=True)
        return self.found

    def _train_epoch(self) -> None:
        n, size = self._gradient.samples, self._schedule.batch_size
        loss, error = self._full_pass() if size is None or size >= n else self._batches(size)
        rows, epoch = self._alive, self._epoch
        self.found.loss[rows, epoch], self.found.error[rows, epoch] = loss, error
        self._epoch += 1
        self._best[rows], self._waited[rows] = count_waiting(
            self._best[rows], self._waited[rows], loss, self._schedule.min_delta
        )
        tired = self._waited[rows] >= (self._schedule.patience or np.inf)
        settled = self._settled()
        for reason, nets in (("patience", rows[tired]), ("settled", rows[settled])):
            for net in nets:
                self.found.stop[net] = reason
        ended = tired | settled | (self._epoch == self._schedule.epochs)
        if ended.any():
            self._leave(ended)

    def _settled(self) -> NDArray[np.bool_]:
        since, settle = self.found.zero_epoch[self._alive], self._schedule.settle
        if settle is None:
            return np.zeros(len(since), dtype=bool)
        return (since != _NEVER) & (self._epoch >= since + settle)

    def _show(self) -> None:
        if self._observer is not None:
            (weights,) = self._gradient.weights.detach()
            self._observer.look(weights, self._epoch, last=not len(self._alive))

    def _full_pass(self) -> tuple[NDArray, NDArray]:
        losses, wrong = self._gradient.batch(0, self._gradient.samples)
        loss, error = self._checked(losses), wrong.numpy() / self._gradient.samples
        self._snapshot(error <= self._schedule.zero_error, self._epoch)
        self._optimizer.step()
        return loss, error

    def _batches(self, size: int) -> tuple[NDArray, NDArray]:
        n = self._gradient.samples
        self._gradient.shuffle([torch.randperm(n, generator=g) for g in self._generators])
        losses = torch.zeros(len(self._alive), dtype=torch.float64)
        wrong = torch.zeros(len(self._alive), dtype=torch.int64)
        for low in range(0, n, size):
            high = min(low + size, n)
            batch_losses, batch_wrong = self._gradient.batch(low, high)
            losses.add_(batch_losses, alpha=high - low)
            wrong.add_(batch_wrong)
            self._optimizer.step()
        loss, error = self._checked(losses / n), wrong.numpy() / n
        # The batches saw different weights. Where they look faultless, look at the last ones.
        faultless = (error <= self._schedule.zero_error) & (
            self.found.zero_epoch[self._alive] == _NEVER
        )
        if faultless.any():
            faultless &= self._gradient.mistakes().numpy() / n <= self._schedule.zero_error
            self._snapshot(faultless, self._epoch + 1)
        return loss, error

    def _checked(self, losses: Tensor) -> NDArray[np.float64]:
        loss = losses.numpy().astype(np.float64)
        if not np.isfinite(loss).all():
            row = int(np.flatnonzero(~np.isfinite(loss))[0])
            raise FloatingPointError(
                f"the training loss of {self._names[self._alive[row]]} is {loss[row]} "
                f"in epoch {self._epoch}: try a smaller learning rate than {self._schedule.lr}"
            )
        return loss

    def _snapshot(self, faultless: NDArray[np.bool_], epoch: int) -> None:
        for row in np.flatnonzero(faultless & (self.found.zero_epoch[self._alive] == _NEVER)):
            net = self._alive[row]
            self.found.zero_epoch[net] = epoch
            self.found.zero_weights[net] = self._gradient.weights.detach()[row]

    def _leave(self, ended: NDArray[np.bool_]) -> None:
        for row in np.flatnonzero(ended):
            net = self._alive[row]
            self.found.epochs[net] = self._epoch
            self.found.final[net] = self._gradient.weights.detach()[row]
        self._alive = self._alive[~ended]
        if len(self._alive):
            self._generators = [
                g for g, gone in zip(self._generators, ended, strict=True) if not gone
            ]
            mask = torch.from_numpy(~ended)
            state = self._optimizer.state[self._gradient.weights]
            self._gradient.keep(mask)
            self._set_optimizer({k: v[mask] if v.ndim == 2 else v for k, v in state.items()})

    def _set_optimizer(self, state: dict[str, Tensor]) -> None:
        weights, schedule = self._gradient.weights, self._schedule
        if schedule.optimizer == "adam":
            self._optimizer = torch.optim.Adam([weights], lr=schedule.lr, fused=True)
        else:
            self._optimizer = torch.optim.SGD(
                [weights], lr=schedule.lr, momentum=schedule.momentum, fused=True
            )
        if state:
            self._optimizer.state[weights] = state

    def _state(self) -> dict[str, NDArray]:
        (generator,) = self._generators
        moments = self._optimizer.state[self._gradient.weights]
        observed = {} if self._observer is None else self._observer.arrays()
        return {
            **observed,
            "epoch": np.array(self._epoch),
            "weights": self._gradient.weights.detach().numpy(),
            "generator": generator.get_state().numpy(),
            "best": self._best,
            "waited": self._waited,
            "loss": self.found.loss,
            "error": self.found.error,
            "zero_epoch": self.found.zero_epoch,
            "zero_weights": self.found.zero_weights.numpy(),
            **{f"optimizer.{name}": moment.numpy() for name, moment in moments.items()},
        }

    def _restore(self, state: dict[str, NDArray] | None) -> None:
        if state is None:
            return
        (generator,) = self._generators
        self._epoch = int(state["epoch"])
        with torch.no_grad():
            self._gradient.weights.copy_(torch.from_numpy(state["weights"]))
        generator.set_state(torch.from_numpy(state["generator"]))
        if self._observer is not None:
            self._observer.restore(state)
        self._best, self._waited = state["best"], state["waited"]
        self.found.loss, self.found.error = state["loss"], state["error"]
        self.found.zero_epoch = state["zero_epoch"]
        self.found.zero_weights = torch.from_numpy(state["zero_weights"])
        moments = {k: v for k, v in state.items() if k.startswith("optimizer.")}
        self._set_optimizer(
            {k.removeprefix("optimizer."): torch.tensor(v) for k, v in moments.items()}
        )

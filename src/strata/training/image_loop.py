"""The loop that trains a net with batch normalisation: schedule, augmentation, one epoch at a time.

Its state between two epochs can be taken out and put back, to the last bit.
"""

import copy
import math
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from strata.data.fingerprint import fingerprint
from strata.nets.resnet import Precision, autocast, standardised
from strata.seeding import torch_generator
from strata.training.epochs import flat_state, load_state_


class ImageSchedule(BaseModel):
    """How a net is trained on images; all that decides the result beside net, data and seed.

    Attributes
    ----------
    epochs, batch_size
        A batch has at most `batch_size` images; the batches of an epoch differ by one at most.
    lr, momentum, weight_decay
        Of gradient descent with Nesterov momentum. The decay is on all parameters, those of the
        normalisations and the biases too: the plain choice, and torch's.
    warmup
        Share of all steps in which the rate grows linearly to `lr`.
    decay, milestones
        After it, ``cosine``: half a period of the cosine, to 0. ``step``: the rate is divided by
        10 once these numbers of epochs are done; the warm-up multiplies it.
    label_smoothing
        Share of the target that is spread over all classes.
    crop
        Shift each image by up to so many pixels both ways, drawn anew each time; the border is
        continued by its last pixel.
    flip
        Mirror half of the images, drawn anew each time.
    dtype
        ``bfloat16`` rounds the convolutions and products of both passes; weights, normalisation
        statistics, loss and updates stay float32. It pays on some processors only, see
        `faster_dtype`. The results differ from those of ``float32``, so it belongs to the
        schedule.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    lr: float = Field(gt=0, allow_inf_nan=False)
    momentum: float = Field(default=0.9, gt=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0, allow_inf_nan=False)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    decay: Literal["cosine", "step"] = "cosine"
    milestones: tuple[int, ...] = ()
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    crop: int = Field(default=0, ge=0)
    flip: bool = False
    dtype: Precision = "float32"

    @model_validator(mode="after")
    def _milestones_belong_to_steps(self) -> Self:
        if (self.decay == "step") != bool(self.milestones):
            raise ValueError("milestones are needed by decay 'step' and by no other")
        if list(self.milestones) != sorted({m for m in self.milestones if 0 < m < self.epochs}):
            raise ValueError(f"milestones must grow, between 0 and {self.epochs} epochs")
        return self

    def steps(self, images: int) -> int:
        """Return the number of updates in an epoch of so many images."""
        return math.ceil(images / self.batch_size)

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of an update.

        Parameters
        ----------
        step
            Number of the update, from 0 on, over all epochs.
        steps
            Updates in an epoch.

        Examples
        --------
        >>> schedule = ImageSchedule(epochs=10, batch_size=64, lr=0.1)
        >>> [round(schedule.rate(step, 2), 4) for step in (0, 1, 2, 11, 19)]
        [0.05, 0.1, 0.1, 0.05, 0.0008]
        """
        warm = round(self.warmup * self.epochs * steps)
        ramp = min(1.0, (step + 1) / warm) if warm else 1.0
        if self.decay == "step":
            return self.lr * ramp / 10 ** sum(step >= m * steps for m in self.milestones)
        share = max(0, step - warm) / (self.epochs * steps - warm)
        return self.lr * ramp * (1 + math.cos(math.pi * share)) / 2


class ImageLoop:
    """Trains a copy of a net, an epoch a call.

    Parameters
    ----------
    net, images, labels, schedule, seed
        As in `strata.training.images.train_images`.

    Attributes
    ----------
    net
        The copy, in training mode.
    epoch
        Number of epochs done.
    loss, accuracy
        Of each epoch done.

    Raises
    ------
    ValueError
        If the arguments do not fit together.
    """

    def __init__(
        self, net: nn.Module, images: Tensor, labels: Tensor, schedule: ImageSchedule, seed: int
    ) -> None:
        _check(images, labels, schedule, net.fc.out_features)
        self.net = copy.deepcopy(net).train()
        self.epoch = 0
        self.loss: list[float] = []
        self.accuracy: list[float] = []
        self._images, self._labels, self._schedule, self._seed = images, labels, schedule, seed
        self._steps = schedule.steps(len(labels))
        self._generator = torch_generator("images", seed)
        self._device = net.fc.weight.device
        self._parameters = list(self.net.parameters())
        self._optimizer = torch.optim.SGD(
            self._parameters,
            lr=schedule.lr,
            momentum=schedule.momentum,
            weight_decay=schedule.weight_decay,
            nesterov=True,
            fused=True,
        )

    def identity(self, keep: tuple[int, ...]) -> str:
        """Say which training this is, before its first epoch, and what is kept of it."""
        settings = self._schedule.model_dump_json()
        state = flat_state(self.net)
        images, labels = self._images.cpu(), self._labels.cpu()
        return fingerprint(images, labels, state, settings, self._seed, np.array(keep, np.int64))

    def run_epoch(self) -> tuple[float, float]:
        """Train for one epoch; return its loss and its accuracy.

        Raises
        ------
        FloatingPointError
            If the loss is not finite.
        """
        n = len(self._labels)
        loss = torch.zeros((), dtype=torch.float64, device=self._device)
        right = torch.zeros((), dtype=torch.int64, device=self._device)
        order = torch.randperm(n, generator=self._generator)
        for step, batch in enumerate(order.tensor_split(self._steps)):
            self._set_rate(self._schedule.rate(self.epoch * self._steps + step, self._steps))
            batch_loss, batch_right = self.step(batch)
            loss += batch_loss.double() * len(batch)
            right += batch_right
        self.loss.append(float(loss) / n)
        self.accuracy.append(int(right) / n)
        if not math.isfinite(self.loss[-1]):
            raise FloatingPointError(
                f"the training loss of the net of seed {self._seed} is {self.loss[-1]} in epoch "
                f"{self.epoch}: try a smaller learning rate than {self._schedule.lr}"
            )
        self.epoch += 1
        return self.loss[-1], self.accuracy[-1]

    def step(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Make one update by the images of these numbers; return loss and number right, before."""
        schedule = self._schedule
        images = augmented(self._images[batch], schedule.crop, schedule.flip, self._generator)
        labels = self._labels[batch].to(self._device)
        with autocast(schedule.dtype, self._device):
            logits = self.net(standardised(images.to(self._device)))
        logits = logits.float()
        loss = F.cross_entropy(logits, labels, label_smoothing=schedule.label_smoothing)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return loss.detach(), (logits.detach().argmax(1) == labels).sum()

    def _set_rate(self, rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def state(self) -> dict[str, NDArray]:
        """Return all that the next epoch depends on; there must have been one."""
        moments = [self._optimizer.state[p]["momentum_buffer"] for p in self._parameters]
        return {
            "epoch": np.array(self.epoch),
            "state": flat_state(self.net),
            "momentum": torch.cat([m.cpu().reshape(-1) for m in moments]).numpy(),
            "generator": self._generator.get_state().numpy(),
            "loss": np.array(self.loss),
            "accuracy": np.array(self.accuracy),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Go on from what `state` returned."""
        self.epoch = int(state["epoch"])
        self.loss, self.accuracy = state["loss"].tolist(), state["accuracy"].tolist()
        self._generator.set_state(torch.from_numpy(state["generator"]))
        load_state_(self.net, state["state"])
        sizes = [p.numel() for p in self._parameters]
        moments = torch.from_numpy(state["momentum"]).split(sizes)
        for parameter, moment in zip(self._parameters, moments, strict=True):
            buffer = torch.empty_like(parameter, requires_grad=False)
            buffer.copy_(moment.view(parameter.shape))
            self._optimizer.state[parameter]["momentum_buffer"] = buffer


def augmented(images: Tensor, crop: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Shift and mirror images at random, each by its own draw.

    Parameters
    ----------
    images
        (n, c, h, w), any dtype.
    crop
        Largest shift in pixels, both ways and both axes; the border pixel is repeated.
    flip
        Mirror left and right with probability 1/2.
    generator
        Source of the draws, on the CPU; not used if nothing is asked for.

    Returns
    -------
    Tensor
        (n, c, h, w); the images themselves if nothing is asked for.
    """
    if not (crop or flip):
        return images
    n, _, height, width = images.shape
    rows, columns = torch.arange(height).expand(n, -1), torch.arange(width).expand(n, -1)
    if crop:
        shift = torch.randint(-crop, crop + 1, (2, n, 1), generator=generator)
        rows, columns = (rows + shift[0]).clamp(0, height - 1), columns + shift[1]
        columns = columns.clamp(0, width - 1)
    if flip:
        mirrored = torch.rand(n, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    index = (torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :])
    return images.permute(0, 2, 3, 1)[index].permute(0, 3, 1, 2)


def _check(images: Tensor, labels: Tensor, schedule: ImageSchedule, classes: int) -> None:
    n = len(labels)
    if labels.dtype != torch.int64 or labels.ndim != 1 or n == 0:
        raise ValueError(
            f"class indices must be int64 of shape (n,), not {labels.dtype} {tuple(labels.shape)}"
        )
    if images.ndim != 4 or images.shape[:2] != (n, 3):
        raise ValueError(f"{n} images must be ({n}, 3, h, w), not {tuple(images.shape)}")
    if images.dtype not in (torch.uint8, torch.float32):
        raise ValueError(f"pixels must be uint8 or float32, not {images.dtype}")
    # Written so that NaN fails too.
    if images.dtype == torch.float32 and not bool(((images >= 0) & (images <= 1)).all()):
        raise ValueError("float pixels must be from 0 to 1")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"the net has {classes} classes, the indices are to be below, from 0 on")
    if n // schedule.steps(n) < 2:
        raise ValueError(
            f"{n} images in batches of {schedule.batch_size} leave a batch of one, "
            "which has no statistics"
        )

"""Training a net with batch normalisation on images: schedule, augmentation, epochs kept.

An epoch sees every image once, in batches of nearly equal size, so that no batch is too small for
its statistics. The loss and the accuracy of an epoch come from the forward passes of its own
batches, in training mode and each before the update that it leads to.
"""

import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from strata.nets.resnet import Precision
from strata.training.epochs import EpochFolder, flat_state, with_state
from strata.training.image_loop import ImageLoop, ImageSchedule

__all__ = [
    "ImageSchedule",
    "TrainedImages",
    "faster_dtype",
    "flat_state",
    "train_images",
    "with_state",
]

_TIMED_STEPS = 3


@dataclass
class TrainedImages:
    """A net trained on images, and how it got there.

    Attributes
    ----------
    net
        After the last epoch, in evaluation mode.
    loss, accuracy
        Training loss (mean, with the label smoothing, nats) and training accuracy of each epoch,
        (epochs,), float64.
    kept
        Numbers of epochs, growing, (k,), int64; 0 is the initialisation.
    states
        What the net knew after each of them (k, P), float32; see `flat_state`.
    """

    net: nn.Module
    loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    kept: NDArray[np.int64]
    states: NDArray[np.float32]

    def at(self, epoch: int) -> nn.Module:
        """Return the net as it was after an epoch that was kept, in evaluation mode.

        Raises
        ------
        KeyError
            If the epoch was not kept.
        """
        if epoch not in self.kept:
            raise KeyError(f"epoch {epoch} was not kept; there are {self.kept.tolist()}")
        return with_state(self.net, self.states[self.kept.tolist().index(epoch)])


def train_images(
    net: nn.Module,
    images: Tensor,
    labels: Tensor,
    schedule: ImageSchedule,
    *,
    seed: int,
    keep: Collection[int] = (),
    checkpoint: Path | None = None,
    report: Callable[[int, float, float], None] | None = None,
) -> TrainedImages:
    """Train a copy of a net of `resnet50`.

    The same bits come out for the same arguments on the same machine with the same number of
    threads.

    Parameters
    ----------
    net
        Of `resnet50`, on the device where it shall be trained.
    images
        (n, 3, h, w), uint8 or float32 from 0 to 1; they may lie in a file (`numpy.memmap`).
    labels
        Class indices (n,), int64.
    schedule
        How to train.
    seed
        Of the shuffles and the augmentation; the initial weights are those of `net`.
    keep
        Numbers of epochs whose weights are kept, from 0 (the initialisation) to all of them.
    checkpoint
        Folder from which an interrupted training goes on after its last finished epoch, with the
        same result to the last bit as without the interruption. It holds ``last.npz`` and a file
        for each epoch to keep, and stays when the training is done, which then is not repeated:
        whoever gave the folder removes it. Files that are damaged or of another training are
        reported by a warning, and the training starts anew.
    report
        Called after each epoch, when its checkpoint is written, with the number of epochs done,
        its loss and its accuracy; not for epochs that a checkpoint spared. Its exceptions end the
        training.

    Raises
    ------
    ValueError
        If images and labels do not fit together, the net, or the schedule, or `keep` names
        epochs that there are not.
    FloatingPointError
        If the loss stops being finite; names the epoch and the seed.
    """
    keep = tuple(sorted(set(keep)))
    if keep and not 0 <= keep[0] <= keep[-1] <= schedule.epochs:
        raise ValueError(f"epochs to keep are from 0 to {schedule.epochs}, not {keep}")
    loop = ImageLoop(net, images, labels, schedule, seed)
    folder = EpochFolder(checkpoint, loop.identity(keep) if checkpoint else "")
    last, states = folder.load(keep) or ({}, {})
    if last:
        loop.restore(last)
    elif 0 in keep:
        states[0] = flat_state(loop.net)
        folder.save_epoch(0, states[0])
    while loop.epoch < schedule.epochs:
        loss, accuracy = loop.run_epoch()
        if loop.epoch in keep:
            states[loop.epoch] = flat_state(loop.net)
            folder.save_epoch(loop.epoch, states[loop.epoch])
        if checkpoint is not None:
            folder.save_last(loop.state())
        if report is not None:
            report(loop.epoch, loss, accuracy)
    size = len(flat_state(loop.net))
    return TrainedImages(
        net=loop.net.eval(),
        loss=np.array(loop.loss),
        accuracy=np.array(loop.accuracy),
        kept=np.array(keep, dtype=np.int64),
        states=np.array([states[e] for e in keep], dtype=np.float32).reshape(len(keep), size),
    )


def faster_dtype(
    net: nn.Module, images: Tensor, labels: Tensor, schedule: ImageSchedule
) -> Precision:
    """Say which dtype trains faster on this machine, by the time of three steps of each.

    The answer depends on the machine and on what else it does, and the dtype changes the result
    of a training: use it to choose a setting that is then written down, not within a run.

    Parameters
    ----------
    net, images, labels, schedule
        As in `train_images`, nothing of which is changed; the first batch is timed.

    Raises
    ------
    ValueError
        As in `train_images`.
    """
    loops = {
        dtype: ImageLoop(net, images, labels, schedule.model_copy(update={"dtype": dtype}), seed=0)
        for dtype in ("bfloat16", "float32")
    }
    batch = torch.arange(min(len(labels), schedule.batch_size))
    seconds = dict.fromkeys(loops, math.inf)
    for _ in range(1 + _TIMED_STEPS):  # one more, to set things up
        for dtype, loop in loops.items():
            started = time.perf_counter()
            float(loop.step(batch)[0])  # the number is there when the work is done
            seconds[dtype] = min(seconds[dtype], time.perf_counter() - started)
    return min(seconds, key=seconds.get)

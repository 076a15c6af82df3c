"""The weights of single epochs: as one vector each, and as files that an interruption leaves."""

import copy
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from strata.training.checkpoints import load_checkpoint, save_checkpoint


def flat_state(net: nn.Module) -> NDArray[np.float32]:
    """Return all that a net has learned as one vector.

    Parameters
    ----------
    net
        Its parameters and buffers must be float32, or counters of at most 2**24 (the batches
        that a batch normalisation has seen).

    Returns
    -------
    ndarray
        (P,), the entries of ``net.state_dict()`` in their order, running means and variances
        included.

    Raises
    ------
    ValueError
        If an entry does not survive float32.
    """
    parts = []
    for name, entry in net.state_dict().items():
        part = entry.detach().cpu().reshape(-1)
        if part.dtype != torch.float32 and not torch.equal(part.float().to(part.dtype), part):
            raise ValueError(f"{name} is {entry.dtype} and does not fit into float32")
        parts.append(part.float())
    return torch.cat(parts).numpy()


def with_state(net: nn.Module, state: NDArray[np.float32]) -> nn.Module:
    """Return a copy of a net, in evaluation mode, with what `flat_state` said of another.

    Raises
    ------
    ValueError
        If the vector has not one number for each of the net's.
    """
    filled = copy.deepcopy(net)
    load_state_(filled, state)
    return filled.eval()


def load_state_(net: nn.Module, state: NDArray[np.float32]) -> None:
    """Fill a net with what `flat_state` returned, in place.

    Raises
    ------
    ValueError
        If the vector has not one number for each of the net's.
    """
    entries = list(net.state_dict().values())
    sizes = [entry.numel() for entry in entries]
    if state.shape != (sum(sizes),):
        raise ValueError(f"the net holds {sum(sizes)} numbers, the state is {state.shape}")
    with torch.no_grad():
        for entry, part in zip(entries, torch.tensor(state).split(sizes), strict=True):
            entry.copy_(part.view(entry.shape))


class EpochFolder:
    """The files of one training: its last state, and the weights of the epochs to keep.

    Written by `save_checkpoint`, so that each file is whole or absent and carries the identity
    of its training. What cannot be used is reported by a warning, and the training starts anew.

    Parameters
    ----------
    folder
        Made where it is missing; None keeps nothing on disk.
    identity
        Says which training this is.
    """

    def __init__(self, folder: Path | None, identity: str) -> None:
        self._folder, self._identity = folder, identity

    def save_epoch(self, epoch: int, state: NDArray[np.float32]) -> None:
        """Write the weights of an epoch that is kept."""
        if self._folder is not None:
            save_checkpoint(self._file(epoch), {"state": state}, self._identity)

    def save_last(self, arrays: dict[str, NDArray]) -> None:
        """Write where the training is; the epochs kept so far must have been written before."""
        if self._folder is not None:
            save_checkpoint(self._folder / "last.npz", arrays, self._identity)

    def load(
        self, keep: tuple[int, ...]
    ) -> tuple[dict[str, NDArray], dict[int, NDArray[np.float32]]] | None:
        """Return the last state and the epochs kept up to it, or None to start anew.

        Parameters
        ----------
        keep
            The epochs to keep; the last state names its own by the entry ``epoch``.
        """
        if self._folder is None:
            return None
        last = load_checkpoint(self._folder / "last.npz", self._identity)
        if last is None:
            return None
        kept = {}
        for epoch in (e for e in keep if e <= last["epoch"]):
            found = load_checkpoint(self._file(epoch), self._identity)
            if found is None:
                warnings.warn(
                    f"checkpoint {self._file(epoch)} is missing or unusable: training starts anew",
                    stacklevel=2,
                )
                return None
            kept[epoch] = found["state"]
        return last, kept

    def _file(self, epoch: int) -> Path:
        return self._folder / f"epoch-{epoch:04d}.npz"

"""Looking at a net while it is trained, without a way to change how it is trained."""

import copy
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class Observer:
    """Calls a function with a copy of the net every so many epochs, and keeps what it says.

    Parameters
    ----------
    net
        Of the shape to be shown; copied once, and the copy is filled anew for each call.
    observe
        Maps a net to a number; called without gradients.
    every
        Epochs between two calls, at least 1.
    """

    def __init__(self, net: nn.Module, observe: Callable[[nn.Module], float], every: int) -> None:
        self._net, self._observe, self._every = copy.deepcopy(net), observe, every
        self._epochs: list[int] = []
        self._values: list[float] = []

    def look(self, weights: Tensor, epoch: int, *, last: bool) -> None:
        """Observe the weights (P,) after so many epochs, if it is time or the training ends.

        An epoch that was observed before is not observed again.
        """
        if (epoch % self._every and not last) or epoch in self._epochs[-1:]:
            return
        with torch.no_grad():
            nn.utils.vector_to_parameters(weights.clone(), self._net.parameters())
            self._values.append(float(self._observe(self._net)))
        self._epochs.append(epoch)

    def arrays(self) -> dict[str, NDArray]:
        """Return ``observed_epochs`` int64 and ``observed`` float64, both (calls,)."""
        return {
            "observed_epochs": np.array(self._epochs, dtype=np.int64),
            "observed": np.array(self._values, dtype=np.float64),
        }

    def restore(self, arrays: Mapping[str, NDArray]) -> None:
        """Go on from what `arrays` returned."""
        self._epochs = arrays["observed_epochs"].tolist()
        self._values = arrays["observed"].tolist()

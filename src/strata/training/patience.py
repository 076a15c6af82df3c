"""The rule of patience: when a loss that gains nothing more ends a training."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray


def patience_epoch(loss: ArrayLike, patience: int, min_delta: float = 1e-4) -> int | None:
    """Return the number of epochs after which patience would have ended a training.

    The rule of `Schedule`, applied to a history afterwards: one long training without patience
    says where each patience would have stopped it, to the epoch.

    Parameters
    ----------
    loss
        Training loss of each epoch (epochs,), finite; ``Trained.loss``.
    patience, min_delta
        As in `Schedule`.

    Returns
    -------
    int or None
        ``Trained.epochs`` of the training with that patience; None if this history ends before.

    Raises
    ------
    ValueError
        If the history is not a vector of finite numbers, the patience less than 1, or
        `min_delta` negative or not finite.

    Notes
    -----
    The first epoch is always a gain, so no history of up to `patience` epochs is stopped. Linear
    in the epochs, a few microseconds each.

    Examples
    --------
    >>> patience_epoch([0.7, 0.5, 0.5, 0.5, 0.1], patience=2)
    4
    >>> patience_epoch([0.7, 0.5, 0.5, 0.5, 0.1], patience=3) is None
    True
    """
    history = np.asarray(loss, dtype=np.float64)
    if history.ndim != 1 or not np.isfinite(history).all():
        raise ValueError(f"the losses must be a vector of finite numbers, not {history}")
    if patience < 1:
        raise ValueError(f"patience is at least one epoch, not {patience}")
    if not (math.isfinite(min_delta) and min_delta >= 0):
        raise ValueError(f"min_delta must be finite and >= 0, not {min_delta}")
    best, waited = np.full(1, np.inf), np.zeros(1, dtype=np.int64)
    for epoch, value in enumerate(history):
        best, waited = count_waiting(best, waited, value, min_delta)
        if waited[0] >= patience:
            return epoch + 1
    return None


def count_waiting(
    best: NDArray[np.float64], waited: NDArray[np.int64], loss: ArrayLike, min_delta: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Take one more epoch of m nets into account.

    Parameters
    ----------
    best
        The losses (m,) that the next must be below by more than `min_delta` to be a gain;
        infinite before the first epoch.
    waited
        Epochs (m,) since the last gain.
    loss
        Of the new epoch (m,).
    min_delta
        A gain is more than this.

    Returns
    -------
    tuple
        The new `best` and `waited`; the arguments are not changed.
    """
    gained = best - loss > min_delta
    return np.where(gained, loss, best), np.where(gained, 0, waited + 1)

"""Random nets whose number of ReLUs is known, and how simple the tasks are that they set."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from strata.measures.soft_ranks import covariance_rank
from strata.measures.vinformation import held_out_r2

Matrix = NDArray[np.float64]
Form = Literal["plain", "pooled", "normalised"]
"""Linear maps and ReLUs alone; the greatest of `WINDOW` values before the output, as the study has
it; the inputs of each ReLU standardised."""

WINDOW = 16
"""Values of which the pooled tasks pass on the greatest, as many as in the study's 4 x 4 window."""


def task_outputs(
    x: Matrix,
    relus: int,
    *,
    width: int,
    outputs: int,
    form: Form,
    seen: int,
    rng: np.random.Generator,
) -> Matrix:
    """Outputs of a random net with a given number of ReLUs.

    z_0 = W_0 x, z_i = W_i relu(z_{i-1}), and V s(z_n) as the output, where s is the identity or, in
    a pooled task, the greatest of `WINDOW` values each. There is no bias; weights are normal with
    variance 2 / fan_in.

    Parameters
    ----------
    x : ndarray, shape (n, d)
    relus
        n, from 0.
    width, outputs
        Of the hidden maps, and of the last one.
    form
        See `Form`.
    seen
        So many samples, the first, give the means and deviations of a normalised task.
    rng
        Of the weights.

    Returns
    -------
    ndarray, shape (n, outputs)

    Notes
    -----
    The study's tasks are convolutional, 16 channels wide, with a 4 x 4 maximum before the last map.
    The greatest of 16 numbers takes four ReLUs in a row, as max(a, b) = b + relu(a - b).

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(50, 8))
    >>> settings = {"width": 4, "outputs": 3, "form": "plain", "seen": 50}
    >>> linear = task_outputs(x, 0, rng=np.random.default_rng(1), **settings)
    >>> linear.shape, int(np.linalg.matrix_rank(np.c_[x, linear]))
    ((50, 3), 8)
    """
    z = x
    for layer in range(relus + 1):
        columns = width * (WINDOW if form == "pooled" and layer == relus else 1)
        z = _mapped(np.maximum(z, 0) if layer else z, columns, rng)
        if form == "normalised":
            z = standardised(z, seen)
    if form == "pooled":
        z = z.reshape(len(z), width, WINDOW).max(axis=2)
    return _mapped(z, outputs, rng)


def standardised(outputs: Matrix, seen: int) -> Matrix:
    """Shift and scale each column (n, k) to mean 0 and variance 1 over its first `seen` rows.

    Raises
    ------
    ValueError
        If a column does not vary there: all ReLUs of a layer are off.
    """
    deviation = outputs[:seen].std(axis=0)
    if not deviation.all():
        raise ValueError("an output of the task does not vary: draw another seed")
    return (outputs - outputs[:seen].mean(axis=0)) / deviation


def described(x: Matrix, outputs: Matrix) -> dict[str, float]:
    """How simple a task is.

    Parameters
    ----------
    x, outputs : ndarray, shape (n, d) and (n, k)
        Inputs, and outputs as the random net gives them.

    Returns
    -------
    dict
        ``linear_r2``, the share of the variance of the outputs that ridge regression on the inputs
        predicts, on samples that it was not fitted on; ``rank``, the soft rank of their covariance;
        ``direction``, the mean cosine of the outputs of two samples before they are standardised.
    """
    size = np.linalg.norm(outputs, axis=1, keepdims=True)
    units = np.divide(outputs, size, out=np.zeros_like(outputs), where=size > 0)
    n, pairs = len(units), np.square(units.sum(axis=0)).sum() - np.square(units).sum()
    own = standardised(outputs, n)
    return {
        "linear_r2": float(held_out_r2(x, own).mean()),
        "rank": covariance_rank(own),
        "direction": float(pairs / (n * (n - 1))),
    }


def _mapped(z: Matrix, outputs: int, rng: np.random.Generator) -> Matrix:
    fan_in = z.shape[1]
    return z @ rng.normal(scale=math.sqrt(2 / fan_in), size=(fan_in, outputs))

"""Tasks whose number of ReLUs is known, and nets that have learned them: families for study B.

A task is a random net that nothing has trained, with n ReLUs between its input and its output.
A family holds the tasks of one seed. The feature to take apart is the output of a residual net
that has learned the task, as in the study; or, with nothing between, the output of the task.

The result has the family format of `strata.experiments.component_targets` without heads, as there
are no classes. Its ``own_0`` ... are empty: every net learns from the whole pool.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from strata.experiments import component_data
from strata.experiments.component_data import Data, load
from strata.experiments.component_nets import evaluated
from strata.measures.components import residuals
from strata.measures.soft_ranks import covariance_rank
from strata.measures.vinformation import held_out_r2
from strata.nets.dense import DenseStack
from strata.runs.result import Result
from strata.seeding import numpy_generator, torch_generator
from strata.training.fitting import Budget, batches, fit

Matrix = NDArray[np.float64]
Form = Literal["plain", "pooled", "normalised"]

WINDOW = 16
"""Values of which the pooled tasks pass on the greatest, as many as in the study's 4 x 4 window."""


class Learner(BaseModel):
    """The nets that learn the tasks.

    Attributes
    ----------
    order
        Their ReLUs.
    width
        Of their blocks.
    budget
        Of each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    order: int = Field(ge=1)
    width: int
    budget: Budget


class Config(BaseModel):
    """Everything that decides a family of tasks.

    Attributes
    ----------
    data
        Vectors; their labels are not used.
    relus
        Of each task, growing.
    form
        ``plain``: linear maps and ReLUs alone. ``pooled``: the greatest of `WINDOW` values before
        the output, as the study has it. ``normalised``: the inputs of each ReLU are standardised.
    seed
        Of the tasks and of the nets that learn them.
    width
        Of the tasks.
    feature
        Outputs.
    learner
        None: the outputs of the tasks are the features.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Data
    relus: tuple[int, ...]
    form: Form
    seed: int
    width: int
    feature: int
    learner: Learner | None


def data_source(config: Config) -> str:
    """What a page calls the data."""
    return load(config.data).source


def data_fingerprint(config: Config) -> str:
    """Fingerprint of pool and test samples."""
    return component_data.data_fingerprint(config.data)


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    if config.learner is None:
        return 1.0
    learner = config.learner
    return float(len(config.relus) * learner.order * learner.width**2 * learner.budget.steps)


def run(config: Config, scratch: Path | None = None) -> Result:
    """Draw the tasks, and train a net on each of them.

    Returns
    -------
    Result
        Arrays ``pool`` (m, N, k), ``test`` (m, T, k) and the empty ``own_0`` .... In the metric
        ``targets``, for each of the m tasks: ``relus``; ``linear_r2``, the share of the variance of
        the task's outputs that ridge regression on the inputs predicts, on pool samples that it was
        not fitted on; ``rank``, the soft rank of their covariance; ``direction``, the mean cosine
        of the outputs of two samples before they are standardised; and ``left_pool`` and
        ``left_test``, the share of their variance that the learner leaves, 0 without one.

    Raises
    ------
    ValueError
        If the data are images.
    """
    pool = load(config.data)
    if pool.inputs.ndim != 2:
        raise ValueError(f"tasks take vectors, {config.data.name} has images")
    x = torch.cat([pool.inputs, pool.test_inputs]).double().numpy()
    seen = len(pool.inputs)
    raw = [_drawn(config, x, n, seen) for n in config.relus]
    tasks = np.stack([standardised(outputs, seen) for outputs in raw]).astype(np.float32)
    features = tasks
    if config.learner is not None:
        features = _learned(config, config.learner, torch.from_numpy(tasks[:, :seen]))
    targets = [
        {"relus": n, **described(x[:seen], outputs[:seen]), **_left(task, feature, seen)}
        for n, outputs, task, feature in zip(config.relus, raw, tasks, features, strict=True)
    ]
    arrays = {"pool": features[:, :seen], "test": features[:, seen:]}
    own = {f"own_{i}": np.empty(0, dtype=np.int64) for i in range(len(targets))}
    return Result(metrics={"targets": targets}, arrays=arrays | own)


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
        See `Config`.
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
    """How simple a task is: ``linear_r2``, ``rank`` and ``direction``, see `run`.

    Parameters
    ----------
    x, outputs : ndarray, shape (n, d) and (n, k)
        Inputs, and outputs as the random net gives them.
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


def _drawn(config: Config, x: Matrix, relus: int, seen: int) -> Matrix:
    return task_outputs(
        x,
        relus,
        width=config.width,
        outputs=config.feature,
        form=config.form,
        seen=seen,
        rng=numpy_generator("component-task", config.data.name, config.seed, relus),
    )


def _mapped(z: Matrix, outputs: int, rng: np.random.Generator) -> Matrix:
    fan_in = z.shape[1]
    return z @ rng.normal(scale=math.sqrt(2 / fan_in), size=(fan_in, outputs))


def _learned(config: Config, learner: Learner, wanted: Tensor) -> NDArray[np.float32]:
    """Outputs (m, N + T, k) of nets that were trained on the tasks' outputs (m, N, k)."""
    pool = load(config.data)
    place = (config.data.name, config.form, config.seed)
    generators = [torch_generator("component-learner", *place, n) for n in config.relus]
    nets = DenseStack(
        pool.inputs.shape[1],
        learner.width,
        config.feature,
        blocks=learner.order - 1,
        generators=generators,
    )
    m, seen, _ = wanted.shape
    draw, each = batches([seen] * m, learner.budget, generators), torch.arange(m)[:, None]

    def loss(step: int) -> Tensor:
        picked = draw()
        off = nets(pool.inputs[picked]) - wanted[each, picked]
        return off.square().mean(dim=(1, 2)).sum()

    nets.train()
    fit(nets.parameters(), loss, learner.budget)
    return evaluated(nets, torch.cat([pool.inputs, pool.test_inputs])).numpy()


def _left(task: NDArray, feature: NDArray, seen: int) -> dict[str, float]:
    places = {"left_pool": slice(seen), "left_test": slice(seen, None)}
    return {name: float(residuals([feature[p]], task[p])[0]) for name, p in places.items()}

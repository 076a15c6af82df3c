"""Tasks whose number of ReLUs is known, and nets that have learned them: families for study B.

A task is a random net that nothing has trained, with n ReLUs between its input and its output.
A family holds the tasks of one seed. The feature to take apart is the output of a residual net
that has learned the task, as in the study; or, with nothing between, the output of the task.

The result has the family format of `strata.experiments.component_targets` without heads, as there
are no classes. Its ``own_0`` ... are empty: every net learns from the whole pool.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from strata.experiments import component_data
from strata.experiments.component_data import Data, VectorName, load
from strata.experiments.component_nets import evaluated
from strata.experiments.random_tasks import Form, Matrix, described, standardised, task_outputs
from strata.measures.components import residuals
from strata.nets.dense import DenseStack
from strata.runs.result import Result
from strata.seeding import numpy_generator, torch_generator
from strata.training.fitting import Budget, batches, fit

ReLUs = Annotated[list[Annotated[int, Field(ge=0, le=1000)]], Field(min_length=2)]


class Design(BaseModel):
    """The tasks of the chapter, with the allowed ranges; ``tasks`` are numbers of ReLUs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    data: list[VectorName] = Field(min_length=1, max_length=1)
    tasks: ReLUs
    task_width: int = Field(ge=2, le=4096)
    pool: int = Field(ge=100, le=1_000_000)
    test: int = Field(ge=100, le=1_000_000)
    feature: int = Field(ge=2, le=4096)

    @field_validator("tasks")
    @classmethod
    def _from_the_linear_one(cls, values: list[int]) -> list[int]:
        if values != sorted(set(values)) or values[0] != 0:
            raise ValueError("must begin with 0, the linear one, and grow")
        return values

    def of_form(self, form: Form, seed: int, learner: Learner | None = None) -> Config:
        """The family of a form and seed."""
        return Config(
            data=Data.vectors(self.data[0], self.pool, self.test),
            relus=tuple(self.tasks),
            form=form,
            seed=seed,
            width=self.task_width,
            feature=self.feature,
            learner=learner,
        )


class Parameters(Design):
    """What the chapter's notebook gives for tasks that are only described, of ``drawn_seeds``."""

    drawn_seeds: int = Field(ge=2, le=1000)

    def drawn(self, form: Form) -> list[Config]:
        """Families of a form that nothing learns."""
        return [self.of_form(form, seed) for seed in range(self.drawn_seeds)]

    def points(self) -> list[Config]:
        """Families of every form."""
        return [family for form in get_args(Form) for family in self.drawn(form)]


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
        See `strata.experiments.random_tasks.Form`.
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
        ``targets``, for each of the m tasks: ``relus``; what
        `strata.experiments.random_tasks.described` says of it on the pool; and ``left_pool`` and
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

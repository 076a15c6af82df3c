"""Taking features apart: one student net for each complexity order, trained to give the feature.

Used by every experiment of study B that has a family of nets to take apart. The result has the
*chain format*, for L orders and the m nets of the family:

- arrays ``test`` (L, m, T, k, ...): what the students give for the test samples, in units of the
  feature; ``own_0`` ...: (L, n, k, ...) the same for the samples that net i was trained on;
  ``state_<order>``: the students' weights, where they started cold;
- metrics ``orders``, and ``residual_test`` and ``residual_pool``, each L lists of m numbers:
  the share of the feature's variance that the students leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from strata.experiments.component_data import Data, Pool, load
from strata.experiments.component_nets import evaluated, make_students, stacks, take_over_
from strata.experiments.student_groups import Group, StudentSettings
from strata.measures.components import residuals
from strata.runs.result import Result
from strata.training.epochs import flat_state, load_state_
from strata.training.fitting import batches, fit


class Settings(StudentSettings):
    """How features are taken apart.

    Attributes
    ----------
    start
        ``cold``: every student from random weights. ``warm``: the authors' chain, a student takes
        over the weights of the one before, and is trained as long again. ``continued``: each cold
        student is trained as long again, at its own order: the control for ``warm``.
    pool
        ``all``: students see the features of the whole pool; ``own``: only of those samples that
        the target was trained on.
    skips
        Of the students.
    """

    start: Literal["cold", "warm", "continued"] = "cold"
    pool: Literal["all", "own"] = "all"
    skips: bool = True


def cold(settings: Settings) -> Settings:
    """The settings of the cold chain that continued students go on from."""
    return settings.model_copy(update={"start": "cold"})


def work(data: Data, targets: int, settings: Settings) -> float:
    """Relative seconds of a chain, for the order of work."""
    size = targets * settings.budget.steps * settings.width**2 * (data.size or 1) ** 2
    return float(size * sum(settings.orders))


def disentangle(
    family: Result,
    data: Data,
    settings: Settings,
    names: Sequence[str | int],
    *,
    previous: Result | None = None,
    scratch: Path | None = None,
) -> Result:
    """Train a student of every order for every net of a family.

    Parameters
    ----------
    family
        In the family format, see `strata.experiments.component_targets`.
    data
        On which the family was made.
    settings
        How.
    names
        Of the family: what the random numbers of its students depend on, beside the settings.
    previous
        The cold chain, which continued students go on from.
    scratch
        A folder; a run that was killed goes on from the students that were done.

    Returns
    -------
    Result
        In the chain format, see the head of this module.

    Raises
    ------
    ValueError
        If a continued chain has nothing to go on from.

    Notes
    -----
    Ren et al. 2021 (arXiv 2006.15920), section 3.1, and the authors' code for the warm start. A
    student is trained on the squared error of features less their mean, unit by unit, and divided
    by one number, the root of their mean unit variance, both of the samples it sees. Its outputs
    are multiplied and shifted back. The paper does neither.
    """
    if settings.start == "continued" and previous is None:
        raise ValueError("continued students need the cold chain to go on from")
    pool = load(data)
    m = len(family.arrays["test"])
    parts = [
        _Group(family, pool, settings, names, members, previous).chain(scratch)
        for members in stacks(m, pool.inputs.shape[1:])
    ]
    arrays = {name: array for part in parts for name, array in part.items()}
    joined = ["test", "pool"]
    if settings.start == "cold":
        joined += [f"state_{order}" for order in settings.orders]
    for name in joined:
        # Weights lie one stack after the other, outputs have the order in front.
        axis = 0 if name.startswith("state") else 1
        arrays[name] = np.concatenate([part[name] for part in parts], axis=axis)
    whole = arrays.pop("pool")
    left = {
        "residual_test": _left(arrays["test"], family.arrays["test"]),
        "residual_pool": _left(whole, family.arrays["pool"]),
    }
    return Result(metrics={"orders": list(settings.orders), **left}, arrays=arrays)


def _left(outputs: NDArray, features: NDArray) -> list[list[float]]:
    each = [residuals(outputs[:, i], features[i]) for i in range(len(features))]
    return np.array(each).T.tolist()


class _Group(Group):
    """The students that are trained together, to give features as they are."""

    kind = "student"
    settings: Settings

    def __init__(
        self,
        family: Result,
        pool: Pool,
        settings: Settings,
        names: Sequence[str | int],
        members: Sequence[int],
        previous: Result | None,
    ) -> None:
        super().__init__(pool, settings, names, members)
        self.previous = previous
        self.own = [torch.from_numpy(family.arrays[f"own_{i}"]) for i in members]
        features = [torch.from_numpy(family.arrays["pool"][i]) for i in members]
        everything = torch.arange(len(pool.inputs))
        self.rows = self.own if settings.pool == "own" else [everything] * len(self.members)
        seen = [f[rows] for f, rows in zip(features, self.rows, strict=True)]
        self.means = torch.stack([f.mean(dim=0) for f in seen])[:, None]
        self.scales = torch.stack([_scale(f) for f in seen]).view(-1, *[1] * (seen[0].ndim))
        self.wanted = (torch.stack(features) - self.means) / self.scales

    def chain(self, scratch: Path | None) -> dict[str, NDArray]:
        """Train the students of all orders; arrays in the chain format, and ``pool``."""
        found: dict[str, list[NDArray]] = {"test": [], "pool": []}
        states, shallower = {}, None
        for order in self.settings.orders:
            students = self._students(order, "start")
            if self.settings.start == "continued":
                load_state_(students, self._previous_state(order))
            if self.settings.start == "warm" and shallower is not None:
                take_over_(students, shallower)
            self.train_once(students, order, scratch, partial(self._train, students, order))
            states[f"state_{order}"] = flat_state(students)
            found["test"].append(self._outputs(students, self.pool.test_inputs))
            found["pool"].append(self._outputs(students, self.pool.inputs))
            shallower = students
        arrays = {name: np.stack(outputs) for name, outputs in found.items()}
        for i, (member, own) in enumerate(zip(self.members, self.own, strict=True)):
            arrays[f"own_{member}"] = arrays["pool"][:, i, own.numpy()]
        return arrays | (states if self.settings.start == "cold" else {})

    def _students(self, order: int, role: str) -> nn.Module:
        k = self.wanted.shape[2]
        return make_students(
            self.pool.inputs.shape[1:],
            k,
            order,
            self.generators(order, role),
            width=self.settings.width,
            skips=self.settings.skips,
            dtype=self.settings.dtype,
        )

    def _previous_state(self, order: int) -> NDArray[np.float32]:
        states = self.previous.arrays[f"state_{order}"]
        groups = len(self.previous.arrays["test"][0]) // len(self.members)
        return states.reshape(groups, -1)[self.members[0] // len(self.members)]

    def _train(self, students: nn.Module, order: int) -> None:
        sizes = [len(rows) for rows in self.rows]
        draw = batches(sizes, self.settings.budget, self.generators(order, self.settings.start))

        def loss(step: int) -> Tensor:
            picked = [rows[i] for rows, i in zip(self.rows, draw(), strict=True)]
            wanted = torch.stack([f[i] for f, i in zip(self.wanted, picked, strict=True)])
            given = students(self.pool.inputs[torch.stack(picked)])
            return (given - wanted).square().flatten(1).mean(dim=1).sum()

        students.train()
        fit(students.parameters(), loss, self.settings.budget)

    def _outputs(self, students: nn.Module, inputs: Tensor) -> NDArray[np.float32]:
        return (evaluated(students, inputs) * self.scales + self.means).numpy()


def _scale(features: Tensor) -> Tensor:
    """Root of the mean unit variance of features (n, ...); 1 where they do not vary."""
    scale = features.var(dim=0, unbiased=False).mean().sqrt()
    return scale if scale > 0 else torch.ones(())

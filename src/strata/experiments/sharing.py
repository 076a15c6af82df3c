"""What nets share: one feature that several nets are read from, sent through all of them and back.

For each order a student gives a shared feature psi, and linear maps g_k read the features of K nets
from it: the target first, then exemplary nets. Maps h_k lead back. What is left of the target's
part after some cycles psi <- mean of h_k g_k psi is called reliable. The result has the *sharing
format*, for L orders, m targets, methods to fit h (`METHODS` by default) and `CYCLES`:

- arrays ``numerator`` (methods, cycles, L, m): variance of g_1 psi on the test samples, in units of
  the feature; ``component_numerator``, of its difference to the order before; ``reliable``
  (L, m, T, k, ...): g_1 psi itself, by `MAIN` after `STUDY_CYCLES`; ``shared_variance`` (L, m) of
  psi; ``condition`` (L, m, K) of the maps g; ``fit`` (L, m, K): share of the variance of each net's
  feature that g_k psi leaves; ``cycle_error`` (methods, L, m): share of the variance of psi that
  one cycle changes;
- metrics ``methods``, ``cycles``, ``orders`` and ``targets``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from strata.experiments.component_data import Data, Pool, load
from strata.experiments.component_nets import evaluated, make_students, stacks
from strata.experiments.cycling import CYCLES, METHODS, Step, measured, returns
from strata.experiments.student_groups import Group, StudentSettings
from strata.measures.components import residuals
from strata.runs.result import Result
from strata.training.fitting import batches, fit


class Settings(StudentSettings):
    """How a shared feature is made; a student is trained with its maps.

    Attributes
    ----------
    standardised
        Whether the mean over the pool is taken off each unit of a net's feature, and all units are
        divided by one number, the root of their mean variance, so that no net dominates the loss.
        The study does neither.
    inverse_steps
        Of the longest fit of the inverse maps by gradient.
    """

    standardised: bool = True
    inverse_steps: int


def share(
    family: Result,
    exemplars: Sequence[Result] | None,
    data: Data,
    settings: Settings,
    names: Sequence[str | int],
    *,
    members: Sequence[int] | None = None,
    methods: Sequence[str] = METHODS,
    scratch: Path | None = None,
) -> Result:
    """Find what the nets of a family share with exemplary nets.

    Parameters
    ----------
    family
        The targets, in the family format; see `strata.experiments.component_targets`.
    exemplars
        Families of one net each, on the same data. None: each target itself, twice.
    data
        On which all were made.
    settings
        How.
    names
        Of the family and the exemplars: what the random numbers depend on, beside the settings.
    members
        Which targets; all of them by default. Each is trained as in any other choice.
    methods
        Which of `METHODS`, `MAIN` among them.
    scratch
        A folder; a run that was killed goes on from the students that were done.

    Returns
    -------
    Result
        In the sharing format, see the head of this module.

    Raises
    ------
    ValueError
        If there is no member.

    Notes
    -----
    Ren et al. 2021 (arXiv 2006.15920), section 3.2 and appendix C, and the authors' code: psi and
    g are trained together on the sum of the squared errors of all nets, then h on their own.
    """
    chosen = range(len(family.arrays["test"])) if members is None else members
    pool = load(data)
    found = [
        part
        for group in stacks(len(chosen), pool.inputs.shape[1:])
        for part in _Group(
            family, exemplars, pool, settings, names, [chosen[i] for i in group]
        ).measured(methods, scratch)
    ]
    arrays = {name: np.stack([part[name] for part in found]) for name in found[0]}
    axes = {"numerator": 3, "component_numerator": 3, "cycle_error": 2}
    moved = {name: np.moveaxis(array, 0, axes.get(name, 1)) for name, array in arrays.items()}
    metrics = {
        "methods": list(methods),
        "cycles": list(CYCLES),
        "orders": list(settings.orders),
        "targets": [family.metrics["targets"][i] for i in chosen],
    }
    return Result(metrics=metrics, arrays=moved)


class _Shared(nn.Module):
    """Students and the maps that read K nets' features from theirs."""

    def __init__(self, students: nn.Module, maps: Tensor) -> None:
        super().__init__()
        self.students = students
        self.maps = nn.Parameter(maps)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs (m, n, ...) to features (m, n, K, k, ...)."""
        return read(self.maps, self.students(x))


def read(maps: Tensor, shared: Tensor) -> Tensor:
    """Apply maps (m, K, k, k) to shared features (m, n, k, ...), giving (m, n, K, k, ...)."""
    return torch.einsum("mqij,mnj...->mnqi...", maps, shared)


class _Group(Group):
    """Targets whose shared features are trained together."""

    kind = "sharing"
    settings: Settings

    def __init__(
        self,
        family: Result,
        exemplars: Sequence[Result] | None,
        pool: Pool,
        settings: Settings,
        names: Sequence[str | int],
        members: Sequence[int],
    ) -> None:
        super().__init__(pool, settings, names, members)
        features = _beside(family, exemplars, "pool", self.members)
        self.test = _beside(family, exemplars, "test", self.members)
        self.means = torch.zeros_like(features[:, :1])
        self.scales = torch.ones(features.shape[0], 1, *features.shape[2:3], 1)
        if settings.standardised:
            self.means = features.mean(dim=1, keepdim=True)
            sizes = features.var(dim=1, unbiased=False).flatten(2).mean(dim=2).sqrt()
            self.scales = torch.where(sizes > 0, sizes, 1.0)[:, None, :, None]
        # One number a net, in the shape of features (m, n, K, k, ...).
        self.scales = self.scales.view(*self.scales.shape, *[1] * (features.ndim - 4))
        self.wanted = (features - self.means) / self.scales

    def measured(self, methods: Sequence[str], scratch: Path | None) -> list[dict[str, NDArray]]:
        """What `share` gives for each of these targets, without the axis of targets."""
        found: list[list[Step]] = [[] for _ in self.members]
        for order in self.settings.orders:
            shared = self._trained(order, scratch)
            psi = evaluated(shared.students, self.pool.inputs).numpy()
            test = evaluated(shared.students, self.pool.test_inputs)
            maps = shared.maps.detach()
            back = returns(psi, maps.double().numpy(), self.settings.inverse_steps, methods)
            left = self._left(read(maps, test))
            for i, steps in enumerate(found):
                steps.append(Step(test[i].numpy(), maps[i].double().numpy(), back[i], left[i]))
        arrays = [
            measured(steps, float(scale), methods)
            for steps, scale in zip(found, self.scales[:, 0, 0], strict=True)
        ]
        for each, mean in zip(arrays, self.means[:, 0, 0].numpy(), strict=True):
            each["reliable"] += mean
        return arrays

    def _left(self, given: Tensor) -> NDArray[np.float64]:
        """Share of the variance of every test feature that (m, T, K, k, ...) leaves, (m, K)."""
        outputs, features = (given * self.scales).numpy(), self.test.numpy()
        return np.array(
            [
                [residuals(out[None], f)[0] for out, f in zip(*pair, strict=True)]
                for pair in zip(outputs.swapaxes(1, 2), features.swapaxes(1, 2), strict=True)
            ]
        )

    def _trained(self, order: int, scratch: Path | None) -> _Shared:
        """Students of an order with their maps, trained together; in evaluation mode."""
        starts = self.generators(order, "start")
        nets, k = self.wanted.shape[2:4]
        students = make_students(
            self.pool.inputs.shape[1:],
            k,
            order,
            starts,
            width=self.settings.width,
            dtype=self.settings.dtype,
        )
        maps = [torch.randn(nets, k, k, generator=generator) / k**0.5 for generator in starts]
        shared = _Shared(students, torch.stack(maps))
        self.train_once(shared, order, scratch, partial(self._train, shared, order))
        return shared.eval()

    def _train(self, shared: _Shared, order: int) -> None:
        sizes = [len(self.pool.inputs)] * len(self.members)
        draw = batches(sizes, self.settings.budget, self.generators(order, "batches"))
        every = torch.arange(len(self.members))[:, None]

        def loss(step: int) -> Tensor:
            picked = draw()
            errors = shared(self.pool.inputs[picked]) - self.wanted[every, picked]
            # The mean over samples and units, the sum over nets and targets.
            return errors.square().transpose(1, 2).flatten(2).mean(dim=2).sum()

        shared.train()
        fit(shared.parameters(), loss, self.settings.budget)


def _beside(
    family: Result, exemplars: Sequence[Result] | None, kind: str, members: Sequence[int]
) -> Tensor:
    """Features of targets and exemplars, (m, n, K, k, ...), the target first."""
    own = torch.from_numpy(family.arrays[kind][list(members)])
    if exemplars is None:
        return torch.stack([own, own, own], dim=2)
    others = [torch.from_numpy(each.arrays[kind]).expand_as(own) for each in exemplars]
    return torch.stack([own, *others], dim=2)

"""Which components nets share: the reliable part of each order, held against the order itself.

Takes a family of nets, two exemplary nets, and two cold chains of students of the family. The
first chain is what reliability is a share of, as in the study's code; the second tells what of a
component is more than noise of training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from strata.experiments import component_orders, component_parameters, component_targets, sharing
from strata.experiments.component_data import VectorName
from strata.experiments.component_parameters import Counts
from strata.experiments.disentangling import Settings, work
from strata.experiments.resting import data_of
from strata.experiments.sharing import share
from strata.measures.components import components, cosine, shared_significance, variance
from strata.runs.result import Result

Exemplars = Literal["trained", "random labels", "copies"]
EXEMPLARS = 2
FIRST_EXEMPLAR = 1000
"""Seed of the first exemplar of seed 0; no target has such a seed. Each seed has its own."""


class Parameters(component_parameters.Parameters):
    """What the chapter's notebook can be given, with the allowed ranges.

    Claim B5 is judged on the first two data sets. So many ``control_seeds`` are held against other
    exemplars, at the middle depth. The longest fit of inverse maps by gradient takes
    ``inverse_steps``.
    """

    data: list[VectorName] = Field(min_length=2)
    samples: Annotated[Counts, Field(min_length=2)]
    image_samples: Annotated[Counts, Field(min_length=2)]
    control_seeds: int = Field(ge=2, le=1000)
    inverse_steps: int = Field(ge=10)

    def points(self) -> list[Config]:
        """All points: of `dense_points`, `control_points` and `image_points`."""
        return [*self.dense_points(), *self.control_points(), *self.image_points()]

    def dense_points(self) -> list[Config]:
        """One point for each data set and seed; those that are judged come first."""
        return self._paired(self.chains(), self.chains(seed=1), max(self.depths))

    def image_points(self) -> list[Config]:
        """One point for each image data set, seed and depth."""
        first, second = self.image_chains(), self.image_chains(seed=1)
        return self._paired(first, second, max(self.image_depths))

    def control_points(self) -> list[Config]:
        """Other exemplars, and features that are not standardised, on the first data set."""
        middle = (self.depths[len(self.depths) // 2],)
        found = []
        for point in self.dense_points()[: min(self.control_seeds, self.seeds)]:
            part = point.model_copy(update={"depths": middle})
            raw = part.settings.model_copy(update={"standardised": False})
            found += [
                part.model_copy(update={"exemplars": "random labels"}),
                part.model_copy(update={"exemplars": "copies"}),
                part.model_copy(update={"settings": raw}),
            ]
        return found

    def _paired(
        self,
        chains: Sequence[component_orders.Config],
        again: Sequence[component_orders.Config],
        exemplar_depth: int,
    ) -> list[Config]:
        return [
            point_of(chain, second, exemplar_depth=exemplar_depth, inverse_steps=self.inverse_steps)
            for chain, second in zip(chains, again, strict=True)
        ]


class Config(BaseModel):
    """A family, the nets that it is held against, and how.

    Attributes
    ----------
    targets
        The family.
    exemplars
        ``trained``: two nets of the exemplary depth, trained on the whole pool. ``random labels``:
        two that learned labels in random order, of as many samples as the second of the family's
        numbers. ``copies``: the target itself, twice.
    exemplar_depth
        Their depth, as in `component_targets.Config`.
    depths
        Only the targets of these depths are looked at.
    settings
        Of the shared features.
    chain, second
        Of the two chains of students.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    targets: component_targets.Config
    exemplars: Exemplars = "trained"
    exemplar_depth: int
    depths: tuple[int, ...]
    settings: sharing.Settings
    chain: Settings
    second: Settings


data_source, data_fingerprint = data_of(component_targets, "targets")


def point_of(
    chain: component_orders.Config,
    second: component_orders.Config,
    *,
    exemplar_depth: int,
    inverse_steps: int,
) -> Config:
    """All targets of a family, held against trained nets; students as those of the chain."""
    students = chain.settings
    return Config(
        targets=chain.targets,
        exemplar_depth=exemplar_depth,
        depths=chain.targets.depths,
        settings=sharing.Settings(
            orders=students.orders,
            width=students.width,
            budget=students.budget,
            inverse_steps=inverse_steps,
            dtype=students.dtype,
        ),
        chain=students,
        second=second.settings,
    )


def exemplars(config: Config) -> list[component_targets.Config]:
    """The exemplary nets, families of one; none where the target is its own."""
    if config.exemplars == "copies":
        return []
    targets, random = config.targets, config.exemplars == "random labels"
    change = {
        "depths": (config.exemplar_depth,),
        # Many random labels are not learned at all, few are: by then a net has learned something.
        "samples": (targets.samples[1] if random else targets.data.pool,),
        "labels": "random" if random else "true",
    }
    first = FIRST_EXEMPLAR + EXEMPLARS * targets.seed
    return [
        targets.model_copy(update=change | {"seed": first + number}) for number in range(EXEMPLARS)
    ]


def needs(config: Config) -> list[tuple[ModuleType, BaseModel]]:
    """The family, both chains, and the exemplary nets."""
    return [
        *component_orders.family_and_chains(config.targets, [config.chain, config.second]),
        *((component_targets, exemplar) for exemplar in exemplars(config)),
    ]


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    return work(config.targets.data, len(_members(config)), config.chain)


def _members(config: Config) -> list[int]:
    """Places in the family of the targets that are looked at."""
    return [i for i, (depth, _) in enumerate(config.targets.designs) if depth in config.depths]


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Measure what is reliable of each order.

    Parameters
    ----------
    given
        The results of `needs`.

    Returns
    -------
    Result
        What `sharing.share` gives, and for L orders and m targets the arrays: ``reliability`` and
        ``component`` (methods, cycles, L, m), variance of the reliable output over that of the
        plain one, Phi, and the same of components; ``unreliable`` (L, m), variance of what the
        reliable output leaves of Phi, over that of Phi; ``angle`` (L, m), cosine between the two
        parts; ``signal`` and ``reliable_signal`` (L, m), covariance of a component of the first
        chain with that of the second, and with the reliable one, over the variance of the feature;
        ``signal_ends`` and ``reliable_ends`` (2, m), the same of two components, the lowest order
        and all orders above it together. Metric ``exemplars``: as their families describe them.
    """
    family, chain, second, *others = given
    targets, members = config.targets, _members(config)
    found = share(
        family,
        others or None,
        targets.data,
        config.settings,
        ("trained", targets.labels, targets.data.name, targets.seed),
        members=members,
        scratch=scratch,
    )
    features = family.arrays["test"][members]
    plain = chain.arrays["test"][:, members]
    again = second.arrays["test"][:, members]
    parts = [
        _beside(*each)
        for each in zip(
            *(np.moveaxis(outputs, 1, 0) for outputs in (plain, again, found.arrays["reliable"])),
            features,
            strict=True,
        )
    ]
    arrays = {name: np.stack([part[name] for part in parts], axis=-1) for name in parts[0]}
    whole, own = arrays.pop("whole"), arrays.pop("own")
    arrays["reliability"] = found.arrays["numerator"] / whole
    arrays["component"] = found.arrays["component_numerator"] / own
    metrics = {"exemplars": [net for other in others for net in other.metrics["targets"]]}
    return Result(metrics=found.metrics | metrics, arrays=found.arrays | arrays)


def _beside(
    plain: NDArray, again: NDArray, reliable: NDArray, feature: NDArray
) -> dict[str, NDArray[np.float64]]:
    """One target's outputs (L, T, ...) beside each other: a number an order."""
    rest, ends = plain - reliable, [0, -1]
    return {
        "whole": np.array([variance(output) for output in plain]),
        "own": np.array([variance(part) for part in components(plain)]),
        "unreliable": np.array(
            [variance(left) / variance(output) for left, output in zip(rest, plain, strict=True)]
        ),
        "angle": np.array([cosine(a, b) for a, b in zip(reliable, rest, strict=True)]),
        "signal": shared_significance(plain, again, feature),
        "reliable_signal": shared_significance(plain, reliable, feature),
        "signal_ends": shared_significance(plain[ends], again[ends], feature),
        "reliable_ends": shared_significance(plain[ends], reliable[ends], feature),
    }

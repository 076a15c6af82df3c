"""The feature components of trained nets: a chain of students for each family.

A point is one chain: the students of all orders for all nets of a family.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

from pydantic import BaseModel, ConfigDict

from strata.experiments import component_targets
from strata.experiments.disentangling import Settings, cold, disentangle, work
from strata.experiments.resting import data_of
from strata.runs.result import Result


class Config(BaseModel):
    """A family of trained nets, and how their features are taken apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    targets: component_targets.Config
    settings: Settings


data_source, data_fingerprint = data_of(component_targets, "targets")


def family_and_chains(
    targets: component_targets.Config, chains: Iterable[Settings]
) -> list[tuple[ModuleType, BaseModel]]:
    """What a point needs that measures a family and chains of its students."""
    found = [Config(targets=targets, settings=settings) for settings in chains]
    return [(component_targets, targets), *((sys.modules[__name__], chain) for chain in found)]


def needs(config: Config) -> list[tuple[ModuleType, BaseModel]]:
    """The family, and for a continued chain the cold one."""
    continued = config.settings.start == "continued"
    return family_and_chains(config.targets, [cold(config.settings)] if continued else [])


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    return work(config.targets.data, len(config.targets.designs), config.settings)


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Compute a chain; see `strata.experiments.disentangling` for its format."""
    family, *chain = given
    targets = config.targets
    return disentangle(
        family,
        targets.data,
        config.settings,
        ("trained", targets.labels, targets.data.name, targets.seed),
        previous=chain[0] if chain else None,
        scratch=scratch,
    )

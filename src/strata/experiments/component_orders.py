"""The feature components of trained nets: a chain of students for each family.

A point is one chain: the students of all orders for all nets of a family.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from pydantic import BaseModel, ConfigDict

from strata.experiments import component_targets
from strata.experiments.disentangling import Settings, cold, disentangle, work
from strata.runs.result import Result


class Config(BaseModel):
    """A family of trained nets, and how their features are taken apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    targets: component_targets.Config
    settings: Settings


def needs(config: Config) -> list[tuple[ModuleType, BaseModel]]:
    """The family, and for a continued chain the cold one."""
    needed: list[tuple[ModuleType, BaseModel]] = [(component_targets, config.targets)]
    if config.settings.start == "continued":
        start = config.model_copy(update={"settings": cold(config.settings)})
        needed.append((sys.modules[__name__], start))
    return needed


def data_source(config: Config) -> str:
    """What a page calls the data."""
    return component_targets.data_source(config.targets)


def data_fingerprint(config: Config) -> str:
    """Fingerprint of pool and test images."""
    return component_targets.data_fingerprint(config.targets)


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

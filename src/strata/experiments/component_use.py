"""What the components of a feature are good for: their effect on the loss, and doing without some.

Takes a family of nets (`strata.experiments.component_targets`) and chains of students of it: a cold
one that saw the feature of the whole pool, another that saw only the nets' own samples, and, of
dense nets, a warm one of the pool, which is the study's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from types import ModuleType

import numpy as np
from pydantic import BaseModel, ConfigDict

from strata.experiments import component_orders, component_parameters, component_targets
from strata.experiments.component_effects import effects, replaced
from strata.experiments.disentangling import Settings
from strata.experiments.resting import data_of
from strata.runs.result import Result

STUDENTS = ("", "_own", "_warm")
"""Endings of names: cold students of the pool, of the own samples, and warm ones of the pool."""
TAKEN_APART = ("", "_warm")
"""Those of the pool, whose components are looked at."""


class Parameters(component_parameters.Parameters):
    """What the chapter's notebook can be given, with the allowed ranges."""

    def points(self) -> list[Config]:
        """One point for each family: data sets of vectors, judged ones first, then images."""
        full = [*self.chains(), *self.image_chains()]
        own = [*self.chains(pool="own"), *self.image_chains(pool="own")]
        warm = [chain.settings for chain in self.chains(start="warm")]
        return [
            Config(targets=first.targets, settings=first.settings, own=second.settings, warm=third)
            for first, second, third in zip_longest(full, own, warm)
        ]


class Config(BaseModel):
    """A family, and two or three chains of its students.

    Attributes
    ----------
    targets
        The family.
    settings
        Of the cold students that saw the pool.
    own
        Of those that saw the samples of their own net alone.
    warm
        Of warm students that saw the pool, if there are any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    targets: component_targets.Config
    settings: Settings
    own: Settings
    warm: Settings | None = None


data_source, data_fingerprint = data_of(component_targets, "targets")


def needs(config: Config) -> list[tuple[ModuleType, BaseModel]]:
    """The family and the chains."""
    chains = [settings for settings in (config.settings, config.own, config.warm) if settings]
    return component_orders.family_and_chains(config.targets, chains)


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    rows = sum(n + config.targets.data.test for _, n in config.targets.designs)
    return float(rows * 2 ** len(config.settings.orders))


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Measure what components are good for.

    Parameters
    ----------
    given
        The results of `needs`.

    Returns
    -------
    Result
        Arrays, with the endings of `STUDENTS`: those of `component_effects.replaced`, and
        ``residual`` (m, L), the share of the feature's variance on the test images that the
        student leaves; for students of the pool those of `component_effects.effects` too.
        Metrics: ``targets`` of the family.
    """
    family, *chains = given
    data = config.targets.data
    arrays = {}
    for kind, chain in zip(STUDENTS, chains, strict=False):
        if kind in TAKEN_APART:
            found = effects(family, chain, data)
            arrays |= {f"{name}{kind}": values for name, values in found.items()}
        scores = replaced(family, chain, data)
        arrays |= {f"{name}{kind}": scores[name] for name in ("accuracy", "loss")}
        arrays |= {name: scores[name] for name in ("net_accuracy", "net_loss")}
        arrays[f"residual{kind}"] = np.array(chain.metrics["residual_test"]).T
    return Result(metrics={"targets": family.metrics["targets"]}, arrays=arrays)

"""Trained nets, and what compression and distillation make of them, taken apart alike.

A point is one family of trained nets and, where they are asked for, its variants
(`strata.experiments.component_variants`). The trained nets come with the chains and the reliable
parts that other chapters made of them; of the variants everything is made here, by the same
settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from strata.experiments import (
    component_orders,
    component_parameters,
    component_reliability,
    component_targets,
    component_variants,
)
from strata.experiments.component_data import Data
from strata.experiments.component_effects import effects
from strata.experiments.component_variants import VARIANTS
from strata.experiments.cycling import CYCLES, MAIN
from strata.experiments.disentangling import disentangle, work
from strata.experiments.resting import data_of
from strata.experiments.sharing import share
from strata.measures.components import seed_floor, shared_significance, significance, variance
from strata.nets.compression import MOST_BITS
from strata.runs.result import Result

STUDENTS_SEED = 2
"""Of distilled nets; 0 and 1 are those of the chains that take nets apart."""

EFFECTS = ("effectiveness", "phi_train", "phi_test")
CURVES = (
    "significance",
    "shared",
    "floor",
    "continued",
    "reliability",
    "direct",
    "reliable",
    "unreliable",
    *EFFECTS,
    *(f"{name}_centred" for name in EFFECTS),
)
"""Arrays of a point, with a row for each net and a column for each order; see `run`."""


class Parameters(component_parameters.Parameters):
    """What the chapter's notebook can be given, with the allowed ranges.

    The nets of ``compressed_depth`` on the first data set are compressed, to one weight in
    ``rate``, in ``rounds`` of ``retrain_steps`` updates; the one with ``compressed_samples`` is
    also distilled, by students of ``student_order`` and of the highest order. ``inverse_steps`` as
    in the chapter on reliability, whose points are used.
    """

    inverse_steps: int = Field(ge=10)
    compressed_depth: int
    compressed_samples: int
    rate: float = Field(ge=1, le=1000)
    rounds: int = Field(ge=1, le=1000)
    retrain_steps: int = Field(ge=1)
    bits: int = Field(ge=2, le=MOST_BITS)
    head_bits: int = Field(ge=2, le=MOST_BITS)
    student_order: int

    @model_validator(mode="after")
    def _of_the_design(self) -> Parameters:
        if self.compressed_depth not in self.depths:
            raise ValueError(f"compressed_depth must be one of {self.depths}")
        if self.compressed_samples not in self.samples:
            raise ValueError(f"compressed_samples must be one of {self.samples}")
        if self.student_order not in self.orders[:-1]:
            raise ValueError(f"student_order must be one of {self.orders[:-1]}")
        return self

    def points(self) -> list[Config]:
        """One point for each family; those that are judged, with variants, come first."""
        pairs = zip(self.chains(), self.chains(seed=1), strict=True)
        return [self._point(chain, second) for chain, second in pairs]

    def _point(self, chain: component_orders.Config, second: component_orders.Config) -> Config:
        reliability = component_reliability.point_of(
            chain, second, exemplar_depth=max(self.depths), inverse_steps=self.inverse_steps
        )
        judged = chain.targets.data.name == self.data[0]
        variants = self._variants(chain) if judged else None
        return Config(reliability=reliability, variants=variants)

    def _variants(self, chain: component_orders.Config) -> component_variants.Config:
        orders = (self.student_order, self.orders[-1])
        return component_variants.Config(
            targets=chain.targets,
            depth=self.compressed_depth,
            samples=self.compressed_samples,
            rate=self.rate,
            rounds=self.rounds,
            retraining=self.budget(self.retrain_steps),
            bits=self.bits,
            head_bits=self.head_bits,
            students=chain.settings.model_copy(update={"orders": orders, "seed": STUDENTS_SEED}),
        )


class Config(BaseModel):
    """A family of trained nets, and what is made of it.

    Attributes
    ----------
    reliability
        The family, its two cold chains, and what it shares with exemplary nets.
    variants
        None: the trained nets alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reliability: component_reliability.Config
    variants: component_variants.Config | None = None


data_source, data_fingerprint = data_of(component_targets, "reliability.targets")


def needs(config: Config) -> list[tuple[ModuleType, BaseModel]]:
    """The family, its three chains and its reliable parts; its variants, and exemplary nets."""
    settings = config.reliability
    continued = settings.chain.model_copy(update={"start": "continued"})
    chains = [settings.chain, settings.second, continued]
    needed = [
        *component_orders.family_and_chains(settings.targets, chains),
        (component_reliability, settings),
    ]
    if config.variants:
        needed.append((component_variants, config.variants))
        exemplars = component_reliability.exemplars(settings)
        needed += [(component_targets, exemplar) for exemplar in exemplars]
    return needed


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    settings = config.reliability
    made = 2 * len(config.variants.sources) + len(VARIANTS) if config.variants else 0
    return work(settings.targets.data, made, settings.chain) + len(settings.targets.designs)


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Measure a family of trained nets and its variants.

    Parameters
    ----------
    given
        The results of `needs`.

    Returns
    -------
    Result
        Arrays `CURVES` (nets, L), the trained nets first, on test samples. ``significance`` of the
        first chain; ``shared`` by both chains; ``floor`` between their outputs; ``continued``, what
        students of the first chain change by when they are trained as long again; these over the
        variance of the feature, the last three NaN where a net has no such chain. ``reliability``
        of the outputs, after as many cycles as the study's code has; ``direct``, after none.
        ``reliable`` and ``unreliable``, significance of the components of either part of the
        outputs. The rest is of `component_effects.effects`. Metrics: ``orders``; ``targets``, as
        the families have them, with ``variant`` "original" for the trained nets, ``scale``, the
        feature's standard deviation on test samples, and ``head``, the norm of the head's weights.
    """
    family, first, second, continued, parts, *made = given
    settings, data = config.reliability, config.reliability.targets.data
    curves = [_curves(family, first, parts, data, second, continued)]
    targets = [net | {"variant": "original", "rate": 1.0} for net in family.metrics["targets"]]
    if config.variants:
        variants, *exemplars = made
        names = ("variants", data.name, settings.targets.seed)
        main = _first(variants, len(VARIANTS))
        chains = [
            disentangle(nets, data, chain, names)
            for nets, chain in ((variants, settings.chain), (main, settings.second))
        ]
        shared = share(variants, exemplars, data, settings.settings, names, methods=[MAIN])
        curves.append(_curves(variants, chains[0], shared, data, chains[1]))
        targets += variants.metrics["targets"]
    arrays = {name: np.concatenate([each[name] for each in curves]) for name in CURVES}
    scales = [scale for nets in (family, *made[:1]) for scale in _scales(nets)]
    targets = [net | scale for net, scale in zip(targets, scales, strict=True)]
    metrics = {"orders": list(settings.chain.orders), "targets": targets}
    return Result(metrics=metrics, arrays=arrays)


def _scales(family: Result) -> list[dict[str, float]]:
    """What the loss depends on beside the shape of the feature, for each net of a family."""
    pairs = zip(family.arrays["test"], family.arrays["head_weight"], strict=True)
    return [
        {"scale": float(np.sqrt(variance(feature))), "head": float(np.linalg.norm(weight))}
        for feature, weight in pairs
    ]


def _first(family: Result, count: int) -> Result:
    """The first nets of a family, as far as they are needed to be taken apart."""
    arrays = {name: family.arrays[name][:count] for name in ("pool", "test")}
    return Result(arrays=arrays | {f"own_{i}": family.arrays[f"own_{i}"] for i in range(count)})


def _curves(
    family: Result,
    chain: Result,
    parts: Result,
    data: Data,
    second: Result,
    continued: Result | None = None,
) -> dict[str, NDArray[np.float64]]:
    """`CURVES` of the nets of a family, of the first of which alone there is a second chain."""
    worth = effects(family, chain, data)
    found = {name: worth[name] for name in CURVES if name in worth}
    rows = []
    for i, feature in enumerate(family.arrays["test"]):
        outputs, reliable = chain.arrays["test"][:, i], parts.arrays["reliable"][:, i]
        whole = np.array([variance(output) for output in outputs])
        direct = parts.arrays["numerator"][0, CYCLES.index(0), :, i]
        nothing = np.full(len(outputs), np.nan)
        row = {
            "significance": significance(outputs, feature),
            "reliability": np.array([variance(output) for output in reliable]) / whole,
            "direct": direct / whole,
            "reliable": significance(reliable, feature),
            "unreliable": significance(outputs - reliable, feature),
            "shared": nothing,
            "floor": nothing,
            "continued": nothing,
        }
        if i < second.arrays["test"].shape[1]:
            again = second.arrays["test"][:, i]
            row["shared"] = shared_significance(outputs, again, feature)
            row["floor"] = seed_floor(outputs, again, feature)
        if continued is not None:
            row["continued"] = seed_floor(outputs, continued.arrays["test"][:, i], feature)
        rows.append(row)
    return found | {name: np.stack([row[name] for row in rows]) for name in rows[0]}

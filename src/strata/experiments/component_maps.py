"""What the components of image features look like: shapes, or noise?

Spatial statistics of the maps of one family of image nets, order by order, beside those of maps
that hold noise of training alone, and of the part of a component that two students agree on. From
all maps their mean over images is taken off, which variances do not see either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from strata.experiments import (
    component_orders,
    component_parameters,
    component_significance,
)
from strata.experiments.resting import data_of
from strata.measures.components import components
from strata.measures.spatial import high_frequency_share, lag_one_autocorrelation, phase_shuffled
from strata.runs.result import Result
from strata.seeding import numpy_generator

Maps = NDArray[np.float32]
Matrix = NDArray[np.float64]

STATISTICS: dict[str, Callable[[NDArray], float]] = {
    "lag": lag_one_autocorrelation,
    "high": high_frequency_share,
}
"""Both are ratios to `power`, the variance of the maps over their places."""


class Parameters(component_parameters.Parameters):
    """What the chapter's notebook can be given, with the allowed ranges.

    ``shown_images`` are those whose maps are kept.
    """

    shown_images: int = Field(ge=1, le=20)

    def points(self) -> list[Config]:
        """One point for each family of image nets."""
        return [Config(chain=chain, shown=self.shown_images) for chain in self.image_chains()]


class Config(BaseModel):
    """A cold chain of image nets, and how many of its maps are kept to be shown.

    Attributes
    ----------
    chain
        The first of the two cold chains, as in `component_significance`.
    shown
        Test images whose maps are kept, of the last net of the family.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    chain: component_orders.Config
    shown: int


data_source, data_fingerprint = data_of(component_orders, "chain")


def needs(config: Config) -> list[tuple[ModuleType, BaseModel]]:
    """The family and its two cold chains."""
    return component_significance.needs(component_significance.Config(chain=config.chain))


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    targets = config.chain.targets
    orders = len(config.chain.settings.orders)
    return float(len(targets.designs) * orders * targets.feature * targets.data.test)


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Measure the maps of a family.

    Parameters
    ----------
    given
        The results of `needs`.

    Returns
    -------
    Result
        For m nets and L orders, with the prefix ``lag_`` for the correlation of neighbours and
        ``high_`` for the share of high frequencies: ``component`` (m, L), mean of the two chains;
        ``noise`` (m, L) of the difference of the two students of an order; ``shared`` (m, L) of the
        part of a component that the chains agree on, and its ``power_shared`` (m, L), by which it
        is to be weighted, since it can be near 0; ``phase`` (m, L) of components with shuffled
        phases; ``feature`` and ``rest`` (m,), of the feature and of what the highest order leaves.
        Of the last net, in the channel of the feature that varies most, for the first images:
        ``shown_feature`` and ``shown_rest`` (shown, s, s), ``shown_component``, ``shown_output``
        and ``shown_noise`` (shown, L, s, s). Metrics: ``orders`` and ``targets``.
    """
    family, *chains = given
    features = family.arrays["test"]
    outputs = [chain.arrays["test"] for chain in chains]
    targets = config.chain.targets
    rng = numpy_generator("component-maps", targets.data.name, targets.seed, *targets.depths)
    rows = [
        _of_net(feature, *(chain[:, i] for chain in outputs), rng)
        for i, feature in enumerate(features)
    ]
    arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    arrays |= _shown(features[-1], *(chain[:, -1] for chain in outputs), config.shown)
    return Result(
        metrics={"orders": chains[0].metrics["orders"], "targets": family.metrics["targets"]},
        arrays=arrays,
    )


def power(maps: NDArray) -> float:
    """Variance of maps (n, c, h, w) over their places, mean over maps."""
    return float(maps.astype(np.float64).var(axis=(2, 3)).mean())


def shared_statistic(
    statistic: Callable[[NDArray], float], a: NDArray, b: NDArray
) -> tuple[float, float]:
    """A spatial statistic of what two sets of maps have in common, and its power.

    The statistic is Q / power with Q quadratic in the maps. So Q of the common part, without the
    noise that each set has of its own, is (Q(a) + Q(b) - Q(a - b)) / 2, and its power likewise. The
    power can come out near 0 or below: then the ratio means nothing.
    """
    sizes = [power(maps) for maps in (a, b, a - b)]
    sums = [statistic(maps) * size for maps, size in zip((a, b, a - b), sizes, strict=True)]
    own = (sizes[0] + sizes[1] - sizes[2]) / 2
    return (sums[0] + sums[1] - sums[2]) / 2 / own, own


def _of_net(
    feature: Maps, first: Maps, second: Maps, rng: np.random.Generator
) -> dict[str, Matrix]:
    """All numbers of one net: its feature (n, c, h, w) and two chains (L, n, c, h, w)."""
    chains = [_without_mean(components(chain)) for chain in (first, second)]
    noise = _without_mean(first - second)
    shuffled = [phase_shuffled(part, rng) for part in chains[0]]
    whole, rest = (_without_mean(maps) for maps in (feature, feature - first[-1]))
    found: dict[str, Matrix] = {}
    for name, statistic in STATISTICS.items():
        both = [[statistic(part) for part in chain] for chain in chains]
        agreed = [shared_statistic(statistic, a, b) for a, b in zip(*chains, strict=True)]
        found[f"{name}_component"] = np.mean(both, axis=0)
        found[f"{name}_noise"] = np.array([statistic(part) for part in noise])
        found[f"{name}_shared"] = np.array([value for value, _ in agreed])
        found["power_shared"] = np.array([size for _, size in agreed])
        found[f"{name}_phase"] = np.array([statistic(part) for part in shuffled])
        found[f"{name}_feature"] = np.array(statistic(whole))
        found[f"{name}_rest"] = np.array(statistic(rest))
    return found


def _without_mean(maps: NDArray) -> NDArray:
    """Maps (..., n, c, h, w) less their mean over images."""
    return maps - maps.mean(axis=-4, keepdims=True)


def _shown(feature: Maps, first: Maps, second: Maps, count: int) -> dict[str, Maps]:
    channel = int(feature.var(axis=0).mean(axis=(1, 2)).argmax())

    def cut(maps: NDArray) -> Maps:
        # Images first, then orders where there are some.
        chosen = _without_mean(maps)[..., :count, channel, :, :]
        return np.moveaxis(chosen, -3, 0).astype(np.float32)

    return {
        "shown_feature": cut(feature),
        "shown_rest": cut(feature - first[-1]),
        "shown_component": cut(components(first)),
        "shown_output": cut(first),
        "shown_noise": cut(first - second),
    }

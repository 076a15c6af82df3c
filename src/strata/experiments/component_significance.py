"""How much of a feature each complexity order holds, and how much of that is noise of training.

Takes the chains of one family: two cold ones whose students differ in nothing but their seed, and
perhaps two warm ones, as the authors train them, and the cold students trained on. All numbers are
of held-out images. Averages are left to `strata.experiments.component_significance_claims`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from strata.experiments import component_orders, component_parameters
from strata.experiments.component_data import VectorName
from strata.experiments.resting import data_of
from strata.measures.components import (
    components,
    cosine,
    residuals,
    seed_floor,
    shared_significance,
    significance,
)
from strata.runs.result import Result

Matrix = NDArray[np.float64]
Control = Literal["warm", "continued"]

CHAINS = (0, 1)
"""Seeds of the students of the two cold chains, and of the two warm ones."""
WARM = "warm_"
"""Before the names of arrays of the warm chains."""
OF_ONE_CHAIN = ("significance", "whole", "residual", "residual_pool", "cosines", "rest")
"""Arrays with the two chains in front; the others have the nets in front."""


class Parameters(component_parameters.Parameters):
    """What the chapter's notebook can be given, with the allowed ranges.

    ``warm_data`` are the data sets with warm chains, ``image_control_depths`` the image nets whose
    students are trained on as those of all dense nets are.
    """

    warm_data: list[VectorName]
    image_control_depths: list[int]

    def points(self) -> list[Config]:
        """One point for each family, dense nets first."""
        controls = [(chain, self._controls(chain)) for chain in self.chains()]
        for chain in self.image_chains():
            followed = chain.targets.depths[0] in self.image_control_depths
            controls.append((chain, ("continued",) if followed else ()))
        return [Config(chain=chain, controls=found) for chain, found in controls]

    def _controls(self, chain: component_orders.Config) -> tuple[Control, ...]:
        both = chain.targets.data.name in self.warm_data
        return ("warm", "continued") if both else ("continued",)


class Config(BaseModel):
    """A cold chain, and what it is held against.

    Attributes
    ----------
    chain
        The first cold chain; the second differs in the seed of its students.
    controls
        ``warm``: two chains of the authors' kind. ``continued``: the students of the first cold
        chain, trained as long again at their own order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    chain: component_orders.Config
    controls: tuple[Control, ...] = ()


data_source, data_fingerprint = data_of(component_orders, "chain")


def needs(config: Config) -> list[tuple[ModuleType, BaseModel]]:
    """The family, its two cold chains, and the chains of the controls, the warm ones first."""
    changes: list[dict[str, object]] = [{"seed": seed} for seed in CHAINS]
    if "warm" in config.controls:
        changes += [{"seed": seed, "start": "warm"} for seed in CHAINS]
    if "continued" in config.controls:
        changes.append({"seed": CHAINS[0], "start": "continued"})
    chains = [config.chain.settings.model_copy(update=change) for change in changes]
    return component_orders.family_and_chains(config.chain.targets, chains)


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    targets = config.chain.targets
    chains = len(needs(config)) - 1
    orders = len(config.chain.settings.orders)
    return float(chains * len(targets.designs) * orders**2 * targets.feature)


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Measure the components of a family.

    Parameters
    ----------
    given
        The results of `needs`.

    Returns
    -------
    Result
        Arrays, for m nets, L orders and the two cold chains in front: ``significance`` and
        ``whole``, the share of variance of each component and of each output; ``residual`` and
        ``residual_pool``, what is left of the feature on held-out images and on the pool that the
        students saw, all (2, m, L); ``cosines`` (2, m, L + 1, L + 1) of the components and, in the
        last place, of what all of them leave; ``rest`` (2, m, L), the cosine of each output and
        what it leaves. Of the two together, (m, L): ``shared`` and ``shared_whole``, the covariance
        of their components and of their outputs; ``floor``, the variance of the difference of their
        outputs. The same of the warm chains, after `WARM`. Of the students that were trained on,
        (m, L): ``continued_change``, the variance of what they changed by, and
        ``continued_residual``. All variances are shares of the feature's. Metrics: ``orders``, and
        ``targets`` as the family has them.
    """
    family, *chains = given
    features = family.arrays["test"]
    count = len(CHAINS)
    arrays = _pair(features, chains[:count])
    if "warm" in config.controls:
        warm = _pair(features, chains[count : 2 * count])
        arrays |= {WARM + name: array for name, array in warm.items()}
    if "continued" in config.controls:
        arrays |= _continued(features, chains[0], chains[-1])
    return Result(
        metrics={"orders": chains[0].metrics["orders"], "targets": family.metrics["targets"]},
        arrays=arrays,
    )


def of_net(arrays: Mapping[str, Matrix], i: int) -> dict[str, Matrix]:
    """The arrays of net i alone."""
    paired = {name for name in arrays if name.removeprefix(WARM) in OF_ONE_CHAIN}
    return {name: a[:, i] if name in paired else a[i] for name, a in arrays.items()}


def _pair(features: NDArray, chains: Sequence[Result]) -> dict[str, Matrix]:
    """What two chains of one kind say of all nets."""
    outputs = [chain.arrays["test"] for chain in chains]
    rows = [_measured(z, [chain[:, i] for chain in outputs]) for i, z in enumerate(features)]
    arrays = {
        name: np.stack([row[name] for row in rows], axis=1 if name in OF_ONE_CHAIN else 0)
        for name in rows[0]
    }
    seen = [np.array(chain.metrics["residual_pool"]).T for chain in chains]
    return arrays | {"residual_pool": np.stack(seen)}


def _continued(features: NDArray, cold: Result, continued: Result) -> dict[str, Matrix]:
    before, after = (chain.arrays["test"] for chain in (cold, continued))
    change = [seed_floor(before[:, i], after[:, i], z) for i, z in enumerate(features)]
    left = [residuals(after[:, i], z) for i, z in enumerate(features)]
    return {"continued_change": np.stack(change), "continued_residual": np.stack(left)}


def _measured(feature: NDArray, chains: Sequence[NDArray]) -> dict[str, Matrix]:
    """What two chains (L, n, ...) of one net say, each alone and both together."""
    first, second = chains
    return {
        "significance": np.stack([significance(chain, feature) for chain in chains]),
        "whole": np.stack([_each(significance, feature, chain) for chain in chains]),
        "residual": np.stack([residuals(chain, feature) for chain in chains]),
        "cosines": np.stack([_cosines(chain, feature) for chain in chains]),
        "rest": np.stack(
            [np.array([cosine(output, feature - output) for output in chain]) for chain in chains]
        ),
        "shared": shared_significance(first, second, feature),
        "shared_whole": _each(shared_significance, feature, first, second),
        "floor": seed_floor(first, second, feature),
    }


def _each(measure: Callable[..., Matrix], feature: NDArray, *chains: NDArray) -> Matrix:
    """Apply a measure of components to each output, as if it were the only one."""
    return np.concatenate(
        [measure(*outputs, feature) for outputs in zip(*(c[:, None] for c in chains), strict=True)]
    )


def _cosines(chain: NDArray, feature: NDArray) -> Matrix:
    parts = [*components(chain), feature - chain[-1]]
    return np.array([[cosine(a, b) for b in parts] for a in parts])

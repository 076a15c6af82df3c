"""Made-up nets whose features hold known shares of each order, with known noise of training."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from component_nets import PARAMETERS

from strata.experiments import component_maps, component_significance

ORDERS = np.array([1, 2, 4, 7, 13])
DEPTHS, SAMPLES, SEEDS = (4, 8, 16), (50, 150, 450, 1200), range(5)
FALLING = np.array([0.7, 0.1, 0.05, 0.03, 0.02])

Shares = Callable[[int, int], np.ndarray]


CONTROLS = {"warm_data": ["manifold"], "image_control_depths": [8]}


def parameters(**changes: object) -> component_significance.Parameters:
    """What the chapter can be given, tiny."""
    return component_significance.Parameters(**PARAMETERS | CONTROLS | changes)


def map_parameters(**changes: object) -> component_maps.Parameters:
    """The same for the maps."""
    return component_maps.Parameters(**PARAMETERS | {"shown_images": 2} | changes)


def shifted(amount: float) -> np.ndarray:
    """`FALLING` with so much of the lowest order moved to the highest."""
    return FALLING + amount * np.array([-1, 0, 0, 0, 1])


def nets(
    shares: Shares = lambda depth, samples: FALLING,
    *,
    noise: float = 0.002,
    change: float = 0.02,
    jitter: float = 0.001,
    data: str = "made up",
) -> pd.DataFrame:
    """Nets whose significance is their shares and the noise of two students, a row each.

    ``noise`` is the variance of the noise of a student, as a share of the feature's; ``change``
    that of what training on does, a quarter of which is a gain. The warm chains are like the cold
    ones.
    """
    rng = np.random.default_rng(0)
    rows = []
    for seed in SEEDS:
        for depth in DEPTHS:
            for samples in SAMPLES:
                chains = [
                    {prefix + name: values for name, values in chain.items()}
                    for prefix in ("", "warm_")
                    for chain in [_pair(shares(depth, samples), noise, jitter, rng)]
                ]
                place = {"data": data, "seed": seed, "depth": depth, "samples": samples}
                place |= {"test_accuracy": 0.5, "orders": ORDERS}
                on = {
                    "continued_change": np.full(len(ORDERS), change),
                    "continued_residual": chains[0]["residual"][0] - change / 4,
                }
                rows.append(
                    place | {"test_accuracy": 0.5, "orders": ORDERS} | on | chains[0] | chains[1]
                )
    return pd.DataFrame(rows)


def _pair(
    shares: np.ndarray, noise: float, jitter: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """What two chains of independent students would be measured to be, with some error."""
    errors = jitter * rng.normal(size=(2, len(shares)))
    own = np.full(len(shares), noise)
    both = own + np.concatenate([[0], own[:-1]])
    gram = np.diag(shares + both) - np.diag(own[:-1], 1) - np.diag(own[:-1], -1)
    sizes = np.sqrt(np.diag(gram))
    return {
        "significance": shares + both + errors,
        "shared": shares + errors.mean(axis=0),
        "floor": 2 * own,
        "residual": np.tile(1 - np.cumsum(shares) + own, (2, 1)),
        "cosines": np.tile(gram / np.outer(sizes, sizes), (2, 1, 1)),
        "rest": np.tile(-own, (2, 1)),
    }

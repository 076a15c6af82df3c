"""Made-up tables of nets on core and spurious features, whose answers are known."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pandas as pd

STRENGTHS, AGREEMENTS, NOISE_DIMS = (0.01, 0.03, 0.1, 0.25, 1.0), (0.7, 0.9, 1.0), (20, 200)
DEPTHS, SEEDS = (1, 3, 6), range(6)
BUDGET = 2000
SPREAD = 0.01
CELLS = [(a, p, 0) for a in STRENGTHS for p in AGREEMENTS] + [
    (a, 0.9, n) for n in NOISE_DIMS for a in STRENGTHS
]


def nets(**changes: Callable[[SimpleNamespace], float | None]) -> pd.DataFrame:
    """Six seeds of every net; each column is a function of the net's place in the sweep.

    As they come, all but the nets at p = 1 learn the core, and nothing depends on depth.
    """
    shapes = {
        "conflicting": lambda net: 0.0 if net.agreement == 1 else 1.0,
        "conflicting_patience": lambda net: 1.0,
        "epochs_to_core": lambda net: 500.0,
        "transition": lambda net: 2.0,
    } | changes
    rows = [
        {"strength": a, "agreement": p, "noise_dims": n, "depth": depth, "seed": seed}
        for a, p, n in CELLS
        for depth in DEPTHS
        for seed in SEEDS
    ]
    table = pd.DataFrame(rows).assign(budget=BUDGET)
    places = [SimpleNamespace(**row) for row in rows]
    for name, shape in shapes.items():
        table[name] = [shape(net) for net in places]
    return table


def noisy(
    shape: Callable[[SimpleNamespace], float], size: float = SPREAD
) -> Callable[[SimpleNamespace], float]:
    """The same with some noise, so that intervals have a width."""
    rng = np.random.default_rng(0)
    return lambda net: shape(net) + size * rng.normal()


def later(slope: float) -> Callable[[SimpleNamespace], float]:
    """Transition layer by strength, 3 at strength 1; a line on the logarithmic axis."""
    return lambda net: 3.0 + slope * np.log10(net.strength)

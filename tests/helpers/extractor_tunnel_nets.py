"""Made-up tables of nets of growing depth, whose answers are known."""

import numpy as np
import pandas as pd

DEPTHS, SEEDS = (1, 2, 3, 4, 5, 8), range(6)
EXACT = ("transition", "block_start", "cka", "cka_init")


def hill(depth: int, top: int = 1) -> np.ndarray:
    """Ranks from 2 over 2.6 at one map down to 1 at the logits."""
    return np.interp(np.arange(depth + 1), [0, top, depth], [2.0, 2.6, 1.0])


def falling(depth: int) -> np.ndarray:
    return np.linspace(1.95, 1.0, depth + 1)


def level(depth: int) -> np.ndarray:
    """What the ranks of untrained nets look like: no fall before the logits."""
    return np.array([2.0, *[3.0] * (depth - 1), 1.2])


def similarities(depth: int, late: float, far: float = 0.5) -> np.ndarray:
    """CKA of input and maps: ``late`` within the last L // 2 maps, ``far`` everywhere else."""
    count = depth // 2
    cka = np.full((depth + 2, depth + 2), far)
    cka[depth + 2 - count :, depth + 2 - count :] = late
    np.fill_diagonal(cka, 1.0)
    return cka


def from_cut(depth: int, cut: int, before: float = 0.9, after: float = 0.98) -> np.ndarray:
    """Accuracy of a replacement: as good as the net, 0.98, from one cut on."""
    return np.where(np.arange(depth + 1) < cut, before, after)


def nets(**changes: object) -> pd.DataFrame:
    """Six seeds with small noise around a function of depth for every measured column."""
    shapes = {
        "covariance_ranks": lambda d: hill(d) if d >= 4 else falling(d),
        "covariance_ranks_init": level,
        "transition": lambda d: 1.0 if d >= 4 else 0.0,
        "block_start": lambda d: 1,
        "cka": lambda d: similarities(d, 0.97),
        "cka_init": lambda d: similarities(d, 0.7),
        "accuracy": lambda d: 0.98,
        "piped_fresh": lambda d: from_cut(d, 2),
        "probe": lambda d: from_cut(d, 1),
    } | changes
    rng = np.random.default_rng(0)
    rows = []
    for depth in DEPTHS:
        for seed in SEEDS:
            row = {"task": "t", "depth": depth, "seed": seed}
            for name, shape in shapes.items():
                value = shape(depth)
                if name in EXACT:
                    row[name] = value
                    continue
                value = np.asarray(value, dtype=float)
                value = value * (1 + 0.001 * rng.normal(size=value.shape))
                row[name] = value.tolist() if value.ndim else float(value)
            rows.append(row)
    return pd.DataFrame(rows).astype({"transition": float})


def halves(even: pd.DataFrame, odd: pd.DataFrame) -> pd.DataFrame:
    """One table with the even seeds of the first and the odd seeds of the second."""
    return pd.concat([even[even["seed"] % 2 == 0], odd[odd["seed"] % 2 == 1]])


def net(**values: object) -> pd.Series:
    """A row of a table, with what a function of one net reads."""
    return pd.Series(values)

"""Made-up tables of nets on hidden manifolds, whose answers are known."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pandas as pd

SEEDS = range(6)


def hill(depth: int, top: int, start: float, height: float, end: float) -> np.ndarray:
    """From the input over a peak at place ``top`` down to the logits."""
    places = np.arange(depth + 2)
    return np.interp(places, [0, top, depth + 1], [start, height, end])


def falling(depth: int, start: float = 1.0, end: float = 0.2) -> np.ndarray:
    """From the input down to the logits; straight, so that no inner map exceeds the input."""
    return np.linspace(start, end, depth + 2)


def level(depth: int, value: float) -> np.ndarray:
    """The same at the input and at every map."""
    return np.full(depth + 2, value)


def nets(
    teachers: Sequence[str] = ("even", "products"),
    depths: Sequence[int] = (4, 6),
    decoders: Sequence[str] = ("identity", "layers"),
    setting: str = "own",
    **columns: Callable[[int], np.ndarray | float],
) -> pd.DataFrame:
    """Six seeds of every set-up, with small noise around a function of depth for every column."""
    rng = np.random.default_rng(0)
    rows = []
    for teacher, decoder, depth, seed in product(teachers, decoders, depths, SEEDS):
        row = {
            "setting": setting,
            "teacher": teacher,
            "decoder": decoder,
            "activation": "relu",
            "depth": depth,
            "seed": seed,
            "setup": f"{teacher}, {decoder}, {depth}",
        }
        for name, shape in columns.items():
            value = np.asarray(shape(depth), dtype=float)
            value = value + 0.001 * rng.normal(size=value.shape)
            row[name] = value.tolist() if value.ndim else float(value)
        rows.append(row)
    return pd.DataFrame(rows)

"""A feature map of six features on a grid, with values, pictures and classes known by hand."""

from typing import Any

import numpy as np

from strata.atlas import FeatureMap

PLACES = np.array([[0.0, 0.0], [0.5, 0.0], [1.0, 0.0], [0.0, 1.0], [0.5, 1.0], [1.0, 1.0]])
NUMBERS = [10, 11, 12, 13, 14, 15]
VALUES = {
    "K": np.array([0.5, 0.1, 0.9, 0.3, 0.7, 0.2]),
    "importance": np.array([1.0, 10.0, 100.0, 1e3, 1e4, np.nan]),
}
CLASSES = ("owl", "fox", "elk", "bee", "cat")


def pictures(n: int = 12, side: int = 8) -> np.ndarray:
    """Images of one colour each."""
    colours = np.stack([20 * np.arange(n), 255 - 20 * np.arange(n), np.full(n, 90)], axis=1)
    return np.broadcast_to(colours[:, :, None, None], (n, 3, side, side)).astype(np.uint8)


def toy_codes(n: int = 12) -> np.ndarray:
    """Feature j is strongest on image j and fades over the next six images; 15 is dead."""
    away = (np.arange(n)[:, None] - np.arange(len(NUMBERS))) % n
    codes = np.clip(6.0 - away, 0, None)
    codes[:, -1] = 0
    return codes


def toy_map(**changes: Any) -> FeatureMap:
    """The map with everything on it."""
    given = {
        "places": PLACES,
        "values": VALUES,
        "by_rank": ["importance"],
        "numbers": NUMBERS,
        "codes": toy_codes(),
        "images": pictures(),
        "labels": np.arange(12) % len(CLASSES),
        "classes": CLASSES,
        "title": "Six features",
    }
    return FeatureMap(**(given | changes))

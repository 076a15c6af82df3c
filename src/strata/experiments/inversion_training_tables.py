"""Tables of reconstructions by nets of all kinds: a row an image, with all that is known of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strata.experiments import inversions
from strata.experiments.inversion_manifold import BASELINES, Config
from strata.measures.reconstruction import hf, hpcorr, mem, pearson
from strata.runs.result import Result

_LOOKS = tuple(
    space + suffix for space in ("pixels", "features") for suffix in ("", "_seen", "_unseen")
)

_STILL = 1e-6
"""Change of a pixel, over the image, up to which a search has not moved."""


def by_image(point: Config, made: Sequence[Result], looks: Result) -> pd.DataFrame:
    """What is known of each reconstruction of a seed.

    Parameters
    ----------
    point
        Of `inversion_manifold`.
    made
        The results of its reconstructions, in their order.
    looks
        Its own result.

    Returns
    -------
    DataFrame
        Columns ``seed``, ``kind``, ``stage``, ``method``, ``start`` and ``image`` (its number);
        ``judged``, false for photographs. Of the input: ``distance`` to the original, ``gray``, the
        distance of a gray image; ``correlation`` and ``detail`` (`reconstruction.hpcorr`);
        ``memory`` of the start; ``fine``, the share of high frequencies in what was added to the
        start, NaN where nothing was; ``start_share``, the part of its fine power that is the
        start's, NaN for a flat start. Of the embedding: ``embedding``, the distance to the
        original's, ``reference``, that of a noisy copy, and ``norm`` of the original's. ``rate``,
        the step size that
        was chosen, NaN for Adam. Distances to the nearest images as in
        `inversion_manifold.run`, and ``mixture``. ``own`` and ``other``: whether a judge gives it
        the class of its original; with ``_chance`` the probability of that class; with ``_wrong``
        the same for the other originals, on average.
    """
    found = []
    for place, (config, result) in enumerate(zip(point.made, made, strict=True)):
        arrays = result.arrays
        rebuilt, start = arrays["made"], arrays["start"]
        originals = inversions.originals(config).numpy()
        columns = {
            "distance": arrays["inputs"][:, -1],
            "gray": arrays["gray_input"],
            "correlation": pearson(rebuilt, originals),
            "detail": hpcorr(rebuilt, originals),
            "memory": mem(rebuilt, originals, start),
            "fine": _fine(rebuilt - start),
            "start_share": _start_share(rebuilt, start, flat=config.start == "gray"),
            "embedding": arrays["embedding"][:, -1],
            "reference": arrays["reference"],
            "norm": arrays["norm"],
            "rate": np.full(len(rebuilt), np.nan) if config.method == "adam" else arrays["rate"],
            "mixture": looks.arrays["mixture"][place],
            **_looks(looks, place, judged=config.net.images),
        }
        names = {
            "kind": config.net.kind,
            "stage": config.stage,
            "method": config.method,
            "start": config.start,
        }
        found.append(_rows(names, columns, config.net.seed, config.net.images))
    return pd.concat(found, ignore_index=True)


def baselines(point: Config, looks: Result) -> pd.DataFrame:
    """The same looks at images that no net made.

    Returns
    -------
    DataFrame
        Columns ``seed``, ``kind``, one of `BASELINES`, ``image``, ``judged``, and those of
        `by_image` that come from `inversion_manifold.run`.
    """
    net = point.natural
    found = [
        _rows(
            {"kind": kind},
            _looks(looks, len(point.made) + number, judged=net.images),
            net.seed,
            net.images,
        )
        for number, kind in enumerate(BASELINES)
    ]
    return pd.concat(found, ignore_index=True)


def _fine(added: NDArray) -> NDArray[np.float64]:
    """Share of fine waves in what was added; NaN for an image whose search did not move."""
    moved = np.ptp(added, axis=(2, 3)).max(axis=1) > _STILL
    found = np.full(len(added), np.nan)
    if moved.any():
        found[moved] = hf(added[moved])
    return found


def _start_share(rebuilt: NDArray, start: NDArray, *, flat: bool) -> NDArray[np.float64]:
    return np.full(len(rebuilt), np.nan) if flat else hpcorr(rebuilt, start) ** 2


def _rows(
    names: dict[str, str], columns: dict[str, NDArray], seed: int, judged: int
) -> pd.DataFrame:
    table = pd.DataFrame(columns)
    table.insert(0, "image", np.arange(len(table)))
    table.insert(1, "judged", table["image"] < judged)
    return table.assign(seed=seed, **names)


def _looks(looks: Result, place: int, judged: int) -> dict[str, NDArray]:
    """Columns of one group of images."""
    columns = {name: looks.arrays[name][place] for name in _LOOKS}
    for judge in ("own", "other"):
        chances = looks.arrays[judge]
        original = len(chances) - len(BASELINES) + BASELINES.index("original")
        classes = chances[original].argmax(axis=-1)
        said = np.eye(chances.shape[-1])[chances[place].argmax(axis=-1)]
        for name, values in ((judge, said), (f"{judge}_chance", chances[place])):
            columns[name], columns[f"{name}_wrong"] = agreement(values, classes, judged)
    return columns


def agreement(
    chances: NDArray[np.floating], classes: NDArray[np.int64], judged: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much a judge gives an image to the class of its original, and to those of wrong ones.

    Parameters
    ----------
    chances
        Of each class for each reconstruction (n, classes); 1 and 0 where a judge only says one.
    classes
        Of the originals (n,), in the same order.
    judged
        The first so many are compared with each other; photographs behind them with all of them.

    Returns
    -------
    right
        For the class of the image's own original (n,).
    wrong
        Mean over the other judged originals (n,). Where reconstructions say nothing of their
        originals, both have the same mean, whatever the judge prefers.

    Examples
    --------
    >>> chances = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1]])
    >>> [a.tolist() for a in agreement(chances, np.array([0, 1, 0]), 3)]
    [[0.9, 0.1, 0.9], [0.5, 0.9, 0.5]]
    """
    for_each = np.asarray(chances, dtype=np.float64)[:, classes]
    others = ~np.eye(len(classes), dtype=bool)[:, :judged]
    wrong = np.where(others, for_each[:, :judged], 0).sum(axis=1) / others.sum(axis=1)
    return np.diagonal(for_each).copy(), wrong

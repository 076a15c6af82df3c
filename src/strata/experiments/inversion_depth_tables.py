"""Tables of the chapter on reconstruction by depth: a row for each image that was inverted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from strata.experiments.inversion_depth import PAIRS, STARTS, Config
from strata.measures.reconstruction import inverted
from strata.runs.result import Result

NEAR = 0.25
"""Share of the distance to the nearest other image below which two embeddings are taken for one."""


def by_image(points: Sequence[Config], results: Sequence[Result]) -> pd.DataFrame:
    """Give every image, stage and method of every net a row.

    Returns
    -------
    DataFrame
        Place (``kind``, ``seed``, ``method``, ``stage``, its number ``place``, ``image``); whether
        the image is ``judged`` or a photograph. ``inputs`` and ``embedding``, distances to the
        original; ``reference``, ``reference_input``, ``nearest``, ``gray_input`` as
        `inversions.run` has them, and ``start``, the distance of the start. ``to_reference`` and
        ``to_nearest``, the distance of embeddings over these; ``reference_to_nearest``.
        ``inverted``. ``pearson``, ``hpcorr``, ``mem``. ``at_reference`` and ``at_nearest``: the
        distance of inputs at equal distance of embeddings, see `at_equal_ratio`, and
        ``steps_reference`` and ``steps_nearest``, after how many steps it was reached.
    """
    rows = []
    for point, result in zip(points, results, strict=True):
        found = result.arrays
        for m, method in enumerate(point.methods):
            embedding, inputs = found["embedding"][m], found["inputs"][m]
            equal = {
                name: at_equal_ratio(embedding / found[name][..., None], inputs, target)
                for name, target in (("reference", 1.0), ("nearest", NEAR))
            }
            inverse = inverted(
                embedding[..., -1], inputs[..., -1], found["reference"], found["reference_input"]
            )
            for place, image in np.ndindex(inverse.shape):
                reference, nearest, near = (
                    float(values[place, image])
                    for values in (found["reference"], found["nearest"], embedding[..., -1])
                )
                rows.append(
                    {
                        **_net(point),
                        "method": method,
                        "stage": point.stages[place],
                        "place": place,
                        "image": image,
                        "judged": image < point.net.images,
                        "inputs": float(inputs[place, image, -1]),
                        "start": float(inputs[place, image, 0]),
                        "embedding": near,
                        "reference": reference,
                        "reference_input": float(found["reference_input"][image]),
                        "nearest": nearest,
                        "gray_input": float(found["gray_input"][image]),
                        "to_reference": near / reference,
                        "to_nearest": near / nearest,
                        "reference_to_nearest": reference / nearest,
                        "inverted": bool(inverse[place, image]),
                        **{
                            name: float(found[name][m, place, image])
                            for name in ("pearson", "hpcorr", "mem")
                        },
                        **{
                            f"at_{name}": values[place, image]
                            for name, (values, _) in equal.items()
                        },
                        **{
                            f"steps_{name}": int(found["steps"][checks[place, image]])
                            for name, (_, checks) in equal.items()
                        },
                    }
                )
    return pd.DataFrame(rows)


def at_equal_ratio(
    ratios: ArrayLike, inputs: ArrayLike, target: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distance of inputs where the ratio of embeddings first gets as low as in all other stages.

    Parameters
    ----------
    ratios : array_like, shape (stages, images, checks)
        Distance of embeddings over a yardstick, along the search.
    inputs : array_like, shape (stages, images, checks)
        Distances of inputs at the same steps.
    target : float
        The ratio to read at. For an image of which some stage stays above it: the lowest ratio
        that all stages get to.

    Returns
    -------
    distances : ndarray, shape (stages, images)
        Linear between two checks.
    checks : ndarray of int, shape (stages, images)
        The first check at which the ratio is as low. At 0 the search began there, and the distance
        is that of its start.

    Raises
    ------
    ValueError
        If the shapes differ, or a ratio is not finite.
    """
    ratio, path = np.asarray(ratios, dtype=np.float64), np.asarray(inputs, dtype=np.float64)
    if ratio.shape != path.shape or ratio.ndim != 3 or not np.isfinite(ratio).all():
        raise ValueError(f"ratios {ratio.shape} and inputs {path.shape} must be finite and alike")
    level = np.maximum(target, ratio.min(axis=2).max(axis=0))
    last = (ratio <= level[:, None]).argmax(axis=2)[..., None]
    before = np.maximum(last - 1, 0)
    (high, low), (far, near) = (
        [np.take_along_axis(values, place, axis=2)[..., 0] for place in (before, last)]
        for values in (ratio, path)
    )
    drop = high - low
    share = np.divide(high - level, drop, out=np.ones_like(drop), where=drop > 0)
    return far + np.clip(share, 0, 1) * (near - far), last[..., 0]


def by_start(points: Sequence[Config], results: Sequence[Result]) -> pd.DataFrame:
    """Give every image of the stages that were inverted from several starts a row.

    Returns
    -------
    DataFrame
        Place as in `by_image`. ``spread``, the mean distance between two ends over that to the
        original. ``one_embedding``, the share of starts whose embedding is nearer than that of
        the noisy copy and than `NEAR` of that of the nearest image. ``many``, the share of pairs
        of such starts whose ends are farther apart than the noisy copy is from the original, and
        ``pairs`` the share of pairs of such starts. ``start_spread``: the spread of the starts.
        ``inputs_noise`` and so on, ``mem_noise`` and so on: distance and memory by start.
    """
    rows = []
    for point, result in zip(points, results, strict=True):
        found = result.arrays
        for t, stage in enumerate(point.start_stages):
            place = point.stages.index(stage)
            limit = np.minimum(found["reference"][place], NEAR * found["nearest"][place])
            same = found["ends_embedding"][t] < limit
            both = np.array([same[i] & same[j] for i, j in PAIRS])
            apart = found["ends_apart"][t]
            many = both & (apart > found["reference_input"])
            inputs = found["ends_inputs"][t]
            for image in range(inputs.shape[1]):
                rows.append(
                    {
                        **_net(point),
                        "stage": stage,
                        "image": image,
                        "judged": image < point.net.images,
                        "spread": apart[:, image].mean() / inputs[:, image].mean(),
                        "one_embedding": same[:, image].mean(),
                        "pairs": both[:, image].mean(),
                        "many": many[:, image].mean(),
                        "start_spread": found["begun_apart"][:, image].mean()
                        / found["begun_inputs"][:, image].mean(),
                        **{f"inputs_{s}": inputs[i, image] for i, s in enumerate(STARTS)},
                        **{
                            f"mem_{s}": found["ends_mem"][t, i, image] for i, s in enumerate(STARTS)
                        },
                    }
                )
    return pd.DataFrame(rows)


def by_budget(points: Sequence[Config], results: Sequence[Result]) -> pd.DataFrame:
    """Give every image of the stages that were inverted with the larger budget a row.

    Returns
    -------
    DataFrame
        Place as in `by_image`. ``inputs`` and ``embedding`` after the usual budget,
        ``inputs_large`` and ``embedding_large`` after the larger one.
    """
    rows = []
    for point, result in zip(points, results, strict=True):
        found = result.arrays
        usual = point.methods.index("adam")
        for b, stage in enumerate(point.budget_stages):
            place = point.stages.index(stage)
            ends = {
                f"{name}{word}": values[..., -1]
                for name in ("inputs", "embedding")
                for word, values in (
                    ("", found[name][usual, place]),
                    ("_large", found[f"budget_{name}"][b]),
                )
            }
            for image in range(len(ends["inputs"])):
                rows.append(
                    {
                        **_net(point),
                        "stage": stage,
                        "image": image,
                        "judged": image < point.net.images,
                        **{name: float(values[image]) for name, values in ends.items()},
                    }
                )
    return pd.DataFrame(rows)


def _net(point: Config) -> dict[str, object]:
    return {"kind": point.net.kind, "seed": point.net.seed}

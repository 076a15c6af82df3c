"""The statistics of claims D11 to D17: what training does to reconstructions.

Each function takes the table of `inversion_training_tables.by_image` for all seeds and gives the
parts of a claim. All are means over judged images and stages within a seed, and nets are paired by
seed: net and images of a seed are the unit of replication.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from strata.experiments.tables import ONE_SIDED
from strata.statistics import Estimate, mean_interval, ratio_interval

Stages = Sequence[str]
Against = Literal["untrained", "calibrated"]

FROM_OTHERS = ("untrained", "calibrated", "random_labels", "noise")
"""Nets whose reconstructions claims D15 and D17 hold against those of the trained net."""
_SEEN = ("seen", "unseen")


def level(
    images: pd.DataFrame,
    column: str,
    kind: str,
    stages: Stages,
    method: str | None = "blurred",
    start: str = "noise",
) -> pd.Series:
    """Mean of a column over judged images and stages, by seed.

    Parameters
    ----------
    method
        None: the mean of both methods that all nets and stages were inverted with.

    Raises
    ------
    ValueError
        If a stage or a method is missing for a seed.
    """
    methods = ("blurred", "adam") if method is None else (method,)
    chosen = images[
        images["judged"]
        & (images["kind"] == kind)
        & images["stage"].isin(stages)
        & images["method"].isin(methods)
        & (images["start"] == start)
    ]
    cells = chosen.groupby(["seed", "stage", "method"])[column].mean()
    wanted = images["seed"].nunique() * len(stages) * len(methods)
    if len(cells) != wanted:
        raise ValueError(f"{kind} has {len(cells)} of {wanted} cells of {column}")
    return cells.groupby("seed").mean()


def detail_and_distance(
    images: pd.DataFrame,
    stages: Stages,
    *,
    against: Against = "untrained",
    method: str = "blurred",
) -> dict[str, Estimate]:
    """D11, D11b, D12, D12b: gain of detail, and ratio of distances, by training."""
    return {
        "detail": _interval(_gain(images, "detail", "natural", against, stages, method)),
        "distance": _ratio(images, "distance", against, stages, method),
    }


def clearer_by_adam(images: pd.DataFrame, early: Stages) -> dict[str, Estimate]:
    """D11c: the same by Adam, against both untrained nets."""
    calibrated = detail_and_distance(images, early, against="calibrated", method="adam")
    return detail_and_distance(images, early, method="adam") | {
        f"{name}_calibrated": estimate for name, estimate in calibrated.items()
    }


def early_gain_more(images: pd.DataFrame, early: Stages, late: Stages) -> dict[str, Estimate]:
    """D12c: gain of detail by training, in early layers minus in late ones."""
    found = {}
    for against in ("untrained", "calibrated"):
        gains = [_gain(images, "detail", "natural", against, s) for s in (early, late)]
        found[against] = _interval(gains[0] - gains[1])
    return found


def embedding_nearer(images: pd.DataFrame, stage: str) -> dict[str, Estimate]:
    """D13: ratio of raw distances of embeddings after descent without a blur, as log10."""
    ratios = _log_ratios(images, "embedding", "untrained", [stage], "descent")
    return {"raw": _interval(ratios / np.log(10))}


def embedding_nearer_in_its_units(
    images: pd.DataFrame, stage: str, against: Against = "untrained", method: str = "descent"
) -> dict[str, Estimate]:
    """D13b, D13c, D13d: the same in units of the distance of a noisy copy, and of the norm."""
    found = {}
    for unit in ("reference", "norm"):
        relative = images.assign(value=images["embedding"] / images[unit])
        ratios = _log_ratios(relative, "value", against, [stage], method)
        found[unit] = _interval(ratios / np.log(10))
    return found


def natural_images(images: pd.DataFrame, early: Stages) -> dict[str, Estimate]:
    """D14: detail in early layers, of the net trained on noise and that on natural images."""
    return {
        "noise": _interval(_gain(images, "detail", "noise", "untrained", early)),
        "difference": _interval(_gain(images, "detail", "natural", "noise", early)),
    }


def natural_images_matched(images: pd.DataFrame, early: Stages) -> dict[str, Estimate]:
    """D14b: the same for nets that saw equally many images equally often."""
    return {
        "natural": _interval(_gain(images, "detail", "matched", "untrained", early)),
        "difference": _interval(_gain(images, "detail", "matched", "noise", early)),
    }


def labels_needed(images: pd.DataFrame, early: Stages) -> dict[str, Estimate]:
    """D14c: detail with true minus with random labels of the same images."""
    return {"labels": _interval(_gain(images, "detail", "matched", "random_labels", early))}


def natural_images_by_adam(images: pd.DataFrame, early: Stages) -> dict[str, Estimate]:
    """D14d: natural images minus noise, by Adam."""
    return {
        "difference": _interval(_gain(images, "detail", "natural", "noise", early, "adam")),
        "matched": _interval(_gain(images, "detail", "matched", "noise", early, "adam")),
    }


def learned(nets: pd.DataFrame) -> dict[str, Estimate]:
    """D14e: accuracy of the nets with equal training on their own images.

    Parameters
    ----------
    nets
        Columns ``kind``, ``seed`` and ``training_accuracy``.
    """
    return {
        kind: _interval(nets.loc[nets["kind"] == kind, "training_accuracy"])
        for kind in ("matched", "random_labels", "noise")
    }


def on_the_manifold(
    images: pd.DataFrame,
    baselines: pd.DataFrame,
    late: Stages,
    *,
    space: Literal["pixels", "features"] = "pixels",
    method: str = "blurred",
) -> dict[str, Estimate]:
    """D15, D15b, D15c: distance to the nearest training image, beyond other nets and the start.

    Parameters
    ----------
    baselines
        As `inversion_training_tables.baselines` gives it.
    """
    start = "blurred start" if method == "blurred" else "start"
    own = level(images, space, "natural", late, method)
    excess = {kind: own - level(images, space, kind, late, method) for kind in FROM_OTHERS}
    excess["start"] = own - _baseline(baselines, space, start)
    return {name: _interval(values) for name, values in excess.items()}


def seen_rather_than_unseen(
    images: pd.DataFrame, baselines: pd.DataFrame, late: Stages
) -> dict[str, Estimate]:
    """D15d: nearness to seen minus to unseen images, of reconstructions minus of originals."""
    found = {}
    for space in ("pixels", "features"):
        seen, unseen = (level(images, f"{space}_{w}", "natural", late, None) for w in _SEEN)
        original = [_baseline(baselines, f"{space}_{w}", "original") for w in _SEEN]
        found[space] = _interval((seen - unseen) - (original[0] - original[1]))
    return found


def beside_the_original(images: pd.DataFrame, late: Stages) -> dict[str, Estimate]:
    """D15e: distance to the nearest training image, beyond a mixture that is as good a copy."""
    excess = images.assign(excess=images["pixels"] - images["mixture"])
    return {"trained": _interval(level(excess, "excess", "natural", late))} | {
        kind: _interval(_gain(excess, "excess", "natural", kind, late))
        for kind in ("untrained", "calibrated")
    }


def noise_added(images: pd.DataFrame, stage: str) -> dict[str, Estimate]:
    """D16: share of high frequencies added to gray, noise-trained minus trained on images."""
    return {
        name: _interval(_gain(images, "fine", "noise", kind, [stage], "adam", "gray"))
        for name, kind in (("trained", "natural"), ("matched", "matched"))
    }


def noise_added_by_others(images: pd.DataFrame, stage: str) -> dict[str, Estimate]:
    """D16b: the same, minus nets that learned nothing, or random labels."""
    return {
        kind: _interval(_gain(images, "fine", "noise", kind, [stage], "adam", "gray"))
        for kind in ("untrained", "calibrated", "random_labels")
    }


def noise_kept(images: pd.DataFrame, stage: str) -> dict[str, Estimate]:
    """D16c: the start's share of the fine power, and its difference to the calibrated net's."""
    share, same = (
        level(images, "start_share", kind, [stage], "adam") for kind in ("noise", "calibrated")
    )
    return {"share": _interval(share), "same": mean_interval((share - same).to_numpy())}


def own_class(images: pd.DataFrame, stage: str) -> dict[str, Estimate]:
    """D17: share of own reconstructions that the trained net takes for the original's class."""
    return {
        method: _interval(level(images, "own", "natural", [stage], method))
        for method in ("blurred", "adam")
    }


def class_for_others(images: pd.DataFrame, stage: str) -> dict[str, Estimate]:
    """D17b: probability of the class by the net of another seed, right minus wrong originals."""
    return {"independent": _interval(_beyond_chance(images, "other", "natural", stage))}


def class_from_others(images: pd.DataFrame, stage: str) -> dict[str, Estimate]:
    """D17c: probability beyond wrong originals, own reconstructions minus those of other nets."""
    own = _beyond_chance(images, "own", "natural", stage)
    others = [_beyond_chance(images, "own", kind, stage) for kind in FROM_OTHERS]
    independent = [
        _beyond_chance(images, "other", kind, stage) for kind in ("natural", "untrained")
    ]
    return {
        "own": _interval(own - sum(others) / len(others)),
        "independent": _interval(independent[0] - independent[1]),
    }


def _beyond_chance(images: pd.DataFrame, judge: str, kind: str, stage: str) -> pd.Series:
    right = level(images, f"{judge}_chance", kind, [stage], None)
    return right - level(images, f"{judge}_chance_wrong", kind, [stage], None)


def _gain(
    images: pd.DataFrame,
    column: str,
    kind: str,
    other: str,
    stages: Stages,
    method: str = "blurred",
    start: str = "noise",
) -> pd.Series:
    first, second = (level(images, column, k, stages, method, start) for k in (kind, other))
    return first - second


def _ratio(
    images: pd.DataFrame, column: str, against: str, stages: Stages, method: str
) -> Estimate:
    """Trained over untrained, as a geometric mean over images, stages and seeds."""
    ratios = _log_ratios(images, column, against, stages, method)
    return ratio_interval(np.exp(ratios).to_numpy(), ONE_SIDED)


def _log_ratios(
    images: pd.DataFrame, column: str, against: str, stages: Stages, method: str
) -> pd.Series:
    logs = images.assign(**{column: np.log(images[column])})
    return _gain(logs, column, "natural", against, stages, method)


def _baseline(baselines: pd.DataFrame, column: str, kind: str) -> pd.Series:
    chosen = baselines[baselines["judged"] & (baselines["kind"] == kind)]
    return chosen.groupby("seed")[column].mean()


def _interval(values: pd.Series) -> Estimate:
    """Of a statistic whose criterion has one bound."""
    return mean_interval(values.to_numpy(), ONE_SIDED)

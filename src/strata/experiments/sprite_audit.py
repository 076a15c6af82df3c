"""The audit of the study's sprite runs: which accuracies and agreements follow from its indices.

The images of dSprites are a grid of factors, so that the number of an image says all about it. The
study's sets are draws of such numbers from NumPy's old generator with the seeds 42 and 999, and can
be made again without one image. Nothing here is trained: what is scored is a net without mistakes,
which follows the rule of the training labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from strata.statistics import Estimate, mean_interval

GRID = {"shape": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}
"""Factors of dSprites and their numbers of levels, the last changing fastest. Shapes are square,
ellipse and heart; the scales are .5, .6, ... 1."""
SCALES = np.linspace(0.5, 1.0, GRID["scale"])
IMAGES = int(np.prod(list(GRID.values())))
FIXED = 2
"""A threshold for all sets: scales above this level are half of the grid."""
TRAIN, TEST = (50_000, 42), (5_000, 999)
"""Images drawn and seed; the first four fifths of one draw train, the last fifth of the other
tests."""
TRAIN_SHARE = 0.8
FILTER_SEED = 42
TEST_AGREEMENT = 0.9
"""Agreement of the ID test set in the two-class runs, whatever the training set has."""
ELLIPSE, HEART = 1, 2

Factors = dict[str, NDArray[np.int64]]
Task = Literal["six", "two"]


@dataclass(frozen=True)
class Audit:
    """What follows for one run.

    Attributes
    ----------
    sizes
        Images in the sets ``train``, ``id`` and ``ood``.
    thresholds
        Scale above which an object is large, in ``train`` and ``test``.
    ceilings
        Accuracy on ``id`` and ``ood`` of a net without mistakes that follows the training rule.
    agreement
        Share of the training images whose shortcut equals what it is aligned with.
    balance
        Share of the training images with label 1 (two classes) or a large object (six).
    """

    sizes: dict[str, int]
    thresholds: dict[str, float]
    ceilings: dict[str, float]
    agreement: float
    balance: float


def pool(images: int, seed: int, part: Literal["train", "test"]) -> Factors:
    """Factor levels of the images that the study draws, in its order.

    Examples
    --------
    >>> [len(pool(*draw, part)["x"]) for draw, part in ((TRAIN, "train"), (TEST, "test"))]
    [40000, 1000]
    """
    drawn = _old_generator(seed).choice(IMAGES, size=images, replace=False)
    cut = int(TRAIN_SHARE * images)
    places = drawn[:cut] if part == "train" else drawn[cut:]
    return dict(zip(GRID, np.unravel_index(places, tuple(GRID.values())), strict=True))


def own_median(levels: NDArray[np.int64]) -> int:
    """The lower one of the two middle levels of a set, as torch has it.

    Examples
    --------
    >>> own_median(np.array([3, 0, 2, 5]))
    2
    """
    return int(np.sort(levels)[(len(levels) - 1) // 2])


def audit(task: Task, agreement: float, *, fixed: bool = False) -> Audit:
    """Make the sets of a run again and score a net without mistakes.

    Parameters
    ----------
    task
        ``six``: classes are shape and large or small; the shortcut is aligned with large.
        ``two``: hearts and squares only, label 1 a large heart; the shortcut is aligned with it.
    agreement
        Nominal, from .5 to below 1.
    fixed
        One threshold of the scale, `FIXED`, for all sets, where the study takes each set's median.

    Notes
    -----
    Source: the study's code. The shortcut is a place past the set's own median in x and in y. Of
    the images that do not agree so many are dropped that the rest has the nominal agreement, if
    there are enough of them; in the two-class runs the larger class is cut to the size of the
    smaller one after that.
    """
    sets = {part: pool(*draw, part) for part, draw in (("train", TRAIN), ("test", TEST))}
    if task == "two":
        sets = {part: _rows(set_, set_["shape"] != ELLIPSE) for part, set_ in sets.items()}
    levels = {p: FIXED if fixed else own_median(set_["scale"]) for p, set_ in sets.items()}
    train, test = sets["train"], sets["test"]
    aligned = {part: _aligned(task, set_, levels[part]) for part, set_ in sets.items()}
    chosen = _filtered(aligned["train"], shortcut(train), agreement, balance=task == "two")
    id_rows = _filtered(
        aligned["test"],
        shortcut(test),
        TEST_AGREEMENT if task == "two" else agreement,
        balance=task == "two",
    )
    # Without a filter the six-class set is the whole pool; the other is still balanced.
    ood_rows = (
        _filtered(aligned["test"], shortcut(test), 0.5, balance=True)
        if task == "two"
        else np.arange(len(test["scale"]))
    )
    # Shapes are never mistaken: a mistake is an object that only one rule calls large.
    right = _aligned(task, test, levels["train"]) == aligned["test"]
    return Audit(
        sizes={"train": len(chosen), "id": len(id_rows), "ood": len(ood_rows)},
        thresholds={part: float(SCALES[level]) for part, level in levels.items()},
        ceilings={"id": float(right[id_rows].mean()), "ood": float(right[ood_rows].mean())},
        agreement=float((aligned["train"] == shortcut(train))[chosen].mean()),
        balance=float(aligned["train"][chosen].mean()),
    )


def shortcut(factors: Factors) -> NDArray[np.bool_]:
    """Whether an object lies past the set's own median in x and in y."""
    return (factors["x"] > own_median(factors["x"])) & (factors["y"] > own_median(factors["y"]))


def joint_rows(
    label: NDArray[np.bool_], spurious: NDArray[np.bool_], agreement: float
) -> NDArray[np.int64]:
    """Rows of the largest set that is balanced and agrees as asked for, in both classes alike.

    Parameters
    ----------
    label, spurious
        Of all images, (n,).
    agreement
        Between 0 and 1.
    """
    cells = {(y, s): np.flatnonzero((label == y) & (spurious == s)) for y in (0, 1) for s in (0, 1)}
    wanted = {(y, s): agreement if y == s else 1 - agreement for y, s in cells}
    half = min(len(rows) / wanted[cell] for cell, rows in cells.items())
    return np.concatenate([rows[: int(half * wanted[cell])] for cell, rows in cells.items()])


def joint_agreement(agreement: float) -> tuple[float, float]:
    """Agreement and share of label 1 of the two-class training pool, sampled jointly."""
    train = pool(*TRAIN, "train")
    train = _rows(train, train["shape"] != ELLIPSE)
    label, spurious = _aligned("two", train, FIXED), shortcut(train)
    rows = joint_rows(label, spurious, agreement)
    return float((label == spurious)[rows].mean()), float(label[rows].mean())


def chance_of_two_thresholds(first: int, second: int) -> float:
    """Probability that draws of so many images have different medians of the scale.

    Parameters
    ----------
    first, second
        Images in the two sets, drawn without replacement from the grid and taken as independent.

    Notes
    -----
    Half of the grid is at the scales .5 to .7. The lower middle image is among them if they are at
    least half of the draw; that any median but .7 and .8 comes out is out of the question.

    Examples
    --------
    >>> round(chance_of_two_thresholds(40_000, 1_000), 3)
    0.5
    """
    low = [hypergeom.sf((n - 1) // 2, IMAGES, IMAGES // 2, n) for n in (first, second)]
    return float(low[0] * (1 - low[1]) + low[1] * (1 - low[0]))


def left_of_the_gap(published: Mapping[str, Any]) -> dict[str, Estimate]:
    """C14: share of the published gap that a net without mistakes does not have.

    Parameters
    ----------
    published
        The entry ``six`` of the published sprite runs.
    """
    found = audit("six", published["agreement"]).ceilings
    gap = np.array(published["id"]) - np.array(published["ood"])
    return {"left": _over_nets((gap - (found["id"] - found["ood"])) / gap)}


def matches(six: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, Estimate]:
    """C14b: how far the net without mistakes is from the published nets, and our sets from theirs.

    Parameters
    ----------
    six, two
        These entries of the published sprite runs.
    """
    found = audit("six", six["agreement"])
    parts = {name: _over_nets(found.ceilings[name] - np.array(six[name])) for name in ("ood", "id")}
    off = []
    for nominal, size in zip(two["nominal"], two["sizes"]["train"], strict=True):
        ours = audit("two", nominal).sizes
        printed = two["sizes"] | {"train": size}
        off += [abs(ours[name] - printed[name]) for name in ours]
    same = audit("six", six["agreement"], fixed=True).ceilings
    return parts | {
        "sizes": _exact(max(off)),
        "one_threshold": _exact(min(same.values())),
    }


def agreements(nominal: list[float]) -> dict[str, Estimate]:
    """C14c: largest distance from the nominal agreement, filtered and balanced, and jointly.

    Parameters
    ----------
    nominal
        Agreements that the runs are named after.
    """
    filtered = max(abs(audit("two", p).agreement - p) for p in nominal)
    joint = max(
        max(abs(reached - p), abs(balance - 0.5))
        for p in nominal
        for reached, balance in [joint_agreement(p)]
    )
    return {"filtered": _exact(filtered), "joint": _exact(joint)}


def _over_nets(values: NDArray[np.float64]) -> Estimate:
    """Of published nets of several depths, as there is one seed of each."""
    return replace(mean_interval(values), method="mean over published nets, 95% t interval")


def _exact(value: float) -> Estimate:
    return Estimate(float(value), float(value), float(value), 1, "exact, by index arithmetic")


def _old_generator(seed: int) -> np.random.RandomState:
    # The study's draws exist in this generator only; NumPy has frozen its stream.
    return np.random.RandomState(seed)


def _rows(factors: Factors, rows: NDArray) -> Factors:
    return {name: levels[rows] for name, levels in factors.items()}


def _aligned(task: Task, factors: Factors, level: int) -> NDArray[np.bool_]:
    """What the shortcut goes along with: a large object, or a large heart."""
    large = factors["scale"] > level
    return large if task == "six" else large & (factors["shape"] == HEART)


def _filtered(
    label: NDArray[np.bool_], spurious: NDArray[np.bool_], agreement: float, *, balance: bool
) -> NDArray[np.int64]:
    """Rows that the study keeps, drawn in the order in which its code draws."""
    generator = _old_generator(FILTER_SEED)
    agree = np.flatnonzero(label == spurious)
    others = np.flatnonzero(label != spurious)
    wanted = int(len(agree) * (1 - agreement) / agreement)
    if wanted < len(others):
        others = generator.choice(others, wanted, replace=False)
    rows = np.concatenate([agree, others])
    generator.shuffle(rows)
    positive, negative = np.flatnonzero(label[rows]), np.flatnonzero(~label[rows])
    if not balance or len(negative) <= len(positive):
        return rows
    kept = generator.choice(negative, len(positive), replace=False)
    return rows[np.concatenate([positive, kept])]

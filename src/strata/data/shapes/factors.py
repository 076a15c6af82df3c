"""The discrete factors of the image set `shapes`: their levels, products of them, agreement."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from strata.data.shapes.rendering import BACKGROUNDS, SHAPES, TEXTURES, Codes

Names = Mapping[str, tuple[str, ...]]
"""Factor to the names of its codes."""

FACTORS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "hue": ("warm", "cool"),
        "size": ("small", "large"),
        "texture": TEXTURES,
        "background": BACKGROUNDS,
        "shape": SHAPES,
        "axis": ("beside", "stacked"),
        "order": ("before", "after"),
    }
)
"""Discrete factors and their levels. Axis: how a pair lies. Order: whether the main object comes
before its partner, which is left of it or above it, or after it."""
RELATION: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("beside", "before"): "left",
        ("beside", "after"): "right",
        ("stacked", "before"): "above",
        ("stacked", "after"): "below",
    }
)
"""Where the main object lies, seen from its partner: axis and order together."""
PAIR = ("axis", "order")


@dataclass(frozen=True)
class Spurious:
    """A factor that goes along with the label.

    The label is the class of `label`, a product of factors as in `task`. The factor's level that
    goes with class k is k modulo the number of its levels. The factor has that level with
    probability p, else each of the others alike: p is `agreement`, or 1 - `agreement` with the
    shift ``"flipped"``, or one over the number of levels with ``"uncorrelated"``.
    """

    factor: str
    label: tuple[str, ...]
    agreement: float = 0.9
    shift: str = "none"


def chosen_levels(pair: bool, chosen: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return the names of the codes of each factor; axis and order belong to a pair."""
    names = {f: known for f, known in FACTORS.items() if pair or f not in PAIR}
    for factor, levels in chosen.items():
        _check_factor(factor, names)
        if isinstance(levels, str) or not levels or len(set(levels)) < len(levels):
            raise ValueError(f"levels of {factor} must be a list of different names, not {levels}")
        for level in levels:
            if level not in FACTORS[factor]:
                raise ValueError(f"unknown {factor} {level!r}, use some of {list(FACTORS[factor])}")
        names[factor] = tuple(levels)
    return names


def rounds(n: int, rng: np.random.Generator, names: Names) -> dict[str, Codes]:
    """Return the codes of n images: all combinations of levels in a random order, and again."""
    kinds = [len(levels) for levels in names.values()]
    cells = math.prod(kinds)
    cell = rng.permuted(np.tile(np.arange(cells), (-(-n // cells), 1)), axis=1)
    codes = np.unravel_index(cell.ravel()[:n], kinds)
    return {name: code.astype(np.int64) for name, code in zip(names, codes, strict=True)}


def classes(
    codes: Mapping[str, NDArray], names: Names, wanted: Sequence[str]
) -> tuple[Codes, tuple[str, ...]]:
    """Return the labels and class names of the product of some factors."""
    factors = _expanded(wanted, names)
    labels, found = np.zeros(len(codes["hue"]), np.int64), [()]
    for factor in factors:
        labels = labels * len(names[factor]) + codes[factor]
        found = [(*words, word) for words in found for word in names[factor]]
    if len(found) < 2:
        raise ValueError(f"a task needs two classes, and {list(wanted)} has one level")
    if "relation" in wanted:
        at = factors.index("axis")
        found = [(*c[:at], RELATION[c[at], c[at + 1]], *c[at + 2 :]) for c in found]
    return labels, tuple(", ".join(words) for words in found)


def _expanded(wanted: Sequence[str], names: Names) -> list[str]:
    """The factors of a task, with axis and order for the relation."""
    if isinstance(wanted, str) or not wanted:
        raise ValueError(f"the factors of a task must be a list of names, not {wanted!r}")
    factors = [f for name in wanted for f in (PAIR if name == "relation" else (name,))]
    for factor in factors:
        _check_factor(factor, names)
    if len(set(factors)) < len(factors):
        raise ValueError(f"a factor of the task is doubled: {list(wanted)}")
    return factors


def agreement(spurious: Spurious, names: Names) -> float:
    """Return the probability, after the shift, that the spurious level goes with the label."""
    _check_factor(spurious.factor, names)
    label = _expanded(spurious.label, names)
    if spurious.factor in label:
        raise ValueError(f"the spurious factor {spurious.factor!r} is part of the label")
    kinds, count = len(names[spurious.factor]), math.prod(len(names[f]) for f in label)
    if kinds < 2 or count % kinds:
        raise ValueError(
            f"the {kinds} levels of {spurious.factor!r} must be two or more and divide the "
            f"{count} classes"
        )
    p = spurious.agreement
    if not 0 <= p <= 1:
        raise ValueError(f"agreement must be in [0, 1], not {p}")
    shifted = {"none": p, "flipped": 1 - p, "uncorrelated": 1 / kinds}
    if spurious.shift not in shifted:
        raise ValueError(f"unknown shift {spurious.shift!r}, use one of {list(shifted)}")
    return shifted[spurious.shift]


def _check_factor(factor: str, names: Names) -> None:
    if factor not in names:
        raise ValueError(f"unknown factor {factor!r}, use one of {list(names)}")

"""What cycles through several nets leave of a shared feature, by every method to lead back.

A cycle reads the features of K nets from a shared feature by the maps g_k, leads each back by an
inverse map h_k, and takes the mean. Everything is linear, so that a number of cycles is one matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strata.measures.components import components, rows, variance
from strata.measures.cycles import cycle, fit_inverses

Array = NDArray[np.float64]

CYCLES = (0, 1, 2, 5, 10)
STUDY_CYCLES = 5
"""What the study's code runs; its text has none."""
STRENGTHS = (0.001, 0.01, 0.1)
"""Of the ridge, relative to the mean eigenvalue of what is led back."""
RATES = (1e-2, 1e-3)
"""Of the gradient method. The study has a tenth of these, and ten times as many steps."""
METHODS = (
    "pinv",
    *(f"ridge {strength:g}" for strength in STRENGTHS),
    "gradient, short",
    "gradient, middle",
    "gradient, long",
)
"""Ways to fit the inverse maps; `fits` says how."""
MAIN = METHODS[-1]
"""The study's way."""


def fits(steps: int) -> dict[str, Mapping[str, Any]]:
    """Options of `fit_inverses` for each of `METHODS`, with so many steps for the longest fit.

    The shorter ones have a third and a tenth of them.

    Examples
    --------
    >>> [each.get("steps") for each in fits(3000).values()]
    [None, None, None, None, 300, 1000, 3000]
    """
    ridges = [{"method": "ridge", "strength": strength} for strength in STRENGTHS]
    budgets = [max(1, steps // part) for part in (10, 3, 1)]
    gradients = [{"method": "gradient", "steps": some, "rates": RATES} for some in budgets]
    return dict(zip(METHODS, [{"method": "pinv"}, *ridges, *gradients], strict=True))


def returns(shared: NDArray, maps: Array, steps: int, methods: Sequence[str] = METHODS) -> Array:
    """What cycles make of shared features, as matrices that act on rows from the right.

    The identity sent through the cycles says what they do to any sample.

    Parameters
    ----------
    shared
        (m, n, k, ...), to which the inverse maps are fitted.
    maps
        (m, K, k, k).
    steps
        Of the longest fit by gradient.
    methods
        Some of `METHODS`.

    Returns
    -------
    ndarray, shape (m, methods, cycles, k, k)
        For each of the methods and of `CYCLES`.
    """
    samples = np.stack([rows(each) for each in shared])
    start = np.broadcast_to(np.eye(maps.shape[-1]), (len(maps), *maps.shape[-2:]))
    options, found = fits(steps), []
    for method in methods:
        inverses = fit_inverses(samples, maps, **options[method])
        found.append([cycle(start, maps, inverses, number) for number in CYCLES])
    return np.moveaxis(np.array(found), 2, 0)


@dataclass(frozen=True)
class Step:
    """One target at one order.

    Attributes
    ----------
    shared
        The shared feature of the test samples, (T, k, ...).
    maps
        (K, k, k), the target's first.
    returns
        (methods, cycles, k, k).
    fit
        (K,), what the maps leave of each net's feature.
    """

    shared: NDArray
    maps: Array
    returns: Array
    fit: Sequence[float]


def measured(
    steps: Sequence[Step], scale: float, methods: Sequence[str] = METHODS
) -> dict[str, NDArray]:
    """All arrays of one target, the orders of `steps` growing; see `strata.experiments.sharing`.

    Parameters
    ----------
    scale
        Brings what the maps give to the units of the target's feature.
    methods
        Those of the steps' `returns`, `MAIN` among them.
    """
    shape = steps[0].shared.shape
    # Variances are those of every unit: a channel at a position.
    units = (shape[0], -1, shape[1])
    samples = [rows(step.shared) for step in steps]
    numerator = np.empty((len(methods), len(CYCLES), len(steps)))
    component = np.empty_like(numerator)
    for place in np.ndindex(numerator.shape[:2]):
        outputs = _read(samples, steps, place, scale).reshape(len(steps), *units)
        numerator[place] = [variance(output) for output in outputs]
        component[place] = [variance(part) for part in components(outputs)]
    study = methods.index(MAIN), CYCLES.index(STUDY_CYCLES)
    reliable = np.moveaxis(_read(samples, steps, study, scale).reshape(len(steps), *units), -1, 2)
    spread = np.array([variance(each.reshape(units)) for each in samples])
    once = CYCLES.index(1)
    error = [
        [
            variance((own @ step.returns[i, once] - own).reshape(units))
            for own, step in zip(samples, steps, strict=True)
        ]
        for i in range(len(methods))
    ]
    return {
        "numerator": numerator,
        "component_numerator": component,
        "reliable": reliable.reshape(len(steps), *shape).astype(np.float32),
        "shared_variance": spread,
        "condition": np.array([np.linalg.cond(step.maps) for step in steps]),
        "fit": np.array([step.fit for step in steps]),
        "cycle_error": np.array(error) / spread,
    }


def _read(
    samples: Sequence[NDArray], steps: Sequence[Step], place: tuple[int, ...], scale: float
) -> Array:
    """The target's part after cycles, rows of every order."""
    return scale * np.stack(
        [
            own @ step.returns[place] @ step.maps[0].T
            for own, step in zip(samples, steps, strict=True)
        ]
    )

"""Tables of the reliability of families of nets: by seed, by order, and beyond that of copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from strata.experiments.component_reliability import Config
from strata.experiments.cycling import CYCLES, MAIN, METHODS, STUDY_CYCLES
from strata.runs.result import Result

Array = NDArray[np.float64]

LOW = 3
"""The study shows reliability by the number of samples at its first three orders; so do we."""


def by_seed(
    points: Sequence[Config], results: Sequence[Result], depths: Sequence[int] | None = None
) -> pd.DataFrame:
    """What each family says, by every method and for every number of cycles.

    Parameters
    ----------
    points, results
        Those that are judged first.
    depths
        Only the nets of these depths.

    Returns
    -------
    DataFrame
        Columns ``data``, ``seed``, ``exemplars``, ``standardised``, ``method`` and ``cycles``. The
        means over depths and the first `LOW` orders: ``rank``, Spearman's correlation of the number
        of samples and the reliability; ``rank_fewer``, without the largest number, NaN where two
        are left or fewer; ``gain``, the reliability with the most samples minus with the fewest;
        ``growth``, the logarithm of their ratio; ``level``, the reliability. And over all nets
        ``fall``, the reliability at the last order minus at the first.

    Raises
    ------
    ValueError
        If a family lacks a net or has two of the same kind.
    """
    rows = []
    for point, result in zip(points, results, strict=True):
        total = _cube(result.arrays["reliability"], result.metrics["targets"], depths)
        rows += _family(point, point.exemplars, total)
    return pd.DataFrame(rows)


def beyond_copies(
    points: Sequence[Config],
    results: Sequence[Result],
    controls: Sequence[Config],
    control_results: Sequence[Result],
) -> pd.DataFrame:
    """As `by_seed`, for reliability divided by that of the same net with copies for exemplars.

    With copies nothing is lost because it is not shared. So what remains of an effect does not
    come from the fit of the maps back, nor from students that are trained a little differently.

    Parameters
    ----------
    points, results
        With trained exemplars.
    controls, control_results
        Other points of some of the same families; those with copies say which nets count.

    Returns
    -------
    DataFrame
        The columns of `by_seed`, and ``component_first`` and ``component_above``, the covariance of
        a component with its reliable part over that with copies, summed over the nets: of the
        lowest order, and of all orders above it together. By `MAIN` after `STUDY_CYCLES`, whatever
        the row says.
    """
    rows = []
    for control, copies in zip(controls, control_results, strict=True):
        if control.exemplars != "copies":
            continue
        place = [point.targets for point in points].index(control.targets)
        own = [
            _cube(results[place].arrays[name], results[place].metrics["targets"], control.depths)
            for name in ("reliability", "reliable_ends")
        ]
        same = [
            _cube(copies.arrays[name], copies.metrics["targets"])
            for name in ("reliability", "reliable_ends")
        ]
        first, above = own[1].sum(axis=(1, 2)) / same[1].sum(axis=(1, 2))
        shares = {"component_first": float(first), "component_above": float(above)}
        rows += [row | shares for row in _family(control, "trained", own[0] / same[0])]
    return pd.DataFrame(rows)


def _family(point: Config, exemplars: str, total: Array) -> list[dict[str, Any]]:
    """A row for each method and number of cycles of a (methods, cycles, L, depths, samples)."""
    place = _place(point) | {
        "exemplars": exemplars,
        "standardised": point.settings.standardised,
    }
    return [
        place | {"method": METHODS[i], "cycles": CYCLES[j]} | _means(total[i, j])
        for i, j in np.ndindex(total.shape[:2])
    ]


def _place(point: Config) -> dict[str, Any]:
    return {"data": point.targets.data.name, "seed": point.targets.seed}


def _cube(
    values: Array, targets: Sequence[dict[str, Any]], depths: Sequence[int] | None = None
) -> Array:
    """Numbers (..., m) of the nets of a family by depth and samples, (..., depths, samples)."""
    found = {(net["depth"], net["samples"]): i for i, net in enumerate(targets)}
    if len(found) < len(targets):
        raise ValueError("two nets of a family have the same depth and samples")
    rows = sorted({depth for depth, _ in found} if depths is None else set(depths))
    columns = sorted({samples for _, samples in found})
    if any((depth, samples) not in found for depth in rows for samples in columns):
        raise ValueError("a family lacks a net")
    order = [found[depth, samples] for depth in rows for samples in columns]
    return values[..., order].reshape(*values.shape[:-1], len(rows), len(columns))


def _means(total: Array) -> dict[str, float]:
    """Of reliabilities (orders, depths, samples)."""
    low = total[:LOW]
    return {
        "rank": _rank(low),
        "rank_fewer": _rank(low[..., :-1]) if low.shape[-1] > 3 else np.nan,
        "gain": float((low[..., -1] - low[..., 0]).mean()),
        "growth": float(np.log(low[..., -1] / low[..., 0]).mean()),
        "level": float(low.mean()),
        "fall": float((total[-1] - total[0]).mean()),
    }


def _rank(values: Array) -> float:
    """Mean over all rows of Spearman's correlation with the places of the last axis.

    Of a row without any trend, because all its values are equal, it is 0.
    """
    places = np.arange(values.shape[-1]) - (values.shape[-1] - 1) / 2
    ranks = rankdata(values, axis=-1) - (values.shape[-1] + 1) / 2
    sizes = np.sqrt(np.square(ranks).sum(axis=-1) * np.square(places).sum())
    return float(np.divide(ranks @ places, sizes, out=np.zeros_like(sizes), where=sizes > 0).mean())


def by_order(points: Sequence[Config], results: Sequence[Result]) -> pd.DataFrame:
    """What is known of each order of each net, by `MAIN` after `STUDY_CYCLES`.

    Returns
    -------
    DataFrame
        Columns ``data``, ``seed``, ``depth``, ``samples`` and ``order``; ``reliable`` and
        ``unreliable``, variance of both parts over that of the whole output; ``uncycled``, the
        first with no cycle; ``angle``, the cosine between the parts; ``fit`` and
        ``exemplar_fit``, what the maps leave of the target's feature and of the exemplars';
        ``shared_variance`` and the largest ``condition`` of a map; ``cycle_error``;
        ``component``, the reliability of the component; ``signal`` and ``reliable_signal``, see
        `component_reliability.run`.
    """
    study = METHODS.index(MAIN), CYCLES.index(STUDY_CYCLES)
    rows = []
    for point, result in zip(points, results, strict=True):
        found = result.arrays
        columns = {
            "reliable": found["reliability"][study],
            "uncycled": found["reliability"][study[0], 0],
            "unreliable": found["unreliable"],
            "angle": found["angle"],
            "fit": found["fit"][..., 0],
            "exemplar_fit": found["fit"][..., 1:].mean(axis=-1),
            "shared_variance": found["shared_variance"],
            "condition": found["condition"].max(axis=-1),
            "cycle_error": found["cycle_error"][study[0]],
            "component": found["component"][study],
            "signal": found["signal"],
            "reliable_signal": found["reliable_signal"],
        }
        for place in np.ndindex(found["signal"].shape):
            order, target = place
            net = result.metrics["targets"][target]
            rows.append(
                _place(point)
                | {
                    "depth": net["depth"],
                    "samples": net["samples"],
                    "order": result.metrics["orders"][order],
                }
                | {name: float(values[place]) for name, values in columns.items()}
            )
    return pd.DataFrame(rows)

"""How layers of a net are held against latents of the same samples: by CKA, and by a read-out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from strata.measures.cka import cka_map
from strata.measures.ridge import cross_fit, fold_labels
from strata.measures.soft_ranks import covariance_rank

CKA_KINDS = {"cka": "rbf", "cka_linear": "linear", "cka_debiased": "debiased"}
"""Names of the measures, and the kinds of CKA; the first is judged."""
FOLDS = 5


def held_against(
    layers: Sequence[ArrayLike | Tensor], targets: Mapping[str, NDArray[np.float64]]
) -> dict[str, list[float] | dict[str, list[float]]]:
    """Soft rank of every layer, its CKA with each of the latents, and their R² from it.

    Parameters
    ----------
    layers
        Activations (n, width) each.
    targets
        Latents (n, k) each.

    Returns
    -------
    dict
        ``covariance_ranks``, a number a layer; ``cka``, ``cka_linear``, ``cka_debiased`` and
        ``r2``, by name of the latents, a number a layer. R² is the share of the latents' summed
        variance that cross-fitted ridge regression recovers; it depends on no rotation of them but
        through the choice of penalties.

    Raises
    ------
    ValueError
        As for `cka_map` and `cross_fit`.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((40, 3))
    >>> found = held_against([x, x[:, :1]], {"own": x})
    >>> [round(value, 3) for value in found["cka"]["own"]][0], round(found["r2"]["own"][0], 3)
    (1.0, 1.0)
    """
    found: dict[str, list[float] | dict[str, list[float]]] = {
        "covariance_ranks": [covariance_rank(layer) for layer in layers]
    }
    count = len(layers)
    for name, kind in CKA_KINDS.items():
        similarity = cka_map([*layers, *targets.values()], kind=kind)[:count, count:]
        found[name] = {
            target: column.tolist() for target, column in zip(targets, similarity.T, strict=True)
        }
    columns = np.concatenate(list(targets.values()), axis=1)
    ends = np.cumsum([values.shape[1] for values in targets.values()])
    folds = fold_labels(len(columns), FOLDS)
    variances = np.split(columns.var(axis=0), ends[:-1])
    shares = [np.split(cross_fit(layer, columns, folds).r2, ends[:-1]) for layer in layers]
    found["r2"] = {
        name: [float(np.average(share[place], weights=variances[place])) for share in shares]
        for place, name in enumerate(targets)
    }
    return found

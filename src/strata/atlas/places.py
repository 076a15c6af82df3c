"""Where the features of a dictionary stand on a map: near to those of similar direction."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

EXACT = 1000
"""Up to so many atoms every pair counts; beyond, the forces of far atoms are summed in groups."""


def layout(atoms: ArrayLike, *, seed: int) -> NDArray[np.float64]:
    """Place the atoms of a dictionary in the unit square, similar directions side by side.

    Only neighbourhood is kept (t-SNE on the cosine distance): the axes, the size of a group and
    the distance of two groups have no meaning. It starts from the two main components and runs in
    one thread, so one machine gives the same bits each time.

    Parameters
    ----------
    atoms : array_like, shape (k, d)
        At least 4 rows, d at least 2. Their lengths do not matter but for the start.
    seed : int

    Returns
    -------
    ndarray, shape (k, 2)
        In [0, 1]; the wider axis fills it, the other is in the middle at the same scale.

    Raises
    ------
    ValueError
        Not a matrix of at least 4 x 2, or a number in it is not finite.

    Notes
    -----
    The perplexity, about the number of neighbours that an atom is held by, is k / 5 within [2, 30].
    Time O(k^2) a step up to `EXACT` atoms, O(k log k) beyond. van der Maaten and Hinton, 2008.

    Examples
    --------
    >>> places = layout(np.eye(6), seed=0)
    >>> places.shape, float(places.min()), float(places.max())
    ((6, 2), 0.0, 1.0)
    """
    rows = np.asarray(atoms, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[0] < 4 or rows.shape[1] < 2:
        raise ValueError(f"a map needs at least 4 atoms of 2 dimensions, not {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError("the atoms are not all finite")
    if np.ptp(rows, axis=0).max() == 0:
        return np.full((len(rows), 2), 0.5)
    engine = TSNE(
        perplexity=float(np.clip(len(rows) / 5, 2, 30)),
        metric="cosine",
        init="pca",
        method="exact" if len(rows) <= EXACT else "barnes_hut",
        random_state=seed,
        n_jobs=1,
    )
    with threadpool_limits(1):
        places = engine.fit_transform(rows).astype(np.float64)
    low, high = places.min(axis=0), places.max(axis=0)
    return np.clip((places - (low + high) / 2) / (high - low).max() + 0.5, 0.0, 1.0)

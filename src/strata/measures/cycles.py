"""Cycles through several networks: what of shared features survives being sent there and back.

Shared features psi predict the features of K networks by linear maps G_1 ... G_K without bias. Maps
H_1 ... H_K are fitted to lead back. One cycle is

.. math:: \\psi \\mapsto P \\psi, \\qquad P = \\frac{1}{K} \\sum_{k=1}^{K} H_k G_k .

A map is a matrix that multiplies a column of features, as the weights of a layer do. So rows are
mapped by ``shared @ G.T``; for a map fitted as ``shared @ B`` give ``B.T``.

**What a cycle can lose.** Where every G_k is invertible, H_k = G_k^-1 makes all errors zero: then
P = I, and any number of cycles changes nothing, whatever the networks share. A cycle contracts only
what some G_k maps to nothing, and what the fit of H gives up: a penalty, or steps that end too soon
for directions that some G_k hardly uses. So a result says by which method H was fitted.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

RANK_TOLERANCE = 1e-6
"""Singular values of mapped features up to this share of the largest count as zero in "pinv".

Features and maps in float32 carry errors of about 1e-7.
"""
_DECAYS, _FLOOR = (0.9, 0.999), 1e-8  # Adam's


def fit_inverses(
    shared: ArrayLike,
    maps: ArrayLike,
    method: Literal["pinv", "ridge", "gradient"] = "pinv",
    *,
    strength: float = 0.01,
    steps: int = 2000,
    rates: tuple[float, float] = (1e-2, 1e-4),
    phases: int = 10,
    rng: np.random.Generator | None = None,
) -> NDArray[np.float64]:
    """Maps that lead from the networks' features back to the shared ones.

    "pinv" and "ridge" minimise, for each map by itself,

    .. math:: \\frac1n \\sum_{i=1}^{n} \\| H_k G_k \\psi_i - \\psi_i \\|^2 + \\lambda_k \\|H_k\\|^2

    with lambda = 0 (the solution of least norm; directions up to `RANK_TOLERANCE` are dropped), or

    .. math:: H_k = M G_k^T (G_k M G_k^T + \\lambda_k I)^{-1}, \\qquad
        \\lambda_k = \\mathrm{strength} \\cdot \\mathrm{tr}(G_k M G_k^T) / j, \\qquad
        M = \\frac1n \\sum_i \\psi_i \\psi_i^T

    where j is the number of mapped features: the penalty is relative to the mean eigenvalue of
    their second moments (not centred, as the maps have no bias). So the scales of psi and G do not
    matter. Of an orthogonal G, P keeps m / (m + lambda) along an eigenvector of M to m.

    "gradient" is the study's way: Adam on the mean squared error of all maps together, with one set
    of H for the features after r - 1 = 0 ... R - 1 cycles, which count as given (no gradient flows
    through them):

    .. math:: \\sum_{k=1}^{K} \\frac{1}{k_\\psi n} \\sum_{i=1}^{n}
        \\| H_k G_k P^{r-1} \\psi_i - P^{r-1} \\psi_i \\|^2

    Here r goes from 1 to R, one step each, and begins again; each step takes all samples. (The
    study: batches of images, and a phase lasts an epoch.) The step size falls evenly on a
    logarithmic scale. As steps have a size, the scale of psi and G matters: standardise features.

    Parameters
    ----------
    shared : array_like, shape (..., n, k)
        psi, a sample in a row. Leading axes are problems of their own.
    maps : array_like, shape (..., K, j, k)
        G_1 ... G_K, with the same leading axes.
    method : {"pinv", "ridge", "gradient"}
    strength : float
        Of the ridge, positive.
    steps, rates, phases
        Of the gradient method: number of steps, first and last step size, R.
    rng : Generator, optional
        Start of the gradient method: uniform from -1 / sqrt(j) to 1 / sqrt(j), as a layer of torch
        starts. Without it from zero, so that what was not learned is lost, not random.

    Returns
    -------
    ndarray, shape (..., K, k, j)
        H_1 ... H_K.

    Raises
    ------
    ValueError
        Shapes that do not fit, an empty array, NaN or infinite values, an unknown method, an option
        out of range, or steps that diverged.

    Notes
    -----
    Source: Ren et al. 2021, section 3.2 and appendix C. Time O(n k^2) once, then O(K k^3) for the
    closed forms and for every step: samples enter through M alone.

    Examples
    --------
    >>> shared = np.random.default_rng(0).standard_normal((50, 2))
    >>> swap = np.array([[[0.0, 2.0], [1.0, 0.0]]])
    >>> (fit_inverses(shared, swap) @ swap).round(6).tolist()
    [[[1.0, 0.0], [0.0, 1.0]]]
    """
    psi, g = _checked(shared, maps)
    root = np.linalg.qr(psi, mode="r") / np.sqrt(psi.shape[-2])  # root.T @ root is M
    if method == "gradient":
        return _descend(root, g, steps, rates, phases, rng)
    mapped = root[..., None, :, :] @ g.mT
    if method == "pinv":
        inverse = np.linalg.pinv(mapped, rcond=RANK_TOLERANCE)
    elif method == "ridge":
        inverse = _ridge(mapped, strength)
    else:
        raise ValueError(f"method must be pinv, ridge or gradient, not {method!r}")
    return root[..., None, :, :].mT @ inverse.mT


def cycle(
    shared: ArrayLike, maps: ArrayLike, inverses: ArrayLike, cycles: int
) -> NDArray[np.float64]:
    """Shared features after a number of cycles through all networks.

    .. math:: \\psi_c = P^c \\psi

    Parameters
    ----------
    shared : array_like, shape (..., n, k)
    maps : array_like, shape (..., K, j, k)
    inverses : array_like, shape (..., K, k, j)
        From `fit_inverses`; they need not have been fitted on these samples.
    cycles : int
        0 gives the features as they are.

    Returns
    -------
    ndarray, shape (..., n, k)

    Raises
    ------
    ValueError
        As for `fit_inverses`, or a negative number of cycles.

    Examples
    --------
    >>> halves = 0.5 * np.eye(2)[None]
    >>> cycle([[8.0, 4.0]], np.eye(2)[None], halves, 2).tolist()
    [[2.0, 1.0]]
    """
    psi, g = _checked(shared, maps)
    h = np.asarray(inverses, dtype=np.float64)
    if h.shape != g.mT.shape:
        raise ValueError(f"inverses {h.shape} do not fit maps {g.shape}")
    if cycles < 0:
        raise ValueError(f"cycles must not be negative, not {cycles}")
    return psi @ np.linalg.matrix_power(_there_and_back(h, g), cycles).mT


def _there_and_back(h: NDArray[np.float64], g: NDArray[np.float64]) -> NDArray[np.float64]:
    """P, (..., k, k)."""
    return (h @ g).mean(axis=-3)


def _ridge(mapped: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """Regularised pseudo-inverse of A, (A^T A + lambda I)^-1 A^T, from its singular values."""
    if not 0 < strength < np.inf:
        raise ValueError(f"strength must be positive, not {strength}")
    left, sizes, right = np.linalg.svd(mapped, full_matrices=False)
    penalty = strength * np.square(sizes).sum(axis=-1, keepdims=True) / mapped.shape[-1]
    kept = np.divide(sizes, sizes**2 + penalty, out=np.zeros_like(sizes), where=sizes > 0)
    return (right.mT * kept[..., None, :]) @ left.mT


def _descend(
    root: NDArray[np.float64],
    g: NDArray[np.float64],
    steps: int,
    rates: tuple[float, float],
    phases: int,
    rng: np.random.Generator | None,
) -> NDArray[np.float64]:
    if steps < 1 or phases < 1 or min(rates) <= 0:
        raise ValueError("steps, phases and rates must be positive")
    h = np.zeros_like(g.mT)
    if rng is not None:
        h = rng.uniform(-1, 1, h.shape) / np.sqrt(h.shape[-1])
    first, second = np.zeros_like(h), np.zeros_like(h)
    unit = np.eye(h.shape[-2])
    for step, rate in enumerate(np.geomspace(*rates, steps)):
        after = root @ np.linalg.matrix_power(_there_and_back(h, g), step % phases).mT
        moments = (after.mT @ after)[..., None, :, :]
        gradient = 2 / len(unit) * (h @ g - unit) @ moments @ g.mT
        first = _DECAYS[0] * first + (1 - _DECAYS[0]) * gradient
        second = _DECAYS[1] * second + (1 - _DECAYS[1]) * gradient**2
        a, b = (1 - decay ** (step + 1) for decay in _DECAYS)
        h = h - rate * (first / a) / (np.sqrt(second / b) + _FLOOR)
    if not np.isfinite(h).all():
        raise ValueError("the steps diverged: take lower rates")
    return h


def _checked(shared: ArrayLike, maps: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    psi, g = np.asarray(shared, dtype=np.float64), np.asarray(maps, dtype=np.float64)
    if psi.ndim < 2 or g.ndim != psi.ndim + 1 or not (psi.size and g.size):
        raise ValueError(
            f"shared {psi.shape} and maps {g.shape} must be (..., n, k), (..., K, j, k)"
        )
    if psi.shape[:-2] != g.shape[:-3] or psi.shape[-1] != g.shape[-1]:
        raise ValueError(f"maps {g.shape} do not fit shared features {psi.shape}")
    if not (np.isfinite(psi).all() and np.isfinite(g).all()):
        raise ValueError("shared features or maps hold NaN or infinite values")
    return psi, g

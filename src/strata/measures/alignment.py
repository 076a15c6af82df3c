"""How well a kernel and its eigenvectors fit a labelling: alignment and edge energy."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from strata.measures.inputs import real_matrix

_ORTHONORMAL_TOLERANCE = 1e-3


def cumulative_alignment(
    eigenvectors: ArrayLike | Tensor, y: ArrayLike | Tensor
) -> NDArray[np.float64]:
    """Share of the labels' squared norm that lies in the span of the first eigenvectors.

    .. math:: A_k = \\sum_{i \\le k} \\langle v_i, y \\rangle^2 / \\|y\\|^2

    Parameters
    ----------
    eigenvectors : array_like, shape (n, k)
        Orthonormal columns, the leading one first.
    y : array_like, shape (n,)
        Labels as numbers, for instance -1 and +1. They are not centred.

    Returns
    -------
    ndarray, shape (k,)
        A_1 to A_k: never falling, from 0 to 1, and 1 at k = n.

    Raises
    ------
    ValueError
        The columns are not orthonormal; shapes do not fit; an input is empty or not finite; `y` is
        zero everywhere.

    Notes
    -----
    Source: Canatar, Bordelon & Pehlevan 2021, "Spectral bias and task-model alignment explain
    generalization in kernel regression", cumulative power distribution.

    Examples
    --------
    >>> cumulative_alignment([[1.0, 0.0], [0.0, 1.0]], [3.0, 4.0]).tolist()
    [0.36, 1.0]
    """
    v = _finite("eigenvectors", eigenvectors, 2)
    labels = _labels(y, len(v))
    if np.abs(v.T @ v - np.eye(v.shape[1])).max() > _ORTHONORMAL_TOLERANCE:
        raise ValueError("the columns of eigenvectors are not orthonormal")
    norm = np.linalg.norm(labels)
    if norm == 0:
        raise ValueError("y is zero everywhere")
    return np.cumsum((v.T @ (labels / norm)) ** 2)


def kernel_target_alignment(kernel: ArrayLike | Tensor, y: ArrayLike | Tensor) -> float:
    """Centred alignment of a kernel with the labels.

    .. math::
        \\frac{\\langle HKH, H y y^T H \\rangle_F}{\\|HKH\\|_F \\, \\|H y y^T H\\|_F},
        \\qquad H = I - 1 1^T / n

    Time and memory O(n^2).

    Parameters
    ----------
    kernel : array_like, shape (n, n)
    y : array_like, shape (n,)
        Labels as numbers. Their scale and offset do not matter.

    Returns
    -------
    float
        From 0 to 1 for a positive semi-definite kernel; 1 if the centred kernel is a multiple of
        that of the centred labels.

    Raises
    ------
    ValueError
        Shapes do not fit; an input is empty or not finite; the labels or the kernel are constant,
        which leaves nothing after centring.

    Notes
    -----
    Source: Cortes, Mohri & Rostamizadeh 2012, "Algorithms for learning kernels based on centered
    alignment", definition 4.

    Examples
    --------
    >>> kernel_target_alignment([[1.0, -1.0], [-1.0, 1.0]], [1.0, -1.0])
    1.0
    """
    k = _finite("kernel", kernel, 2)
    if k.shape[0] != k.shape[1]:
        raise ValueError(f"a kernel must be square, not of shape {k.shape}")
    labels = _labels(y, len(k))
    centred = k - k.mean(axis=0) - k.mean(axis=1, keepdims=True) + k.mean()
    target = labels - labels.mean()
    rounding = len(k) * np.finfo(np.float64).eps
    size, target_size = np.linalg.norm(centred), target @ target
    if target_size <= (rounding * np.abs(labels).max()) ** 2:
        raise ValueError("y is constant, so nothing is left after centring")
    if size <= rounding * np.linalg.norm(k):
        raise ValueError("the kernel is constant, so nothing is left after centring")
    return float(target @ centred @ target / (size * target_size))


def kernel_cka(a: ArrayLike | Tensor, b: ArrayLike | Tensor) -> float:
    """CKA of two kernels on the same points: the cosine of the angle between them, centred.

    .. math::
        \\frac{\\langle HAH, HBH \\rangle_F}{\\|HAH\\|_F \\, \\|HBH\\|_F},
        \\qquad H = I - 1 1^T / n

    Time and memory O(n^2). For representations instead of kernels there is `strata.measures.cka`.

    Parameters
    ----------
    a, b : array_like, shape (n, n)

    Returns
    -------
    float
        From -1 to 1, and from 0 for positive semi-definite kernels; 1 if one centred kernel is a
        positive multiple of the other.

    Raises
    ------
    ValueError
        Shapes do not fit; an input is empty or not finite; a kernel is constant, which leaves
        nothing after centring.

    Notes
    -----
    Source: Kornblith, Norouzi, Lee & Hinton 2019, "Similarity of neural network representations
    revisited", section 3.

    Examples
    --------
    >>> round(kernel_cka([[2.0, 0.0], [0.0, 2.0]], [[1.0, -1.0], [-1.0, 1.0]]), 12)
    1.0
    """
    first, second = real_matrix("a", a).double(), real_matrix("b", b).double()
    if first.shape != second.shape or first.shape[0] != first.shape[1]:
        raise ValueError(
            f"kernels must be square and of one shape, not {(*first.shape,)}, {(*second.shape,)}"
        )
    centred = [k - k.mean(0) - k.mean(1, keepdim=True) + k.mean() for k in (first, second)]
    for kernel, rest in zip((first, second), centred, strict=True):
        if rest.norm() <= len(kernel) * np.finfo(np.float64).eps * kernel.norm():
            raise ValueError("a kernel is constant, so nothing is left after centring")
    one, other = centred
    return float((one * other).sum() / (one.norm() * other.norm()))


def edge_energy(eigenvectors: ArrayLike | Tensor, edge: ArrayLike | Tensor) -> NDArray[np.float64]:
    """Share of each eigenvector's squared entries that lies on the edge.

    .. math:: E_i = \\sum_{j \\in \\mathrm{edge}} v_{ji}^2 / \\sum_j v_{ji}^2

    A vector that ignores the edge has E equal to the share of points on it, ``edge.mean()``.

    Parameters
    ----------
    eigenvectors : array_like, shape (n, k)
    edge : array_like of bool, shape (n,)
        True at the points within some distance of the class boundary.

    Returns
    -------
    ndarray, shape (k,)
        E_1 to E_k, from 0 to 1.

    Raises
    ------
    ValueError
        Shapes do not fit; an input is empty or not finite; `edge` is not boolean; an eigenvector
        is zero everywhere.

    Notes
    -----
    Source: defined for this book, to put a number on the bands along the class boundary that
    pictures of NTK eigenfunctions show.

    Examples
    --------
    >>> edge_energy([[0.6, 1.0], [0.8, 0.0]], [True, False]).round(12).tolist()
    [0.36, 1.0]
    """
    v = _finite("eigenvectors", eigenvectors, 2)
    mask = _array(edge)
    if mask.dtype != np.bool_:
        raise ValueError(f"edge must be boolean, not {mask.dtype}")
    if mask.shape != (len(v),):
        raise ValueError(f"edge must have shape ({len(v)},), not {mask.shape}")
    total = (v**2).sum(axis=0)
    if not total.all():
        raise ValueError("an eigenvector is zero everywhere")
    return (v[mask] ** 2).sum(axis=0) / total


def _array(values: ArrayLike | Tensor) -> NDArray:
    if isinstance(values, Tensor):
        return values.detach().cpu().numpy()
    return np.asarray(values)


def _finite(name: str, values: ArrayLike | Tensor, ndim: int) -> NDArray[np.float64]:
    result = _array(values).astype(np.float64)
    if result.ndim != ndim or result.size == 0:
        raise ValueError(f"{name} must have {ndim} axes and not be empty, not {result.shape}")
    if not np.isfinite(result).all():
        raise ValueError(f"{name} holds NaN or infinite values")
    return result


def _labels(y: ArrayLike | Tensor, n: int) -> NDArray[np.float64]:
    labels = _finite("y", y, 1)
    if len(labels) != n:
        raise ValueError(f"y has {len(labels)} labels for {n} points")
    return labels

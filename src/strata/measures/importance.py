"""Importance of features: how much of the predicted class's logit passes through each."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strata.measures.inputs import real_matrix


def feature_head(atoms: ArrayLike, weight: ArrayLike) -> NDArray[np.float64]:
    """Weights from features to logits, when activations are replaced by codes times atoms.

    .. math:: W' = D W^T, \\qquad y = z D W^T + b = z W' + b

    Parameters
    ----------
    atoms : array_like, shape (k, d)
        The dictionary D.
    weight : array_like, shape (classes, d)
        Of the net's last layer, as torch keeps it.

    Returns
    -------
    ndarray, shape (k, classes)

    Raises
    ------
    ValueError
        An input is not a finite matrix, or they differ in d.

    Notes
    -----
    Source: Fel et al. 2024, "Understanding visual feature reliance through the lens of complexity",
    section 6.

    Examples
    --------
    >>> feature_head([[1.0, 0.0], [0.6, 0.8]], [[2.0, 0.0], [0.0, 5.0]]).round(9).tolist()
    [[2.0, 0.0], [1.2, 4.0]]
    """
    d, w = _matrix("atoms", atoms), _matrix("weight", weight)
    if d.shape[1] != w.shape[1]:
        raise ValueError(f"atoms have {d.shape[1]} columns, the weight {w.shape[1]}")
    return d @ w.T


def importance(
    codes: ArrayLike, head: ArrayLike, classes: ArrayLike, *, signed: bool = False
) -> NDArray[np.float64]:
    """Gradient times input of each feature, averaged over images.

    .. math:: \\Gamma_i = E_x |W'_{i c(x)} \\, z_i(x)|

    It grows with the scale of the codes and with how often a feature is there, so that a
    correlation with anything else that does so needs a control.

    Parameters
    ----------
    codes : array_like, shape (n, k)
    head : array_like, shape (k, classes)
        See `feature_head`.
    classes : array_like of int, shape (n,)
        The class c(x) whose logit counts, for the study the predicted one.
    signed : bool
        Without the absolute value: negative where a feature speaks against the class on average.

    Returns
    -------
    ndarray, shape (k,)
        In units of the logit.

    Raises
    ------
    ValueError
        Shapes do not fit, an input holds NaN or infinite values, or a class does not exist.

    Notes
    -----
    Source: Fel et al. 2024, section 6 and appendix G, where the read-out is linear in the codes so
    that gradient times input is the exact contribution. Time O(n k).

    Examples
    --------
    >>> codes, head = [[1.0, 2.0], [3.0, 0.0]], [[1.0, -1.0], [0.5, 4.0]]
    >>> importance(codes, head, [0, 1]).tolist()
    [2.0, 0.5]
    >>> importance(codes, head, [0, 1], signed=True).tolist()
    [-1.0, 0.5]
    """
    contributions = _contributions(codes, head, classes)
    return (contributions if signed else np.abs(contributions)).mean(axis=0)


def importance_by_class(
    codes: ArrayLike, head: ArrayLike, classes: ArrayLike
) -> NDArray[np.float64]:
    """Signed importance of each feature for each class, over the images of that class.

    Parameters
    ----------
    codes, head, classes
        As for `importance`.

    Returns
    -------
    ndarray, shape (k, classes)
        Mean contribution to the class's own logit; NaN for a class without images.

    Raises
    ------
    ValueError
        As for `importance`.

    Notes
    -----
    Source: Fel et al. 2024, appendix G, whose inhibitors are features of negative mean. Averaged
    over all classes hardly any feature is negative; pairs of feature and class are.

    Examples
    --------
    >>> importance_by_class([[1.0], [3.0], [5.0]], [[2.0, -1.0]], [0, 0, 1]).tolist()
    [[4.0, -5.0]]
    """
    contributions = _contributions(codes, head, classes)
    labels, count = np.asarray(classes), np.asarray(head).shape[1]
    found = np.full((contributions.shape[1], count), np.nan)
    for label in np.unique(labels):
        found[:, label] = contributions[labels == label].mean(axis=0)
    return found


def shuffled_importance(
    codes: ArrayLike,
    atoms: ArrayLike,
    weight: ArrayLike,
    classes: ArrayLike,
    *,
    draws: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Importance of the same features for heads whose input neurons have changed places.

    A shuffled head has the same weights and, for each class, the same length, but reads other
    neurons than it was trained on. The class whose logit counts stays the one that is given: a
    shuffled head's own predictions crowd into a few classes.

    Parameters
    ----------
    codes : array_like, shape (n, k)
    atoms : array_like, shape (k, d)
    weight : array_like, shape (classes, d)
    classes : array_like of int, shape (n,)
        As for `importance`.
    draws : int
        Number of permutations, one for all classes each.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (draws, k)

    Raises
    ------
    ValueError
        As for `feature_head` and `importance`.

    Notes
    -----
    For this book: what the correlation of importance with anything else owes to the codes alone.

    Examples
    --------
    >>> rng, weight = np.random.default_rng(0), [[1.0, 3.0]]
    >>> found = shuffled_importance([[1.0]], [[1.0, 0.0]], weight, [0], draws=20, rng=rng)
    >>> sorted(set(found[:, 0].tolist()))
    [1.0, 3.0]
    """
    neurons = _matrix("weight", weight)
    heads = (feature_head(atoms, rng.permutation(neurons, axis=1)) for _ in range(draws))
    return np.stack([importance(codes, head, classes) for head in heads])


def _contributions(codes: ArrayLike, head: ArrayLike, classes: ArrayLike) -> NDArray[np.float64]:
    """What each feature adds to the logit of each image's class, shape (n, k)."""
    z, w, labels = _matrix("codes", codes), _matrix("head", head), np.asarray(classes)
    if labels.shape != (len(z),) or labels.dtype.kind not in "iu":
        raise ValueError(f"classes must be {len(z)} ints, not {labels.dtype} {labels.shape}")
    if z.shape[1] != len(w):
        raise ValueError(f"codes have {z.shape[1]} columns, the head {len(w)} rows")
    if labels.min() < 0 or labels.max() >= w.shape[1]:
        raise ValueError(f"classes must be from 0 to {w.shape[1] - 1}")
    return z * w[:, labels].T


def _matrix(name: str, values: ArrayLike) -> NDArray[np.float64]:
    return real_matrix(name, values).double().numpy()

"""Components of a feature: what each more complex approximation of it adds.

Nets of growing order approximate one feature f; Phi^(l) is the output of the net of order l, with
l counting the given orders. The component of an order is the difference to the order before:

.. math:: c^{(1)} = \\Phi^{(1)}, \\qquad c^{(l)} = \\Phi^{(l)} - \\Phi^{(l - 1)}

The variance is that over images, averaged over the units of the feature:

.. math:: \\mathrm{Var}[x] = \\frac{1}{k} \\sum_{u=1}^{k} \\frac{1}{n} \\sum_{i=1}^{n}
    (x_{iu} - \\bar x_u)^2

Everywhere `outputs` has the shape (L, n, ...): L nets, lowest order first, n images, and any axes
of units; `feature` has the shape (n, ...). Sums are in float64, times and memory O(size). A
ValueError meets shapes that do not fit, fewer than two images, a feature that does not vary where
something is divided by its variance, and NaN or infinite values; below these are "the usual
errors". Source: Ren et al. 2021, section 3.1, who sum over units; the factor cancels in all ratios.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def components(outputs: ArrayLike) -> NDArray[np.floating]:
    """Split the outputs of nets of growing order into what each order adds, (L, n, ...).

    The components sum to the last output. They have its dtype, if that is a floating one.

    >>> components([[1.0, 2.0], [1.5, 2.0], [1.5, 3.0]]).tolist()
    [[1.0, 2.0], [0.5, 0.0], [0.0, 1.0]]
    """
    stack = _stack(outputs)
    return np.concatenate([stack[:1], np.diff(stack, axis=0)])


def variance(x: ArrayLike) -> float:
    """Variance over images (first axis), averaged over all other axes. The usual errors.

    >>> variance([[0.0, 5.0], [2.0, 5.0]])
    0.5
    """
    return float(np.square(_centred(x)).mean())


def significance(outputs: ArrayLike, feature: ArrayLike) -> NDArray[np.float64]:
    """Variance of each component as a share of the feature's.

    .. math:: \\rho^{(l)} = \\mathrm{Var}[c^{(l)}] / \\mathrm{Var}[f]

    The shares need not sum to one: components may be correlated, and each holds noise of training,
    which counts as if it were signal. See `shared_significance`.

    Parameters
    ----------
    outputs : array_like, shape (L, n, ...)
    feature : array_like, shape (n, ...)

    Returns
    -------
    ndarray, shape (L,)

    Raises
    ------
    ValueError
        The usual errors.

    Examples
    --------
    >>> significance([[[0.0], [3.0]], [[0.0], [4.0]]], [[0.0], [4.0]]).tolist()
    [0.5625, 0.0625]
    """
    stack, whole = _against(outputs, feature)
    return np.array([variance(c) for c in components(stack)]) / whole


def deviation_significance(outputs: ArrayLike, feature: ArrayLike) -> NDArray[np.float64]:
    """Square root of `significance`, (L,): the ratio of standard deviations.

    What figure 3 of the study draws under the name of the variance ratio. Small components look
    larger in it: 1 % of the variance is drawn as 0.1.

    >>> deviation_significance([[[0.0], [3.0]], [[0.0], [4.0]]], [[0.0], [4.0]]).tolist()
    [0.75, 0.25]
    """
    return np.sqrt(significance(outputs, feature))


def residuals(outputs: ArrayLike, feature: ArrayLike) -> NDArray[np.float64]:
    """Share of the feature's variance that each output leaves, ``Var[f - Phi^(l)] / Var[f]``, (L,).

    >>> residuals([[[0.0], [3.0]], [[0.0], [4.0]]], [[0.0], [4.0]]).tolist()
    [0.0625, 0.0]
    """
    stack, whole = _against(outputs, feature)
    target = np.asarray(feature)
    return np.array([variance(target - output) for output in stack]) / whole


def shared_significance(
    outputs_a: ArrayLike, outputs_b: ArrayLike, feature: ArrayLike
) -> NDArray[np.float64]:
    """Part of the significance on which two independently trained chains of nets agree.

    .. math:: \\mathrm{Cov}[c_a^{(l)}, c_b^{(l)}] / \\mathrm{Var}[f]
        = \\tfrac12 (\\rho_a^{(l)} + \\rho_b^{(l)} - \\delta^{(l)}), \\qquad
        \\delta^{(l)} = \\mathrm{Var}[c_a^{(l)} - c_b^{(l)}] / \\mathrm{Var}[f]

    Where c = s + e, with s the same in both chains and the noise e of each independent of the
    other's and zero on average, this is Var[s] / Var[f] on average; the significance is too large
    by Var[e] / Var[f]. It can be negative.

    Parameters
    ----------
    outputs_a, outputs_b : array_like, shape (L, n, ...)
        Of the two chains, for the same orders and images.
    feature : array_like, shape (n, ...)

    Returns
    -------
    ndarray, shape (L,)

    Raises
    ------
    ValueError
        The usual errors.

    Examples
    --------
    >>> f, a, b = np.random.default_rng(0).standard_normal((3, 5000, 4))
    >>> float(significance([f + a], f)[0].round(1))
    2.0
    >>> float(shared_significance([f + a], [f + b], f)[0].round(1))
    1.0
    """
    a, b, whole = _two_against(outputs_a, outputs_b, feature)
    pairs = zip(components(a), components(b), strict=True)
    return np.array([_covariance(x, y) for x, y in pairs]) / whole


def seed_floor(
    outputs_a: ArrayLike, outputs_b: ArrayLike, feature: ArrayLike
) -> NDArray[np.float64]:
    """What a component would be between two nets of the same order: noise of training alone, (L,).

    .. math:: \\mathrm{Var}[\\Phi_a^{(l)} - \\Phi_b^{(l)}] / \\mathrm{Var}[f]

    It holds the noise of two nets, as a component does. With the components of the two chains in
    the place of their outputs it is delta of `shared_significance`.

    >>> seed_floor([[[0.0], [3.0]]], [[[0.0], [4.0]]], [[0.0], [4.0]]).tolist()
    [0.0625]
    """
    a, b, whole = _two_against(outputs_a, outputs_b, feature)
    return np.array([variance(x - y) for x, y in zip(a, b, strict=True)]) / whole


def improvement_ratio(outputs: ArrayLike, feature: ArrayLike) -> NDArray[np.float64]:
    """How much closer to the feature each component leads, per variance of the component.

    .. math:: q^{(l)} = \\frac{\\mathrm{Var}[f - \\Phi^{(l-1)}] - \\mathrm{Var}[f - \\Phi^{(l)}]}
        {\\mathrm{Var}[c^{(l)}]}

    Where c = s + e, with an improvement s that is uncorrelated with what is left of f after it, and
    a noise e uncorrelated with both, the numerator is Var[s] - Var[e] and the denominator
    Var[s] + Var[e]: (1 - q) / 2 is the share of noise in the component. A component that goes in
    the right direction but not far enough has q above 1.

    The result is for the second order and those after it, (L - 1,). A ValueError where there is one
    order only, where a component does not vary, and the usual errors.

    >>> improvement_ratio([[[0.0], [3.0]], [[0.0], [4.0]]], [[0.0], [4.0]]).tolist()
    [1.0]
    """
    share = significance(outputs, feature)[1:]
    if not share.size or not share.all():
        raise ValueError("the ratio needs a second order, and components that vary")
    return -np.diff(residuals(outputs, feature)) / share


def cosine(a: ArrayLike, b: ArrayLike) -> float:
    """Cosine between two arrays (n, ...), after each unit's mean over images is taken off.

    A ValueError where one of them does not vary, and the usual errors.

    >>> cosine([[0.0], [1.0]], [[5.0], [3.0]])
    -1.0
    """
    size = np.sqrt(variance(a)) * np.sqrt(variance(b))
    if size == 0:
        raise ValueError("a or b does not vary: no cosine is defined")
    return float(np.clip(_covariance(a, b) / size, -1, 1))


def mean_order(shares: ArrayLike, orders: ArrayLike) -> float:
    """Mean binary logarithm of the orders (L,), weighted by the shares (L,) that they hold.

    The shares are divided by their sum. Negative ones, which `shared_significance` can give, are
    refused: to clip them would bias the mean, so the caller decides. Other errors: shapes that do
    not fit, no positive share, orders that are not positive, NaN or infinite values.

    >>> mean_order([1.0, 1.0], [2, 8])
    2.0
    """
    weights, places = _shares(shares), np.asarray(orders, dtype=np.float64)
    if places.shape != weights.shape:
        raise ValueError(f"{weights.size} shares do not fit orders of the shape {places.shape}")
    if not (np.isfinite(places).all() and (places > 0).all()):
        raise ValueError("orders must be positive and finite")
    return float(weights @ np.log2(places))


def total_variation(p: ArrayLike, q: ArrayLike) -> float:
    """Half the summed absolute difference of two sets of shares (L,), each divided by its sum.

    0 for sets that are equal up to a factor, 1 for sets that are nowhere both positive. Negative
    shares and the other errors as in `mean_order`.

    >>> total_variation([3.0, 1.0], [1.0, 1.0])
    0.25
    """
    first, second = _shares(p), _shares(q)
    if first.shape != second.shape:
        raise ValueError(f"p and q have {first.size} and {second.size} shares")
    return float(np.abs(first - second).sum() / 2)


def rows(x: ArrayLike) -> NDArray[np.generic]:
    """Positions as samples: (n, k) stays as it is, (n, k, h, w) becomes (n * h * w, k).

    >>> rows(np.arange(8).reshape(1, 2, 2, 2)).tolist()
    [[0, 4], [1, 5], [2, 6], [3, 7]]
    """
    array = np.asarray(x)
    if array.ndim not in (2, 4):
        raise ValueError(f"features must have 2 or 4 axes, not the shape {array.shape}")
    return array if array.ndim == 2 else np.moveaxis(array, 1, -1).reshape(-1, array.shape[1])


def _stack(outputs: ArrayLike) -> NDArray[np.floating]:
    """Outputs of at least one net, as a floating array."""
    stack = np.asarray(outputs)
    if stack.ndim < 2 or not len(stack):
        raise ValueError(f"outputs must have the shape (L, n, ...), not {stack.shape}")
    return stack if np.issubdtype(stack.dtype, np.floating) else stack.astype(np.float64)


def _centred(x: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(x, dtype=np.float64)
    if not array.size or len(array) < 2:
        raise ValueError(f"a variance needs at least 2 images and a unit, not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("there are NaN or infinite values")
    return array - array.mean(axis=0)


def _covariance(a: ArrayLike, b: ArrayLike) -> float:
    if np.shape(a) != np.shape(b):
        raise ValueError(f"shapes {np.shape(a)} and {np.shape(b)} do not fit")
    return float((_centred(a) * _centred(b)).mean())


def _against(outputs: ArrayLike, feature: ArrayLike) -> tuple[NDArray[np.floating], float]:
    """Outputs, and the variance of the feature that they are compared with."""
    stack, whole = _stack(outputs), variance(feature)
    if stack.shape[1:] != np.shape(feature):
        raise ValueError(f"outputs {stack.shape} do not fit the feature {np.shape(feature)}")
    if whole == 0:
        raise ValueError("the feature does not vary")
    return stack, whole


def _two_against(
    outputs_a: ArrayLike, outputs_b: ArrayLike, feature: ArrayLike
) -> tuple[NDArray[np.floating], NDArray[np.floating], float]:
    (a, whole), (b, _) = _against(outputs_a, feature), _against(outputs_b, feature)
    if len(a) != len(b):
        raise ValueError(f"the chains have {len(a)} and {len(b)} orders")
    return a, b, whole


def _shares(values: ArrayLike) -> NDArray[np.float64]:
    shares = np.asarray(values, dtype=np.float64)
    if shares.ndim != 1 or not np.isfinite(shares).all() or (shares < 0).any():
        raise ValueError("shares must be a vector of finite values that are not negative")
    if not shares.sum():
        raise ValueError("all shares are zero")
    return shares / shares.sum()

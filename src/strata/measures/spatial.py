"""Spatial statistics of feature maps: smooth like a shape, or like noise?

Maps have the shape (n, c, h, w): n images, c channels. From each map its own mean is taken off.
Sums run over all maps before anything is divided, so that a map counts by its variance and a map
without any does not count. Maps may be small; what the edges do is said at each function.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def lag_one_autocorrelation(maps: ArrayLike) -> float:
    """Correlation of neighbours in a map: mean of the horizontal and of the vertical one.

    .. math:: r = \\frac12 \\sum_{d \\in \\{\\to, \\downarrow\\}}
        \\frac{\\frac{1}{|P_d|} \\sum_{(a, b) \\in P_d} z_a z_b}{\\frac{1}{hw} \\sum_a z_a^2}

    with P_d the neighbouring places in direction d, z the map without its mean, and both sums over
    all maps.

    Parameters
    ----------
    maps : array_like, shape (n, c, h, w)
        With h and w at least 2.

    Returns
    -------
    float
        1: neighbours are alike. -1: a chessboard. Noise without any order gives
        ``-1 / (h w - 1)`` on average, not 0, since the mean of the same few numbers is taken off:
        -0.067 on 4 x 4.

    Raises
    ------
    ValueError
        Not four axes, maps that are too small or do not vary, NaN or infinite values.

    Notes
    -----
    Moran's I (1950) with the neighbours to the right and below. Edges: only pairs inside the map
    count, none across its edge. A slope over w places has ``(w - 3) / (w - 1)`` in its direction:
    1/3 for 4 places. Time O(size).

    Examples
    --------
    >>> lag_one_autocorrelation([[[[1.0, -1.0], [-1.0, 1.0]]]])
    -1.0
    """
    z = _centred(maps)
    size = np.square(z).mean()
    across = (z[..., 1:] * z[..., :-1]).mean()
    down = (z[..., 1:, :] * z[..., :-1, :]).mean()
    return float((across + down) / (2 * size))


def high_frequency_share(maps: ArrayLike, cutoff: float = 0.5) -> float:
    """Share of the variance of maps in waves that are shorter than a cut-off.

    .. math:: \\sum_{|\\nu| > c / 2} |\\hat z_\\nu|^2 \\Big/ \\sum_{\\nu \\ne 0} |\\hat z_\\nu|^2

    with z the map, its discrete Fourier transform over both axes, frequencies in cycles a pixel,
    and c the cut-off as a share of the Nyquist frequency, one cycle in two pixels. Frequencies at
    the cut-off itself count as low.

    Parameters
    ----------
    maps : array_like, shape (n, c, h, w)
        With h and w at least 2.
    cutoff : float
        From 0 (all is high) on. At the root of 2 and above nothing is high.

    Returns
    -------
    float
        From 0 to 1. White noise has the share of frequencies that are high: 11 of 15 on 4 x 4 and
        51 of 63 on 8 x 8 with the cut-off at 0.5.

    Raises
    ------
    ValueError
        As for `lag_one_autocorrelation`, or a negative cut-off.

    Notes
    -----
    Edges: the transform takes the left edge for the neighbour of the right one. A slope has a jump
    there, and so a high-frequency share without being rough: compare maps of one size. No window is
    laid over the maps, which would leave little of 4 x 4. Time O(size log(h w)).

    Examples
    --------
    >>> wave = np.cos(2 * np.pi * np.arange(8) / 8) + np.zeros((1, 1, 8, 8))
    >>> round(high_frequency_share(wave), 6), round(high_frequency_share(wave, cutoff=0.2), 6)
    (0.0, 1.0)
    """
    if cutoff < 0:
        raise ValueError(f"cutoff must not be negative, not {cutoff}")
    z = _centred(maps)
    power = np.square(np.abs(np.fft.fft2(z))).sum(axis=(0, 1))
    frequency = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, power.shape), indexing="ij"))
    return float(power[frequency > cutoff / 2 * (1 + 1e-9)].sum() / power.sum())


def phase_shuffled(maps: ArrayLike, rng: np.random.Generator) -> NDArray[np.float64]:
    """Maps of the same power at every frequency, with the phases of white noise.

    Waves stay as strong as they were, but no longer meet to make edges or spots. Mean and variance
    of each map, `high_frequency_share`, and the autocorrelation of neighbours **with** those across
    the edge are kept exactly. So the first cannot tell the two apart, and of
    `lag_one_autocorrelation`, which leaves the edge out, only the part that comes from the edges
    can. To ask whether maps are smoother than noise, compare with the values of white noise.

    Parameters
    ----------
    maps : array_like, shape (n, c, h, w)
        With h and w at least 2. Each map and channel gets phases of its own.
    rng : Generator

    Returns
    -------
    ndarray, shape (n, c, h, w)

    Raises
    ------
    ValueError
        As for `lag_one_autocorrelation`.

    Notes
    -----
    Source: Theiler et al. 1992, "Testing for nonlinearity in time series". The phases are those of
    real noise, so the result is real. Time O(size log(h w)).

    Examples
    --------
    >>> spot = np.zeros((1, 1, 4, 4))
    >>> spot[0, 0, 1, 1] = 1.0
    >>> moved = phase_shuffled(spot, np.random.default_rng(0))
    >>> bool(moved.max() < 0.9), float(np.square(moved).sum().round(6))
    (True, 1.0)
    """
    z = _centred(maps)
    mean = np.asarray(maps, dtype=np.float64).mean(axis=(2, 3), keepdims=True)
    noise = np.fft.rfft2(rng.standard_normal(z.shape))
    shuffled = np.abs(np.fft.rfft2(z)) * noise / np.abs(noise)
    return np.fft.irfft2(shuffled, s=z.shape[2:]) + mean


def _centred(maps: ArrayLike) -> NDArray[np.float64]:
    """Maps, each without its mean."""
    array = np.asarray(maps, dtype=np.float64)
    if array.ndim != 4 or not array.size or min(array.shape[2:]) < 2:
        raise ValueError(f"maps must be (n, c, h, w) with h and w at least 2, not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("maps hold NaN or infinite values")
    if (array == array[..., :1, :1]).all():
        raise ValueError("maps must vary: all are constant")
    return array - array.mean(axis=(2, 3), keepdims=True)

"""What a reconstructed image has of its original, beside the distance that was made small.

Images are arrays (n, c, h, w); each measure gives a number an image, in float64.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from strata.measures.smoothing import blur

CUT = 0.25
"""Spatial frequency in cycles a pixel from which `hf` counts a wave as fine."""

_ROUNDING = 1e-9  # size against the image up to which what is left of it counts as nothing


def pearson(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Correlation of each image with its partner, over all pixels and channels.

    .. math:: \\frac{\\langle a - \\bar a, b - \\bar b \\rangle}
        {\\|a - \\bar a\\| \\|b - \\bar b\\|}

    Parameters
    ----------
    a, b : array_like, shape (n, c, h, w)

    Returns
    -------
    ndarray, shape (n,)
        From -1 to 1. Brightness and contrast of the whole image change nothing.

    Raises
    ------
    ValueError
        Not four axes, empty, NaN or infinite values; the shapes differ; an image is constant,
        where the formula is 0/0.

    Notes
    -----
    Source: Pearson 1895. The mean is one number an image, not one a channel, so that two images of
    one tint correlate. Time O(size).

    Examples
    --------
    >>> a = np.arange(8.0).reshape(1, 2, 2, 2)
    >>> pearson(a, 1 - 2 * a).round(12).tolist()
    [-1.0]
    """
    first, second = _pair(a, b)
    return _correlation(first, second, (first, second))


def hpcorr(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Correlation of the fine parts of each image and its partner: edges and texture, not tints.

    .. math:: \\mathrm{pearson}(a - BBa,\\ b - BBb)

    with B a Gaussian blur of 3 x 3 pixels and width one pixel, mirrored at the border.

    Parameters
    ----------
    a, b : array_like, shape (n, c, h, w)
        At least 2 pixels high and wide.

    Returns
    -------
    ndarray, shape (n,)
        From -1 to 1. White noise has 0 with any image on average.

    Raises
    ------
    ValueError
        As for `pearson`; an image is smaller than 2 x 2, or has no fine part.

    Notes
    -----
    Ours; no measure of the study, which judges by eye. Time O(size).

    Examples
    --------
    >>> a = np.random.default_rng(0).random((1, 3, 8, 8))
    >>> tinted = a + np.reshape([-2.0, 0.0, 2.0], (1, 3, 1, 1))
    >>> hpcorr(a, tinted).round(12).tolist(), bool(pearson(a, tinted)[0] < 0.3)
    ([1.0], True)
    """
    first, second = _pair(a, b)
    if min(first.shape[2:]) < 2:
        raise ValueError(f"images must be at least 2 x 2, not {first.shape[2:]}")
    return _correlation(_fine(first), _fine(second), (first, second))


def mem(made: ArrayLike, original: ArrayLike, start: ArrayLike) -> NDArray[np.float64]:
    """How much of the way from the original to the start is left: the memory of the start.

    .. math:: \\frac{\\langle \\hat x - x, x_0 - x \\rangle}{\\|x_0 - x\\|^2}

    Parameters
    ----------
    made : array_like, shape (n, c, h, w)
        Reconstructions.
    original, start : array_like, shape (n, c, h, w)
        What they were to give, and where they began.

    Returns
    -------
    ndarray, shape (n,)
        0 for the original and whatever differs from it at right angles to the way; 1 for the start.

    Raises
    ------
    ValueError
        As for `pearson`, but images may be constant; a start is its original.

    Notes
    -----
    Ours; for plain gradient descent on a linear map it is at least the share of the way, in squared
    length, that lies in the null space of the map. Time O(size).

    Examples
    --------
    >>> a, start = np.zeros((1, 1, 2, 2)), np.ones((1, 1, 2, 2))
    >>> mem([[[[1.0, 0.0], [0.0, 0.0]]]], a, start).tolist()
    [0.25]
    """
    first, second = _pair(made, original)
    way = _flat(_pair(start, original)[0] - second)
    lengths = (way**2).sum(axis=1)
    if not lengths.all():
        raise ValueError("a start is its original: no way to remember")
    return (_flat(first - second) * way).sum(axis=1) / lengths


def hf(images: ArrayLike) -> NDArray[np.float64]:
    """Share of an image's power in fine waves, of more than a quarter of a cycle a pixel.

    .. math:: \\sum_{|f| > 1/4} |\\hat a(f)|^2 \\Big/ \\sum_{f} |\\hat a(f)|^2

    with the mean of each channel removed, the frequency f taken radially, and powers summed over
    the channels.

    Parameters
    ----------
    images : array_like, shape (n, c, h, w)
        Images, or differences of images.

    Returns
    -------
    ndarray, shape (n,)
        From 0 to 1. White noise has about 1 - pi/16 = 0.80, photographs a few hundredths.

    Raises
    ------
    ValueError
        Not four axes, empty, NaN or infinite values; all channels of an image are constant.

    Notes
    -----
    Ours; no measure of the study. Time O(size log(h w)).

    Examples
    --------
    >>> stripes = np.tile([0.0, 1.0], (1, 1, 8, 4))
    >>> hf(stripes).tolist(), hf(np.repeat(stripes, 4, axis=3)).round(2).tolist()
    ([1.0], [0.15])
    """
    values = _images("images", images)
    centred = values - values.mean(axis=(2, 3), keepdims=True)
    power = (np.abs(np.fft.fft2(centred)) ** 2).sum(axis=1)
    total = power.sum(axis=(1, 2))
    if (total <= _ROUNDING**2 * power[0].size * (values**2).sum(axis=(1, 2, 3))).any():
        raise ValueError("an image is constant: it has no waves")
    rows, columns = (np.fft.fftfreq(side) for side in values.shape[2:])
    fine = np.hypot(rows[:, None], columns) > CUT
    return power[:, fine].sum(axis=1) / total


def inverted(
    embedding: ArrayLike,
    inputs: ArrayLike,
    reference: ArrayLike,
    reference_input: ArrayLike,
) -> NDArray[np.bool_]:
    """Whether a reconstruction is nearer than the reference at the layer, and farther in the input.

    .. math:: m_g < m_r \\quad\\text{and}\\quad \\|\\hat x - x\\| > \\|x' - x\\|

    Parameters
    ----------
    embedding, inputs : array_like
        Distances of reconstruction and original at the layer (m_g) and in the input.
    reference, reference_input : array_like
        The same of a reference x', the original with a little noise; all broadcast together.

    Returns
    -------
    ndarray of bool

    Raises
    ------
    ValueError
        A distance is negative, NaN or infinite; shapes that do not broadcast.

    Notes
    -----
    Source: Badger 2022, the two conditions under which the study calls a representation not
    unique. A small m_r is needed for it to say anything: where the reference is as far at the
    layer as another image is, any image may pass. Time O(size).

    Examples
    --------
    >>> inverted([0.5, 0.5, 2.0], [9.0, 1.0, 9.0], 1.0, 3.0).tolist()
    [True, False, False]
    """
    arrays = [np.asarray(v, dtype=np.float64) for v in (embedding, reference, inputs)]
    m_g, m_r, m_i, other = np.broadcast_arrays(*arrays, np.asarray(reference_input, float))
    for values in (m_g, m_r, m_i, other):
        if not (np.isfinite(values) & (values >= 0)).all():
            raise ValueError("distances must be finite and not negative")
    return (m_g < m_r) & (m_i > other)


def _images(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 4 or not array.size:
        raise ValueError(f"{name} must be images (n, c, h, w) and not empty, not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} hold NaN or infinite values")
    return array


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = _images("images", a), _images("images", b)
    if first.shape != second.shape:
        raise ValueError(f"images of the shapes {first.shape} and {second.shape} are no pairs")
    return first, second


def _flat(images: NDArray[np.float64]) -> NDArray[np.float64]:
    return images.reshape(len(images), -1)


def _fine(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """What two blurs take away."""
    return images - blur(blur(torch.tensor(images), 1.0), 1.0).numpy()


def _correlation(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    of: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Correlation of parts of the images `of`, refused where a part is rounding."""
    rows = []
    for part, whole in zip((a, b), of, strict=True):
        centred = _flat(part) - _flat(part).mean(axis=1, keepdims=True)
        size = np.linalg.norm(centred, axis=1)
        if (size <= _ROUNDING * np.linalg.norm(_flat(whole), axis=1)).any():
            raise ValueError("an image is constant: no correlation is defined")
        rows.append(centred / size[:, None])
    return np.clip((rows[0] * rows[1]).sum(axis=1), -1, 1)

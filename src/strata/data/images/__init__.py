"""Colour images as arrays: what they are, where they come from, and one image from its bytes."""

import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageOps

from strata.data.fingerprint import fingerprint
from strata.data.images.location import DataError

# Formats by content; PIL would run another program for some of the others.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
# What PIL turns into 8-bit RGB without losing range: 16-bit and float images are not among them.
_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled colour images of one size.

    Parameters
    ----------
    images
        uint8, shape (n, 3, h, w): red, green and blue from 0 to 255.
    labels
        int64, shape (n,): places in `classes`.
    classes
        Names of the classes, each once.
    source
        What the images are, as a page says it: "CIFAR-10, JPEG copy".
    split
        "train", "test" or "val"; "all" where there are no splits.

    Raises
    ------
    ValueError
        Shapes, types or labels do not fit, or there is no image.

    Examples
    --------
    >>> images = np.zeros((4, 3, 2, 2), np.uint8)
    >>> dots = ImageSet(images, np.array([0, 1, 1, 0]), ("black", "white"), "dots", "all")
    >>> len(dots), dots.subset(2, np.random.default_rng(0)).counts().tolist()
    (4, [1, 1])
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    source: str
    split: str

    def __post_init__(self) -> None:
        shape = self.images.shape
        if self.images.dtype != np.uint8 or len(shape) != 4 or shape[1] != 3:
            raise ValueError(f"images must be uint8 (n, 3, h, w), not {self.images.dtype} {shape}")
        if self.labels.dtype != np.int64 or self.labels.shape != shape[:1]:
            raise ValueError(
                f"labels must be int64 ({shape[0]},), not {self.labels.dtype} {self.labels.shape}"
            )
        if 0 in shape:
            raise ValueError(f"there is no image in an array of shape {shape}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"a class has its name once: {self.classes}")
        if not (self.labels.min() >= 0 and self.labels.max() < len(self.classes)):
            raise ValueError(f"labels must be from 0 to {len(self.classes) - 1}")

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> NDArray[np.int64]:
        """Number of images of each class, shape (classes,)."""
        return np.bincount(self.labels, minlength=len(self.classes))

    def fingerprint(self) -> str:
        """Fingerprint of images, labels and class names; source and split do not matter."""
        return fingerprint(self.images, self.labels, np.array(self.classes))

    def take(self, indices: ArrayLike) -> "ImageSet":
        """The images at these places, in this order."""
        indices = np.asarray(indices)
        return replace(self, images=self.images[indices], labels=self.labels[indices])

    def subset(self, n: int, rng: np.random.Generator) -> "ImageSet":
        """Draw n images without repetition, balanced by class; see `balanced`."""
        return self.take(balanced(self.labels, self.classes, n, rng))


def balanced(
    labels: NDArray[np.int64], classes: Sequence[str], n: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw the places of n samples without repetition: every class n / k times, up to one.

    Parameters
    ----------
    labels : array of int64, shape (N,)
    classes
        Names of the k classes.
    n
        From 1 to N. Which classes have one more than others is drawn, too. With N all samples are
        taken, however many each class has.
    rng
        The same state gives the same places.

    Returns
    -------
    array of int64, shape (n,)
        In random order, so that any part of it is about balanced.

    Raises
    ------
    ValueError
        n is below 1, or a class has too few samples: a set that leans to the other classes would
        not be balanced.

    Examples
    --------
    >>> places = balanced(np.array([0, 0, 0, 1, 1]), ("a", "b"), 4, np.random.default_rng(0))
    >>> sorted(places.tolist())[2:]
    [3, 4]
    """
    if n < 1:
        raise ValueError(f"a subset has at least one sample, not {n}")
    if n == len(labels):
        return rng.permutation(n)
    quota = np.full(len(classes), n // len(classes))
    quota[rng.permutation(len(classes))[: n % len(classes)]] += 1
    chosen = []
    for label, wanted in enumerate(quota):
        places = np.flatnonzero(labels == label)
        if len(places) < wanted:
            raise ValueError(
                f"{n} samples balanced over {len(classes)} classes take {wanted} of "
                f"{classes[label]!r}, which has {len(places)}"
            )
        chosen.append(rng.permutation(places)[:wanted])
    return rng.permutation(np.concatenate(chosen))


def decode(content: bytes, name: str, size: int | None = None) -> tuple[NDArray[np.uint8], str]:
    """Decode an image file with PIL.

    Parameters
    ----------
    content
        The file's bytes: JPEG, PNG, BMP, GIF (its first picture), WebP, TIFF or PPM.
    name
        What an error calls it.
    size
        As in `brought_to`; None leaves the image as it is.

    Returns
    -------
    image : array of uint8, shape (3, h, w)
        Grayscale is repeated in the three channels; transparency is dropped.
    format : str
        PIL's name for the format, by content: "JPEG", "PNG", …

    Raises
    ------
    DataError
        The bytes are no image or a damaged one, or it has more than 8 bits a channel.
    """
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            image.load()
            form, mode = image.format, image.mode
            rgb = image if mode == "RGB" or mode not in _MODES else image.convert("RGB")
    except (*_DAMAGED, Image.DecompressionBombError) as error:
        raise DataError(f"{name} cannot be read as an image: {error}") from error
    if mode not in _MODES:
        raise DataError(f"{name} has pixels of type {mode}: make it an image of 8 bits a channel")
    if size is not None:
        rgb = brought_to(rgb, size)
    return np.asarray(rgb).transpose(2, 0, 1), form


def brought_to(image: Image.Image, size: int) -> Image.Image:
    """Scale an image so that its shorter side has `size` pixels, and crop it to the centre.

    Bilinear with antialiasing. An image of this size keeps its bits.

    Raises
    ------
    ValueError
        The size is below 1.
    """
    if size < 1:
        raise ValueError(f"a size is at least 1 pixel, not {size}")
    if image.size == (size, size):
        return image
    return ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)

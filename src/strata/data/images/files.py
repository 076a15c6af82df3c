"""Images of the reader's own: class folders and archives of them, ``.npz`` files, and folders
that are too large for the memory.
"""

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from strata.data.fingerprint import fingerprint
from strata.data.images import ImageSet, balanced, brought_to, decode
from strata.data.images.archives import content_key, entries
from strata.data.images.cache import cached
from strata.data.images.class_folders import ALL, arranged, is_image, placed
from strata.data.images.location import DataError, existing


def load_images(
    location: Path | str,
    *,
    size: int | None = None,
    split: str | None = None,
    source: str | None = None,
) -> ImageSet:
    """Load all images of a split into memory.

    Parameters
    ----------
    location
        A folder or an archive (zip, tar, tar.gz, tar.bz2, tar.xz) with ``[split/]class/file``, or
        an ``.npz`` with ``images`` (uint8: (n, h, w, 3), (n, 3, h, w) or gray (n, h, w)),
        ``labels`` (integers from 0, (n,) or (n, 1)) and, where the classes have names,
        ``classes`` (text, (k,)). An ``.npz`` with splits has ``train_images``, ``train_labels``
        and so on.
    size
        Side in pixels to which images are scaled and cropped, see `strata.data.images.brought_to`;
        None if all have one size already.
    split
        "train", "test", "val" or "valid" where the set has splits, else None.
    source
        What a page says of the images; by default "own images" and the last part of `location`.

    Returns
    -------
    ImageSet
        By class and then by file name, classes in the order of their names; an ``.npz`` keeps its
        order.

    Raises
    ------
    DataError
        There is nothing, an image is damaged, a class is empty, or the layout is another one. The
        message names the file.

    Notes
    -----
    Decoded folders and archives are kept, see `strata.data.images.cache`. Memory: twice the arrays
    while they are made; for larger sets there is `ImageFolder`.
    """
    path = existing(location)
    source = source or f"own images: {path.name}"
    split = split or ALL
    if path.suffix == ".npz":
        return _from_npz(path, size, split, source)
    key = content_key(path, lambda name: is_image(name) and placed(name).split == split)
    build = lambda: replace(decode_all(path, size, split)[0], source=source)  # noqa: E731
    return cached((key, str(size), split, source), build)


def decode_all(path: Path, size: int | None, split: str) -> tuple[ImageSet, frozenset[str]]:
    """Decode a split of a folder or an archive in one pass, without keeping anything.

    Returns
    -------
    images : ImageSet
        Its source is empty.
    formats : frozenset of str
        What the files are by their content: "JPEG", "PNG", …
    """
    names, folders, decoded, formats = [], [], {}, set()
    for entry in entries(path):
        if entry.is_folder:
            folders.append(entry.name)
        elif is_image(entry.name):
            names.append(entry.name)
            if placed(entry.name).split == split:
                decoded[entry.name], found = decode(entry.read(), entry.name, size)
                formats.add(found)
    classes, files, labels = arranged(names, folders, split, path.name)
    images = _stacked({name: decoded[name] for name in files})
    return ImageSet(images, labels, classes, "", split), frozenset(formats)


@dataclass(frozen=True, eq=False)
class ImageFolder:
    """The files of a split of class folders, none of them read yet: for ImageNet and the like.

    Parameters
    ----------
    root, split
        The folder, and the split or "all".
    classes, files, labels
        Names of the classes, names of the n files below `root`, int64 (n,).
    """

    root: Path
    split: str
    classes: tuple[str, ...]
    files: tuple[str, ...]
    labels: NDArray[np.int64]

    @classmethod
    def at(cls, root: Path | str, split: str | None = None) -> "ImageFolder":
        """List a folder and check its layout: no empty class, the same classes in all splits.

        Linear in the number of files, of which only names are read.

        Raises
        ------
        DataError
            There is no such folder or split, or the layout is another one.
        """
        path = existing(root)
        if not path.is_dir():
            raise DataError(f"{path.name} is no folder: unpack it first, or use load_images")
        names, folders = [], []
        for entry in entries(path):
            if entry.is_folder or is_image(entry.name):
                (folders if entry.is_folder else names).append(entry.name)
        split = split or ALL
        return cls(path, split, *arranged(names, folders, split, path.name))

    def __len__(self) -> int:
        return len(self.files)

    def load(self, places: ArrayLike, size: int, source: str | None = None) -> ImageSet:
        """Decode the images at these places, in this order; parameters as in `load_images`.

        Raises
        ------
        DataError
            A file is gone or damaged; the message names it.
        """
        places = np.asarray(places, np.int64)
        images = {}
        for name in (self.files[place] for place in places):
            try:
                content = (self.root / name).read_bytes()
            except OSError as error:
                raise DataError(f"{name} cannot be read: {error}") from error
            images[name] = decode(content, name, size)[0]
        stacked = np.stack([images[self.files[place]] for place in places])
        source = source or f"own images: {self.root.name}"
        return ImageSet(stacked, self.labels[places], self.classes, source, self.split)

    def subset(self, n: int, size: int, rng: np.random.Generator) -> ImageSet:
        """Draw and decode n images, balanced by class as in `strata.data.images.balanced`."""
        return self.load(balanced(self.labels, self.classes, n, rng), size)

    def listing_fingerprint(self) -> str:
        """Fingerprint of names and byte counts: blind to a change of content that keeps both."""
        sizes = [(self.root / name).stat().st_size for name in self.files]
        return fingerprint(np.array(self.files), np.array(sizes, np.int64))


def _stacked(images: dict[str, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    (first, (_, height, width)), *_ = ((name, image.shape) for name, image in images.items())
    for name, image in images.items():
        if image.shape != (3, height, width):
            raise DataError(
                f"{name} has {image.shape[2]} × {image.shape[1]} pixels, and {first} has "
                f"{width} × {height}: say to which size to bring them"
            )
    return np.stack(list(images.values()))


def _from_npz(path: Path, size: int | None, split: str, source: str) -> ImageSet:
    try:
        with np.load(path, allow_pickle=False) as archive:
            held = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path.name} cannot be read: {error}") from error
    prefix = "" if split == ALL else f"{split}_"
    try:
        images, labels = held[f"{prefix}images"], held[f"{prefix}labels"]
    except KeyError as error:
        there = ", ".join(sorted(held))
        raise DataError(f"{path.name} holds no {error.args[0]}, but {there}") from None
    try:
        images = _channels_first(images)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.dtype.kind not in "iu":
            raise ValueError(f"labels must be integers, not {labels.dtype}")
        if "classes" in held:
            classes = tuple(str(name) for name in held["classes"].tolist())
        else:
            classes = tuple(str(label) for label in range(int(labels.max(initial=0)) + 1))
        images = ImageSet(images, labels.astype(np.int64), classes, source, split)
    except ValueError as error:
        raise DataError(f"{path.name}: {error}") from error
    if size is None or images.images.shape[2:] == (size, size):
        return images
    pictures = (Image.fromarray(image.transpose(1, 2, 0)) for image in images.images)
    scaled = [np.asarray(brought_to(picture, size)).transpose(2, 0, 1) for picture in pictures]
    return replace(images, images=np.stack(scaled))


def _channels_first(images: NDArray) -> NDArray[np.uint8]:
    """(n, 3, h, w) of (n, h, w, 3), (n, 3, h, w) or gray (n, h, w)."""
    if images.dtype != np.uint8:
        raise ValueError(f"images must be uint8 from 0 to 255, not {images.dtype}")
    shape = images.shape
    if len(shape) == 3:
        return np.repeat(images[:, None], 3, axis=1)
    first, last = len(shape) == 4 and shape[1] == 3, len(shape) == 4 and shape[3] == 3
    if first == last:
        problem = "either way to read" if first else "none"
        raise ValueError(f"images of shape {shape} leave open which axis is colour: {problem}")
    return images if first else np.ascontiguousarray(images.transpose(0, 3, 1, 2))

"""The small pictures of a feature map, in one image."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from strata.atlas.pictures import check_images, top_images

THUMBNAIL = 32
GAP = 1
A_ROW = 3
COLOURS = 256
SAMPLE = 50_000
"""Pixels from which the colours are chosen."""


@dataclass(frozen=True)
class Sheet:
    """A block of pictures a feature, row by row: how many blocks, their pixels, the PNG."""

    across: int
    down: int
    width: int
    height: int
    uri: str


def sprite_sheet(images: NDArray[np.uint8], codes: NDArray[np.floating], shown: int) -> Sheet:
    """Put the top images of every feature on one sheet, three a row, in 256 colours.

    Parameters
    ----------
    images : ndarray, shape (n, 3, h, w), uint8
        Larger ones are made smaller, to 32 pixels a side, and all are made square.
    codes : ndarray, shape (n, k)
        An image with a code of 0 leaves its place white.
    shown : int
        Pictures a feature.

    Returns
    -------
    Sheet
        Less than one byte a pixel: 100 features of 6 pictures are at most 0.7 MB.

    Raises
    ------
    ValueError
        The images are not uint8 (n, 3, h, w), one a row of codes, there are fewer than are to be
        shown, or there is no feature.
    """
    check_images(images, codes)
    if codes.shape[1] == 0:
        raise ValueError("no feature to show")
    best = top_images(codes, shown)
    columns, rows = min(shown, A_ROW), math.ceil(shown / A_ROW)
    side = min(THUMBNAIL, max(images.shape[2:]))
    cell = side + 2 * GAP
    across = math.ceil(math.sqrt(len(best)))
    down = math.ceil(len(best) / across)
    sheet = Image.new("RGB", (across * columns * cell, down * rows * cell), "white")
    for feature, row in enumerate(best):
        for place, image in enumerate(row):
            if codes[image, feature] > 0:
                x = (feature % across * columns + place % A_ROW) * cell + GAP
                y = (feature // across * rows + place // A_ROW) * cell + GAP
                sheet.paste(_thumbnail(images[image], side), (x, y))
    file = io.BytesIO()
    few = sheet.quantize(palette=_palette(sheet), dither=Image.Dither.NONE)
    few.save(file, "PNG", optimize=True)
    uri = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return Sheet(across, down, columns * cell, rows * cell, uri)


def _palette(sheet: Image.Image) -> Image.Image:
    """The colours for a sheet, from a part of its pixels: the means cost time."""
    pixels = np.asarray(sheet).reshape(-1, 3)
    part = np.ascontiguousarray(pixels[:: math.ceil(len(pixels) / SAMPLE)])
    # Without the means, rare hues on much gray would get the colour of their neighbours.
    return Image.fromarray(part[None]).quantize(
        COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE
    )


def _thumbnail(image: NDArray[np.uint8], side: int) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    if picture.size == (side, side):
        return picture
    return picture.resize((side, side), Image.Resampling.BOX)

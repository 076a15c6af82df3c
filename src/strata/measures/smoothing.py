"""The small Gaussian blur of image reconstruction."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def blur(images: Tensor, sigma: float) -> Tensor:
    """Blur images by a 3 x 3 Gaussian kernel of sum 1; the border is mirrored.

    Parameters
    ----------
    images
        (n, c, h, w), sides of 2 or more.
    sigma
        In pixels, positive.

    Raises
    ------
    ValueError
        If sigma is not positive.

    Examples
    --------
    >>> float(blur(torch.full((1, 1, 4, 4), 2.0), 1.0).std())
    0.0
    """
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, not {sigma}")
    side = math.exp(-1 / (2 * sigma**2))
    line = torch.tensor([side, 1.0, side], dtype=images.dtype) / (1 + 2 * side)
    channels = images.shape[1]
    rows, columns = line.view(1, 1, 3, 1), line.view(1, 1, 1, 3)
    padded = F.pad(images, (1, 1, 1, 1), mode="reflect")
    once = F.conv2d(padded, rows.expand(channels, 1, 3, 1), groups=channels)
    return F.conv2d(once, columns.expand(channels, 1, 1, 3), groups=channels)

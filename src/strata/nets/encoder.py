"""A small convolutional encoder of gray images, and the projector that its training puts on top."""

import torch
from torch import Tensor, nn

SIDE = 28
CHANNELS = (16, 32, 64)
"""Of the three convolutions; each halves the side, from 28 to 14, 7 and 4."""
_LAST_SIDE = 4


class Encoder(nn.Module):
    """Three convolutions with batch normalisation and ReLU, then a linear map to the latents.

    Parameters
    ----------
    size
        Latents of an image.
    generator
        Source of the weights: normal with variance 2 / fan-in. The global state is not touched.

    Raises
    ------
    ValueError
        If the size is not positive.

    Notes
    -----
    The latents are neither normalised nor rectified. In training mode the normalisations take the
    statistics of the batch, in evaluation mode the running ones.

    Examples
    --------
    >>> encoder = Encoder(8, generator=torch.Generator().manual_seed(0)).eval()
    >>> encoder(torch.zeros(5, 28, 28)).shape
    torch.Size([5, 8])
    """

    def __init__(self, size: int, *, generator: torch.Generator) -> None:
        super().__init__()
        _check_size(size)
        parts: list[nn.Module] = []
        for inputs, outputs in zip((1, *CHANNELS), CHANNELS, strict=False):
            convolution = nn.utils.skip_init(
                nn.Conv2d, inputs, outputs, 3, stride=2, padding=1, bias=False
            )
            parts += [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
        features = CHANNELS[-1] * _LAST_SIDE**2
        self.maps = nn.Sequential(*parts, nn.Flatten())
        self.latents = nn.utils.skip_init(nn.Linear, features, size)
        _draw_(self, generator)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, 28, 28) from 0 to 1 to latents (n, size).

        Raises
        ------
        ValueError
            If the images have another shape.
        """
        if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
            raise ValueError(f"images must be (n, {SIDE}, {SIDE}), not {tuple(images.shape)}")
        return self.latents(self.maps(images[:, None]))


def projector(size: int, width: int, *, generator: torch.Generator) -> nn.Sequential:
    """Make the net that maps latents (n, size) to embeddings (n, width), only for the training.

    Two linear maps with batch normalisation and ReLU between them; weights as in `Encoder`.

    Raises
    ------
    ValueError
        If a number is not positive.

    Examples
    --------
    >>> net = projector(8, 16, generator=torch.Generator().manual_seed(0))
    >>> net(torch.randn(5, 8, generator=torch.Generator().manual_seed(0))).shape
    torch.Size([5, 16])
    """
    _check_size(size)
    _check_size(width)
    net = nn.Sequential(
        nn.utils.skip_init(nn.Linear, size, width, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.utils.skip_init(nn.Linear, width, width, bias=False),
    )
    _draw_(net, generator)
    return net


def _check_size(size: int) -> None:
    if size < 1:
        raise ValueError(f"there must be at least one number, not {size}")


def _draw_(net: nn.Module, generator: torch.Generator) -> None:
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                if module.bias is not None:
                    module.bias.zero_()

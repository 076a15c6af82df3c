"""The small residual nets for small images: the targets whose features are taken apart."""

import torch
from torch import Tensor, nn

from strata.nets.residual import draw_, shortcut


class Block(nn.Module):
    """relu(BN(conv(relu(BN(conv(x))))) + shortcut of x): two 3x3 convolutions.

    Parameters
    ----------
    inputs, outputs
        Channels.
    stride
        Of the first convolution and of the shortcut.
    last
        Whether the ReLU after the addition is left out.
    """

    def __init__(self, inputs: int, outputs: int, *, stride: int, last: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.Identity() if last else nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, outputs, ceil(h / stride), ceil(w / stride))."""
        z = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        return self.relu2(z + shortcut(x, self.conv2.out_channels, self.conv1.stride[0]))


class CifarResNet(nn.Module):
    """A ResNet in two parts: up to the feature before the last ReLU, and the head after it.

    Made by `cifar_resnet`, which says what the parameters are.

    Attributes
    ----------
    feature_relus
        ReLUs on the longest way from an image to the feature: 6 n for n blocks a stage.
    """

    def __init__(self, blocks: int, classes: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        self.feature_relus = 6 * blocks
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        )
        layers, inputs = [], widths[0]
        for stage, width in enumerate(widths):
            for i in range(blocks):
                stride = 2 if stage > 0 and i == 0 else 1
                last = stage == len(widths) - 1 and i == blocks - 1
                layers.append(Block(inputs, width, stride=stride, last=last))
                inputs = width
        self.layers = nn.Sequential(*layers)
        self.relu = nn.ReLU()
        self.output = nn.Linear(inputs, classes)

    def features(self, images: Tensor) -> Tensor:
        """Map images (n, 3, h, w) to f (n, c, h / 4, w / 4), before the last ReLU."""
        return self.layers(self.stem(images))

    def head(self, features: Tensor) -> Tensor:
        """Map features (n, c, h, w) to logits (n, classes): W mean_positions(relu(f)) + b."""
        return self.output(self.relu(features).mean((2, 3)))

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, 3, h, w) to logits (n, classes)."""
        return self.head(self.features(images))


def cifar_resnet(
    depth: int,
    classes: int,
    *,
    widths: tuple[int, int, int] = (16, 32, 64),
    generator: torch.Generator | None,
) -> CifarResNet:
    """Make a ResNet-8, -14, -20, -32, -44 ... for small images.

    A stem, and three stages of n blocks of two 3x3 convolutions; the second and the third stage
    halve the side. The shortcuts have no weights.

    Parameters
    ----------
    depth
        6 n + 2 for n blocks a stage: the layers with weights, first and last included.
    classes
        Number of logits.
    widths
        Channels of the three stages, none narrower than the one before.
    generator
        Source of the weights, on the CPU; the global state is not touched. None: a net on the
        device ``meta``, which has shapes and no numbers.

    Returns
    -------
    CifarResNet
        In training mode. Its features for 32 px are (n, 64, 8, 8), and are not normalised.

    Raises
    ------
    ValueError
        If the depth is not 6 n + 2, a number is less than 1, or a stage is narrower than the one
        before.

    Notes
    -----
    He et al. 2016, section 4.2; the initial weights are those of He et al. 2015. At depth 20 there
    are 0.27 million parameters.

    Examples
    --------
    >>> net = cifar_resnet(8, 10, widths=(4, 8, 16), generator=torch.Generator().manual_seed(0))
    >>> f = net.features(torch.zeros(2, 3, 16, 16))
    >>> f.shape, net.head(f).shape, net.feature_relus
    (torch.Size([2, 16, 4, 4]), torch.Size([2, 10]), 6)
    """
    blocks, rest = divmod(depth - 2, 6)
    if blocks < 1 or rest:
        raise ValueError(f"the depth is 6 n + 2 for some n of 1 or more, not {depth}")
    if classes < 1 or min(widths) < 1:
        raise ValueError(f"classes and widths are at least 1, not {classes} and {widths}")
    if tuple(sorted(widths)) != tuple(widths):
        raise ValueError(f"a stage is at least as wide as the one before, not {widths}")
    # On the device meta the constructors draw nothing from the global state.
    with torch.device("meta"):
        net = CifarResNet(blocks, classes, widths)
    if generator is not None:
        draw_(net, generator)
    return net

"""Untrained ResNets whose blocks count from the start: a small ResNet-50, and the standard one.

`strata.nets.resnet.resnet50` starts with blocks that only pass on their shortcuts; these do not.
"""

from collections.abc import Sequence

import torch
from torch import nn

from strata.nets.resnet import drawn
from strata.vision import import_torchvision


def mini_resnet50(
    classes: int,
    *,
    width: int = 16,
    planes: Sequence[int] | None = None,
    generator: torch.Generator,
) -> nn.Module:
    """Make a ResNet of two bottlenecks a stage, with a 3x3 stem, drawn from a generator only.

    Images of 32 px have maps of 32, 16, 16, 8, 4 and 2 px after stem, pooling and the four stages.
    With four times `planes` channels after the stages these hold 5.33, 1.33, 5.33, 2.67, 1.33 and
    0.67 numbers for each one of the image at width 16: about the ratios of a ResNet-50 at 299 px
    (5.37, 1.34, 5.37, 2.76, 1.38, 0.76).

    Parameters
    ----------
    classes
        Number of logits.
    width
        Channels of the stem.
    planes
        Width of the bottlenecks of the four stages, a quarter of the channels after them. Default:
        1, 2, 4 and 8 times `width`, as in ResNet-50.
    generator
        Source of the weights; the global state is not touched.

    Returns
    -------
    nn.Module
        A ``torchvision.models.ResNet`` in evaluation mode. Its normalisations have running mean 0
        and variance 1: in evaluation mode they are the identity until something sets them.

    Raises
    ------
    ValueError
        If a number is below 1 or there are not four stages.

    Notes
    -----
    He et al. 2016, torchvision's distributions: convolutions normal with variance 2 / fan_out, the
    last layer uniform within 1 / sqrt(fan_in), all gammas 1. 882,394 parameters with 10 classes at
    width 16.

    Examples
    --------
    >>> net = mini_resnet50(10, generator=torch.Generator().manual_seed(0))
    >>> sum(p.numel() for p in net.parameters())
    882394
    """
    planes = tuple(planes or (width, 2 * width, 4 * width, 8 * width))
    if min(classes, width, *planes) < 1:
        raise ValueError(f"classes {classes}, width {width} and planes {planes} are at least 1")
    if len(planes) != 4:
        raise ValueError(f"there are four stages, not {len(planes)}")
    models = import_torchvision().models.resnet
    # On the device meta the constructors draw nothing.
    with torch.device("meta"):
        net = models.ResNet(models.Bottleneck, [2, 2, 2, 2], num_classes=classes)
        net.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        net.bn1, net.inplanes = nn.BatchNorm2d(width), width
        for stage, size in enumerate(planes):
            layer = net._make_layer(models.Bottleneck, size, 2, stride=1 if stage == 0 else 2)
            setattr(net, f"layer{stage + 1}", layer)
        net.fc = nn.Linear(4 * planes[-1], classes)
    return drawn(net, generator).eval()


def equal_planes(width: int) -> tuple[int, int, int, int]:
    """Planes with which all four stages hold as many numbers as the map after the pooling.

    Raises
    ------
    ValueError
        If the width is no multiple of 4.

    Examples
    --------
    >>> equal_planes(16)
    (4, 16, 64, 256)
    """
    if width % 4:
        raise ValueError(f"the width must be a multiple of 4, not {width}")
    return (width // 4, width, 4 * width, 16 * width)


def standard_resnet50(classes: int, *, generator: torch.Generator | None) -> nn.Module:
    """Make torchvision's ResNet-50 with torchvision's own start, from a generator only.

    Parameters
    ----------
    classes
        Number of logits.
    generator
        Source of the weights; None: a net on the device ``meta``, which has shapes and no numbers.

    Returns
    -------
    nn.Module
        As from `mini_resnet50`; torchvision's weights fit.
    """
    models = import_torchvision().models.resnet
    with torch.device("meta"):
        net = models.ResNet(models.Bottleneck, [3, 4, 6, 3], num_classes=classes)
    return (net if generator is None else drawn(net, generator)).eval()


def pretrained_resnet50() -> nn.Module:
    """Return torchvision's ResNet-50 with its first set of ImageNet weights, which it downloads.

    Raises
    ------
    OSError
        If they are neither here nor can be downloaded, or their checksum is wrong.
    """
    weights = import_torchvision().models.ResNet50_Weights.IMAGENET1K_V1
    net = standard_resnet50(1000, generator=torch.Generator())
    try:
        net.load_state_dict(weights.get_state_dict(progress=False, check_hash=True))
    except (OSError, RuntimeError) as error:
        raise OSError(f"torchvision's weights from {weights.url} cannot be had: {error}") from error
    return net

"""Torchvision's ResNet-50, for large images and for small ones.

The net is an object of torchvision's own class with torchvision's own blocks (bottlenecks
3-4-6-3); only its stem and its widths may be others.
"""

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor, nn

from strata.vision import import_torchvision

BLOCKS = (3, 4, 6, 3)
Precision = Literal["float32", "bfloat16"]
_PIXEL_MEAN, _PIXEL_SCALE = 0.5, 0.25
_GAIN = 4  # channels after a bottleneck, over its width


def resnet50(
    classes: int,
    *,
    stem: Literal["standard", "small"] = "standard",
    width: int = 64,
    generator: torch.Generator | None,
) -> nn.Module:
    """Make a ResNet-50 whose weights depend on the generator only.

    The distributions are torchvision's: convolutions normal with variance 2 / fan_out, the last
    layer uniform within 1 / sqrt(fan_in), normalisations 1 and 0. The last gamma of each block is
    0 (``zero_init_residual``), so that at the start a block is only its shortcut.

    Parameters
    ----------
    classes
        Number of logits.
    stem
        ``standard``: 7x7 convolution of stride 2, then max-pooling; with `width` 64 this is
        torchvision's net, and its weights fit. ``small``: 3x3 convolution of stride 1, then the
        same max-pooling; images of 32 px end in maps of 2x2.
    width
        Channels of the stem. The maps after the four stages have 4, 8, 16 and 32 times as many.
    generator
        Source of the weights, on the CPU; the global state is not touched. None: a net on the
        device ``meta``, which has shapes and no numbers, to see what a setting would need.

    Returns
    -------
    nn.Module
        A ``torchvision.models.ResNet`` in training mode, which maps (n, 3, h, w) to
        (n, classes).

    Raises
    ------
    ValueError
        If `classes` or `width` is less than 1, or the stem is unknown.

    Notes
    -----
    He et al. 2016, with the stride in the 3x3 convolution. 25,557,032 parameters with the
    standard stem, width 64 and 1000 classes.

    Examples
    --------
    >>> net = resnet50(10, stem="small", width=8, generator=torch.Generator().manual_seed(0))
    >>> net(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    if classes < 1 or width < 1:
        raise ValueError(f"classes and width are at least 1, not {classes} and {width}")
    if stem not in ("standard", "small"):
        raise ValueError(f"the stem is 'standard' or 'small', not {stem!r}")
    models = import_torchvision().models.resnet
    # On the device meta the constructors draw nothing, and nothing is made in vain.
    with torch.device("meta"):
        net = models.ResNet(models.Bottleneck, list(BLOCKS), num_classes=classes)
        if stem == "small":
            net.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        elif width != 64:
            net.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        if width != 64:
            net.bn1, net.inplanes = nn.BatchNorm2d(width), width
            for stage, depth in enumerate(BLOCKS):
                planes, stride = width * 2**stage, 1 if stage == 0 else 2
                layer = net._make_layer(models.Bottleneck, planes, depth, stride=stride)
                setattr(net, f"layer{stage + 1}", layer)
            net.fc = nn.Linear(8 * _GAIN * width, classes)
    if generator is None:
        return net
    drawn(net, generator)
    with torch.no_grad():
        for block in blocks(net):
            block.bn3.weight.zero_()
    return net


def drawn(net: nn.Module, generator: torch.Generator) -> nn.Module:
    """Give a net of the device ``meta`` its numbers: torchvision's distributions, all gammas 1."""
    net.to_empty(device="cpu")
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu", generator=generator
                )
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
            elif isinstance(module, nn.Linear):
                bound = 1 / math.sqrt(module.in_features)
                module.weight.uniform_(-bound, bound, generator=generator)
                module.bias.uniform_(-bound, bound, generator=generator)
    # The faster layout, from the start, so that no two nets differ by the layout's rounding.
    return net.to(memory_format=torch.channels_last)


def blocks(net: nn.Module) -> list[nn.Module]:
    """Return the 16 residual blocks of a net of `resnet50`, from input to output."""
    return [block for stage in (net.layer1, net.layer2, net.layer3, net.layer4) for block in stage]


def standardised(images: Tensor) -> Tensor:
    """Map pixels to what the nets take: (pixel - 0.5) / 0.25 for pixels from 0 to 1.

    The two numbers are fixed, so that no image depends on the others.

    Parameters
    ----------
    images
        (n, 3, h, w), uint8 from 0 to 255 or floats from 0 to 1; with added noise they may be
        outside.

    Returns
    -------
    Tensor
        (n, 3, h, w), float32, the channels last in memory; never a view of the images.

    Raises
    ------
    ValueError
        If the images have another shape.
    TypeError
        If they are neither uint8 nor floats.

    Examples
    --------
    >>> standardised(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 1, 1))[
    ...     :, 0
    ... ].flatten()
    tensor([-2.,  2.])
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images must be (n, 3, height, width), not {tuple(images.shape)}")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise TypeError(f"pixels are uint8 or floats, not {images.dtype}")
    x = images.to(torch.float32, copy=True, memory_format=torch.channels_last)
    if images.dtype == torch.uint8:
        x.div_(255)
    return x.sub_(_PIXEL_MEAN).div_(_PIXEL_SCALE)


def autocast(dtype: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which convolutions and products are rounded to `dtype`.

    Raises
    ------
    ValueError
        If the dtype is neither ``float32`` nor ``bfloat16``.
    """
    if dtype not in ("float32", "bfloat16"):
        raise ValueError(f"the dtype is 'float32' or 'bfloat16', not {dtype!r}")
    return torch.autocast(device.type, torch.bfloat16) if dtype == "bfloat16" else nullcontext()

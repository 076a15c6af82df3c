"""The large targets: torchvision's VGG-16 and ResNet-18 and -34, cut at the feature.

Torchvision's own layers with the initial distributions of torchvision; only where they are cut,
and in the VGG for the fine-grained images the first stride and the last pooling, are others.
"""

import math
from types import ModuleType
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from strata.vision import import_torchvision

Name = Literal["resnet18", "resnet34", "vgg16", "vgg16-conv4-3"]
_CONV4_3, _CONV5_3 = 32, 42  # layers of the VGG up to these maps, their normalisation included


class _LastBlock(nn.Module):
    """A basic block of torchvision without the ReLU after its addition."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu = block.conv1, block.bn1, block.relu
        self.conv2, self.bn2 = block.conv2, block.bn2

    def forward(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))) + x


class CutNet(nn.Module):
    """A net in two parts: up to the feature before a ReLU, and what follows.

    Parameters
    ----------
    body
        Maps images (n, 3, h, w) to the feature f (n, c, h', w').
    tail
        Maps relu(f) to logits.
    """

    def __init__(self, body: nn.Module, tail: nn.Module) -> None:
        super().__init__()
        self.body, self.relu, self.tail = body, nn.ReLU(), tail

    def features(self, images: Tensor) -> Tensor:
        """Map images (n, 3, h, w) to f (n, c, h', w'), before the ReLU."""
        return self.body(images)

    def head(self, features: Tensor) -> Tensor:
        """Map features (n, c, h', w') to logits (n, classes)."""
        return self.tail(self.relu(features))

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, 3, h, w) to logits (n, classes)."""
        return self.head(self.features(images))


def fine_grained(name: Name, classes: int, *, generator: torch.Generator | None) -> CutNet:
    """Make a target for images of 224 px.

    Parameters
    ----------
    name
        ``resnet18``, ``resnet34``: f is the sum of the last block, (512, 7, 7). ``vgg16``: with
        normalisations, a first convolution of stride 2 and no last max-pooling; f is the
        normalised output of conv5-3, (512, 7, 7). ``vgg16-conv4-3``: torchvision's VGG-16 with
        normalisations as it is; f is the normalised output of conv4-3, (512, 28, 28).
    classes
        Number of logits.
    generator
        Source of the weights, on the CPU; the global state is not touched (the dropout of a VGG
        in training mode does draw from it). None: a net on the device ``meta``, which has shapes
        and no numbers.

    Returns
    -------
    CutNet
        In training mode.

    Raises
    ------
    ValueError
        If there is less than one class or the name is unknown.

    Notes
    -----
    Ren et al. 2021 (arXiv 2006.15920), section 4 and the authors' code; He et al. 2016; Simonyan
    and Zisserman 2015. Initial weights: convolutions normal with variance 2 / fan_out and no bias;
    linear layers uniform within 1 / sqrt(fan_in) in a ResNet, normal with deviation 0.01 and no
    bias in a VGG.

    Examples
    --------
    >>> net = fine_grained("vgg16", 200, generator=None)
    >>> net.features(torch.empty(2, 3, 224, 224, device="meta")).shape
    torch.Size([2, 512, 7, 7])
    """
    if classes < 1:
        raise ValueError(f"classes are at least 1, not {classes}")
    if name not in get_args(Name):
        raise ValueError(f"the net is one of {list(get_args(Name))}, not {name!r}")
    models = import_torchvision().models
    # On the device meta the constructors draw nothing, and nothing is made in vain.
    with torch.device("meta"):
        resnet = name.startswith("resnet")
        net = _resnet(models, name, classes) if resnet else _vgg(models, name, classes)
    if generator is not None:
        _draw_(net, generator, resnet=resnet)
    return net


def _resnet(models: ModuleType, name: str, classes: int) -> CutNet:
    net = getattr(models, name)(num_classes=classes)
    net.layer4[-1] = _LastBlock(net.layer4[-1])
    stem = (net.conv1, net.bn1, net.relu, net.maxpool)
    body = nn.Sequential(*stem, net.layer1, net.layer2, net.layer3, net.layer4)
    return CutNet(body, nn.Sequential(net.avgpool, nn.Flatten(), net.fc))


def _vgg(models: ModuleType, name: str, classes: int) -> CutNet:
    net = models.vgg16_bn(num_classes=classes)
    layers = list(net.features)
    cut, end = _CONV4_3, len(layers)
    if name == "vgg16":
        layers[0] = nn.Conv2d(3, layers[0].out_channels, 3, stride=2, padding=1)
        cut, end = _CONV5_3, end - 1
    tail = (*layers[cut + 1 : end], net.avgpool, nn.Flatten(), net.classifier)
    return CutNet(nn.Sequential(*layers[:cut]), nn.Sequential(*tail))


def _draw_(net: CutNet, generator: torch.Generator, *, resnet: bool) -> None:
    net.to_empty(device="cpu")
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu", generator=generator
                )
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
            elif isinstance(module, nn.Linear) and resnet:
                bound = 1 / math.sqrt(module.in_features)
                module.weight.uniform_(-bound, bound, generator=generator)
                module.bias.uniform_(-bound, bound, generator=generator)
            elif isinstance(module, nn.Linear):
                module.weight.normal_(0, 0.01, generator=generator)
                module.bias.zero_()
    net.to(memory_format=torch.channels_last)

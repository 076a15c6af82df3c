"""What a ResNet makes of an image, stage by stage, as a function that gradients go through."""

from typing import Literal

import torch
from torch import Tensor, nn

Stage = Literal["conv1", "pool", "c2", "c3", "c4", "c5"]
STAGES: tuple[Stage, ...] = ("conv1", "pool", "c2", "c3", "c4", "c5")
"""The stem before and after its max-pooling, and the outputs of the four stages, all after ReLU."""


def embedding(net: nn.Module, images: Tensor, stage: Stage) -> Tensor:
    """Run images up to a stage, with no normalisation of the pixels; what comes later is not run.

    Parameters
    ----------
    net
        A ``torchvision.models.ResNet`` of any size, in the mode in which it shall run.
    images
        (n, 3, h, w), float, as a rule from 0 to 1.
    stage
        One of `STAGES`.

    Returns
    -------
    Tensor
        Maps (n, channels, height, width).

    Raises
    ------
    ValueError
        For an unknown stage.

    Notes
    -----
    arXiv 2211.06496 calls the stages Conv1 to Conv5; its embedding of an image is the map after
    one of them, after the ReLU, with pixels in [0, 1] also for nets that were trained on
    standardised ones.

    Examples
    --------
    >>> from strata.nets.mini_resnet import mini_resnet50
    >>> net = mini_resnet50(10, generator=torch.Generator().manual_seed(0))
    >>> [tuple(embedding(net, torch.zeros(1, 3, 32, 32), s).shape[1:]) for s in ("pool", "c5")]
    [(16, 16, 16), (512, 2, 2)]
    """
    if stage not in STAGES:
        raise ValueError(f"unknown stage {stage!r}, use one of {STAGES}")
    x = net.relu(net.bn1(net.conv1(images)))
    later = (net.maxpool, net.layer1, net.layer2, net.layer3, net.layer4)
    for step in later[: STAGES.index(stage)]:
        x = step(x)
    return x


def calibrate_(net: nn.Module, images: Tensor, batch_size: int = 256) -> nn.Module:
    """Set the running statistics of all normalisations to those of these images, in place.

    In training mode, batch by batch, with the plain mean of what the batches give; the weights
    stay, and the net is left in evaluation mode.

    Parameters
    ----------
    net
        A ``torchvision.models.ResNet``.
    images
        (n, 3, h, w) as for `embedding`; at least two a batch.
    batch_size
        Images at a time.

    Returns
    -------
    nn.Module
        The net itself.

    Raises
    ------
    ValueError
        If there are fewer than two images.
    """
    if len(images) < 2:
        raise ValueError(f"{len(images)} images have no statistics")
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
    net.train()
    with torch.no_grad():
        for batch in images.tensor_split(-(-len(images) // batch_size)):
            embedding(net, batch, "c5")
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return net.eval()

"""What one input costs in a net: multiply-adds, ReLUs and parameters, without any number."""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

_WORK = nn.Conv2d | nn.Linear
_NONE = nn.BatchNorm2d


@dataclass(frozen=True)
class Cost:
    """What one input costs.

    Attributes
    ----------
    parameters
        Of the whole net.
    multiply_adds
        Of the convolutions and linear layers, in one forward pass.
    relus
        How often a ReLU layer is applied. Where no two of them lie side by side, this is the
        number on the longest way from input to output.
    activations
        Numbers that the convolutions and linear layers put out.
    outputs
        Shape of what comes out, without the batch.
    """

    parameters: int
    multiply_adds: int
    relus: int
    activations: int
    outputs: tuple[int, ...]


def cost(net: nn.Module, shape: tuple[int, ...], *, part: str | None = None) -> Cost:
    """Run one input that has no numbers through a copy of the net that has none, and count.

    Parameters
    ----------
    net
        On any device; it is not changed, its statistics included.
    shape
        Of one input, without the batch: (3, 32, 32) for an image of CIFAR-10.
    part
        The method that is run, such as ``features``, by default the whole net. Parameters are those
        of the whole net.

    Returns
    -------
    Cost

    Raises
    ------
    TypeError
        If a layer has parameters and is no convolution, linear layer or normalisation: its work
        is not known here.

    Notes
    -----
    A layer takes as many multiply-adds as it puts out numbers, times the weights that lead to
    each. Biases, normalisations, additions and pooling are left out, as usual: some percent.

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
    >>> cost(net, (3, 2, 2))
    Cost(parameters=50, multiply_adds=80, relus=1, activations=18, outputs=(2,))
    """
    copy = deepcopy(net).to("meta").eval()
    work, relus, activations = [], [], []

    def count_work(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        work.append(output[0].numel() * layer.weight[0].numel())
        activations.append(output[0].numel())

    def count_relu(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        relus.append(layer)

    for name, layer in copy.named_modules():
        if isinstance(layer, _WORK):
            layer.register_forward_hook(count_work)
        elif isinstance(layer, nn.ReLU):
            layer.register_forward_hook(count_relu)
        elif list(layer.parameters(recurse=False)) and not isinstance(layer, _NONE):
            raise TypeError(f"the work of {name or 'the net'} ({type(layer).__name__}) is unknown")
    with torch.no_grad():
        run = copy if part is None else getattr(copy, part)
        output = run(torch.empty(1, *shape, device="meta"))
    return Cost(
        parameters=sum(p.numel() for p in copy.parameters()),
        multiply_adds=sum(work),
        relus=len(relus),
        activations=sum(activations),
        outputs=tuple(output.shape[1:]),
    )


def multiply_adds(net: nn.Module, shape: tuple[int, ...]) -> int:
    """Return the multiply-adds of one forward pass of one input, as `cost` counts them.

    Raises
    ------
    TypeError
        As `cost` does.

    Examples
    --------
    >>> multiply_adds(nn.Linear(3, 5), (3,))
    15
    """
    return cost(net, shape).multiply_adds

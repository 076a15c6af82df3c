"""Compression of trained weights: the small ones go, the others share a few values.

A layer is a tensor whose first axis counts nets, as in a stack; each net is treated by itself.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Scope = Literal["net", "layer"]
MOST_BITS = 16
_ROUNDS = 100


def magnitude_masks(
    weights: Sequence[Tensor], share: float, *, scope: Scope = "net"
) -> list[Tensor]:
    """Say which weights stay when a share of them, the smallest in size, is pruned.

    Parameters
    ----------
    weights
        Layers, each (m, ...) for m nets.
    share
        Of the weights of a net to be pruned, from 0 to 1. Weights that are 0 go first, so pruning
        a pruned net by the same share changes nothing.
    scope
        ``net``: the smallest of all layers together. ``layer``: the same share of each layer.

    Returns
    -------
    list of Tensor
        For each layer a boolean tensor of its shape, true where the weight stays. Exactly
        ``round(share * size)`` of a net (or of a layer) are false; of equals the first goes first.

    Raises
    ------
    ValueError
        If the share is out of range, or the layers are not of the same number of nets.

    Notes
    -----
    Han, Mao and Dally 2016, *Deep compression* (arXiv 1510.00149), section 2. O(w log w) for w
    weights.

    Examples
    --------
    >>> layers = [torch.tensor([[0.1, -3.0]]), torch.tensor([[2.0, -0.2]])]
    >>> [mask.tolist() for mask in magnitude_masks(layers, 0.5)]
    [[[False, True]], [[True, False]]]
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share is from 0 to 1, not {share}")
    flat = _flat(weights)
    if scope == "layer":
        kept = [_largest(layer, share) for layer in flat]
    else:
        sizes = [layer.shape[1] for layer in flat]
        kept = list(_largest(torch.cat(flat, dim=1), share).split(sizes, dim=1))
    return [mask.view_as(weight) for mask, weight in zip(kept, weights, strict=True)]


def sensitivity_masks(weights: Sequence[Tensor], rate: float) -> list[Tensor]:
    """Say which weights stay when those within some deviations of 0 are pruned.

    Parameters
    ----------
    weights
        Layers, each (m, ...) for m nets.
    rate
        Threshold in units of the standard deviation of the net's weights in that layer.

    Returns
    -------
    list of Tensor
        For each layer a boolean tensor of its shape, true where ``|w| > rate * std``.

    Raises
    ------
    ValueError
        If the rate is negative, or the layers are not of the same number of nets.

    Notes
    -----
    The likely meaning of "sensitivity rate" in Ren, Li, Liu, Zhang 2021 (arXiv 2006.15920), which
    does not define it. Of a normal layer a rate of 1 prunes 68 %.

    Examples
    --------
    >>> [mask.tolist() for mask in sensitivity_masks([torch.tensor([[-2.0, 0.5, 2.0]])], 1.0)]
    [[[True, False, True]]]
    """
    if not rate >= 0:
        raise ValueError(f"a rate is 0 or more, not {rate}")
    kept = [
        layer.abs() > rate * layer.std(dim=1, correction=0, keepdim=True)
        for layer in _flat(weights)
    ]
    return [mask.view_as(weight) for mask, weight in zip(kept, weights, strict=True)]


def compression_rate(masks: Sequence[Tensor]) -> list[float]:
    """Weights before pruning over weights after it, for each net.

    Parameters
    ----------
    masks
        Of the layers, each (m, ...).

    Returns
    -------
    list of float
        Infinite for a net without any weight left.

    Raises
    ------
    ValueError
        If the layers are not of the same number of nets.

    Examples
    --------
    >>> compression_rate([torch.tensor([[True, False, False, False]])])
    [4.0]
    """
    whole = torch.cat(_flat(masks), dim=1)
    return (whole.shape[1] / whole.sum(dim=1)).tolist()


def even_values(weight: Tensor, bits: int) -> Tensor:
    """Round weights to values at even distances, 0 among them.

    Parameters
    ----------
    weight
        A layer, (m, ...) for m nets.
    bits
        The grid of a net has ``2**bits - 1`` values, from minus to plus its largest size.

    Returns
    -------
    Tensor
        Of the same shape. No value moves by more than half a step; 0 and the largest stay.

    Raises
    ------
    ValueError
        If there are not from 2 to `MOST_BITS` bits.

    Examples
    --------
    >>> even_values(torch.tensor([[-0.9, 0.0, 0.4, 3.0]]), 2).tolist()
    [[0.0, 0.0, 0.0, 3.0]]
    """
    _check_bits(bits)
    (flat,) = _flat([weight])
    top = 2 ** (bits - 1) - 1
    largest = flat.abs().amax(dim=1, keepdim=True)
    step = torch.where(largest > 0, largest, 1) / top
    # + 0 takes the sign from a negative zero.
    return (torch.round(flat / step).clamp(-top, top) * step + 0).view_as(weight)


def clustered_values(weight: Tensor, bits: int) -> Tensor:
    """Replace weights by the means of clusters of theirs; pruned ones stay 0.

    The clusters are those of k-means in one dimension, from centres at even distances between the
    smallest and the largest weight that is not 0.

    Parameters
    ----------
    weight
        A layer, (m, ...) for m nets.
    bits
        At most ``2**bits`` values a net, and 0. A net with no more than that stays as it is.

    Returns
    -------
    Tensor
        Of the same shape.

    Raises
    ------
    ValueError
        If there are not from 2 to `MOST_BITS` bits.

    Notes
    -----
    Han, Mao and Dally 2016 (arXiv 1510.00149), section 3, without the last training of the shared
    values. At most 100 rounds of O(w bits) for w weights.

    Examples
    --------
    >>> clustered_values(torch.tensor([[0.0, 1.0, 1.2, 5.0, 9.0, 7.0]]), 2).tolist()
    [[0.0, 1.100000023841858, 1.100000023841858, 5.0, 9.0, 7.0]]
    """
    _check_bits(bits)
    (flat,) = _flat([weight])
    found = flat.clone()
    for net in found:
        used = net != 0
        net[used] = _clustered(net[used], 2**bits)
    return found.view_as(weight)


def _clustered(values: Tensor, count: int) -> Tensor:
    """Lloyd's rounds for some numbers; a centre without any stays where it is."""
    if len(values.unique()) <= count:
        return values
    exact = values.double()
    centres = torch.linspace(exact.min().item(), exact.max().item(), count, dtype=torch.float64)
    places = torch.full_like(values, -1, dtype=torch.int64)
    for _ in range(_ROUNDS):
        nearest = torch.bucketize(exact, (centres[1:] + centres[:-1]) / 2)
        if torch.equal(nearest, places):
            break
        places = nearest
        sizes = torch.bincount(places, minlength=count)
        sums = torch.bincount(places, weights=exact, minlength=count)
        centres = torch.where(sizes > 0, sums / sizes.clamp(min=1), centres)
    return centres[places].to(values.dtype)


def _largest(flat: Tensor, share: float) -> Tensor:
    """Mask (m, w) without the smallest sizes of each row."""
    order = flat.abs().argsort(dim=1, stable=True)
    kept = torch.ones_like(flat, dtype=torch.bool)
    return kept.scatter(1, order[:, : round(share * flat.shape[1])], False)


def _flat(layers: Sequence[Tensor]) -> list[Tensor]:
    """Layers as (m, weights)."""
    if not layers or len({len(layer) for layer in layers}) > 1:
        raise ValueError("layers must be of one stack: as many nets in each, and at least one")
    return [layer.detach().flatten(1) for layer in layers]


def _check_bits(bits: int) -> None:
    if not 2 <= bits <= MOST_BITS:
        raise ValueError(f"from 2 to {MOST_BITS} bits, not {bits}")

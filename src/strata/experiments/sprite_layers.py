"""What the layers of a net hold of the latents of sprites: ranks, CKA, read-outs, kernels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from strata.data.sprites import LATENTS
from strata.measures.cka import cka_map
from strata.measures.conv_ntk import conv_ntk
from strata.measures.ntk import layerwise_ntk
from strata.measures.ridge import cross_fit
from strata.measures.soft_ranks import covariance_rank, ntk_rank
from strata.nets.mlp import MLP
from strata.nets.small_conv import SmallConv
from strata.seeding import numpy_generator

LOGIT = 0
CKA_KINDS = ("rbf", "debiased")
GROUPS = (*LATENTS, "label", "shuffled")
"""What layers are compared with: groups of latents, the label, and core latents in random order."""
TARGETS = ("shape", "size", "within", "x", "y", "hue_angle", "level", "label")
"""What is read off layers; ``within`` is the radius less the mean of its size."""


def describe(
    net: MLP | SmallConv,
    x: Tensor,
    factors: Mapping[str, NDArray],
    *,
    ntk_images: int,
    seed: int,
) -> dict[str, NDArray[np.float64]]:
    """Measure the input and all maps of a net.

    Parameters
    ----------
    net
        With L + 1 maps, the logits included.
    x
        Inputs, (n, ...), as the net takes them.
    factors
        Of the sprites, (n,) each. Label and shortcut should be independent: in a set in which they
        agree, similarity to the one is similarity to the other.
    ntk_images
        The kernel is taken on so many of them.
    seed
        Of the shuffled latents.

    Returns
    -------
    dict
        ``ntk`` (L + 1,), layer-wise ranks of one logit; and for each view, ``flat`` or, for maps
        with positions, ``pooled`` to their means: ``rank_<view>`` (L + 2,), the input first,
        ``read_<view>`` (`TARGETS`, L + 2), held-out R², and ``<kind>_<view>`` (`GROUPS`, L + 2),
        CKA of `CKA_KINDS`.
    """
    with torch.no_grad():
        layers = [x, *net.preactivations(x)]
    views = {"flat": [layer.flatten(1) for layer in layers]}
    if isinstance(net, SmallConv):
        views["pooled"] = [z.mean((2, 3)) if z.ndim == 4 else z for z in layers]
    groups, targets = latent_groups(factors, seed), read_targets(factors)
    found = {"ntk": _kernel_ranks(net, x[:ntk_images])}
    for view, values in views.items():
        found[f"rank_{view}"] = np.array([covariance_rank(z) for z in values])
        reads = [cross_fit(z, targets).r2 for z in values]
        found[f"read_{view}"] = np.array(reads).T
        for kind in CKA_KINDS:
            alike = cka_map([*groups, *values], kind=kind)
            found[f"{kind}_{view}"] = alike[: len(groups), len(groups) :]
    return found


def _kernel_ranks(net: MLP | SmallConv, x: Tensor) -> NDArray[np.float64]:
    """Ranks of the layer-wise kernels of one logit, in float64."""
    dtype = x.dtype
    try:
        kernels_of = layerwise_ntk if isinstance(net, MLP) else conv_ntk
        kernels = kernels_of(net.double(), x.double(), output=LOGIT)
        return np.array([ntk_rank(kernel) for _, kernel in kernels])
    finally:
        net.to(dtype)


def latent_groups(factors: Mapping[str, NDArray], seed: int) -> list[NDArray[np.float64]]:
    """Latents of each of `GROUPS`, (n, columns), every column of unit variance."""
    groups = {
        name: np.stack([_standardised(factors[f]) for f in latents], axis=1)
        for name, latents in LATENTS.items()
    }
    label = _standardised(factors["label"])[:, None]
    shuffled = numpy_generator("sprites", "shuffled", seed).permutation(groups["core"])
    return [*groups.values(), label, shuffled]


def read_targets(factors: Mapping[str, NDArray]) -> NDArray[np.float64]:
    """The columns `TARGETS`, (n, targets)."""
    radius, large = factors["radius"], factors["size"] == 1
    within = radius - np.where(large, radius[large].mean(), radius[~large].mean())
    return np.stack([within if name == "within" else factors[name] for name in TARGETS], axis=1)


def _standardised(values: NDArray) -> NDArray[np.float64]:
    return (values - values.mean()) / values.std()

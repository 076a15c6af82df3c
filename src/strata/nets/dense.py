"""Residual perceptrons with batch normalisation, many of one shape as one batched net.

The fully connected counterpart of a disentangler net: a block is one linear map, its
normalisation, the addition of the shortcut, and a ReLU.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_MOMENTUM = 0.1
_EPS = 1e-5


class DenseStack(nn.Module):
    """m residual perceptrons of one shape; net i sees only input i.

    z = relu(BN(W_0 x)); then for each block z <- relu(BN(W z) + z), without "+ z" where there are
    no shortcuts; output V z + b. A net thus has ``blocks + 1`` ReLUs, its complexity order.

    Linear maps have no bias before a normalisation. W is normal with variance 2 / fan_in, V with
    1 / fan_in, b is 0.

    Parameters
    ----------
    inputs, width, outputs
        Sizes of each net.
    blocks
        Number of blocks, from 0.
    generators
        One a net, on the CPU, from which its weights are drawn: a net starts alike in any stack.
    skips
        Whether the blocks have shortcuts.
    normalised
        Whether the output is normalised as well, as the feature of a target net is.

    Raises
    ------
    ValueError
        If a size is out of range or there is no generator.

    Notes
    -----
    Inside, samples are the last axis, so that one call normalises all nets. Ren, Li, Liu, Zhang
    2021 (arXiv 2006.15920), appendix A, has the convolutional net.

    Examples
    --------
    >>> net = DenseStack(8, 16, 4, blocks=2, generators=[torch.Generator(), torch.Generator()])
    >>> net(torch.zeros(2, 5, 8)).shape, net.relus
    (torch.Size([2, 5, 4]), 3)
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        outputs: int,
        *,
        blocks: int,
        generators: Sequence[torch.Generator],
        skips: bool = True,
        normalised: bool = False,
    ) -> None:
        super().__init__()
        if min(inputs, width, outputs) < 1 or blocks < 0 or not generators:
            raise ValueError(
                f"sizes are positive, blocks 0 or more and nets 1 or more, not {inputs}, {width}, "
                f"{outputs}, {blocks} and {len(generators)}"
            )
        self.width, self.outputs, self.skips = width, outputs, skips
        m = len(generators)
        fans = [inputs, *[width] * blocks]
        self.weights = nn.ParameterList(torch.empty(m, width, fan) for fan in fans)
        self.norms = nn.ModuleList(_Norm(m, width) for _ in fans)
        self.last = nn.Parameter(torch.empty(m, outputs, width))
        self.bias = nn.Parameter(torch.zeros(m, outputs, 1))
        self.output_norm = _Norm(m, outputs) if normalised else None
        with torch.no_grad():
            for i, generator in enumerate(generators):
                for weight, fan in zip(self.weights, fans, strict=True):
                    weight[i].normal_(0, math.sqrt(2 / fan), generator=generator)
                self.last[i].normal_(0, math.sqrt(1 / width), generator=generator)

    def __len__(self) -> int:
        return len(self.last)

    @property
    def relus(self) -> int:
        """Number of ReLUs on the longest way from input to output."""
        return len(self.weights)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs (m, n, d) to outputs (m, n, k), net by net.

        Raises
        ------
        ValueError
            If x does not hold one set of inputs a net.
        """
        if x.ndim != 3 or len(x) != len(self):
            raise ValueError(f"inputs must be ({len(self)}, n, d), not {tuple(x.shape)}")
        z = x.transpose(1, 2)
        for i, (weight, norm) in enumerate(zip(self.weights, self.norms, strict=True)):
            mapped = norm(torch.bmm(weight, z))
            z = torch.relu(mapped + z if i and self.skips else mapped)
        out = torch.baddbmm(self.bias, self.last, z)
        return (self.output_norm(out) if self.output_norm else out).transpose(1, 2)

    @torch.no_grad()
    def copy_shallower_(self, shallower: "DenseStack") -> "DenseStack":
        """Take over stem, first blocks, normalisation statistics and output of shallower nets.

        The blocks beyond stay as they are, so the function is not that of the shallower net.

        Returns
        -------
        DenseStack
            The nets themselves.

        Raises
        ------
        ValueError
            If the other nets are deeper or of other sizes.
        """
        own, theirs = self.state_dict(), shallower.state_dict()
        if any(name not in own or own[name].shape != value.shape for name, value in theirs.items()):
            raise ValueError("only nets of the same sizes, and no deeper ones, can be taken over")
        self.load_state_dict(own | theirs)
        return self


class _Norm(nn.Module):
    """Batch normalisation of m nets at once: inputs (m, features, n)."""

    def __init__(self, m: int, features: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(m * features))
        self.shift = nn.Parameter(torch.zeros(m * features))
        self.register_buffer("mean", torch.zeros(m * features))
        self.register_buffer("variance", torch.ones(m * features))

    def forward(self, z: Tensor) -> Tensor:
        flat = F.batch_norm(
            z.reshape(1, -1, z.shape[2]),
            self.mean,
            self.variance,
            self.scale,
            self.shift,
            self.training,
            _MOMENTUM,
            _EPS,
        )
        return flat.view_as(z)

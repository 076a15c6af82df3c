"""The layer-wise NTK of nets with convolutions, from the gradient of every sample by itself."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Calls = dict[str, tuple[Tensor, Tensor]]
"""Layer name to (input, output), in the order of use."""


def conv_ntk(net: nn.Module, x: Tensor, *, output: int) -> Iterator[tuple[str, Tensor]]:
    """The NTK of each convolution and linear layer, for one output; their sum is the NTK.

    .. math:: K_\\ell(x, x') = \\langle J_\\ell(x), J_\\ell(x') \\rangle, \\qquad
        J_\\ell(x) = \\sum_j g_j(x) \\, [u_j(x), 1]^T

    with u_j what the layer sees at position j of its output, and g_j the gradient of the output
    there. A linear layer has one position. Where there are linear layers only,
    `strata.measures.ntk.layerwise_ntk` gives the same kernels, in blocks and with more checks.

    Parameters
    ----------
    net : Module
        Maps (n, ...) to (n, outputs), each sample on its own. All its parameters live in plain
        `nn.Conv2d` (one group, padding by zeros) and `nn.Linear` layers, each used once in a
        forward pass. It is left as it was.
    x : Tensor, shape (n, ...)
        Of the net's dtype; use float64 for ranks.
    output : int
        The output whose gradient is taken.

    Returns
    -------
    Iterator of (str, Tensor of shape (n, n))
        The layer's name in the net and its kernel, in the order of use.

    Raises
    ------
    TypeError
        A parameter lives in another type of module, or `x` has another dtype than the net.
    ValueError
        The net has no such layer, a layer is used twice or not at all, `x` is empty or not finite,
        or there is no such output.

    Notes
    -----
    Source: Jacot, Gabriel & Hongler 2018, "Neural Tangent Kernel", for the kernel; Goodfellow
    2015, "Efficient per-example gradient computations", for gradients from inputs and outputs of
    a layer, which convolutions need to be summed over positions. Time O(n P (positions + n)) for a
    layer of P parameters, memory O(n P).

    Examples
    --------
    A 1x1 convolution over two positions, which are summed: the gradient of its weight is the sum
    of the two numbers, that of its bias 2.

    >>> layer = nn.Conv2d(1, 1, 1).double()
    >>> net = nn.Sequential(layer, nn.AvgPool2d((1, 2), divisor_override=1), nn.Flatten())
    >>> x = torch.tensor([[[[1.0, 2.0]]], [[[0.0, 1.0]]]], dtype=torch.float64)
    >>> [(name, kernel.tolist()) for name, kernel in conv_ntk(net, x, output=0)]
    [('0', [[13.0, 7.0], [7.0, 5.0]])]
    """
    layers = _layers(net)
    dtype = next(iter(layers.values())).weight.dtype
    if x.dtype != dtype:
        raise TypeError(f"x must be of the net's dtype, {dtype}, not {x.dtype}")
    if not x.numel() or not x.isfinite().all():
        raise ValueError(f"x must be finite and not empty, not of shape {tuple(x.shape)}")
    with torch.enable_grad():
        f, calls = _forward(net, layers, x.detach())
        if not 0 <= output < f.shape[1]:
            raise ValueError(f"output must be in 0..{f.shape[1] - 1}, not {output}")
        # Samples do not influence each other: the gradient of the sum holds each one's own.
        grads = torch.autograd.grad(
            f[:, output].sum(), [z for _, z in calls.values()], materialize_grads=True
        )

    def kernels() -> Iterator[tuple[str, Tensor]]:
        for (name, (h, _)), g in zip(calls.items(), grads, strict=True):
            jacobian = _jacobian(layers[name], h, g)
            yield name, jacobian @ jacobian.T

    return kernels()


def _layers(net: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    found = {}
    for name, module in net.named_modules():
        if not list(module.parameters(recurse=False)):
            continue
        plain = type(module) is nn.Linear or (
            type(module) is nn.Conv2d and module.groups == 1 and module.padding_mode == "zeros"
        )
        if not plain:
            raise TypeError(f"module {name!r} is neither a plain Conv2d nor a plain Linear")
        found[name] = module
    if not found:
        raise ValueError("the net has no convolution and no linear layer")
    return found


def _forward(
    net: nn.Module, layers: dict[str, nn.Conv2d | nn.Linear], x: Tensor
) -> tuple[Tensor, Calls]:
    calls: Calls = {}

    def keep(name: str) -> Callable[..., Tensor]:
        def hook(_: nn.Module, inputs: tuple[Tensor], z: Tensor) -> Tensor:
            if name in calls:
                raise ValueError(f"layer {name!r} is used more than once in a forward pass")
            # Frozen parameters count too.
            z = z if z.requires_grad else z.detach().requires_grad_()
            calls[name] = (inputs[0].detach().clone(), z)
            return z.clone()  # an activation that works in place must not overwrite z

        return hook

    handles = [layer.register_forward_hook(keep(name)) for name, layer in layers.items()]
    try:
        f = net(x)
    finally:
        for handle in handles:
            handle.remove()
    if unused := sorted(set(layers) - set(calls)):
        raise ValueError(f"layer {unused[0]!r} is not called in a forward pass")
    return f, calls


def _jacobian(layer: nn.Conv2d | nn.Linear, h: Tensor, g: Tensor) -> Tensor:
    """The gradient of each sample with respect to weight and bias, (n, P)."""
    if isinstance(layer, nn.Conv2d):
        seen = F.unfold(h, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
        g = g.flatten(2)
    else:
        seen, g = h[:, :, None], g[:, :, None]
    weight = (g @ seen.transpose(1, 2)).flatten(1)
    return weight if layer.bias is None else torch.cat([weight, g.sum(2)], dim=1)

"""What goes into and what comes out of each linear layer of a net, and the nets this works for.

A net qualifies if all its parameters live in `torch.nn.Linear` layers, each used once in a forward
pass on a matrix with one row per sample, and if the rows do not influence each other.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

Calls = dict[str, tuple[Tensor, Tensor]]
"""Layer name to (input, pre-activation), in the order of use."""


def linear_layers(net: nn.Module) -> dict[str, nn.Linear]:
    """Return the linear layers of `net` by name; refuse a net that has parameters elsewhere.

    Raises
    ------
    TypeError
        A module other than a plain `nn.Linear` has parameters of its own. It is named.
    ValueError
        There is no linear layer, two modules share a parameter, or batch norm or dropout is in
        training mode.

    Examples
    --------
    >>> linear_layers(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)))
    {'0': Linear(in_features=2, out_features=3, bias=True), \
'2': Linear(in_features=3, out_features=1, bias=True)}
    """
    layers: dict[str, nn.Linear] = {}
    owner: dict[nn.Parameter, str] = {}
    for name, module in net.named_modules():
        if module.training and isinstance(module, _BatchNorm | _DropoutNd):
            raise ValueError(
                f"module {name!r} ({type(module).__name__}) is in training mode; call net.eval()"
            )
        parameters = dict(module.named_parameters(recurse=False))
        if not parameters:
            continue
        if type(module) is not nn.Linear or not set(parameters) <= {"weight", "bias"}:
            raise TypeError(
                f"module {name!r} ({type(module).__name__}) has the parameters "
                f"{sorted(parameters)}; only a plain nn.Linear may have parameters"
            )
        for parameter in parameters.values():
            if parameter in owner:
                raise ValueError(f"modules {owner[parameter]!r} and {name!r} share a parameter")
            owner[parameter] = name
        layers[name] = module
    if not layers:
        raise ValueError("the net has no linear layer")
    return layers


def forward_with_layers(
    call: Callable[[Tensor], Tensor], layers: dict[str, nn.Linear], x: Tensor
) -> tuple[Tensor, Calls]:
    """Run `call` on `x` and keep the input and the pre-activation of each layer.

    Parameters
    ----------
    call : callable
        The net that owns `layers`, or a function that runs it.
    layers : dict of str to Linear
        From `linear_layers`.
    x : Tensor, shape (n, d)

    Returns
    -------
    Tensor, shape (n, outputs)
        What `call` returns, with its autograd graph.
    dict of str to (Tensor of shape (n, d_in), Tensor of shape (n, d_out))
        Detached input, and the pre-activation as a node of the graph, in the order of use.

    Raises
    ------
    ValueError
        A layer is used twice or not at all, its input is not a matrix with one row per sample, or
        the net's output is not.
    """
    with _captured(layers) as calls:
        f = call(x)
    for name, (h, _) in calls.items():
        if h.ndim != 2 or len(h) != len(x):
            raise ValueError(
                f"layer {name!r} got an input of shape {tuple(h.shape)} for {len(x)} samples; "
                "it must be a matrix with one row per sample"
            )
    if unused := sorted(set(layers) - set(calls)):
        raise ValueError(f"layer {unused[0]!r} is not called in a forward pass")
    if f.ndim != 2 or len(f) != len(x):
        raise ValueError(f"the net maps {len(x)} rows to shape {tuple(f.shape)}, not (n, outputs)")
    return f, calls


@contextmanager
def _captured(layers: dict[str, nn.Linear]) -> Iterator[Calls]:
    calls: Calls = {}

    def hook_for(name: str) -> Callable[..., Tensor]:
        def hook(_: nn.Module, args: tuple, kwargs: dict, z: Tensor) -> Tensor:
            if name in calls:
                raise ValueError(f"layer {name!r} is used more than once in a forward pass")
            h = args[0] if args else kwargs["input"]
            z = z if z.requires_grad else z.detach().requires_grad_()
            calls[name] = (h.detach().clone(), z)
            return z.clone()  # an activation that works in place must not overwrite z

        return hook

    handles = [
        layer.register_forward_hook(hook_for(name), with_kwargs=True)
        for name, layer in layers.items()
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def probe(net: nn.Module, layers: dict[str, nn.Linear], x: Tensor) -> tuple[list[str], int]:
    """Test on a few rows that inputs and output gradients say all about the parameters.

    Two conditions are tested with autograd. The outputs of the first and of the last row have no
    gradient at another row, neither at the input nor at a pre-activation. And the gradient of each
    weight is g^T h, that of each bias the column sum of g, with h the layer's inputs and g the
    gradients at its pre-activations. One row alone cannot break the first condition.

    Parameters
    ----------
    net : Module
    layers : dict of str to Linear
        From `linear_layers`.
    x : Tensor, shape (n, d)

    Returns
    -------
    list of str, int
        The layers in the order of use, and the number of outputs.

    Raises
    ------
    ValueError
        One of the two conditions, or of those of `forward_with_layers`, does not hold.
    """
    x = x.detach().clone().requires_grad_()
    parameters = {k: p.detach().clone().requires_grad_() for k, p in net.named_parameters()}
    f, calls = forward_with_layers(
        lambda rows: functional_call(net, parameters, (rows,)), layers, x
    )
    weighted = f * torch.linspace(1, 2, f.numel(), dtype=f.dtype, device=f.device).view_as(f)
    zs = [z for _, z in calls.values()]
    options = {"retain_graph": True, "materialize_grads": True}
    for row, others in ((0, slice(1, None)), (len(x) - 1, slice(0, -1))):
        # A NaN is no influence: what is not finite is refused where the kernel's factors are made.
        grads = torch.autograd.grad(weighted[row].sum(), [x, *zs], **options)
        if any(grad[others].nan_to_num().any() for grad in grads):
            raise ValueError("the rows of a batch influence each other, so none has its own kernel")
    at_layers = torch.autograd.grad(weighted.sum(), zs, **options)
    at_parameters = torch.autograd.grad(weighted.sum(), [*parameters.values()], **options)
    found = dict(zip(parameters, at_parameters, strict=True))
    for (name, (h, _)), g in zip(calls.items(), at_layers, strict=True):
        prefix = f"{name}." if name else ""
        expected = {"weight": (g.T @ h, h.norm())}
        if layers[name].bias is not None:
            expected["bias"] = (g.sum(0), 1.0)
        for which, (gradient, size) in expected.items():
            difference = torch.linalg.norm(found[prefix + which] - gradient)
            if difference > torch.finfo(f.dtype).eps ** 0.5 * size * g.norm():
                raise ValueError(f"the {which} of layer {name!r} is also used outside its layer")
    return list(calls), f.shape[1]

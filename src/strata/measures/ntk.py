"""The exact empirical neural tangent kernel (NTK) of a layered net, without a Jacobian.

The kernel of a linear layer is the elementwise product of two small Gram matrices: of what goes
into the layer, and of the gradient at what comes out. The rule for `torch.nn.Linear` is
`_linear_factors` with `_add_linear_block`; a rule for another layer type belongs beside them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor, nn

from strata.measures.linear_layers import forward_with_layers, linear_layers, probe

_PROBE_ROWS = 8


@dataclass(frozen=True)
class _Factors:
    """One layer's part of the kernel: K_l = (inputs inputs^T) * (grads grads^T), elementwise."""

    name: str
    inputs: Tensor  # (n, d_in), with a column of ones if the layer has a bias
    grads: Tensor  # (n, outputs * d_out)


def empirical_ntk(
    net: nn.Module,
    x1: Tensor,
    x2: Tensor | None = None,
    *,
    output: int | None = None,
    block: int = 256,
) -> Tensor:
    """Exact empirical NTK of `net` between the rows of `x1` and `x2`.

    .. math::
        K(x, x') = \\sum_k \\langle \\nabla_\\theta f_k(x), \\nabla_\\theta f_k(x') \\rangle
                 = \\sum_l (h_l \\cdot h'_l + 1) \\sum_k g_l^k \\cdot g_l'^k,
        \\qquad g_l^k = \\partial f_k / \\partial z_l

    with h_l the input and z_l the output of linear layer l; the 1 stands for the bias and is left
    out where a layer has none. All parameters count, those with ``requires_grad=False`` too.

    Parameters
    ----------
    net : Module
        Maps (n, d) to (n, outputs), each row on its own. All its parameters live in `nn.Linear`
        layers, each applied once in a forward pass, to a matrix with one row per sample. Anything
        may stand between them, residual paths included.
    x1 : Tensor, shape (n1, d)
        Inputs, of the net's dtype.
    x2 : Tensor, shape (n2, d), optional
        Other inputs, for a cross-kernel. Without it the kernel is that of `x1` with itself, half
        is computed, and the result is symmetric to the last bit.
    output : int, optional
        The one output whose gradient is used. None sums over the outputs (the trace).
    block : int
        Rows and columns computed at a time. It changes speed and memory, not the result.

    Returns
    -------
    Tensor, shape (n1, n2)
        The kernel in the net's dtype, detached. Unit: squared output per squared parameter.

    Raises
    ------
    TypeError
        A parameter lives in another type of module, or `x1`, `x2` or `output` has a wrong type.
    ValueError
        A layer is used twice or not at all, a parameter is shared, or used outside its layer; the
        rows influence each other; batch norm or dropout is in training mode; an input is empty,
        mismatched or not finite; the net's values are not finite; no such output.

    Notes
    -----
    Source: Jacot, Gabriel & Hongler 2018, "Neural Tangent Kernel", for the kernel; Novak,
    Sohl-Dickstein & Schoenholz 2022, "Fast finite width neural tangent kernel", section 3, for
    products that avoid the Jacobian.
    Time: O(n1 n2 sum_l (d_in + outputs d_out)). Memory: the result, three blocks, and
    O((n1 + n2) sum_l (d_in + outputs d_out)); the Jacobian would need
    O((n1 + n2) outputs sum_l d_in d_out).

    Examples
    --------
    A single linear layer with a bias has the kernel x x^T + 1, once per output.

    >>> import torch
    >>> net = torch.nn.Linear(2, 3, dtype=torch.float64)
    >>> x = torch.tensor([[1.0, 0.0], [2.0, 1.0]], dtype=torch.float64)
    >>> empirical_ntk(net, x, output=0)
    tensor([[2., 3.],
            [3., 6.]], dtype=torch.float64)
    >>> empirical_ntk(net, x)
    tensor([[ 6.,  9.],
            [ 9., 18.]], dtype=torch.float64)
    """
    rows, columns = _both_factors(net, x1, x2, output, block)
    return _kernel(rows, columns, block)


def layerwise_ntk(
    net: nn.Module,
    x1: Tensor,
    x2: Tensor | None = None,
    *,
    output: int | None = None,
    block: int = 256,
) -> Iterator[tuple[str, Tensor]]:
    """The NTK of each linear layer in turn; their sum is `empirical_ntk`.

    Parameters, conditions, errors and source are those of `empirical_ntk`. Errors are raised at
    the call, before the first layer is asked for.

    Returns
    -------
    Iterator of (str, Tensor of shape (n1, n2))
        The layer's name in the net and its kernel, in the order of use, input to output. One
        kernel is in memory at a time, if the caller keeps none.

    Examples
    --------
    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    >>> [(name, tuple(kernel.shape)) for name, kernel in layerwise_ntk(net, torch.ones(4, 2))]
    [('0', (4, 4)), ('2', (4, 4))]
    """
    rows, columns = _both_factors(net, x1, x2, output, block)

    def kernels() -> Iterator[tuple[str, Tensor]]:
        for i, factors in enumerate(rows):
            other = None if columns is None else [columns[i]]
            yield factors.name, _kernel([factors], other, block)

    return kernels()


# -- the rule for nn.Linear ------------------------------------------------------------------------


def _linear_factors(name: str, layer: nn.Linear, n: int, outputs: int) -> _Factors:
    """Room for the factors of n rows; the column that stands for the bias is filled in."""
    options = {"dtype": layer.weight.dtype, "device": layer.weight.device}
    inputs = torch.ones(n, layer.in_features + (layer.bias is not None), **options)
    return _Factors(name, inputs, torch.empty(n, outputs * layer.out_features, **options))


def _add_linear_block(total: Tensor, a: Tensor, b: Tensor, left: _Factors, right: _Factors) -> None:
    """Add one layer's block of the kernel to `total`; `a` and `b` are scratch of its shape."""
    torch.mm(left.inputs, right.inputs.T, out=a)
    torch.mm(left.grads, right.grads.T, out=b)
    total.addcmul_(a, b)


# -- blocks ----------------------------------------------------------------------------------------


def _kernel(rows: list[_Factors], columns: list[_Factors] | None, block: int) -> Tensor:
    """Sum of the layers' kernels, block by block; symmetric if `columns` is None."""
    symmetric = columns is None
    columns = rows if columns is None else columns
    n1, n2 = len(rows[0].inputs), len(columns[0].inputs)
    result = rows[0].inputs.new_empty(n1, n2)
    scratch = result.new_empty(3, min(block, n1) * min(block, n2))
    for i in range(0, n1, block):
        left = [_slice(factors, i, block) for factors in rows]
        for j in range(i if symmetric else 0, n2, block):
            r, c = min(block, n1 - i), min(block, n2 - j)
            total, a, b = scratch[:, : r * c].unflatten(1, (r, c))
            total.zero_()
            for part, factors in zip(left, columns, strict=True):
                _add_linear_block(total, a, b, part, _slice(factors, j, block))
            if symmetric and i == j:
                total = total.triu() + total.triu(1).T
            result[i : i + block, j : j + block] = total
            if symmetric and i < j:
                result[j : j + block, i : i + block] = total.T
    return result


def _slice(factors: _Factors, start: int, block: int) -> _Factors:
    rows = slice(start, start + block)
    return _Factors(factors.name, factors.inputs[rows], factors.grads[rows])


# -- forward and backward passes -------------------------------------------------------------------


def _both_factors(
    net: nn.Module, x1: Tensor, x2: Tensor | None, output: int | None, block: int
) -> tuple[list[_Factors], list[_Factors] | None]:
    if block < 1:
        raise ValueError(f"block must be at least 1, not {block}")
    layers = linear_layers(net)
    dtype = next(iter(layers.values())).weight.dtype
    _check_inputs("x1", x1, dtype)
    if x2 is not None:
        _check_inputs("x2", x2, dtype)
        if x1.shape[1] != x2.shape[1]:
            raise ValueError(f"x1 has {x1.shape[1]} columns, but x2 has {x2.shape[1]}")
    with torch.enable_grad():
        order, outputs = probe(net, layers, x1[:_PROBE_ROWS].detach())
        layers = {name: layers[name] for name in order}
        chosen = _chosen_outputs(output, outputs)
        rows = _factors(net, layers, x1.detach(), chosen, block)
        columns = None if x2 is None else _factors(net, layers, x2.detach(), chosen, block)
    return rows, columns


def _factors(
    net: nn.Module, layers: dict[str, nn.Linear], x: Tensor, chosen: range, block: int
) -> list[_Factors]:
    """Inputs and output gradients of every layer, `block` rows at a time."""
    result = [_linear_factors(*item, len(x), len(chosen)) for item in layers.items()]
    for start in range(0, len(x), block):
        f, calls = forward_with_layers(net, layers, x[start : start + block])
        parts = [_slice(factors, start, block) for factors in result]
        pre_activations = [calls[name][1] for name in layers]
        for i, k in enumerate(chosen):
            # Rows are independent, so the gradient of the sum holds each row's own gradient.
            grads = torch.autograd.grad(
                f[:, k].sum(),
                pre_activations,
                retain_graph=i + 1 < len(chosen),
                materialize_grads=True,
            )
            for part, grad in zip(parts, grads, strict=True):
                part.grads[:, i * grad.shape[1] : (i + 1) * grad.shape[1]] = grad
        for part, layer in zip(parts, layers.values(), strict=True):
            part.inputs[:, : layer.in_features] = calls[part.name][0]
            if not (part.inputs.isfinite().all() and part.grads.isfinite().all()):
                raise ValueError(f"values or gradients at layer {part.name!r} are not finite")
    return result


# -- refusals --------------------------------------------------------------------------------------


def _check_inputs(name: str, x: Tensor, dtype: torch.dtype) -> None:
    if not isinstance(x, Tensor) or x.dtype != dtype:
        found = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"{name} must be a tensor of the net's dtype, {dtype}, not {found}")
    if x.ndim != 2 or x.numel() == 0:
        raise ValueError(f"{name} must have shape (n, d) and not be empty, not {tuple(x.shape)}")
    if not x.isfinite().all():
        raise ValueError(f"{name} holds NaN or infinite values")


def _chosen_outputs(output: int | None, outputs: int) -> range:
    if output is None:
        return range(outputs)
    if isinstance(output, bool) or not isinstance(output, Integral):
        raise TypeError(f"output must be an int or None, not {output!r}")
    if not 0 <= output < outputs:
        raise ValueError(f"output must be in 0..{outputs - 1}, not {output}")
    return range(output, output + 1)

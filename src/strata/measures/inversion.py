"""Looking for an input that a layer cannot tell from a given one, by descent on the input.

All functions take many inputs at once. Each is a problem of its own: its loss, its gradient and its
step depend on no other, so that a batch gives what its members give one by one.
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from strata.measures.smoothing import blur

Embed = Callable[[Tensor], Tensor]
WEIGHT = 0.15
"""Of the study's loss."""
GRAY = 0.5
"""The input against whose embedding losses are measured, all pixels alike."""


def noisy_start(
    shape: Sequence[int], generator: torch.Generator, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Inputs that the study's searches start from: 0.7 + N(0, 1) / 20, each number by itself."""
    return 0.7 + torch.randn(shape, generator=generator, dtype=dtype) / 20


@dataclass(frozen=True)
class Inversion:
    """Inputs that were made, and how near they came on the way.

    Attributes
    ----------
    images
        The last ones (n, ...), float32.
    steps
        Numbers of steps at which distances were taken (c,), the first 0, the last all.
    embedding
        Euclidean distances of the embeddings to those of the originals at these steps (n, c).
    inputs
        Euclidean distances of the inputs themselves (n, c).
    """

    images: Tensor
    steps: Tensor
    embedding: Tensor
    inputs: Tensor


def adam_inversion(
    embed: Embed,
    originals: Tensor,
    start: Tensor,
    *,
    steps: int = 500,
    first_rate: float = 0.02,
    last_rate: float = 4e-4,
    checks: Collection[int] = (),
) -> Inversion:
    """Invert by Adam: loss ||O(x) - O(a)||^2 / ||O(a) - O(gray)||^2, rate falling as a cosine.

    Parameters
    ----------
    embed
        O: inputs (n, ...) to embeddings (n, ...), row by row.
    originals
        a, (n, ...), float32.
    start
        First x, of the same shape.
    steps
        Number of updates.
    first_rate, last_rate
        Learning rates of the first and the last update.
    checks
        Further numbers of steps after which distances are taken.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is out of range, or an original's embedding is that of gray.
    FloatingPointError
        If a distance stops being finite.

    Notes
    -----
    Kingma and Ba 2015; the usual betas. Adam scales each pixel's step by itself, so that x leaves
    the span of the gradients. One forward and backward pass a step.

    Examples
    --------
    >>> a = torch.tensor([[0.2, 0.9, 0.4]])
    >>> found = adam_inversion(lambda x: x[:, :2], a, torch.full((1, 3), 0.7))
    >>> bool(found.embedding[0, -1] < 1e-3), round(float(found.inputs[0, -1]), 2)
    (True, 0.3)
    """
    targets = _targets(embed, originals, start)
    with torch.no_grad():
        gray = embed(torch.full_like(originals, GRAY))
    scale = _squares(targets - gray)
    if not bool((scale > 0).all()):
        raise ValueError("the embedding of an original is that of a gray input")
    if not 0 < last_rate <= first_rate < math.inf:
        raise ValueError(f"rates must fall from {first_rate} to {last_rate}, both positive")
    x = start.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([x])
    record = _Record(originals, steps, checks)
    for step in range(steps + 1):
        embedded = embed(x)
        losses = _squares(embedded - targets)
        record.take(step, losses.detach().sqrt(), x)
        if step == steps:
            break
        share = step / max(1, steps - 1)
        rate = last_rate + (first_rate - last_rate) * (1 + math.cos(math.pi * share)) / 2
        optimizer.param_groups[0]["lr"] = rate
        (x.grad,) = torch.autograd.grad((losses / scale).sum(), x)
        optimizer.step()
    return _finite(record.done(x))


def blurred_inversion(
    embed: Embed,
    originals: Tensor,
    start: Tensor,
    *,
    rates: Tensor | float,
    steps: int = 500,
    weight: float = WEIGHT,
    sigmas: tuple[float, float] | None = (2.4, 0.4),
    checks: Collection[int] = (),
) -> Inversion:
    """Invert as the study does: descent on weight * sum abs(O(x) - O(a)), a blur after each step.

    Parameters
    ----------
    embed, originals, start, steps, checks
        As for `adam_inversion`.
    rates
        Step sizes, one for all or (n,); they stay as they are.
    weight
        Of the loss.
    sigmas
        Of the blur after the first and after the last step, linear in between; None for no blur.

    Raises
    ------
    ValueError, FloatingPointError
        As for `adam_inversion`.

    Notes
    -----
    arXiv 2211.06496 and its code: weight 0.15, rate 0.1, 500 steps, 3 x 3 Gaussian. The gradient
    of a sum of absolute values does not shrink near the solution: with a constant rate the
    distance levels off at a height that the rate decides.

    Examples
    --------
    >>> a = torch.zeros(1, 1, 2, 2)
    >>> made = blurred_inversion(lambda x: x, a, a + 1, rates=1.0, steps=2, sigmas=None)
    >>> [round(distance, 3) for distance in made.inputs[0].tolist()]
    [2.0, 1.4]
    """
    found = _blurred(embed, originals, start, rates, steps, weight, sigmas, checks)
    return _finite(found)


def best_rates(
    embed: Embed,
    originals: Tensor,
    start: Tensor,
    candidates: Collection[float],
    *,
    steps: int = 40,
    sigmas: tuple[float, float] | None = (2.4, 0.4),
) -> Tensor:
    """Choose the step size of each problem of `blurred_inversion` by a short run of each.

    Returns
    -------
    Tensor
        Of the candidates that with the smallest distance of embeddings after so many steps (n,).
        A candidate whose run does not stay finite loses.

    Raises
    ------
    ValueError
        If there is no candidate, or none stays finite.
    """
    tried = torch.tensor(sorted(candidates), dtype=start.dtype)
    if not len(tried):
        raise ValueError("there is no rate to choose from")
    ends = torch.stack(
        [
            _blurred(embed, originals, start, float(rate), steps, WEIGHT, sigmas, ()).embedding[
                :, -1
            ]
            for rate in tried
        ]
    ).nan_to_num(nan=torch.inf)
    if not bool(ends.isfinite().any(0).all()):
        raise ValueError(f"no rate of {tried.tolist()} stays finite")
    return tried[ends.argmin(0)]


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances of the rows of (n, ...) and (n, ...), as (n,)."""
    return _squares(a - b).sqrt()


def _blurred(
    embed: Embed,
    originals: Tensor,
    start: Tensor,
    rates: Tensor | float,
    steps: int,
    weight: float,
    sigmas: tuple[float, float] | None,
    checks: Collection[int],
) -> Inversion:
    targets = _targets(embed, originals, start)
    rates = torch.as_tensor(rates, dtype=start.dtype).expand(len(start))
    if not bool(((rates > 0) & rates.isfinite()).all()) or not weight > 0:
        raise ValueError(f"rates and weight must be positive, not {rates.tolist()} and {weight}")
    rates = rates.reshape(-1, *[1] * (start.ndim - 1))
    x = start.clone()
    record = _Record(originals, steps, checks)
    for step in range(steps + 1):
        x = x.detach().requires_grad_(True)
        difference = embed(x) - targets
        record.take(step, _squares(difference.detach()).sqrt(), x)
        if step == steps:
            break
        (gradient,) = torch.autograd.grad(weight * difference.abs().sum(), x)
        x = x.detach() - rates * gradient
        if sigmas is not None:
            share = step / max(1, steps - 1)
            x = blur(x, sigmas[0] + (sigmas[1] - sigmas[0]) * share)
    return record.done(x)


class _Record:
    """Takes distances at chosen steps."""

    def __init__(self, originals: Tensor, steps: int, checks: Collection[int]) -> None:
        if steps < 1 or any(not 0 <= check <= steps for check in checks):
            raise ValueError(f"steps {steps} must be positive, and {list(checks)} within them")
        self._originals = originals
        self._checks = sorted({0, steps, *checks})
        self._embedding: list[Tensor] = []
        self._inputs: list[Tensor] = []

    def take(self, step: int, embedding: Tensor, x: Tensor) -> None:
        if step in self._checks:
            self._embedding.append(embedding)
            self._inputs.append(distances(x.detach(), self._originals))

    def done(self, x: Tensor) -> Inversion:
        return Inversion(
            x.detach(),
            torch.tensor(self._checks),
            torch.stack(self._embedding, dim=1),
            torch.stack(self._inputs, dim=1),
        )


def _finite(found: Inversion) -> Inversion:
    if not bool(found.embedding.isfinite().all()):
        wrong = found.steps[~found.embedding.isfinite().all(0)].tolist()
        raise FloatingPointError(f"the distance of embeddings is not finite at step {wrong[0]}")
    return found


def _targets(embed: Embed, originals: Tensor, start: Tensor) -> Tensor:
    if originals.shape != start.shape or originals.ndim < 2 or not len(originals):
        raise ValueError(
            f"originals {tuple(originals.shape)} and start {tuple(start.shape)} must have one "
            "shape (n, ...)"
        )
    with torch.no_grad():
        return embed(originals)


def _squares(difference: Tensor) -> Tensor:
    return difference.flatten(1).square().sum(1)

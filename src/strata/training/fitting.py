"""Fitting by a fixed number of steps of Adam, with rates that fall evenly on a log scale.

For anything with parameters and a loss: a net, a stack of nets, or a few matrices.
"""

import math
from collections.abc import Callable, Iterable

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn


class Budget(BaseModel):
    """How long and how fast something is fitted.

    Attributes
    ----------
    steps
        Number of updates.
    batch_size
        Samples of an update.
    first_rate, last_rate
        Learning rates of the first and of the last update.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    first_rate: float = Field(gt=0, allow_inf_nan=False)
    last_rate: float = Field(gt=0, allow_inf_nan=False)

    def rate(self, step: int) -> float:
        """Return the learning rate of update ``step``, counted from 0.

        Examples
        --------
        >>> budget = Budget(steps=3, batch_size=2, first_rate=1e-2, last_rate=1e-4)
        >>> [round(budget.rate(step), 6) for step in range(3)]
        [0.01, 0.001, 0.0001]
        """
        done = step / max(1, self.steps - 1)
        return self.first_rate * (self.last_rate / self.first_rate) ** done


def fit(
    parameters: Iterable[nn.Parameter],
    loss: Callable[[int], Tensor],
    budget: Budget,
    after_step: Callable[[], None] | None = None,
) -> list[float]:
    """Minimise a loss in place.

    Parameters
    ----------
    parameters
        What is changed.
    loss
        From the number of the step to the loss of its batch, a scalar. For a stack of nets the
        sum of their losses: Adam treats every number by itself, so each is trained as if alone.
    budget
        Its batch size is for `loss` to use.
    after_step
        Called after each update, for instance to put pruned weights back to 0.

    Returns
    -------
    list of float
        The loss of each step, before its update.

    Raises
    ------
    FloatingPointError
        If the loss stops being finite; names the step.

    Notes
    -----
    Kingma and Ba 2015, betas .9 and .999, no weight decay: the setting of arXiv 2006.15920.
    """
    optimizer = torch.optim.Adam(list(parameters), fused=True)
    history: list[Tensor] = []
    for step in range(budget.steps):
        for group in optimizer.param_groups:
            group["lr"] = budget.rate(step)
        optimizer.zero_grad()
        value = loss(step)
        value.backward()
        optimizer.step()
        if after_step is not None:
            after_step()
        history.append(value.detach())
    losses = torch.stack(history).tolist()
    for step, number in enumerate(losses):
        if not math.isfinite(number):
            raise FloatingPointError(f"the loss is {number} at step {step}")
    return losses


def batches(
    sizes: Iterable[int], budget: Budget, generators: Iterable[torch.Generator]
) -> Callable[[], Tensor]:
    """Draw batches for a stack of nets, each from its own samples and generator.

    Samples are drawn with replacement, as the study's code does, each net's from 0 to its size.

    Returns
    -------
    callable
        Gives indices (m, batch_size), int64, anew at each call.
    """
    sources = list(zip(sizes, generators, strict=True))

    def draw() -> Tensor:
        return torch.stack(
            [
                torch.randint(size, (budget.batch_size,), generator=generator)
                for size, generator in sources
            ]
        )

    return draw

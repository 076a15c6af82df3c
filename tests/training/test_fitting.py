"""Fitting against torch's own Adam, and its rates against the formula."""

import math
from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from strata.training.fitting import Budget, batches, fit


def budget(steps: int = 50, **changes: float) -> Budget:
    settings = {"batch_size": 4, "first_rate": 1e-1, "last_rate": 1e-3} | changes
    return Budget(steps=steps, **settings)


def test_rates_fall_evenly_on_a_log_scale() -> None:
    rates = [budget(5).rate(step) for step in range(5)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0.001)
    ratios = [b / a for a, b in pairwise(rates)]
    assert ratios == pytest.approx([0.01 ** (1 / 4)] * 4)


def test_a_single_step_has_the_first_rate() -> None:
    assert budget(1).rate(0) == pytest.approx(0.1)


def test_the_first_step_of_adam_is_the_rate_times_the_sign() -> None:
    x = nn.Parameter(torch.tensor([3.0, -2.0]))
    losses = fit([x], lambda step: x.square().sum(), budget(1))
    torch.testing.assert_close(x.detach(), torch.tensor([2.9, -1.9]))
    assert losses == [13.0]


def test_a_convex_problem_is_solved() -> None:
    goal = torch.tensor([1.0, -2.0, 0.5])
    x = nn.Parameter(torch.zeros(3))
    losses = fit([x], lambda step: (x - goal).square().sum(), budget(400))
    torch.testing.assert_close(x.detach(), goal, atol=1e-3, rtol=0)
    assert len(losses) == 400
    assert losses[-1] < 1e-5


def test_parts_of_a_sum_are_fitted_as_if_alone() -> None:
    def run(*goals: float) -> list[torch.Tensor]:
        xs = [nn.Parameter(torch.zeros(())) for _ in goals]
        fit(
            xs,
            lambda step: sum((x - goal).square() for x, goal in zip(xs, goals, strict=True)),
            budget(30),
        )
        return [x.detach() for x in xs]

    together = run(1.0, 5.0)
    assert torch.equal(together[0], run(1.0)[0])
    assert torch.equal(together[1], run(5.0)[0])


def test_after_each_step_the_caller_may_put_things_right() -> None:
    x = nn.Parameter(torch.zeros(2))
    mask = torch.tensor([1.0, 0.0])
    seen = []

    def masked() -> None:
        seen.append(x.detach().clone())
        x.data.mul_(mask)

    fit([x], lambda step: (x - 1).square().sum(), budget(40), masked)
    assert len(seen) == 40
    assert x[1] == 0
    assert x[0] > 0.5


def test_a_loss_that_stops_being_finite_is_named() -> None:
    x = nn.Parameter(torch.ones(()))
    with pytest.raises(FloatingPointError, match="step 3"):
        fit([x], lambda step: x * (math.nan if step == 3 else 1.0), budget(6))


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"batch_size": 1}, {"first_rate": 0.0}, {"last_rate": math.inf}]
)
def test_impossible_budgets_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Budget(**{"steps": 3, "batch_size": 2, "first_rate": 1e-2, "last_rate": 1e-3} | wrong)


def test_batches_are_of_each_nets_own_samples_and_generator() -> None:
    def draws(*sizes: int) -> torch.Tensor:
        sources = [torch.Generator().manual_seed(size) for size in sizes]
        draw = batches(sizes, budget(batch_size=200), sources)
        return torch.stack([draw() for _ in range(5)])

    both = draws(3, 50)
    assert both.shape == (5, 2, 200)
    assert set(both[:, 0].flatten().tolist()) == {0, 1, 2}
    assert both[:, 1].max() < 50
    assert torch.equal(both[:, 1], draws(50)[:, 0])
    assert not torch.equal(both[0], both[1])

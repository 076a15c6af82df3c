"""What every experiment promises of its parameters, its points and its results."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from pydantic import BaseModel, ValidationError

from strata.data.toy import Toy
from strata.nets.mlp import MLP
from strata.runs.result import Result
from strata.training import Schedule, Trained, train


def assert_refused(parameters: Callable[..., object], field: str, value: object) -> None:
    """The parameters with this value are refused, and the error names the field."""
    with pytest.raises(ValidationError, match=field):
        parameters(**{field: value})


def assert_repeats(
    experiment: ModuleType, point: BaseModel, result: Result, scratch: Path | None = None
) -> None:
    """The point gives the same bits again, and leaves nothing in its scratch folder."""
    assert experiment.run(point, scratch).digest() == result.digest()
    assert scratch is None or list(scratch.iterdir()) == []


def assert_costs_grow(experiment: ModuleType, *points: BaseModel) -> None:
    """Each point costs more than the one before."""
    costs = [experiment.cost(point) for point in points]
    assert costs == sorted(set(costs)), costs


def trained_again(net: MLP, toy: Toy, schedule: Schedule, seed: int) -> Trained:
    """A net trained as the experiments train it: in float32, on the classes of the labels."""
    x, classes = torch.tensor(toy.x, dtype=torch.float32), torch.tensor((toy.y + 1) // 2)
    return train(net, x, classes, schedule, seed=seed)

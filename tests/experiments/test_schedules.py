"""What sweeps share: lists that grow, and a training made of the parameters' own numbers."""

import pytest
from experimenting import assert_refused
from pydantic import ValidationError

from strata.experiments.schedules import DepthParameters
from strata.training import Schedule


def parameters(**changes: object) -> DepthParameters:
    values = {
        "depths": [1, 2, 6],
        "seeds": 2,
        "width": 10,
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "momentum": 0.5,
        "epochs": 60,
        "patience": 50,
    }
    return DepthParameters(**values | changes)


def test_the_schedule_holds_the_parameters_and_full_batches():
    expected = Schedule(optimizer="sgd", lr=0.01, momentum=0.5, epochs=60, patience=50)
    assert parameters().schedule() == expected
    assert expected.batch_size is None


@pytest.mark.parametrize("depths", [[2, 1, 6], [1, 1, 6], [1, 2, 2]])
def test_depths_that_do_not_grow_are_refused(depths):
    with pytest.raises(ValidationError, match=r"depths\s.*must grow"):
        parameters(depths=depths)


@pytest.mark.parametrize(
    ("field", "value"),
    [("seeds", 1), ("width", 1), ("epochs", 0), ("patience", 0), ("momentum", 1.0), ("grid", 9)],
)
def test_parameters_out_of_range_are_refused_by_name(field, value):
    assert_refused(parameters, field, value)

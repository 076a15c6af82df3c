"""Inputs of measures: what comes through unchanged, and what is refused by name."""

import warnings

import numpy as np
import pytest
import torch

from strata.measures.inputs import (
    check_count,
    check_positive,
    float_matrix,
    real_matrix,
    samples,
)

MAKERS = [real_matrix, float_matrix, samples]
VALUES = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("make", MAKERS)
def test_the_values_come_through_from_any_container(make):
    frozen = VALUES.copy()
    frozen.flags.writeable = False
    contents = [VALUES.tolist(), VALUES[::-1][::-1], np.asfortranarray(VALUES), frozen]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for values in (*contents, torch.tensor(VALUES), torch.tensor(VALUES, requires_grad=True)):
            found = make("x", values)
            assert found.tolist() == VALUES.tolist()
            assert not found.requires_grad
        assert make("x", VALUES[:, ::-1]).tolist() == VALUES[:, ::-1].tolist()


@pytest.mark.parametrize("make", MAKERS)
def test_the_memory_of_a_tensor_and_of_an_array_is_shared_but_not_that_of_a_frozen_one(make):
    frozen = VALUES.copy()
    frozen.flags.writeable = False
    assert np.shares_memory(make("x", VALUES).numpy(), VALUES)
    assert not np.shares_memory(make("x", frozen).numpy(), frozen)
    tensor = torch.tensor(VALUES)
    assert make("x", tensor).data_ptr() == tensor.data_ptr()


@pytest.mark.parametrize("make", [real_matrix, samples])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int64", "float16", "float32"])
def test_numbers_of_any_real_type_keep_it(make, dtype):
    assert make("x", np.ones((2, 2), dtype=dtype)).numpy().dtype == dtype


def test_a_float_matrix_keeps_float32_and_widens_what_would_lose_digits():
    types = {
        torch.float16: torch.float32,
        torch.bfloat16: torch.float32,
        torch.float32: torch.float32,
        torch.float64: torch.float64,
        torch.int32: torch.float64,
        torch.bool: torch.float64,
    }
    for given, expected in types.items():
        assert float_matrix("x", torch.ones(2, 2, dtype=given)).dtype == expected, given


def test_samples_have_a_row_each_and_their_further_axes_flattened():
    assert samples("x", [1.0, 2.0]).tolist() == [[1.0], [2.0]]
    cube = np.arange(12.0).reshape(2, 3, 2)
    assert samples("x", cube).tolist() == [cube[0].ravel().tolist(), cube[1].ravel().tolist()]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (3.0, "the input must"),
        (np.ones((0, 2)), "the input must"),
        (np.ones((2, 0)), "the input must"),
        ([[1j, 0.0]], "the input is complex"),
        ([[np.nan, 1.0]], "the input holds NaN or infinite values"),
        ([[1.0, np.inf]], "the input holds NaN or infinite values"),
        ([[1.0, -np.inf]], "the input holds NaN or infinite values"),
        (torch.tensor([[1.0, torch.nan]], dtype=torch.float16), "the input holds NaN"),
    ],
)
def test_what_is_no_finite_real_matrix_is_refused_by_name(make, values, message):
    with pytest.raises(ValueError, match=message):
        make("the input", values)


@pytest.mark.parametrize("make", [real_matrix, float_matrix])
@pytest.mark.parametrize("shape", [(3,), (2, 2, 2)])
def test_only_samples_may_have_other_than_two_axes(make, shape):
    with pytest.raises(ValueError, match="must be a matrix and not empty"):
        make("x", np.ones(shape))
    assert len(samples("x", np.ones(shape))) == shape[0]


def test_counts_are_whole_numbers_in_their_range():
    for value in (1, 3, np.int64(2)):
        check_count(value, 3)
        check_positive("k", value)
    for value in (0, -1, 2.0, True, "2"):
        with pytest.raises(ValueError, match=r"k must be an int in 1\.\.3"):
            check_count(value, 3)
        with pytest.raises(ValueError, match="batch must be a positive int"):
            check_positive("batch", value)
    with pytest.raises(ValueError, match=r"1\.\.3, not 4"):
        check_count(4, 3)

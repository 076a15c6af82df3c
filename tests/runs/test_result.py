"""What a point gives is kept to the bit, and what cannot be kept is refused by name."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, scalar_dtypes

from strata.runs.result import Result, arrays_from_bytes, arrays_to_bytes, metrics_to_bytes


@given(arrays(scalar_dtypes(), array_shapes(min_dims=0, max_dims=3, max_side=4)))
def test_every_array_of_numbers_survives_to_the_bit(array):
    back = arrays_from_bytes(arrays_to_bytes({"a": array}))["a"]
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


@given(st.dictionaries(st.text(max_size=3), st.floats(allow_nan=False, allow_infinity=False)))
def test_every_finite_number_survives_to_the_bit(metrics):
    assert json.loads(metrics_to_bytes(metrics)) == metrics


def test_the_bytes_depend_on_the_content_only():
    a, b = np.arange(12.0).reshape(3, 4), np.arange(3)
    one = arrays_to_bytes({"a": a, "b": b})
    other = arrays_to_bytes({"b": b, "a": np.asfortranarray(a)})
    assert one == other
    assert metrics_to_bytes({"a": 1, "b": 2}) == metrics_to_bytes({"b": 2, "a": 1})


def test_the_digest_sees_names_types_shapes_and_values_but_no_layout():
    a = np.arange(12.0).reshape(3, 4)
    base = Result({"m": 1}, {"a": a}).digest()
    assert Result({"m": 1}, {"a": np.asfortranarray(a)}).digest() == base
    assert Result({"m": 1}, {"a": a.astype(">f8")}).digest() == base
    for other in (
        Result({"m": 2}, {"a": a}),
        Result({"m": 1}, {"b": a}),
        Result({"m": 1}, {"a": a.astype(np.float32)}),
        Result({"m": 1}, {"a": a.reshape(4, 3)}),
        Result({"m": 1}, {"a": np.nextafter(a, 1)}),
        Result({"m": 1}, {"a": a, "b": a}),
    ):
        assert other.digest() != base

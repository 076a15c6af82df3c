"""Fingerprints: equal for equal arrays, different for everything else."""

import hashlib
import struct

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from strata.data.fingerprint import fingerprint

ARRAYS = hnp.arrays(
    st.sampled_from([np.dtype(np.float32), np.dtype(np.int64), np.dtype(bool)]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


@given(ARRAYS)
def test_layout_and_byte_order_do_not_matter(array):
    expected = fingerprint(array)
    assert fingerprint(np.array(array, order="F")) == expected
    assert fingerprint(array.astype(array.dtype.newbyteorder(">"))) == expected
    assert fingerprint(np.repeat(array[..., None], 2, axis=-1)[..., 0]) == expected


@given(ARRAYS.filter(lambda a: a.size), st.data())
def test_any_changed_byte_is_noticed(array, data):
    changed = array.copy()
    flat = changed.reshape(-1).view(np.uint8)
    flat[data.draw(st.integers(0, flat.size - 1))] ^= 1
    assert fingerprint(changed) != fingerprint(array)


def test_dtype_shape_order_and_grouping_matter():
    a = np.arange(4)
    prints = [
        fingerprint(a),
        fingerprint(a.astype(np.int32)),
        fingerprint(a.view(np.float64)),
        fingerprint(a.reshape(2, 2)),
        fingerprint(a[None]),
        fingerprint(a, a[:2]),
        fingerprint(a[:2], a),
        fingerprint(a[:2], a[2:]),
        fingerprint(np.zeros((0, 3))),
        fingerprint(np.zeros((3, 0))),
        fingerprint("01"),
        fingerprint("0", "1"),
    ]
    assert len(set(prints)) == len(prints)


def test_tensor_and_array_agree_and_the_value_is_fixed():
    assert fingerprint(torch.arange(3)) == fingerprint(np.arange(3))
    # The rule by hand: it may never change, or every stored result would go stale.
    content = b"<i8(3,);" + struct.pack("<3q", 0, 1, 2)
    assert fingerprint(np.arange(3, dtype=np.int64)) == hashlib.sha256(content).hexdigest()


def test_what_has_no_bytes_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        fingerprint()
    with pytest.raises(TypeError, match="object"):
        fingerprint(np.array([None]))
    with pytest.raises(TypeError, match="no fingerprint"):
        fingerprint(np.zeros(2, dtype=[("a", int)]))

"""How fast the machine multiplies matrices on one thread: what the hot loops are held against."""

import json

import numpy as np
import pytest
import torch
from benching import in_its_own_process, product_rates, size

pytestmark = pytest.mark.benchmark

SIDES = size((256, 512, 1024, 2048, 3072), (256, 512, 768))
IN_NUMPY = ("float32", "float64")
AS_IN_THE_BOOK = """
import json
import sys

from strata.cli import app  # before numpy: it asks for the kernels

import numpy as np
from benching import product_rates
from threadpoolctl import threadpool_limits

dtype, sides = sys.argv[1], json.loads(sys.argv[2])
draw = np.random.default_rng(0).random
with threadpool_limits(limits=1):
    print(json.dumps(product_rates([draw((side, side), dtype) for side in sides])))
"""


def test_the_rate_of_matrix_products(bench_peak):
    rates, draw = {}, np.random.default_rng(0).random
    for dtype in (*IN_NUMPY, "bfloat16"):
        squares = [torch.rand(side, side).to(getattr(torch, dtype)) for side in SIDES]
        found = {"torch": product_rates(squares)}
        if dtype in IN_NUMPY:
            found["numpy"] = product_rates([draw((side, side), dtype) for side in SIDES])
            asked = in_its_own_process(AS_IN_THE_BOOK, dtype, json.dumps(SIDES))
            asked = {int(side): rate for side, rate in asked.items()}
            found["numpy, with the kernels of the book's runs"] = asked
        bench_peak(dtype, found)
        rates[dtype] = found
        for library, by_side in found.items():
            print(dtype, library, {side: f"{rate / 1e9:.0f}" for side, rate in by_side.items()})
    for library, by_side in rates["float32"].items():
        double = rates["float64"][library]
        # Twice as many fit into a register.
        assert max(by_side.values()) > 1.2 * max(double.values())
        # Flat: what is found does not hang on the largest size.
        for of_dtype in (by_side, double):
            assert of_dtype[SIDES[-2]] > 0.5 * max(of_dtype.values())

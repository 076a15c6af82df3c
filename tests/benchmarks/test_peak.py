"""How fast the machine multiplies matrices on one thread: what the hot loops are held against."""

import pytest
import torch
from benching import in_turns, size

pytestmark = pytest.mark.benchmark

SIDES = size((256, 512, 1024, 2048, 3072), (256, 512, 768))
DTYPES = (torch.float32, torch.float64, torch.bfloat16)


def test_the_rate_of_matrix_products(bench_peak):
    rates = {}
    for dtype in DTYPES:
        squares = {side: torch.rand(side, side).to(dtype) for side in SIDES}
        ways = {str(side): lambda a=a: a @ a for side, a in squares.items()}
        least, _ = in_turns(size(5, 2), **ways)
        rates[dtype] = {side: 2 * side**3 / least[str(side)] for side in SIDES}
        bench_peak(str(dtype).removeprefix("torch."), rates[dtype])
        print(dtype, {side: f"{rate / 1e9:.0f} GFLOP/s" for side, rate in rates[dtype].items()})
    single, double = max(rates[torch.float32].values()), max(rates[torch.float64].values())
    assert single > 1.2 * double  # twice as many fit into a register
    # Flat: what is found does not hang on the largest size.
    for dtype in (torch.float32, torch.float64):
        assert rates[dtype][SIDES[-2]] > 0.5 * max(rates[dtype].values())

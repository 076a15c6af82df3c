"""Sums that do not depend on the generation of the processor."""

import os
import subprocess
import sys

import nbformat
import pytest
import scipy.linalg  # noqa: F401  # brings an OpenBLAS of its own beside numpy's
from threadpoolctl import threadpool_info

from strata.book.processor import KERNELS, same_products

AMD = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu sse2 avx avx2\nbugs\t\t: none\n"
PRODUCT = """
import hashlib
import numpy as np
matrix = np.random.default_rng(0).normal(size=(300, 300))
print(hashlib.sha256((matrix @ matrix).tobytes()).hexdigest())
"""


@pytest.mark.parametrize(
    ("listed", "asked"),
    [
        (AMD, {"OPENBLAS_CORETYPE": KERNELS}),
        (AMD.replace(" avx2", ""), {}),
        ("Features\t: fp asimd\n", {}),
        (None, {}),
    ],
    ids=["with avx2", "older", "arm", "no such file"],
)
def test_only_a_processor_that_can_is_asked_for_them(listed, asked, tmp_path):
    path = tmp_path / "cpuinfo"
    if listed is not None:
        path.write_text(listed)
    assert same_products(path) == asked


def product(prefix: str, **variables: str) -> str:
    """Digest of a matrix product of a fresh process."""
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"} | variables
    return subprocess.run(
        [sys.executable, "-c", prefix + PRODUCT],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.skipif(not same_products(), reason="needs Linux and AVX2")
def test_a_command_sums_in_one_order_on_any_processor():
    pinned, old = "import strata.cli\n", {"OPENBLAS_CORETYPE": "Nehalem"}
    assert product("", **old) != product("", OPENBLAS_CORETYPE=KERNELS)  # else this shows nothing
    assert product(pinned, **old) == product(pinned) == product("", OPENBLAS_CORETYPE=KERNELS)


@pytest.mark.skipif(not same_products(), reason="needs Linux and AVX2")
def test_so_do_the_tests():
    pools = [pool for pool in threadpool_info() if pool["internal_api"] == "openblas"]
    assert {pool["architecture"] for pool in pools} == {KERNELS}


@pytest.mark.skipif(not same_products(), reason="needs Linux and AVX2")
def test_a_notebook_sums_in_that_order(tiny_project, strata):
    root = tiny_project(good=[f"{PRODUCT}\n"])
    done = strata(root, "run", env={"OPENBLAS_CORETYPE": "Nehalem"})
    assert done.returncode == 0, done.stderr
    node = nbformat.read(root / "_build" / "quick" / "executed" / "good.ipynb", as_version=4)
    assert node.cells[-1].outputs[0]["text"] == product("", OPENBLAS_CORETYPE=KERNELS)

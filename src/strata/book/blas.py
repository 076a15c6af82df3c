"""The same sums on every processor: which matrix products numpy and scipy use."""

from __future__ import annotations

from pathlib import Path

KERNELS = "Haswell"
"""OpenBLAS's name for products with AVX2, which nearly every x86 processor in use can do."""


def same_products(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """Environment variables with which OpenBLAS sums in one order, whatever the processor.

    By itself it takes the kernels of the processor's generation, and each has its own order: two
    machines that called themselves alike gave other last digits. It reads the variable when numpy
    or scipy is imported. Nothing is asked for where AVX2 is missing or not listed, as on other
    systems than Linux; a record names the system and the instructions.

    Parameters
    ----------
    cpuinfo
        What the processor can do, as Linux lists it.
    """
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return {}
    flags = next((line for line in lines if line.startswith("flags")), "")
    return {"OPENBLAS_CORETYPE": KERNELS} if "avx2" in flags.split() else {}

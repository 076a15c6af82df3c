"""What the processor is, and the same sums on every one."""

from __future__ import annotations

import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
"""What the processor is and can do, as Linux lists it."""
KERNELS = "Haswell"
"""OpenBLAS's name for products with AVX2, which nearly every x86 processor in use can do."""


def model() -> str:
    """Name of the processor."""
    return _listed("model name", CPUINFO) or platform.processor() or platform.machine()


def same_products(cpuinfo: Path = CPUINFO) -> dict[str, str]:
    """Environment variables with which OpenBLAS sums in one order, whatever the processor.

    By itself it takes the kernels of the processor's generation, and each has its own order: two
    machines that called themselves alike gave other last digits. It reads the variable when numpy
    or scipy is imported. Nothing is asked for where AVX2 is missing or not listed, as on other
    systems than Linux; a record names the system and the instructions.
    """
    return {"OPENBLAS_CORETYPE": KERNELS} if "avx2" in _listed("flags", cpuinfo).split() else {}


def _listed(field: str, cpuinfo: Path) -> str:
    """What is listed of the first core; empty where the field or the list is missing."""
    if cpuinfo.exists():
        with cpuinfo.open() as lines:
            for line in lines:
                if line.startswith(field):
                    return line.partition(":")[2].strip()
    return ""

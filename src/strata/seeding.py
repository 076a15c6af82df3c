"""Random numbers: one call that fixes every global state, and named generators to pass down."""

import hashlib
import os
import random

import numpy as np
import torch

from strata.environment import seed_family


def seed_everything(seed: int) -> None:
    """Fix the global random states and make torch refuse operations that are not deterministic.

    A safety net for code that draws from a global state. Strata's own code takes generators.

    Parameters
    ----------
    seed
        From 0 to 2**32 - 1, the range that NumPy takes.

    Raises
    ------
    ValueError
        If the seed is out of range.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be from 0 to 2**32 - 1, not {seed}")
    # cuBLAS is deterministic only with a fixed workspace, read when CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the global state is what this function is about
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)


def torch_generator(*entropy: int | str) -> torch.Generator:
    """Return a CPU generator that depends only on the parts and their order.

    The seed is cut from the SHA-256 of the parts, so that it is the same in every process and
    Python version, and generators of different names are independent.

    Parameters
    ----------
    entropy
        At least one int or str; ``1`` and ``"1"`` are different.

    Raises
    ------
    TypeError
        If a part is neither int nor str.
    ValueError
        If there is no part.

    Examples
    --------
    >>> a, b = torch_generator("init", 0), torch_generator("init", 0)
    >>> bool(torch.equal(torch.rand(3, generator=a), torch.rand(3, generator=b)))
    True
    """
    return torch.Generator().manual_seed(int.from_bytes(_digest(entropy)[:8], "little"))


def numpy_generator(*entropy: int | str) -> np.random.Generator:
    """Return a NumPy generator (PCG64) that depends only on the parts and their order.

    Parameters
    ----------
    entropy
        As in `torch_generator`.

    Raises
    ------
    TypeError
        If a part is neither int nor str.
    ValueError
        If there is no part.

    Examples
    --------
    >>> bool(numpy_generator("data", 1).random() == numpy_generator("data", 1).random())
    True
    """
    return np.random.Generator(np.random.PCG64(int.from_bytes(_digest(entropy), "little")))


def _digest(entropy: tuple[int | str, ...]) -> bytes:
    if not entropy:
        raise ValueError("a generator needs at least one part to derive its seed from")
    digest = hashlib.sha256()
    family = seed_family()
    for part in (*entropy, f"family {family}") if family else entropy:
        if isinstance(part, bool) or not isinstance(part, int | str):
            raise TypeError(f"a seed is derived from int and str, not {type(part).__name__}")
        text = f"{type(part).__name__}:{part}".encode()
        digest.update(len(text).to_bytes(8, "little") + text)
    return digest.digest()

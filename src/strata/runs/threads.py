"""Computing with a number of threads of its own."""

import contextlib
from collections.abc import Iterator

from threadpoolctl import threadpool_limits


@contextlib.contextmanager
def with_threads(count: int) -> Iterator[None]:
    """Compute with so many threads inside the block: sums depend on how many there are."""
    # Here and not above: the sweep's own process imports this module and may do without torch.
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(limits=count):
            yield
    finally:
        torch.set_num_threads(before)

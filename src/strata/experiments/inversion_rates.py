"""What a step size makes of blurred descent: searches with a few of them, run to the end.

The usual search takes the best step size after a short run, which need not be the best in the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from strata.experiments import inversion_nets, inversions
from strata.measures.inversion import blurred_inversion
from strata.runs.result import Result

RATES = (0.03, 0.1, 0.3)
"""The study's own step size, a third of it, and three times it."""


def by_rate(
    searches: Sequence[inversions.Config], net: Result, rates: Sequence[float] = RATES
) -> dict[str, NDArray[np.float32]]:
    """Run searches to the end with each step size, all images with the same.

    Parameters
    ----------
    searches
        What is searched, of one net; the method is not looked at.
    net
        The result of `inversion_nets.run` for that net.
    rates
        Step sizes.

    Returns
    -------
    dict
        ``rate_embedding`` and ``rate_inputs`` (rates, searches, n): distances to the originals at
        the end; NaN for all images where the search of one does not stay finite.
    """
    made = inversion_nets.net_of(searches[0].net, net)
    ends = [[_end(search, made, rate) for search in searches] for rate in rates]
    embedding, inputs = np.moveaxis(np.array(ends, dtype=np.float32), 2, 0)
    return {"rate_embedding": embedding, "rate_inputs": inputs}


def _end(search: inversions.Config, net: nn.Module, rate: float) -> NDArray:
    """Distances of embeddings and of inputs (2, n)."""
    originals = inversions.originals(search)
    try:
        found = blurred_inversion(
            inversions.embedder(net, search.stage),
            originals,
            inversions.start_of(search),
            rates=rate,
            steps=search.steps,
        )
    except FloatingPointError:
        return np.full((2, len(originals)), np.nan)
    return np.stack([found.embedding[:, -1].numpy(), found.inputs[:, -1].numpy()])

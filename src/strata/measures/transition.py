"""Where a net passes from extractor to tunnel, from its ranks and its similarities along depth.

The two functions use the ranks and the CKA of its layers only, never an accuracy, so that a claim
about accuracy at the transition is not true by construction.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_ROUNDING = 1e-6
"""By which a CKA computed in float32 may exceed 1 or differ from its mirror image."""


def transition_layer(ranks: ArrayLike, prominence: float = 0.05) -> int | None:
    """Transition layer l*: the layer of highest rank, at which the extractor ends.

    The extractor raises the rank of the representations, the tunnel lowers it, and l* is the argmax
    of the ranks of z_0, ..., z_L; of equal ones the first. Two cases have no such peak:

    - no rank reaches 1 + `prominence`: there is one direction throughout, nothing to locate, and
      the answer is None;
    - no rank exceeds (1 + `prominence`) times that of z_0: the rank only falls, all of the net is
      tunnel, and the answer is 0.

    Parameters
    ----------
    ranks : array_like, shape (L + 1,)
        Soft rank of each layer's pre-activations, from z_0 to the logits z_L: for the study's
        claims, R_cov (`strata.measures.soft_ranks.covariance_rank`).
    prominence : float
        Least relative rise that counts as a peak, 0 or more. The default lies just above what nets
        without a peak reached in a pilot: a rank of 1.04 where the core was never learned, and a
        rise of 1.046 on yin-yang with three hidden layers, where the study shows none. The
        smallest peak in the study's figure, with four hidden layers, is a rise of 1.097.

    Returns
    -------
    int or None
        l*, from 0 to L.

    Raises
    ------
    ValueError
        The ranks are not a vector, are empty, negative, NaN or infinite; or the prominence is
        negative, NaN or infinite.

    Notes
    -----
    Source: the definition is ours. The study locates the transition by eye at the peak of the rank
    (text and figure ``rank_cka``). Time O(L).

    Examples
    --------
    The study's nets with five and with two hidden layers.

    >>> transition_layer([1.95, 2.27, 2.32, 1.57, 1.05, 1.00])
    2
    >>> transition_layer([1.94, 1.60, 1.01])
    0
    """
    values = np.asarray(ranks, dtype=np.float64)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"ranks must be a vector and not empty, not of shape {values.shape}")
    if not np.isfinite(values).all() or values.min() < 0:
        raise ValueError("ranks must be finite and at least 0")
    if not (np.isfinite(prominence) and prominence >= 0):
        raise ValueError(f"prominence must be finite and at least 0, not {prominence}")
    highest = values.max()
    if highest < 1 + prominence:
        return None
    if highest <= (1 + prominence) * values[0]:
        return 0
    return int(values.argmax())


def late_block_start(cka: ArrayLike, threshold: float = 0.9) -> int:
    """First layer of the late block: the longest run of last layers that are all alike.

    The smallest l such that CKA(z_i, z_j) >= `threshold` for all layers i, j >= l. The last layer
    alone always qualifies.

    Parameters
    ----------
    cka : array_like, shape (m, m)
        CKA between layers in the order of depth, as from `strata.measures.cka.cka_map`. The
        diagonal is not looked at.
    threshold : float
        In [0, 1]. The late block of the study's heat maps is at 0.9 or above. In a pilot the last
        half of the layers had a mean CKA of 0.95 to 0.99 in trained nets of four to seven hidden
        layers, and of 0.54 to 0.89 at initialisation.

    Returns
    -------
    int
        From 0, all layers alike, to m - 1, no two last layers alike.

    Raises
    ------
    ValueError
        Not a square matrix, empty, not symmetric, with NaN or infinite values or values above 1;
        or a threshold out of range.

    Notes
    -----
    Source: the definition is ours, for the block that the study describes (text and figure
    ``rank_cka``). Time O(m^2).

    Examples
    --------
    >>> late_block_start([[1.0, 0.5, 0.4], [0.5, 1.0, 0.95], [0.4, 0.95, 1.0]])
    1
    """
    values = _similarities(cka)
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be in [0, 1], not {threshold}")
    start = len(values) - 1
    while start > 0 and (values[start - 1, start:] >= threshold).all():
        start -= 1
    return start


def _similarities(cka: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(cka, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or values.size == 0:
        raise ValueError(f"a CKA map must be square and not empty, not of shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("the CKA map holds NaN or infinite values")
    if values.max() > 1 + _ROUNDING:
        raise ValueError(f"a CKA is at most 1, not {values.max():.3g}")
    if np.abs(values - values.T).max() > _ROUNDING:
        raise ValueError("the CKA map is not symmetric")
    return values

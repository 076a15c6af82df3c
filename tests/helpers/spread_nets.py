"""Made-up nets whose features have a spread of complexities, with known answers."""

import numpy as np

from strata.experiments.feature_spectrum_claims import Spread

BLOCKS, FEATURES = 16, 64
BITS = (np.arange(FEATURES)[:, None] >> np.arange(5, -1, -1)) & 1
"""Feature i in binary, the place of its atom in the tree: the first digit splits it in two."""
COMPLEXITY = 0.1 + BITS @ [0.15, 0.25, 0.2, 0.1, 0.05, 0.05]


def by_block(kappa, rng, last=None, noise=0.01):
    """R² by block, (16, k), whose complexity is about kappa; the last block may be its own."""
    found = np.tile(1 - np.asarray(kappa), (BLOCKS, 1))
    if last is not None:
        found[-1] = last
    return found + noise * rng.standard_normal(found.shape)


def tree(rng, blur=0.02):
    """Atoms that split where the digits of their number differ, the first digit first."""
    places = np.hstack([BITS, 1 - BITS]) * np.tile(2.0 ** np.arange(5, -1, -1), 2)
    # Some are spread over more neurons: those in the middle of the spectrum, as it happens.
    middle = np.argsort(np.abs(COMPLEXITY - np.median(COMPLEXITY)), kind="stable")
    rest = np.zeros((FEATURES, 40))
    for rank, feature in enumerate(middle):
        rest[feature, : 2 + rank // 2] = 0.5
    return np.hstack([places, rest + blur * rng.random(rest.shape)])


def spread(seed=0, dead=0, fidelity=0.995, scores=None, **changes):
    """A net in which all claims hold; ``changes`` replace what was found, ``scores`` the rest."""
    rng = np.random.default_rng(seed)
    last = rng.permutation(np.linspace(0.8, 1, FEATURES))
    found = {
        "r2_1": by_block(COMPLEXITY, rng, last),
        "r2_2": by_block(COMPLEXITY, rng, last),
        "variance": np.where(np.arange(FEATURES) < FEATURES - dead, 1.0, 0.0),
        "prevalence": rng.permutation(np.linspace(0.1, 0.9, FEATURES)),
        "importance": COMPLEXITY + 0.01 * rng.random(FEATURES),
        "atoms": tree(rng),
    }
    others = {
        "half_r2": np.stack([by_block(COMPLEXITY, rng) for _ in range(2)]),
        "random_r2": by_block(np.full(FEATURES, 0.4), rng),
        "principal_r2": by_block(np.linspace(0.2, 0.6, FEATURES), rng),
        "lowpass_r2": 1 - COMPLEXITY + 0.1 * rng.standard_normal(FEATURES),
        "colour_r2": 0.5 * (1 - COMPLEXITY) + 0.1 * rng.standard_normal(FEATURES),
    }
    return Spread(
        place=("made up", 8, seed, "joint"),
        found=found | changes,
        scores=others | (scores or {}),
        fidelity=fidelity,
    )

"""Made-up nets whose features were followed through blocks and epochs, with known answers."""

import numpy as np

from strata.experiments import features, image_nets
from strata.experiments.feature_flow import BRANCHES
from strata.experiments.feature_flow_claims import Followed
from strata.training.images import ImageSchedule

EPOCHS = (0, 1, 2, 4, 6, 8)
BLOCKS, FEATURES = 16, 40
COMPLEXITY = np.linspace(0, 1, FEATURES)
"""Feature i of the made-up nets, from the simplest to the most complex."""


def ramp(start, length=4.0):
    """Curves over blocks, (16, k), from 0 at block ``start`` (k,) to 1 ``length`` blocks later."""
    blocks = np.arange(1, BLOCKS + 1)[:, None]
    return np.clip((blocks - np.asarray(start, dtype=float)) / length, 0, 1)


def followed(seed=0, epochs=EPOCHS, noise=0.005, **changes):
    """A net in which all claims hold; ``changes`` replace arrays of its flow, or ``found``.

    Simple features are in every block early, complex ones late, and it took longer until the last
    block had them. Important features, the simplest, became simpler than the others did.
    """
    rng = np.random.default_rng(seed)
    late = 1 + 11 * COMPLEXITY
    stream, gradual = ramp(late), ramp(late - 12, 27.0)
    falling = 0.9 - 0.03 * np.arange(BLOCKS)[:, None] * (1 - COMPLEXITY) - 0.85 * COMPLEXITY
    flow = {
        "cka": np.stack([ramp(late), gradual, gradual]),
        "cka_null": np.full((len(BRANCHES), BLOCKS, FEATURES), 0.01),
        "r2_branches": np.stack([stream, falling, stream]),
        "r2_epochs": np.stack([stream * learned(epoch / epochs[-1]) for epoch in epochs]),
        # Random directions are all alike.
        "random_cka": ramp(np.full(FEATURES, 6.0)),
        "random_r2": ramp(np.full(FEATURES, 6.0)),
    }
    flow = {name: array + noise * rng.standard_normal(array.shape) for name, array in flow.items()}
    found = [anew(epoch / epochs[-1], rng, noise) for epoch in epochs]
    return Followed(
        epochs=tuple(epochs),
        flow=flow | {name: value for name, value in changes.items() if name != "found"},
        found=changes.get("found", found),
        place=("made up", 8, seed, "joint"),
    )


def learned(time):
    """Share of its final R² that each feature has at a time from 0 to 1; complex ones are late."""
    return np.clip(time / (0.1 + 0.9 * COMPLEXITY), 0, 1)


def anew(time, rng, noise, important=0.5, others=0.6):
    """Features of an epoch; the important tenth ends at ``important``, and all begin at .3."""
    k = np.full(FEATURES, 0.3 + (others - 0.3) * min(2 * time, 1))
    k[:4] = 0.7 + (important - 0.7) * time
    return {
        "r2_1": 1 - k + noise * rng.standard_normal((BLOCKS, FEATURES)),
        "importance": np.linspace(1, 0, FEATURES),
        "prevalence": rng.permutation(np.linspace(0.1, 0.9, FEATURES)),
        "variance": np.ones(FEATURES),
    }


def config(data="shapes", width=8, dictionary="joint", seed=0):
    """The features of a small net at its last epoch."""
    net = image_nets.Config(
        data=data,
        seed=seed,
        size=32,
        stem="small",
        width=width,
        training_images=200,
        held_out_images=100,
        schedule=ImageSchedule(epochs=3, batch_size=50, lr=0.1, flip=False, dtype="float32"),
        keep=(0, 1, 3),
    )
    return features.Config(
        net=net,
        epoch=3,
        dictionary=dictionary,
        atoms=12 if dictionary == "joint" else 1,
        dictionary_seed=0,
        rows=200,
        grids=(1,),
    )

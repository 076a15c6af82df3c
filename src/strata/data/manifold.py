"""The hidden manifold: many inputs made from few latent numbers, labelled by a random net.

The inputs look complicated and are not; the labels depend on the latent numbers alone. Any
amount can be drawn, so that a pool, and images never seen, are as large as one likes.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from strata.data.checks import check_count

Matrix = NDArray[np.float64]

_CALIBRATION = 20_000
_GAIN = 1.5
_BIAS = 0.3


@dataclass(frozen=True)
class Manifold:
    """A labelled sample: x (n, inputs), y (n,) int64 and the latent numbers (n, latents)."""

    x: Matrix
    y: NDArray[np.int64]
    latents: Matrix

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class World:
    """What all samples of one hidden manifold share.

    Attributes
    ----------
    inputs, latents, classes
        Sizes.
    hidden, layers
        Width and number of hidden layers of the net that labels.
    seed
        Of the features and of the labelling net.
    """

    inputs: int = 64
    latents: int = 6
    classes: int = 10
    hidden: int = 64
    layers: int = 2
    seed: int = 0


def hidden_manifold(n: int, rng: np.random.Generator, world: World | None = None) -> Manifold:
    """Draw a sample.

    Latents c ~ N(0, I); inputs x = tanh(1.5 c F / sqrt(latents)) with F ~ N(0, I); the label is
    the greatest of the logits of a random ReLU net of c, each logit standardised over the world,
    so that the classes are about equally common.

    Parameters
    ----------
    n
        Number of samples, at least 1.
    rng
        Of the sample; the same state gives the same bits. The world does not depend on it.
    world
        Default: `World` as it stands.

    Raises
    ------
    ValueError
        If a size is out of range.

    Notes
    -----
    Goldt, Mézard, Krzakala and Zdeborová 2020 (*Modeling the influence of data structure on
    learning in neural networks*), there with the sign of one unit as the label. O(n) in the
    sample, and once a world 20,000 samples for the scale of the logits.

    Examples
    --------
    >>> sample = hidden_manifold(1000, np.random.default_rng(0))
    >>> sample.x.shape, sample.latents.shape, len(np.unique(sample.y))
    ((1000, 64), (1000, 6), 10)
    """
    check_count("n", n, 1)
    world = world or World()
    for name in ("inputs", "latents", "hidden", "layers"):
        check_count(name, getattr(world, name), 1)
    check_count("classes", world.classes, 2)
    features, layers, mean, scale = _made(world)
    latents = rng.normal(size=(n, world.latents))
    x = np.tanh(_GAIN / np.sqrt(world.latents) * (latents @ features))
    logits = (_logits(latents, layers) - mean) / scale
    return Manifold(x, logits.argmax(axis=1), latents)


_Layers = tuple[tuple[Matrix, Matrix], ...]


@lru_cache(maxsize=8)
def _made(world: World) -> tuple[Matrix, _Layers, Matrix, Matrix]:
    rng = np.random.default_rng(world.seed)
    features = rng.normal(size=(world.latents, world.inputs))
    sizes = [world.latents, *[world.hidden] * world.layers, world.classes]
    layers = tuple(
        (
            rng.normal(size=(fan_in, fan_out)) * np.sqrt(2 / fan_in),
            _BIAS * rng.normal(size=fan_out),
        )
        for fan_in, fan_out in pairwise(sizes)
    )
    logits = _logits(rng.normal(size=(_CALIBRATION, world.latents)), layers)
    return features, layers, logits.mean(axis=0), logits.std(axis=0)


def _logits(latents: Matrix, layers: _Layers) -> Matrix:
    h = latents
    for weight, bias in layers[:-1]:
        h = np.maximum(h @ weight + bias, 0)
    weight, bias = layers[-1]
    return h @ weight + bias

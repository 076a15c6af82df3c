"""The hidden manifold of the depth study: inputs decoded from few latents, labelled by a teacher.

Some of the latents decide the label and others do not. All weigh the same in the input, so that
what a net keeps of them is decided by the label alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from strata.data.checks import check_count
from strata.data.toy import signs
from strata.seeding import numpy_generator

Matrix = NDArray[np.float64]
DecoderName = Literal["identity", "tanh", "tanh-third", "layers"]
TeacherName = Literal["linear", "even", "products"]
LatentName = Literal["bernoulli", "normal"]

LEAST_SHARE = 0.25
"""Least share of each class; a teacher that gives less to one is drawn again."""
_CALIBRATION = 4000
_DRAWS = 1000
_DEEP_GAIN = 2.0


@dataclass(frozen=True)
class LatentWorld:
    """What all samples share: how latents are drawn, decoded and labelled.

    Attributes
    ----------
    latents
        ``bernoulli``: 0 or 1 with equal chances, as in the study. ``normal``: N(0, 1).
    relevant, irrelevant
        Numbers of latents that the teacher reads, and of those that it does not.
    inputs
        Numbers in an input.
    decoder
        What is done with u = c F / sqrt(latents), where the rows of F are Gaussian and of equal
        length. ``identity``: x = u; ``tanh``: tanh(u); ``tanh-third``: tanh(u / 3); ``layers``:
        two random layers, tanh(2 V tanh(2 u) / sqrt(inputs)), V Gaussian.
    teacher
        The label is +1 where this is positive. ``linear``: sum of w_i c_i, w Gaussian, as in the
        study; ``even``: the same with w_i = -1 or 1, so that every latent matters alike;
        ``products``: sum of w_i c_2i c_2i+1, w_i = -1 or 1, of which no latent tells anything
        alone if it is symmetric.
    seed
        Of F, V and the teacher. F and the teacher do not depend on the decoder.
    """

    latents: LatentName = "bernoulli"
    relevant: int = 4
    irrelevant: int = 0
    inputs: int = 512
    decoder: DecoderName = "identity"
    teacher: TeacherName = "linear"
    seed: int = 0


@dataclass(frozen=True)
class LatentSample:
    """Inputs x (n, inputs), latents (n, d), relevant ones first, and the teacher's score (n,)."""

    x: Matrix
    latents: Matrix
    score: Matrix

    def __len__(self) -> int:
        return len(self.y)

    @property
    def y(self) -> NDArray[np.int64]:
        """The labels (n,): the sign of the score, -1 or +1."""
        return signs(self.score > 0)

    @property
    def classes(self) -> NDArray[np.int64]:
        """The labels as class indices (n,): 0 for -1 and 1 for +1."""
        return (self.y + 1) // 2


def latent_sample(n: int, rng: np.random.Generator, world: LatentWorld) -> LatentSample:
    """Draw a sample of a world.

    Parameters
    ----------
    n
        Number of samples, at least 1.
    rng
        Of the latents; the same state gives the same latents in all worlds of equal sizes.
    world
        See `LatentWorld`.

    Raises
    ------
    ValueError
        If a size is out of range, a teacher of products has an odd number of latents, or no
        teacher of a thousand gives each class a quarter of the samples.

    Notes
    -----
    The study's text and code, which follow Goldt, Mézard, Krzakala and Zdeborová 2020 (*Modeling
    the influence of data structure on learning in neural networks*). The study neither redraws
    teachers nor makes the rows of F equally long, and has no irrelevant latents. Time
    O(n inputs latents), for ``layers`` O(n inputs^2).

    Examples
    --------
    >>> world = LatentWorld(relevant=2, irrelevant=2, inputs=6)
    >>> sample = latent_sample(5, np.random.default_rng(0), world)
    >>> sample.x.shape, sample.latents.shape, bool(np.isin(sample.latents, (0, 1)).all())
    ((5, 6), (5, 4), True)
    """
    check_count("n", n, 1)
    _check(world)
    features, weights = _made(world)
    latents = draw_latents(n, rng, world)
    x = _DECODERS[world.decoder](latents @ features / np.sqrt(latents.shape[1]), world.seed)
    return LatentSample(x, latents, _score(world, latents, weights))


def draw_latents(n: int, rng: np.random.Generator, world: LatentWorld) -> Matrix:
    """Draw the latents (n, d) alone; of another generator they tell nothing about a sample."""
    size = (n, world.relevant + world.irrelevant)
    if world.latents == "bernoulli":
        return rng.integers(2, size=size).astype(np.float64)
    return rng.normal(size=size)


def _check(world: LatentWorld) -> None:
    check_count("relevant", world.relevant, 1)
    check_count("irrelevant", world.irrelevant, 0)
    check_count("inputs", world.inputs, 1)
    if world.teacher == "products" and world.relevant % 2:
        raise ValueError(f"relevant must be even for a teacher of products, not {world.relevant}")


@lru_cache(maxsize=64)
def _made(world: LatentWorld) -> tuple[Matrix, Matrix]:
    """The features F, with rows of length sqrt(inputs), and the teacher's weights."""
    count = world.relevant + world.irrelevant
    rng = numpy_generator("latent world", "features", count, world.inputs, world.seed)
    features = rng.normal(size=(count, world.inputs))
    features *= np.sqrt(world.inputs) / np.linalg.norm(features, axis=1, keepdims=True)
    return features, _teacher(world)


def _teacher(world: LatentWorld) -> Matrix:
    """The first of the teachers drawn that gives no class less than `LEAST_SHARE`."""
    kind = (world.latents, world.teacher, world.relevant)
    rng = numpy_generator("latent world", "teacher", *kind, world.seed)
    latents = draw_latents(_CALIBRATION, rng, world)
    for _ in range(_DRAWS):
        weights = rng.normal(size=world.relevant)
        if world.teacher != "linear":
            weights = np.sign(weights)
        positive = float((_score(world, latents, weights) > 0).mean())
        if LEAST_SHARE <= positive <= 1 - LEAST_SHARE:
            return weights
    raise ValueError(f"no teacher of {_DRAWS} gives each class {LEAST_SHARE:g} of the samples")


def _score(world: LatentWorld, latents: Matrix, weights: Matrix) -> Matrix:
    read = latents[:, : world.relevant]
    if world.teacher == "products":
        return (read[:, ::2] * read[:, 1::2]) @ weights[::2]
    return read @ weights


def _two_layers(u: Matrix, seed: int) -> Matrix:
    inputs = u.shape[1]
    second = numpy_generator("latent world", "second layer", inputs, seed).normal(
        size=(inputs, inputs)
    )
    return np.tanh(_DEEP_GAIN / np.sqrt(inputs) * (np.tanh(_DEEP_GAIN * u) @ second))


_DECODERS: Mapping[str, Callable[[Matrix, int], Matrix]] = MappingProxyType(
    {
        "identity": lambda u, _: u,
        "tanh": lambda u, _: np.tanh(u),
        "tanh-third": lambda u, _: np.tanh(u / 3),
        "layers": _two_layers,
    }
)

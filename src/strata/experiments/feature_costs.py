"""What a profile of study A would need: a dry run of shapes, work and memory, without any number.

Shapes are those of the nets themselves, on the device ``meta``, which holds none of their numbers.
Work is counted in multiply-adds: of the nets layer by layer, of the measures by the orders that
their docstrings state, with the constants named here. The count says what has to be computed, not
how fast a machine does it: hours come from speeds that are assumed, see `Speeds`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from strata.experiments import features, image_nets
from strata.nets.shape import NetShape, net_shape

CLASSES = {"shapes": 16, "cifar10": 10, "imagenet": 1000, "own": 1000}
"""Classes of the data sets; of the reader's own as many as ImageNet has."""
ITERATIONS = 200
"""Of a factorisation: the most that `strata.measures.dictionary.nmf` takes by default."""
BATCH = 4096
"""Rows that the dictionary and the codes work on at a time, by default."""
SYSTEMS = (3, 20)
"""Linear systems an image in non-negative least squares: with k <= d, and with more atoms."""
EIGEN = 5
"""Multiply-adds of an eigendecomposition with vectors, over the cube of its side."""
FOLDS = 2
_GIGA = 1e9


@dataclass(frozen=True)
class Speeds:
    """Operations a second that are kept up, two for each multiply-add: assumptions, not measured.

    The defaults are meant for one data-centre GPU of 2022 to 2024. They lie far below its peak, as
    small convolutions wait for memory, and eigendecompositions for each other.
    """

    bfloat16: float = 100e12
    """Training in mixed precision."""
    float32: float = 40e12
    """Forward passes for activations, and factorisations."""
    float64: float = 2e12
    """Probes, and the linear systems of the codes."""


@dataclass(frozen=True)
class Stage:
    """One kind of work of a profile, over all nets.

    Attributes
    ----------
    stage, counted
        What is done, and what `count` counts.
    count
        How often.
    multiply_adds
        Of all of it.
    memory_gb
        What is held at once as the code stands, of the largest net: 10^9 bytes.
    streamed_gb
        What would have to be held if the rows came from a disk in batches.
    disk_gb
        What is stored of all nets.
    gpu_hours
        By the speeds assumed, one GPU.
    """

    stage: str
    counted: str
    count: int
    multiply_adds: int
    memory_gb: float
    streamed_gb: float
    disk_gb: float
    gpu_hours: float


@dataclass(frozen=True)
class Requirements:
    """What all stages of a profile would need."""

    stages: tuple[Stage, ...]

    @property
    def gpu_hours(self) -> float:
        """Of all stages, one after the other."""
        return sum(stage.gpu_hours for stage in self.stages)

    @property
    def memory_gb(self) -> float:
        """Of the largest stage."""
        return max(stage.memory_gb for stage in self.stages)

    @property
    def streamed_gb(self) -> float:
        """Of the largest stage, with rows in batches."""
        return max(stage.streamed_gb for stage in self.stages)

    @property
    def disk_gb(self) -> float:
        """Of all stages."""
        return sum(stage.disk_gb for stage in self.stages)

    def table(self) -> pd.DataFrame:
        """A row for each stage; columns are the attributes of `Stage`, the stage is the index."""
        rows = pd.DataFrame([vars(stage) for stage in self.stages]).set_index("stage")
        return rows.astype({"multiply_adds": float})  # beyond 64-bit integers


def requirements(
    parameters: features.Parameters,
    *,
    noisy_images: Sequence[int] = (),
    speeds: Speeds | None = None,
) -> Requirements:
    """Count what the nets and the features of a profile would need, without computing them.

    Parameters
    ----------
    parameters
        Of the profile.
    noisy_images
        For each level of noise, the images with noise (draws x images) for which the last chapter
        takes activations and codes, for each dictionary of a last epoch.
    speeds
        By default those of `Speeds`.

    Returns
    -------
    Requirements
        Training takes three forward passes an image: one, and two for the gradients. Memory and
        disk are those of the large arrays and so lower bounds.

    Notes
    -----
    Orders: `strata.measures.dictionary.nmf`, n k (3 d + 2 k) an iteration;
    `strata.measures.codes.nnls`, n k (d + 30 k) and s^3 / 3 a system, in as many atoms s as there
    can be at most, min(k, d); `strata.measures.ridge.cross_fit`, n d (d + k), and a fold an
    eigendecomposition and d^2 k.
    """
    speeds = speeds or Speeds()
    nets = parameters.nets()
    found = list(dict.fromkeys(parameters.all_features() + parameters.repeated_features()))
    noisy = [(config, n) for config in parameters.final_features() for n in noisy_images]
    stages = [
        _training(nets, speeds),
        _images(nets),
        _passes(nets, found, noisy, speeds),
        _dictionaries(found, speeds),
        _codes(found, noisy, speeds),
        _probes(found, speeds),
    ]
    return Requirements(tuple(stages))


def atoms_of(config: features.Config) -> int:
    """Atoms of a dictionary: of all classes together where it is class-wise."""
    return config.atoms * (CLASSES[config.net.data] if config.dictionary == "classwise" else 1)


def _training(nets: Sequence[image_nets.Config], speeds: Speeds) -> Stage:
    seen = work = 0
    hours = disk = 0.0
    memory = []
    for net in nets:
        shape, images = _shape(net), net.schedule.epochs * net.training_images
        number = 2 if net.schedule.dtype == "bfloat16" else 4
        seen, work = seen + images, work + 3 * images * shape.multiply_adds
        hours += _hours(3 * images * shape.multiply_adds, getattr(speeds, net.schedule.dtype))
        disk += 4 * len(net.keep) * shape.state
        # What convolutions and normalisations put out; weights, gradients and momentum.
        memory.append(2 * number * net.schedule.batch_size * shape.outputs + 12 * shape.parameters)
    return _stage("training", "images seen", seen, work, max(memory), max(memory), disk, hours)


def _images(nets: Sequence[image_nets.Config]) -> Stage:
    counts = [net.training_images + net.held_out_images for net in nets]
    memory = max(3 * net.size**2 * n for net, n in zip(nets, counts, strict=True))
    batch = max(3 * net.size**2 * net.schedule.batch_size for net in nets)
    return _stage("images", "images of a net", max(counts), 0, memory, batch, 0, 0.0)


def _passes(
    nets: Sequence[image_nets.Config],
    found: Sequence[features.Config],
    noisy: Sequence[tuple[features.Config, int]],
    speeds: Speeds,
) -> Stage:
    jobs = [
        *((net, len(net.keep) * net.held_out_images) for net in nets),
        *((c.net, _positions(c)[0] + len(c.grids) * c.net.held_out_images) for c in found),
        *((config.net, images) for config, images in noisy),
    ]
    passes = sum(images for _, images in jobs)
    work = sum(images * _shape(net).multiply_adds for net, images in jobs)
    memory = [
        4 * sum(g**2 for g in c.grids) * c.net.held_out_images * sum(_shape(c.net).stream)
        for c in found
    ]
    one = 4 * BATCH * max(sum(_shape(config.net).stream) for config in found)
    hours = _hours(work, speeds.float32)
    return _stage("activations", "forward passes", passes, work, max(memory), one, 0, hours)


def _dictionaries(found: Sequence[features.Config], speeds: Speeds) -> Stage:
    work, memory, streamed = 0, [], []
    for config in found:
        d, k = _shape(config.net).stream[-1], atoms_of(config)
        rows = math.prod(_positions(config))
        work += ITERATIONS * rows * config.atoms * (3 * d + 2 * config.atoms)
        memory.append(4 * rows * (d + k))
        streamed.append(4 * (BATCH * (k + d) + 2 * k * (k + d)))
    return _stage(
        "dictionaries",
        "factorisations",
        len(found),
        work,
        max(memory),
        max(streamed),
        0,
        _hours(work, speeds.float32),
    )


def _codes(
    found: Sequence[features.Config],
    noisy: Sequence[tuple[features.Config, int]],
    speeds: Speeds,
) -> Stage:
    coded = start = systems = disk = 0
    memory, streamed = [], []
    for config, n in (*((c, c.net.held_out_images) for c in found), *noisy):
        d, k = _shape(config.net).stream[-1], atoms_of(config)
        coded += n
        start += n * k * (d + 30 * k)
        systems += n * SYSTEMS[k > d] * min(k, d) ** 3 // 3
        memory.append(4 * n * (d + k) + 8 * (BATCH * k + k**2))
        streamed.append(8 * (BATCH * (d + k) + k**2))
    for config in found:
        d, k = _shape(config.net).stream[-1], atoms_of(config)
        # Codes, atoms, and their weights in the logits.
        disk += 4 * (config.net.held_out_images * k + k * d) + 8 * k * CLASSES[config.net.data]
    hours = _hours(start, speeds.float32) + _hours(systems, speeds.float64)
    return _stage(
        "codes", "images", coded, start + systems, max(memory), max(streamed), disk, hours
    )


def _probes(found: Sequence[features.Config], speeds: Speeds) -> Stage:
    fits, work, memory = 0, 0, []
    for config in found:
        n, k = config.net.held_out_images, atoms_of(config)
        for grid in config.grids:
            for channels in _shape(config.net).stream:
                d = channels * grid**2
                side = min(d, n // FOLDS)  # of the matrix that is taken apart
                fits += FOLDS
                work += n * side * (d + k) + FOLDS * (EIGEN * side**3 + side**2 * k)
                memory.append(8 * (n * k + FOLDS * side * (d + k)))
    hours = _hours(work, speeds.float64)
    return _stage("probes", "eigendecompositions", fits, work, max(memory), max(memory), 0, hours)


def _positions(config: features.Config) -> tuple[int, int]:
    """Training images that a dictionary is factorised from, and positions in each."""
    positions = _shape(config.net).side ** 2
    return min(max(1, config.rows // positions), config.net.training_images), positions


def _shape(net: image_nets.Config) -> NetShape:
    return net_shape(CLASSES[net.data], stem=net.stem, width=net.width, size=net.size)


def _hours(multiply_adds: int, speed: float) -> float:
    return 2 * multiply_adds / speed / 3600


def _stage(
    stage: str,
    counted: str,
    count: int,
    multiply_adds: int,
    memory: float,
    streamed: float,
    disk: float,
    hours: float,
) -> Stage:
    """A stage from bytes."""
    sizes = (memory / _GIGA, min(streamed, memory) / _GIGA, disk / _GIGA)
    return Stage(stage, counted, count, multiply_adds, *sizes, hours)

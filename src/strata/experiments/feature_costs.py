"""What a profile of study A would need: a dry run of shapes, work and memory, without any number.

Shapes are those of the nets themselves, on the device ``meta``, which holds none of their numbers.
Work is counted in multiply-adds: of the nets layer by layer, of the measures by the orders that
their docstrings state, with the constants named here. The count says what has to be computed, not
how fast a machine does it: hours come from speeds that are assumed, see
`strata.experiments.costs.Speeds`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from strata.experiments import features, image_nets
from strata.experiments.costs import Requirements, Speeds, Stage, hours_of, stage_of
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
        By default those of `strata.experiments.costs.Speeds`.

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
        hours += hours_of(3 * images * shape.multiply_adds, getattr(speeds, net.schedule.dtype))
        disk += 4 * len(net.keep) * shape.state
        # What convolutions and normalisations put out; weights, gradients and momentum.
        memory.append(2 * number * net.schedule.batch_size * shape.outputs + 12 * shape.parameters)
    return stage_of("training", "images seen", seen, work, max(memory), hours, disk=disk)


def _images(nets: Sequence[image_nets.Config]) -> Stage:
    counts = [net.training_images + net.held_out_images for net in nets]
    memory = max(3 * net.size**2 * n for net, n in zip(nets, counts, strict=True))
    batch = max(3 * net.size**2 * net.schedule.batch_size for net in nets)
    return stage_of("images", "images of a net", max(counts), 0, memory, 0.0, streamed=batch)


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
    hours = hours_of(work, speeds.float32)
    return stage_of("activations", "forward passes", passes, work, max(memory), hours, streamed=one)


def _dictionaries(found: Sequence[features.Config], speeds: Speeds) -> Stage:
    work, memory, streamed = 0, [], []
    for config in found:
        d, k = _shape(config.net).stream[-1], atoms_of(config)
        rows = math.prod(_positions(config))
        work += ITERATIONS * rows * config.atoms * (3 * d + 2 * config.atoms)
        memory.append(4 * rows * (d + k))
        streamed.append(4 * (BATCH * (k + d) + 2 * k * (k + d)))
    hours, most = hours_of(work, speeds.float32), max(streamed)
    return stage_of(
        "dictionaries", "factorisations", len(found), work, max(memory), hours, streamed=most
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
    hours = hours_of(start, speeds.float32) + hours_of(systems, speeds.float64)
    return stage_of(
        "codes",
        "images",
        coded,
        start + systems,
        max(memory),
        hours,
        streamed=max(streamed),
        disk=disk,
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
    hours = hours_of(work, speeds.float64)
    return stage_of("probes", "eigendecompositions", fits, work, max(memory), hours)


def _positions(config: features.Config) -> tuple[int, int]:
    """Training images that a dictionary is factorised from, and positions in each."""
    positions = _shape(config.net).side ** 2
    return min(max(1, config.rows // positions), config.net.training_images), positions


def _shape(net: image_nets.Config) -> NetShape:
    return net_shape(CLASSES[net.data], stem=net.stem, width=net.width, size=net.size)

"""What a point has to compute and to keep, counted from its configuration alone.

Multiply-adds of the part that dominates: nets are counted layer by layer on the device ``meta``, or
by the weights of their dense layers; training an input takes three forward passes, one and two for
the gradients. Measures are counted by the orders that their docstrings state. What reads stored
results, draws or judges is left out: the seconds of such points are in the rate that a chapter is
scaled with, see `strata.book.scaling`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

from strata.experiments.feature_costs import CLASSES, EIGEN, atoms_of
from strata.experiments.feature_reliance import SIGMAS
from strata.nets import counting
from strata.nets.mini_resnet import mini_resnet50, standard_resnet50
from strata.nets.shape import NetShape, net_shape
from strata.nets.stages import STAGES

TRAINING = 3
"""Forward passes that an input takes in training."""
KERNEL = 9
"""Weights of a 3x3 convolution between two channels."""
POOLED = 4
"""Image nets of study B halve the side of their maps twice."""
FLOAT = 4
"""Bytes."""


def multiply_adds(experiment: ModuleType, config: Any) -> float | None:
    """Multiply-adds of a point; None where they are not counted."""
    count = _WORK.get(_name(experiment))
    return None if count is None else float(count(experiment, config))


def stored_bytes(experiment: ModuleType, config: Any) -> float | None:
    """Bytes of the large arrays that a point keeps; None where it keeps small ones only."""
    count = _KEPT.get(_name(experiment))
    return None if count is None else float(count(config))


def held_bytes(experiment: ModuleType, config: Any) -> float:
    """Bytes of the large arrays that a point holds at once; 0 if all are small."""
    count = _HELD.get(_name(experiment))
    return 0.0 if count is None else float(count(config))


def with_needs(
    experiment: ModuleType, configs: Sequence[Any], seen: set[tuple[str, Any]]
) -> list[tuple[ModuleType, Any]]:
    """Give points and all that they rest on, but those that were seen before, and mark them so."""
    found, left = [], [(experiment, config) for config in configs]
    while left:
        owner, config = left.pop()
        if (owner.__name__, config) not in seen:
            seen.add((owner.__name__, config))
            found.append((owner, config))
            left += owner.needs(config) if hasattr(owner, "needs") else []
    return found


def _name(experiment: ModuleType) -> str:
    return experiment.__name__.rpartition(".")[2]


def _as_cost(factor: float) -> Callable[[ModuleType, Any], float]:
    """The experiment's ``cost`` counts products of weights and inputs: so often each."""
    return lambda experiment, config: factor * experiment.cost(config)


def _batched(budget: Callable[[Any], Any], data: Callable[[Any], Any]) -> Callable[..., float]:
    """Steps are in ``cost``; an input of each batch takes a product for each weight."""

    def count(experiment: ModuleType, config: Any) -> float:
        kernel = 1 if data(config).size is None else KERNEL
        return TRAINING * budget(config).batch_size * kernel * experiment.cost(config)

    return count


def _core_spurious(experiment: ModuleType, config: Any) -> float:
    # The cost divides by the strength, as weak cores take longer; here all epochs are counted.
    return TRAINING * config.strength * experiment.cost(config)


def _boundary_refit(_: ModuleType, config: Any) -> float:
    weights = (config.depth - 1) * config.width**2 + 5 * config.width  # three inputs, two logits
    return TRAINING * config.schedule.epochs * config.samples * weights


def _ntk_depth(experiment: ModuleType, config: Any) -> float:
    training = config.schedule.epochs * config.samples * config.width**2 * (config.depth + 1)
    return experiment.cost(config) + (TRAINING - 1) * training


def _shape(net: Any) -> NetShape:
    return net_shape(CLASSES[net.data], stem=net.stem, width=net.width, size=net.size)


def _image_net(_: ModuleType, config: Any) -> float:
    images = config.schedule.epochs * config.training_images
    return TRAINING * images * _shape(config).multiply_adds


def _passes(images: Callable[[Any], int]) -> Callable[[ModuleType, Any], float]:
    """Forward passes of the net whose features are looked at."""

    def count(_: ModuleType, config: Any) -> float:
        net = config.features.net if hasattr(config, "features") else config.net
        return images(config) * _shape(net).multiply_adds

    return count


@cache
def _inverted_net(architecture: str, width: int, size: int) -> counting.Cost:
    """Of the nets whose stages are inverted, drawn without numbers."""
    if architecture == "resnet50":
        net = standard_resnet50(1000, generator=None)
    else:
        net = mini_resnet50(CLASSES["cifar10"], width=width, generator=None)
    return counting.cost(net, (3, size, size))


def _cost_of(net: Any) -> counting.Cost:
    return _inverted_net(net.architecture, net.width, net.size)


def _inversion_net(experiment: ModuleType, config: Any) -> float:
    if config.kind == "natural" and config.architecture == "resnet50":
        return 0.0  # torchvision's weights are taken
    return TRAINING * (experiment.cost(config) - 1) * _cost_of(config).multiply_adds


def _inversions(_: ModuleType, config: Any) -> float:
    # The four stages take about a quarter of the net each, the stem little.
    share = max(0.1, (STAGES.index(config.stage) - 1) / 4)
    images = config.net.images + config.net.photographs
    return TRAINING * config.steps * images * share * _cost_of(config.net).multiply_adds


def _inversion_ranks(_: ModuleType, config: Any) -> float:
    side = 3 * config.side**2  # of the Jacobian, which is taken apart
    return config.images * len(config.stages) * EIGEN * side**3


def _family_bytes(config: Any) -> float:
    data, positions = config.data, _positions(config.data)
    rows = len(config.designs) * (data.pool + data.test)
    return FLOAT * rows * config.feature * positions


def _chain_bytes(config: Any) -> float:
    targets = config.targets
    seen = len(targets.designs) * targets.data.test + sum(n for _, n in targets.designs)
    outputs = seen * targets.feature * _positions(targets.data)
    return FLOAT * len(config.settings.orders) * outputs


def _chain_held(config: Any) -> float:
    # Outputs of all orders for the whole pool, until what they leave is known.
    return len(config.settings.orders) * _family_bytes(config.targets)


def _positions(data: Any) -> int:
    return 1 if data.size is None else (data.size // POOLED) ** 2


def _inverted_bytes(config: Any) -> float:
    images = config.net.images + config.net.photographs
    return 2 * FLOAT * images * 3 * config.net.size**2  # the made ones, and their starts


_WORK: dict[str, Callable[[ModuleType, Any], float]] = {
    "image_nets": _image_net,
    "feature_flow": _passes(lambda c: len(c.features.net.keep) * c.features.net.held_out_images),
    "feature_spectrum": _passes(lambda c: c.features.net.held_out_images),
    "feature_truth": _passes(lambda c: c.net.held_out_images),
    "feature_reliance": _passes(
        lambda c: c.features.net.held_out_images + len(SIGMAS) * c.noise_draws * c.noise_images
    ),
    "component_targets": _batched(lambda c: c.budget, lambda c: c.data),
    "component_orders": _batched(lambda c: c.settings.budget, lambda c: c.targets.data),
    "component_task_orders": _batched(lambda c: c.settings.budget, lambda c: c.family.data),
    "component_reliability": _batched(lambda c: c.chain.budget, lambda c: c.targets.data),
    "component_variants": _batched(lambda c: c.retraining, lambda c: c.targets.data),
    "component_compression": _batched(
        lambda c: c.reliability.chain.budget, lambda c: c.reliability.targets.data
    ),
    "ntk_depth": _ntk_depth,
    "ntk_untrained": _as_cost(EIGEN),
    "extractor_tunnel": _as_cost(TRAINING),
    "core_spurious": _core_spurious,
    "boundary_refit": _boundary_refit,
    "rich_lazy": _as_cost(1),
    "latent_recovery": _as_cost(TRAINING),
    "sprite_latents": _as_cost(TRAINING),
    "inversion_nets": _inversion_net,
    "inversions": _inversions,
    "inversion_ranks": _inversion_ranks,
    "inversion_linear": _as_cost(2),
    "inversion_relu": _as_cost(1),
    "inversion_exact": _as_cost(1),
}

_KEPT: dict[str, Callable[[Any], float]] = {
    "image_nets": lambda c: FLOAT * len(c.keep) * _shape(c).state,
    "component_targets": _family_bytes,
    "component_orders": _chain_bytes,
    "inversion_nets": lambda c: FLOAT * _cost_of(c).parameters,
    "inversions": _inverted_bytes,
}

_HELD: dict[str, Callable[[Any], float]] = {
    "image_nets": lambda c: 3 * c.size**2 * (c.training_images + c.held_out_images),
    "features": lambda c: FLOAT * c.rows * (_shape(c.net).stream[-1] + atoms_of(c)),
    "component_targets": _family_bytes,
    "component_orders": _chain_held,
}

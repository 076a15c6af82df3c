"""What study B would need with the nets and the recipe of the paper: a dry run without any number.

Work is counted in multiply-adds of the nets themselves, layer by layer, on the device ``meta``.
The count says what has to be computed; hours come from speeds that are assumed, see
`strata.experiments.costs.Speeds`.
"""

from __future__ import annotations

import math
from functools import cache

from strata.experiments.component_setting import PaperSetting, Schedule
from strata.experiments.costs import Requirements, Speeds, Stage, hours_of, stage_of
from strata.nets.cifar_resnet import cifar_resnet
from strata.nets.counting import Cost, cost
from strata.nets.disentangler import Disentangler
from strata.nets.task_net import TaskNet

FEATURE = 64
"""Channels of the feature of a target."""
_CHAINS = 2  # a target: the plain one and that of the reliable part
_TRAINING = 3  # forward passes that a step takes: one, and two for the gradients
_FLOAT = 4  # bytes
_ADAM = 16  # bytes a parameter: itself, its gradient, and two averages


def requirements(setting: PaperSetting, *, speeds: Speeds | None = None) -> Requirements:
    """Count what the setting would need, without computing it.

    Parameters
    ----------
    setting
        Nets, images and recipe.
    speeds
        By default those of `strata.experiments.costs.Speeds`; the recipe is in float32.

    Returns
    -------
    Requirements
        Stages: ``targets``, ``exemplars``; ``disentangling``, ``reliability`` (the nets of the
        reliable part) and ``inverse maps``, of all targets; ``features learned``, the forward
        passes of targets and exemplars that make what these learn; ``evaluation``, of targets and
        both chains, once on all images; ``task nets`` and ``task disentangling``, with the forward
        passes of the nets that are learned. Memory and disk are those of the large arrays and so
        lower bounds.

    Notes
    -----
    Training takes three forward passes an image: one, and two for the gradients. Crops differ at
    each sight, so that no feature can be kept. The 1x1 maps between features and what they share,
    and the heads of the Shapley values, are left out: together less than a hundredth.
    """
    speed = (speeds or Speeds()).float32
    stages = [
        _targets(setting, speed),
        _exemplars(setting, speed),
        _chains("disentangling", setting, setting.plain, setting.targets, speed),
        _chains("reliability", setting, setting.shared, setting.targets, speed),
        _inverse_maps(setting, speed),
        _features_learned(setting, speed),
        _evaluation(setting, speed),
    ]
    if setting.tasks:
        stages += [_task_nets(setting, speed), _task_chains(setting, speed)]
    return Requirements(tuple(stages))


def _targets(setting: PaperSetting, speed: float) -> Stage:
    nets = [_target(depth, setting) for depth in setting.depths]
    seen = sum(setting.target.seen(n) for n in setting.samples)
    work = _TRAINING * seen * sum(net.multiply_adds for net in nets)
    memory = max(_training_bytes(net, setting.target.batch_sizes[0]) for net in nets)
    disk = _FLOAT * len(setting.samples) * sum(net.parameters for net in nets)
    return stage_of(
        "targets", "images seen", len(nets) * seen, work, memory, hours_of(work, speed), disk=disk
    )


def _exemplars(setting: PaperSetting, speed: float) -> Stage:
    net, seen = _exemplar(setting), setting.exemplars * setting.exemplar.seen(setting.pool)
    memory = _training_bytes(net, setting.exemplar.batch_sizes[0])
    disk = _FLOAT * setting.exemplars * net.parameters
    work = _TRAINING * seen * net.multiply_adds
    return stage_of(
        "exemplars", "images seen", seen, work, memory, hours_of(work, speed), disk=disk
    )


def _chains(
    name: str,
    setting: PaperSetting,
    schedule: Schedule,
    targets: int,
    speed: float,
    passes: int = 0,
) -> Stage:
    """Nets of all orders for each target; `passes` are multiply-adds that come on top."""
    nets, seen = _chain(setting), targets * schedule.seen(setting.drawn)
    work = _TRAINING * seen * sum(net.multiply_adds for net in nets) + passes
    batches = schedule.batch_sizes * (len(nets) if len(schedule.batch_sizes) == 1 else 1)
    memory = max(_training_bytes(net, b) for net, b in zip(nets, batches, strict=True))
    disk = _FLOAT * targets * sum(net.parameters for net in nets)
    return stage_of(
        name, "images seen", len(nets) * seen, work, memory, hours_of(work, speed), disk=disk
    )


def _inverse_maps(setting: PaperSetting, speed: float) -> Stage:
    nets, seen = _chain(setting), setting.targets * setting.inverse.seen(setting.drawn)
    work = seen * sum(net.multiply_adds for net in nets)
    memory = _FLOAT * max(net.parameters for net in nets)
    return stage_of(
        "inverse maps", "images seen", len(nets) * seen, work, memory, hours_of(work, speed)
    )


def _features_learned(setting: PaperSetting, speed: float) -> Stage:
    orders, exemplar = len(setting.blocks), _exemplar(setting)
    nets = [_target(depth, setting) for depth in setting.depths]
    targets = len(setting.samples) * sum(net.multiply_adds for net in nets)
    others = setting.targets * setting.exemplars * exemplar.multiply_adds
    plain, shared = (orders * s.seen(setting.drawn) for s in (setting.plain, setting.shared))
    passes = setting.targets * (plain + (1 + setting.exemplars) * shared)
    work = plain * targets + shared * (targets + others)
    memory = _FLOAT * (
        max(net.parameters for net in nets) + setting.exemplars * exemplar.parameters
    )
    return stage_of(
        "features learned", "forward passes", passes, work, memory, hours_of(work, speed)
    )


def _evaluation(setting: PaperSetting, speed: float) -> Stage:
    nets, images = _chain(setting), setting.pool + setting.test
    target = sum(_target(d, setting).multiply_adds for d in setting.depths) * len(setting.samples)
    chains = _CHAINS * setting.targets
    work = images * (chains * sum(net.multiply_adds for net in nets) + target)
    passes = images * (chains * len(nets) + setting.targets)
    one = _FLOAT * (1 + _CHAINS * len(nets)) * math.prod(nets[0].outputs)  # of one image
    kept = setting.targets * setting.test + len(setting.depths) * sum(setting.samples)
    return stage_of(
        "evaluation",
        "forward passes",
        passes,
        work,
        one * images,
        hours_of(work, speed),
        streamed=one * max(setting.plain.batch_sizes),
        disk=one * kept,
    )


def _task_nets(setting: PaperSetting, speed: float) -> Stage:
    net, seen = _learner(setting), setting.task.seen(setting.drawn)
    random = [
        cost(TaskNet(n, outputs=net.outputs[0], generator=None), _shape(setting))
        for n in setting.tasks
    ]
    work = seen * sum(_TRAINING * net.multiply_adds + task.multiply_adds for task in random)
    memory = _training_bytes(net, setting.task.batch_sizes[0])
    disk = _FLOAT * len(random) * net.parameters
    return stage_of(
        "task nets",
        "images seen",
        len(random) * seen,
        work,
        memory,
        hours_of(work, speed),
        disk=disk,
    )


def _task_chains(setting: PaperSetting, speed: float) -> Stage:
    number, schedule = len(setting.tasks), setting.task_plain
    seen = number * len(setting.blocks) * schedule.seen(setting.drawn)
    passes = seen * _learner(setting).multiply_adds
    return _chains("task disentangling", setting, schedule, number, speed, passes)


def _shape(setting: PaperSetting) -> tuple[int, int, int]:
    return (3, setting.size, setting.size)


def _target(depth: int, setting: PaperSetting) -> Cost:
    return _resnet_cost(depth, setting.classes, setting.size)


def _exemplar(setting: PaperSetting) -> Cost:
    return _target(setting.exemplar_depth, setting)


def _chain(setting: PaperSetting) -> list[Cost]:
    return [_disentangler_cost(blocks, setting.base, setting.size) for blocks in setting.blocks]


def _learner(setting: PaperSetting) -> Cost:
    return _disentangler_cost(setting.task_blocks, setting.base, setting.size)


@cache
def _resnet_cost(depth: int, classes: int, size: int) -> Cost:
    return cost(cifar_resnet(depth, classes, generator=None), (3, size, size))


@cache
def _disentangler_cost(blocks: int, base: int, size: int) -> Cost:
    return cost(Disentangler(blocks, FEATURE, base=base, generator=None), (3, size, size))


def _training_bytes(net: Cost, batch: int) -> int:
    # What convolutions and normalisations put out is kept for the gradients.
    return _FLOAT * 2 * batch * net.activations + _ADAM * net.parameters

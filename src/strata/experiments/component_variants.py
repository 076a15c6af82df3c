"""Nets made from trained ones: pruned and quantised, or imitated by students.

A point is a family, in the format of `strata.experiments.component_targets`, of what was made of
the trained nets of one seed and one depth. One of them, the main one, gives every variant:

- ``retrained``: trained on as long as a compressed one, without compression, for comparison;
- ``compressed``: pruned in rounds, each followed by training on the net's own samples, then left
  with few different weights;
- ``distilled``: a student of low order that imitates the net's feature on the whole pool, and
  the net's own head;
- ``distilled deep``: the same with a student of the highest order.

The others are compressed alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional as F

from strata.experiments import component_targets
from strata.experiments.component_data import load
from strata.experiments.component_nets import Heads, evaluated
from strata.experiments.disentangling import Settings, disentangle, work
from strata.experiments.resting import data_of, needs_of
from strata.nets.compression import clustered_values, compression_rate, magnitude_masks
from strata.nets.dense import DenseStack
from strata.runs.result import Result
from strata.seeding import torch_generator
from strata.training.fitting import Budget, batches, fit

DISTILLED = ("distilled", "distilled deep")
VARIANTS = ("retrained", "compressed", *DISTILLED)
"""Of the main net, in the order of the family."""


class Config(BaseModel):
    """Everything that decides a family of variants.

    Attributes
    ----------
    targets
        The trained nets.
    depth
        Of those that are compressed.
    samples
        Training samples of the main one.
    rate
        Weights of linear maps before pruning over those after it; the same share of each layer.
    rounds
        Of pruning and training, between which the rate grows by a constant factor.
    retraining
        Of each round.
    bits, head_bits
        Of the indices of different weights in a layer of the net, and in its head.
    students
        Of the distilled nets: the lower and the higher order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    targets: component_targets.Config
    depth: int
    samples: int
    rate: float = Field(ge=1)
    rounds: int = Field(ge=1)
    retraining: Budget
    bits: int
    head_bits: int
    students: Settings

    @property
    def main(self) -> int:
        """Place of the main net in the family of trained ones."""
        return self.targets.designs.index((self.depth, self.samples))

    @property
    def others(self) -> list[int]:
        """Places of the other nets of that depth."""
        places = [i for i, (depth, _) in enumerate(self.targets.designs) if depth == self.depth]
        return [i for i in places if i != self.main]

    @property
    def sources(self) -> list[int]:
        """Place of the trained net from which each of the variants is made."""
        return [self.main] * len(VARIANTS) + self.others

    @property
    def variants(self) -> list[str]:
        """Name of each of the variants."""
        return [*VARIANTS, *["compressed"] * len(self.others)]


needs = needs_of((component_targets, "targets"))
data_source, data_fingerprint = data_of(component_targets, "targets")


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    trained = config.rounds * config.retraining.steps * (2 + len(config.others)) * config.depth
    students = work(config.targets.data, 1, config.students)
    return float(trained * config.targets.width**2 + students)


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Make the variants of a family.

    Parameters
    ----------
    given
        The result of `needs`.

    Returns
    -------
    Result
        In the family format. The metric ``targets`` has for each net ``variant``, ``depth`` and
        ``samples`` of the net it was made from, and ``rate``, its weights before pruning over
        those that are not 0 now; for students, whose weights are others, 1.
    """
    (family,) = given
    pool = load(config.targets.data)
    stack, heads = compressed(config, family)
    weight = heads.weight.detach().numpy()
    bias = heads.bias.detach().numpy()
    head = {name: family.arrays[name][[config.main] * 2] for name in ("head_weight", "head_bias")}
    students = _distilled(config, family)
    arrays = {f"own_{i}": family.arrays[f"own_{j}"] for i, j in enumerate(config.sources)}
    for name, inputs in (("pool", pool.inputs), ("test", pool.test_inputs)):
        arrays[name] = _placed(evaluated(stack, inputs).numpy(), students[name])
    arrays["head_weight"] = _placed(weight, head["head_weight"])
    arrays["head_bias"] = _placed(bias, head["head_bias"])
    rates = compression_rate([layer != 0 for layer in _layers(stack, heads)])
    rates = [*rates[:2], *[1.0] * len(DISTILLED), *rates[2:]]
    designs = []
    for variant, source, rate in zip(config.variants, config.sources, rates, strict=True):
        depth, samples = config.targets.designs[source]
        designs.append({"variant": variant, "depth": depth, "samples": samples, "rate": rate})
    made = Result(arrays=arrays)
    targets = component_targets.described(made, config.targets.data, designs)
    return Result(metrics={"targets": targets}, arrays=arrays)


def compressed(config: Config, family: Result) -> tuple[DenseStack, Heads]:
    """Prune, train on and quantise; the first net of the stack is only trained on.

    Returns
    -------
    tuple
        The stack and its heads, for the main net twice (retrained and compressed) and the others.

    Notes
    -----
    After Han, Mao and Dally 2016 (arXiv 1510.00149), as Ren, Li, Liu, Zhang 2021 (arXiv
    2006.15920) used it, with fewer and larger rounds.
    """
    members = [config.main, config.main, *config.others]
    stack, heads = component_targets.restored(config.targets, family, members)
    layers = _layers(stack, heads)
    own = [torch.from_numpy(family.arrays[f"own_{i}"]) for i in members]
    data = config.targets.data
    generators = [
        torch_generator("retraining", data.name, config.targets.seed, *config.targets.designs[i])
        for i in members
    ]
    draw = batches([len(rows) for rows in own], config.retraining, generators)
    pool = load(data)

    def loss(step: int) -> Tensor:
        picked = torch.stack([rows[i] for rows, i in zip(own, draw(), strict=True)])
        logits = heads(stack(pool.inputs[picked])).flatten(0, 1)
        total = F.cross_entropy(logits, pool.labels[picked].flatten(), reduction="sum")
        return total / config.retraining.batch_size

    for number in range(1, config.rounds + 1):
        share = 1 - config.rate ** (-number / config.rounds)
        masks = magnitude_masks(layers, share, scope="layer")
        for mask in masks:
            mask[0] = True

        def prune(masks: Sequence[Tensor] = masks) -> None:
            with torch.no_grad():
                for layer, mask in zip(layers, masks, strict=True):
                    layer.mul_(mask)

        prune()
        fit([*stack.parameters(), *heads.parameters()], loss, config.retraining, prune)
    with torch.no_grad():
        for layer in layers:
            bits = config.head_bits if layer is heads.weight else config.bits
            layer[1:] = clustered_values(layer[1:], bits)
    return stack, heads


def _layers(stack: DenseStack, heads: Heads) -> list[Tensor]:
    """The linear maps of a stack and of its heads."""
    return [*stack.weights, stack.last, heads.weight]


def _placed(made: NDArray, students: NDArray) -> NDArray:
    """Put two students behind the first two nets."""
    return np.concatenate([made[:2], students, made[2:]])


def _distilled(config: Config, family: Result) -> dict[str, NDArray[np.float32]]:
    """What students of the main net give, (2, n, k), for ``pool`` and ``test``."""
    data, main = config.targets.data, config.main
    features = {name: family.arrays[name][[main]] for name in ("pool", "test")}
    # As its own samples the students see the whole pool.
    alone = Result(arrays=features | {"own_0": np.arange(features["pool"].shape[1])})
    names = ("distillation", data.name, config.targets.seed)
    chain = disentangle(alone, data, config.students, names)
    return {"pool": chain.arrays["own_0"], "test": chain.arrays["test"][:, 0]}

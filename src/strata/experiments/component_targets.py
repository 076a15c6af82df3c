"""The nets that study B takes apart: all target nets of one seed, a family.

A family holds one net for each depth and each number of training samples. Its result has the
*family format*, which every experiment that makes nets to be taken apart gives:

- metric ``targets``: a dict for each of the m nets, with its place in the design and
  ``train_accuracy``, ``test_accuracy``, ``train_loss``, ``test_loss``;
- arrays ``pool`` (m, N, k, ...) and ``test`` (m, T, k, ...): the feature before its ReLU, of every
  sample; ``own_0`` ...: which samples of the pool a net was trained on; ``head_weight`` (m, C, k)
  and ``head_bias`` (m, C).

The families of this module also keep the nets themselves, ``state_0`` ...; see `restored`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F

from strata.experiments import component_data
from strata.experiments.component_data import Data, Pool, load
from strata.experiments.component_nets import (
    Alone,
    Heads,
    evaluated,
    load_net_states_,
    net_states,
    stacks,
)
from strata.nets.cifar_resnet import cifar_resnet
from strata.nets.dense import DenseStack
from strata.runs.result import Result
from strata.seeding import torch_generator
from strata.training.fitting import Budget, batches, fit

Array = NDArray[np.float32]


class Config(BaseModel):
    """Everything that decides a family.

    Attributes
    ----------
    depths
        ReLUs on the way to the feature of a dense net; of image nets the ResNet's name: 8, 20, ...
    samples
        Numbers of training samples, drawn from the pool, as many of each class as can be.
    seed
        Of the samples, the initial weights and the batches.
    labels
        ``random``: those of the pool in a random order, so that there is nothing to learn.
    width
        Of dense nets; of image nets the channels of the first stage.
    feature
        Channels of the feature; of image nets four times the width.
    budget
        Of each net: equal steps whatever the number of samples.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Data
    depths: tuple[int, ...]
    samples: tuple[int, ...]
    seed: int
    labels: Literal["true", "random"] = "true"
    width: int
    feature: int
    budget: Budget

    @property
    def designs(self) -> list[tuple[int, int]]:
        """Depth and number of samples of each net, in the order of the family."""
        return [(depth, n) for depth in self.depths for n in self.samples]


def data_source(config: Config) -> str:
    """What a page calls the data."""
    return load(config.data).source


def data_fingerprint(config: Config) -> str:
    """Fingerprint of pool and test images."""
    return component_data.data_fingerprint(config.data)


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    work = sum(depth for depth, _ in config.designs) * config.width**2
    return float(config.budget.steps * work * (config.data.size or 1) ** 2)


def run(config: Config, scratch: Path | None = None) -> Result:
    """Train all nets of a family; see the head of this module for what comes out."""
    pool = load(config.data)
    labels = _labels(config, pool)
    own = {n: _drawn_samples(config, labels, n) for n in config.samples}
    found = [
        part
        for depth in config.depths
        for group in stacks(len(config.samples), pool.inputs.shape[1:])
        for part in _train(config, pool, labels, depth, [config.samples[i] for i in group], own)
    ]
    arrays = {f"own_{i}": own[n].numpy() for i, (_, n) in enumerate(config.designs)}
    arrays |= {f"state_{i}": part.pop("state") for i, part in enumerate(found)}
    for name in found[0]:
        arrays[name] = np.stack([part[name] for part in found])
    family = Result(arrays=arrays)
    return Result(metrics={"targets": _described(config, pool, labels, family)}, arrays=arrays)


def _labels(config: Config, pool: Pool) -> Tensor:
    if config.labels == "true":
        return pool.labels
    generator = torch_generator("component-labels", config.data.name, config.seed)
    return pool.labels[torch.randperm(len(pool.labels), generator=generator)]


def _drawn_samples(config: Config, labels: Tensor, n: int) -> Tensor:
    """Indices of n samples of the pool, the classes as evenly as they can be; nested in n."""
    if n > len(labels):
        raise ValueError(f"the pool of {config.data.name} has {len(labels)} samples, not {n}")
    generator = torch_generator("component-samples", config.data.name, config.seed)
    order = torch.randperm(len(labels), generator=generator)
    turn = torch.zeros_like(labels)
    for label in labels.unique():
        mine = order[labels[order] == label]
        turn[mine] = torch.arange(len(mine))
    return order[torch.sort(turn[order], stable=True).indices][:n]


def _train(
    config: Config,
    pool: Pool,
    labels: Tensor,
    depth: int,
    samples: Sequence[int],
    own: dict[int, Tensor],
) -> list[dict[str, Array]]:
    """Train the nets of one depth that go together."""
    kind = ("component-target", config.data.name, config.labels, config.seed, depth)
    generators = [torch_generator(*kind, n) for n in samples]
    stack, heads = _made(config, pool, depth, generators)
    drawn = batches(samples, config.budget, generators)
    rows = [own[n] for n in samples]

    def loss(step: int) -> Tensor:
        picked = torch.stack([mine[i] for mine, i in zip(rows, drawn(), strict=True)])
        logits = heads(stack(pool.inputs[picked]))
        # The mean over samples and the sum over nets.
        return F.cross_entropy(logits.flatten(0, 1), labels[picked].flatten(), reduction="sum") / (
            config.budget.batch_size
        )

    stack.train()
    fit([*stack.parameters(), *heads.parameters()], loss, config.budget)
    features = {name: evaluated(stack, x) for name, x in _inputs(pool).items()}
    states = net_states(stack, heads)
    return [
        {
            "state": states[i],
            **{name: values[i].numpy() for name, values in features.items()},
            "head_weight": heads.weight[i].detach().numpy(),
            "head_bias": heads.bias[i].detach().numpy(),
        }
        for i in range(len(samples))
    ]


def restored(config: Config, family: Result, members: Sequence[int]) -> tuple[nn.Module, Heads]:
    """Give some nets of a family as they were trained, in training mode, and their heads.

    Parameters
    ----------
    members
        Of one depth, in any order and as often as wanted; of an image family one.

    Raises
    ------
    ValueError
        If the members are not of one depth.
    """
    depths = {config.designs[i][0] for i in members}
    if len(depths) != 1:
        raise ValueError(f"nets of one depth can be stacked, not of {sorted(depths)}")
    fresh = [torch.Generator() for _ in members]
    stack, heads = _made(config, load(config.data), depths.pop(), fresh)
    load_net_states_(stack, heads, np.stack([family.arrays[f"state_{i}"] for i in members]))
    return stack.train(), heads


def _made(
    config: Config, pool: Pool, depth: int, generators: Sequence[torch.Generator]
) -> tuple[nn.Module, Heads]:
    stack = _stack(config, pool.inputs.shape[1:], depth, generators)
    return stack, Heads(config.feature, pool.classes, generators)


def _inputs(pool: Pool) -> dict[str, Tensor]:
    return {"pool": pool.inputs, "test": pool.test_inputs}


def _stack(
    config: Config, inputs: Sequence[int], depth: int, generators: Sequence[torch.Generator]
) -> nn.Module:
    if len(inputs) == 1:
        return DenseStack(
            inputs[0],
            config.width,
            config.feature,
            blocks=depth - 1,
            generators=generators,
            normalised=True,
        )
    if config.feature != 4 * config.width:
        raise ValueError(f"the feature of image nets has {4 * config.width} channels")
    widths = (config.width, 2 * config.width, 4 * config.width)
    (generator,) = generators
    net = cifar_resnet(depth, 2, widths=widths, generator=generator)
    # Without its own last layer: all heads are alike here.
    return Alone(nn.Sequential(net.stem, net.layers))


@dataclass(frozen=True)
class Head:
    """What a target net makes of its feature: ReLU, mean over positions, linear.

    Attributes
    ----------
    weight, bias
        (C, k) and (C,).
    """

    weight: Array
    bias: Array

    def __call__(self, features: NDArray) -> NDArray:
        """Map features (n, k, ...) to logits (n, C)."""
        pooled = np.maximum(features, 0)
        if pooled.ndim > 2:
            pooled = pooled.mean(axis=tuple(range(2, pooled.ndim)))
        return pooled @ self.weight.T + self.bias


def head(family: Result, i: int) -> Head:
    """The head of net i of a family."""
    return Head(family.arrays["head_weight"][i], family.arrays["head_bias"][i])


def scores(logits: NDArray, labels: NDArray[np.int64]) -> tuple[float, float]:
    """Accuracy and mean cross-entropy in nats of logits (n, C) for labels (n,)."""
    z = torch.from_numpy(np.asarray(logits)).double()
    y = torch.from_numpy(labels)
    return float((z.argmax(dim=1) == y).double().mean()), float(F.cross_entropy(z, y))


def described(
    family: Result, data: Data, designs: Sequence[dict[str, object]], labels: Tensor | None = None
) -> list[dict[str, object]]:
    """The metric ``targets`` of a family: what is known of each net, and how well it does.

    Parameters
    ----------
    designs
        What is known.
    labels
        Of the pool, where they are not the data's own.
    """
    pool = load(data)
    pool_labels = (pool.labels if labels is None else labels).numpy()
    rows = []
    for i, design in enumerate(designs):
        own = family.arrays[f"own_{i}"]
        function: Callable[[NDArray], NDArray] = head(family, i)
        train = scores(function(family.arrays["pool"][i][own]), pool_labels[own])
        test = scores(function(family.arrays["test"][i]), pool.test_labels.numpy())
        numbers = dict(zip(("train_accuracy", "train_loss"), train, strict=True))
        numbers |= dict(zip(("test_accuracy", "test_loss"), test, strict=True))
        rows.append(dict(design) | numbers)
    return rows


def _described(
    config: Config, pool: Pool, labels: Tensor, family: Result
) -> list[dict[str, object]]:
    designs = [{"depth": depth, "samples": n} for depth, n in config.designs]
    return described(family, config.data, designs, labels)

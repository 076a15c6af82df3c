"""Rank and CKA along depth: where a trained net stops extracting and starts to tunnel.

Trains multilayer perceptrons of growing depth and measures every layer before and after: the soft
ranks, the similarity of all pairs of layers, and how well a kernel or a linear read-out does from
each cut on. Explained in the chapter ``notebooks/extractor-tunnel.ipynb``.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from strata.data.fingerprint import fingerprint
from strata.data.spurious import core_spurious
from strata.data.toy import TASKS, Toy, plane_grid
from strata.experiments.piped_kernel import piped_accuracies
from strata.experiments.schedules import DepthParameters
from strata.measures.cka import cka_map
from strata.measures.ntk import layerwise_ntk
from strata.measures.soft_ranks import (
    covariance_rank,
    effective_weight_rank,
    ntk_rank,
    singular_value_rank,
    weight_rank,
)
from strata.measures.transition import late_block_start, transition_layer
from strata.nets.mlp import MLP
from strata.runs.result import Result
from strata.seeding import numpy_generator, torch_generator
from strata.training import Schedule, train

LOGIT = 0
LEAST_DEEPEST = 4
MEASURED_POINTS = 600
"""Held-out points on which ranks and CKA are taken, the size of the study's test set."""
NTK_POINTS = 300
REGION_SIDE = 60
CKA_KINDS = ("rbf", "linear", "debiased")
REGIONS = {"yin-yang": (1.0, 1.0), "disk": (1.0, 1.0), "core-spurious": (1.0, 8.0)}
"""Half widths of the rectangle over which the decision of a net on the plane is drawn."""
TaskName = Literal["yin-yang", "disk", "core-spurious", "core-spurious-noise"]


class Parameters(DepthParameters):
    """What the chapter's notebook can be given, with the allowed ranges."""

    tasks: list[TaskName] = Field(min_length=1)
    training_points: int = Field(ge=50, le=1_000_000)
    core_training_points: int = Field(ge=50, le=1_000_000)
    noise_dims: int = Field(ge=1, le=100_000)
    kernel_points: int = Field(ge=20, le=20_000)
    test_points: int = Field(ge=MEASURED_POINTS, le=1_000_000)

    @field_validator("depths")
    @classmethod
    def _shallow_and_deep(cls, depths: list[int]) -> list[int]:
        if not depths[0] < LEAST_DEEPEST <= depths[-1]:
            raise ValueError(
                f"must begin below {LEAST_DEEPEST} and end there or above (claims C6, C6d)"
            )
        return depths

    @model_validator(mode="after")
    def _enough_points(self) -> Parameters:
        if self.kernel_points > min(self.training_points, self.core_training_points):
            raise ValueError("kernel_points must not exceed a number of training points")
        return self

    def points(self) -> list[Config]:
        """Every net of the sweep, seeds innermost."""
        schedule = self.schedule()
        return [
            Config(
                task=task,
                depth=depth,
                seed=seed,
                training_points=(
                    self.core_training_points if task.startswith("core") else self.training_points
                ),
                noise_dims=self.noise_dims if task.endswith("noise") else 0,
                width=self.width,
                schedule=schedule,
                kernel_points=self.kernel_points,
                test_points=self.test_points,
            )
            for task, depth, seed in product(self.tasks, self.depths, range(self.seeds))
        ]


class Config(BaseModel):
    """Everything that decides one net and what is measured on it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: TaskName
    depth: int
    seed: int
    training_points: int
    noise_dims: int
    width: int
    schedule: Schedule
    kernel_points: int
    test_points: int


def make_data(config: Config) -> tuple[Toy, Toy]:
    """Training and test set; one seed gives all depths the same data."""
    rng = numpy_generator("extractor-tunnel", config.task, config.noise_dims, config.seed)
    sizes = (config.training_points, config.test_points)
    if config.task.startswith("core"):
        train_set, test_set = (core_spurious(n, rng, noise_dims=config.noise_dims) for n in sizes)
    else:
        train_set, test_set = (TASKS[config.task].sample(n, rng) for n in sizes)
    return train_set, test_set


def make_net(config: Config) -> MLP:
    """The net before training: ``depth`` hidden layers of ``width``, two logits."""
    widths = [2 + config.noise_dims, *[config.width] * config.depth, 2]
    generator = torch_generator("extractor-tunnel", config.task, config.depth, config.seed)
    return MLP(widths, generator=generator)


def data_fingerprint(config: Config) -> str:
    """Fingerprint of the arrays that enter the point."""
    return fingerprint(*(array for toy in make_data(config) for array in (toy.x, toy.y)))


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    layers = config.depth + 1
    return float(config.schedule.epochs * config.training_points * config.width**2 * layers)


def run(config: Config, scratch: Path | None = None) -> Result:
    """Train one net and measure its layers before and after."""
    train_set, test_set = make_data(config)
    x, y = torch.tensor(train_set.x, dtype=torch.float32), torch.tensor(train_set.classes)
    checkpoint = scratch / "training.npz" if scratch else None
    before = make_net(config)
    trained = train(
        make_net(config), x, y, config.schedule, seed=config.seed, checkpoint=checkpoint
    )
    before, net = before.double(), trained.net.double()
    held_out = torch.tensor(test_set.x)
    with torch.no_grad():
        decisions = net(held_out).argmax(dim=1).numpy()
    correct = decisions == test_set.classes
    start, start_maps = _describe(before, held_out[:MEASURED_POINTS])
    end, maps = _describe(net, held_out[:MEASURED_POINTS])
    metrics = {
        "epochs": trained.epochs,
        "stop": trained.stop,
        "zero_error_epoch": trained.zero_error_epoch,
        "train_error": float(trained.error[-1]),
        "accuracy": float(correct.mean()),
        "transition": transition_layer(end["covariance_ranks"]),
        "transition_init": transition_layer(start["covariance_ranks"]),
        "block_start": late_block_start(maps["rbf"][1:, 1:]),
        **end,
        **{f"{name}_init": values for name, values in start.items()},
        **piped_accuracies(
            net,
            train_set,
            test_set,
            points=config.kernel_points,
            generator=torch_generator("piped", config.task, config.depth, config.seed),
        ),
    }
    arrays = {f"cka_{kind}": values for kind, values in maps.items()}
    arrays |= {f"cka_{kind}_init": values for kind, values in start_maps.items()}
    if config.task in REGIONS:
        grid = torch.tensor(plane_grid(REGION_SIDE) * REGIONS[config.task])
        with torch.no_grad():
            logits = net(grid)
        arrays["decision"] = (logits[:, 1] - logits[:, 0]).numpy().astype(np.float32)
    return Result(metrics=metrics, arrays=arrays)


def _describe(
    net: MLP, x: torch.Tensor
) -> tuple[dict[str, float | list[float]], dict[str, np.ndarray]]:
    """The soft ranks of every layer, and CKA of the input and all pre-activations in pairs."""
    with torch.no_grad():
        outputs, hidden = net.preactivations(x), net.representations(x)[1:]
    weights = [layer.weight.detach() for layer in net.layers]
    kernels = layerwise_ntk(net, x[:NTK_POINTS], output=LOGIT)
    metrics = {
        "input_covariance_rank": covariance_rank(x),
        "input_singular_value_rank": singular_value_rank(x),
        "covariance_ranks": [covariance_rank(z) for z in outputs],
        "singular_value_ranks": [singular_value_rank(z) for z in outputs],
        "covariance_ranks_post": [covariance_rank(h) for h in hidden],
        "singular_value_ranks_post": [singular_value_rank(h) for h in hidden],
        "ntk_ranks": [ntk_rank(kernel) for _, kernel in kernels],
        "weight_ranks": [weight_rank(weight) for weight in weights],
        "effective_weight_ranks": [
            effective_weight_rank(weights[: place + 1][::-1]) for place in range(len(weights))
        ],
    }
    return metrics, {kind: cka_map([x, *outputs], kind=kind) for kind in CKA_KINDS}

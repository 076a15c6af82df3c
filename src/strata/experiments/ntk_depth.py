"""The NTK depth sweep: rank, layers, eigenfunctions and alignment of the kernel against depth.

Trains multilayer perceptrons of growing depth on a labelled square and takes the exact empirical
NTK of one logit on a grid over the square, at initialisation and after training. Explained in the
chapter ``notebooks/ntk-depth.ipynb``; the study is specified there too.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator

from strata.data.fingerprint import fingerprint
from strata.data.toy import TASKS, Toy, plane_grid, split_in_order
from strata.experiments.schedules import DepthParameters
from strata.measures.alignment import cumulative_alignment, edge_energy, kernel_target_alignment
from strata.measures.ntk import empirical_ntk, layerwise_ntk
from strata.measures.rank import soft_rank, top_share
from strata.measures.spectrum import eigenvalues, leading_eigenvectors
from strata.nets.mlp import MLP
from strata.runs.result import Result
from strata.seeding import numpy_generator, torch_generator
from strata.training import Schedule, Trained, stacking_pays, train, train_many

LOGIT = 0
EDGE_BAND = 0.08
KEPT = 12
LEAST_DEEPEST = 6
TaskName = Literal["disk", "disk-flipped", "yin-yang", "yin-yang-2"]


class Parameters(DepthParameters):
    """What the chapter's notebook can be given, with the allowed ranges."""

    tasks: list[TaskName] = Field(min_length=1)
    samples: int = Field(ge=50, le=1_000_000)
    grid: int = Field(ge=4, le=200)

    @field_validator("depths")
    @classmethod
    def _deep_enough(cls, depths: list[int]) -> list[int]:
        if depths[-1] < LEAST_DEEPEST:
            raise ValueError(f"must end at {LEAST_DEEPEST} or more (claim C3b)")
        return depths

    def points(self) -> list[Config]:
        """Every net of the sweep, seeds innermost."""
        schedule = self.schedule()
        return [
            Config(
                task=task,
                depth=depth,
                seed=seed,
                samples=self.samples,
                width=self.width,
                schedule=schedule,
                grid=self.grid,
            )
            for task, depth, seed in product(self.tasks, self.depths, range(self.seeds))
        ]


class Config(BaseModel):
    """Everything that decides one net and its kernel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: TaskName
    depth: int
    seed: int
    samples: int
    width: int
    schedule: Schedule
    grid: int


def make_data(config: Config) -> tuple[Toy, ...]:
    """Training, validation and test set; one seed gives all depths the same data."""
    rng = numpy_generator("ntk-depth", config.task, config.seed)
    return split_in_order(TASKS[config.task].sample(config.samples, rng))


def make_net(config: Config) -> MLP:
    """The net before training: ``depth`` hidden layers of ``width``, two logits."""
    widths = [2, *[config.width] * config.depth, 2]
    generator = torch_generator("ntk-depth", config.task, config.depth, config.seed)
    return MLP(widths, generator=generator)


def data_fingerprint(config: Config) -> str:
    """Fingerprint of the arrays that enter the point."""
    toy = make_data(config)
    return fingerprint(*(array for part in toy for array in (part.x, part.y)))


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    layers = config.depth + 1
    training = config.schedule.epochs * config.samples * config.width**2 * layers
    return float(training + 50 * layers * config.grid**6)


def stack_key(config: Config) -> Hashable | None:
    """Points with the same key train together; None where stacking does not pay."""
    batch = config.schedule.batch_size or int(0.6 * config.samples)
    return config.model_copy(update={"seed": -1}) if stacking_pays(batch) else None


def run(config: Config, scratch: Path | None = None) -> Result:
    """Train one net and measure its kernel before and after."""
    x, y = _tensors(config)
    checkpoint = scratch / "training.npz" if scratch else None
    before = make_net(config)
    trained = train(
        make_net(config), x, y, config.schedule, seed=config.seed, checkpoint=checkpoint
    )
    return _measure(config, before, trained)


def run_many(configs: Sequence[Config]) -> list[Result]:
    """Train the nets of one shape together; the same numbers within float32 rounding."""
    xs, ys = zip(*(_tensors(config) for config in configs), strict=True)
    trained = train_many(
        [make_net(config) for config in configs],
        torch.stack(xs),
        torch.stack(ys),
        configs[0].schedule,
        seeds=[config.seed for config in configs],
    )
    return [
        _measure(config, make_net(config), net)
        for config, net in zip(configs, trained, strict=True)
    ]


def _tensors(config: Config) -> tuple[torch.Tensor, torch.Tensor]:
    train_set = make_data(config)[0]
    return torch.tensor(train_set.x, dtype=torch.float32), torch.tensor(train_set.classes)


def _measure(config: Config, before: MLP, trained: Trained) -> Result:
    points = plane_grid(config.grid)
    task = TASKS[config.task]
    grid = torch.tensor(points)
    labels, edge = task.label(points), task.boundary_distance(points) <= EDGE_BAND
    start, _ = _describe(before, grid, labels, edge)
    end, arrays = _describe(trained.net, grid, labels, edge)
    early = trained.zero_error_net
    test = make_data(config)[2]
    with torch.no_grad():
        logits = trained.net(grid)
        wrong = trained.net(torch.tensor(test.x)).argmax(dim=1) != torch.tensor(test.classes)
    metrics = {
        "epochs": trained.epochs,
        "stop": trained.stop,
        "zero_error_epoch": trained.zero_error_epoch,
        "train_loss": float(trained.loss[-1]),
        "train_error": float(trained.error[-1]),
        "test_error": float(wrong.double().mean()),
        "edge_share": float(edge.mean()),
        "rank_coarse": _rank(trained.net, torch.tensor(plane_grid(2 * config.grid // 3))),
        "rank_zero_error": None if early is None else _rank(early, grid),
        **end,
        **{f"{name}_init": value for name, value in start.items()},
    }
    decision = (logits[:, 1] - logits[:, 0]).numpy()
    return Result(metrics=metrics, arrays={**arrays, "decision": decision.astype(np.float32)})


def _describe(
    net: MLP, grid: torch.Tensor, labels: np.ndarray, edge: np.ndarray
) -> tuple[dict[str, float | list[float]], dict[str, np.ndarray]]:
    """Everything that is read off one kernel; the kernel itself is not kept."""
    kernel = empirical_ntk(net.double(), grid, output=LOGIT)
    values, vectors = leading_eigenvectors(kernel, len(kernel))
    vectors = vectors[:, :KEPT]
    layers = layerwise_ntk(net, grid, output=LOGIT)
    metrics = {
        "rank": soft_rank(values),
        "layer_ranks": [soft_rank(eigenvalues(layer)) for _, layer in layers],
        "top1": top_share(values, 1),
        "top5": top_share(values, 5),
        "tail": float(values[10] / values[0]),
        "alignment": cumulative_alignment(vectors, labels).tolist(),
        "kta": kernel_target_alignment(kernel, labels),
        "edge_energy": edge_energy(vectors, edge).tolist(),
    }
    kept = {"eigenvalues": values, "eigenfunctions": vectors.astype(np.float32)}
    return metrics, kept


def _rank(net: MLP, grid: torch.Tensor) -> float:
    return soft_rank(eigenvalues(empirical_ntk(net.double(), grid, output=LOGIT)))

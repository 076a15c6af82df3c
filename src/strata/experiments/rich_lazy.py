"""Rich and lazy training: how the ranks of the layers depend on how far a net moves.

The study calls a net lazy that got the parameters of the trained linearised net (mode 1 of its
slides). That recipe stands here beside one whose laziness can be set and measured: the output
centred at its start and scaled up. Explained in the chapter ``notebooks/core-spurious.ipynb``.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from strata.data.fingerprint import fingerprint
from strata.data.spurious import SLIDE_GAMMA, slide_setting
from strata.data.toy import Toy
from strata.experiments.schedules import Growing
from strata.measures.alignment import kernel_cka
from strata.measures.ntk import empirical_ntk
from strata.measures.soft_ranks import covariance_rank, singular_value_rank
from strata.nets.lazy import Centred, Linearised
from strata.nets.mlp import MLP
from strata.runs.result import Result
from strata.seeding import numpy_generator, torch_generator
from strata.training import Schedule, train

LOGIT = 0
KERNEL_POINTS = 300
SETS = ("train", "test", "conflicting")
Setting = Literal["A", "C"]


class Parameters(BaseModel):
    """What the chapter's notebook can be given, with the allowed ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    lazy_settings: Growing[Setting] = Field(min_length=1)
    lazy_scales: Growing[Annotated[float, Field(ge=1, le=1e4)]] = Field(min_length=2)
    lazy_seeds: int = Field(ge=2, le=1000)
    lazy_samples: int = Field(ge=20, le=100_000)
    lazy_width: int = Field(ge=2, le=10_000)
    lazy_depth: int = Field(ge=1, le=32)
    lazy_epochs: int = Field(ge=1, le=1_000_000)
    lazy_learning_rate: float = Field(gt=0, le=10)
    lazy_momentum: float = Field(ge=0, lt=1)

    @model_validator(mode="after")
    def _judged(self) -> Parameters:
        if self.lazy_settings[0] != "A" or self.lazy_scales[0] != 1:
            raise ValueError("lazy_settings must begin with A and lazy_scales with 1 (claim C11)")
        return self

    def points(self) -> list[Config]:
        """Every net: each setting with each scale, then the study's recipe; seeds innermost."""
        recipes = [*(("scaled", scale) for scale in self.lazy_scales), ("linearised", None)]
        return [
            Config(
                setting=setting,
                recipe=recipe,
                scale=scale,
                seed=seed,
                samples=self.lazy_samples,
                width=self.lazy_width,
                depth=self.lazy_depth,
                schedule=Schedule(
                    optimizer="sgd",
                    # The tangent kernel has a factor scale^2, which this takes back.
                    lr=self.lazy_learning_rate / (scale or 1) ** 2,
                    momentum=self.lazy_momentum,
                    epochs=self.lazy_epochs,
                ),
            )
            for setting, (recipe, scale), seed in product(
                self.lazy_settings, recipes, range(self.lazy_seeds)
            )
        ]


class Config(BaseModel):
    """Everything that decides one net; ``scale`` is None where the recipe has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    setting: Setting
    recipe: Literal["scaled", "linearised"]
    scale: float | None
    seed: int
    samples: int
    width: int
    depth: int
    schedule: Schedule


def make_data(config: Config) -> tuple[Toy, Toy, Toy]:
    """Training set, test set like it, and conflicting test set, of one size.

    One seed gives all recipes the same data. The points of the conflicting set are those that the
    spurious rule of the training set gets wrong. In setting A, where s is mostly y, they have
    s = -y. In setting C s is always -y, so they have s = y, a combination that no training point
    has: the label is the core's, but nothing in the training set prefers it.
    """
    rng = numpy_generator("rich-lazy", config.setting, config.seed)
    train_set, test_set = (slide_setting(config.setting, config.samples, rng) for _ in range(2))
    # With one gamma, setting C is setting A under the condition s = -y.
    odd = slide_setting("C", config.samples, rng, SLIDE_GAMMA[config.setting])
    if config.setting == "C":  # the noise is symmetric: mirrored, the column is that of s = y
        s = -odd.factors["spurious"]
        odd = replace(odd, x=odd.x * [1, -1], factors=odd.factors | {"spurious": s})
    return train_set, test_set, replace(odd, name=f"slide-{config.setting}-conflicting")


def make_net(config: Config, draw: str = "start") -> MLP:
    """The net before training; the same for all recipes of a setting and seed.

    Another ``draw`` gives an independent net of the same shape.
    """
    widths = [2, *[config.width] * config.depth, 2]
    return MLP(widths, generator=torch_generator("rich-lazy", config.setting, config.seed, draw))


def make_module(config: Config) -> Centred | Linearised:
    """What is trained: the net by its recipe."""
    net = make_net(config)
    return Linearised(net) if config.scale is None else Centred(net, config.scale)


def data_fingerprint(config: Config) -> str:
    """Fingerprint of the arrays that enter the point."""
    return fingerprint(*(array for toy in make_data(config) for array in (toy.x, toy.y)))


def cost(config: Config) -> float:
    """Relative seconds of a point: products of two matrices in a step, times their size."""
    products = 5 if config.recipe == "linearised" else 4
    size = config.samples * config.depth * config.width**2
    return float(products * config.schedule.epochs * size)


def run(config: Config, scratch: Path | None = None) -> Result:
    """Train one net by its recipe; measure its layers, its errors and how far it moved."""
    sets = {name: _tensors(toy) for name, toy in zip(SETS, make_data(config), strict=True)}
    x, y = sets["train"]
    checkpoint = scratch / "training.npz" if scratch else None
    module = make_module(config)
    trained = train(module, x.float(), y, config.schedule, seed=config.seed, checkpoint=checkpoint)
    function = trained.net.double()
    before, after = make_net(config).double(), function.net
    errors = {f"{name}_error": _error(function, *points) for name, points in sets.items()}
    restored = {
        f"{name}_error_restored": _error(function.restored(), *points)
        if config.recipe == "linearised"
        else None
        for name, points in sets.items()
    }
    with torch.no_grad():
        loss = float(F.cross_entropy(function(x), y))
    metrics = {
        **errors,
        **restored,
        "loss": loss,
        "zero_error_epoch": trained.zero_error_epoch,
        "relative_distance": _relative_change(_weights(before), _weights(after)),
        **_ranks(after, x),
        **{f"{name}_init": ranks for name, ranks in _ranks(before, x).items()},
        **_kernel_metrics(
            before, after, make_net(config, "independent").double(), x[:KERNEL_POINTS]
        ),
    }
    arrays = {"loss": trained.loss, "error": trained.error}
    return Result(metrics, {name: a.astype(np.float32) for name, a in arrays.items()})


def _tensors(toy: Toy) -> tuple[Tensor, Tensor]:
    return torch.tensor(toy.x), torch.tensor(toy.classes)


def _error(function: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return float((function(x).argmax(dim=1) != y).double().mean())


def _weights(net: MLP) -> Tensor:
    return nn.utils.parameters_to_vector(net.parameters()).detach()


def _relative_change(before: Tensor, after: Tensor) -> float:
    """Norm of the difference over the norm at the start."""
    return float((after - before).norm() / before.norm())


def _ranks(net: MLP, x: Tensor) -> dict[str, list[float]]:
    """Soft ranks of the input, at place 0, and of z_0 to z_L: L + 2 of each kind."""
    with torch.no_grad():
        layers = [x, *net.preactivations(x)]
    return {
        "ranks": [singular_value_rank(z) for z in layers],
        "covariance_ranks": [covariance_rank(z) for z in layers],
    }


def _kernel_metrics(before: MLP, after: MLP, independent: MLP, x: Tensor) -> dict[str, float]:
    """How far the tangent kernel of the nonlinear net moved, in direction and in all.

    For the study's recipe this is the kernel of the net that got theta; the kernel of the
    linearised function itself cannot move. Beside both stands what an independent net gives.
    """
    nets = (before, after, independent)
    start, end, other = (empirical_ntk(net, x, output=LOGIT) for net in nets)
    return {
        "kernel_cka": kernel_cka(start, end),
        "kernel_change": _relative_change(start, end),
        "kernel_cka_independent": kernel_cka(start, other),
        "kernel_change_independent": _relative_change(start, other),
    }

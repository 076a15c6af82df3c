"""NTK features of untrained nets: the soft rank against depth, for several scales of the bias.

The study's slides (their "mode 3") report a peak at three linear maps without any training. The
sweep over the variance of the biases shows what that peak depends on.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from strata.data.fingerprint import fingerprint
from strata.data.spurious import slide_setting
from strata.data.toy import Toy
from strata.measures.ntk import empirical_ntk
from strata.measures.rank import soft_rank
from strata.measures.spectrum import eigenvalues, singular_values
from strata.nets.mlp import MLP, gaussian_init_
from strata.runs.result import Result
from strata.seeding import numpy_generator, torch_generator

LOGIT = 0
WEIGHT_VARIANCE = 1 / 3
"""Of a weight times its fan-in: the variance of the default initialisation of a linear layer."""


class Parameters(BaseModel):
    """What the chapter's notebook can be given, with the allowed ranges."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    settings: list[Literal["A", "C"]] = Field(min_length=1)
    maps: int = Field(ge=2, le=32)
    bias_variances: list[Annotated[float, Field(ge=0, le=100)]]
    untrained_seeds: int = Field(ge=2, le=1000)
    untrained_samples: int = Field(ge=20, le=20_000)
    untrained_width: int = Field(ge=2, le=10_000)

    def points(self) -> list[Config]:
        """Every untrained family of the sweep; ``None`` is the default initialisation."""
        return [
            Config(
                setting=setting,
                bias_variance=variance,
                seed=seed,
                maps=self.maps,
                samples=self.untrained_samples,
                width=self.untrained_width,
            )
            for setting, variance, seed in product(
                self.settings, [None, *self.bias_variances], range(self.untrained_seeds)
            )
        ]


class Config(BaseModel):
    """One data set and one family of nets with 1 to ``maps`` linear maps."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    setting: Literal["A", "C"]
    bias_variance: float | None
    seed: int
    maps: int
    samples: int
    width: int


def make_data(config: Config) -> Toy:
    """The two-feature data of the slides."""
    rng = numpy_generator("ntk-untrained", config.setting, config.seed)
    return slide_setting(config.setting, config.samples, rng)


def data_fingerprint(config: Config) -> str:
    """Fingerprint of the arrays that enter the point."""
    return fingerprint(make_data(config).x)


def cost(config: Config) -> float:
    """Relative seconds of a point."""
    return float(config.maps * config.samples**3)


def run(config: Config, scratch: Path | None = None) -> Result:
    """Soft rank of the singular values of the Jacobian for 0, 1, …, ``maps`` linear maps.

    Place 0 is the data matrix itself; one map gives the features ``[x, 1]``.
    """
    x = torch.tensor(make_data(config).x)
    ranks = [soft_rank(singular_values(x))]
    for maps in range(1, config.maps + 1):
        kernel = empirical_ntk(_make_net(config, maps).double(), x, output=LOGIT)
        ranks.append(soft_rank(np.sqrt(np.clip(eigenvalues(kernel), 0, None))))
    return Result(metrics={"ranks": ranks}, arrays={})


def _make_net(config: Config, maps: int) -> MLP:
    generator = torch_generator("ntk-untrained", config.setting, config.seed, maps)
    net = MLP([2, *[config.width] * (maps - 1), 2], generator=generator)
    if config.bias_variance is not None:
        gaussian_init_(
            net,
            weight_variance=WEIGHT_VARIANCE,
            bias_variance=config.bias_variance,
            generator=generator,
        )
    return net

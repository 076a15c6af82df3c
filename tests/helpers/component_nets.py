"""Small families and chains of study B, for tests: seconds to train, and made up by hand."""

from functools import cache

import numpy as np

from strata.experiments import component_orders, component_targets
from strata.experiments.component_data import Data
from strata.experiments.disentangling import Settings
from strata.runs.result import Result
from strata.training.fitting import Budget

DATA = Data(name="manifold", pool=240, test=120)
IMAGES = Data(name="shapes", pool=64, test=32, size=16)

PARAMETERS = {
    "data": ["manifold", "digits"],
    "seeds": 2,
    "further_seeds": 2,
    "depths": [2, 4],
    "samples": [20, 100],
    "pool": 240,
    "test": 120,
    "width": 16,
    "feature": 8,
    "orders": [1, 2, 4],
    "target_steps": 5,
    "steps": 5,
    "batch_size": 32,
    "first_rate": 0.01,
    "last_rate": 0.0001,
    "images": ["shapes"],
    "image_seeds": 1,
    "image_size": 16,
    "image_depths": [8, 14],
    "image_samples": [16, 32],
    "image_pool": 100,
    "image_test": 100,
    "image_target_width": 2,
    "image_width": 2,
    "image_orders": [4, 7],
    "image_target_steps": 3,
    "image_steps": 3,
    "image_dtype": "float32",
}
"""Of a chapter of study B: nets and students that are hardly trained."""


def budget(steps: int = 40) -> Budget:
    return Budget(steps=steps, batch_size=32, first_rate=1e-2, last_rate=1e-4)


def family_config(**changes: object) -> component_targets.Config:
    """A family of four dense nets."""
    settings = {
        "data": DATA,
        "depths": (2, 4),
        "samples": (20, 100),
        "seed": 0,
        "width": 16,
        "feature": 8,
        "budget": budget(),
    }
    return component_targets.Config(**settings | changes)


def image_config(**changes: object) -> component_targets.Config:
    """A family of two ResNet-8 of width 2."""
    settings = {"data": IMAGES, "depths": (8,), "samples": (16, 32), "width": 2, "feature": 8}
    return family_config(**settings | {"budget": budget(3)} | changes)


def chain_settings(**changes: object) -> Settings:
    """Students of orders 1, 2 and 4."""
    return Settings(**{"orders": (1, 2, 4), "width": 16, "budget": budget()} | changes)


def image_settings(**changes: object) -> Settings:
    """Image students of orders 4 and 7, hardly trained."""
    return chain_settings(**{"orders": (4, 7), "width": 2, "budget": budget(3)} | changes)


@cache
def trained_family() -> Result:
    """The result of `family_config`."""
    return component_targets.run(family_config())


@cache
def trained_chain() -> Result:
    """Its cold chain with `chain_settings`."""
    config = component_orders.Config(targets=family_config(), settings=chain_settings())
    return component_orders.run(config, given=[trained_family()])


def made_family(features: np.ndarray, own: list[np.ndarray], classes: int = 10) -> Result:
    """A family whose features of pool and test samples are given; its head takes the first ones.

    Parameters
    ----------
    features
        (m, pool + test, k) of `DATA`.
    own
        Indices of the pool, one array a net.
    """
    m, _, k = features.shape
    weight = np.zeros((m, classes, k), dtype=np.float32)
    weight[:, np.arange(min(classes, k)), np.arange(min(classes, k))] = 1
    arrays = {
        "pool": features[:, : DATA.pool].astype(np.float32),
        "test": features[:, DATA.pool :].astype(np.float32),
        "head_weight": weight,
        "head_bias": np.zeros((m, classes), dtype=np.float32),
        **{f"own_{i}": indices for i, indices in enumerate(own)},
    }
    return Result(metrics={"targets": [{} for _ in own]}, arrays=arrays)

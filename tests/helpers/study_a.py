"""Nets and features of study A that are small enough to be made in a test."""

from functools import cache

from strata.experiments import features, image_nets
from strata.runs.result import Result

TINY = {
    "data": ["shapes"],
    "seeds": 2,
    "size": 32,
    "stem": "small",
    "width": 4,
    "training_images": 160,
    "held_out_images": 120,
    "epochs": 2,
    "batch_size": 32,
    "learning_rate": 0.1,
    "milestones": [],
    "dtype": "float32",
    "checkpoints": [0, 1, 2],
    "larger": None,
    "atoms": 12,
    "atoms_per_class": 1,
    "dictionaries": ["joint", "classwise"],
    "dictionary_seeds": 2,
    "rows": 400,
    "grids": [1, 2],
}
"""Parameters of the chapters that take a second or two."""


def parameters(**changes: object) -> features.Parameters:
    return features.Parameters(**TINY | changes)


@cache
def trained(config: image_nets.Config) -> Result:
    """A net, trained once a test session."""
    return image_nets.run(config)


@cache
def made(config: features.Config) -> Result:
    """Its features, taken out once a test session."""
    return features.run(config, given=[trained(config.net)])

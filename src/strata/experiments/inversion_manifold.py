"""What reconstructions look like: how near they are to training images, and of what class.

A point takes all reconstructions of a seed, by nets of all kinds, and two judges: the net that was
trained on natural images, and a trained net of another seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor, nn

from strata.experiments import inversion_nets, inversions
from strata.experiments.inversion_nets import Kind
from strata.experiments.inversion_pictures import as_pixels
from strata.experiments.inversions import Method
from strata.experiments.resting import data_of
from strata.measures.inversion import blurred_inversion
from strata.measures.nearest import directions, mixtures, nearest_distance
from strata.nets.stages import STAGES, Stage, embedding
from strata.runs.result import Result
from strata.seeding import torch_generator

KINDS: tuple[Kind, ...] = (
    "untrained",
    "calibrated",
    "natural",
    "matched",
    "random_labels",
    "noise",
)
DESCENDED: tuple[Kind, ...] = ("untrained", "calibrated", "natural")
"""Those that are inverted by descent without a blur too."""
EARLY: tuple[Stage, ...] = ("pool", "c2")
LATE: tuple[Stage, ...] = ("c4", "c5")
METHODS: tuple[Method, ...] = ("blurred", "adam")
BASELINES = ("original", "start", "blurred start", "noise")
"""Images that no net made: the originals; where the search starts; the same after all blurs of the
method `blurred` and no step, without its tint; and noise of the kind that the net ``noise`` is
trained on. Left in, a random tint would be nearly all of the third."""
YARDSTICK = 200
"""Held-out images whose distances to the training images are taken too."""
_BATCH = 500


class Parameters(inversion_nets.Parameters):
    """What the chapter's notebook can be given, with the allowed ranges.

    Of the ``stages`` those of `EARLY` and `LATE` are inverted.
    """

    stages: list[Stage]
    steps: int = Field(ge=2, le=1_000_000)
    rate_steps: int = Field(ge=1, le=1_000_000)

    @field_validator("stages")
    @classmethod
    def _early_and_late(cls, stages: list[Stage]) -> list[Stage]:
        if stages != [stage for stage in STAGES if stage in stages]:
            raise ValueError(f"must be in the order of {STAGES}, each once")
        if not (set(EARLY) & set(stages) and set(LATE) & set(stages)):
            raise ValueError(f"must have one of {EARLY} and one of {LATE}: claims are on both")
        return stages

    @property
    def early(self) -> list[Stage]:
        """The early stages that claims are averaged over."""
        return [stage for stage in self.stages if stage in EARLY]

    @property
    def late(self) -> list[Stage]:
        """The late ones. Descent without a blur, and a gray start, look at the last one."""
        return [stage for stage in self.stages if stage in LATE]

    def points(self) -> list[Config]:
        """One point for each seed."""
        return [
            Config(
                natural=self.net("natural", seed),
                independent=self.independent(seed),
                made=self.inversions(seed),
            )
            for seed in range(self.seeds)
        ]

    def independent(self, seed: int) -> inversion_nets.Config:
        """The second judge: a trained net of the next seed.

        Ready-made weights are the same for all seeds; then it is the net that learned from few
        images.
        """
        kind: Kind = "natural" if self.architecture == "mini" else "matched"
        return self.net(kind, (seed + 1) % self.seeds)

    def inversions(self, seed: int) -> tuple[inversions.Config, ...]:
        """All reconstructions of a seed."""
        ends = (self.early[-1], self.late[-1])
        return (
            *(
                self._made(seed, kind, stage, method)
                for kind, stage, method in product(KINDS, (*self.early, *self.late), METHODS)
            ),
            *(self._made(seed, kind, stage, "descent") for kind, stage in product(DESCENDED, ends)),
            *(self._made(seed, kind, self.late[-1], "adam", "gray") for kind in KINDS),
        )

    def _made(
        self,
        seed: int,
        kind: Kind,
        stage: Stage,
        method: Method,
        start: inversions.Start = "noise",
    ) -> inversions.Config:
        return inversions.Config(
            net=self.net(kind, seed),
            stage=stage,
            method=method,
            steps=self.steps,
            start=start,
            rate_steps=self.rate_steps,
        )


class Config(BaseModel):
    """Reconstructions of the images of one seed, and who looks at them.

    Attributes
    ----------
    natural
        Net trained on natural images; the distances are those to its training images.
    independent
        Trained net of another seed.
    made
        The reconstructions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    natural: inversion_nets.Config
    independent: inversion_nets.Config
    made: tuple[inversions.Config, ...]


def needs(config: Config) -> list[tuple[ModuleType, BaseModel]]:
    """Both judges, and the reconstructions."""
    judges = (config.natural, config.independent)
    return [
        *((inversion_nets, net) for net in judges),
        *((inversions, made) for made in config.made),
    ]


data_source, data_fingerprint = data_of(inversion_nets, "natural")


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    net = config.natural
    return float(net.training_images * len(config.made) * (net.images + net.photographs))


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Look at all reconstructions.

    Returns
    -------
    Result
        Arrays, for g = reconstructions in their order and then `BASELINES`, n images each:
        ``pixels`` and ``features`` (g, n), distances to the nearest training image, of the pixels
        and of the second judge's features, as directions; ``pixels_seen``, ``pixels_unseen``,
        ``features_seen`` and ``features_unseen`` (g, n), to the nearest of equally many training
        and other held-out images; ``own`` and ``other`` (g, n, classes), probabilities by the first
        and the second judge; ``mixture`` (reconstructions, n), as ``pixels``, of what
        `nearest.mixtures` makes of original and start in the place of the reconstruction, the
        start blurred where the method blurs; ``held_out_pixels`` and ``held_out_features`` (h,),
        distances of held-out images to the nearest training image. Metrics ``references`` and
        ``equal_references``, the numbers of training images that were compared.
    """
    natural, independent, *made = given
    judges = {
        "own": inversion_nets.net_of(config.natural, natural),
        "other": inversion_nets.net_of(config.independent, independent),
    }
    pictures = inversion_nets.pictures(config.natural)
    baselines = _baselines(config)
    groups = torch.cat([*(torch.from_numpy(each.arrays["made"]) for each in made), *baselines])
    shape = (len(made) + len(BASELINES), len(baselines[0]))
    arrays = {}
    seen = pictures.training[: len(pictures.pool)]
    for name, describe in _spaces(judges["other"], pictures.training).items():
        points = describe(groups)
        for suffix, images in (
            ("", pictures.training),
            ("_seen", seen),
            ("_unseen", pictures.pool[: len(seen)]),
        ):
            arrays[name + suffix] = _nearest(points, images, describe).reshape(shape)
        yardstick = describe(as_pixels(pictures.pool[:YARDSTICK]))
        arrays[f"held_out_{name}"] = _nearest(yardstick, pictures.training, describe)
    mixed = _mixed(config, groups.reshape(*shape, *groups.shape[1:]))
    arrays["mixture"] = _nearest(mixed, pictures.training, _pixels).reshape(len(made), -1)
    for name, net in judges.items():
        arrays[name] = _chances(net, groups).reshape(*shape, -1)
    return Result(
        metrics={"references": len(pictures.training), "equal_references": len(seen)},
        arrays=arrays,
    )


Describe = Callable[[Tensor], NDArray[np.float64]]


def _baselines(config: Config) -> list[Tensor]:
    """Images of `BASELINES`; the search is that of the first reconstruction."""
    first = config.made[0]
    images, start = inversions.originals(first), inversions.start_of(first)
    # Nothing is learned from an embedding that is 0 for all images: what is left are the blurs.
    found = blurred_inversion(lambda x: 0 * x, images, start, rates=1.0, steps=first.steps)
    tint = found.images.mean(dim=(2, 3), keepdim=True)
    blurred = found.images - tint + tint.mean(dim=1, keepdim=True)
    generator = torch_generator("inversion-manifold", config.natural.seed)
    noise = (0.5 + torch.randn(images.shape, generator=generator) / 4).clamp(0, 1)
    return [images, start, blurred, noise]


def _spaces(judge: nn.Module, training: Tensor) -> dict[str, Describe]:
    """Functions from images to directions: of pixels, and of pooled features of the judge."""
    centre = np.concatenate([_features(judge, as_pixels(b)) for b in training.split(_BATCH)]).mean(
        axis=0
    )
    return {
        "pixels": _pixels,
        "features": lambda images: directions(_features(judge, images), centre),
    }


def _pixels(images: Tensor) -> NDArray[np.float64]:
    return directions(images.numpy())


def _features(net: nn.Module, images: Tensor) -> NDArray[np.float32]:
    with torch.no_grad():
        batches = [embedding(net, batch, "c5").mean(dim=(2, 3)) for batch in images.split(_BATCH)]
    return torch.cat(batches).numpy()


def _nearest(
    points: NDArray[np.float64], images: Tensor, describe: Describe
) -> NDArray[np.float64]:
    batches = [nearest_distance(points, describe(as_pixels(b))) for b in images.split(_BATCH)]
    return np.min(batches, axis=0)


def _mixed(config: Config, groups: Tensor) -> NDArray[np.float64]:
    """Directions of mixtures as near to the originals as the reconstructions are.

    What is mixed in is the start, blurred where the method blurs.
    """
    made, (original, start, blurred, _) = groups[: -len(BASELINES)], groups[-len(BASELINES) :]
    others = [blurred if each.method == "blurred" else start for each in config.made]
    pairs = zip(made, others, strict=True)
    return np.concatenate(
        [mixtures(_pixels(each), _pixels(original), _pixels(other)) for each, other in pairs]
    )


def _chances(net: nn.Module, images: Tensor) -> NDArray[np.float32]:
    with torch.no_grad():
        logits = torch.cat([net(batch) for batch in images.split(_BATCH)])
    return logits.softmax(dim=1).numpy()

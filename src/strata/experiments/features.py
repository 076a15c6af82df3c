"""The features of one net at one epoch: a dictionary, codes, complexity and importance.

A dictionary is factorised from the net's last maps, position by position, on training images; the
codes of held-out images are then looked for in every residual block. All chapters of study A read
these points.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor, nn

from strata.experiments import image_nets
from strata.experiments.resting import data_of, needs_of
from strata.measures.codes import nnls, relative_error
from strata.measures.dictionary import Dictionary, classwise_nmf, nmf
from strata.measures.importance import feature_head, importance
from strata.measures.vinformation import held_out_r2_by_layer
from strata.nets.taps import activations
from strata.runs.result import Result
from strata.seeding import torch_generator

Kind = Literal["joint", "classwise"]


class Parameters(image_nets.Parameters):
    """What the chapters of study A can be given, with the allowed ranges."""

    atoms: int = Field(ge=4, le=100_000)
    atoms_per_class: int = Field(ge=1, le=1000)
    dictionaries: list[Kind] = Field(min_length=1)
    dictionary_seeds: int = Field(ge=1, le=100)
    rows: int = Field(ge=100)
    grids: list[Annotated[int, Field(ge=1, le=16)]] = Field(min_length=1)

    @field_validator("dictionaries")
    @classmethod
    def _joint_first(cls, dictionaries: list[str]) -> list[str]:
        if dictionaries[0] != "joint" or len(set(dictionaries)) < len(dictionaries):
            raise ValueError("must begin with 'joint' and name each kind once")
        return dictionaries

    @field_validator("grids")
    @classmethod
    def _pooled_first(cls, grids: list[int]) -> list[int]:
        if grids[0] != 1 or sorted(set(grids)) != grids:
            raise ValueError("must grow from 1, the mean over all positions")
        return grids

    def final_features(self) -> list[Config]:
        """The last epoch of every net, in every kind of dictionary."""
        return [
            self._features(net, net.keep[-1], kind)
            for net, kind in product(self.nets(), self.dictionaries)
        ]

    def repeated_features(self) -> list[Config]:
        """The last epoch of every net in joint dictionaries of all seeds."""
        return [
            self._features(net, net.keep[-1], "joint", seed)
            for net, seed in product(self.nets(), range(self.dictionary_seeds))
        ]

    def all_features(self) -> list[Config]:
        """Every epoch kept of every net, in every kind of dictionary."""
        return [
            self._features(net, epoch, kind)
            for net, kind in product(self.nets(), self.dictionaries)
            for epoch in net.keep
        ]

    def points(self) -> Sequence[BaseModel]:
        """The points of this experiment."""
        return self.all_features()

    def _features(self, net: image_nets.Config, epoch: int, kind: Kind, seed: int = 0) -> Config:
        return Config(
            net=net,
            epoch=epoch,
            dictionary=kind,
            atoms=self.atoms if kind == "joint" else self.atoms_per_class,
            dictionary_seed=seed,
            rows=self.rows,
            # Finer grids cost much, and only the trained net is asked how position matters.
            grids=tuple(self.grids) if epoch == net.keep[-1] else (1,),
        )


class Config(BaseModel):
    """Everything that decides the features of a net at an epoch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    net: image_nets.Config
    epoch: int
    dictionary: Kind
    atoms: int
    dictionary_seed: int
    rows: int
    grids: tuple[int, ...]


needs = needs_of((image_nets, "net"))
data_source, data_fingerprint = data_of(image_nets, "net")


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    cells = sum(grid**4 for grid in config.grids)
    return float(config.net.width * (config.net.held_out_images * cells + config.rows))


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Take a net apart into features and look for them in its blocks.

    Returns
    -------
    Result
        Arrays, for k features of n held-out images and d channels: ``atoms`` (k, d), each of
        length 1; ``codes`` (n, k), of the mean over positions; ``r2_g`` (16, k) for each grid g,
        held-out R² of the codes from the residual stream after each block; ``head``
        (k, classes), ``predictions`` (n,) of the net itself, ``importance`` and
        ``signed_importance`` (k,) for these, ``prevalence`` (k,), the share of images with a code
        above 0, and ``variance`` (k,). Metrics: ``accuracy`` of the net, ``fidelity`` (share of
        images on which codes times atoms lead to the same prediction), ``relative_error``,
        ``dead`` atoms, ``converged``.
    """
    net = image_nets.net_at(config.net, given[0], config.epoch)
    images = image_nets.load(config.net)
    dictionary = _dictionary(config, net, images)
    found = activations(net, images.held_out, parts=("stream",))
    codes = nnls(found.pooled, dictionary.atoms)
    weight, bias = net.fc.weight.detach(), net.fc.bias.detach()
    rebuilt = (codes @ dictionary.atoms @ weight.T + bias).argmax(dim=1)
    predictions = found.logits.argmax(dim=1)
    head = feature_head(dictionary.atoms, weight)
    streams = {1: found.stream} | {
        grid: activations(net, images.held_out, parts=("stream",), grid=grid).stream
        for grid in config.grids[1:]
    }
    scores = {f"r2_{grid}": held_out_r2_by_layer(stream, codes) for grid, stream in streams.items()}
    return Result(
        metrics={
            "accuracy": float((predictions == images.held_out_labels).double().mean()),
            "fidelity": float((rebuilt == predictions).double().mean()),
            "relative_error": relative_error(found.pooled, codes, dictionary.atoms),
            "dead": int((codes == 0).all(dim=0).sum()),
            "converged": dictionary.converged,
        },
        arrays=scores
        | {
            "atoms": dictionary.atoms.numpy(),
            "codes": codes.numpy(),
            "head": head,
            "predictions": predictions.numpy(),
            "importance": importance(codes, head, predictions),
            "signed_importance": importance(codes, head, predictions, signed=True),
            "prevalence": (codes > 0).double().mean(dim=0).numpy(),
            "variance": codes.double().var(dim=0, correction=0).numpy(),
        },
    )


def _dictionary(config: Config, net: nn.Module, images: image_nets.Images) -> Dictionary:
    """Factorise what the last maps hold at every position of some training images."""
    side = _side(net, images.train[:1])
    count = max(1, config.rows // side**2)
    maps = activations(net, images.train[:count], parts=("penultimate",)).penultimate
    rows = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    generator = torch_generator(
        "features", config.net.data, config.net.width, config.net.seed, config.dictionary_seed
    )
    if config.dictionary == "joint":
        return nmf(rows, config.atoms, generator=generator)
    owners = images.train_labels[: len(maps)].repeat_interleave(maps[0, 0].numel())
    return classwise_nmf(rows, owners, config.atoms, generator=generator)


def _side(net: nn.Module, image: Tensor) -> int:
    """Positions along a side of the last maps."""
    with torch.no_grad():
        return int(activations(net, image, parts=("penultimate",)).penultimate.shape[-1])

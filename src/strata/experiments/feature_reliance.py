"""What a net relies on: importance, redundancy, robustness and removal of its features.

Takes the features of a net (`strata.experiments.features`) at its start, at the first epoch kept of
the training and at the end. At all three their importance is held against heads whose input neurons
are shuffled. At the end come what remains of each feature when neurons are masked, how it moves
with noise on the pixels, and what the read-out loses without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from strata.experiments import features, image_nets
from strata.experiments.resting import data_of
from strata.measures.codes import nnls
from strata.measures.importance import importance, importance_by_class, shuffled_importance
from strata.measures.redundancy import neurons_needed, redundancy
from strata.measures.sensitivity import sensitivity
from strata.measures.support import matched_order, removed_share, support_curve
from strata.measures.vinformation import complexity, variance_weighted
from strata.nets.taps import activations
from strata.runs.result import Result
from strata.seeding import numpy_generator, torch_generator

Matrix = NDArray[np.float64]

SIGMAS = (0.01, 0.1, 0.5)
"""Standard deviations of the noise, for pixels from 0 to 1; the study's numbers."""
CKA_MASKS = 1000
"""Masks for CKA for each one for R², which takes a probe each: it needs thousands to settle."""
FRACTIONS = tuple(tenth / 10 for tenth in range(10))
"""Shares of the features that are removed."""
EPOCHS = ("start", "first", "last")
"""Initialisation, the first epoch kept of the training, and its end."""
STRATA = 10
"""Of importance, within which features change places in a matched removal."""


class Parameters(features.Parameters):
    """What the chapter's notebook can be given, with the allowed ranges."""

    draws: int = Field(ge=2, le=10_000)
    masks: int = Field(ge=1, le=10_000)
    noise_images: int = Field(ge=10)
    noise_draws: int = Field(ge=2, le=10_000)

    def points(self) -> list[Config]:
        """One point for each dictionary of the last epoch."""
        return [
            Config(
                features=found,
                draws=self.draws,
                masks=self.masks,
                noise_images=self.noise_images,
                noise_draws=self.noise_draws,
            )
            for found in self.final_features()
        ]


class Config(BaseModel):
    """The dictionary of the last epoch, and how often chance is drawn.

    Attributes
    ----------
    features
        Of the last epoch; those of the other epochs have the same dictionary settings.
    draws
        Of shuffled heads, and of random orders of removal.
    masks
        Of the neurons, for each share that is masked, for R²; for CKA `CKA_MASKS` times as many.
    noise_images, noise_draws
        Held-out images with noise, and how often it is drawn for each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: features.Config
    draws: int
    masks: int
    noise_images: int
    noise_draws: int


def epochs(config: Config) -> tuple[int, int, int]:
    """The epochs of `EPOCHS`."""
    kept = config.features.net.keep
    return kept[0], kept[1], kept[-1]


def needs(config: Config) -> list[tuple[ModuleType, BaseModel]]:
    """The net, and its features at the three epochs."""
    start, first, _ = epochs(config)
    earlier = [
        # As `features.Parameters.all_features` has them, so that the chapters share them.
        (features, config.features.model_copy(update={"epoch": epoch, "grids": (1,)}))
        for epoch in (start, first)
    ]
    return [(image_nets, config.features.net), *earlier, (features, config.features)]


data_source, data_fingerprint = data_of(image_nets, "features.net")


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    net = config.features.net
    passes = net.held_out_images + len(SIGMAS) * config.noise_draws * config.noise_images
    return float(passes * net.width)


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Measure how a net uses its features.

    Parameters
    ----------
    given
        The results of `needs`.

    Returns
    -------
    Result
        Arrays, for k features of the joint or classwise dictionary. At each of the three epochs:
        ``complexity`` (3, k) of the R² by block; ``complexity_raw``, of the V-information, as in
        the study; ``last_r2`` of the last block alone; ``prevalence``; ``size``, the mean code;
        ``importance``; and ``shuffled`` (3, draws, k), importance for shuffled heads. At the end:
        ``redundancy_cka``, ``redundancy_r2`` and ``neurons`` (k,), NaN where the layer does not
        hold the feature; ``redundancy_halves`` (2, k), the first by each half of the masks;
        ``noise_variance``, ``noise_relative`` (over the variance of all held-out images; NaN
        for a feature that is always 0) and ``noise_range`` (3, k), for each of `SIGMAS`;
        importance for the right class instead of the predicted one, ``importance_label`` (k,);
        signed importance, ``signed`` (k,) over all images and ``pairs`` (k, classes) by predicted
        class; the accuracy of the read-out, relative to that of all features, after the removal of
        `FRACTIONS`: ``complex_first`` and ``simple_first`` (10,), ``random`` and ``matched``
        (draws, 10); and the share of all importance removed with them, ``complex_removed`` (10,)
        and ``matched_removed`` (draws, 10). Metrics: ``epochs``, and ``accuracy`` and ``fidelity``
        of the dictionary at each.
    """
    trained, *found = given
    pairs = list(zip(epochs(config), found, strict=True))
    nets = [image_nets.net_at(config.features.net, trained, epoch) for epoch, _ in pairs]
    arrays = {name: np.stack([each[name] for each in map(_features, found)]) for name in _FEATURES}
    arrays["shuffled"] = np.stack(
        [
            _shuffled(result, net, _rng(config, "shuffled", epoch), config.draws)
            for (epoch, result), net in zip(pairs, nets, strict=True)
        ]
    )
    last, net = found[-1], nets[-1]
    codes, head = last.arrays["codes"], last.arrays["head"]
    labels = image_nets.load(config.features.net).held_out_labels.numpy()
    arrays["importance_label"] = importance(codes, head, labels)
    arrays["signed"] = last.arrays["signed_importance"]
    arrays["pairs"] = importance_by_class(codes, head, last.arrays["predictions"])
    arrays |= _masked(config, net, codes)
    arrays |= _noisy(config, net, last)
    arrays |= _removed(config, net, last, arrays["complexity"][-1])
    return Result(
        metrics={
            "epochs": list(epochs(config)),
            "accuracy": [result.metrics["accuracy"] for result in found],
            "fidelity": [result.metrics["fidelity"] for result in found],
        },
        arrays=arrays,
    )


def _shuffled(found: Result, net: nn.Module, rng: np.random.Generator, draws: int) -> Matrix:
    """Importance of the same codes for shuffled heads, and the classes that the net predicts."""
    codes, atoms, classes = (found.arrays[name] for name in ("codes", "atoms", "predictions"))
    weight, _ = _last_layer(net)
    return shuffled_importance(codes, atoms, weight, classes, draws=draws, rng=rng)


_FEATURES = ("complexity", "complexity_raw", "last_r2", "prevalence", "size", "importance")


def _features(found: Result) -> dict[str, Matrix]:
    """What is known of the features of an epoch; names as in `_FEATURES`."""
    r2, codes = found.arrays["r2_1"], found.arrays["codes"]
    return {
        "complexity": complexity(r2),
        "complexity_raw": complexity(variance_weighted(r2, codes)),
        "last_r2": r2[-1],
        "prevalence": found.arrays["prevalence"],
        "size": codes.astype(np.float64).mean(axis=0),
        "importance": found.arrays["importance"],
    }


def _masked(config: Config, net: nn.Module, codes: Matrix) -> dict[str, Matrix]:
    """What remains of the features in masked neurons, and how many neurons a feature needs."""
    pooled = activations(net, image_nets.load(config.features.net).held_out, parts=()).pooled
    rng, masks = _rng(config, "masks"), config.masks
    many = CKA_MASKS * masks // 2
    halves = np.stack([redundancy(pooled, codes, rng=rng, masks=many) for _ in range(2)])
    return {
        "redundancy_cka": halves.mean(axis=0),
        "redundancy_halves": halves,
        "redundancy_r2": redundancy(pooled, codes, rng=rng, masks=masks, score="r2"),
        "neurons": neurons_needed(pooled, codes, rng=rng, masks=masks),
    }


def _noisy(config: Config, net: nn.Module, last: Result) -> dict[str, Matrix]:
    """How the codes of some held-out images move with noise on their pixels."""
    images = image_nets.load(config.features.net).held_out[: config.noise_images].float() / 255
    generator = torch_generator("feature-reliance", "noise", *_place(config))
    pooled: list[list[Tensor]] = [[] for _ in SIGMAS]
    for _ in range(config.noise_draws):
        noise = torch.randn(images.shape, generator=generator)
        for sigma, rows in zip(SIGMAS, pooled, strict=True):
            rows.append(activations(net, images + sigma * noise, parts=()).pooled)
    clean = last.arrays["codes"][: len(images)]
    codes = [nnls(torch.cat(rows), last.arrays["atoms"]).numpy() for rows in pooled]
    found = [sensitivity(each.reshape(-1, *clean.shape), clean) for each in codes]
    # Divided by the variance over all held-out images: a rare feature may be in none of these.
    whole = last.arrays["variance"]
    relative = [
        np.divide(each.variance, whole, out=np.full(len(whole), np.nan), where=whole > 0)
        for each in found
    ]
    return {
        "noise_variance": np.stack([each.variance for each in found]),
        "noise_relative": np.stack(relative),
        "noise_range": np.stack([each.range for each in found]),
    }


def _removed(config: Config, net: nn.Module, last: Result, scores: Matrix) -> dict[str, Matrix]:
    """What the read-out loses with the features, by complexity and at random."""
    alive = last.arrays["prevalence"] > 0  # to remove the others costs nothing
    codes, head = last.arrays["codes"][:, alive], last.arrays["head"][alive]
    gamma = last.arrays["importance"][alive]
    labels = image_nets.load(config.features.net).held_out_labels.numpy()
    _, bias = _last_layer(net)
    rng, strata = _rng(config, "removals"), min(STRATA, len(gamma))
    simple_first = np.argsort(scores[alive], kind="stable")
    complex_first = simple_first[::-1]
    matched = [matched_order(complex_first, gamma, rng, strata=strata) for _ in range(config.draws)]
    random = [rng.permutation(len(gamma)) for _ in range(config.draws)]

    def curve(order: NDArray[np.int64]) -> Matrix:
        return support_curve(codes, head, bias, labels, order, FRACTIONS)

    return {
        "complex_first": curve(complex_first),
        "simple_first": curve(simple_first),
        "random": np.stack([curve(order) for order in random]),
        "matched": np.stack([curve(order) for order in matched]),
        "complex_removed": removed_share(complex_first, gamma, FRACTIONS),
        "matched_removed": np.stack([removed_share(order, gamma, FRACTIONS) for order in matched]),
    }


def _last_layer(net: nn.Module) -> tuple[Matrix, Matrix]:
    """Weight (classes, d) and bias (classes,)."""
    return net.fc.weight.detach().double().numpy(), net.fc.bias.detach().double().numpy()


def _rng(config: Config, *names: str | int) -> np.random.Generator:
    return numpy_generator("feature-reliance", *names, *_place(config))


def _place(config: Config) -> tuple[str | int, ...]:
    """The parts of a random seed that tell points apart."""
    net = config.features.net
    return net.data, net.width, net.seed, config.features.dictionary

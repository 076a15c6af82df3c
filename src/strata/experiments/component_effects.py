"""What each component of a feature does to the loss, and how well the net does without the rest.

Functions for families of nets and their chains of students, in the formats of
`strata.experiments.component_targets` and `strata.experiments.disentangling`. The nets must have
learned the true labels of their data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strata.experiments.component_data import Data, load
from strata.experiments.component_targets import Head, head, scores
from strata.measures.components import components, variance
from strata.measures.shapley import (
    centred,
    cross_entropy,
    effectiveness,
    overfitting,
    sample_losses,
    shapley_values,
)
from strata.runs.result import Result

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

KINDS = ("", "_centred")
"""Endings of names: for components as they are, and about their means."""


@dataclass(frozen=True)
class Images:
    """Some images as a net and its students see them.

    Attributes
    ----------
    feature
        (n, ...).
    outputs
        Of the students, (L, n, ...).
    labels
        (n,).
    """

    feature: Array
    outputs: Array
    labels: Labels


@dataclass(frozen=True)
class Target:
    """One net of a family: its head, its own samples and the test images."""

    head: Head
    own: Images
    test: Images


def each_target(family: Result, chain: Result, data: Data) -> Iterator[Target]:
    """Give the nets of a family one by one, in float64."""
    pool = load(data)
    for i in range(len(family.metrics["targets"])):
        rows = family.arrays[f"own_{i}"]
        own = Images(
            family.arrays["pool"][i][rows].astype(np.float64),
            chain.arrays[f"own_{i}"].astype(np.float64),
            pool.labels.numpy()[rows],
        )
        test = Images(
            family.arrays["test"][i].astype(np.float64),
            chain.arrays["test"][:, i].astype(np.float64),
            pool.test_labels.numpy(),
        )
        yield Target(head(family, i), own, test)


def replaced(family: Result, chain: Result, data: Data) -> dict[str, Array]:
    """Let the head of each net read the output of a student instead of the feature.

    Returns
    -------
    dict of ndarray
        On the test images, for m nets and L orders: ``accuracy`` (m, L), a share, and ``loss``
        (m, L), with the student of each order; ``net_accuracy`` and ``net_loss`` (m,) with the
        feature itself.

    Notes
    -----
    Ren, Li, Liu, Zhang 2021 (arXiv 2006.15920), section 4 and figure 9.
    """
    found = [
        [scores(net.head(x), net.test.labels) for x in (net.test.feature, *net.test.outputs)]
        for net in each_target(family, chain, data)
    ]
    accuracy, loss = np.moveaxis(np.array(found), 2, 0)
    return {
        "accuracy": accuracy[:, 1:],
        "loss": loss[:, 1:],
        "net_accuracy": accuracy[:, 0],
        "net_loss": loss[:, 0],
    }


def effects(family: Result, chain: Result, data: Data) -> dict[str, Array]:
    """Share the fall of the loss among the components of each net's feature, exactly.

    With components c and what the deepest student leaves, r = f - Phi^(L), the worth of a
    coalition S is v(S) = E[loss(r)] - E[loss(r + sum over S of c)], the loss being that of the
    net's own head. phi are its Shapley values, on the net's own samples and on the test images.

    Returns
    -------
    dict of ndarray
        For m nets and L orders: ``losses_train`` and ``losses_test`` (m, 2^L), of all coalitions,
        bit i of the place being order i; ``phi_train`` and ``phi_test`` (m, L), in nats, and
        ``error_train`` (m, L), the standard error over images; ``effectiveness`` (m, L), phi_train
        over the component's standard deviation; ``overfitting`` (m, L), 1 - phi_test / phi_train,
        NaN where phi_train is not above two standard errors. All these also with ``_centred``, for
        components about their means over the net's own samples, which every coalition then has;
        else the first component alone carries the mean of the feature. And ``variance`` (m, L), of
        the components on the test images.

    Notes
    -----
    Ren, Li, Liu, Zhang 2021 (arXiv 2006.15920), section 3. 2^(L + 1) evaluations of a head for
    each net, own samples and test images.
    """
    rows = [_of_target(target) for target in each_target(family, chain, data)]
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _of_target(target: Target) -> dict[str, Array]:
    own, test = (components(images.outputs) for images in (target.own, target.test))
    own_rest, rest = (images.feature - images.outputs[-1] for images in (target.own, target.test))
    games = {"": (own, own_rest, test, rest)}
    means = own.mean(axis=1)
    games["_centred"] = (*centred(own, own_rest), *centred(test, rest, means))
    found = {"variance": np.array([variance(part) for part in test])}
    for kind, (own_parts, own_base, parts, base) in games.items():
        each = _losses(target, own_parts, own_base, target.own.labels)
        losses = _losses(target, parts, base, target.test.labels).mean(axis=1)
        by_image = shapley_values(each[0] - each)
        train, held_out = by_image.mean(axis=1), shapley_values(losses[0] - losses)
        error = by_image.std(axis=1) / np.sqrt(by_image.shape[1])
        numbers = {
            "losses_train": each.mean(axis=1),
            "losses_test": losses,
            "phi_train": train,
            "phi_test": held_out,
            "error_train": error,
            "effectiveness": effectiveness(train, test),
            "overfitting": overfitting(train, held_out, error),
        }
        found |= {f"{name}{kind}": values for name, values in numbers.items()}
    return found


def _losses(target: Target, parts: Array, rest: Array, labels: Labels) -> Array:
    def loss(features: Array, chosen: Labels) -> Array:
        return cross_entropy(target.head(features), chosen)

    return sample_losses(parts, rest, loss, labels)

"""Training an encoder without labels: VICReg on random views of gray images.

Two views of an image shall have the same embedding, while the numbers of an embedding keep their
variance and do not repeat each other. Nothing else says what the latents are to mean.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from strata.seeding import torch_generator
from strata.training.fitting import Budget, fit

VARIANCE_FLOOR = 1e-4
"""Added to a variance before its square root, so that the root has a slope at 0."""
_CHUNK = 1000


class Views(BaseModel):
    """How a view of an image is drawn; each number is the end of a uniform range from its minus.

    Attributes
    ----------
    turn
        Degrees.
    zoom
        Logarithm of the scale.
    shear
        Shift of a row over its distance from the middle.
    shift
        Share of the side, both ways.
    erased
        Side of a black square at a random place, in pixels; 0 for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    turn: float = Field(default=20.0, ge=0, le=180)
    zoom: float = Field(default=0.2, ge=0, le=2)
    shear: float = Field(default=0.2, ge=0, le=2)
    shift: float = Field(default=0.1, ge=0, le=1)
    erased: int = Field(default=8, ge=0)


class SelfSupervision(BaseModel):
    """How an encoder is trained; all that decides the result beside nets, images and seed.

    Attributes
    ----------
    budget
        Steps, batch size and rates of Adam.
    views
        How the two views of an image are drawn.
    invariance, variance, covariance
        Weights of the three terms of the loss; the defaults are the paper's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    budget: Budget
    views: Views = Views()
    invariance: float = Field(default=25.0, ge=0)
    variance: float = Field(default=25.0, ge=0)
    covariance: float = Field(default=1.0, ge=0)


@dataclass
class TrainedEncoder:
    """A trained encoder, in evaluation mode, and the loss and its three terms at each step.

    ``loss`` is (steps,); ``terms`` (3, steps) are not weighted: invariance, variance, covariance.
    """

    encoder: nn.Module
    loss: NDArray[np.float64]
    terms: NDArray[np.float64]


def vicreg_terms(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three terms of VICReg for the embeddings of two views of the same images.

    .. math::
        s = \\frac1n \\sum_i \\|a_i - b_i\\|^2, \\qquad
        v = \\sum_{z \\in \\{a, b\\}} \\frac1d \\sum_j
            \\max\\big(0, 1 - \\sqrt{\\mathrm{Var}(z_j) + 10^{-4}}\\big), \\qquad
        c = \\sum_{z \\in \\{a, b\\}} \\frac1d \\sum_{j \\ne k} \\mathrm{Cov}(z_j, z_k)^2

    Parameters
    ----------
    a, b
        Embeddings (n, d) of n >= 2 images.

    Returns
    -------
    invariance, variance, covariance : Tensor
        Scalars s / d, v and c, each at least 0.

    Raises
    ------
    ValueError
        If the shapes differ or there are fewer than two images.

    Notes
    -----
    Source: Bardes, Ponce & LeCun 2022, "VICReg", equations 1 to 5, with the mean over the d numbers
    in s, as in the authors' code. Time O(n d^2).

    Examples
    --------
    >>> a = torch.tensor([[2.0, 2.0], [-2.0, -2.0]])
    >>> [round(float(term), 3) for term in vicreg_terms(a, a)]
    [0.0, 0.0, 128.0]
    """
    if a.shape != b.shape or a.ndim != 2 or len(a) < 2:
        raise ValueError(
            f"embeddings must be (n, d) twice, n at least 2, not {(*a.shape,)} and {(*b.shape,)}"
        )
    variance, covariance = a.new_zeros(()), a.new_zeros(())
    for z in (a, b):
        centred = z - z.mean(dim=0)
        products = centred.T @ centred / (len(z) - 1)
        diagonal = products.diagonal()
        variance = variance + (1 - (diagonal + VARIANCE_FLOOR).sqrt()).clamp(min=0).mean()
        off_diagonal = products.square().sum() - diagonal.square().sum()
        covariance = covariance + off_diagonal / len(diagonal)
    return F.mse_loss(a, b), variance, covariance


def random_views(images: Tensor, views: Views, generator: torch.Generator) -> Tensor:
    """Draw one view of each image.

    Parameters
    ----------
    images
        (n, s, s), white on black.
    views
        The ranges. Turn, zoom, shear and shift are one affine map about the middle; what comes from
        outside is black.
    generator
        Source of the draws.

    Returns
    -------
    Tensor
        (n, s, s), bilinear.
    """
    n, side = len(images), images.shape[-1]
    u = 2 * torch.rand(n, 6, generator=generator) - 1
    turn, zoom = math.radians(views.turn) * u[:, 0], torch.exp(views.zoom * u[:, 1])
    shear, shift = views.shear * u[:, 2], 2 * views.shift * u[:, 3:5]
    cos, sin = turn.cos() * zoom, turn.sin() * zoom
    rows = [
        torch.stack([cos, shear * cos - sin, shift[:, 0]], dim=1),
        torch.stack([sin, shear * sin + cos, shift[:, 1]], dim=1),
    ]
    grid = F.affine_grid(torch.stack(rows, dim=1), [n, 1, side, side], align_corners=False)
    seen = F.grid_sample(images[:, None], grid, align_corners=False)[:, 0]
    if not views.erased:
        return seen
    places = torch.arange(side)
    start = torch.randint(max(1, side - views.erased + 1), (2, n, 1), generator=generator)
    rows_hit, columns_hit = (places >= start) & (places < start + views.erased)
    return seen.masked_fill(rows_hit[:, :, None] & columns_hit[:, None, :], 0.0)


def train_encoder(
    encoder: nn.Module,
    projector: nn.Module,
    images: Tensor,
    settings: SelfSupervision,
    *,
    seed: int,
) -> TrainedEncoder:
    """Train copies of an encoder and its projector on images without labels.

    Parameters
    ----------
    encoder, projector
        From images to latents, from latents to the embeddings of the loss.
    images
        (n, s, s), float32 from 0 to 1.
    settings
        How to train. A batch is drawn without repetition.
    seed
        Of the batches and the views; the initial weights are those of the nets.

    Raises
    ------
    ValueError
        If there are fewer images than a batch has.
    FloatingPointError
        If the loss stops being finite; names the step.
    """
    size = settings.budget.batch_size
    if len(images) < size:
        raise ValueError(f"{len(images)} images are less than a batch of {size}")
    encoder, projector = copy.deepcopy(encoder).train(), copy.deepcopy(projector).train()
    generator = torch_generator("self-supervised", seed)
    history: list[Tensor] = []

    def loss(step: int) -> Tensor:
        batch = images[torch.randperm(len(images), generator=generator)[:size]]
        # Both views in one pass would share their batch statistics.
        a, b = (projector(encoder(random_views(batch, settings.views, generator))) for _ in "ab")
        terms = vicreg_terms(a, b)
        history.append(torch.stack(terms).detach())
        weights = (settings.invariance, settings.variance, settings.covariance)
        return sum(weight * term for weight, term in zip(weights, terms, strict=True))

    losses = fit([*encoder.parameters(), *projector.parameters()], loss, settings.budget)
    return TrainedEncoder(
        encoder.eval(), np.array(losses), torch.stack(history, dim=1).double().numpy()
    )


def with_statistics(encoder: nn.Module, images: Tensor) -> nn.Module:
    """Copy an encoder, in evaluation mode, its normalisations set to the statistics of images.

    The weights stay as they are: what an untrained encoder is compared by.
    """
    filled = copy.deepcopy(encoder).train()
    for module in filled.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.0
    with torch.no_grad():
        filled(images)
    return filled.eval()


def encoded(encoder: nn.Module, images: Tensor) -> NDArray[np.float32]:
    """Return the latents (n, size) of images (n, s, s), of an encoder in evaluation mode."""
    with torch.no_grad():
        return torch.cat([encoder(part) for part in images.split(_CHUNK)]).numpy()

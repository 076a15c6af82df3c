"""Ground truth for complexity: in which blocks of a net the known factors of `shapes` are found.

What must be simple and what must be complex is known here beforehand. A linear read-out of the
mean colour is there from the first block on. A feature that only the last block makes is in no
other. Noise is in none. The factors of the images lie in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, field_validator
from scipy.linalg import eigh
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict
from torch import Tensor, nn

from strata.experiments import image_nets
from strata.experiments.feature_spectrum import low_pass
from strata.experiments.resting import data_of, needs_of
from strata.measures.ridge import PENALTIES
from strata.measures.vinformation import held_out_r2_by_layer, variance_weighted
from strata.nets.taps import activations
from strata.runs.result import Result
from strata.seeding import numpy_generator

Matrix = NDArray[np.float64]
Values = NDArray[np.float64]

COLOUR, WHERE, NOISE = "mean colour", "8 x 8 pixels", "noise"
"""Made-up features beside the factors: random read-outs of the mean colour, and of the low-passed
pixels with their places; noise."""
LAST, NEWEST = "last block", "newest direction"
"""What only the last block makes, and the direction of it that the earlier blocks tell least of."""
DRAWS = 20
"""Random read-outs, and columns of noise."""
GRIDS = (1, 2)
FIT_IMAGES = 2000
"""At most so many training images say what the last block adds."""
FAINT = 0.01
"""Share of a neuron's mean variance below which a direction's own variance counts for little."""


class Parameters(image_nets.Parameters):
    """What the chapter's notebook can be given, with the allowed ranges."""

    @field_validator("data")
    @classmethod
    def _with_truth(cls, data: list[str]) -> list[str]:
        if "shapes" not in data:
            raise ValueError("must name 'shapes', whose factors are known")
        return data

    def points(self) -> list[Config]:
        """One point for each net; of photographs no factors are known, but what is made up is."""
        return [Config(net=net) for net in self.nets()]


class Config(BaseModel):
    """The net that is looked at: before training, and after the last epoch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    net: image_nets.Config


needs = needs_of((image_nets, "net"))
data_source, data_fingerprint = data_of(image_nets, "net")


def cost(config: Config) -> float:
    """Relative seconds of a point, for the order of work."""
    return float(config.net.held_out_images * config.net.width**2)


def run(config: Config, scratch: Path | None = None, *, given: Sequence[Result]) -> Result:
    """Look for everything whose place is known in every block of a net.

    Parameters
    ----------
    given
        The result of `needs`.

    Returns
    -------
    Result
        Metric ``names`` of the m features, factors first, and ``added``, the share of the variance
        of the pooled last block that the earlier blocks do not predict. Arrays of held-out R²:
        ``r2_1`` and ``r2_2`` (16, m), from the blocks of the trained net pooled to their means and
        to 2 x 2 cells; ``untrained_r2`` (16, m) as ``r2_1`` before training, NaN for the two of the
        last block; ``lowpass_r2`` (m,) from 4 x 4 cells of the image.
    """
    images = image_nets.load(config.net)
    trained = image_nets.net_at(config.net, given[0], config.net.keep[-1])
    streams = _streams(trained, images.held_out)
    fit = _streams(trained, images.train[:FIT_IMAGES])
    new = beyond(*_early_and_late(fit), *_early_and_late(streams))
    rng = numpy_generator("feature-truth", config.net.seed)
    known = factor_targets(images.factors) | read_outs(images.held_out, rng)
    targets = known | {LAST: new.left[:, None], NEWEST: new.direction[:, None]}
    untrained = image_nets.net_at(config.net, given[0], 0)
    before = activations(untrained, images.held_out, parts=("stream",)).stream
    nothing = np.full((len(before), 2), np.nan)
    return Result(
        metrics={"names": list(targets), "added": new.share},
        arrays={
            **{f"r2_{grid}": r2_by_feature(streams[grid], targets) for grid in GRIDS},
            "untrained_r2": np.hstack([r2_by_feature(before, known), nothing]),
            "lowpass_r2": r2_by_feature([low_pass(images.held_out, 4)], targets)[0],
        },
    )


def factor_targets(factors: Mapping[str, NDArray]) -> dict[str, Matrix]:
    """What a probe has to predict of each factor, (n, columns), without factors that do not vary.

    Discrete factors become a column a level, the angle of the hue its cosine and sine. Other
    continuous factors stay as they are.
    """
    targets = {}
    for name, values in factors.items():
        if name == "hue_angle":
            angle = np.deg2rad(values)
            targets[name] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        elif values.dtype.kind == "i":
            targets[name] = (values[:, None] == np.unique(values)).astype(np.float64)
        else:
            targets[name] = np.asarray(values, dtype=np.float64)[:, None]
    return {name: columns for name, columns in targets.items() if np.ptp(columns, axis=0).any()}


def read_outs(images: Tensor, rng: np.random.Generator) -> dict[str, Matrix]:
    """Random linear read-outs of the pixels, and noise, (n, `DRAWS`) each."""

    def drawn(pixels: Matrix) -> Matrix:
        return pixels @ rng.standard_normal((pixels.shape[1], DRAWS))

    return {
        COLOUR: drawn(low_pass(images, 1)),
        WHERE: drawn(low_pass(images, 8)),
        NOISE: rng.standard_normal((len(images), DRAWS)),
    }


def r2_by_feature(layers: Sequence[Tensor | Matrix], targets: Mapping[str, Matrix]) -> Matrix:
    """Held-out R² (layers, features) of features that may have several columns.

    Columns count by their variance: what the probes predict of a feature's whole variance.
    """
    columns = np.hstack(list(targets.values()))
    starts = np.cumsum([0, *(target.shape[1] for target in targets.values())])[:-1]
    found = variance_weighted(held_out_r2_by_layer(layers, columns), columns)
    whole = np.add.reduceat(columns.var(axis=0), starts)
    return np.add.reduceat(found, starts, axis=1) / whole


@dataclass(frozen=True)
class Beyond:
    """What a late layer has beyond linear maps of early ones, on n images to score.

    Attributes
    ----------
    left
        The residual of the late layer along its first principal component, (n,). The late layer
        need not tell it either: it is small, and lies under much that was there before.
    direction
        The late layer itself along the direction of which the residual is the largest share, (n,).
    share
        Of the variance of the late layer, in the residual.
    """

    left: Values
    direction: Values
    share: float


def beyond(early: Matrix, late: Matrix, new_early: Matrix, new_late: Matrix) -> Beyond:
    """Find what is new in a late layer by ridge regression on early ones.

    Both directions are fitted to residuals on images that the regression was not fitted on.

    Parameters
    ----------
    early, late
        (m, d) and (m, p): activations that regression and directions are fitted on.
    new_early, new_late
        Of the n images to score.
    """
    penalties = np.array(PENALTIES[::2]) * early.var(axis=0).sum()
    model = RidgeCV(penalties, alpha_per_target=True)
    residual = np.cov(late - cross_val_predict(model, early, late, cv=2), rowvar=False)
    whole = np.cov(late, rowvar=False)
    floor = FAINT * np.trace(whole) / len(whole) * np.eye(len(whole))
    main, newest = eigh(residual)[1][:, -1], eigh(residual, whole + floor)[1][:, -1]
    left = new_late - model.fit(early, late).predict(new_early)
    return Beyond(
        left=left @ main,
        direction=new_late @ newest,
        share=float(left.var(axis=0).sum() / new_late.var(axis=0).sum()),
    )


def _streams(net: nn.Module, images: Tensor) -> dict[int, tuple[Tensor, ...]]:
    """The residual stream after each block, pooled to each grid."""
    return {grid: activations(net, images, parts=("stream",), grid=grid).stream for grid in GRIDS}


def _early_and_late(streams: Mapping[int, tuple[Tensor, ...]]) -> tuple[Matrix, Matrix]:
    """All blocks but the last in cells, of which the means are sums; and the last in means."""
    early = np.hstack([f.double().numpy() for f in streams[GRIDS[-1]][:-1]])
    return early, streams[1][-1].double().numpy()

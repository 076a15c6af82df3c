"""The statistics of claims B12 to B15: compressed and distilled nets, and accuracy predicted.

`table` gives a row for each net, `numbers` what the claims compare. A seed, which is a family of
nets, is the unit of replication; nets are compared within a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from strata.experiments.accuracy_regression import PREDICTORS, errors, fitted
from strata.experiments.component_compression import CURVES, Config
from strata.experiments.component_effects import KINDS
from strata.experiments.component_shares import LOW, low_share
from strata.experiments.tables import ONE_SIDED
from strata.runs.result import Result
from strata.statistics import Estimate, mean_interval

HIGH = 2
"""So many of the highest orders are called high."""
MARGIN = 0.5
"""Of what the number of samples does: a change by compression must stay below that share of it."""


def table(points: Sequence[Config], results: Sequence[Result]) -> pd.DataFrame:
    """A row for each net, the trained ones and those made from them.

    Returns
    -------
    DataFrame
        Columns ``data``, ``seed``, what the metric ``targets`` says, ``main`` for the nets that
        are taken apart in every variant, and a vector over orders for each of `CURVES`.
    """
    rows = []
    for point, result in zip(points, results, strict=True):
        family, variants = point.reliability.targets, point.variants
        place = {"data": family.data.name, "seed": family.seed}
        design = variants and (variants.depth, variants.samples)
        for i, net in enumerate(result.metrics["targets"]):
            main = (net["depth"], net["samples"]) == design
            curves = {name: result.arrays[name][i] for name in CURVES}
            rows.append(place | net | {"main": main} | curves)
    return pd.DataFrame(rows)


def numbers(net: pd.Series) -> dict[str, float]:
    """What the claims compare of a net.

    Returns
    -------
    dict of float
        ``low_significance``: of the two low orders together, as two chains agree on it.
        ``low_share``: the same as a share of that of all orders. ``low_effectiveness``: mean over
        the low orders. ``low_worth``: what the low orders save on the net's own samples, as a share
        of what all orders save, which no scale of feature or head changes. ``low_overfitting``: of
        what they save on own samples, the share that they do not save on test samples.
        ``high_overfitting``: what the high orders save on own samples minus what they save on test
        samples, in nats; a share of it would divide by almost nothing. With ``_centred``: of
        components about their means. ``high_reliability``: mean over the high orders;
        ``high_direct``: the same without cycles.
    """
    found = {
        "low_significance": float(net["shared"][:LOW].sum()),
        "low_share": float(low_share(net["shared"])),
    }
    for kind in KINDS:
        train, test = (net[f"phi_{images}{kind}"] for images in ("train", "test"))
        found |= {
            f"low_effectiveness{kind}": float(net[f"effectiveness{kind}"][:LOW].mean()),
            f"low_worth{kind}": float(train[:LOW].sum() / train.sum()),
            f"low_overfitting{kind}": float(1 - test[:LOW].sum() / train[:LOW].sum()),
            f"high_overfitting{kind}": float((train - test)[-HIGH:].sum()),
        }
    for name in ("reliability", "direct"):
        found[f"high_{name}"] = float(net[name][-HIGH:].mean())
    return found


def contrasts(nets: pd.DataFrame, variant: str, against: str = "original") -> pd.DataFrame:
    """`numbers` of one variant minus those of another, a row for each seed.

    Raises
    ------
    ValueError
        If a seed lacks one of the two, or has one twice.
    """
    found = []
    for name in (variant, against):
        chosen = nets[nets["main"] & (nets["variant"] == name)]
        if chosen["seed"].duplicated().any():
            raise ValueError(f"a seed has two nets that are {name}")
        rows = [numbers(net) for _, net in chosen.iterrows()]
        found.append(pd.DataFrame(rows, index=pd.Index(chosen["seed"], name="seed")))
    if set(found[0].index) != set(found[1].index) or found[0].empty:
        raise ValueError(f"{variant} and {against} are not there for the same seeds")
    return found[0] - found[1]


def distances(nets: pd.DataFrame, variant: str) -> pd.DataFrame:
    """How far a variant is from the original, and how far apart numbers of samples are.

    Returns
    -------
    DataFrame
        A row for each seed. ``significance``: between the original's and the variant's, of all
        orders as two chains agree on it and of what no order holds, half the summed absolute
        difference. ``reliability``: mean over orders of the absolute difference. With ``_samples``:
        the mean of the same over all pairs of trained nets of that depth.
    """
    rows = {}
    for seed, own in nets.groupby("seed"):
        depth = own.loc[own["main"], "depth"].iloc[0]
        trained = own[(own["variant"] == "original") & (own["depth"] == depth)]
        original = trained[trained["main"]].iloc[0]
        changed = own[own["main"] & (own["variant"] == variant)].iloc[0]
        pairs = combinations([net for _, net in trained.iterrows()], 2)
        yardstick = pd.DataFrame([_apart(*pair) for pair in pairs]).mean()
        rows[seed] = _apart(original, changed) | yardstick.add_suffix("_samples").to_dict()
    return pd.DataFrame(rows).T.rename_axis("seed")


def _apart(a: pd.Series, b: pd.Series) -> dict[str, float]:
    moved = a["shared"] - b["shared"]
    return {
        "significance": float(np.abs(moved).sum() + np.abs(moved.sum())) / 2,
        "reliability": float(np.abs(a["reliability"] - b["reliability"]).mean()),
    }


def compression(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B12: what compression leaves as it is, and what it changes at low orders."""
    far = distances(nets, "compressed")
    change = contrasts(nets, "compressed")
    return {
        name: _interval(far[name] - MARGIN * far[f"{name}_samples"])
        for name in ("significance", "reliability")
    } | _changed(change)


def compression_alone(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B12b: the changes of B12 against a net that was trained on as long without compression."""
    return _changed(contrasts(nets, "compressed", "retrained"))


def _changed(change: pd.DataFrame) -> dict[str, Estimate]:
    return {
        "effectiveness": _interval(change["low_effectiveness"]),
        "overfitting": _interval(change["low_overfitting"]),
    }


def distillation(nets: pd.DataFrame, variant: str = "distilled") -> dict[str, Estimate]:
    """B13: what is different in a student; with the deep student claim B13b."""
    change = contrasts(nets, variant)
    return {
        "significance": _interval(change["low_significance"]),
        "effectiveness": _interval(change["low_effectiveness"]),
        "reliability": _interval(change["high_reliability"]),
        "overfitting": _interval(change["high_overfitting"]),
    }


def regression_table(nets: pd.DataFrame) -> pd.DataFrame:
    """The table of `strata.experiments.accuracy_regression`, accuracies in points.

    The components' numbers are those of all orders but the last, as in the study, which leaves out
    its last two.
    """
    rows = []
    for _, net in nets.iterrows():
        row = {name: net[name] for name in ("data", "seed", "variant", "depth", "samples")}
        row |= {"accuracy": 100 * net["test_accuracy"], "loss": net["test_loss"]}
        for kind in ("reliable", "unreliable"):
            row |= {f"{kind}_{i}": value for i, value in enumerate(net[kind][:-1])}
        row |= {f"agreed_{i}": value for i, value in enumerate(net["shared"][:-1])}
        rows.append(row)
    return pd.DataFrame(rows)


def prediction_errors(nets: pd.DataFrame, target: str, *, new_samples: bool) -> pd.DataFrame:
    """Mean absolute error over the nets of each seed, predicted from nets of other seeds.

    Parameters
    ----------
    nets
        As `regression_table` gives it, trained nets of one data set.
    target
        ``accuracy`` or ``loss``.
    new_samples
        Whether the nets that are known also have other numbers of samples.

    Returns
    -------
    DataFrame
        A row for each seed, a column for each of `PREDICTORS`.
    """
    groups = nets[["seed", "samples"]] if new_samples else nets["seed"]
    found = {name: errors(nets, target, name, groups) for name in PREDICTORS}
    return pd.DataFrame(found).groupby(nets["seed"].to_numpy()).mean().rename_axis("seed")


def predicted(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B14: error of the components' numbers minus that of a constant, for new samples as well."""
    new = _better(nets, "components", "constant", new_samples=True)
    return _better(nets, "components", "constant") | {f"{k}_new": e for k, e in new.items()}


def predicted_beyond_size(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B14b: error of the components' numbers minus that of the numbers of samples and layers."""
    return _better(nets, "components", "size")


def added_to_size(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B14c: error of all these numbers together minus that of samples and layers alone."""
    return _better(nets, "both", "size")


def _better(
    nets: pd.DataFrame, predictor: str, baseline: str, *, new_samples: bool = False
) -> dict[str, Estimate]:
    parts = {}
    for target in ("accuracy", "loss"):
        found = prediction_errors(nets, target, new_samples=new_samples)
        parts[target] = _interval(found[predictor] - found[baseline])
    return parts


def transfer_errors(
    nets: pd.DataFrame, target: str = "accuracy", *, own_seed: bool = False
) -> pd.DataFrame:
    """Predict compressed nets by fits on trained ones.

    Parameters
    ----------
    nets
        As `regression_table` gives it, of one data set.
    target
        ``accuracy`` or ``loss``.
    own_seed
        Whether trained nets of the same seed are known to the fit, those among them from which the
        compressed ones were made.

    Returns
    -------
    DataFrame
        A row for each compressed net: ``seed``, ``depth``, ``samples``, ``before`` and ``after``,
        the number to be predicted; ``components`` and ``size``, the predictions.
    """
    place = ["seed", "depth", "samples"]
    trained = nets[nets["variant"] == "original"]
    before = trained[[*place, target]].rename(columns={target: "before"})
    found = []
    for seed, after in nets[nets["variant"] == "compressed"].groupby("seed"):
        rows = after[[*place, target]].rename(columns={target: "after"}).reset_index(drop=True)
        rows = rows.merge(before, on=place, how="left", validate="one_to_one")
        known = trained if own_seed else trained[trained["seed"] != seed]
        for name in ("components", "size"):
            columns = PREDICTORS[name](known)
            rows[name] = fitted(columns, known[target], PREDICTORS[name](after))
        found.append(rows)
    return pd.concat(found, ignore_index=True)


def transferred(nets: pd.DataFrame) -> dict[str, Estimate]:
    """B15: error for compressed nets minus that of "unchanged", and of samples and layers."""
    found = transfer_errors(nets)
    names = ("components", "size", "before")
    off = found[list(names)].sub(found["after"], axis=0).abs().groupby(found["seed"]).mean()
    return {
        "unchanged": _interval(off["components"] - off["before"]),
        "size": _interval(off["components"] - off["size"]),
    }


def _interval(values: pd.Series) -> Estimate:
    """All criteria of these claims have one bound."""
    return mean_interval(values.to_numpy(dtype=np.float64), ONE_SIDED)

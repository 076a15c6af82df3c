"""The statistics of claims A7 to A12 and A17: what a net relies on, simple or complex.

Each function takes the table of :func:`table`, which has a row for each net and kind of dictionary
(`feature_tables.by_net`), and gives the parts of a claim (`feature_tables.judged`). A row holds
correlations over the features of one net. Features that are 0 on all held-out images do not count:
they have no complexity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from strata.experiments import features
from strata.experiments.feature_reliance import EPOCHS, FRACTIONS, SIGMAS, Config
from strata.experiments.feature_tables import PLACE, by_net, judged
from strata.measures.rank_correlation import DeterminedError, partial_spearman, spearman
from strata.measures.vinformation import complexity
from strata.runs.result import Result
from strata.statistics import Estimate

Arrays = Mapping[str, NDArray[np.float64]]

HALF = FRACTIONS.index(0.5)
"""The one removal that is judged."""
NOISES = tuple(f"{sigma:g}" for sigma in SIGMAS)


def table(points: Sequence[Config], results: Sequence[Result]) -> pd.DataFrame:
    """A row for each net and kind of dictionary, with its place and `statistics`."""
    arrays = [result.arrays for result in results]
    return by_net([point.features for point in points], arrays, statistics)


def statistics(net: Arrays) -> dict[str, float]:
    """Every number of one net and dictionary: `over_epochs`, `at_the_end`, `removal`, `signs`."""
    return {**over_epochs(net), **at_the_end(net), **removal(net), **signs(net)}


def correlation(x: ArrayLike, y: ArrayLike, given: ArrayLike | None = None) -> float:
    """Spearman's correlation of the features that have both values, perhaps a partial one.

    Parameters
    ----------
    x, y : array_like, shape (k,)
        NaN where a feature has no value.
    given : array_like, shape (k, p), optional
        What is held fixed, without NaN.

    Returns
    -------
    float
        0 where all features that count share a value, or what is held fixed determines one: then
        nothing is left that could rise or fall.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    if given is None:
        return spearman(a, b)
    try:
        return partial_spearman(a, b, np.asarray(given)[known])
    except DeterminedError:
        return 0.0


def over_epochs(net: Arrays) -> dict[str, float]:
    """Correlation of complexity and importance at each of `EPOCHS`, with its nulls.

    Returns
    -------
    dict of float
        For each epoch, with its name after the last underscore: ``importance``, Spearman's
        correlation; ``shuffled``, its mean over shuffled heads; ``excess``, the first minus the
        second; ``partial``, with prevalence and the R² of the last block held fixed;
        ``given_size``, with the mean code too; ``raw``, with the study's own complexity, which has
        the scale of the codes in it.
    """
    found = {}
    for place, epoch in enumerate(EPOCHS):
        alive = net["prevalence"][place] > 0
        names = ("complexity", "importance", "complexity_raw", "prevalence", "last_r2", "size")
        k, gamma, raw, prevalence, last_r2, size = (net[name][place][alive] for name in names)
        plain = correlation(k, gamma)
        shuffled = np.mean([correlation(k, row[alive]) for row in net["shuffled"][place]])
        found |= {
            f"importance_{epoch}": plain,
            f"shuffled_{epoch}": float(shuffled),
            f"excess_{epoch}": plain - float(shuffled),
            f"partial_{epoch}": correlation(k, gamma, np.c_[prevalence, last_r2]),
            f"given_size_{epoch}": correlation(k, gamma, np.c_[prevalence, last_r2, size]),
            f"raw_{epoch}": correlation(raw, gamma),
        }
    return found


def by_dictionary_seed(
    configs: Sequence[features.Config], results: Sequence[Result]
) -> pd.DataFrame:
    """Correlation of complexity and importance in several dictionaries of the same nets.

    Parameters
    ----------
    configs, results
        Of `strata.experiments.features`, as `features.Parameters.repeated_features` lists them.

    Returns
    -------
    DataFrame
        A row for each net, a column for each dictionary seed.
    """
    rows = []
    for config, result in zip(configs, results, strict=True):
        alive = result.arrays["prevalence"] > 0
        k = complexity(result.arrays["r2_1"])[alive]
        rows.append(
            {
                "data": config.net.data,
                "width": config.net.width,
                "seed": config.net.seed,
                "dictionary seed": config.dictionary_seed,
                "rho": correlation(k, result.arrays["importance"][alive]),
            }
        )
    index = ["data", "width", "seed"]
    return pd.DataFrame(rows).pivot_table("rho", index, "dictionary seed", sort=False)


def at_the_end(net: Arrays) -> dict[str, float]:
    """Correlation of complexity with redundancy, neurons needed and sensitivity, last epoch.

    Returns
    -------
    dict of float
        ``cka`` and ``r2``, redundancy by either; ``settled``, correlation of the first by each half
        of the masks; ``neurons``; ``label``, importance for the right class; and for each sigma of
        the noise, with the number after the last underscore: ``relative``, variance over Var(z);
        ``variance`` and ``range`` as in the study. With ``partial_`` before them: prevalence and
        the R² of the last block held fixed.
    """
    alive = net["prevalence"][-1] > 0
    k = net["complexity"][-1][alive]
    given = np.c_[net["prevalence"][-1], net["last_r2"][-1]][alive]
    others = {
        "cka": "redundancy_cka",
        "r2": "redundancy_r2",
        "neurons": "neurons",
        "label": "importance_label",
    }
    values = {name: net[array][alive] for name, array in others.items()}
    for kind in ("relative", "variance", "range"):
        for name, row in zip(NOISES, net[f"noise_{kind}"], strict=True):
            values[f"{kind}_{name}"] = row[alive]
    plain = {name: correlation(k, value) for name, value in values.items()}
    partial = {f"partial_{name}": correlation(k, value, given) for name, value in values.items()}
    first, second = net["redundancy_halves"][:, alive]
    return plain | partial | {"settled": correlation(first, second)}


def removal(net: Arrays) -> dict[str, float]:
    """Relative accuracy of the read-out without half of its features.

    Returns
    -------
    dict of float
        ``half``, without the more complex half; ``simple``, without the simpler half; ``random``
        and ``matched``, the means over random halves, and over those matched in importance;
        ``against_random`` and ``against_matched``, ``half`` minus these.
    """
    found = {
        "half": net["complex_first"][HALF],
        "simple": net["simple_first"][HALF],
        "random": net["random"][:, HALF].mean(),
        "matched": net["matched"][:, HALF].mean(),
    }
    found |= {f"against_{name}": found["half"] - found[name] for name in ("random", "matched")}
    return {name: float(value) for name, value in found.items()}


def signs(net: Arrays) -> dict[str, float]:
    """How simple the features are that speak against a class, and for it.

    A pair of feature and class is inhibitory where the feature's mean contribution to the logit,
    over the images for which the class is predicted, is negative, and excitatory where it is
    positive. Pairs whose feature is never there count as neither. The mass of pairs is the sum of
    the absolute contributions.

    Returns
    -------
    dict of float
        ``inhibitory`` and ``excitatory``, share of the pairs whose feature is simpler than the
        median feature; ``inhibitory_mass`` and ``excitatory_mass``, share of their mass;
        ``mass_gap``, the first mass minus the second; ``pairs`` and ``mass``, what of all pairs and
        of all mass is inhibitory; ``negative``, share of features whose mean contribution over all
        images is negative, which is what the study counts.

    Raises
    ------
    ValueError
        If there is no inhibitory or no excitatory pair.

    Notes
    -----
    If every feature is in a pair with every class, half of all pairs belong to simple features.
    Then one of the first two shares is above a half exactly where the other is below: they say the
    same thing once. The two masses are not bound in this way.
    """
    alive = net["prevalence"][-1] > 0
    k, pairs = net["complexity"][-1][alive], np.nan_to_num(net["pairs"][alive])
    sided = k != np.median(k)  # a feature in the middle is neither simple nor complex
    simple, pairs = (k < np.median(k))[sided], pairs[sided]
    found = {}
    for name, sign in (("inhibitory", -1), ("excitatory", 1)):
        mass = np.maximum(sign * pairs, 0)
        if not mass.any():
            raise ValueError(f"no pair of feature and class is {name}")
        found[name] = float((mass[simple] > 0).sum() / (mass > 0).sum())
        found[f"{name}_mass"] = float(mass[simple].sum() / mass.sum())
    return found | {
        "mass_gap": found["inhibitory_mass"] - found["excitatory_mass"],
        "pairs": float((pairs < 0).sum() / (pairs != 0).sum()),
        "mass": float(np.maximum(-pairs, 0).sum() / np.abs(pairs).sum()),
        "negative": float((net["signed"][alive] < 0).mean()),
    }


def simplicity_bias(nets: pd.DataFrame) -> dict[str, Estimate]:
    """A7: correlation of complexity and importance at the end, and what chance leaves of it."""
    return _parts(nets, plain="importance_last", shuffled="excess_last", partial="partial_last")


def no_bias_yet(nets: pd.DataFrame) -> dict[str, Estimate]:
    """A8: the same at the first epoch kept, and how far it falls from there to the end."""
    fall = nets["importance_last"] - nets["importance_first"]
    return _parts(
        nets.assign(fall=fall), two_sided=("first",), first="importance_first", fall="fall"
    )


def support(nets: pd.DataFrame) -> dict[str, Estimate]:
    """A9: relative accuracy without the more complex half of the features."""
    return _parts(nets, half="half")


def support_beyond_importance(nets: pd.DataFrame) -> dict[str, Estimate]:
    """A9b: the same, minus that of random removals of the same importance."""
    return _parts(nets, matched="against_matched")


def redundancy(nets: pd.DataFrame) -> dict[str, Estimate]:
    """A10: correlation of complexity and redundancy, by the study's ratio and by R²."""
    return _parts(nets, cka="cka", r2="r2")


def robustness(nets: pd.DataFrame) -> dict[str, Estimate]:
    """A11: correlation of complexity and relative sensitivity, for each strength of the noise."""
    return _parts(nets, **{f"sigma_{name}": f"relative_{name}" for name in NOISES})


def inhibitors(nets: pd.DataFrame) -> dict[str, Estimate]:
    """A12: share of inhibitory pairs whose feature is simpler than the median."""
    return _parts(nets, share="inhibitory")


def inhibition_beyond_importance(nets: pd.DataFrame) -> dict[str, Estimate]:
    """A12b: share of the inhibitory mass in simple features, minus that of the excitatory mass."""
    return _parts(nets, mass="mass_gap")


def neurons_needed(nets: pd.DataFrame) -> dict[str, Estimate]:
    """A17: correlation of complexity and the number of neurons that a feature needs."""
    return _parts(nets, neurons="neurons")


def _parts(
    nets: pd.DataFrame, *, two_sided: Sequence[str] = (), **columns: str
) -> dict[str, Estimate]:
    """Judge columns of the table under the names of the parts of a claim."""
    place = nets[[*PLACE, "seed"]]
    named = place.assign(**{part: nets[column] for part, column in columns.items()})
    return judged(named, two_sided)

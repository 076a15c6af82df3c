"""The statistics of claims B5, B7, BV4 and BV6: which components nets share, and who says so.

Each function takes tables of `strata.experiments.component_reliability_tables` and gives the parts
of a claim. A seed, which is a family of nets, is the unit of replication.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import page_trend_test

from strata.experiments.component_reliability_tables import LOW
from strata.experiments.cycling import MAIN, STUDY_CYCLES
from strata.experiments.tables import ONE_SIDED
from strata.statistics import Estimate, mean_interval


def more_samples(families: pd.DataFrame, cycles: int = STUDY_CYCLES) -> dict[str, Estimate]:
    """B5: rank correlation of number of samples and reliability, on the first two data sets.

    Parameters
    ----------
    families
        As `by_seed` gives it, the data set that is judged first.
    cycles
        As many as the study's code runs; 0 for what its text defines, which is claim B5b.
    """
    first, second = families["data"].unique()[:2]
    return {
        "first": _interval(_usual(families, first, cycles=cycles)["rank"]),
        "second": _interval(_usual(families, second, cycles=cycles)["rank"]),
    }


def less_at_high_orders(families: pd.DataFrame, beyond: pd.DataFrame) -> dict[str, Estimate]:
    """B7: the fall of reliability over the orders, what copies leave of it, and that of components.

    Parameters
    ----------
    families
        As `by_seed` gives it.
    beyond
        As `beyond_copies` gives it.
    """
    data = families["data"].iloc[0]
    own = _usual(beyond, data)
    return {
        "total": _interval(_usual(families, data)["fall"]),
        "beyond": _interval(own["fall"]),
        "component": _interval(own["component_above"] - own["component_first"]),
    }


def less_without_cycles(families: pd.DataFrame, beyond: pd.DataFrame) -> dict[str, Estimate]:
    """B7b: the first two parts of B7 with no cycle."""
    data = families["data"].iloc[0]
    return {
        "total": _interval(_usual(families, data, cycles=0)["fall"]),
        "beyond": _interval(_usual(beyond, data, cycles=0)["fall"]),
    }


def cycles_measure_sharing(families: pd.DataFrame) -> dict[str, Estimate]:
    """BV4: reliability, and its growth with samples, for the same nets with other exemplars.

    Parameters
    ----------
    families
        As `by_seed` gives it for the depth at which nets were held against exemplars of all
        kinds. Seeds that were held against trained ones only are left out.
    """
    data = families["data"].iloc[0]
    trained, random, copies = (
        _usual(families, data, exemplars=kind).set_index("seed").sort_index()
        for kind in ("trained", "random labels", "copies")
    )
    if not random.index.equals(copies.index):
        raise ValueError("the exemplars were not changed for the same families")
    trained = trained.loc[copies.index]
    return {
        "random": _interval(random["level"] - trained["level"]),
        "growth": _interval(trained["growth"] - random["growth"]),
        "rise": _interval(copies["level"] - trained["level"]),
        "copies": mean_interval(copies["level"].to_numpy()),
    }


def same_by_every_method(families: pd.DataFrame, beyond: pd.DataFrame) -> dict[str, Estimate]:
    """BV6: ranges over the methods, of the rank of B5 and of what is more than with copies."""
    data = families["data"].iloc[0]

    def ranges(rows: pd.DataFrame, name: str) -> pd.Series:
        return _settled(rows, data, "trained", STUDY_CYCLES).groupby("seed")[name].agg(np.ptp)

    return {
        "rank": _interval(ranges(families, "rank")),
        "level": _interval(ranges(beyond, "level")),
        "growth": _interval(ranges(beyond, "growth")),
    }


def _usual(
    families: pd.DataFrame,
    data: str,
    *,
    exemplars: str = "trained",
    cycles: int = STUDY_CYCLES,
) -> pd.DataFrame:
    chosen = _settled(families, data, exemplars, cycles)
    return chosen[chosen["method"] == MAIN]


def _settled(families: pd.DataFrame, data: str, exemplars: str, cycles: int) -> pd.DataFrame:
    return families[
        (families["data"] == data)
        & (families["exemplars"] == exemplars)
        & families["standardised"]
        & (families["cycles"] == cycles)
    ]


def _interval(values: pd.Series) -> Estimate:
    """Of a statistic whose criterion has one bound."""
    return mean_interval(values.to_numpy(), ONE_SIDED)


def page_trend(nets: pd.DataFrame, column: str) -> float:
    """Page's test that reliability rises with the number of samples: its p value.

    Parameters
    ----------
    nets
        Rows of `by_order` of one data set, with three numbers of samples or more. A set is a depth
        of a seed, with its mean over the first `LOW` orders.
    column
        ``reliable`` or ``uncycled``.

    Notes
    -----
    Page 1963, "Ordered hypotheses for multiple treatments". For information: nets of a seed share
    their samples and their exemplars, so that sets are not independent.
    """
    low = nets[nets["order"].isin(np.unique(nets["order"])[:LOW])]
    sets = low.pivot_table(column, ["seed", "depth"], "samples")
    return float(page_trend_test(sets.to_numpy(), method="asymptotic").pvalue)

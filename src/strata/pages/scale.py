"""The tables of the page on scale: what `strata.book.scaling` says of the ``paper`` profile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from strata.book.profiles import Notebook
from strata.book.record import executed_folder, load_records
from strata.book.scaling import GIGA, HOUR, NODES, THREADS, Estimate, Node, estimates, makespan

BLOCKS = ("scale-chapters", "scale-rates", "scale-nodes")
"""Of the page: what to compute, at which rates, and what it comes to."""
KINDS = (
    Node(f"{THREADS} cores like ours", THREADS),
    Node("a GPU that keeps up 4 × 10¹² operations a second", 1, 2e12),
    Node("a GPU that keeps up 40 × 10¹²", 1, 20e12),
    Node("a GPU that keeps up 100 × 10¹²", 1, 50e12),
)
"""Two operations for each multiply-add. A GPU's rates are assumed; no experiment uses one yet."""


def scale_blocks(notebooks: Sequence[Notebook], root: Path) -> dict[str, str]:
    """The tables of the page on scale: the ``paper`` profile, by the records of ``full``."""
    counted = [n for n in notebooks if {"full", "paper"} <= set(n.profiles)]
    records = load_records([n.name for n in counted], executed_folder(root, "full"))
    counted = [notebook for notebook in counted if notebook.name in records]
    if not counted:
        return dict.fromkeys(BLOCKS, "No chapter has a published run to scale.")
    every = estimates(counted, records, root)
    counted = [one for one, estimate in zip(counted, every, strict=True) if estimate.measured_work]
    found = [estimate for estimate in every if estimate.measured_work]
    without = [estimate.cost.name for estimate in every if not estimate.measured_work]
    if not found:
        return dict.fromkeys(BLOCKS, _without_rate(without))
    tables = (_chapter_table(found, counted), _rate_table(found), _node_table(found, counted))
    if without:
        tables = tuple(f"{table}\n\n{_without_rate(without)}" for table in tables)
    return dict(zip(BLOCKS, tables, strict=True))


def _without_rate(names: Sequence[str]) -> str:
    return (
        f"Left out: {', '.join(names)}. The published run computed nothing that is counted, or "
        "read its points from the store, so that it gives no rate."
    )


def _chapter_table(found: Sequence[Estimate], notebooks: Sequence[Notebook]) -> str:
    needs = {notebook.name: notebook.profiles["paper"].needs for notebook in notebooks}
    lines = [
        "| chapter | needs | jobs | points | not counted | multiply-adds | core hours "
        "| longest point | GB kept | GB at once |",
        "| --- | --- " + "| ---: " * 8 + "|",
    ]
    for estimate in found:
        cost = estimate.cost
        lines.append(
            f"| [](../notebooks/{cost.name}.ipynb)"
            f" | {', '.join(needs[cost.name]) or 'nothing'}"
            f" | {len(cost.shards) + 1} | {cost.points:,} | {cost.uncounted:,}"
            f" | {cost.work:.1e} | {_number(estimate.core_hours)}"
            f" | {_number(estimate.longest_hours)} | {_number(cost.kept / GIGA) or 'small'}"
            f" | {_number(cost.held / GIGA) or 'small'} |"
        )
    whole = [estimate.cost for estimate in found]
    lines.append(
        f"| all, and the pages | | {sum(len(c.shards) + 1 for c in whole) + 1}"
        f" | {sum(c.points for c in whole):,} | {sum(c.uncounted for c in whole):,}"
        f" | {sum(c.work for c in whole):.1e} | {_number(sum(e.core_hours for e in found))}"
        f" | {_number(max(e.longest_hours for e in found))}"
        f" | {_number(sum(c.kept for c in whole) / GIGA)}"
        f" | {_number(max(c.held for c in whole) / GIGA)} |"
    )
    return "\n".join(lines)


def _rate_table(found: Sequence[Estimate]) -> str:
    lines = [
        "| chapter | multiply-adds of `full` | its core seconds | 10⁹ a second |",
        "| --- " + "| ---: " * 3 + "|",
    ]
    lines += [
        f"| {estimate.cost.name} | {estimate.measured_work:.1e} "
        f"| {estimate.measured_seconds:,.0f} | {estimate.rate / GIGA:.1f} |"
        for estimate in found
    ]
    return "\n".join(lines)


def _node_table(found: Sequence[Estimate], notebooks: Sequence[Notebook]) -> str:
    others = [e for e, notebook in zip(found, notebooks, strict=True) if notebook.study != "A"]
    lines = [
        f"| {NODES} nodes, each | chapters | node hours | done after | longest point |",
        "| --- | --- " + "| ---: " * 3 + "|",
    ]
    for node in KINDS:
        for what, some in (("all", found), ("all but study A", others)):
            hours = [job for estimate in some for job in estimate.job_hours(node)]
            points = (e.cost.longest / (node.rate or e.rate) for e in some)
            longest = max(points, default=0.0) / HOUR
            lines.append(
                f"| {node.name} | {what} | {_number(sum(hours))} "
                f"| {_number(makespan(hours, NODES))} h | {_number(longest)} h |"
            )
    return "\n".join(lines)


def _number(value: float) -> str:
    """Two digits of a size; nothing for 0."""
    if value == 0:
        return ""
    if value < 0.01:
        return "< 0.01"
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"

"""The worked changes of a parameter as blocks of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from strata.book.chapters import Chapter, duration
from strata.book.profiles import Notebook
from strata.book.record import load_records, tracked_folder
from strata.book.variations import (
    BASE,
    Result,
    Variation,
    load_results,
    load_variations,
    results_path,
    watched,
)

_NOT_RUN = "not run yet"


def variation_blocks(
    root: Path, notebooks: Sequence[Notebook], found: Mapping[str, Chapter]
) -> str:
    """All variations, chapter by chapter: command, question, numbers, and what we expect."""
    results = load_results(results_path(root))
    records = load_records([n.name for n in notebooks], tracked_folder(root, BASE))
    parts = []
    for name, variations in groupby(load_variations(root, notebooks), lambda v: v.notebook):
        parts.append(f"## {found[name].title}\n\n[To the chapter](../notebooks/{name}.ipynb)")
        base = records.get(name)
        for variation in variations:
            usual = {watch: base and watched(base, watch) for watch in variation.watch}
            parts.append(_block(variation, usual, results.get(variation.id)))
    return "\n\n".join(parts)


def _block(
    variation: Variation, usual: Mapping[str, dict[str, Any] | None], result: Result | None
) -> str:
    answer = [variation.expect, _table(variation, usual, result)]
    if result is not None:
        answer.append(f"One run of {duration(result.seconds)}, {result.date}.")
    if variation.found:
        answer.append(f"**What happened.** {variation.found}")
    return "\n\n".join(
        [
            f"### {variation.title}",
            f"```\n{variation.command}\n```",
            f":::{{admonition}} Predict\n:class: tip\n{variation.predict}\n:::",
            ":::{admonition} What we expect, and what the run gave\n:class: dropdown",
            *answer,
            ":::",
        ]
    )


def _table(
    variation: Variation, usual: Mapping[str, dict[str, Any] | None], result: Result | None
) -> str:
    rows = [
        f"| {words} | {_show(usual[name])} "
        f"| {_show(result.values.get(name)) if result else _NOT_RUN} |"
        for name, words in variation.watch.items()
    ]
    return "\n".join([f"| | `{BASE}` | changed |", "| --- | --- | --- |", *rows])


def _show(value: Mapping[str, Any] | None) -> str:
    if value is None:
        return "–"
    if "text" in value:
        return str(value["text"])
    return f"{value['value']:.3g} ({value['low']:.3g} to {value['high']:.3g})"

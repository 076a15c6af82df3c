"""The page of the scorecard: a cell a claim, counts, and every claim to unfold and to filter."""

from __future__ import annotations

import json
from collections import Counter
from html import escape
from pathlib import Path

from strata.claims import verdict_slug
from strata.pages.scorecard import (
    FORMATS,
    STUDIES,
    VERDICTS,
    Row,
    Statistic,
    counts,
    json_schema,
)
from strata.pages.scorecard_drawing import drawing

OPPOSITE = {"reproduced", "not reproduced"}
_ORIGINS = {"study": "of the study", "ours": "ours"}


def write_data(rows: list[Row], folder: Path) -> None:
    """Write the scorecard as JSON, as CSV, as a drawing, and the schema of the JSON."""
    for kind in ("json", "csv"):
        (folder / f"scorecard.{kind}").write_text(FORMATS[kind](rows), encoding="utf-8")
    schema = json.dumps(json_schema(), indent=1)
    (folder / "scorecard.schema.json").write_text(schema + "\n", encoding="utf-8")
    (folder / "scorecard.svg").write_text(drawing(rows), encoding="utf-8")


def counts_table(rows: list[Row]) -> str:
    """How many claims of each study, and how many of ours, have which verdict, in Markdown."""
    of_studies = [row for row in rows if row.origin == "study"]
    groups = {f"study {s}": [row for row in of_studies if row.study == s] for s in STUDIES}
    groups |= {"all studies": of_studies}
    groups |= {"our controls and checks": [row for row in rows if row.origin == "ours"]}
    used = [verdict for verdict in VERDICTS if any(row.verdict == verdict for row in rows)]
    head = ["claims of", "in all", *used]
    redrawn = any(row.other_seeds for row in rows)
    if redrawn:
        head.append("another verdict with other seeds")
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for name, members in groups.items():
        found = Counter(row.verdict for row in members)
        cells = [str(found[verdict]) for verdict in used]
        if redrawn:
            again = [row.moved for row in members if row.other_seeds]
            cells.append(f"{sum(again)} of {len(again)}")
        lines.append(f"| {name} | {len(members)} | {' | '.join(cells)} |")
    if redrawn:
        lines += ["", _again(rows)]
    return "\n".join(lines)


def _again(rows: list[Row]) -> str:
    """What another draw of everything did to the verdicts, in words."""
    again = [row for row in rows if row.other_seeds]
    moved = [row for row in again if row.moved]
    opposite = [row.id for row in moved if {row.verdict, *row.other_seeds} >= OPPOSITE]
    return (
        f"With other seeds {len(again)} claims were judged again: {len(moved)} got another "
        f"verdict, {', '.join(opposite) or 'none'} the opposite one."
    )


def page(rows: list[Row]) -> str:
    """The scorecard as a raw block for the page: overview, filters and rows."""
    body = (
        '<div class="strata-scorecard">'
        + _filters(rows)
        + _overview(rows)
        + '<div class="strata-rows" id="scorecard-rows">'
        + "".join(_row(row) for row in rows)
        + '</div></div>\n<script src="../_static/scorecard.js" defer></script>'
    )
    return f"```{{raw}} html\n{body}\n```"


def _overview(rows: list[Row]) -> str:
    """A cell a claim, coloured and marked by its verdict, that leads to its row."""
    found = counts(rows)
    studies = []
    for study in STUDIES:
        said = ", ".join(f"{found[study][v]} {v}" for v in VERDICTS if found[study][v])
        cells = "".join(
            f'<a href="#score-{row.id}" data-id="{row.id}" data-origin="{row.origin}" '
            f'title="{escape(row.statement)}" '
            f'data-verdict="{verdict_slug(row.verdict)}" aria-label="{row.id}: {row.verdict}">'
            f"{row.id}</a>"
            for row in rows
            if row.study == study
        )
        studies.append(
            f"<p><b>Study {study}</b>: {found[study].total()} claims, {said}</p>"
            f'<div class="strata-cells">{cells}</div>'
        )
    return f'<nav class="strata-overview" aria-label="All claims">{"".join(studies)}</nav>'


def _filters(rows: list[Row]) -> str:
    """The controls; hidden until the script is there to serve them."""
    present = [verdict for verdict in VERDICTS if any(row.verdict == verdict for row in rows)]
    selects = {
        "study": {study: f"study {study}" for study in STUDIES},
        "verdict": {verdict_slug(verdict): verdict for verdict in present},
        "origin": {"study": "of the studies", "ours": "ours: controls and checks"},
    }
    fields = "".join(
        f'<label>{name} <select name="{name}"><option value="">all</option>'
        + "".join(f'<option value="{key}">{text}</option>' for key, text in options.items())
        + "</select></label>"
        for name, options in selects.items()
    )
    return (
        '<form class="strata-filters" role="search" aria-label="Claims" autocomplete="off" hidden>'
        f"{fields}"
        '<label>text <input type="search" name="text" autocomplete="off"></label>'
        '<button type="reset">Show all</button>'
        f'<output aria-live="polite">{len(rows)} of {len(rows)} claims</output>'
        '<a href="#scorecard-rows">to the rows</a></form>'
    )


def _row(row: Row) -> str:
    key = _deciding(row)
    measured = f'<span class="strata-key">{_value(key)}</span>' if key else ""
    if row.reason:
        measured = f'<span class="strata-key">{escape(row.reason)}</span>'
    if row.moved:
        others = ", ".join(dict.fromkeys(row.other_seeds))
        measured += f'<span class="strata-key">With other seeds: {others}.</span>'
    return (
        f'<details id="score-{row.id}" data-study="{row.study}" data-origin="{row.origin}" '
        f'data-verdict="{verdict_slug(row.verdict)}"><summary><b>{row.id}</b>'
        f"<span>{escape(row.statement)}{measured}</span>"
        f'<span class="strata-verdict">{row.verdict}</span></summary>{_inside(row)}</details>'
    )


def _inside(row: Row) -> str:
    facts = {"claim": _ORIGINS[row.origin], "where": row.where}
    if row.reason:
        facts["not tested"] = row.reason
    if row.control:
        facts["control"] = row.control
    if row.profile:
        facts["profile"] = row.profile
    if row.other_seeds:
        facts["verdict with other seeds"] = ", ".join(row.other_seeds)
    methods = "; ".join(dict.fromkeys(part.method for part in row.parts if part.method))
    if methods:
        facts["intervals"] = methods
    items = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    links = []
    if row.notebook and row.profile:
        links.append(f'<a href="../{row.card}">card in “{escape(row.chapter or "")}”</a>')
    if row.drawing:
        links.append(f'<a href="../{row.drawing}">figure</a>')
    table = ""
    if row.parts:
        table = (
            f'<div class="strata-parts" tabindex="0" role="group" aria-label="parts of {row.id}">'
            "<table><thead><tr><th>statistic</th><th>value</th><th>interval</th><th>n</th>"
            "<th>criterion</th><th>part</th></tr></thead><tbody>"
            + "".join(_part(part) for part in row.parts)
            + "</tbody></table></div>"
        )
    return f"<dl>{items}</dl>{table}<p>{', '.join(links)}</p>" if links else f"<dl>{items}</dl>"


def _part(part: Statistic) -> str:
    if part.value is None:
        numbers = "<td></td><td></td><td></td>"
    else:
        numbers = (
            f"<td>{part.value:.3g}</td><td>{part.low:.3g} to {part.high:.3g}</td><td>{part.n}</td>"
        )
    return (
        f"<tr><td>{escape(part.statistic)}</td>{numbers}"
        f"<td>{escape(part.criterion)}</td><td>{part.verdict}</td></tr>"
    )


def _deciding(row: Row) -> Statistic | None:
    """The first part that has the verdict of the claim, so that it explains it."""
    return next((p for p in row.parts if p.verdict == row.verdict and p.value is not None), None)


def _value(part: Statistic) -> str:
    return (
        f"{escape(part.statistic)}: {part.value:.3g} ({part.low:.3g} to {part.high:.3g}), "
        f"n = {part.n}; asked for: {escape(part.criterion)}"
    )

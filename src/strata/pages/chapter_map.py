"""The map of the chapters: one column, drawn from what they say that they build on."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from strata.book.chapters import Chapter, reading_order

WIDTH = 360
"""As wide as a telephone, so that the words are readable there without zooming."""
_EDGE, _GAP, _ROW_GAP, _HEADING = 2, 8, 26, 34
_WIDEST = 240
_NAME_LINE, _CONCEPT_LINE, _PADDING = 15, 13, 10
_NAME_LETTER, _CONCEPT_LETTER = 8.2, 5.8
_CONCEPTS = 3

STUDIES = {
    "A": "Study A: simple and complex features",
    "B": "Study B: feature components",
    "C": "Study C: depth and rank",
    "D": "Study D: what a layer still knows",
}


@dataclass(frozen=True)
class _Box:
    chapter: Chapter
    x: float
    y: float
    width: float
    height: float
    name: list[str]
    concepts: list[str]

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def chapter_map(found: Mapping[str, Chapter]) -> str:
    """The map as an SVG figure whose boxes are links.

    Only direct steps are drawn: an arrow that two others make up is left out.
    """
    top, parts = 0.0, []
    for study, heading in STUDIES.items():
        members = {c.name: c for c in found.values() if c.study == study}
        if members:
            parts.append(f'<text x="{WIDTH / 2}" y="{top + 22:.0f}" class="study">{heading}</text>')
            boxes = _place(members, top + _HEADING)
            parts += [_arrow(boxes[a], boxes[b]) for a, b in _steps(found) if {a, b} <= set(boxes)]
            parts += [_drawn(box) for box in boxes.values()]
            top = max(box.y + box.height for box in boxes.values()) + 14
    said = "; ".join(
        f"{c.title}: builds on {', '.join(found[n].title for n in c.requires if n in found)}"
        if c.requires
        else f"{c.title}: a beginning"
        for c in found.values()
    )
    return (
        '<figure class="strata-chapters">\n'
        f'<svg viewBox="0 0 {WIDTH} {top:.0f}" role="group" '
        'aria-labelledby="chapters-title chapters-text">\n'
        '<title id="chapters-title">What builds on what</title>\n'
        f'<desc id="chapters-text">{escape(said)}.</desc>\n'
        '<defs><marker id="chapters-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" '
        'markerHeight="6" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="currentColor"/>'
        "</marker></defs>\n" + "\n".join(parts) + "\n</svg>\n"
        "<figcaption>An arrow leads from a chapter to one that builds on it. In small letters: "
        "what the chapter teaches first.</figcaption>\n</figure>"
    )


def _steps(found: Mapping[str, Chapter]) -> list[tuple[str, str]]:
    """Pairs of a chapter and one that builds on it directly and not through a third."""
    above: dict[str, set[str]] = {}
    for name in reading_order(found):
        needs = found[name].requires if name in found else ()
        above[name] = set(needs).union(*(above[need] for need in needs))
    return [
        (need, chapter.name)
        for chapter in found.values()
        for need in chapter.requires
        if not any(need in above[other] for other in chapter.requires)
    ]


def _place(members: Mapping[str, Chapter], top: float) -> dict[str, _Box]:
    """Boxes in rows: a chapter stands one row below the lowest that it builds on."""
    rows: dict[str, int] = {}
    for name in reading_order(members):
        if name in members:
            needs = [rows[need] for need in members[name].requires if need in rows]
            rows[name] = max(needs, default=-1) + 1
    boxes = {}
    for row in range(max(rows.values()) + 1):
        names = [name for name in members if rows[name] == row]
        room = WIDTH - 2 * _EDGE - _GAP * (len(names) - 1)
        width = min(_WIDEST, room / len(names))
        left = (WIDTH - width * len(names) - _GAP * (len(names) - 1)) / 2
        drawn = [
            _box(members[name], left + k * (width + _GAP), top, width)
            for k, name in enumerate(names)
        ]
        height = max(box.height for box in drawn)
        for box in drawn:
            boxes[box.chapter.name] = _Box(**{**vars(box), "height": height})
        top += height + _ROW_GAP
    return boxes


def _box(chapter: Chapter, x: float, y: float, width: float) -> _Box:
    inner = width - _PADDING
    name = textwrap.wrap(chapter.title, int(inner / _NAME_LETTER))
    words = ", ".join(chapter.concepts[:_CONCEPTS])
    concepts = textwrap.wrap(words, int(inner / _CONCEPT_LETTER))
    height = len(name) * _NAME_LINE + len(concepts) * _CONCEPT_LINE + 2 * _PADDING
    return _Box(chapter, x, y, width, height, name, concepts)


def _arrow(above: _Box, below: _Box) -> str:
    start, end = above.y + above.height, below.y - 2
    half = (start + end) / 2
    return (
        f'<path class="way" d="M{above.middle:.0f} {start:.0f} C{above.middle:.0f} {half:.0f} '
        f'{below.middle:.0f} {half:.0f} {below.middle:.0f} {end:.0f}" '
        'marker-end="url(#chapters-tip)"/>'
    )


def _drawn(box: _Box) -> str:
    y, lines = box.y + _PADDING, []
    for words, step, kind in (
        (box.name, _NAME_LINE, "name"),
        (box.concepts, _CONCEPT_LINE, "what"),
    ):
        for line in words:
            y += step
            lines.append(
                f'<text x="{box.middle:.1f}" y="{y - 3:.0f}" class="{kind}">{escape(line)}</text>'
            )
    return (
        f'<a href="../notebooks/{box.chapter.name}.html">'
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="5"/>{"".join(lines)}</a>'
    )

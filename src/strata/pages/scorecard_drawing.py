"""The scorecard as one drawing that stands alone, for slides and front pages."""

from __future__ import annotations

from html import escape

from strata.pages.scorecard import STUDIES, VERDICTS, Row, counts

_INKS = {
    "reproduced": ("#1b6ca8", "#ffffff", "✓"),
    "not reproduced": ("#a8460f", "#ffffff", "✗"),
    "inconclusive": ("#f0e442", "#222222", "?"),
}
_PLAIN = ("#e3e6e9", "#222222", "–")
_WIDTH, _HEIGHT = 58, 26
_LEFT, _TOP = 90, 32
_SQUARE, _ROUND = 3, 11


def drawing(rows: list[Row], columns: int = 15) -> str:
    """An SVG with a cell a claim, coloured and marked by its verdict, and a legend with counts."""
    body: list[str] = []
    y = _TOP
    for study in STUDIES:
        mine = [row for row in rows if row.study == study]
        body.append(_text(8, y + 16, f"Study {study}", "start"))
        for number, row in enumerate(mine):
            x, down = _LEFT + number % columns * _WIDTH, number // columns * _HEIGHT
            corner = _ROUND if row.origin == "ours" else _SQUARE
            body.append(_cell(x, y + down, _WIDTH, row.verdict, row.id, corner))
        y += -(-max(len(mine), 1) // columns) * _HEIGHT + 12
    x = _LEFT
    for verdict in VERDICTS:
        if number := sum(row.verdict == verdict for row in rows):
            wide = 60 + 8 * len(verdict)
            body.append(_cell(x, y, wide, verdict, f"{number} {verdict}", _SQUARE))
            x += wide
    note = _text(_LEFT, 20, "A cell a claim; round ones are controls and checks of ours.", "start")
    said = "; ".join(
        f"study {study}: " + ", ".join(f"{n} {verdict}" for verdict, n in found.items())
        for study, found in counts(rows).items()
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" font-family="system-ui, sans-serif" '
        f'font-size="13" viewBox="0 0 {_LEFT + columns * _WIDTH + 8} {y + _HEIGHT + 8}">'
        f"<title>Verdicts of all claims</title><desc>{escape(said)}</desc>"
        f'<rect width="100%" height="100%" fill="#ffffff"/>{note}{"".join(body)}</svg>\n'
    )


def _cell(x: int, y: int, width: int, verdict: str, words: str, corner: int) -> str:
    fill, ink, mark = _INKS.get(verdict, _PLAIN)
    return (
        f'<rect x="{x}" y="{y}" width="{width - 3}" height="{_HEIGHT - 3}" rx="{corner}" '
        f'fill="{fill}"/>' + _text(x + (width - 3) / 2, y + 16, f"{words} {mark}", "middle", ink)
    )


def _text(x: float, y: int, words: str, anchor: str, ink: str = "#222222") -> str:
    return f'<text x="{x}" y="{y}" fill="{ink}" text-anchor="{anchor}">{escape(words)}</text>'

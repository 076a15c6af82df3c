"""Numbers in prose: each is a result, a published figure, a criterion, or a parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import yaml

_NOT_PROSE = re.compile(
    r"```.*?```|~~~.*?~~~"  # fences and directives
    r"|\$\$.*?\$\$|\$[^$\n]*\$"  # mathematics
    r"|\{[\w:+-]+\}`[^`]*`|`[^`]*`"  # roles and code
    r"|<!--.*?-->|<[^>]+>"  # comments and tags
    r"|\]\([^)]*\)|https?://\S+"  # targets of links
    r"|^%.*?$|^\|.*?\|$"
    r"|^---\n.*?^---\n",
    re.DOTALL | re.MULTILINE,
)
_NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?![\w])")


def prose_problems(root: Path) -> list[str]:
    """Numbers in pages and chapters that nothing backs.

    A number with a decimal point, or of three digits or more, must be in ``book/published.yml``,
    ``book/claims.yml`` or ``book/profiles.yml``; a measured one is written with ``{glue:text}``.
    Years from 1800 to 2099 are free, and so is everything inside mathematics, code and links.
    """
    backed = set(_backing(root))
    problems = []
    for place, text in _texts(root):
        for number in _numbers(text):
            if float(number.replace(",", "")) not in backed:
                problems.append(f"{place}: no result backs the number {number}")
    return problems


def _numbers(text: str) -> Iterator[str]:
    for match in _NUMBER.finditer(_NOT_PROSE.sub(" ", text)):
        number = match.group()
        plain = number.replace(",", "")
        year = plain.isdigit() and 1800 <= int(plain) <= 2099
        if ("." in plain or len(plain) >= 3) and not year:
            yield number


def _texts(root: Path) -> Iterator[tuple[str, str]]:
    for page in sorted((root / "book").glob("*.md")):
        yield page.name, page.read_text(encoding="utf-8")
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
            if cell.cell_type == "markdown":
                yield f"{path.name}, cell {number}", cell.source


def _backing(root: Path) -> Iterator[float]:
    for name in ("published.yml", "claims.yml", "profiles.yml"):
        text = (root / "book" / name).read_text(encoding="utf-8")
        yield from _leaves(yaml.safe_load(text))


def _leaves(node: Any) -> Iterator[float]:
    if isinstance(node, dict):
        for value in node.values():
            yield from _leaves(value)
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(value)
    elif isinstance(node, (int, float)):
        yield float(node)

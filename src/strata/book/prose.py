"""Numbers in prose: each is a result, a published figure, a criterion, or a parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from strata.book.profiles import NotebookError, read_notebook
from strata.yaml_files import read_yaml

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
    pages = sorted((root / "book").glob("*.md"))
    texts = [(page.name, page.read_text(encoding="utf-8")) for page in pages]
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        try:
            texts += _words_of(path)
        except NotebookError as error:
            problems.append(str(error))
    for place, text in texts:
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


def _words_of(path: Path) -> list[tuple[str, str]]:
    return [
        (f"{path.name}, cell {number}", cell.source)
        for number, cell in enumerate(read_notebook(path).cells)
        if cell.cell_type == "markdown"
    ]


def _backing(root: Path) -> Iterator[float]:
    for name in ("published.yml", "claims.yml", "profiles.yml"):
        yield from _leaves(read_yaml(root / "book" / name))


def _leaves(node: Any) -> Iterator[float]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name != "seconds":  # what a run takes is no statement about networks
                yield from _leaves(value)
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(value)
    elif isinstance(node, (int, float)):
        yield float(node)

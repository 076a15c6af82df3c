"""MyST to plain Markdown, for readers in Jupyter, which knows no roles and no directives."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_ADMONITION = re.compile(
    r"^(:::|```)\{admonition\} (?P<title>.+)\n(?::class: .+\n)?(?P<body>(?:.*\n)*?)\1$",
    re.MULTILINE,
)
_EQUATION = re.compile(r"\$\$\n(?P<formula>(?:.*\n)*?)\$\$ \((?P<label>[\w-]+)\)")
_LABEL = re.compile(r"^\([\w-]+\)=\n", re.MULTILINE)
_ROLE = re.compile(r"\{(?P<role>[\w:]+)\}`(?P<text>[^`]+)`")
_ELSEWHERE = re.compile(r"\[(?P<text>[^\]]+)\]\((?:#|\.\./book/)[^)]*\)")
_TARGET = re.compile(r"\s*<[^>]+>$")

MEASURED = "…"
"""In the place of a number that only a run can give."""


def plain(text: str, figures: Mapping[str, int]) -> str:
    r"""Plain Markdown of a cell.

    Parameters
    ----------
    text : str
        MyST, as it stands in the chapters.
    figures : mapping
        Number of each figure of the notebook, by its label.

    Returns
    -------
    str
        Admonitions are quotes, equations carry a tag, terms and citations are words, figures have
        their number, and `MEASURED` stands for each number that the notebook glues in.

    Examples
    --------
    >>> plain("The {term}`rank <soft rank>` in {numref}`fig-a` is {glue:text}`top`.", {"fig-a": 2})
    'The rank in figure 2 is ….'
    >>> plain(":::{admonition} Predict\n:class: tip\nUp or down?\n:::", {})
    '> **Predict**\n>\n> Up or down?'
    """

    def role(match: re.Match[str]) -> str:
        write = _ROLES.get(match["role"])
        if match["role"] == "numref":
            return f"figure {figures[match['text']]}" if match["text"] in figures else "a figure"
        return write(match["text"]) if write else match["text"]

    text = _LABEL.sub("", text)
    text = _EQUATION.sub(lambda m: f"$$\n{m['formula']}\\tag{{{m['label']}}}\n$$", text)
    text = _ADMONITION.sub(_quote, text)
    return _ELSEWHERE.sub(lambda m: m["text"], _ROLE.sub(role, text))


def _quote(match: re.Match[str]) -> str:
    lines = [f"**{match['title']}**", "", *match["body"].strip().splitlines()]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _cited(keys: str) -> str:
    return ", ".join(
        re.sub(r"(\d{4})$", r" \1", key.strip()).capitalize() for key in keys.split(",")
    )


_ROLES: dict[str, Callable[[str], str]] = {
    "term": lambda text: _TARGET.sub("", text),
    "cite:p": lambda keys: f"({_cited(keys)})",
    "cite:t": _cited,
    "eq": lambda label: f"({label})",
    "glue:text": lambda name: MEASURED,
}

"""A Sphinx extension: what each page says of itself to search engines and in link previews."""

from __future__ import annotations

import html
import textwrap
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

from strata.pages.site import load_site

BOOK = "A page of an executable replication book on how deep vision networks build features."
"""Describes a page that does not begin with a paragraph."""
LONGEST = 200
"""Letters of a description; previews cut what is longer."""
PREVIEW = "_static/social.png"
"""The picture of a link preview; drawn by ``make pictures``."""
APART = (nodes.Admonition, nodes.footnote, nodes.citation, nodes.table, nodes.definition)
"""Paragraphs within these do not introduce a page."""


def describe(page: nodes.document) -> str:
    """The first paragraph of a page that is a sentence, cut at a word."""
    for paragraph in page.findall(nodes.paragraph):
        parent: Any = paragraph.parent
        while parent is not None and not isinstance(parent, APART):
            parent = parent.parent
        text = " ".join(paragraph.astext().split())
        if parent is None and " " in text:
            return textwrap.shorten(text, LONGEST, placeholder="…")
    return BOOK


def tags(title: str, description: str, book: str, address: str, page: str) -> str:
    """The tags of a page as HTML; previews load a picture by its whole address only."""
    found = {
        "og:type": "article",
        "og:site_name": book,
        "og:title": title,
        "og:description": description,
    }
    if address:
        found |= {
            "og:url": address + page,
            "og:image": address + PREVIEW,
            "og:image:width": "1200",
            "og:image:height": "630",
            "og:image:alt": f"{book}: its name beside four drawn layers",
            "twitter:card": "summary_large_image",
        }
    lines = [f'<meta name="description" content="{html.escape(description)}">']
    lines += [f'<meta property="{name}" content="{html.escape(v)}">' for name, v in found.items()]
    return "\n".join(lines)


def _add(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if template != "page.html" or doctree is None:
        return
    book = app.config.html_title
    title = next((found.astext() for found in doctree.findall(nodes.title)), book)
    found = tags(title, describe(doctree), book, app.config.html_baseurl, f"{page}.html")
    context["metatags"] = f"{context.get('metatags', '')}\n{found}"


def _address(app: Sphinx, config: Config) -> None:
    config.html_baseurl = load_site(Path(app.confdir)).address


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("config-inited", _address)
    app.connect("html-page-context", _add)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

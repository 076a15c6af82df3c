"""Where the book lives on the web, and what only a book with an address has."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

from pydantic import BaseModel, ConfigDict, Field

from strata.book.settings import named
from strata.yaml_files import read_yaml

SETTING = Path("book") / "site.yml"
NOT_PAGES = ("404.html", "genindex.html", "search.html", "_modules/", "_static/")
"""Pages that no search engine need know."""


class Site(BaseModel):
    """The one setting of addresses: ``book/site.yml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: str = Field(default="", pattern=r"^$|^[\w.-]+/[\w.-]+$")
    branch: str = Field(default="main", pattern=r"^[\w./-]+$")
    address: str = Field(default="", pattern=r"^$|^https?://[^\s?#]+/$")

    @property
    def path(self) -> str:
        """Path of the address on its host: all that a page of unknown depth can link with."""
        return urlsplit(self.address).path or "/"

    def sitemap(self, pages: Iterable[str]) -> str:
        """The sitemap of these pages, given as paths below the address."""
        urls = "".join(
            f"<url><loc>{escape(self.address + quote(page))}</loc></url>\n"
            for page in sorted(pages)
            if not page.startswith(NOT_PAGES)
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}</urlset>\n'
        )


def load_site(root: Path) -> Site:
    """Read the setting of a project or of its staging copy.

    Raises
    ------
    ValueError
        If a value is not of the form that the comments beside it say; names the file.
    """
    with named("site.yml"):
        return Site.model_validate(read_yaml(root / SETTING))


def address_pages(pages: Path, site: Site) -> None:
    """Let the page for lost readers link from any depth; with an address, add the sitemap."""
    lost = pages / "404.html"
    text = lost.read_text(encoding="utf-8")
    lost.write_text(text.replace('href="/', f'href="{site.path}'), encoding="utf-8")
    if site.address:
        names = (path.relative_to(pages).as_posix() for path in pages.rglob("*.html"))
        (pages / "sitemap.xml").write_text(site.sitemap(names), encoding="utf-8")
        robots = f"User-agent: *\nAllow: /\nSitemap: {site.address}sitemap.xml\n"
        (pages / "robots.txt").write_text(robots, encoding="utf-8")

"""Links of the built pages: every page and anchor exists, nothing is loaded from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

# Attributes that make a browser load something, by tag.
LOADS = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
OUTSIDE = {"http", "https", "mailto", "data", "javascript"}


class Links(HTMLParser):
    """Collects the anchors, the links and the loaded files of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: set[str] = set()
        self.loaded: set[str] = set()
        self.icons: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value for key, value in attrs if value}
        self.anchors.update(found[key] for key in ("id", "name") if key in found)
        if tag == "a" and "href" in found:
            self.targets.add(found["href"])
        if tag == "link" and "icon" in found.get("rel", "").split():
            self.icons.add(found["href"])
        if tag == "meta" and "refresh" in found.get("http-equiv", "").lower():
            self.targets.add(found["content"].partition("url=")[2])
        if (address := found.get(LOADS.get(tag, ""))) is not None:
            self.loaded.add(address)


def target_of(page: str, path: str) -> str:
    """The file that a page links; the address of the site is that of the folder."""
    return urljoin(page, path).lstrip("/")


@pytest.fixture(scope="session")
def links(built_pages: Path, page_names: list[str]) -> dict[str, Links]:
    """The links of every page."""
    return {name: Links((built_pages / name).read_text(encoding="utf-8")) for name in page_names}


def test_nothing_is_loaded_from_another_host(links: dict[str, Links]) -> None:
    foreign = [
        f"{name}: {address}"
        for name, page in links.items()
        for address in page.loaded
        if urlsplit(address).netloc
    ]
    assert not foreign, "\n".join(foreign)


def test_every_page_names_its_icon(built_pages: Path, links: dict[str, Links]) -> None:
    # A browser asks for /favicon.ico where a page names none, and logs that it is not there.
    icons = {name: [target_of(name, icon) for icon in page.icons] for name, page in links.items()}
    without = [name for name, found in icons.items() if not found]
    assert not without, "\n".join(without)
    files = {path for found in icons.values() for path in found if urlsplit(path).scheme != "data"}
    assert files
    assert all((built_pages / path).is_file() for path in files)


def test_links_and_anchors_resolve(built_pages: Path, links: dict[str, Links]) -> None:
    dangling = []
    for name, page in links.items():
        for target in page.targets | page.loaded:
            parts = urlsplit(target)
            if parts.scheme in OUTSIDE:
                continue
            path = unquote(target_of(name, parts.path)) if parts.path else name
            anchor = unquote(parts.fragment)
            known = links[path].anchors if path in links else {anchor}
            if not (built_pages / path).is_file() or (anchor and anchor not in known):
                dangling.append(f"{name}: {target}")
    assert not dangling, "\n".join(dangling)


def test_every_page_can_be_reached_from_the_first(links: dict[str, Links]) -> None:
    reached, todo = set(), ["index.html"]
    while todo:
        name = todo.pop()
        if name in reached or name not in links:
            continue
        reached.add(name)
        paths = (urlsplit(target).path for target in links[name].targets)
        todo += [target_of(name, path) for path in paths if path]
    # The search field leads to the first; Sphinx makes the second, the theme has no link to it; the
    # third answers an address that does not exist.
    apart = {"search.html", "_modules/index.html", "404.html"}
    lost = sorted(set(links) - reached - apart)
    assert not lost, "\n".join(lost)

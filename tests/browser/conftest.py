"""Fixtures of the browser tests: the built pages, a server for them, and Chromium."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

# The helpers are scripts too; pytest's importlib mode does not put their folder on the path.
sys.path.insert(0, str(Path(__file__).parent))

from chromium import find
from offline import launch, serve


@pytest.fixture(scope="session")
def built_pages(request: pytest.FixtureRequest) -> Path:
    """Folder of built pages: ``STRATA_TEST_HTML`` if set, else a build of the smoke profile."""
    given = os.environ.get("STRATA_TEST_HTML")
    return Path(given).resolve() if given else request.getfixturevalue("smoke_html")


@pytest.fixture(scope="session")
def page_names(built_pages: Path) -> list[str]:
    """Every HTML page that was built, as a path below the folder."""
    names = (path.relative_to(built_pages) for path in built_pages.rglob("*.html"))
    pages = sorted(name.as_posix() for name in names if name.parts[0] != "_static")
    assert pages, f"no pages in {built_pages}"
    return pages


@pytest.fixture(scope="session")
def site(built_pages: Path) -> Iterator[str]:
    """Address under which the pages are served."""
    with serve(built_pages) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; without one the pages are not looked at, which CI does not accept."""
    chromium = find()
    if chromium is None:
        message = "no Chromium, so the pages were not looked at"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright, launch(playwright, chromium) as browser:
        yield browser

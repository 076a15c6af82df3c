"""A browser that reaches nothing but a local server of the built pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request, Response

from strata.pages.chromium import OFFLINE, SETTLED
from strata.pages.serve import serve as serve

# The theme keeps the reader's choice here.
CHOOSE_THEME = "for (const key of ['mode', 'theme']) localStorage.setItem(key, '{theme}');"


def launch(playwright: Playwright, chromium: str) -> Browser:
    """Start Chromium. Playwright leaves its sandbox out by default, as root needs it."""
    return playwright.chromium.launch(executable_path=chromium, args=list(OFFLINE))


@contextmanager
def open_page(
    browser: Browser, site: str, *, theme: str | None = None, width: int = 1400, **context: Any
) -> Iterator[tuple[Page, list[str]]]:
    """Yield a page and the list of what went wrong on it: requests, console, scripts.

    ``theme`` None leaves the choice to the page. Requests to any other host fail and are listed.
    """
    troubles: list[str] = []
    tab = browser.new_context(viewport={"width": width, "height": 900}, **context)
    try:
        foreign = re.compile(rf"^(?!{re.escape(site)}|data:|blob:)")
        tab.on("request", lambda r: foreign.match(r.url) and troubles.append(_foreign(r)))
        if theme is not None:
            tab.add_init_script(CHOOSE_THEME.format(theme=theme))
        page = tab.new_page()
        page.on("pageerror", lambda error: troubles.append(f"script error: {error}"))
        page.on("console", lambda m: m.type == "error" and troubles.append(_said(m)))
        page.on("requestfailed", lambda r: troubles.append(f"request failed: {r.url}"))
        page.on("response", lambda r: _good(r) or troubles.append(f"status {r.status}: {r.url}"))
        yield page, troubles
    finally:
        tab.close()


def settle(page: Page, address: str) -> None:
    """Go to an address and wait until its formulas and fonts are there.

    The book's ``index.html`` only sends on to the first page.
    """
    page.goto(address, wait_until="load")
    page.wait_for_function("!document.querySelector('meta[http-equiv=Refresh]')")
    page.wait_for_load_state("load")
    page.evaluate(SETTLED)


def _foreign(request: Request) -> str:
    return f"foreign request: {request.url}"


def _said(message: ConsoleMessage) -> str:
    """Words of the console and where they come from: of a failed request its own address."""
    return f"console: {message.text} ({message.location['url'] or 'no address'})"


def _good(response: Response) -> bool:
    return response.ok or response.status == HTTPStatus.NOT_MODIFIED

"""What the look at a page must find: one page with each fault, and one without any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from offline import open_page, serve, settle
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

MEASURE = (Path(__file__).parent / "measure.js").read_text(encoding="utf-8")
DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
SOUND = f"""<p>Text that can be read, <code>code</code>.</p><img src="{DOT}" alt="a dot">
<div style="overflow-x: auto"><div style="width: 3000px">scrolls in its own box</div></div>
<p class="math"><mjx-container>set</mjx-container></p>"""
FOREIGN = ("cdn.example", "192.0.2.1")
FAULTS = {
    "badFormulas": r'<p class="math">\(x\)</p>',
    "badImages": f'<img src="{DOT}">',
    "untitledDrawings": '<svg role="img" width="20" height="20"></svg>',
    "overflow": '<div style="width: 3000px">wide</div>',
    "cut": '<div style="overflow: hidden"><p style="width: 3000px">cut off</p></div>',
    "faint": '<p style="color: #999">faint</p>',
    "small": '<p style="font-size: 8px">small</p>',
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One page a fault."""
    folder = tmp_path_factory.mktemp("faults")
    for name, fault in {**FAULTS, "none": "", "index": ""}.items():
        page = f"<!doctype html><html><body><main><article>{SOUND}{fault}</article></main></body>"
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    for host in FOREIGN:
        (folder / f"{host}.html").write_text(f'<script src="http://{host}/x.js"></script>')
    (folder / "broken.html").write_text('<script>console.error("oh"); nowhere()</script>')
    (folder / "lacking.html").write_text('<img src="not-there.png">')
    return folder


@pytest.fixture(scope="module")
def faulty(folder: Path) -> Iterator[str]:
    with serve(folder) as address:
        yield address


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(browser: Browser, faulty: str, fault: str) -> None:
    with open_page(browser, faulty, width=400) as (page, _):
        settle(page, f"{faulty}{fault}.html")
        assert page.evaluate(MEASURE)[fault]


def test_a_sound_page_has_none(browser: Browser, faulty: str) -> None:
    with open_page(browser, faulty, width=400) as (page, _):
        settle(page, f"{faulty}none.html")
        assert {key: page.evaluate(MEASURE)[key] for key in FAULTS} == {key: [] for key in FAULTS}


@pytest.mark.parametrize("host", FOREIGN)
def test_another_host_is_not_reached_and_noted(browser: Browser, faulty: str, host: str) -> None:
    with open_page(browser, faulty) as (page, troubles):
        settle(page, f"{faulty}{host}.html")
        assert f"foreign request: http://{host}/x.js" in troubles
        assert f"request failed: http://{host}/x.js" in troubles


def test_not_even_a_server_that_answers_is_reached(browser: Browser, faulty: str) -> None:
    with open_page(browser, faulty) as (page, troubles):
        settle(page, f"{faulty}none.html")
        ask = "url => fetch(url, {mode: 'no-cors'}).then(() => 'reached', () => 'failed')"
        assert page.evaluate(ask, faulty) == "reached"
        other = faulty.replace("127.0.0.1", "localhost")
        assert page.evaluate(ask, other) == "failed"
        assert f"foreign request: {other}" in troubles


def test_errors_of_scripts_are_noted(browser: Browser, faulty: str) -> None:
    with open_page(browser, faulty) as (page, troubles):
        settle(page, f"{faulty}broken.html")
        assert f"console: oh ({faulty}broken.html)" in troubles
        assert any("nowhere" in trouble for trouble in troubles)


def test_what_is_not_there_is_noted_with_its_address(browser: Browser, faulty: str) -> None:
    with open_page(browser, faulty) as (page, troubles):
        settle(page, f"{faulty}lacking.html")
        address = f"{faulty}not-there.png"
        assert f"status 404: {address}" in troubles
        (said,) = (trouble for trouble in troubles if trouble.startswith("console: "))
        assert said.endswith(f"({address})")

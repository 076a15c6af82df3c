"""Built pages in headless Chromium with the network cut: set, shown, readable, searchable.

Every page is looked at, but of those of source code, which come from one template, only a sample
that shows whatever any of them shows. `test_links.py` reads all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from offline import open_page, settle
from playwright.sync_api import Browser, expect
from sampling import sample

pytestmark = pytest.mark.browser

THEMES = ("light", "dark")
# In this order each look at a page, the first included, changes one thing at most.
LOOKS = (("light", 1400), ("light", 400), ("dark", 400), ("dark", 1400))
MEASURE = (Path(__file__).parent / "measure.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Look:
    """One look at one page."""

    page: str
    theme: str
    width: int
    seen: dict[str, Any]
    troubles: list[str]

    def __str__(self) -> str:
        return f"{self.page} ({self.theme}, {self.width} px)"


@pytest.fixture(scope="session")
def to_look_at(built_pages: Path, page_names: list[str]) -> list[str]:
    """Every page but the first, which only sends on, and of source code a sample."""
    source = {name for name in page_names if name.startswith("_modules/")}
    few = sample({name: (built_pages / name).read_text(encoding="utf-8") for name in source})
    return sorted({*page_names} - {"index.html"} - source | {*few})


@pytest.fixture(scope="session")
def looks(browser: Browser, site: str, to_look_at: list[str]) -> list[Look]:
    """The pages to look at, in both themes and at both widths."""
    taken = []
    with open_page(browser, site, theme=THEMES[0], reduced_motion="reduce") as (page, troubles):
        for name in to_look_at:
            troubles.clear()
            settle(page, site + name)
            for theme, width in LOOKS:
                page.set_viewport_size({"width": width, "height": 900})
                page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
                page.emulate_media(color_scheme=theme)  # 404.html takes the system's
                seen = page.evaluate(MEASURE)
                taken.append(Look(name, theme, width, seen, list(troubles)))
    return taken


def must_be_free_of(looks: list[Look], *keys: str) -> None:
    """Fail with all findings under these keys, each with the page it was found on."""
    faults = [f"{look}: {fault}" for look in looks for key in keys for fault in look.seen[key]]
    assert not faults, "\n".join(faults)


def test_the_book_has_pages_with_formulas_and_figures(looks: list[Look]) -> None:
    assert any(look.seen["formulas"] for look in looks)
    assert any(look.seen["images"] > 1 for look in looks if look.page.startswith("notebooks/")), (
        "no notebook page shows a figure"
    )


def test_nothing_fails_and_nothing_asks_for_the_network(looks: list[Look]) -> None:
    troubles = [f"{look}: {trouble}" for look in looks for trouble in look.troubles]
    assert not troubles, "\n".join(troubles)


def test_formulas_are_typeset(looks: list[Look]) -> None:
    must_be_free_of(looks, "badFormulas")


def test_images_are_shown_and_described(looks: list[Look]) -> None:
    must_be_free_of(looks, "badImages", "untitledDrawings")


def test_no_page_scrolls_sideways_or_cuts_text_off(looks: list[Look]) -> None:
    must_be_free_of(looks, "overflow", "cut")


def test_text_is_there_and_large_enough(looks: list[Look]) -> None:
    assert [str(look) for look in looks if look.seen["words"] < 5] == []
    assert [str(look) for look in looks if look.seen["bodySize"] < 13] == []
    must_be_free_of(looks, "small")


def test_text_stands_out_from_its_ground(looks: list[Look]) -> None:
    grounds = {theme: {k.seen["ground"] for k in looks if k.theme == theme} for theme in THEMES}
    assert all(grounds.values())
    assert grounds["light"].isdisjoint(grounds["dark"])
    must_be_free_of(looks, "faint")


@pytest.mark.parametrize("theme", THEMES)
def test_the_reader_can_choose_the_theme(browser: Browser, site: str, theme: str) -> None:
    other = THEMES[1 - THEMES.index(theme)]
    with open_page(browser, site, theme=theme, color_scheme=other) as (page, _):
        settle(page, site + "index.html")
        assert page.evaluate("document.documentElement.dataset.theme") == theme


@pytest.mark.parametrize("theme", THEMES)
def test_without_a_choice_the_page_follows_the_system(
    browser: Browser, site: str, theme: str
) -> None:
    with open_page(browser, site, color_scheme=theme) as (page, troubles):
        settle(page, site + "index.html")
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        assert troubles == []


def test_search_finds_a_measure_and_leads_to_it(browser: Browser, site: str) -> None:
    with open_page(browser, site, theme="light") as (page, troubles):
        settle(page, site + "search.html?q=soft+rank")
        hits = page.locator("#search-results ul.search li")
        expect(hits.first).to_be_visible()
        # The search fetches every hit for its summary; to leave earlier would break that off.
        page.wait_for_load_state("networkidle")
        hits.first.locator("a").first.click()
        expect(page.locator("main article")).to_contain_text("oft rank")
        assert troubles == []


def test_search_finds_nothing_where_there_is_nothing(browser: Browser, site: str) -> None:
    with open_page(browser, site, theme="light") as (page, troubles):
        settle(page, site + "search.html?q=qzxwvkjqzx")
        expect(page.locator("#search-results")).to_contain_text("did not match")
        assert page.locator("#search-results ul.search li").count() == 0
        assert troubles == []


def test_the_search_field_leads_to_the_results(browser: Browser, site: str) -> None:
    with open_page(browser, site, theme="light") as (page, troubles):
        settle(page, site + "index.html")
        page.wait_for_load_state("networkidle")  # to leave earlier would break the icon off
        page.keyboard.press("Control+k")
        page.keyboard.type("tunnel")
        page.keyboard.press("Enter")
        expect(page.locator("#search-results ul.search li").first).to_be_visible()
        assert troubles == []

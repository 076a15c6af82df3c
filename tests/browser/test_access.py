"""What stands between a page and a reader with other eyes or without a mouse.

axe reads the pages in both themes; keys alone must lead to everything that can be used.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from offline import open_page, serve, settle
from playwright.sync_api import Browser, Page
from sampling import Shown, cover

pytestmark = pytest.mark.browser

SERIOUS = {"serious", "critical"}
GENERATED = ("_modules/", "book/api/", "genindex.html")
"""Pages from a template: of these those that show kinds of element that no other page shows."""
ONE_OF_EACH = (Path(__file__).parent / "one_of_each.js").read_text(encoding="utf-8")
# axe looks at every text for its contrast, which takes most of the time; colours repeat.
CONTRAST = """axe.configure({
  rules: [{ id: "color-contrast", selector: "[data-look]", matches: "color-contrast-matches" }],
})"""
OF_COLOUR = ("color-contrast", "link-in-text-block")


def violations(page: Page, **options: Any) -> list[str]:
    """The serious and critical violations of a page, each with what it is about."""
    page.evaluate(ONE_OF_EACH)
    page.evaluate(AXE.axe_script)
    page.evaluate(CONTRAST)
    found: list[dict[str, Any]] = page.evaluate(
        "options => axe.run(document, options).then((found) => found.violations)",
        {"resultTypes": ["violations"], **options},
    )
    return [
        f"{one['id']}: {node['html'][:160]}"
        for one in found
        for node in one["nodes"]
        if one["impact"] in SERIOUS
    ]


AXE = Axe()
FAULTS = {
    "image-alt": '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">',
    "link-name": '<a href="#x"><i></i></a>',
    "color-contrast": '<p>dark enough</p><p style="color: #aaa">faint</p>',
    "summary-name": "<details><summary><i></i></summary>folded</details>",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(browser: Browser, tmp_path: Path, fault: str) -> None:
    page_of = '<!doctype html><html lang="en"><title>t</title><main><h1>Title</h1>{}</main></html>'
    (tmp_path / "index.html").write_text(page_of.format(FAULTS[fault]))
    (tmp_path / "sound.html").write_text(page_of.format("<p>Nothing to see.</p>"))
    with serve(tmp_path) as site, open_page(browser, site) as (page, _):
        settle(page, f"{site}index.html")
        (found,) = violations(page)
        assert found.startswith(f"{fault}: ")
        settle(page, f"{site}sound.html")
        assert violations(page) == []


@pytest.fixture(scope="module")
def shown(built_pages: Path, page_names: list[str]) -> dict[str, Shown]:
    """What each page shows; the first only sends on."""
    names = [name for name in page_names if name != "index.html"]
    shown = {name: Shown((built_pages / name).read_text(encoding="utf-8")) for name in names}
    for page in shown.values():
        page.kinds = {(kind,) for _, kind in page.kinds}  # wherever it stands
    return shown


def test_axe_finds_nothing_serious(browser: Browser, site: str, shown: dict[str, Shown]) -> None:
    """On every page; colours in both themes on those that together show every kind of element.

    `test_pages.py` measures the contrast of every text in the body of every page.
    """
    generated = {name: page for name, page in shown.items() if name.startswith(GENERATED)}
    own = {*shown} - {*generated}
    known = set().union(*(shown[name].kinds for name in own))
    looked = sorted(own | cover(generated, known))
    coloured = cover({name: shown[name] for name in looked}, set())
    rules = {rule: {"enabled": False} for rule in OF_COLOUR}
    faults = []
    with open_page(browser, site, theme="light", reduced_motion="reduce") as (page, _):
        for name in looked:
            settle(page, site + name)
            found = violations(page, rules={} if name in coloured else rules)
            if name in coloured:
                page.evaluate("document.documentElement.dataset.theme = 'dark'")
                found += [f"dark: {fault}" for fault in violations(page, runOnly=list(OF_COLOUR))]
            faults += [f"{name}: {fault}" for fault in found]
    assert not faults, "\n".join(faults)


@pytest.fixture
def chapter(browser: Browser, site: str) -> Iterator[Page]:
    """The first chapter with folds, on a screen of a usual size."""
    with open_page(browser, site, theme="light", reduced_motion="reduce") as (page, _):
        settle(page, f"{site}notebooks/ntk-depth.html")
        yield page


FOCUSED = """() => {
  const e = document.activeElement;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(e);
  const ring = e.closest("svg")?.querySelector(".ring"); // of the dots of a feature map
  const drawn = ring && parseFloat(getComputedStyle(ring).strokeWidth) > 3;
  const outlined = outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
  const seen = drawn || outlined || boxShadow !== "none";
  const inside = e.closest("article") !== null;
  const text = e.textContent.trim().slice(0, 60);
  return { tag: e.tagName, text, seen, inside, wanted: e.dataset.wanted ?? null };
}"""


def test_the_first_tab_offers_to_skip_to_the_text(chapter: Page) -> None:
    chapter.keyboard.press("Tab")
    assert chapter.evaluate(FOCUSED)["text"] == "Skip to main content"
    chapter.keyboard.press("Enter")
    chapter.keyboard.press("Tab")
    assert chapter.evaluate("document.querySelector('main').contains(document.activeElement)")


@pytest.mark.parametrize(
    ("name", "start", "wanted"),
    [
        ("notebooks/ntk-depth.html", "article", "summary, .toggle-button, a.strata-chip"),
        (
            "book/scorecard.html",
            ".strata-filters",
            ".strata-filters :is(select, input, button), .strata-rows > :nth-child(-n+3) summary",
        ),
        (
            "notebooks/feature-complexity.html",
            "article",
            ".strata-map select, .strata-map [tabindex='0']",
        ),
    ],
)
def test_tab_leads_to_all_that_can_be_used_and_shows_where_it_is(
    browser: Browser, site: str, name: str, start: str, wanted: str
) -> None:
    with open_page(browser, site, theme="light", reduced_motion="reduce") as (page, _):
        settle(page, site + name)
        for number, element in enumerate(page.locator("article").locator(wanted).all()):
            element.evaluate("(e, number) => e.dataset.wanted = number", number)
        left = {f"{number}" for number in range(page.locator("article [data-wanted]").count())}
        assert len(left) >= 2
        page.locator(start).first.evaluate("e => { e.tabIndex = -1; e.focus(); }")
        hidden = []
        while left:
            page.keyboard.press("Tab")
            focus = page.evaluate(FOCUSED)
            assert focus["inside"], f"Tab never led to {len(left)} of them"
            left.discard(focus["wanted"])
            if not focus["seen"]:
                hidden.append(focus)
        assert hidden == []


def test_enter_opens_a_fold_of_code_and_a_solution(chapter: Page) -> None:
    fold = chapter.locator("article details summary").first
    fold.focus()
    chapter.keyboard.press("Enter")
    assert fold.evaluate("e => e.parentElement.open")
    solution = chapter.locator("article .admonition.dropdown").first
    button = solution.locator("button").first
    before = solution.inner_text()
    button.focus()
    chapter.keyboard.press("Enter")
    assert len(solution.inner_text()) > len(before)


def test_what_scrolls_in_its_own_box_is_reached_by_tab(browser: Browser, site: str) -> None:
    lost = """() => [...document.querySelectorAll("main article :is(table, pre, div.math)")]
      .filter((e) => e.scrollWidth > e.clientWidth + 1 && e.checkVisibility())
      .filter((e) => getComputedStyle(e).overflowX === "auto")
      .filter((e) => !e.closest("[tabindex='0']"))
      .map((e) => e.outerHTML.slice(0, 80))"""
    with open_page(browser, site, theme="light", width=400) as (page, _):
        settle(page, f"{site}notebooks/ntk-depth.html")
        assert page.locator("main article [tabindex='0']").count() > 0
        assert page.evaluate(lost) == []


def test_a_lost_reader_finds_the_book_from_any_depth(browser: Browser, site: str) -> None:
    with open_page(browser, site) as (page, _):
        page.goto(f"{site}no/such/page.html")
        page.get_by_role("link", name="first page").click()
        page.wait_for_load_state("load")
        assert page.url == f"{site}book/intro.html"

"""The filters of the scorecard under a reader's hands: choices, keys, addresses, and no script."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from offline import open_page, serve, settle
from playwright.sync_api import Browser, Locator, Page, expect

from strata.pages.scorecard import Row, Statistic
from strata.pages.scorecard_page import page as scorecard_page

pytestmark = pytest.mark.browser

STATIC = Path(__file__).parents[2] / "book" / "_static"
PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<link rel="stylesheet" href="../_static/strata.css">
<link rel="stylesheet" href="../_static/scorecard.css">
<title>scorecard</title></head><body><main><article>{body}</article></main></body></html>"""


def row(name: str, verdict: str, statement: str, origin: str = "study") -> Row:
    part = Statistic(
        part="p", statistic="slope", criterion="interval above 0", value=1.0, low=0.5, high=1.5,
        n=5, method="t interval", verdict=verdict,
    )  # fmt: skip
    return Row(
        id=name, study=name[0], origin=origin, where="figure 1", statement=statement,
        control="Shuffled.", notebook="ntk-depth", profile="full", verdict=verdict, parts=(part,),
    )  # fmt: skip


ROWS = [
    row("A1", "reproduced", "Ranks rise."),
    row("A2", "not reproduced", "Ranks fall."),
    row("C1", "reproduced", "The kernel peaks."),
    row("C1b", "reproduced", "The rank of noise is flat.", "ours"),
    row("D1", "inconclusive", "Copies fade."),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scorecard of five claims, with the book's script and style."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(STATIC, folder / "_static")
    (folder / "book").mkdir()
    body = scorecard_page(ROWS).removeprefix("```{raw} html\n").removesuffix("\n```")
    for name in ("index.html", "book/scorecard.html"):
        (folder / name).write_text(PAGE.format(body=body), encoding="utf-8")
    with serve(folder) as site:
        yield f"{site}book/scorecard.html"


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, which must stay free of errors and requests whatever a test does to it."""
    site = address.removesuffix("book/scorecard.html")
    with open_page(browser, site, width=400) as (page, troubles):
        settle(page, address)
        yield page
        assert troubles == []


def shown(page: Page) -> list[str]:
    """Names of the rows that are shown; count and cells must agree with them."""
    rows = page.locator(".strata-rows > details:visible")
    names = [text.strip() for text in rows.locator("summary > b").all_inner_texts()]
    expect(page.locator("output")).to_have_text(f"{len(names)} of {len(ROWS)} claims")
    cells = page.locator(".strata-cells a:not(.strata-out)").all_inner_texts()
    assert cells == names
    return names


def choose(page: Page, name: str, value: str) -> Locator:
    field = page.locator(f"select[name={name}]")
    field.select_option(value)
    return field


def test_choices_narrow_the_rows_together(page: Page, address: str) -> None:
    assert shown(page) == ["A1", "A2", "C1", "C1b", "D1"]
    choose(page, "verdict", "reproduced")
    assert shown(page) == ["A1", "C1", "C1b"]
    choose(page, "study", "C")
    assert shown(page) == ["C1", "C1b"]
    choose(page, "origin", "ours")
    assert shown(page) == ["C1b"]
    page.get_by_role("button", name="Show all").click()
    assert len(shown(page)) == len(ROWS)
    expect(page).to_have_url(address)


def test_every_word_of_a_search_must_be_there_in_any_case(page: Page) -> None:
    field = page.get_by_role("searchbox")
    field.fill("RANK")
    assert shown(page) == ["A1", "A2", "C1b"]
    field.fill("ranks fall")
    assert shown(page) == ["A2"]
    field.fill("no such word")
    assert shown(page) == []


def test_the_address_holds_the_choice_and_brings_it_back(page: Page, address: str) -> None:
    choose(page, "study", "A")
    page.get_by_role("searchbox").fill("fall")
    chosen = f"{address}#study=A&text=fall"
    expect(page).to_have_url(chosen)
    page.get_by_role("button", name="Show all").click()
    expect(page).to_have_url(address)
    page.goto(chosen)
    expect(page.locator("output")).to_have_text("1 of 5 claims")
    assert shown(page) == ["A2"]
    page.goto(address + "#verdict=inconclusive")
    expect(page.locator("summary").filter(has_text="D1")).to_be_visible()
    assert shown(page) == ["D1"]


def test_a_cell_leads_to_its_row_even_if_it_was_filtered_out(page: Page) -> None:
    choose(page, "study", "A")
    page.locator(".strata-cells a", has_text="D1").click()
    expect(page.locator("#score-D1")).to_have_attribute("open", "")
    expect(page.locator("#score-D1 table")).to_be_visible()
    expect(page.locator("#score-D1 summary")).to_be_focused()
    assert len(shown(page)) == len(ROWS)


def test_keys_are_enough(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.locator("select[name=study]")).to_be_focused()
    page.keyboard.type("study D")
    assert shown(page) == ["D1"]
    page.get_by_role("link", name="to the rows").focus()
    page.keyboard.press("Enter")
    assert shown(page) == ["D1"]
    page.keyboard.press("Tab")
    expect(page.locator("#score-D1 summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#score-D1")).to_have_attribute("open", "")


def test_without_the_script_everything_is_there(browser: Browser, address: str) -> None:
    site = address.removesuffix("book/scorecard.html")
    with open_page(browser, site, java_script_enabled=False) as (page, troubles):
        page.goto(address)
        expect(page.locator(".strata-rows > details:visible")).to_have_count(len(ROWS))
        expect(page.locator("form")).to_be_hidden()
        page.locator("#score-C1 summary").click()
        expect(page.locator("#score-C1 table")).to_be_visible()
        assert troubles == []

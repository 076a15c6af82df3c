"""The printed book: order, bookmarks, links, numbers, and what a page looks like on paper."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from pypdf import PdfReader
from pypdf.generic import Destination

from strata.pages import pdf
from strata.pages.pdf import PdfError, contents, print_book

pytestmark = pytest.mark.browser

STATIC = Path(__file__).parents[2] / "book" / "_static"
TOC = """root: book/intro
parts:
  - caption: Start
    chapters: [{file: book/words}]
  - caption: Reference
    chapters: [{file: book/api, sections: [{file: book/api/x}]}]
"""
HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{} — Strata</title>
<link rel="stylesheet" href="/_static/print.css"><script src="/_static/access.js"></script>
</head><body><main><article class="bd-article"><h1>{}</h1>"""
INTRO = """<p>See <a href="words.html#term-b">another word</a>, <a href="#far">below</a>,
<a href="api.html">the code</a> and <a href="https://example.org/">elsewhere</a>.</p>
<h2>First section</h2><div style="height: 400mm"></div><h2 id="far">Second section</h2>
<details><summary>Solution</summary><p>unfolded</p></details>
<details class="above-input"><summary>Show the code</summary><p>folded</p></details>
<pre>{}</pre>"""
WORDS = '<p id="term-a">one</p><div style="height: 250mm"></div><p id="term-b">two</p>'
ADDRESS = "https://example.org/strata/"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("printed")
    (folder / "book").mkdir()
    shutil.copytree(STATIC, folder / "_static")
    (folder / "index.html").touch()
    (folder / "toc.yml").write_text(TOC)
    code = "word " * 100 + "the end"
    for name, title, text in (
        ("intro", "The beginning", INTRO.format(code)),
        ("words", "Words", WORDS),
    ):
        (folder / "book" / f"{name}.html").write_text(HEAD.format(title, title) + text)
    return folder


@pytest.fixture(scope="module")
def book(browser: Browser, pages: Path) -> PdfReader:
    """Front matter, two sheets of the first page, two of the second.

    The fixture `browser` holds Playwright's loop of this thread; the printing gets another thread.
    """
    out = pages / "book.pdf"
    with ThreadPoolExecutor(1) as thread:
        task = thread.submit(
            print_book, pages, pages / "toc.yml", out, address=ADDRESS, say=lambda _: None
        )
        assert task.result() == 5
    return PdfReader(out)


def test_the_contents_are_those_of_the_book_without_the_reference(pages: Path) -> None:
    assert list(contents(pages / "toc.yml")) == [("", "book/intro"), ("Start", "book/words")]


def test_sheets_come_in_order_with_their_title_and_number(book: PdfReader) -> None:
    texts = [sheet.extract_text() for sheet in book.pages]
    assert len(texts) == 5
    assert "Words" in texts[0]  # the contents
    for number, title in ((2, "The beginning"), (3, "The beginning"), (4, "Words"), (5, "Words")):
        assert texts[number - 1].split()[-len(title.split()) - 1 :] == [*title.split(), f"{number}"]


def test_bookmarks_lead_to_pages_and_sections(book: PdfReader) -> None:
    def marks(outline: list, depth: int = 0) -> list[tuple[int, str, int]]:
        return [
            found
            for item in outline
            for found in (
                [(depth, item.title, book.get_destination_page_number(item))]
                if isinstance(item, Destination)
                else marks(item, depth + 1)
            )
        ]

    assert marks(book.outline) == [
        (0, "The beginning", 1),
        (1, "First section", 1),
        (1, "Second section", 2),
        (0, "Start", 3),
        (1, "Words", 3),
    ]


def test_links_stay_in_the_book_and_only_the_code_leads_out(book: PdfReader) -> None:
    sheets = {sheet.indirect_reference.idnum: n for n, sheet in enumerate(book.pages)}
    links = [link.get_object() for link in book.pages[1]["/Annots"]]
    inside = [sheets[link["/Dest"][0].idnum] for link in links if "/Dest" in link]
    assert inside == [4, 2]
    outside = [link["/A"]["/URI"] for link in links if "/A" in link]
    assert outside == [f"{ADDRESS}book/api.html", "https://example.org/"]


def test_code_wraps_solutions_are_open_and_folded_code_is_left_out(book: PdfReader) -> None:
    text = book.pages[2].extract_text()
    assert "the end" in text
    assert "unfolded" in text
    assert "Show the code" not in text


def test_what_is_lacking_is_named(pages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toc = pages / "other.yml"
    with pytest.raises(PdfError, match="strata build"):
        print_book(pages, toc, pages / "none.pdf")
    toc.write_text("root: book/gone\nparts: []\n")
    with pytest.raises(PdfError, match="book/gone is not built"):
        print_book(pages, toc, pages / "none.pdf")
    monkeypatch.setattr(pdf, "find", lambda: None)
    with pytest.raises(PdfError, match="no Chromium"):
        print_book(pages, toc, pages / "none.pdf")

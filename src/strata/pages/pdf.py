"""The book as one PDF: Chromium prints its pages in the order of the contents, pypdf joins them.

Both come with the extra ``dev``; nothing else in the package needs them.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from strata.pages.chromium import OFFLINE, SETTLED, find
from strata.pages.serve import serve
from strata.yaml_files import read_yaml

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from pypdf import PdfReader, PdfWriter

ON_SCREEN = "book/api"
"""The reference of the code is for the screen: it would double the book."""
SHEET = "@page {size: A4; margin: 18mm 16mm 12mm} body {margin: 0; font: 9pt sans-serif}"
# Chromium keeps the place of an element only where a link of the same page leads to it.
KEEP_PLACES = """() => {
  const links = document.createElement("div");
  for (const { id } of document.querySelectorAll("main [id]")) {
    const href = "#" + encodeURIComponent(id);
    links.append(Object.assign(document.createElement("a"), { href }));
  }
  links.hidden = true;
  document.body.append(links);
}"""


class PdfError(RuntimeError):
    """A book that cannot be printed."""


@dataclass
class Printed:
    """One page of the book on paper."""

    name: str
    part: str
    title: str
    reader: PdfReader
    start: int = 0
    """Number of its first sheet in the book, from 0."""
    places: dict[str, tuple[int, float, float]] = field(default_factory=dict)
    """Sheet in the book, left and top of each anchor."""


def contents(toc: Path) -> Iterator[tuple[str, str]]:
    """Part and page, in the order of ``_toc.yml``; without the reference of the code."""
    found = read_yaml(toc)
    yield "", found["root"]
    for part in found["parts"]:
        for entry in part["chapters"]:
            if entry["file"] != ON_SCREEN:
                yield part["caption"], entry["file"]


def print_book(
    pages: Path, toc: Path, out: Path, *, address: str = "", say: Callable[[str], None] = print
) -> int:
    """Print the built pages into one file with bookmarks; return the number of sheets.

    Links between pages lead to the place in the file; what is not in it is linked at ``address``,
    or not at all without one.

    Raises
    ------
    PdfError
        If a page or all of them were not built, or there is no Chromium, or a package of the extra
        is missing.
    """
    try:
        from playwright.sync_api import sync_playwright
        from pypdf import PdfReader, PdfWriter
    except ImportError as error:
        raise PdfError(f"{error.name} is missing: pip install --editable '.[dev]'") from None
    chromium = find()
    if chromium is None:
        raise PdfError("there is no Chromium: python tests/browser/chromium.py --install")
    if not toc.is_file():
        raise PdfError(f"there is no {toc}: strata build, with the same --profile")
    wanted = list(contents(toc))
    if lacking := [name for _, name in wanted if not (pages / f"{name}.html").is_file()]:
        raise PdfError(f"{lacking[0]} is not built in {pages}: strata build")
    with serve(pages) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(OFFLINE))
        tab = browser.new_page(color_scheme="light", reduced_motion="reduce")
        printed = []
        for part, name in wanted:
            tab.goto(f"{site}{name}.html", wait_until="load")
            tab.evaluate(SETTLED)
            tab.evaluate(KEEP_PLACES)
            title = tab.title().rpartition(" — ")[0]
            printed.append(Printed(name, part, title, PdfReader(_sheets(tab))))
            say(f"{name}: {len(printed[-1].reader.pages)} sheets")
        front = _front(tab, printed)
        writer = PdfWriter()
        for sheet in front.pages:
            writer.add_page(sheet)
        for page in printed:
            _append(writer, page)
        _link(writer, printed, site, address)
        _number(writer, tab, printed)
        browser.close()
    _bookmarks(writer, printed)
    writer.add_metadata({"/Title": "Strata", "/Author": "The Strata authors"})
    writer.compress_identical_objects()
    writer.write(out)
    return len(writer.pages)


def _sheets(tab: Page) -> BytesIO:
    """What the tab shows, printed; sizes and margins are those of the page's own style."""
    # Chromium outlines tagged files only.
    return BytesIO(
        tab.pdf(prefer_css_page_size=True, print_background=True, tagged=True, outline=True)
    )


def _front(tab: Page, printed: list[Printed]) -> PdfReader:
    """Title and contents; numbers the sheets of all pages, which come after it."""
    from pypdf import PdfReader

    count = 1
    while True:
        start = count
        for page in printed:
            page.start, start = start, start + len(page.reader.pages)
        rows, part = "", ""
        for page in printed:
            if page.part != part:
                part = page.part
                rows += f"<h2>{html.escape(part)}</h2>"
            rows += f"<p><span>{html.escape(page.title)}</span><b>{page.start + 1}</b></p>"
        tab.set_content(
            f"<style>{SHEET} h1 {{font-size: 34pt}} h2 {{font-size: 12pt; margin: 1em 0 0.2em}}"
            "p {display: flex; justify-content: space-between; margin: 0.2em 0; font-size: 10pt}"
            f"b {{font-weight: 400}}</style><h1>Strata</h1>{rows}"
        )
        front = PdfReader(_sheets(tab))
        if len(front.pages) == count:
            return front
        count = len(front.pages)


def _append(writer: PdfWriter, page: Printed) -> None:
    for name, place in page.reader.named_destinations.items():
        number = page.reader.get_destination_page_number(place)
        if number is not None:
            at = page.start + number, float(place.left or 0), float(place.top or 0)
            page.places[unquote(name.removeprefix("/"))] = at
    for sheet in page.reader.pages:
        writer.add_page(sheet)


def _link(writer: PdfWriter, printed: list[Printed], site: str, address: str) -> None:
    """Lead links between pages to their place in the book."""
    from pypdf.generic import ArrayObject, NameObject, TextStringObject

    by_name = {f"{page.name}.html": page for page in printed}
    for page in printed:
        for sheet in writer.pages[page.start : page.start + len(page.reader.pages)]:
            kept = ArrayObject()
            for reference in sheet.get("/Annots", ()):
                link = reference.get_object()
                action = link.get("/A", {})
                uri = action.get("/URI", "")
                if "/Dest" in link:
                    target, anchor = page, str(link["/Dest"]).removeprefix("/")
                elif uri.startswith(site):
                    name, _, anchor = uri.removeprefix(site).partition("#")
                    target = by_name.get(name)
                else:
                    target, anchor = None, ""
                if target is not None:
                    place = target.places.get(unquote(anchor), (target.start, 0.0, 850.0))
                    link.pop("/A", None)
                    link[NameObject("/Dest")] = _destination(writer, place)
                elif uri.startswith(site):
                    if not address:
                        continue
                    action[NameObject("/URI")] = TextStringObject(uri.replace(site, address, 1))
                kept.append(reference)
            sheet[NameObject("/Annots")] = kept


def _destination(writer: PdfWriter, place: tuple[int, float, float]) -> Any:
    from pypdf.generic import ArrayObject, FloatObject, NameObject, NumberObject

    number, left, top = place
    sheet = writer.pages[number].indirect_reference
    numbers = FloatObject(left), FloatObject(top), NumberObject(0)
    return ArrayObject([sheet, NameObject("/XYZ"), *numbers])


def _number(writer: PdfWriter, tab: Page, printed: list[Printed]) -> None:
    """Stamp every sheet but the first with its title and number, printed by the same Chromium."""
    from pypdf import PdfReader

    titles = [""] * len(writer.pages)
    for page in printed:
        titles[page.start : page.start + len(page.reader.pages)] = [html.escape(page.title)] * len(
            page.reader.pages
        )
    feet = "".join(
        f"<div><p><span>{title}</span><span>{number}</span></p></div>"
        for number, title in enumerate(titles, 1)
    )
    tab.set_content(
        "<style>@page {size: A4; margin: 0} body {margin: 0; background: none; color: #444;"
        "font: 8pt sans-serif} div {height: 297mm; position: relative; break-after: page}"
        "div:last-child {break-after: auto} p {position: absolute; bottom: 8mm; left: 16mm;"
        f"right: 16mm; margin: 0; display: flex; justify-content: space-between}}</style>{feet}"
    )
    stamps = PdfReader(_sheets(tab)).pages
    for sheet, stamp in list(zip(writer.pages, stamps, strict=True))[1:]:
        sheet.merge_page(stamp)


def _bookmarks(writer: PdfWriter, printed: list[Printed]) -> None:
    part, above = "", None
    for page in printed:
        if page.part != part:
            part = page.part
            above = writer.add_outline_item(title=part, page_number=page.start)
        top = writer.add_outline_item(title=page.title, page_number=page.start, parent=above)
        for title, number in _sections(page.reader):
            writer.add_outline_item(title=title, page_number=page.start + number, parent=top)


def _sections(reader: PdfReader) -> Iterator[tuple[str, int]]:
    """Sections of the second level of one printed page."""
    for item in reader.outline:
        for section in item if isinstance(item, list) else ():
            if not isinstance(section, list):
                yield str(section.title), reader.get_destination_page_number(section) or 0

"""Take a picture of a built page: ``python tests/browser/screenshot.py HTML_DIR PAGE OUT.png``."""

from __future__ import annotations

import argparse
from io import BytesIO
from pathlib import Path

from chromium import find
from offline import launch, open_page, serve, settle
from PIL import Image
from playwright.sync_api import sync_playwright


def main() -> None:
    """Write the picture, or say why there is none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("html", type=Path, help="folder of built pages")
    parser.add_argument("page", help="page in it, such as book/intro.html")
    parser.add_argument("out", type=Path)
    parser.add_argument("--width", type=int, default=1400)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--whole", action="store_true", help="the whole page, not one screen")
    parser.add_argument("--element", help="only the first element that this CSS selector finds")
    a = parser.parse_args()
    if not (a.html / a.page).is_file():
        parser.error(f"there is no page {a.html / a.page}")
    chromium = find()
    if chromium is None:
        parser.exit(1, "no Chromium: see tests/browser/chromium.py --install\n")
    theme = "dark" if a.dark else "light"
    with (
        serve(a.html) as site,
        sync_playwright() as playwright,
        launch(playwright, chromium) as browser,
        open_page(browser, site, theme=theme, width=a.width) as (page, _),
    ):
        page.set_viewport_size({"width": a.width, "height": a.height})
        settle(page, site + a.page)
        if a.element:
            page.locator(a.element).first.screenshot(path=a.out)
        else:
            found = page.screenshot(full_page=a.whole, omit_background=True)
            Image.open(BytesIO(found)).save(a.out)  # .ico holds it in the usual smaller sizes too


if __name__ == "__main__":
    main()

"""A Chromium that looks at pages: for the tests, and to print the book."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No host is found, however a page asks for it. Playwright's routes would cut requests too, but they
# switch the cache off, and every page would load the theme anew.
OFFLINE = (
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
)
"""Arguments of a browser that reaches nothing but this machine."""
# A page is settled when MathJax has set its formulas; pages without formulas do not load it.
SETTLED = """async () => {
  await document.fonts.ready;
  if (window.MathJax?.startup?.promise) await window.MathJax.startup.promise;
}"""


def find() -> str | None:
    """Return a Chromium that starts: one on the PATH, else Playwright's own, else None."""
    on_path = (shutil.which(name) for name in NAMES)
    found = next((path for path in on_path if path and _starts(path)), None)
    return found or _of_playwright()


def _of_playwright() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() and _starts(path) else None


def _starts(path: str) -> bool:
    """Whether it answers: Ubuntu's ``chromium-browser`` may only point to a snap."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False

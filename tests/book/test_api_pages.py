"""The API reference names every module of the package once, and no module that is not there."""

import re
from collections import Counter
from pathlib import Path

import strata

PACKAGE = Path(strata.__file__).parent
PAGES = PACKAGE.parents[1] / "book" / "api"


def test_every_module_is_listed_once():
    modules = {
        ".".join(["strata", *path.relative_to(PACKAGE).with_suffix("").parts])
        for path in PACKAGE.rglob("*.py")
        if not path.name.startswith("_")
    }
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES.glob("*.md"))
    listed = Counter(re.findall(r"^\.\. automodule:: (\S+)$", text, flags=re.MULTILINE))
    assert set(listed) == modules
    assert max(listed.values()) == 1

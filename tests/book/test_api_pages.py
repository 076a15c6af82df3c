"""The API reference names every module of the package once, and no module that is not there."""

import re
from collections import Counter
from pathlib import Path

import strata

PACKAGE = Path(strata.__file__).parent
PAGES = PACKAGE.parents[1] / "book" / "api"


def dotted(path: Path) -> str:
    """Name under which a file or folder of the package is imported."""
    return ".".join(["strata", *path.relative_to(PACKAGE).parts])


def test_every_module_is_listed_once():
    modules = {dotted(path.with_suffix("")) for path in PACKAGE.rglob("*.py")}
    modules = {name for name in modules if not name.rpartition(".")[2].startswith("_")}
    packages = {dotted(path.parent) for path in PACKAGE.rglob("__init__.py")}
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES.glob("*.md"))
    listed = Counter(re.findall(r"^\.\. automodule:: (\S+)$", text, flags=re.MULTILINE))
    assert modules <= set(listed) <= modules | packages
    assert max(listed.values()) == 1

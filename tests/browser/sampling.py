"""Which of the pages to look at, where many come from one template."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
SILENT = {"script", "style"}
Kind = tuple[tuple[str, str], ...]


class Shown(HTMLParser):
    """What a page shows: its kinds of element, each within another, its longest line and word.

    A kind is (tag, classes).
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.kinds: set[Kind] = set()
        self.text = ""
        self._open = [("", "")]
        self.size = len(page)
        self.feed(page)
        self.line = max(map(len, self.text.splitlines()), default=0)
        self.word = max(map(len, self.text.split()), default=0)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = dict(attrs).get("class") or ""
        kind = (tag, " ".join(sorted(classes.split())))
        self.kinds.add((self._open[-1], kind))
        if tag not in VOID:
            self._open.append(kind)

    def handle_endtag(self, tag: str) -> None:
        if any(tag == name for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._open[-1][0] not in SILENT:
            self.text += data


def sample(pages: dict[str, str]) -> list[str]:
    """Names of few pages, of those given by name, that show whatever any of them shows.

    Colours and sizes go with the kind of an element and of the one around it, so each such pair
    that is anywhere is in the sample. Widths go with lines, words and names: the page with the
    longest of each is in it, and so are the longest page, the first and the last.
    """
    shown = {name: Shown(pages[name]) for name in sorted(pages)}
    if not shown:
        return []
    chosen = {
        min(shown),
        max(shown),
        max(shown, key=len),
        max(shown, key=lambda name: shown[name].line),
        max(shown, key=lambda name: shown[name].word),
        max(shown, key=lambda name: len(shown[name].text)),
    }
    return sorted(chosen | cover(shown, set().union(*(shown[name].kinds for name in chosen))))


def cover(shown: dict[str, Shown], known: set[Kind]) -> set[str]:
    """Names of short pages that show every kind of element that is on any of them but not known."""
    kinds = set().union(*(page.kinds for page in shown.values()))
    chosen: set[str] = set()
    while missing := kinds - known.union(*(shown[name].kinds for name in chosen)):
        chosen.add(
            max(shown, key=lambda name: len(shown[name].kinds & missing) / (1 + shown[name].size))
        )
    return chosen

"""Who may do what with the book, and how it is cited: the files say the same."""

import re
import tomllib
from datetime import date
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
# Of version 1.2.0 of the format: what must be there, and what else may be.
REQUIRED = {"cff-version", "message", "title", "authors"}
OPTIONAL = {
    "abstract",
    "contact",
    "date-released",
    "doi",
    "keywords",
    "license",
    "preferred-citation",
    "references",
    "repository-code",
    "type",
    "url",
    "version",
}


def test_the_citation_has_the_fields_of_its_format():
    assert CITATION["cff-version"] == "1.2.0"
    assert {*CITATION} >= REQUIRED
    assert {*CITATION} <= REQUIRED | OPTIONAL
    assert CITATION["type"] in {"software", "dataset"}
    assert isinstance(CITATION["date-released"], date)
    for author in CITATION["authors"]:
        assert "name" in author or {"family-names", "given-names"} <= {*author}
    assert len(set(CITATION["keywords"])) == len(CITATION["keywords"])


def test_the_citation_is_of_this_version_of_this_book():
    assert str(CITATION["version"]) == PROJECT["version"]
    name, _, subtitle = CITATION["title"].partition(": ")
    assert name.lower() == PROJECT["name"]
    assert subtitle.lower() == PROJECT["description"].lower()


def test_code_and_words_have_the_licences_that_the_citation_names():
    assert CITATION["license"] == ["MIT", "CC-BY-4.0"]
    code, words = (ROOT / name for name in ("LICENSE", "LICENSE-text"))
    assert code.read_text().startswith("MIT License")
    assert words.read_text().startswith("Creative Commons Attribution 4.0 International")
    # The whole text with its eight sections, not only its name.
    assert re.findall(r"^Section (\d)", words.read_text(), re.MULTILINE) == list("12345678")
    readme = (ROOT / "README.md").read_text()
    for name in ("LICENSE", "LICENSE-text", "CITATION.cff", "CONTRIBUTING.md"):
        assert f"]({name})" in readme

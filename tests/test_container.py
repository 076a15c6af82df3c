"""The container file, which cannot be built here: its words against the project's own facts."""

import json
import re
import shlex
import tomllib
from pathlib import Path

from packaging.specifiers import SpecifierSet

from strata.cli import app

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORDS = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M))
STEPS = [line.split(maxsplit=1) for line in WORDS.splitlines()]


def steps(kind: str) -> list[str]:
    return [rest for name, rest in STEPS if name == kind]


def copied() -> list[Path]:
    """Files and folders that come into the image."""
    sources = [word for rest in steps("COPY") for word in rest.split()[:-1] if word[:2] != "--"]
    found = {word: list(ROOT.glob(word)) for word in sources}
    assert all(found.values()), found
    return [path for paths in found.values() for path in paths]


def test_it_has_a_python_that_the_project_is_for():
    (base,) = steps("FROM")
    version = re.fullmatch(r"python:([\d.]+)-slim", base)[1]
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{version}.0")


def test_it_installs_the_pinned_versions_and_what_it_needs_is_copied_first():
    kinds = [name for name, _ in STEPS]
    place = next(i for i, (_, rest) in enumerate(STEPS) if rest.startswith("pip install"))
    words = shlex.split(STEPS[place][1])
    constraints = {words[i + 1] for i, word in enumerate(words) if word == "--constraint"}
    assert "constraints.txt" in constraints
    before = " ".join(rest for name, rest in STEPS[:place] if name == "COPY")
    for name in ("pyproject.toml", "README.md", "constraints*.txt", "src"):
        assert name in before.split()
    for name in constraints:
        assert (ROOT / name).is_file()
    extras = re.fullmatch(r"\.\[(.+)\]", words[words.index("--editable") + 1])[1].split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"]) | {"cluster"}
    assert kinds.index("USER") > place


def test_everything_that_the_commands_read_comes_along_and_nothing_else():
    names = {path.name for path in copied()}
    read = {"_config.yml", "_toc.yml", "book", "notebooks", "src", "Snakefile", "profiles"}
    read |= {*PROJECT["license-files"]}
    assert read <= names
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    assert names.isdisjoint(ignored)
    assert {".git", ".venv", "_build", "_store"} <= set(ignored)


def test_it_starts_the_command_with_a_store_that_can_last():
    (entry,), (environment,) = steps("ENTRYPOINT"), steps("ENV")
    assert json.loads(entry) == ["strata"]
    assert list(PROJECT["scripts"]) == ["strata"]
    store = environment.removeprefix("STRATA_STORE=")
    assert f"chown reader {store}" in " ".join(steps("RUN"))
    said = (ROOT / "Dockerfile").read_text()
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    for command in re.findall(r"strata (run|build|serve)\b", said):
        assert command in commands

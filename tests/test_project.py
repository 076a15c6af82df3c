"""The project's own promises: dependencies agree, layers import downwards, no machine is named."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [*PROJECT["dependencies"], *EXTRAS["dev"], *EXTRAS["cluster"]]
CONSTRAINTS = ROOT / "constraints.txt"
PINS = {
    canonicalize_name(name): version
    for file in sorted(ROOT.glob("constraints*.txt"))
    for name, version in re.findall(r"^([\w.-]+)==(.+)$", file.read_text(), re.MULTILINE)
}
STRATA = ROOT / "src" / "strata"


@pytest.mark.parametrize("text", DIRECT)
def test_a_direct_dependency_has_a_floor_a_ceiling_and_a_tested_version_between(text):
    need = Requirement(text)
    operators = {specifier.operator for specifier in need.specifier}
    assert operators == {">=", "<"}
    assert need.specifier.contains(PINS[canonicalize_name(need.name)])


def test_what_the_package_imports_is_a_direct_dependency():
    imported = set()
    for path in STRATA.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    brought_by = packages_distributions()
    direct = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}
    others = imported - set(sys.stdlib_module_names) - {"strata"}
    assert {"torch", "docutils"} <= others
    lacking = {
        name for name in others if direct.isdisjoint(map(canonicalize_name, brought_by[name]))
    }
    assert lacking == {"playwright", "pypdf"}  # for `strata pdf`: of the extra dev


def test_the_conda_environment_asks_for_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, *_, pip = environment["dependencies"]
    assert python == f"python{PROJECT['requires-python']}"
    words = pip["pip"]
    assert words[:2] == ["--constraint constraints.txt", "--editable ."]
    assert words[2:] == DIRECT


def test_one_constraints_file_names_all_others_and_nothing_is_pinned_twice():
    others = {file.name for file in ROOT.glob("constraints-*.txt")}
    assert set(re.findall(r"^-c (.+)$", CONSTRAINTS.read_text(), re.MULTILINE)) == others
    lines = [
        line for file in ROOT.glob("constraints*.txt") for line in file.read_text().split("\n")
    ]
    assert sum("==" in line for line in lines) == len(PINS)


def test_what_is_installed_is_the_tested_set():
    frozen = subprocess.run(
        [sys.executable, "-m", "pip", "freeze", "--exclude-editable"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in frozen.splitlines():
        name, version = re.split(r"==| @ ", line, maxsplit=1)
        if canonicalize_name(name) in PINS:
            assert version.split("+")[0] == PINS[canonicalize_name(name)], name


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name == "strata" or name.startswith("strata.")}


ALLOWED = {
    "data": ("strata.data", "strata.seeding", "strata.vision"),
    "nets": ("strata.nets", "strata.vision"),
    "measures": ("strata.measures",),
    "experiments": (
        "strata.experiments",
        "strata.data",
        "strata.nets",
        "strata.measures",
        "strata.training",
        "strata.runs.result",
        "strata.seeding",
        "strata.statistics",
    ),
}


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_from_below(package):
    for path in (STRATA / package).rglob("*.py"):
        for name in imports(path):
            assert name.startswith(ALLOWED[package]), f"{path.name} imports {name}"


def test_only_the_command_line_imports_the_book():
    for path in STRATA.rglob("*.py"):
        if path.parent.name not in ("book", "pages", "cli"):
            assert not any(n.startswith("strata.book") for n in imports(path)), path


def test_pages_are_made_of_the_book_and_not_the_other_way_round():
    for path in (STRATA / "book").rglob("*.py"):
        assert not any(n.startswith("strata.pages") for n in imports(path)), path


def test_notebooks_never_import_the_book_or_the_store():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        text = path.read_text()
        assert "strata.book" not in text
        assert "strata.store" not in text


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [ROOT / name for name in listed.splitlines()]


def test_nothing_names_a_folder_of_one_machine():
    machine = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+|tmp)/")
    for path in tracked():
        if path.suffix in {".py", ".md", ".yml", ".toml", ".ipynb", ".json", ".txt", ".css", ".js"}:
            text = re.sub(r'"image/png": ".*"', "", path.read_text(encoding="utf-8"))
            found = machine.search(text)
            assert found is None, f"{path.relative_to(ROOT)}: {found.group()}"


def test_a_file_is_one_idea_and_under_300_lines():
    for path in STRATA.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 300, path


def test_ci_runs_what_the_readme_says():
    readme = (ROOT / "README.md").read_text()
    commands = [
        line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("make")
    ]
    assert commands == ["make test"]
    assert "make book" in readme
    assert "make test" in readme

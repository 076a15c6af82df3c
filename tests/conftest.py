"""Projects to try things on: a copy of this one, and tiny ones made of a few cells."""

import importlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
import torch
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from threadpoolctl import threadpool_limits
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from strata.runs.point import Point
from strata.store import Store

ROOT = Path(__file__).parents[1]
HELPERS = Path(__file__).parent / "helpers"
sys.path.insert(0, str(HELPERS))  # pytest's importlib mode leaves it out
# Where a job in the background is started with SIGINT ignored, what it starts would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)
Strata = Callable[..., subprocess.CompletedProcess[str]]
PAGES = (
    "tests/browser/",
    "tests/book/test_check.py",
    "tests/book/test_pages.py",
    "tests/book/test_verify.py",
)
"""Tests that may need the smoke project."""


def strata_command(root: Path, *words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command ``strata`` on a project, as a user would."""
    environment = os.environ | {"STRATA_ROOT": str(root), "STRATA_STORE": str(root / "_store")}
    environment |= options.pop("env", {})
    options.setdefault("timeout", 240)
    return subprocess.run(
        [sys.executable, "-m", "strata.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        **options,
    )


class OneForThePages(LoadScopeScheduling):
    """Gives all that may need the smoke project to one process, so that it is executed once.

    xdist has groups for that, which pytest 9.2 does not let it see.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "pages" if nodeid.startswith(PAGES) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneForThePages:
    """Use it, whatever the command line says."""
    return OneForThePages(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test elsewhere that needs the smoke project: it would be executed once more."""
    for item in items:
        if {"smoke_project", "built_pages"} & set(item.fixturenames):
            assert item.nodeid.startswith(PAGES), f"{item.nodeid} belongs in one of {PAGES}"


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Two threads on two busy cores are slower than one."""
    torch.set_num_threads(1)
    with threadpool_limits(limits=1):
        yield


@pytest.fixture(scope="session")
def strata() -> Strata:
    """The command ``strata``: ``strata(root, "run", …)``."""
    return strata_command


def copy_of_the_project(folder: Path) -> Path:
    """What the commands read of this project, in another folder."""
    for name in ("book", "notebooks"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("_config.yml", "_toc.yml", "constraints.txt"):
        shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture
def project_copy(tmp_path: Path) -> Path:
    """A copy of this project without results of its own."""
    return copy_of_the_project(tmp_path)


@pytest.fixture(scope="session")
def smoke_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this project with the smoke profile executed."""
    root = copy_of_the_project(tmp_path_factory.mktemp("smoke"))
    done = strata_command(root, "run", "--profile", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    return root


@pytest.fixture(scope="session")
def smoke_html(smoke_project: Path) -> Path:
    """The pages of the smoke profile."""
    done = strata_command(smoke_project, "build", "--profile", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    return smoke_project / "_build" / "smoke" / "html"


@pytest.fixture
def tiny_project(tmp_path: Path) -> Callable[..., Path]:
    """Maker of projects whose notebooks are given as lists of code cells."""

    def make(**notebooks: list[str]) -> Path:
        book = tmp_path / "book"
        book.mkdir()
        (tmp_path / "notebooks").mkdir()
        (tmp_path / "_config.yml").write_text("title: tiny\n")
        (tmp_path / "constraints.txt").write_text("")
        (book / "claims.yml").write_text("claims: {}\n")
        (book / "published.yml").write_text("{}\n")
        quick = {"seconds": 5, "needs": [], "parameters": {}}
        entry = {"study": "C", "experiments": [], "profiles": {"quick": quick}}
        entries = {"notebooks": dict.fromkeys(notebooks, entry)}
        (book / "profiles.yml").write_text(yaml.safe_dump(entries))
        for name, cells in notebooks.items():
            first = new_code_cell('profile = "quick"', metadata={"tags": ["parameters"]})
            node = new_notebook(
                cells=[new_markdown_cell(f"# {name}"), first, *map(new_code_cell, cells)],
                metadata={
                    "kernelspec": {"name": "python3", "display_name": "Python 3"},
                    "language_info": {"name": "python"},
                },
            )
            nbformat.write(node, tmp_path / "notebooks" / f"{name}.ipynb")
        return tmp_path

    return make


@pytest.fixture
def toy() -> ModuleType:
    """The toy experiment; workers inherit the path to it."""
    return importlib.import_module("toy_experiment")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A run store whose folder does not exist yet."""
    return Store(tmp_path / "new" / "store")


@pytest.fixture
def point(toy: ModuleType) -> Point:
    """A point of the toy experiment."""
    return Point.of(toy, toy.Config(value=3))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """File that gets a line for each computation of the toy experiment."""
    return tmp_path / "log"


@pytest.fixture
def with_helpers() -> dict[str, str]:
    """Environment in which notebooks can import the test experiments."""
    return {"PYTHONPATH": str(HELPERS)}

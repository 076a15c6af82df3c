"""Projects to try things on: a copy of this one, and tiny ones made of a few cells."""

import fcntl
import importlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType

from strata.cli import app  # before numpy: it says which matrix products all are to take

if "STRATA_BENCH_OUT" in os.environ:  # the peers in numpy and scipy run as at their users'
    os.environ.pop("OPENBLAS_CORETYPE", None)

# isort: split

import nbformat
import pytest
import torch
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from strata.claims import load_claims
from strata.runs.point import Point
from strata.store import Store
from strata.yaml_files import read_yaml

ROOT = Path(__file__).parents[1]
HELPERS = Path(__file__).parent / "helpers"
sys.path.insert(0, str(HELPERS))  # pytest's importlib mode leaves it out
# Where a job in the background is started with SIGINT ignored, what it starts would ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)
Strata = Callable[..., subprocess.CompletedProcess[str]]
PAGES = ("tests/browser/test_links.py", "tests/browser/test_pages.py")
"""Tests that look at every page of the book."""
OF_CHAPTERS = ("profiles", "claims", "variations")
"""Files of the book with entries of all chapters."""
COMPUTED = tuple(
    f"tests/{folder}/"
    for folder in ("atlas", "data", "experiments", "measures", "nets", "training")
)
"""Tests whose files compute something once for all their tests."""


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


class OnceEach(LoadScopeScheduling):
    """Gives to one process what rests on the same work: all looks at the pages, a file's nets.

    xdist has groups for that, which pytest 9.2 does not let it see.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(PAGES):
            return "pages"
        return nodeid.partition("::")[0] if nodeid.startswith(COMPUTED) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OnceEach:
    """Use it, whatever the command line says, in the order of the items."""
    config.option.loadscopereorder = False
    return OnceEach(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the pages come first, which take longest, and others that need the smoke project last.

    Then nobody waits for its execution.
    """

    def turn(item: pytest.Item) -> int:
        if item.nodeid.startswith(PAGES):
            return 0
        return 2 if {"smoke_project", "built_pages"} & {*item.fixturenames} else 1

    items.sort(key=turn)


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


@pytest.fixture
def strata_here(monkeypatch: pytest.MonkeyPatch) -> Strata:
    """The same in this process, which need not import everything first."""

    def command(
        root: Path, *words: str, env: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.CompletedProcess[str]:
        places = {"STRATA_ROOT": str(root), "STRATA_STORE": str(root / "_store")}
        load_claims.cache_clear()  # they may be of another project
        with monkeypatch.context() as patch:
            for name, value in (places | env).items():
                patch.setenv(name, value)
            done = CliRunner().invoke(app, words, catch_exceptions=False)
        load_claims.cache_clear()
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)

    return command


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
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all processes of these tests."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def once(said: Path, work: Callable[[], subprocess.CompletedProcess[str]]) -> None:
    """Leave to the first process what all need; the others wait, and hear what it heard."""
    with said.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            try:
                done = work()
                said.write_text(f"{done.returncode}\n{done.stdout}{done.stderr}")
            except (OSError, subprocess.SubprocessError) as error:
                said.write_text(f"failed: {error}")
    assert said.read_text().startswith("0\n"), said.read_text()


@pytest.fixture(scope="session")
def smoke_project(shared: Path) -> Path:
    """A copy of this project with the smoke profile executed; not to be changed."""
    root = shared / "smoke"

    def work() -> subprocess.CompletedProcess[str]:
        root.mkdir()
        copy_of_the_project(root)
        return strata_command(root, "run", "--profile", "smoke", "--jobs", "2", timeout=900)

    once(shared / "run.txt", work)
    return root


@pytest.fixture(scope="session")
def smoke_html(shared: Path, smoke_project: Path) -> Path:
    """The pages of the smoke profile."""
    once(shared / "build.txt", lambda: strata_command(smoke_project, "build", "--profile", "smoke"))
    return smoke_project / "_build" / "smoke" / "html"


@pytest.fixture
def smoked(smoke_project: Path, tmp_path: Path) -> Path:
    """A project of its own with one chapter, ``ntk-depth``, executed under the smoke profile."""
    root, name = tmp_path / "project", "ntk-depth"
    others = shutil.ignore_patterns("executed", "_store", "obstacles-*")
    shutil.copytree(smoke_project / "book", root / "book", ignore=others)
    for path in (
        *smoke_project.glob("*.*"),
        smoke_project / "notebooks" / f"{name}.ipynb",
        *(smoke_project / "_build" / "smoke" / "executed").glob(f"{name}.*"),
    ):
        copy = root / path.relative_to(smoke_project)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    given = {file: read_yaml(smoke_project / "book" / f"{file}.yml") for file in OF_CHAPTERS}
    judged = given["claims"]["claims"].items()
    kept = {
        "profiles": {"notebooks": {name: given["profiles"]["notebooks"][name]}},
        "claims": {"claims": {c: words for c, words in judged if words["notebook"] == name}},
        "variations": {name: given["variations"][name]},
    }
    for file, entries in kept.items():
        (root / "book" / f"{file}.yml").write_text(yaml.safe_dump(entries))
    return root


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

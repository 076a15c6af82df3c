"""Fingerprints move with the code behind a module, and with nothing else."""

import importlib
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata import sources
from strata.sources import code_digest, imported_modules, source_files, source_fingerprint

HELPERS = Path(__file__).parent / "helpers"

TREE = {
    "__init__.py": "'''The package.'''\n",
    "seeding.py": "def seed(): return 1\n",
    "measures/__init__.py": "from .cka import cka\n",
    "measures/rank.py": "import numpy\n\ndef soft_rank(s): return s\n",
    "measures/cka.py": "from ..seeding import seed\n\ndef cka(x): return seed()\n",
    "data/__init__.py": "",
    "data/toy.py": "from . import shapes\n",
    "data/shapes.py": "SIDE = 3\n",
    "alone.py": "x = 1\n",
}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A small package of its own in the place of Strata's."""
    for name, code in TREE.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
    monkeypatch.setattr(sources, "PACKAGE_ROOT", tmp_path)
    return tmp_path


def files_of(tree: Path, code: str) -> set[str]:
    (tree / "probe.py").write_text(textwrap.dedent(code))
    return set(source_files(["strata.probe"])) - {"probe.py", "__init__.py"}


RANK = {"measures/__init__.py", "measures/rank.py", "measures/cka.py", "seeding.py"}


@pytest.mark.parametrize(
    "code",
    [
        "from strata.measures import rank",
        "import strata.measures.rank as r",
        "import strata.measures.rank",
        "from strata.measures.rank import soft_rank",
        "from strata.measures.rank import *",
        "from .measures.rank import soft_rank",
        "from .measures import rank, cka",
        "def f():\n    from strata.measures import rank\n    return rank",
        "if False:\n    import strata.measures.rank",
        "import importlib\nr = importlib.import_module('strata.measures.rank')",
        "from importlib import import_module\nr = import_module('strata.measures.rank')",
        "from strata.measures import *",
    ],
)
def test_every_way_to_import_a_module_finds_it_and_what_it_needs(tree, code):
    assert files_of(tree, code) == RANK


def test_a_name_of_a_package_counts_for_the_package_only(tree):
    assert files_of(tree, "from strata.measures import cka as f") == RANK - {"measures/rank.py"}
    assert files_of(tree, "import strata") == set()
    assert files_of(tree, "from strata import seeding") == {"seeding.py"}
    assert files_of(tree, "from . import alone") == {"alone.py"}
    assert files_of(tree, "import numpy, os.path\nfrom stratagem import x") == set()


def test_relative_imports_count_from_the_package(tree):
    assert set(source_files(["strata.data.toy"])) == {
        "__init__.py",
        "data/__init__.py",
        "data/toy.py",
        "data/shapes.py",
    }
    (tree / "data" / "__init__.py").write_text("from ..alone import x\nfrom .shapes import SIDE")
    assert set(source_files(["strata.data"])) == {
        "__init__.py",
        "data/__init__.py",
        "data/shapes.py",
        "alone.py",
    }


def test_cycles_are_followed_once(tree):
    (tree / "alone.py").write_text("from strata import seeding\n")
    (tree / "seeding.py").write_text("import strata.alone\n")
    assert files_of(tree, "import strata.alone") == {"alone.py", "seeding.py"}


def test_a_changed_leaf_moves_all_that_rest_on_it_and_no_other(tree):
    above, beside = ["strata.measures.rank"], ["strata.data.toy"]
    before = source_fingerprint(above), source_fingerprint(beside)
    (tree / "seeding.py").write_text("def seed(): return 2\n")
    assert source_fingerprint(above) != before[0]
    assert source_fingerprint(beside) == before[1]
    (tree / "seeding.py").write_text("def seed(): return 1  # as it was\n")
    assert source_fingerprint(above) == before[0]


def test_a_new_module_moves_the_fingerprint_of_what_imports_it(tree):
    before = source_fingerprint(["strata.alone"])
    (tree / "alone.py").write_text("from strata import data\nx = 1\n")
    assert source_fingerprint(["strata.alone"]) != before


def test_a_missing_module_is_named(tree):
    (tree / "alone.py").write_text("import strata.gone\n")
    for modules in (["strata.alone"], ["strata.gone"]):
        with pytest.raises(ModuleNotFoundError, match=r"strata\.gone"):
            source_files(modules)


def test_a_module_outside_the_package_counts_with_what_it_imports(tree, tmp_path, monkeypatch):
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "my_experiment.py").write_text("from strata.data import shapes\nx = 1\n")
    monkeypatch.syspath_prepend(outside)
    files = source_files(["my_experiment"])
    assert set(files) == {
        "../my_experiment.py",
        "__init__.py",
        "data/__init__.py",
        "data/shapes.py",
    }
    (outside / "my_experiment.py").write_text("from strata.data import shapes\nx = 12\n")
    assert source_files(["my_experiment"]) != files
    for nameless in ("__main__", "sys", "no_such_module_anywhere"):
        with pytest.raises(ModuleNotFoundError, match=nameless):
            source_files([nameless])


def test_imports_of_a_notebook_cell():
    code = "from strata.sources import code_digest\nimport strata.paths as p, numpy as np\n"
    assert imported_modules(code) == {"strata.sources", "strata.paths"}
    assert imported_modules("x = 1") == set()
    with pytest.raises(ImportError):
        imported_modules("from . import sources")


def test_static_reading_agrees_with_the_interpreter():
    """Every module of Strata that importing really loads is among the files."""
    importlib.import_module("strata.sweep")
    files = set(source_files(["strata.sweep"]))
    assert {"sweep.py", "runs/worker.py", "store.py", "runs/locks.py", "progress.py"} <= files
    for name in files:
        assert (sources.PACKAGE_ROOT / name).is_file()


CODE = '''
import os

CONSTANT = "a # b"  # a remark


class Thing:
    """What it is."""

    field: int = 1
    """What the field is."""

    def method(self, x):
        """Do it.

        At length.
        """
        text = f"{x!r} # {CONSTANT} # {'#'}"  # not part of the text
        raw = """first # line

        last line """
        return (text,  # one
                # two
                raw)

    async def other(self):
        "é ü"; y = "é"  # semicolon after a docstring with other letters
        return y
'''

SAME = [
    ("  # a remark", ""),
    ("  # a remark", "   # another # remark"),
    ('"""What it is."""', '"""Said otherwise."""'),
    ('"""What it is."""', '"""Said\n\n    at # length."""'),
    ('"""What the field is."""', "'other'"),
    ("        At length.\n", ""),
    ("\n\n\nclass", "\n\n\n\n# Things.\n\nclass"),
    ("                # two\n", ""),
    ("                # two\n", "\n                # three\n                # four\n"),
    ("# semicolon after a docstring with other letters", ""),
    ("\nimport os", '"""A docstring of the module."""\n\nimport os'),
    ("\n", "\r\n"),
    ("import os\n", "import os   \n"),
]

OTHER = [
    ("a # b", "a # c"),
    ("a # b", "a "),
    ("# {CONSTANT} #", "# {CONSTANT}"),
    ("{'#'}", "{'!'}"),
    ("first # line", "first # other line"),
    ("first # line\n\n", "first # line\n"),
    ("first # line\n", "first # line \n"),
    ("last line ", "last line"),
    ("field: int = 1", "field: int = 2"),
    ("return y", "return  y"),
    ("(self, x)", "(self, x=1)"),
    ('y = "é"', 'y = "e"'),
    ("async def", "def"),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_remarks_do_not_move_the_digest(old, new):
    assert old in CODE
    assert code_digest(CODE.replace(old, new)) == code_digest(CODE)


@pytest.mark.parametrize(("old", "new"), OTHER)
def test_code_moves_the_digest(old, new):
    assert old in CODE
    assert code_digest(CODE.replace(old, new)) != code_digest(CODE)


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\x85\u2028\u2029"))
)
def test_no_comment_whatever_it_says_moves_the_digest(text):
    assert code_digest(f"x = 1  # {text}\n") == code_digest("x = 1\n")


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_different_literals_have_different_digests_and_docstrings_the_same(one, other):
    same = one == other
    assert (code_digest(f"x = {one!r}") == code_digest(f"x = {other!r}")) is same
    assert code_digest(f"{one!r}\nx = 1") == code_digest(f"{other!r}\nx = 1")


def test_the_file_of_the_helpers_is_no_part_of_the_package(monkeypatch):
    monkeypatch.syspath_prepend(HELPERS)
    files = source_files(["toy_experiment"])
    runs = {"runs/result.py", "runs/__init__.py"}
    assert {"../toy_experiment.py", "__init__.py"} | runs == set(files)

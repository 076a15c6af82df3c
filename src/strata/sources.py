"""Which files of Strata a piece of code rests on, and a fingerprint of what they say.

Files are read, never imported. A stored result stays fresh when only comments, docstrings or
blank lines change; it becomes stale when the code of any file behind it does.
"""

import ast
import hashlib
import importlib.util
import io
import json
import re
import token
import tokenize
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

PACKAGE = "strata"
PACKAGE_ROOT = Path(__file__).resolve().parent

# An import as written: (module, name imported from it or None for the module itself).
_Import = tuple[str, str | None]
# (row, column) of the first character and of the one after the last, counted from 0.
_Span = tuple[tuple[int, int], tuple[int, int]]


def source_files(modules: Iterable[str]) -> dict[str, str]:
    """Find every file of the package that the modules rest on, themselves included.

    Followed are ``import`` and ``from`` statements wherever they stand (relative ones too),
    ``import_module("...")`` with a literal name, and the ``__init__`` of every package on the
    way. A star import of a package counts as an import of all its modules. A module outside the
    package may be named as a start: its own file counts, and what it imports of Strata.

    Parameters
    ----------
    modules
        Dotted names, such as ``strata.experiments.depth_rank``.

    Returns
    -------
    dict of str to str
        Path relative to the package (``measures/rank.py``; ``../name.py`` for a module outside)
        to the SHA-256 of its code without comments, docstrings and blank lines; sorted.

    Raises
    ------
    ModuleNotFoundError
        A named or imported module has no source file.

    Examples
    --------
    >>> sorted(source_files(["strata.seeding"]))
    ['__init__.py', 'environment.py', 'seeding.py']
    """
    todo, seen, files = list(modules), set(), {}
    while todo:
        module = todo.pop()
        if module in seen:
            continue
        seen.add(module)
        inside = _is_inside(module)
        path = _file_inside(module) if inside else _file_outside(module)
        if path is None:
            raise ModuleNotFoundError(f"no source file for the module {module!r}", name=module)
        digest, imports = _read(path, module, *_version(path))
        if inside:
            files[path.relative_to(PACKAGE_ROOT).as_posix()] = digest
            todo.extend(_packages_above(module))
        else:
            files["../" + module.replace(".", "/") + ".py"] = digest
        todo.extend(_resolve(imports))
    return dict(sorted(files.items()))


def source_fingerprint(modules: Iterable[str]) -> str:
    """Give one SHA-256 (hex) for all files that the modules rest on; see `source_files`."""
    text = json.dumps(source_files(modules), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def imported_modules(code: str) -> set[str]:
    """Give the modules of Strata that a piece of source imports directly.

    Packages above a module are left out: `source_files` adds them.

    Raises
    ------
    SyntaxError
        The code is not Python (a notebook's magics must be taken out first).
    ModuleNotFoundError
        It imports a module of Strata that does not exist.

    Examples
    --------
    >>> sorted(imported_modules("import numpy; from strata import seeding, sources"))
    ['strata.seeding', 'strata.sources']
    """
    return set(_resolve(tuple(_imports(ast.parse(code), package=""))))


def code_digest(code: str) -> str:
    r"""Give the SHA-256 (hex) of Python code without comments, docstrings and blank lines.

    They are located by position (`ast` for strings that stand alone as a statement, `tokenize`
    for comments) and blanked out of the text, so the digest does not depend on how a version of
    Python would print the code again. Lines inside a string literal are kept as they are.

    Examples
    --------
    >>> code_digest("x = 1  # one\n\n") == code_digest("'''Doc.'''\nx = 1\n")
    True
    >>> code_digest("x = '#'") == code_digest("x = ''")
    False
    """
    code = code.replace("\r\n", "\n").replace("\r", "\n")
    comments, literal = _comments_and_literal_rows(code)
    docstrings = _bare_strings(code)
    starts = [0, *(match.end() for match in re.finditer("\n", code))]
    text = list(code)
    for (first, start), (last, end) in (*comments, *docstrings):
        for place in range(starts[first] + start, starts[last] + end):
            if text[place] != "\n":
                text[place] = " "
    for (first, _), (last, _) in docstrings:
        literal.difference_update(range(first, last))
    kept = []
    for row, line in enumerate("".join(text).split("\n")):
        if row in literal:
            kept.append(line)
        elif line.strip():
            kept.append(line.rstrip())
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()


def _bare_strings(code: str) -> list[_Span]:
    """Find the strings that stand alone as a statement: docstrings."""
    lines = code.split("\n")
    spans = []
    for node in ast.walk(ast.parse(code)):
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            continue
        if isinstance(node.value.value, str):
            # `ast` counts columns in bytes of UTF-8.
            first, last = node.lineno - 1, node.end_lineno - 1
            start = len(lines[first].encode()[: node.col_offset].decode())
            end = len(lines[last].encode()[: node.end_col_offset].decode())
            spans.append(((first, start), (last, end)))
    return spans


def _comments_and_literal_rows(code: str) -> tuple[list[_Span], set[int]]:
    """Find the comments, and the rows whose end lies inside a string literal."""
    # Python 3.12 splits f-strings into tokens of their own, 3.14 template strings.
    opening = {getattr(token, name, None) for name in ("FSTRING_START", "TSTRING_START")}
    closing = {getattr(token, name, None) for name in ("FSTRING_END", "TSTRING_END")}
    comments, literal, open_rows = [], set(), []
    for item in tokenize.generate_tokens(io.StringIO(code).readline):
        first, last = item.start[0] - 1, item.end[0] - 1
        if item.type == tokenize.COMMENT:
            comments.append(((first, item.start[1]), (last, item.end[1])))
        elif item.type == tokenize.STRING:
            literal.update(range(first, last))
        elif item.type in opening:
            open_rows.append(first)
        elif item.type in closing:
            literal.update(range(open_rows.pop(), last))
    return comments, literal


def _version(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1024)
def _read(path: Path, module: str, _mtime: int, _size: int) -> tuple[str, tuple[_Import, ...]]:
    """Give the digest of a file and its imports; read again only when the file has changed."""
    with tokenize.open(path) as file:
        code = file.read()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return code_digest(code), tuple(_imports(ast.parse(code, str(path)), package))


def _imports(tree: ast.AST, package: str) -> Iterator[_Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                name = "." * node.level + module
                module = importlib.util.resolve_name(name, package)
            yield from ((module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else None
            called = function.id if isinstance(function, ast.Name) else called
            first = node.args[0]
            if called in ("import_module", "__import__") and isinstance(first, ast.Constant):
                yield str(first.value), None


def _resolve(imports: tuple[_Import, ...]) -> Iterator[str]:
    """Turn imports as written into modules of Strata; others are passed over."""
    for module, name in imports:
        if not _is_inside(module):
            continue
        path = _file_inside(module)
        if path is None:
            raise ModuleNotFoundError(f"no source file for the module {module!r}", name=module)
        if name == "*" and path.name == "__init__.py":
            yield module
            yield from (
                f"{module}.{child.stem if child.is_file() else child.name}"
                for child in sorted(path.parent.iterdir())
                if child != path and (child.suffix == ".py" or (child / "__init__.py").is_file())
            )
        elif name is not None and _file_inside(f"{module}.{name}") is not None:
            yield f"{module}.{name}"
        else:
            yield module


def _is_inside(module: str) -> bool:
    return module == PACKAGE or module.startswith(PACKAGE + ".")


def _packages_above(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))


def _file_inside(module: str) -> Path | None:
    base = PACKAGE_ROOT.joinpath(*module.split(".")[1:])
    for path in (base / "__init__.py", base.with_name(base.name + ".py")):
        if path.is_file():
            return path
    return None


def _file_outside(module: str) -> Path | None:
    spec = importlib.util.find_spec(module) if module != "__main__" else None
    if spec is None or not spec.has_location or not str(spec.origin).endswith(".py"):
        return None
    return Path(spec.origin)

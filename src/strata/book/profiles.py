"""Profiles: which parameters each notebook runs with, validated before anything runs."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import nbformat
import papermill
from nbformat import NotebookNode
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strata.book.settings import named
from strata.claims import PROFILES
from strata.yaml_files import read_yaml

PROFILE_PARAMETER = "profile"


class ParameterError(ValueError):
    """A parameter that the notebook lacks, or of the wrong type, or out of range."""


class NotebookError(ValueError):
    """A notebook that is not there, or cannot be read, or rests on what is not there."""


class Profile(BaseModel):
    """What a notebook runs with under one profile."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float = Field(gt=0)
    needs: list[str]
    parameters: dict[str, Any]
    stale: str | None = Field(None, description="why tracked results may lag behind the code")


class Notebook(BaseModel):
    """An entry of ``book/profiles.yml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    study: Literal["A", "B", "C", "D"]
    published: str | None = Field(None, description="key of published.yml; default: the study")
    experiments: list[str]
    profiles: dict[Literal["smoke", "quick", "full", "paper"], Profile]

    def source(self, root: Path) -> Path:
        """Path of the notebook without outputs."""
        return root / "notebooks" / f"{self.name}.ipynb"

    def read(self, root: Path) -> NotebookNode:
        """The notebook without outputs.

        Raises
        ------
        NotebookError
            If it is not there, or no notebook.
        """
        return read_notebook(self.source(root))

    def modules(self) -> list[ModuleType]:
        """The experiment modules, imported.

        Raises
        ------
        NotebookError
            If there is no such experiment.
        """
        return [self._module(f"strata.experiments.{name}") for name in self.experiments]

    def _module(self, name: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise NotebookError(f"{self.name}: there is no module {name!r}") from None


def load_notebooks(root: Path) -> dict[str, Notebook]:
    """Read ``book/profiles.yml``.

    Raises
    ------
    ValueError
        If an entry has an unknown or missing field; names the entry.
    """
    with named("profiles.yml"):
        entries = dict(read_yaml(root / "book" / "profiles.yml")["notebooks"])
    return {name: _notebook(name, entry) for name, entry in entries.items()}


def _notebook(name: str, entry: Mapping[str, Any]) -> Notebook:
    with named(f"profiles.yml, {name}"):
        return Notebook(name=name, **entry)


def select(notebooks: Mapping[str, Notebook], names: list[str]) -> list[Notebook]:
    """Notebooks by name, all of them for an empty list.

    Raises
    ------
    ParameterError
        For a name that does not exist; the message lists those that do.
    """
    for name in names:
        if name not in notebooks:
            raise ParameterError(
                f"there is no notebook {name!r}{_hint(name, notebooks)}; "
                f"there are: {', '.join(notebooks)}"
            )
    return [notebooks[name] for name in names or notebooks]


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook.

    Raises
    ------
    NotebookError
        If it is not there, or no notebook.
    """
    with _explained(path):
        return nbformat.read(path, as_version=4)


def notebook_parameters(path: Path) -> list[str]:
    """Names in the cell tagged ``parameters`` of a notebook.

    Raises
    ------
    NotebookError
        If it is not there, or no notebook.
    """
    with _explained(path):
        return list(papermill.inspect_notebook(str(path)))


def resolve(
    notebook: Notebook, profile: str, root: Path, overrides: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Parameters of a run, all checked.

    Parameters
    ----------
    notebook : Notebook
    profile : str
        One of smoke, quick, full, paper.
    root : Path
        Project root.
    overrides : mapping, optional
        Values that replace those of the profile; the run is then labelled ``custom``.

    Returns
    -------
    dict
        What papermill injects, the label of the profile included.

    Raises
    ------
    ParameterError
        Naming the parameter and what is allowed.
    NotebookError
        If the notebook or one of its experiments is not there.
    """
    if profile not in notebook.profiles:
        raise ParameterError(
            f"{notebook.name} has no profile {profile!r}; it has: {', '.join(notebook.profiles)}"
        )
    overrides = dict(overrides or {})
    parameters = notebook.profiles[profile].parameters | overrides
    known = notebook_parameters(notebook.source(root))
    for name in parameters:
        if name not in known or name == PROFILE_PARAMETER:
            allowed = [k for k in known if k != PROFILE_PARAMETER]
            raise ParameterError(
                f"{notebook.name} has no parameter {name!r}{_hint(name, allowed)}; "
                f"it has: {', '.join(allowed)}"
            )
    for module in notebook.modules():
        validate(module, notebook.name, parameters)
    return parameters | {PROFILE_PARAMETER: "custom" if overrides else profile}


def validate(module: ModuleType, name: str, parameters: Mapping[str, Any]) -> BaseModel:
    """The experiment's own ``Parameters``, from those of the notebook that concern it."""
    fields = module.Parameters.model_fields
    try:
        return module.Parameters(**{k: v for k, v in parameters.items() if k in fields})
    except ValidationError as error:
        raise ParameterError("\n".join(_explain(name, e) for e in error.errors())) from None


def points(notebook: Notebook, parameters: Mapping[str, Any]) -> list[tuple[ModuleType, list[Any]]]:
    """Every point that the notebook will ask the run store for, by experiment."""
    return [
        (module, validate(module, notebook.name, parameters).points())
        for module in notebook.modules()
    ]


def check_complete(notebook: Notebook, root: Path) -> list[str]:
    """Say where notebook, experiments and profiles disagree about the parameters."""
    wanted = {PROFILE_PARAMETER}
    for module in notebook.modules():
        wanted |= set(module.Parameters.model_fields)
    found = set(notebook_parameters(notebook.source(root)))
    problems = [f"{notebook.name}: no experiment takes {name!r}" for name in sorted(found - wanted)]
    problems += [f"{notebook.name}: the notebook lacks {name!r}" for name in sorted(wanted - found)]
    for profile in notebook.profiles:
        try:
            resolve(notebook, profile, root)
        except ParameterError as error:
            problems.append(f"{profile}: {error}")
    missing = set(PROFILES) - set(notebook.profiles)
    return problems + [f"{notebook.name}: no profile {name!r}" for name in sorted(missing)]


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Name the notebook in what goes wrong when it is read."""
    try:
        yield
    except OSError as error:
        raise NotebookError(f"{path.stem}: cannot read {path}: {error.strerror}") from None
    # What nbformat raises depends on how far the file is from a notebook.
    except (ValueError, TypeError, AttributeError, nbformat.ValidationError) as error:
        said = str(error).partition("\n")[0]
        raise NotebookError(f"{path.stem}: {path} is no notebook: {said[:200]}") from None


def _hint(name: str, known: Mapping[str, Any] | list[str]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _explain(notebook: str, error: Any) -> str:
    place = "".join(f"[{p}]" if isinstance(p, int) else str(p) for p in error["loc"])
    if error["type"] == "missing":
        return f"{notebook}: parameter {place!r} has no value"
    allowed = error["msg"].replace("Input should be", "must be")
    return f"{notebook}: parameter {place!r} = {error['input']!r} is refused: {allowed}"

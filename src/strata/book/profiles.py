"""Profiles: which parameters each notebook runs with, validated before anything runs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import papermill
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strata.claims import PROFILES

PROFILE_PARAMETER = "profile"


class ParameterError(ValueError):
    """A parameter that the notebook lacks, or of the wrong type, or out of range."""


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

    def modules(self) -> list[ModuleType]:
        """The experiment modules, imported."""
        return [importlib.import_module(f"strata.experiments.{name}") for name in self.experiments]


def load_notebooks(root: Path) -> dict[str, Notebook]:
    """Read ``book/profiles.yml``.

    Raises
    ------
    ValueError
        If an entry has an unknown or missing field.
    """
    text = (root / "book" / "profiles.yml").read_text(encoding="utf-8")
    return {
        name: Notebook(name=name, **entry)
        for name, entry in yaml.safe_load(text)["notebooks"].items()
    }


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


def notebook_parameters(path: Path) -> list[str]:
    """Names in the cell tagged ``parameters`` of a notebook."""
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
    problems = [f"{notebook.name}: no experiment takes {name!r}" for name in found - wanted]
    problems += [f"{notebook.name}: the notebook lacks {name!r}" for name in wanted - found]
    for profile in notebook.profiles:
        try:
            resolve(notebook, profile, root)
        except ParameterError as error:
            problems.append(f"{profile}: {error}")
    missing = set(PROFILES) - set(notebook.profiles)
    return problems + [f"{notebook.name}: no profile {name!r}" for name in sorted(missing)]


def _hint(name: str, known: Mapping[str, Any] | list[str]) -> str:
    close = get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _explain(notebook: str, error: Any) -> str:
    place = "".join(f"[{p}]" if isinstance(p, int) else str(p) for p in error["loc"])
    if error["type"] == "missing":
        return f"{notebook}: parameter {place!r} has no value"
    allowed = error["msg"].replace("Input should be", "must be")
    return f"{notebook}: parameter {place!r} = {error['input']!r} is refused: {allowed}"

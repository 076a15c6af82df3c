"""The application itself, and what several of its commands do alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer

from strata.paths import ProjectNotFoundError, project_root

app = typer.Typer(
    help="Strata: run the notebooks, build the book, and check that it reproduces.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Names = Annotated[list[str] | None, typer.Argument(help="Notebooks; all of them by default.")]
ProfileOption = Annotated[str, typer.Option("--profile", "-P", help="smoke, quick, full or paper.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Notebooks at a time.")]


def select(names: list[str] | None, profile: str | None = None) -> list[Any]:
    """The notebooks of these names, all of them for none; they must have the profile.

    Raises
    ------
    ParameterError
        For a name that does not exist, or a profile that one of them lacks.
    """
    from strata.book import profiles

    notebooks = profiles.select(profiles.load_notebooks(project_root()), names or [])
    for notebook in notebooks:
        if profile is not None and profile not in notebook.profiles:
            raise profiles.ParameterError(f"{notebook.name} has no profile {profile!r}")
    return notebooks


def require_data(notebooks: list[Any], profile: str) -> None:
    """Make sure that the data are here before anything runs.

    Raises
    ------
    ValueError
        If a data set is not here, or unknown.
    """
    from strata.data.catalogue import catalogue

    known = catalogue()
    for notebook in notebooks:
        settings = notebook.profiles.get(profile)
        for need in settings.needs if settings else ():
            if need not in known:
                raise ValueError(f"{notebook.name} needs {need!r}, which is not here: strata data")
            known[need].whereabouts()


@contextmanager
def wrong_use() -> Iterator[None]:
    """Turn an error of the user's words into one line and exit status 2."""
    try:
        yield
    except (ValueError, ProjectNotFoundError) as error:
        typer.echo(f"strata: {error}", err=True)
        raise typer.Exit(2) from None


def fail(text: str) -> NoReturn:
    """End with exit status 1."""
    typer.echo(text, err=True)
    raise typer.Exit(1)

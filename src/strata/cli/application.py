"""The application itself, and what several of its commands do alike."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer
import yaml

from strata.book.processor import same_products
from strata.paths import ProjectNotFoundError, project_root
from strata.yaml_files import read_yaml

app = typer.Typer(
    help="Strata: run the notebooks, build the book, and check that it reproduces.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
# Before any command imports numpy; notebooks and workers inherit it.
os.environ.update(same_products())

Names = Annotated[list[str] | None, typer.Argument(help="Notebooks; all of them by default.")]
ProfileOption = Annotated[str, typer.Option("--profile", "-P", help="smoke, quick, full or paper.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Notebooks at a time.")]


def select(names: list[str] | None, profile: str | None = None) -> list[Any]:
    """The notebooks of these names, all of them for none; they must have the profile.

    Raises
    ------
    ParameterError
        For a name that does not exist, or a profile that one of them lacks.
    ValueError
        If a file that says what the notebooks are is damaged; names it.
    """
    from strata.book import profiles
    from strata.book.settings import named
    from strata.claims import load_claims

    root = project_root()
    with named("claims.yml"):
        load_claims(root / "book" / "claims.yml")
    with named("published.yml"):
        read_yaml(root / "book" / "published.yml")
    notebooks = profiles.select(profiles.load_notebooks(root), names or [])
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


def require_published_draw() -> None:
    """Refuse variables that the notebooks would not hear of: their records are of one draw.

    Raises
    ------
    ValueError
        Threads or seeds are not those of the published results.
    """
    from strata.environment import seed_family, thread_count

    if (thread_count(), seed_family()) != (1, 0):
        raise ValueError(
            "STRATA_THREADS and STRATA_SEEDS are for strata sweep and for scripts; "
            "notebooks with other threads or seeds: strata calibrate"
        )


@contextmanager
def wrong_use() -> Iterator[None]:
    """Turn an error of the user's words into one line and exit status 2."""
    try:
        yield
    except (ValueError, yaml.YAMLError, ProjectNotFoundError) as error:
        typer.echo(f"strata: {error}", err=True)
        raise typer.Exit(2) from None


def fail(text: str) -> NoReturn:
    """End with exit status 1."""
    typer.echo(text, err=True)
    raise typer.Exit(1)

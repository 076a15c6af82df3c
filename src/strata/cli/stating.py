"""Commands that tell what there is."""

from __future__ import annotations

from typing import Annotated

import typer

from strata.cli.application import ProfileOption, app, select, wrong_use
from strata.paths import project_root


@app.command()
def status() -> None:
    """Show the state of every notebook under every profile that is run here."""
    from strata.book.check import status_of

    with wrong_use():
        notebooks = select([])
    for notebook in notebooks:
        for profile in ("smoke", "quick", "full"):
            if profile not in notebook.profiles:
                continue
            found = status_of(notebook, profile, project_root())
            run = found.record.run if found.record else None
            facts = f"  {run['date']}, {run['seconds']:.0f} s" if run else ""
            typer.echo(found.line() + facts)


@app.command()
def data() -> None:
    """List the data sets, where they come from, and who needs them."""
    from strata.data.catalogue import catalogue
    from strata.data.images.location import DataError

    with wrong_use():
        notebooks = select([])
    for entry in catalogue().values():
        try:
            where = entry.whereabouts()
        except DataError as error:
            where = str(error)
        typer.echo(f"{entry.name:<18} {entry.what:<26} {where}")
    for notebook in notebooks:
        for profile, settings in notebook.profiles.items():
            needs = ", ".join(settings.needs) or "nothing to download"
            typer.echo(f"{notebook.name}, {profile}: {needs}")


@app.command()
def scorecard(
    profile: ProfileOption = "full",
    format_: Annotated[str, typer.Option("--format", "-f", help="text, json or csv.")] = "text",
) -> None:
    """Print every claim with what was measured and how it was judged."""
    from strata.book.record import executed_folder, load_records
    from strata.pages.scorecard import FORMATS
    from strata.pages.scorecard import scorecard as rows_of

    with wrong_use():
        if format_ not in FORMATS:
            raise ValueError(f"--format takes {', '.join(FORMATS)}, got {format_!r}")
        names = [notebook.name for notebook in select([], profile)]
        records = load_records(names, executed_folder(project_root(), profile))
        rows = rows_of(records, project_root())
    typer.echo(FORMATS[format_](rows), nl=False)

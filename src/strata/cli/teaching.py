"""Commands for teaching."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from strata.cli.application import Names, ProfileOption, app, select, wrong_use
from strata.paths import project_root


@app.command()
def student(
    names: Names = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder; _build/student by default.")
    ] = None,
    profile: ProfileOption = "quick",
) -> None:
    """Write the student edition: notebooks without solutions and results."""
    from strata.book.student import write_student_edition

    with wrong_use():
        notebooks = select(names, profile)
        folder = out or project_root() / "_build" / "student"
        written = write_student_edition(notebooks, project_root(), folder, profile)
    for path in written:
        typer.echo(str(path))

"""Commands for teaching."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from strata.cli.application import (
    Names,
    ProfileOption,
    app,
    require_data,
    require_published_draw,
    select,
    wrong_use,
)
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
    from strata.book.files import require_writable
    from strata.pages.student import write_student_edition

    with wrong_use():
        notebooks = select(names, profile)
        folder = out or project_root() / "_build" / "student"
        require_writable(folder)
        written = write_student_edition(notebooks, project_root(), folder, profile)
    for path in written:
        typer.echo(str(path))


@app.command()
def vary(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Notebooks, or NOTEBOOK/VARIATION; all variations by default."),
    ] = None,
    profile: ProfileOption = "quick",
    missing: Annotated[
        bool, typer.Option(help="Only those that have no result at this profile.")
    ] = False,
) -> None:
    """Run the changes of a parameter of book/variations.yml and keep what they give."""
    from strata.book.variations import (
        load_results,
        load_variations,
        prepare_variations,
        results_path,
        run_variations,
    )

    with wrong_use():
        root = project_root()
        chosen = list(dict.fromkeys(name.partition("/")[0] for name in names or []))
        notebooks = select(chosen, profile)
        require_published_draw()
        require_data(notebooks, profile)
        variations = load_variations(root, notebooks)
        known = {v.id for v in variations} | {v.notebook for v in variations}
        if unknown := [name for name in names or [] if name not in known]:
            raise ValueError(f"there is no variation {unknown[0]!r}; there are: {sorted(known)}")
        done = load_results(results_path(root, profile)) if missing else {}
        wanted = [
            v
            for v in variations
            if (not names or v.id in names or v.notebook in names) and v.id not in done
        ]
        prepared = prepare_variations(wanted, notebooks, root, profile, typer.echo)
    failed = run_variations(prepared, root, profile)
    for name in failed:
        typer.echo(f"failed: {name}", err=True)
    typer.echo(f"kept in {results_path(root, profile)}")
    raise typer.Exit(1 if failed else 0)

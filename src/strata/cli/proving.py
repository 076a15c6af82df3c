"""Commands that say whether what is published still holds."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from strata.cli.application import Jobs, Names, ProfileOption, app, select, wrong_use
from strata.paths import project_root


@app.command()
def check(profile: ProfileOption = "full") -> None:
    """Recompute every key without executing, and say what is fresh and what is not."""
    from strata.book.chapters import chapter_problems
    from strata.book.check import check_sources, status_of
    from strata.book.values import value_problems
    from strata.book.variations import not_run, variation_problems

    with wrong_use():
        notebooks = select([], profile)
    statuses = [status_of(notebook, profile, project_root()) for notebook in notebooks]
    for status in statuses:
        typer.echo(status.line())
    if waiting := not_run(notebooks, project_root()):
        typer.echo(f"{len(waiting)} variations have not been run: strata vary --missing")
    records = {status.notebook: status.record for status in statuses if status.record}
    problems = check_sources(notebooks, project_root())
    problems += chapter_problems(notebooks, project_root())
    problems += variation_problems(notebooks, project_root())
    problems += value_problems(project_root(), records)
    for problem in problems:
        typer.echo(problem, err=True)
    raise typer.Exit(1 if problems or not all(s.acceptable for s in statuses) else 0)


@app.command()
def verify(
    names: Names = None,
    profile: ProfileOption = "quick",
    jobs: Jobs = 1,
    accept: Annotated[
        bool, typer.Option(help="Keep the fresh records as the tracked ones of this profile.")
    ] = False,
) -> None:
    """Execute again from nothing, with an empty run store, and compare with the tracked records."""
    from strata.book import run as runner
    from strata.book.record import TRACKED, RecordError, load_record, reference_path
    from strata.book.verify import compare, same_build
    from strata.claims import load_claims

    with wrong_use():
        root = project_root()
        if accept and profile in TRACKED:
            raise ValueError(f"records of {profile} come with: strata run --profile {profile}")
        prepared = runner.prepare(select(names), profile, root)
    folder = root / "_build" / "verify" / profile
    with tempfile.TemporaryDirectory(prefix="strata-verify-") as store:
        setting = runner.Setting(root, jobs, folder, Path(store), typer.echo)
        outcomes = runner.run(prepared, setting)
    failed = False
    for outcome in outcomes:
        name = outcome.notebook
        if outcome.record is None:
            failed = True
            continue
        reference = reference_path(root, profile, name)
        if accept:
            reference.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / reference.name, reference)
        try:
            tracked = load_record(reference)
        except RecordError as error:
            typer.echo(f"{name}: {error}; keep one with: strata verify --accept", err=True)
            failed = True
            continue
        rows = compare(tracked, outcome.record, load_claims())
        rule = "to the last bit" if same_build(tracked, outcome.record) else "within tolerance"
        for row in rows:
            typer.echo(row.line())
        different = sum(not row.same for row in rows)
        failed = failed or different > 0
        typer.echo(f"{name}: {len(rows) - different} of {len(rows)} rows agree {rule}")
    raise typer.Exit(1 if failed else 0)

"""Commands that say whether what is published still holds."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strata.cli.application import (
    Jobs,
    Names,
    ProfileOption,
    app,
    require_data,
    require_published_draw,
    select,
    wrong_use,
)
from strata.paths import project_root

if TYPE_CHECKING:
    from strata.book.run import Outcome
    from strata.book.tolerances import OtherRun


@app.command()
def check(profile: ProfileOption = "full") -> None:
    """Recompute every key without executing, and say what is fresh and what is not."""
    from strata.book.chapters import chapter_problems
    from strata.book.check import check_sources, status_of
    from strata.book.tolerances import other_run_problems
    from strata.book.values import value_problems
    from strata.book.variations import not_run, variation_problems

    with wrong_use():
        root = project_root()
        notebooks = select([], profile)
    statuses = [status_of(notebook, profile, root) for notebook in notebooks]
    for status in statuses:
        typer.echo(status.line())
    records = {status.notebook: status.record for status in statuses if status.record}
    with wrong_use():
        if waiting := not_run(notebooks, root):
            typer.echo(f"{len(waiting)} variations have not been run: strata vary --missing")
        problems = check_sources(notebooks, root)
        problems += chapter_problems(notebooks, root)
        problems += variation_problems(notebooks, root)
        problems += other_run_problems(notebooks, root)
        problems += value_problems(root, records)
    for problem in dict.fromkeys(problems):
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
    from strata.book.files import copy_whole, require_writable
    from strata.book.record import TRACKED, reference_path, tracked_folder
    from strata.book.tolerances import load_others

    with wrong_use():
        root = project_root()
        if accept and profile in TRACKED:
            raise ValueError(f"records of {profile} come with: strata run --profile {profile}")
        notebooks = select(names)
        require_published_draw()
        require_data(notebooks, profile)
        others = {n.name: load_others(root, profile, n.name) for n in notebooks}
        prepared = runner.prepare(notebooks, profile, root)
        folder = root / "_build" / "verify" / profile
        setting = runner.Setting(root, jobs, folder, say=typer.echo)
        runner.require_ready(prepared, setting)
        if accept:
            require_writable(tracked_folder(root, profile))
    agreed = True
    with tempfile.TemporaryDirectory(prefix="strata-verify-") as store:
        for outcome in runner.run(prepared, replace(setting, store=Path(store))):
            reference = reference_path(root, profile, outcome.notebook)
            ended, compared = outcome.record is not None, not accept or reference.exists()
            same = compared and _agrees(outcome, reference, others[outcome.notebook])
            if accept and ended:
                copy_whole(folder / reference.name, reference)
                typer.echo(f"{outcome.notebook}: kept in {reference.relative_to(root)}")
            # What differs from a record that gives way is shown, and has to come out from now on.
            agreed &= ended if accept else same
    raise typer.Exit(0 if agreed else 1)


def _agrees(outcome: Outcome, reference: Path, others: Sequence[OtherRun]) -> bool:
    """Show a fresh run beside the tracked record; whether it ended, and nothing differs."""
    from strata.book.record import RecordError, load_record
    from strata.book.tolerances import tolerances, verdicts_seen
    from strata.book.verify import compare, same_build, summary

    name = outcome.notebook
    if outcome.record is None:
        return False
    try:
        tracked = load_record(reference)
    except RecordError as error:
        typer.echo(f"{name}: {error}; keep one with: strata verify --accept", err=True)
        return False
    usual, seen = tolerances(tracked, others), verdicts_seen(tracked, others)
    rows = compare(tracked, outcome.record, usual, seen)
    for row in rows:
        typer.echo(row.line())
    rule = "to the last bit" if same_build(tracked, outcome.record) else "within tolerance"
    typer.echo(f"{name}: {summary(rows, rule)}")
    if any(row.same is None for row in rows):
        typer.echo(
            f"{name}: tolerances are missing; where the tracked record was made: "
            f"strata calibrate {name} --profile {outcome.record.profile}",
            err=True,
        )
    return not any(row.same is False for row in rows)


@app.command()
def calibrate(
    names: Names = None,
    profile: ProfileOption = "quick",
    threads: Annotated[list[int] | None, typer.Option(min=2, help="Threads of a worker.")] = None,
    seeds: Annotated[list[int] | None, typer.Option(min=1, help="Families of seeds.")] = None,
) -> None:
    """Execute again with other threads and other seeds, and keep how far every number moves.

    What is kept are the tolerances of `strata verify`. By default 2 threads, and one other family.
    """
    from strata.book import run as runner
    from strata.book.files import require_writable
    from strata.book.record import tracked_folder
    from strata.book.tolerances import keep, load_others

    with wrong_use():
        root = project_root()
        notebooks = select(names)
        require_published_draw()
        require_data(notebooks, profile)
        for notebook in notebooks:  # a damaged file is said before minutes of work
            load_others(root, profile, notebook.name)
        prepared = runner.prepare(notebooks, profile, root)
        folder = root / "_build" / "calibrate" / profile
        usual = runner.Setting(root, folder=folder, say=typer.echo)
        runner.require_ready(prepared, usual)
        require_writable(tracked_folder(root, profile))
    settings = [(n, 0) for n in threads or []] + [(1, n) for n in seeds or []]
    failed = False
    for count, family in settings or [(2, 0), (1, 1)]:
        typer.echo(f"{count} threads a worker, family {family} of seeds")
        with tempfile.TemporaryDirectory(prefix="strata-calibrate-") as store:
            setting = replace(usual, store=Path(store), threads=count, seeds=family)
            for outcome in runner.run(prepared, setting):
                if outcome.record is None:
                    failed = True
                else:
                    keep(root, outcome.record)
    raise typer.Exit(1 if failed else 0)

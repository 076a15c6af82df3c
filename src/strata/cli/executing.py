"""Commands that compute: notebooks, and points of a sweep."""

from __future__ import annotations

from typing import Annotated, Any

import typer
import yaml

from strata.cli.application import (
    Jobs,
    Names,
    ProfileOption,
    app,
    fail,
    require_data,
    select,
    wrong_use,
)
from strata.paths import project_root


@app.command()
def run(
    names: Names = None,
    profile: ProfileOption = "quick",
    jobs: Jobs = 1,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", "-p", help="name=value, instead of the profile's own."),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=1, help="Wall-clock limit of a notebook in seconds.")
    ] = None,
) -> None:
    """Execute notebooks and keep their records."""
    from strata.book import run as runner

    with wrong_use():
        overrides = _overrides(set_ or [])
        notebooks = select(names)
        require_data(notebooks, profile)
        prepared = runner.prepare(notebooks, profile, project_root(), overrides, timeout)
    outcomes = runner.run(prepared, runner.Setting(project_root(), jobs, say=typer.echo))
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        typer.echo(f"failed: {outcome.notebook}: {outcome.error.splitlines()[0]}", err=True)
    raise typer.Exit(1 if failed else 0)


@app.command()
def sweep(
    name: Annotated[str, typer.Argument(help="The notebook whose points to compute.")],
    profile: ProfileOption = "quick",
    shard: Annotated[str, typer.Option(help="i/n: the i-th of n shares.")] = "1/1",
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", min=1, help="Processes; all cores by default.")
    ] = None,
) -> None:
    """Compute the points of a notebook into the run store, without executing the notebook."""
    from strata.book.profiles import points, resolve
    from strata.store import StoreError
    from strata.sweep import SweepError
    from strata.sweep import shard as take
    from strata.sweep import sweep as compute

    with wrong_use():
        index, count = _shard(shard)
        notebook = select([name])[0]
        parameters = resolve(notebook, profile, project_root())
        require_data([notebook], profile)
        shares = [
            (module, take(module, configs, index, count))
            for module, configs in points(notebook, parameters)
        ]
    for module, configs in shares:
        try:
            compute(module, configs, workers=workers)
        except (SweepError, StoreError) as error:
            fail(str(error))
        typer.echo(f"{module.__name__.rpartition('.')[2]}: {len(configs)} points are stored")


def _overrides(pairs: list[str]) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"--set takes name=value, got {pair!r}")
        found[name.strip()] = yaml.safe_load(value)
    return found


def _shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not (slash and index.isdigit() and count.isdigit()):
        raise ValueError(f"--shard takes i/n, for example 1/4, got {text!r}")
    return int(index), int(count)

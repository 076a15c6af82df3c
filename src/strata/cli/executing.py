"""Commands that compute: notebooks, and points of a sweep."""

from __future__ import annotations

import re
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
    require_published_draw,
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
        require_published_draw()
        require_data(notebooks, profile)
        prepared = runner.prepare(notebooks, profile, project_root(), overrides, timeout)
        setting = runner.Setting(project_root(), jobs, say=typer.echo)
        runner.require_ready(prepared, setting)
    outcomes = runner.run(prepared, setting)
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
        int | None,
        typer.Option(
            "--workers", "-w", min=0, help="Processes; all cores by default, 0 for this one alone."
        ),
    ] = None,
) -> None:
    """Compute the points of a notebook into the run store, without executing the notebook."""
    from strata.book.profiles import points, resolve
    from strata.environment import seed_family, thread_count
    from strata.store import StoreError
    from strata.sweep import SweepError, worker_count
    from strata.sweep import shard as take
    from strata.sweep import sweep as compute

    with wrong_use():
        processes = worker_count() if workers is None else workers
        for setting in (thread_count, seed_family):
            setting()  # what is wrong with it is said here, not by every worker
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
            compute(module, configs, workers=processes)
        except (SweepError, StoreError) as error:
            fail(str(error))
        typer.echo(f"{module.__name__.rpartition('.')[2]}: {len(configs)} points are stored")


class _Loader(yaml.SafeLoader):
    """YAML in which `1e-3` is a number, as in YAML 1.2; PyYAML knows 1.1, where it is text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def _overrides(pairs: list[str]) -> dict[str, Any]:
    from strata.book.settings import named

    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"--set takes name=value, got {pair!r}")
        with named(f"--set {name.strip()}"):
            found[name.strip()] = yaml.load(value, _Loader)
    return found


def _shard(text: str) -> tuple[int, int]:
    index, slash, count = text.partition("/")
    if not (slash and index.isdigit() and count.isdigit()):
        raise ValueError(f"--shard takes i/n, for example 1/4, got {text!r}")
    return int(index), int(count)

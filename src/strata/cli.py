"""The command ``strata``. Exit status: 0 done, 1 something failed (named), 2 wrong use."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
import yaml

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

    with _wrong_use():
        overrides = _overrides(set_ or [])
        notebooks = _select(names)
        _require_data(notebooks, profile)
        prepared = runner.prepare(notebooks, profile, project_root(), overrides, timeout)
    outcomes = runner.run(prepared, runner.Setting(project_root(), jobs, say=typer.echo))
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        typer.echo(f"failed: {outcome.notebook}: {outcome.error.splitlines()[0]}", err=True)
    raise typer.Exit(1 if failed else 0)


@app.command()
def build(profile: ProfileOption = "quick") -> None:
    """Build the pages from executed notebooks and say where they are."""
    from strata.book.build import BuildError
    from strata.book.build import build as build_pages

    with _wrong_use():
        notebooks = _select([], profile)
    try:
        pages = build_pages(notebooks, profile, project_root())
    except BuildError as error:
        _fail(str(error))
    typer.echo(f"the pages are in {pages}")
    typer.echo(f"open {pages / 'index.html'}, or: strata serve --profile {profile}")


@app.command()
def check(profile: ProfileOption = "full") -> None:
    """Recompute every key without executing, and say what is fresh and what is not."""
    from strata.book.check import check_sources, status_of

    with _wrong_use():
        notebooks = _select([], profile)
    statuses = [status_of(notebook, profile, project_root()) for notebook in notebooks]
    for status in statuses:
        typer.echo(status.line())
    problems = check_sources(notebooks, project_root())
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

    with _wrong_use():
        root = project_root()
        if accept and profile in TRACKED:
            raise ValueError(f"records of {profile} come with: strata run --profile {profile}")
        prepared = runner.prepare(_select(names), profile, root)
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


@app.command()
def status() -> None:
    """Show the state of every notebook under every profile that is run here."""
    from strata.book.check import status_of

    with _wrong_use():
        notebooks = _select([])
    for notebook in notebooks:
        for profile in ("smoke", "quick", "full"):
            found = status_of(notebook, profile, project_root())
            run = found.record.run if found.record else None
            facts = f"  {run['date']}, {run['seconds']:.0f} s" if run else ""
            typer.echo(found.line() + facts)


@app.command()
def data() -> None:
    """List the data sets, where they come from, and who needs them."""
    from strata.data.catalogue import catalogue
    from strata.data.images.location import DataError

    with _wrong_use():
        notebooks = _select([])
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
def serve(
    profile: ProfileOption = "quick",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
) -> None:
    """Serve the built pages on this machine."""
    from strata.book.serve import server

    try:
        running = server(project_root() / "_build" / profile / "html", port)
    except OSError as error:
        _fail(str(error))
    with running:
        typer.echo(f"http://127.0.0.1:{running.server_port}/ (stop with Ctrl-C)")
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            typer.echo("stopped")


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

    with _wrong_use():
        index, count = _shard(shard)
        notebook = _select([name])[0]
        parameters = resolve(notebook, profile, project_root())
        _require_data([notebook], profile)
        shares = [
            (module, take(module, configs, index, count))
            for module, configs in points(notebook, parameters)
        ]
    for module, configs in shares:
        try:
            compute(module, configs, workers=workers)
        except (SweepError, StoreError) as error:
            _fail(str(error))
        typer.echo(f"{module.__name__.rpartition('.')[2]}: {len(configs)} points are stored")


def _select(names: list[str] | None, profile: str | None = None) -> list[Any]:
    from strata.book.profiles import ParameterError, load_notebooks, select

    notebooks = select(load_notebooks(project_root()), names or [])
    for notebook in notebooks:
        if profile is not None and profile not in notebook.profiles:
            raise ParameterError(f"{notebook.name} has no profile {profile!r}")
    return notebooks


def _require_data(notebooks: list[Any], profile: str) -> None:
    from strata.data.catalogue import catalogue

    known = catalogue()
    for notebook in notebooks:
        settings = notebook.profiles.get(profile)
        for need in settings.needs if settings else ():
            if need not in known:
                raise ValueError(f"{notebook.name} needs {need!r}, which is not here: strata data")
            known[need].whereabouts()


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


@contextmanager
def _wrong_use() -> Iterator[None]:
    """Turn an error of the user's words into one line and exit status 2."""
    try:
        yield
    except (ValueError, ProjectNotFoundError) as error:
        typer.echo(f"strata: {error}", err=True)
        raise typer.Exit(2) from None


def _fail(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()

"""Commands around the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from strata.cli.application import ProfileOption, app, fail, select, wrong_use
from strata.paths import project_root


@app.command()
def build(profile: ProfileOption = "quick") -> None:
    """Build the pages from executed notebooks and say where they are."""
    from strata.pages.build import BuildError
    from strata.pages.build import build as build_pages

    with wrong_use():
        root = project_root()
        notebooks = select([], profile)
        _require_settings(notebooks, root)
    try:
        pages = build_pages(notebooks, profile, root)
    except BuildError as error:
        fail(str(error))
    typer.echo(f"the pages are in {pages}")
    typer.echo(f"open {pages / 'index.html'}, or: strata serve --profile {profile}")


@app.command()
def serve(
    profile: ProfileOption = "quick",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    address: Annotated[
        str, typer.Option(help="0.0.0.0 lets other machines in, as a container must.")
    ] = "127.0.0.1",
) -> None:
    """Serve the built pages on this machine."""
    from strata.pages.serve import server

    with wrong_use():
        root = project_root()
    try:
        running = server(root / "_build" / profile / "html", port, address)
    except OSError as error:
        fail(str(error))
    with running:
        typer.echo(f"http://{address}:{running.server_port}/ (stop with Ctrl-C)")
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            typer.echo("stopped")


@app.command()
def pdf(profile: ProfileOption = "quick") -> None:
    """Print the built pages into one PDF with bookmarks and page numbers."""
    from strata.pages.pdf import PdfError, print_book
    from strata.pages.site import load_site

    with wrong_use():
        root = project_root()
        site = load_site(root)
    folder = root / "_build" / profile
    try:
        count = print_book(
            folder / "html",
            folder / "stage" / "_toc.yml",
            folder / "strata.pdf",
            address=site.address,
            say=typer.echo,
        )
    except (OSError, PdfError) as error:
        fail(str(error))
    typer.echo(f"{count} sheets are in {folder / 'strata.pdf'}")


def _require_settings(notebooks: list[Any], root: Path) -> None:
    """Read what the pages are made of beside notebooks, so that what is wrong there is named."""
    from strata.book.chapters import chapters, reading_order
    from strata.book.variations import load_results, load_variations, results_path
    from strata.pages.performance import performance_blocks
    from strata.pages.scorecard import load_known
    from strata.pages.site import load_site

    for read in (load_site, load_known, performance_blocks):
        read(root)
    load_variations(root, notebooks)
    load_results(results_path(root))
    reading_order(chapters(notebooks, root))

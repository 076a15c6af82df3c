"""What a page offers to whoever wants to run it: files, the command, launch links."""

from __future__ import annotations

import html
import shutil
from pathlib import Path
from urllib.parse import quote, urlencode

import yaml
from nbformat import NotebookNode, v4

from strata.book.profiles import PROFILE_PARAMETER
from strata.book.record import Record, executed_folder
from strata.pages.site import SETTING, Site

FILES = Path("_static") / "run"
"""Where the files lie, below the pages and below ``book``."""


def add_offers(node: NotebookNode, record: Record, site: Site, root: Path, book: Path) -> None:
    """Put the offers of a chapter below its header, and their files among the pages.

    Parameters
    ----------
    node
        The page; its header is there already.
    record
        Of the executed notebook.
    site
        Where the repository is.
    root
        Of the project, which is read only.
    book
        The folder of pages that is about to be built.
    """
    write_files(record, root, book / FILES)
    cell = v4.new_markdown_cell(strip(record, site))
    cell.id = "strata-offers"
    places = [i for i, other in enumerate(node.cells) if other.id == "strata-header"]
    node.cells.insert(places[0] + 1, cell)


def write_files(record: Record, root: Path, folder: Path) -> None:
    """Write a chapter's notebook as executed and as it is, its parameters and its record."""
    name = record.notebook
    folder.mkdir(parents=True, exist_ok=True)
    executed = executed_folder(root, record.profile) / f"{name}.ipynb"
    shutil.copyfile(executed, folder / f"{name}-{record.profile}.ipynb")
    shutil.copyfile(root / "notebooks" / f"{name}.ipynb", folder / f"{name}.ipynb")
    parameters = {k: v for k, v in record.parameters.items() if k != PROFILE_PARAMETER}
    said = f"# {command(record)}\n{yaml.safe_dump(parameters, sort_keys=False)}"
    (folder / f"{name}-{record.profile}.yml").write_text(said, encoding="utf-8")
    (folder / f"{name}-{record.profile}.json").write_text(record.dumps(), encoding="utf-8")


def command(record: Record) -> str:
    """What executes the chapter again."""
    return f"strata run {record.notebook} --profile {record.profile}"


def strip(record: Record, site: Site) -> str:
    """The offers as HTML; launch links only where the repository has an address."""
    name, profile = record.notebook, record.profile
    files = {
        "notebook as executed": f"{name}-{profile}.ipynb",
        "notebook without outputs": f"{name}.ipynb",
        "parameters": f"{name}-{profile}.yml",
        "record": f"{name}-{profile}.json",
    }
    links = [
        f'<a href="../{FILES.as_posix()}/{file}" download="{file}">{what}</a>'
        for what, file in files.items()
    ]
    links += [
        f'<a href="{html.escape(address)}">{what}</a>'
        for what, address in launch_links(record, site).items()
    ]
    if not site.repository:
        links.append(
            f"Colab and Binder: not from this copy ({SETTING.as_posix()} names no repository)"
        )
    items = "".join(f"<li>{link}</li>" for link in links)
    return (
        '<div class="strata-offers strata-screen" role="group" aria-label="Run it yourself">'
        f"<p><strong>Run it yourself</strong> <code>{command(record)}</code></p>"
        f"<ul>{items}</ul>{_colab_cell(site)}</div>"
    )


def launch_links(record: Record, site: Site) -> dict[str, str]:
    """Addresses at which the chapter can be looked at and run, by name; none without repository.

    The source is that of the recorded commit, where there is one; the others open the branch.
    """
    if not site.repository:
        return {}
    path = f"notebooks/{record.notebook}.ipynb"
    branch = quote(site.branch)
    commit = record.run.get("commit")
    source = "source at this commit" if commit else "source"
    lab = urlencode({"urlpath": f"lab/tree/{path}"})
    return {
        source: f"https://github.com/{site.repository}/blob/{commit or branch}/{path}",
        "Colab": f"https://colab.research.google.com/github/{site.repository}/blob/{branch}/{path}",
        "Binder": f"https://mybinder.org/v2/gh/{site.repository}/{quote(branch, safe='')}?{lab}",
    }


def first_cell(site: Site) -> str:
    """What brings Strata into a fresh Colab, to be run before the first cell."""
    return (
        f"!git clone --depth 1 --branch {site.branch} https://github.com/{site.repository} strata\n"
        "%cd strata\n"
        "%pip install --quiet --constraint constraints.txt ."
    )


def _colab_cell(site: Site) -> str:
    if not site.repository:
        return ""
    return (
        "<details><summary>In Colab, run this in a cell of its own first</summary>"
        f"<pre>{html.escape(first_cell(site))}</pre></details>"
    )

"""Where the project is: the folder that holds `_config.yml` and `book/`."""

import os
from pathlib import Path


class ProjectNotFoundError(RuntimeError):
    """No folder of a Strata project can be found."""


def _is_project(folder: Path) -> bool:
    return (folder / "_config.yml").is_file() and (folder / "book").is_dir()


def project_root() -> Path:
    """Give the project's folder.

    The first of: the folder named by the environment variable ``STRATA_ROOT``; the nearest
    folder with ``_config.yml`` and ``book/``, from the working directory upwards; the same from
    the installed package upwards (an editable install lies inside its project).

    Returns
    -------
    Path
        An absolute path.

    Raises
    ------
    ProjectNotFoundError
        ``STRATA_ROOT`` names a folder that is no project, or there is no project to be found.
    """
    named = os.environ.get("STRATA_ROOT")
    if named:
        folder = Path(named).expanduser().resolve()
        if not _is_project(folder):
            raise ProjectNotFoundError(
                f"STRATA_ROOT is {folder}, which holds no `_config.yml` with a folder `book`"
            )
        return folder
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            if _is_project(folder):
                return folder
    raise ProjectNotFoundError(
        "no Strata project here or above (a folder with `_config.yml` and `book`): "
        "go into the project's folder or set STRATA_ROOT to it"
    )

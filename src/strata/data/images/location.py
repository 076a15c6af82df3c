"""Where the reader's own data are: the environment variable ``STRATA_DATA``."""

import os
from pathlib import Path

VARIABLE = "STRATA_DATA"


class DataError(ValueError):
    """Data that are missing, damaged or not what they should be; the message says what to do."""


class DataWarning(UserWarning):
    """Something about stored data that was put right, and that costs time."""


def data_location(what: str, how: str) -> Path:
    """Give the folder or file that ``STRATA_DATA`` names.

    Parameters
    ----------
    what
        The data that are asked for, for the message.
    how
        Where to get them, for the message.

    Returns
    -------
    Path
        An absolute path of something that exists. A relative ``STRATA_DATA`` counts from the
        working folder, which for a notebook is the project's.

    Raises
    ------
    DataError
        The variable is not set, or names nothing.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        raise DataError(f"{what} is not here: {VARIABLE} is not set. {how}")
    return existing(named, f"{what} is not here: {VARIABLE}", how)


def existing(location: Path | str, subject: str = "the location", how: str = "") -> Path:
    """Give the absolute path of what exists.

    Raises
    ------
    DataError
        There is nothing: "`subject` names …, which does not exist", and `how`.
    """
    path = Path(location).expanduser().absolute()
    if not path.exists():
        raise DataError(f"{subject} names {path}, which does not exist. {how}".rstrip())
    return path

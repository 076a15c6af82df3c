"""What people write by hand: an error of it is one line that says where."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import yaml
from pydantic import ValidationError


@contextmanager
def named(place: str) -> Iterator[None]:
    """Name a file, an entry or an option in what is wrong with it.

    Raises
    ------
    ValueError
        Anything was wrong: what is written there cannot be read, or is not of the right form.
    """
    try:
        yield
    except OSError as error:
        raise ValueError(f"{place}: {error.strerror}") from None
    except KeyError as error:
        raise ValueError(f"{place}: there is no {error}") from None
    except (ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ValueError(f"{place}: {in_one_line(error)}") from None


def in_one_line(error: Exception) -> str:
    """What an error says, without what only those who wrote the code can use."""
    if isinstance(error, ValidationError):
        found = ((".".join(map(str, e["loc"])), e["msg"]) for e in error.errors())
        return "; ".join(f"{place}: {said}" if place else said for place, said in found)
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"{error.problem}, line {error.problem_mark.line + 1}"
    return " ".join(str(error).split())

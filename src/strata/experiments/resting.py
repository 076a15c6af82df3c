"""Points that rest on a point of another experiment: they need it, and its data are theirs.

The other experiment is given with the field of the config that holds its point. A field of a field
has a dot: ``"features.net"``.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from types import ModuleType
from typing import Any

from pydantic import BaseModel


def needs_of(
    *others: tuple[ModuleType, str],
) -> Callable[[Any], list[tuple[ModuleType, BaseModel]]]:
    """The function `needs` of an experiment each point of which rests on one point of each other.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import math
    >>> needs = needs_of((math, "net"))
    >>> needs(SimpleNamespace(net="a net")) == [(math, "a net")]
    True
    """
    found = [(experiment, attrgetter(field)) for experiment, field in others]

    def needs(config: Any) -> list[tuple[ModuleType, BaseModel]]:
        """The points that are computed first."""
        return [(experiment, get(config)) for experiment, get in found]

    return needs


def data_of(
    experiment: ModuleType, field: str
) -> tuple[Callable[[Any], str], Callable[[Any], str]]:
    """The functions `data_source` and `data_fingerprint` of an experiment with another's data."""
    get = attrgetter(field)

    def data_source(config: Any) -> str:
        """What a page calls the data."""
        return experiment.data_source(get(config))

    def data_fingerprint(config: Any) -> str:
        """Fingerprint of the data."""
        return experiment.data_fingerprint(get(config))

    return data_source, data_fingerprint

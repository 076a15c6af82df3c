"""The data part of a key: fingerprints by experiment, and what is said where they differ."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from strata.data.images.location import MissingDataError

Part = str | dict[str, str]
"""Of one experiment: the hash of all fingerprints of its data; where it offers the function
``data_source(config) -> str``, such a hash for each name, as "CIFAR-10" and "CIFAR-10, JPEG copy"
differ.
"""


def data_parts(points: Sequence[tuple[ModuleType, Sequence[Any]]]) -> dict[str, Part]:
    """Fingerprints of the data by experiment.

    Raises
    ------
    DataError
        A data set is not here, or damaged.
    """
    return {module.__name__: _part(module, configs)[0] for module, configs in points}


def data_parts_beside(
    points: Sequence[tuple[ModuleType, Sequence[Any]]], recorded: Mapping[str, Part]
) -> tuple[dict[str, Part], tuple[str, ...]]:
    """As `data_parts`, with the recorded fingerprints of the data that are not here.

    Returns
    -------
    parts : dict
    absent : tuple of str
        Names of the data sets that are not here, and so were not compared.

    Raises
    ------
    DataError
        A data set is damaged.
    """
    parts, absent = {}, set()
    for module, configs in points:
        name = module.__name__
        part, missing = _part(module, configs, lenient=True)
        if missing:
            absent |= missing
            known = recorded.get(name)
            both = isinstance(known, dict) and isinstance(part, dict)
            part = {**known, **part} if both else known
        parts[name] = part
    return parts, tuple(sorted(absent))


def sources(data: Mapping[str, Part]) -> list[str]:
    """What the data of a key are called, where the experiments say it."""
    return sorted({name for part in data.values() if isinstance(part, dict) for name in part})


def data_change(name: str, before: Part | None, after: Part | None) -> str:
    """Say that an entry of the data differs, with the names of the sets where they differ."""
    if not name.startswith("strata.experiments."):
        return name
    sides = {}
    for side, one, other in (("recorded", before, after), ("here", after, before)):
        one, other = (p if isinstance(p, dict) else {} for p in (one, other))
        sides[side] = ", ".join(sorted(n for n in one if one[n] != other.get(n)))
    if sides["recorded"] == sides["here"]:
        said = f" ({sides['here']})" if sides["here"] else ""
    else:
        said = f" (recorded: {sides['recorded'] or 'none'}; here: {sides['here'] or 'none'})"
    return f"data of {name.rpartition('.')[2]}{said}"


def hash_of(value: object) -> str:
    """SHA-256 of a value as JSON."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _part(
    experiment: ModuleType, configs: Sequence[Any], *, lenient: bool = False
) -> tuple[Part, set[str]]:
    """The fingerprint of an experiment's data, and the names of those that are not here."""
    prints: dict[str, set[str]] = defaultdict(set)
    missing = set()
    named = hasattr(experiment, "data_source")
    for config in configs:
        try:
            source = experiment.data_source(config) if named else ""
            # First the fingerprint: a set that is not here shall not leave an empty entry.
            found = experiment.data_fingerprint(config)
            prints[source].add(found)
        except MissingDataError as error:
            if not lenient:
                raise
            missing.add(error.what)
    hashes = {source: hash_of(sorted(found)) for source, found in prints.items()}
    return hashes if named else hashes.get("", hash_of([])), missing

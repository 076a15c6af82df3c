"""Figures carried over from the studies, for drawing behind ours."""

from __future__ import annotations

from typing import Any

from strata.paths import project_root
from strata.yaml_files import read_yaml


def load_published(study: str) -> dict[str, Any]:
    """Digitised figures of a study, from ``book/published.yml``.

    Raises
    ------
    KeyError
        For a study without an entry.
    """
    return read_yaml(project_root() / "book" / "published.yml")[study]

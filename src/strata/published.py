"""Figures carried over from the studies, for drawing behind ours."""

from __future__ import annotations

from typing import Any

import yaml

from strata.paths import project_root


def load_published(study: str) -> dict[str, Any]:
    """Digitised figures of a study, from ``book/published.yml``.

    Raises
    ------
    KeyError
        For a study without an entry.
    """
    text = (project_root() / "book" / "published.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)[study]

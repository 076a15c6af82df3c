"""YAML files, read fast and once for each version of a file."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

# PyYAML brings the loader in C only where libyaml was there when it was built.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """Give what a YAML file holds.

    It is read again only when the file has changed. All callers share it, so nobody may change it.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    yaml.YAMLError
        It is not YAML.
    """
    status = path.stat()
    return _read(path.absolute(), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=32)
def _read(path: Path, _mtime: int, _size: int) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), _LOADER)

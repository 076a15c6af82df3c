"""The command ``strata``. Exit status: 0 done, 1 something failed (named), 2 wrong use."""

# Importing the modules adds their commands, in the order of `strata --help`.
from strata.cli import executing, pages, proving, stating, teaching  # noqa: F401
from strata.cli.application import app

__all__ = ["app"]

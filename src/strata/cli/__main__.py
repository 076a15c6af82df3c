"""``python -m strata.cli``."""

from strata.cli import app

app()

"""``python -m strata.cli``."""

from strata.cli import app

if __name__ == "__main__":
    app()

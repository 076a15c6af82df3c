"""Checks of what the makers of data are asked for."""

from numbers import Integral


def check_count(name: str, value: int, least: int) -> None:
    """Refuse what is not a whole number from ``least`` on, with a ValueError."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be an int of at least {least}, not {value!r}")

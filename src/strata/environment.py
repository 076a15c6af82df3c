"""What environment variables may change of a run."""

import os


def whole_number(name: str, default: int, *, least: int = 0) -> int:
    """Give the whole number that an environment variable names, else the default.

    Raises
    ------
    ValueError
        The variable is set to anything but a whole number from `least` on.
    """
    named = os.environ.get(name)
    return checked(named, name, least=least) if named else default


def checked(value: int | str, name: str, *, least: int = 0) -> int:
    """Give a value as a whole number.

    Raises
    ------
    ValueError
        It is none, or below `least`.

    Examples
    --------
    >>> checked("2", "workers")
    2
    """
    try:
        number = int(value)
    except ValueError:
        number = least - 1
    if number < least:
        raise ValueError(f"{name} is {value!r}: it must be a whole number, {least} or more")
    return number


def thread_count() -> int:
    """Give the threads of a worker: ``STRATA_THREADS``, else 1, as in all published results.

    Raises
    ------
    ValueError
        ``STRATA_THREADS`` is no whole number, or below 1.
    """
    return whole_number("STRATA_THREADS", 1, least=1)


def seed_family() -> int:
    """Give the family that all seeds are taken from: ``STRATA_SEEDS``, else 0, the published one.

    Another family is another draw of everything: data, nets, orders, noise. It shows what rests on
    the draw.

    Raises
    ------
    ValueError
        ``STRATA_SEEDS`` is no whole number, or below 0.
    """
    return whole_number("STRATA_SEEDS", 0)

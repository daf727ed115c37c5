"""Numbers in JSON answers: a truth value is none, and neither is one that is too large."""

from typing import Any


def number(value: Any) -> float:
    """The number that an answer holds, also where it is written as text.

    Raises:
        ValueError: it is no number.
    """
    # Python reads 1_000 and other alphabets' digits; no API writes them.
    odd = isinstance(value, str) and ("_" in value or not value.isascii())
    if odd or isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is no number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{value!r} is too large") from None

"""What can go wrong, and the remedy: every error this project raises on purpose.

    MarketSimError
    ├── InputError           a flag, file or argument is wrong; the command exits with 2
    ├── SinkError            a writer could not take or keep what it was given
    ├── ScheduleError        something was asked of the clock that would break time order
    ├── AgentError           a user's agent misbehaved
    └── LimitError           a stated limit of the engine was reached (history ring, memory, capacity)

Each message says what was wrong, the value received, the limit and the remedy. SimPy raises a failed
process's exception anew from its ``.args``, so every class here is built from the message alone.
"""

from __future__ import annotations

import operator
from enum import IntEnum
from typing import Any, TypeVar

Member = TypeVar("Member", bound=IntEnum)

SHOWN_MAX = 400
"""Characters of a value in a message."""


class MarketSimError(Exception):
    """Base of all errors of this project; ``args`` is the one message."""

    exit_code = 1


class InputError(MarketSimError):
    """A value that the user gave cannot be used."""

    exit_code = 2


class SinkError(MarketSimError):
    """A writer failed; what is complete stays, and the message says what that is."""


class ScheduleError(MarketSimError):
    """An event was asked for at a time that is over, or that is not an integer."""


class AgentError(MarketSimError):
    """A user's agent broke its contract."""


class LimitError(MarketSimError):
    """A stated limit of the engine was reached."""


def explain(what: str, value: object, limit: str, remedy: str) -> str:
    """One sentence each: what was wrong with which value, what is allowed, what to do. A long value is cut."""
    shown = repr(value)
    if len(shown) > SHOWN_MAX:
        shown = f"{shown[:SHOWN_MAX]}…"
    return f"{what}: got {shown}; {limit}. {remedy}"


WHOLE_MAX = 2**62
"""What compiled code takes; more is nobody's price, size or time."""


def check_whole(what: str, value: Any, least: int | None, most: int | None, remedy: str, unit: str = "") -> int:
    """``value`` as an int between the two; numpy's whole numbers are as good as Python's, floats and booleans are not.

    Raises ``InputError``.
    """
    number = value
    if type(value) is not int and type(value) is not bool and hasattr(value, "__index__"):
        try:
            number = operator.index(value)
        except TypeError:  # numpy's booleans have it, and say no
            number = value
    low, high = (-WHOLE_MAX if least is None else least), (WHOLE_MAX if most is None else most)
    if type(number) is not int or not low <= number <= high:
        limit = "must be a whole number"
        if least is not None and most is not None:
            limit += f" from {low:,} to {high:,}"
        elif least is not None or (type(number) is int and number < low):
            limit += f", at least {low:,}"
        elif most is not None or type(number) is int:
            limit += f", at most {high:,}"
        raise InputError(explain(what, value, limit + unit, remedy))
    return number


def check_member(what: str, value: Any, kind: type[Member], remedy: str = "") -> Member:
    """``value`` if it is a member of ``kind``. A bare number is none: 1 is a buy in one format and a sell in another.

    Raises ``InputError``.
    """
    if type(value) is not kind:
        names = ", ".join(f"{kind.__name__}.{member.name}" for member in kind)
        raise InputError(explain(what, value, f"must be one of {names}", remedy or f"{kind.__name__}(...) makes one of its number."))
    return value

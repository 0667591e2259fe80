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

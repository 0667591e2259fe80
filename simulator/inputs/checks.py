"""What a setting must be, in one place: the same words whether it comes from a file, a flag, a record or Python."""

from __future__ import annotations

import math

from simulator.errors import InputError, check_whole, explain


def whole(what: str, value: object, low: int, high: int, remedy: str, unit: str = "") -> int:
    """``value`` as an int from ``low`` to ``high``; numpy's integers are whole, True is not. Raises ``InputError``."""
    return check_whole(what, value, low, high, remedy, unit)


def number(what: str, value: object, low: float, high: float, remedy: str, unit: str = "") -> float:
    """``value`` as a finite number from ``low`` to ``high``. Raises ``InputError``."""
    limit = f"must be a number from {low:g} to {high:g}{unit}"
    try:
        if isinstance(value, bool | str):
            raise TypeError
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InputError(explain(what, value, limit, remedy)) from None
    if math.isnan(found) or not low <= found <= high:
        raise InputError(explain(what, value, limit, remedy))
    return found


def truth(what: str, value: object, remedy: str) -> bool:
    """``value`` if it is True or False. Raises ``InputError``."""
    if not isinstance(value, bool):
        raise InputError(explain(what, value, "must be true or false", remedy))
    return value

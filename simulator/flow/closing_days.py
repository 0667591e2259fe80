"""Days whose closing cross is larger than usual: contracts expire, indices change their members, months end."""

from __future__ import annotations

import datetime as dt

QUARTERLY, MONTHLY, RECONSTITUTION, MONTH_END = 4.0, 1.7, 4.0, 1.6
"""Shares of the closing cross against those of a usual day. On the third Friday of March, June, September and December futures and
options expire and S&P's indices are balanced anew: 2.5 bn shares at NYSE's close against 300 M (docs/realism.md, S5), of which a part
is the day's own volume; Russell's indices change on the fourth Friday of June. The two smaller numbers are judgement."""


def closing_factor(date: dt.date) -> float:
    """What multiplies the shares that are entered for the closing cross."""
    if date.weekday() == 4 and 15 <= date.day <= 21:
        return QUARTERLY if date.month % 3 == 0 else MONTHLY
    if date.weekday() == 4 and date.month == 6 and 22 <= date.day <= 28:
        return RECONSTITUTION
    left = [date + dt.timedelta(days=n) for n in range(1, 4)]
    if date.weekday() < 5 and all(day.month != date.month or day.weekday() >= 5 for day in left):
        return MONTH_END
    return 1.0

"""The exchange calendar as integer nanoseconds. The only file that imports exchange_calendars, and only when asked for a date.

A trading day runs from 04:00 New York time of a date to 04:00 of the next; with daylight saving it lasts 23 or 25
hours on two days of the year. Sessions have a pre-open, a continuous phase and a post-close inside it:

    04:00 PRE_OPEN · 09:30 CONTINUOUS · 16:00 (early 13:00) POST_CLOSE · 20:00 (early 17:00) OFF_HOURS · 04:00
"""

from __future__ import annotations

import datetime as dt
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from simulator.errors import InputError, explain
from simulator.records import NS_PER_S, Phase

NEW_YORK = ZoneInfo("America/New_York")
DATE_MIN = dt.date(1990, 1, 1)
DATE_MAX = dt.date(2035, 12, 31)
DEFAULT_DATE = dt.date(2025, 7, 1)
"""Simulated when no time is given."""
DAY_STARTS = dt.time(4)
POST_CLOSE_ENDS = dt.time(20)
POST_CLOSE_ENDS_EARLY = dt.time(17)
EARLY_BEFORE = dt.time(16)
NEIGHBOUR_DAYS = 14
"""The exchange was never closed that long since ``DATE_MIN``, so a session lies within that many days of any date."""

_ISO_8601 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:?\d\d)", re.ASCII)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Segment:
    """One phase of a day: ``start_ns`` inclusive, ``end_ns`` exclusive."""

    start_ns: int
    end_ns: int
    phase: Phase


@dataclass(frozen=True, slots=True)
class TradingDay:
    """04:00 New York time of ``date`` (``start_ns``) to 04:00 of the next date (``end_ns``), which ``segments`` fill without gaps."""

    date: dt.date
    start_ns: int
    end_ns: int
    is_session: bool
    open_ns: int
    """Of the continuous phase; 0 when there is no session. Opening crosses follow it, closing crosses ``close_ns``."""
    close_ns: int
    segments: tuple[Segment, ...]


def trading_days(start_ns: int, end_ns: int) -> tuple[TradingDay, ...]:
    """All days that overlap [start_ns, end_ns), whole; none if it is empty. Raises ``InputError`` outside 1990 to 2035."""
    dates = _dates(start_ns, end_ns)
    if not dates:
        return ()
    hours = _exchange_hours(dates[0], dates[-1])
    return tuple(_trading_day(date, hours.get(date)) for date in dates)


def continuous_days(start_ns: int, end_ns: int) -> tuple[TradingDay, ...]:
    """The same dates with one CONTINUOUS segment each, for ``--session_pacing false``: no phases, no crosses, no calendar."""
    days = []
    for date in _dates(start_ns, end_ns):
        start, end = _day_bounds(date)
        days.append(TradingDay(date, start, end, False, 0, 0, (Segment(start, end, Phase.CONTINUOUS),)))
    return tuple(days)


def session_bounds(date: dt.date) -> tuple[int, int]:
    """04:00 to 20:00 New York time (17:00 after an early close) of a session. Raises ``InputError`` if ``date`` has none."""
    day = _trading_day(_in_range(date), _exchange_hours(date, date).get(date))
    if not day.is_session:
        raise InputError(_no_session(date, date.isoformat()))
    return day.start_ns, day.segments[-1].start_ns


def run_bounds(start_ns: int | None, end_ns: int | None) -> tuple[int, int]:
    """What is not given is the beginning (04:00) or the end (20:00, early 17:00) of that trading day; of ``DEFAULT_DATE`` if neither is."""
    if start_ns is None and end_ns is None:
        return session_bounds(DEFAULT_DATE)
    if end_ns is None:
        assert start_ns is not None
        day = trading_days(start_ns, start_ns + 1)[0]
        evening_ns = day.segments[-1].start_ns if day.is_session else day.end_ns
        end_ns = evening_ns if start_ns < evening_ns else day.end_ns
    if start_ns is None:
        start_ns = trading_days(end_ns - 1, end_ns)[0].start_ns
    return start_ns, end_ns


def parse_dates(dates: Sequence[str]) -> tuple[str, str]:
    """Start and end, as ``parse_ts`` reads them, of a date, or of the first and the last one. Raises ``InputError``."""
    try:
        days = [dt.date.fromisoformat(date) for date in dates]
        if not 1 <= len(days) <= 2 or days[-1] < days[0]:
            raise ValueError("a date, or the first and the last one")
    except ValueError as error:
        limit = "a date is written YYYY-MM-DD, and there is one, or the first and the last one"
        raise InputError(explain("dates", list(dates), limit, "For example 2025-07-01, or [2025-07-01, 2025-07-03].")) from error
    return format_ts(session_bounds(days[0])[0]), format_ts(session_bounds(days[-1])[1])


def nearest_sessions(date: dt.date) -> tuple[dt.date, dt.date]:
    """The last session before ``date`` and the first after it; ``date`` itself is neither."""
    near = dt.timedelta(days=NEIGHBOUR_DAYS)
    sessions = _exchange_hours(_in_range(date) - near, date + near)
    return max(d for d in sessions if d < date), min(d for d in sessions if d > date)


def require_session(start_ns: int, end_ns: int) -> None:
    """Raises ``InputError`` if [start_ns, end_ns) touches no session between its pre-open and the end of its post-close.

    The message names the holiday or the hours, the sessions before and after, and the flags that allow the range.
    """
    days = trading_days(start_ns, end_ns)
    open_days = [day for day in days if day.is_session]
    if any(start_ns < day.segments[-1].start_ns for day in open_days):
        return
    asked = f"{format_ts(start_ns)} to {format_ts(end_ns)}"
    date = open_days[0].date if open_days else days[0].date if days else _local_date(start_ns)
    raise InputError(_no_session(date, asked))


def parse_ts(text: str) -> int:
    """ISO-8601 with a zone offset or Z, exact to the nanosecond. Raises ``InputError`` without zone, time or sense."""
    match = _ISO_8601.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError("not of that form")
        date, time, fraction, zone = match.groups()
        moment = dt.datetime.fromisoformat(f"{date}T{time}{zone.upper()}")
        whole_s = (moment - _EPOCH) // dt.timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        date_only = re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip()) is not None
        example = f"{text.strip()}T13:30:00Z" if date_only else "2025-07-01T13:30:00Z"
        limit = "a time is ISO-8601 with a zone, at most 9 digits of a second"
        raise InputError(explain("Cannot read this time", text, limit, f"Write it like {example} or {example[:-1]}-04:00.")) from error
    ts_ns = whole_s * NS_PER_S + int((fraction or "").ljust(9, "0"))
    _local_date(ts_ns)
    return ts_ns


def format_ts(ts_ns: int) -> str:
    """ISO-8601 in UTC with all nine digits: 2025-07-01T13:30:00.000000001Z."""
    whole_s, rest_ns = divmod(ts_ns, NS_PER_S)
    return f"{_EPOCH + dt.timedelta(seconds=whole_s):%Y-%m-%dT%H:%M:%S}.{rest_ns:09d}Z"


def new_york(ts_ns: int, *, seconds: bool = True) -> str:
    """2025-07-01 09:30:00, New York time."""
    return f"{dt.datetime.fromtimestamp(ts_ns // NS_PER_S, NEW_YORK):{'%Y-%m-%d %H:%M:%S' if seconds else '%Y-%m-%d %H:%M'}}"


def _trading_day(date: dt.date, hours: tuple[int, int] | None) -> TradingDay:
    start_ns, end_ns = _day_bounds(date)
    if hours is None:
        return TradingDay(date, start_ns, end_ns, False, 0, 0, (Segment(start_ns, end_ns, Phase.OFF_HOURS),))
    open_ns, close_ns = hours
    is_early = close_ns < local_ns(date, EARLY_BEFORE)
    evening_ns = local_ns(date, POST_CLOSE_ENDS_EARLY if is_early else POST_CLOSE_ENDS)
    cuts = (start_ns, open_ns, close_ns, evening_ns, end_ns)
    phases = (Phase.PRE_OPEN, Phase.CONTINUOUS, Phase.POST_CLOSE, Phase.OFF_HOURS)
    segments = tuple(Segment(a, b, phase) for a, b, phase in zip(cuts, cuts[1:], phases, strict=False))
    return TradingDay(date, start_ns, end_ns, True, open_ns, close_ns, segments)


def _no_session(date: dt.date, asked: str) -> str:
    """Why nothing trades then, and what would help. ``date`` is a session only if ``asked`` lies outside its hours."""
    before, after = nearest_sessions(date)
    hours = _exchange_hours(date, date).get(date)
    if hours is not None:
        evening = dt.datetime.fromtimestamp(_trading_day(date, hours).segments[-1].start_ns // NS_PER_S, NEW_YORK)
        limit = f"the session of {date} trades from 04:00 to {evening:%H:%M} New York time; the sessions around it are {before} and {after}"
    else:
        limit = f"{date} is {_closed_because(date)}; the nearest sessions are {before} and {after}"
    remedy = "Choose a time in a session, or allow trades outside of it with --offsession_trades trickle|full or --session_pacing false."
    return explain("The exchange is closed", asked, limit, remedy)


def _closed_because(date: dt.date) -> str:
    """Saturday, Sunday, the holiday's name, or "an exchange holiday" for closures that have none (mourning, storms)."""
    if date.weekday() >= 5:
        return f"a {date:%A}"
    names = _calendar().regular_holidays.holidays(date, date, return_name=True)
    return f"an exchange holiday ({names.iloc[0]})" if len(names) else "an exchange holiday"


def _exchange_hours(first: dt.date, last: dt.date) -> dict[dt.date, tuple[int, int]]:
    """Open and close in ns of each session from ``first`` to ``last``, as the New York Stock Exchange has or had it."""
    calendar = _calendar()
    here = calendar.sessions.slice_indexer(first.isoformat(), last.isoformat())
    dates = [session.date() for session in calendar.sessions[here]]
    hours = zip(calendar.opens_nanos[here].tolist(), calendar.closes_nanos[here].tolist(), strict=True)
    return dict(zip(dates, hours, strict=True))


def _calendar() -> Any:
    """The NYSE calendar over all dates that are covered: made as fast as one over a week, and the package keeps the last one."""
    import exchange_calendars  # takes 0.3 s with pandas: only when a date is asked for

    beyond = dt.timedelta(days=2 * NEIGHBOUR_DAYS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # how it uses pandas is its own affair
        # Both ends are given: the default range hangs on today's date.
        return exchange_calendars.get_calendar("XNYS", start=DATE_MIN - beyond, end=DATE_MAX + beyond)


def _dates(start_ns: int, end_ns: int) -> list[dt.date]:
    """The dates whose trading day overlaps [start_ns, end_ns)."""
    if end_ns <= start_ns:
        return []
    first, last = _local_date(start_ns), _local_date(end_ns - 1)
    return [first + dt.timedelta(days=n) for n in range((last - first).days + 1)]


def _local_date(ts_ns: int) -> dt.date:
    """The date of the trading day that ``ts_ns`` lies in."""
    try:
        local = (_EPOCH + dt.timedelta(seconds=ts_ns // NS_PER_S)).astimezone(NEW_YORK)
        date = local.date() if local.time() >= DAY_STARTS else local.date() - dt.timedelta(days=1)
    except OverflowError:
        raise InputError(_out_of_range(ts_ns)) from None
    return _in_range(date)


def _in_range(date: dt.date) -> dt.date:
    if not DATE_MIN <= date <= DATE_MAX:
        raise InputError(_out_of_range(date.isoformat()))
    return date


def _out_of_range(value: object) -> str:
    limit = f"trading days from {DATE_MIN} to {DATE_MAX} are covered"
    return explain("No exchange calendar for this date", value, limit, "Choose another date; times are ns since 1970 in UTC.")


def _day_bounds(date: dt.date) -> tuple[int, int]:
    return local_ns(date, DAY_STARTS), local_ns(date + dt.timedelta(days=1), DAY_STARTS)


def local_ns(date: dt.date, time: dt.time) -> int:
    """That time of day in New York; none of the times used here falls into a change of the clock."""
    return int(dt.datetime.combine(date, time, NEW_YORK).timestamp()) * NS_PER_S

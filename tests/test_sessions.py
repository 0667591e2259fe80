"""The calendar as integers, against sessions known from elsewhere (tests/answers/nyse_sessions.csv)."""

from __future__ import annotations

import csv
import datetime as dt
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from simulator.errors import InputError
from simulator.inputs import sessions
from simulator.inputs.sessions import TradingDay, format_ts, parse_ts, trading_days
from simulator.records import NS_PER_HOUR, NS_PER_MINUTE, NS_PER_S, Phase

ANSWERS = list(csv.DictReader((Path(__file__).parent / "answers" / "nyse_sessions.csv").read_text().splitlines()))
WITHIN_PHASES = [Phase.PRE_OPEN, Phase.CONTINUOUS, Phase.POST_CLOSE, Phase.OFF_HOURS]


def day_of(date: str) -> TradingDay:
    """The trading day of a date, asked for by its noon in New York (17:00 UTC at the latest)."""
    noon_ns = parse_ts(f"{date}T17:00:00Z")
    (day,) = trading_days(noon_ns, noon_ns + 1)
    return day


@pytest.fixture(scope="module")
def all_days() -> dict[str, TradingDay]:
    days = trading_days(parse_ts("1990-01-01T12:00:00Z"), parse_ts("2026-12-31T12:00:00Z"))
    return {day.date.isoformat(): day for day in days}


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda a: a["date"])
def test_sessions_are_those_of_the_answer_file(all_days: dict[str, TradingDay], answer: dict[str, str]) -> None:
    day = all_days[answer["date"]]
    if not answer["open_utc"]:
        assert (day.is_session, day.open_ns, day.close_ns) == (False, 0, 0)
        assert [s.phase for s in day.segments] == [Phase.OFF_HOURS]
        return
    assert day.is_session
    assert format_ts(day.open_ns) == f"{answer['date']}T{answer['open_utc']}:00.000000000Z"
    assert format_ts(day.close_ns) == f"{answer['date']}T{answer['close_utc']}:00.000000000Z"
    assert [s.phase for s in day.segments] == WITHIN_PHASES
    hours = (day.close_ns - day.open_ns) / NS_PER_HOUR
    evening_hours = (day.segments[2].end_ns - day.segments[2].start_ns) / NS_PER_HOUR
    assert (hours, evening_hours) in [(6.5, 4), (3.5, 4)]
    assert day.open_ns - day.start_ns == 5.5 * NS_PER_HOUR


def test_segments_fill_every_day_and_days_every_instant(all_days: dict[str, TradingDay]) -> None:
    days = list(all_days.values())
    in_2025 = [day for day in days if day.date.year == 2025]
    assert (len(in_2025), sum(day.is_session for day in in_2025)) == (365, 250)
    for before, after in pairwise(days):
        assert before.end_ns == after.start_ns
        assert after.date - before.date == dt.timedelta(days=1)
    for day in days:
        cuts = [day.start_ns, *(s.end_ns for s in day.segments)]
        assert [s.start_ns for s in day.segments] == cuts[:-1]
        assert cuts[-1] == day.end_ns
        assert cuts == sorted(set(cuts))


def test_a_day_is_the_same_alone_and_among_others(all_days: dict[str, TradingDay]) -> None:
    for date in ("1990-01-02", "2025-07-03", "2025-07-04"):
        assert day_of(date) == all_days[date]


@pytest.mark.parametrize(("date", "hours"), [("2025-03-08", 23), ("2025-11-01", 25), ("2025-07-01", 24)])
def test_a_day_is_shorter_or_longer_where_the_clock_changes(all_days: dict[str, TradingDay], date: str, hours: int) -> None:
    day = all_days[date]
    assert day.end_ns - day.start_ns == hours * NS_PER_HOUR


def test_a_day_begins_at_four_in_new_york() -> None:
    four_ns = parse_ts("2025-07-01T04:00:00-04:00")
    assert [d.date.day for d in trading_days(four_ns - 1, four_ns)] == [30]
    assert [d.date.day for d in trading_days(four_ns, four_ns + 1)] == [1]
    assert [d.date.day for d in trading_days(four_ns - 1, four_ns + 1)] == [30, 1]
    assert trading_days(four_ns, four_ns) == ()


def test_without_pacing_each_date_is_one_continuous_segment() -> None:
    days = sessions.continuous_days(parse_ts("2025-07-03T17:00:00Z"), parse_ts("2025-07-06T17:00:00Z"))
    assert [d.date.day for d in days] == [3, 4, 5, 6]
    for day in days:
        assert (day.is_session, day.open_ns, day.close_ns) == (False, 0, 0)
        assert day.segments == (sessions.Segment(day.start_ns, day.end_ns, Phase.CONTINUOUS),)


def test_session_bounds_run_from_pre_open_to_the_end_of_post_close() -> None:
    assert [format_ts(t)[:16] for t in sessions.session_bounds(dt.date(2025, 7, 1))] == ["2025-07-01T08:00", "2025-07-02T00:00"]
    assert [format_ts(t)[:16] for t in sessions.session_bounds(dt.date(2025, 7, 3))] == ["2025-07-03T08:00", "2025-07-03T21:00"]
    with pytest.raises(InputError, match="July 4th"):
        sessions.session_bounds(dt.date(2025, 7, 4))


@pytest.mark.parametrize(
    ("date", "before", "after"),
    [
        ("2025-07-04", "2025-07-03", "2025-07-07"),
        ("2025-07-01", "2025-06-30", "2025-07-02"),
        ("2001-09-13", "2001-09-10", "2001-09-17"),
        ("1990-01-01", "1989-12-29", "1990-01-02"),
        ("2035-12-31", "2035-12-28", "2036-01-02"),
    ],
)
def test_nearest_sessions_lie_strictly_before_and_after(date: str, before: str, after: str) -> None:
    assert tuple(map(str, sessions.nearest_sessions(dt.date.fromisoformat(date)))) == (before, after)


@pytest.mark.parametrize(
    ("start", "minutes", "expected"),
    [
        ("2025-07-04T14:00:00Z", 60, ["2025-07-04 is an exchange holiday (July 4th)", "2025-07-03 and 2025-07-07"]),
        ("2025-07-05T14:00:00Z", 60, ["2025-07-05 is a Saturday", "2025-07-03 and 2025-07-07"]),
        ("2025-07-04T14:00:00Z", 2 * 24 * 60, ["2025-07-04 is an exchange holiday"]),
        ("2025-01-09T15:00:00Z", 60, ["2025-01-09 is an exchange holiday;", "2025-01-08 and 2025-01-10"]),
        ("2025-07-02T00:00:00Z", 8 * 60, ["2025-07-01 trades from 04:00 to 20:00 New York", "2025-06-30 and 2025-07-02"]),
        ("2025-07-03T21:00:00Z", 60, ["2025-07-03 trades from 04:00 to 17:00 New York"]),
    ],
)
def test_a_closed_range_says_why_and_what_helps(start: str, minutes: int, expected: list[str]) -> None:
    start_ns = parse_ts(start)
    with pytest.raises(InputError) as raised:
        sessions.require_session(start_ns, start_ns + minutes * NS_PER_MINUTE)
    for part in [*expected, start[:19], "--offsession_trades trickle|full", "--session_pacing false"]:
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2025-07-01T23:59:59Z", "2025-07-02T01:00:00Z"),  # the post-close's last second
        ("2025-07-03T20:59:59Z", "2025-07-03T22:00:00Z"),  # of a half-day
        ("2025-07-04T14:00:00Z", "2025-07-07T08:00:01Z"),  # the pre-open's first, after a long weekend
        ("2025-07-01T15:00:00Z", "2025-07-01T15:00:01Z"),
    ],
)
def test_a_range_that_touches_a_session_is_fine(start: str, end: str) -> None:
    sessions.require_session(parse_ts(start), parse_ts(end))


@pytest.mark.parametrize("text", ["1989-12-31T15:00:00Z", "1990-01-01T08:59:59Z", "2036-01-01T15:00Z", "0001-01-01T00:00:00+09:00"])
def test_times_outside_the_covered_years_are_errors(text: str) -> None:
    with pytest.raises(InputError, match="1990-01-01 to 2035-12-31"):
        parse_ts(text)


def test_integers_outside_the_covered_years_are_errors() -> None:
    for call in (sessions.trading_days, sessions.continuous_days, sessions.require_session):
        with pytest.raises(InputError, match="1990-01-01 to 2035-12-31"):
            call(0, NS_PER_S)
        with pytest.raises(InputError, match="1990-01-01 to 2035-12-31"):
            call(2**62, 2**63 - 1)
    for date in (dt.date(1989, 12, 31), dt.date(2036, 1, 1), dt.date.max, dt.date.min):
        with pytest.raises(InputError, match="1990-01-01 to 2035-12-31"):
            sessions.nearest_sessions(date)
        with pytest.raises(InputError, match="1990-01-01 to 2035-12-31"):
            sessions.session_bounds(date)


@pytest.mark.parametrize(
    ("text", "ts_ns"),
    [
        ("2025-07-01T13:30:00Z", 1_751_376_600_000_000_000),
        ("2025-07-01T09:30:00-04:00", 1_751_376_600_000_000_000),
        ("2025-07-01 09:30-0400", 1_751_376_600_000_000_000),
        ("2025-07-01T13:30:00.000000001Z", 1_751_376_600_000_000_001),
        ("2025-07-01t13:30:00.5z", 1_751_376_600_500_000_000),
        ("2025-07-01T13:30:00.123456789+00:00", 1_751_376_600_123_456_789),
    ],
)
def test_times_are_read_to_the_nanosecond(text: str, ts_ns: int) -> None:
    assert parse_ts(text) == ts_ns
    assert parse_ts(format_ts(ts_ns)) == ts_ns


@pytest.mark.parametrize(
    "text",
    ["", "now", "2025-07-01T13:30:00", "2025-07-01T13Z", "2025-02-30T13:30:00Z", "2025-07-01T25:00:00Z", "2025-07-01T13:30:60Z",
     "2025-07-01T13:30:00.1234567890Z", "2025-07-01T13:30:00+99:00", "20250701T133000Z", "２025-07-01T13:30:00Z"],
)  # fmt: skip
def test_other_text_is_an_error_that_shows_the_form(text: str) -> None:
    with pytest.raises(InputError, match="Write it like 2025-07-01T13:30:00Z or 2025-07-01T13:30:00-04:00"):
        parse_ts(text)


def test_a_bare_date_is_shown_with_a_time() -> None:
    with pytest.raises(InputError, match="Write it like 2024-05-06T13:30:00Z"):
        parse_ts("2024-05-06")


def test_the_calendar_is_imported_only_when_asked_for() -> None:
    code = "import sys; from simulator.inputs.sessions import *; continuous_days(parse_ts('2025-07-01T13:30Z'), parse_ts('2025-07-02T13:30Z')); "
    code += "sys.exit('pandas' in sys.modules or 'exchange_calendars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

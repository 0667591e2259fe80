"""What a person reads during a run and after it, on a wide terminal and on a narrow one."""

from __future__ import annotations

import io
import re
from pathlib import Path
from types import SimpleNamespace

import duckdb
import numpy as np
import pytest
from rich.console import Console

from scenarios.launcher.flags import parse_flags
from scenarios.launcher.manifest import Ended
from scenarios.launcher.plan import Plan, make_plan
from scenarios.launcher.progress import Piece, ProgressLine, fit, state
from scenarios.launcher.row_counts import Counts
from scenarios.launcher.summary import bars_query, print_agents, print_summary, write_bars_query
from scenarios.launcher.tables import print_table
from scenarios.launcher.worker_pool import Outcome
from simulator.errors import SinkError
from simulator.inputs.sessions import parse_ts
from simulator.records import NS_PER_S, Cond
from writers.parquet import _is_ours

DAY = ("--start_ts", "2025-07-01T08:00:00Z", "--end_ts", "2025-07-02T00:00:00Z")


def plan(*flags: str) -> Plan:
    return make_plan(parse_flags([*DAY, *flags]))


def counted(*, trades: int = 82_123, crosses: bool = True, spread_units: int = 300) -> Counts:
    counts = Counts({"market_data": 5 * 2_414_701, "trades": 5 * trades})
    counts.book_rows = np.full(5, 2_414_701)
    counts.trades, counts.shares = np.zeros((5, 4), np.int64), np.zeros((5, 4), np.int64)
    counts.trades[:, Cond.TRADE], counts.shares[:, Cond.TRADE] = trades, 150 * trades
    if crosses:
        counts.trades[0, [Cond.OPEN, Cond.CLOSE]], counts.shares[0, [Cond.OPEN, Cond.CLOSE]] = 30, 1_234_567
    counts.spreads[spread_units] = 10
    return counts


def text(
    width: int, counts: Counts, chosen: Plan, *, end: str = "2025-07-02T00:00:00Z", terminal: bool = True, folder: Path | None = None
) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, no_color=True, color_system=None)
    print_summary(console, chosen, counts, Ended(end_ns=parse_ts(end), digest="d" * 32, reason=None, wall_s=20.0), folder=folder)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("width", [120, 80, 60, 30])
def test_every_number_is_readable_at_any_width(width: int) -> None:
    counts = counted()
    said = text(width, counts, plan())
    for number in ("2,414,701", "82,183", "30", "1,234,567", f"{150 * 82_123 + 2 * 1_234_567:,}", "12,073,505", "12,484,120"):
        assert number in said, number
    assert "…" not in said
    for name in ("NASDAQ", "NYSE", "ARCA", "BATS", "IEX", "all", "book rows", "opening crosses", "closing shares", "of volume"):
        assert all(word in said for word in name.split())
    drawn = [line for line in said.splitlines() if line[:1] in "│┃┏┡├└╭"]
    assert max(map(len, drawn), default=0) <= width
    assert drawn or width == 30


def test_columns_without_a_cross_are_left_out() -> None:
    said = text(120, counted(crosses=False), plan())
    assert "opening" not in said
    assert "closing" not in said
    assert "of volume" in said


def test_a_table_is_cut_between_columns_and_each_part_names_its_rows() -> None:
    console = Console(file=io.StringIO(), width=24)
    print_table(console, ("name", "first", "second"), [("one", "123456", "654321"), ("two", "1", "2")])
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert said.count("one") == 2
    assert "123456" in said
    assert "654321" in said


def test_a_spread_below_a_penny_is_shown() -> None:
    assert "Median spread 0.03 USD" in text(80, counted(), plan())
    assert "Median spread 0.0001 USD" in text(80, counted(spread_units=1), plan())


@pytest.mark.parametrize(
    ("flags", "end", "why"),
    [
        ((), "2025-07-01T08:40:00Z", "ended before the open at 2025-07-01 09:30:00"),
        (("--start_ts", "2025-07-01T21:00:00Z"), "2025-07-02T00:00:00Z", "was outside of the session"),
        (("--trades_min_eps", "0", "--trades_max_eps", "0"), "2025-07-02T00:00:00Z", "--trades_max_eps is 0"),
        ((), "2025-07-02T00:00:00Z", None),
        (("--offsession_trades", "full"), "2025-07-01T08:40:00Z", None),
    ],
)
def test_no_trades_are_explained(flags: tuple[str, ...], end: str, why: str | None) -> None:
    said = text(80, counted(trades=0, crosses=False), plan(*flags), end=end)
    assert ("No trades: " in said) == (why is not None)
    assert why is None or why in said


def test_the_query_is_in_a_file_and_one_line_says_where(tmp_path: Path) -> None:
    for name, counts, is_there in (("both", counted(), True), ("none", Counts({"market_data": 5, "trades": 0}), False)):
        folder = tmp_path / name
        folder.mkdir()
        write_bars_query(plan(), counts, folder)
        said = text(80, counted(), plan(), folder=folder)
        assert "SELECT" not in said
        assert (f"SQL for DuckDB: {folder / 'bars.sql'}" in said) == (folder / "bars.sql").exists() == is_there
    written = (tmp_path / "both" / "bars.sql").read_text()
    assert written.splitlines()[0].startswith("-- equities-market-simulator: one-minute bars with the NBBO")
    assert written.endswith(f"{bars_query(plan(), tmp_path / 'both')}\n")
    write_bars_query(plan("--writer", "csv"), counted(), tmp_path)
    assert not (tmp_path / "bars.sql").exists()
    with pytest.raises(SinkError, match=r"bars.sql'; it cannot be written: No such file"):
        write_bars_query(plan(), counted(), tmp_path / "nowhere")


def test_a_run_that_is_overwritten_takes_its_query_along_and_no_other(tmp_path: Path) -> None:
    write_bars_query(plan(), counted(), tmp_path)
    assert _is_ours(tmp_path / "bars.sql")
    (tmp_path / "bars.sql").write_text("SELECT 'mine';\n")
    assert not _is_ours(tmp_path / "bars.sql")


@pytest.mark.parametrize("width", [80, 60])
def test_the_tables_of_a_whole_day_are_one_each(width: int) -> None:
    counts = counted()
    counts.trades[1, Cond.HALT_RESUME], counts.shares[1, Cond.HALT_RESUME] = 2, 31_019
    said = text(width, counts, plan())
    assert said.count("┏") == 2
    assert [line.split("│")[1].strip() for line in said.splitlines() if line.startswith("│") and line.count("│") == 4] == [
        "opening NASDAQ", "reopening NYSE", "closing NASDAQ",
    ]  # fmt: skip
    assert max(map(len, said.splitlines())) <= width or width == 60  # the title is 67 wide
    nothing = text(width, counted(trades=0, crosses=False), plan())
    assert nothing.count("┏") == 1
    assert not any(word in nothing for word in ("┃ trades", "shares", "of volume", "nan"))


def test_agents_have_a_column_of_refused_orders_if_there_are_some() -> None:
    for refused in (0, 3):
        result = SimpleNamespace(
            positions=(), commands=5, refused=refused, refusals={}, fills=12, shares=1_200, fees_usd=1.5, pnl_usd=-3.25
        )  # fmt: skip
        console = Console(file=io.StringIO(), width=80)
        print_agents(console, {"maker": result}, None)  # type: ignore[dict-item]
        assert ("refused" in console.file.getvalue()) == bool(refused)  # type: ignore[attr-defined]


def test_the_live_line_never_wraps() -> None:
    outcome = Outcome(signal=2)
    outcome.backpressure.is_paused = True
    scenario = plan().scenario
    outcome.now_ns[0] = scenario.start_ns + 3600 * NS_PER_S
    outcome.rows[0] = {"market_data": 1_000_000_000, "trades": 234_567}
    for width in (100, 80, 40, 20, 10):
        console = Console(file=io.StringIO(), width=width, height=20, force_terminal=True, color_system=None, legacy_windows=False)
        with ProgressLine(scenario, console) as line:
            line._shown_s -= 10
            line.show(outcome)
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())  # type: ignore[attr-defined]
        (drawn,) = {each for each in re.split("[\r\n]+", shown) if each}  # drawn twice: when it changes, and when it ends
        assert 0 < len(drawn) < width, drawn
        assert "\n" not in shown.rstrip()


@pytest.mark.parametrize("name", ["run[1]", "a*b", "what?", "it's", "[x"])
def test_the_query_takes_a_folders_name_as_it_is(tmp_path: Path, name: str) -> None:
    for table, columns in (("trades", "1.5 AS price, 100 AS size"), ("market_data", "'X' AS venue, [[1.4]] AS bids, [[1.6]] AS asks")):
        home = tmp_path / name / f"equities_{table}" / "date=2025-07-01" / "hour=13"
        home.mkdir(parents=True)
        with duckdb.connect() as con:
            con.execute(f"CREATE TABLE t AS SELECT TIMESTAMP_NS '2025-07-01 13:30:00' AS timestamp_ns, 'AAPL' AS symbol, {columns}")
            con.table("t").write_parquet(str(home / "part-0.parquet"))
    with duckdb.connect() as con:
        assert len(con.sql(bars_query(plan(), tmp_path / name)).fetchall()) == 1


def test_the_progress_line_keeps_its_end() -> None:
    line = ProgressLine(plan().scenario, Console(file=io.StringIO()))
    pieces = line.pieces(line._shown_s + 1, plan().scenario.start_ns + 3600 * NS_PER_S, 1_234_567, 1_000_000)
    whole = fit(pieces, None)
    assert whole == "2025-07-01 05:00:00 pre-open · 1,234,567 rows · 1,234,567 rows/s · 15 s left"
    for width in (80, 60, 30, 20):
        shown = fit(pieces, width)
        assert len(shown) <= width
        assert shown.endswith("15 s left")
        assert "05:00:00" in shown
    assert fit(pieces, 60) == "2025-07-01 05:00:00 pre-open · 1,234,567 rows/s · 15 s left"
    outcome = Outcome(signal=2)
    outcome.backpressure.is_paused = True
    assert fit([*pieces, *state(outcome)], 50) == "05:00:00 pre-open · 15 s left · paused · stopping"
    assert fit([Piece("a"), Piece("b")], 1) == "a · b"


def test_the_time_left_heeds_the_limit_of_rows() -> None:
    scenario = plan().scenario
    line = ProgressLine(scenario, Console(file=io.StringIO()), row_limit=1_000_000)
    pieces = line.pieces(line._shown_s + 4, scenario.start_ns + 3600 * NS_PER_S, 900_000, 800_000)
    assert pieces[-1].forms == ("1 s left",)

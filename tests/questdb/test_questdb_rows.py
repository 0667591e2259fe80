"""Rows in a real server equal the Parquet of the same seed, value for value; views equal the same aggregation by DuckDB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from simulator.records import EXTRA_TABLES, TABLES
from tests.database import SMALL, at, command, digest_of, read_back
from writers.questdb import existing, schema
from writers.questdb.server import EmbeddedServer


@pytest.mark.parametrize(("protocol", "processes"), [("http", 1), ("http", 2), ("tcp", 1), ("tcp", 3)])
def test_rows_equal_the_files(server: EmbeddedServer, pg: Any, suffix: str, small: tuple[Path, str], protocol: str, processes: int) -> None:
    folder, digest = small
    flags = ("--protocol", protocol, "--processes", str(processes), "--suffix", suffix, "--extra_tables", ",".join(EXTRA_TABLES))
    done = command(*SMALL, *at(server), *flags, "--create_views", "false")
    assert digest_of(done) == digest
    assert f"FROM equities_trades{suffix}" in done.stdout  # a query read back
    read_back(pg, folder, suffix, TABLES)


def test_a_value_changed_or_a_row_lost_would_be_seen(server: EmbeddedServer, pg: Any, suffix: str, small: tuple[Path, str]) -> None:
    """The planted faults of the comparison above."""
    folder, _ = small
    assert command(*SMALL, *at(server), "--suffix", suffix, "--create_views", "false").returncode == 0
    read_back(pg, folder, suffix)
    pg.execute(f"UPDATE equities_trades{suffix} SET size = size + 1 WHERE cond = 'O' AND symbol = 'JPM'")
    existing.wait_applied(pg, [f"equities_trades{suffix}"])
    with pytest.raises(AssertionError, match=r"is .* in the files"):
        read_back(pg, folder, suffix)
    pg.execute(f"ALTER TABLE equities_trades{suffix} DROP PARTITION LIST '2025-07-01'")
    existing.wait_applied(pg, [f"equities_trades{suffix}"])
    with pytest.raises(AssertionError, match="trades: 0 rows"):
        read_back(pg, folder, suffix)


def test_the_files_can_be_loaded_by_the_server_itself(server: EmbeddedServer, pg: Any, suffix: str, small: tuple[Path, str]) -> None:
    """As docs/questdb.md has it."""
    folder, _ = small
    schema.create(pg, schema.ddl(suffix, views=False))
    for table in ("market_data", "trades"):
        for file in folder.glob(f"equities_{table}/*/*/*.parquet"):
            name = f"{suffix}/{file.relative_to(folder)}"
            copy = server.folder / "import" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
            pg.execute(f"INSERT INTO equities_{table}{suffix} SELECT * FROM read_parquet('{name}')")
        existing.wait_applied(pg, [f"equities_{table}{suffix}"])
    read_back(pg, folder, suffix)


VIEWS = {
    "top_of_book_1s": (
        "symbol, venue, bid_price, bid_size, ask_price, ask_size",
        """SELECT symbol, venue, date_trunc('second', timestamp_ns) AS s, last(bids[1][1] ORDER BY timestamp_ns) AS bid_price,
        last(bids[2][1] ORDER BY timestamp_ns) AS bid_size, last(asks[1][1] ORDER BY timestamp_ns) AS ask_price,
        last(asks[2][1] ORDER BY timestamp_ns) AS ask_size FROM books GROUP BY ALL""",
    ),
    "nbbo_1s": (
        "symbol, best_bid, best_ask, spread",
        """SELECT symbol, s, max(bid_price) AS best_bid, min(ask_price) AS best_ask, min(ask_price) - max(bid_price) AS spread
        FROM top_of_book_1s GROUP BY ALL""",
    ),
    "trades_ohlcv_1s": (
        "symbol, open, high, low, close, volume, vwap",
        """SELECT symbol, date_trunc('second', timestamp_ns) AS s, first(price ORDER BY timestamp_ns) AS open, max(price) AS high,
        min(price) AS low, last(price ORDER BY timestamp_ns) AS close, sum(size)::BIGINT AS volume, sum(price * size) / sum(size) AS vwap
        FROM trades GROUP BY ALL""",
    ),
    "nbbo_1m": (
        "symbol, max_bid, min_ask, min_spread",
        """SELECT symbol, date_trunc('minute', s) AS s, max(best_bid) AS max_bid, min(best_ask) AS min_ask,
        min(best_ask) - max(best_bid) AS min_spread FROM nbbo_1s GROUP BY ALL""",
    ),
    "trades_ohlcv_1m": (
        "symbol, open, high, low, close, volume, vwap",
        """SELECT symbol, date_trunc('minute', s) AS s, first(open ORDER BY s) AS open, max(high) AS high, min(low) AS low,
        last(close ORDER BY s) AS close, sum(volume)::BIGINT AS volume, sum(vwap * volume) / sum(volume) AS vwap
        FROM trades_ohlcv_1s GROUP BY ALL""",
    ),
}
"""Columns, and the same aggregation in DuckDB over the files (later ones over earlier ones, as the views)."""


@pytest.mark.parametrize("create_views", ["true", "after"])
def test_views_equal_the_same_aggregation_by_duckdb(
    server: EmbeddedServer, pg: Any, suffix: str, small: tuple[Path, str], create_views: str
) -> None:
    folder, _ = small
    done = command(*SMALL, *at(server), "--suffix", suffix, "--create_views", create_views, "--protocol", "tcp", "--processes", "2")
    assert done.returncode == 0, done.stderr  # every view has caught up by then, those on a timer too
    with duckdb.connect() as con:
        for name, table in (("books", "market_data"), ("trades", "trades")):
            con.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{folder}/equities_{table}/*/*/*.parquet')")
        for name, (columns, query) in VIEWS.items():
            con.execute(f"CREATE TABLE {name} AS {query}")
            keys = "s, symbol, venue" if "venue" in columns else "s, symbol"
            want = con.execute(f"SELECT epoch_ns(s), {columns} FROM {name} ORDER BY {keys}").fetchall()
            order = keys.replace("s, ", "timestamp_ns, ", 1)
            have = pg.execute(f"SELECT timestamp_ns::long, {columns} FROM {name}{suffix} ORDER BY {order}").fetchall()
            assert len(have) == len(want) > 4, name
            for one, other in zip(have, want, strict=True):
                words = len(keys.split(","))
                assert one[:words] == other[:words], name
                assert one[words:] == pytest.approx(other[words:], rel=1e-12, abs=1e-9), name

"""Tables and views in QuestDB as they should be: their SQL, and their creation. What is there already: ``existing``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from simulator.errors import InputError, explain

Partition = Literal["HOUR", "DAY", "MONTH"]
TTL = {"HOUR": (3, "DAY"), "DAY": (1, "MONTH")}
"""``--short_ttl true``, by partition."""
KEYS = ("timestamp_ns", "symbol", "venue")
ORDINAL = "ordinal"
"""Numbers the rows of extra tables that share their keys' other columns: several orders may act at one instant."""
SYMBOL, VENUE, WORD = "SYMBOL CAPACITY 256", "SYMBOL CAPACITY 32", "SYMBOL"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDef:
    """A table as it should be."""

    name: str
    columns: tuple[tuple[str, str], ...]
    """(name, type), the first one is the designated timestamp."""
    partition_by: Partition
    keys: tuple[str, ...] = ()
    ttl: tuple[int, str] | None = None

    @property
    def sql(self) -> str:
        width = max(len(name) for name, _ in self.columns)
        columns = ",\n".join(f"  {name:{width}} {kind}" for name, kind in self.columns)
        dedup = f"\nDEDUP UPSERT KEYS({', '.join(self.keys)})" if self.keys else ""
        return (
            f"CREATE TABLE IF NOT EXISTS {self.name} (\n{columns}\n)\ntimestamp({self.columns[0][0]})\n"
            f"PARTITION BY {self.partition_by}{ttl_clause(self.ttl)}{dedup}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewDef:
    """A materialized view as it should be."""

    name: str
    base: str
    query: str
    partition_by: Partition
    timer: tuple[str, str] | None = None
    """(interval, start); None: it follows its base table at once."""
    ttl: tuple[int, str] | None = None

    @property
    def sql(self) -> str:
        refresh = f"\nREFRESH EVERY {self.timer[0]} DEFERRED START '{self.timer[1]}'" if self.timer else ""
        return (
            f"CREATE MATERIALIZED VIEW IF NOT EXISTS {self.name}{refresh} AS (\n{self.query}\n)\n"
            f"PARTITION BY {self.partition_by}{ttl_clause(self.ttl)}"
        )


Wanted = TableDef | ViewDef


def table_name(table: str, suffix: str) -> str:
    """The database's name for a table of ``records``; ``suffix`` is letters, digits and underscores (checked where it comes in)."""
    return f"equities_{table}{suffix}"


def ddl(suffix: str = "", short_ttl: bool = False, extra_tables: Sequence[str] = (), *, views: bool = True) -> list[Wanted]:
    """All objects of a run, in the order in which they can be created. Tables and views are the specification's."""
    base: tuple[tuple[str, str], ...] = (("timestamp_ns", "TIMESTAMP_NS"), ("symbol", SYMBOL), ("venue", VENUE))
    books, trades = table_name("market_data", suffix), table_name("trades", suffix)

    def ttl(partition: str) -> tuple[int, str] | None:
        return TTL[partition] if short_ttl else None

    objects: list[Wanted] = [
        TableDef(
            name=books, columns=(*base, ("bids", "DOUBLE[][]"), ("asks", "DOUBLE[][]")), partition_by="HOUR", keys=KEYS, ttl=ttl("HOUR")
        ),
        TableDef(
            name=trades, columns=(*base, ("price", "DOUBLE"), ("size", "LONG"), ("side", WORD), ("cond", WORD)), partition_by="DAY",
            keys=KEYS, ttl=ttl("DAY"),
        ),
        TableDef(
            name=table_name("runs", suffix),
            columns=(("ts", "TIMESTAMP"), ("run_id", "VARCHAR"), ("event", "SYMBOL"), ("manifest", "VARCHAR")),
            partition_by="MONTH", keys=("ts", "run_id", "event"),
        ),
        TableDef(
            name=table_name("claims", suffix),
            columns=(("ts", "TIMESTAMP"), ("run_id", "VARCHAR"), ("owner", "VARCHAR"), ("state", "SYMBOL"), ("beat_ts", "TIMESTAMP")),
            partition_by="MONTH", keys=("ts", "run_id"),
        ),
    ]  # fmt: skip
    extra: dict[str, tuple[tuple[tuple[str, str], ...], Partition]] = {
        "orders": (
            (
                *base, ("action", "LONG"), ("kind", WORD), ("order_id", "LONG"), ("side", WORD), ("price", "DOUBLE"), ("size", "LONG"),
                ("display", "LONG"), ("hidden_size", "LONG"), ("other_id", "LONG"), ("order_type", WORD), ("imbalance", "LONG"),
                ("cross_kind", WORD), (ORDINAL, "LONG"),
            ),
            "HOUR",
        ),
        "truth": (
            (
                *base, ("price", "DOUBLE"), ("size", "LONG"), ("hidden_size", "LONG"), ("refill_size", "LONG"), ("resting_side", WORD),
                ("taker_order", "LONG"), ("maker_order", "LONG"), ("taker", WORD), ("maker", WORD), ("parent", "LONG"),
                ("efficient_price", "DOUBLE"), (ORDINAL, "LONG"),
            ),
            "DAY",
        ),
        "status": (
            (
                *base, ("phase", WORD), ("reason", WORD), ("reference_price", "DOUBLE"), ("lower_band", "DOUBLE"),
                ("upper_band", "DOUBLE"), (ORDINAL, "LONG"),
            ),
            "DAY",
        ),
        "imbalances": (
            (
                *base, ("cond", WORD), ("paired_size", "LONG"), ("imbalance_size", "LONG"), ("imbalance_side", WORD),
                ("reference_price", "DOUBLE"), ("near_price", "DOUBLE"), ("far_price", "DOUBLE"), (ORDINAL, "LONG"),
            ),
            "DAY",
        ),
        "sip": (
            (
                *base[:2], ("bid_price", "DOUBLE"), ("bid_size", "LONG"), ("bid_venue", VENUE), ("ask_price", "DOUBLE"),
                ("ask_size", "LONG"), ("ask_venue", VENUE), (ORDINAL, "LONG"),
            ),
            "HOUR",
        ),
    }  # fmt: skip
    for table in extra_tables:
        columns, partition = extra[table]
        keys = tuple(name for name, _ in columns if name in (*KEYS, ORDINAL))
        objects.append(
            TableDef(name=table_name(table, suffix), columns=columns, partition_by=partition, keys=keys, ttl=ttl(partition))
        )
    return objects + (_views(suffix, short_ttl) if views else [])


def _views(suffix: str, short_ttl: bool) -> list[Wanted]:
    start = "2025-06-01T00:00:00.000000Z"
    top, nbbo, bars = f"top_of_book_1s{suffix}", f"nbbo_1s{suffix}", f"trades_ohlcv_1s{suffix}"
    hour, day = (TTL["HOUR"], TTL["DAY"]) if short_ttl else (None, None)
    books, trades = table_name("market_data", suffix), table_name("trades", suffix)
    return [
        ViewDef(
            name=top, base=books, partition_by="HOUR", ttl=hour,
            query=f"""\
  SELECT
    timestamp_ns,
    symbol,
    venue,
    last(bids[1][1]) AS bid_price,
    last(bids[2][1]) AS bid_size,
    last(asks[1][1]) AS ask_price,
    last(asks[2][1]) AS ask_size
  FROM {books}
  SAMPLE BY 1s""",
        ),
        ViewDef(
            name=nbbo, base=top, partition_by="HOUR", ttl=hour,
            query=f"""\
  SELECT
    timestamp_ns,
    symbol,
    max(bid_price) AS best_bid,
    min(ask_price) AS best_ask,
    min(ask_price) - max(bid_price) AS spread
  FROM {top}
  SAMPLE BY 1s""",
        ),
        ViewDef(
            name=bars, base=trades, partition_by="HOUR", ttl=hour,
            query=f"""\
  SELECT
    timestamp_ns,
    symbol,
    first(price) AS open,
    max(price)   AS high,
    min(price)   AS low,
    last(price)  AS close,
    sum(size)    AS volume,
    sum(price * size) / nullif(sum(size), 0) AS vwap
  FROM {trades}
  SAMPLE BY 1s""",
        ),
        ViewDef(
            name=f"nbbo_1m{suffix}", base=nbbo, partition_by="DAY", ttl=day, timer=("1m", start),
            query=f"""\
  SELECT
    timestamp_ns,
    symbol,
    max(best_bid) AS max_bid,
    min(best_ask) AS min_ask,
    min(best_ask) - max(best_bid) AS min_spread
  FROM {nbbo}
  SAMPLE BY 1m""",
        ),
        ViewDef(
            name=f"trades_ohlcv_1m{suffix}", base=bars, partition_by="DAY", ttl=day, timer=("1m", start),
            query=f"""\
  SELECT
    timestamp_ns,
    symbol,
    first(open)  AS open,
    max(high)    AS high,
    min(low)     AS low,
    last(close)  AS close,
    sum(volume)  AS volume,
    sum(vwap * volume) / nullif(sum(volume), 0) AS vwap
  FROM {bars}
  SAMPLE BY 1m""",
        ),
    ]  # fmt: skip


def create(pg: Any, wanted: Sequence[Wanted]) -> None:
    """Create what is missing. Raises ``InputError`` for a user who may not."""
    import psycopg

    from writers.questdb.sql import QueryError

    for each in wanted:
        try:
            pg.execute(each.sql)
        except (psycopg.Error, QueryError, InputError) as error:
            said = " ".join(str(error).split())
            limit = f"the server refused: {said}"
            remedy = "Use a user who may create tables (a read-only user may not), or create it by hand: --print_ddl true prints the SQL."
            raise InputError(explain("Cannot create", each.name, limit, remedy)) from None


def ttl_clause(ttl: tuple[int, str] | None) -> str:
    """Of a CREATE statement, with a space before it; nothing without one."""
    if ttl is None:
        return ""
    value, unit = ttl
    return f" TTL {value} {unit}{'S' if value != 1 else ''}"

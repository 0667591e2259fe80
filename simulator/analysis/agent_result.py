"""What an agent came to: its orders, fills, positions, cash, fees and profit, as the venues know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.gateway.ledger import NOT_YET, Account, Ledger
from simulator.inputs.config import Fees
from simulator.records import I64, PRICE_UNITS_PER_USD, Liquidity, OrderType, Reject, Side
from simulator.tape.html import table_html
from simulator.tape.memory import to_polars

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What an agent did in one symbol, over all venues, and what it is worth."""

    symbol: str
    shares: int
    """Held at the end; negative: short."""
    cash_usd: float
    """Received less paid, without fees."""
    fees_usd: float
    """Paid; negative: rebates."""
    mark_usd: float
    """The midpoint of the best quotes over the venues at the end; see ``Market.mark_usd``."""
    shares_maker: int
    """Traded by orders that stood in a book."""
    shares_taker: int
    shares_cross: int
    fills: int

    @property
    def pnl_usd(self) -> float:
        """Cash, less fees, with the shares held at the mark."""
        return self.cash_usd - self.fees_usd + self.shares * self.mark_usd


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AgentResult:
    """One agent's run. ``orders`` and ``fills`` are empty if the agent's ``keep_orders`` is false; the sums are there all the same."""

    name: str
    positions: tuple[Position, ...]
    """By symbol, those traded, in the universe's order."""
    commands: int
    """Orders, cancels, reduces and replaces sent."""
    refusals: Mapping[Reject, int]
    """Of them that venues refused, by reason; ``Reject.RATE_LIMIT``: those beyond ``max_messages_per_s``."""
    unread_dropped: int
    """Messages that nobody read and that were dropped."""
    order_columns: Mapping[str, I64]
    """As ``ledger.ORDER_COLUMNS``."""
    fill_columns: Mapping[str, I64]
    """As ``ledger.FILL_COLUMNS``."""
    symbols: tuple[str, ...]
    """Of book ``k * len(venues) + v``: the k-th, at venue v."""
    venues: tuple[str, ...]
    tick_units: tuple[int, ...]
    """By symbol, in 0.0001 USD."""
    universe: tuple[str, ...]
    """All symbols of the run, in its order: the categories of every frame's ``symbol``, so that frames can be merged by it."""
    fees: Fees
    records: Sequence[tuple[int, str, float]] = ()
    """(ns, name, value) of ``market.record``."""

    def __repr__(self) -> str:
        return (
            f"<AgentResult {self.name}: {self.commands:,} commands, {self.refused:,} refused, {self.fills:,} fills of {self.shares:,} "
            f"shares in {len(self.positions)} symbols, PnL {self.pnl_usd:,.2f} USD>"
        )

    def _repr_html_(self) -> str:
        """The line, and the positions."""
        rows = [(p.symbol, f"{p.shares:,}", f"{p.fills:,}", f"{p.fees_usd:,.2f}", f"{p.pnl_usd:,.2f}") for p in self.positions[:20]]
        return table_html(repr(self), ("symbol", "held", "fills", "fees USD", "PnL USD"), rows)

    @property
    def refused(self) -> int:
        return sum(self.refusals.values())

    @property
    def cash_usd(self) -> float:
        return sum(p.cash_usd for p in self.positions)

    @property
    def fees_usd(self) -> float:
        return sum(p.fees_usd for p in self.positions)

    @property
    def pnl_usd(self) -> float:
        return sum(p.pnl_usd for p in self.positions)

    @property
    def shares(self) -> int:
        """Traded, bought and sold."""
        return sum(p.shares_maker + p.shares_taker + p.shares_cross for p in self.positions)

    @property
    def fills(self) -> int:
        return sum(p.fills for p in self.positions)

    def arrow(self, table: str) -> pa.Table:
        """``orders``, ``fills``, ``positions`` or ``records`` as an Arrow table: times in UTC, prices in USD, sizes in shares.

        A row per order, with the time of sending: ``answered_ns`` and ``closed_ns`` are the venue's stamps, null while there is none;
        ``reason`` is empty unless it was refused; ``replaces`` is the reference of the order that it was to replace, 0 if none.
        """
        import pyarrow as pa

        makers = {"orders": self._orders, "fills": self._fills, "positions": self._positions, "records": self._records}
        if table not in makers:
            raise KeyError(f"an agent's result has no table {table!r}; it has {', '.join(makers)}")
        return pa.table(makers[table]())

    def pandas(self, table: str) -> Any:
        """The same as a ``pandas.DataFrame``."""
        return self.arrow(table).to_pandas()

    def polars(self, table: str) -> Any:
        """The same as a ``polars.DataFrame``. Raises ``InputError`` if polars is not installed."""
        return to_polars(self.arrow(table))

    def _orders(self) -> dict[str, Any]:
        rows = self.order_columns
        return {
            "timestamp_ns": _times(rows["sent_ns"]),
            "ref": rows["ref"],
            **self._book_columns(rows["book"]),
            "side": _named([s.code for s in Side], rows["side"]),
            "type": _named([t.name for t in OrderType], rows["type"]),
            "price": self._usd(rows),
            "size": rows["size"],
            "display": rows["display"],
            "replaces": rows["replaces"],
            "answered_ns": _times(rows["answered_ns"]),
            "closed_ns": _times(rows["closed_ns"]),
            "reason": _named(["", *(r.name for r in Reject if r)], rows["reason"]),
            "filled": rows["filled"],
            "cancelled": rows["cancelled"],
            "expired": rows["expired"],
        }

    def _fills(self) -> dict[str, Any]:
        rows = self.fill_columns
        per_share = np.array([self.fees.usd(liquidity) for liquidity in Liquidity])
        return {
            "timestamp_ns": _times(rows["ts_ns"]),
            "ref": rows["ref"],
            **self._book_columns(rows["book"]),
            "side": _named([s.code for s in Side], rows["side"]),
            "price": self._usd(rows),
            "size": rows["size"],
            "liquidity": _named([liquidity.name.lower() for liquidity in Liquidity], rows["liquidity"]),
            "fee": per_share[rows["liquidity"]] * rows["size"],
        }

    def _positions(self) -> dict[str, Any]:
        names = ("symbol", "shares", "cash_usd", "fees_usd", "mark_usd", "pnl_usd", "shares_maker", "shares_taker", "shares_cross", "fills")
        return {name: [getattr(p, name) for p in self.positions] for name in names}

    def _records(self) -> dict[str, Any]:
        """What the agent has put down by ``market.record``."""
        import pyarrow as pa

        times = np.array([ts_ns for ts_ns, _, _ in self.records], np.int64)
        names = pa.array([name for _, name, _ in self.records], pa.string()).dictionary_encode()
        return {"timestamp_ns": _times(times), "name": names, "value": pa.array([value for _, _, value in self.records], pa.float64())}

    def _book_columns(self, books: I64) -> dict[str, Any]:
        places = np.array([self.universe.index(symbol) for symbol in self.symbols], np.int64)
        return {"symbol": _named(self.universe, places[books // len(self.venues)]), "venue": _named(self.venues, books % len(self.venues))}

    def _usd(self, rows: Mapping[str, I64]) -> Any:
        units = np.array(self.tick_units, np.int64)[rows["book"] // len(self.venues)]
        return rows["price_ticks"] * units / PRICE_UNITS_PER_USD


def agent_result(
    name: str, ledger: Ledger, fees: Fees, symbols: Sequence[str], venues: Sequence[str], tick_units: Sequence[int],
    marks_usd: Sequence[float], universe: Sequence[str],
) -> AgentResult:  # fmt: skip
    """From an agent's ledger. ``symbols``, ``tick_units``, ``marks_usd``: of the worker's symbols, in the order of its books;
    ``universe``: all of the run's.
    """
    accounts: dict[int, list[Account]] = {}
    for book, account in ledger.accounts().items():
        accounts.setdefault(book // len(venues), []).append(account)
    positions = []
    for k, parts in sorted(accounts.items()):
        shares = [sum(part.shares[liquidity] for part in parts) for liquidity in Liquidity]
        positions.append(
            Position(
                symbol=symbols[k],
                shares=sum(part.position for part in parts),
                cash_usd=sum(part.cash_ticks for part in parts) * tick_units[k] / PRICE_UNITS_PER_USD,
                fees_usd=sum(size * fees.usd(liquidity) for size, liquidity in zip(shares, Liquidity, strict=True)),
                mark_usd=marks_usd[k],
                shares_maker=shares[Liquidity.MAKER],
                shares_taker=shares[Liquidity.TAKER],
                shares_cross=shares[Liquidity.CROSS],
                fills=sum(part.fills for part in parts),
            )
        )
    fills = ledger.fills()
    in_time = np.argsort(fills["ts_ns"], kind="stable")  # of orders at several venues at one instant all fills of one come first
    return AgentResult(
        name=name, positions=tuple(positions), commands=ledger.commands, refusals=dict(sorted(ledger.refused.items())),
        unread_dropped=ledger.unread_dropped, order_columns=ledger.orders(),
        fill_columns={column: values[in_time] for column, values in fills.items()}, symbols=tuple(symbols), venues=tuple(venues),
        tick_units=tuple(tick_units), universe=tuple(universe), fees=fees,
        records=tuple(ledger.records),
    )  # fmt: skip


def _times(ts_ns: I64) -> Any:
    import pyarrow as pa

    from simulator.tape.arrow import TIME

    return pa.array(ts_ns, TIME, mask=ts_ns == NOT_YET)


def _named(names: Sequence[str], codes: I64) -> Any:
    """Codes as text, kept as codes."""
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int16)), pa.array(list(names), pa.string()))

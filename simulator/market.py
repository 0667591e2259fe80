"""``Market``: one worker's market, built from a scenario and run step by step; ``simulate`` runs it into a sink."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from simulator.agents.auction_crosser import auction_crosser
from simulator.agents.factory import make_agent
from simulator.analysis.agent_result import AgentResult, agent_result
from simulator.clock import AGENT, CROSS, DAY, Clock
from simulator.errors import AgentError, InputError, LimitError, MarketSimError, explain
from simulator.exchange.order_books import Exchange, dollars_to_ticks
from simulator.exchange.venue import Crossing, Post, Venue
from simulator.flow import NEVER_NS, Flow, NoFlow
from simulator.gateway.agent_process import Runner
from simulator.gateway.desk import ENTRY, VIEW, Desk, Port
from simulator.gateway.subscriptions import PHASE, QUOTE, TRADE, Watches
from simulator.gateway.user_traceback import where_defined, where_raised
from simulator.gateway.watchdog import Watchdog
from simulator.inputs.config import AgentSpec, Refresh, Scenario, agent_number
from simulator.inputs.sessions import continuous_days, trading_days
from simulator.records import PRICE_UNITS_PER_USD, Batch, CrossKind, Liquidity, Phase, Side
from simulator.rng import stream
from simulator.tape.columns import (
    NOTIFY_BOOK,
    NOTIFY_CROSSED,
    NOTIFY_EXPIRE,
    NOTIFY_FILL,
    NOTIFY_ID,
    NOTIFY_KIND,
    NOTIFY_OWNER,
    NOTIFY_PRICE,
    NOTIFY_QUOTE,
    NOTIFY_SIZE,
    NOTIFY_TAKEN,
    NOTIFY_TRADE,
    NOTIFY_TS,
)
from simulator.tape.digest import Digest
from simulator.tape.memory import Kept
from simulator.tape.sink import RunInfo, Sink

LIQUIDITY = {NOTIFY_FILL: Liquidity.MAKER, NOTIFY_TAKEN: Liquidity.TAKER, NOTIFY_CROSSED: Liquidity.CROSS}
WATCHED = {NOTIFY_QUOTE: QUOTE, NOTIFY_TRADE: TRADE}


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueTotals:
    """What one venue did for one symbol in the run."""

    symbol: str
    venue: str
    book_rows: int
    prints: int
    shares: int
    shares_crossed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run came to."""

    rows: dict[str, int]
    """By table."""
    digest_parts: dict[tuple[str, str, str], str]
    """(day, symbol, table) to a hash of its rows."""
    totals: list[VenueTotals]
    crosses: list[Crossing]
    agents: dict[str, AgentResult]
    """By name; those of this worker."""


class BookView:
    """A book of a market, to look at from outside: as it is, not as any agent sees it."""

    def __init__(self, exchange: Exchange, book: int) -> None:
        self._exchange = exchange
        self._book = book

    def best(self) -> tuple[int, int]:
        """Best displayed bid and ask in ticks, 0 where a side shows nothing."""
        return self._exchange.best_now(self._book)

    def levels(self, side: Side, count: int = 10) -> list[tuple[int, int]]:
        """(price in ticks, displayed shares), best first."""
        return self._exchange.levels_now(self._book, side, count)


class Market:
    """Some or all symbols of a scenario on all its venues."""

    def __init__(
        self,
        scenario: Scenario,
        sink: Sink | None = None,
        *,
        worker_symbols: Sequence[str] | None = None,
        worker: int = 0,
        workers: int = 1,
    ) -> None:
        """``worker_symbols``: names; none: those of ``scenario.only``, or all. Without a sink rows stay in memory."""
        universe = scenario.universe
        chosen = worker_symbols or scenario.only or [s.name for s in universe.symbols]
        self.scenario = scenario
        self.symbols = sorted({universe.symbol_index(s) for s in chosen})  # a symbol named twice would print every row twice
        make_days = trading_days if scenario.session_pacing else continuous_days
        self._days = make_days(scenario.start_ns, scenario.end_ns)
        self.exchange = Exchange(scenario, self.symbols)
        self.flow: Flow = self._make_flow()
        self.clock = Clock(scenario.start_ns, self.flow, slice_ns=scenario.slice_ns)
        self.clock.on_notification = self._dispatch
        self.clock.on_full = self._flush_settled
        self.exchange.make_room = lambda: self._flush_before(self.clock.now)  # more rows of this instant may follow
        self.run_info = RunInfo(
            symbols=tuple(s.name for s in universe.symbols),
            venues=tuple(v.name for v in universe.venues),
            levels=scenario.levels,
            tables=scenario.tables,
            agents=scenario.agent_names,
            worker=worker,
            workers=workers,
            start_ns=scenario.start_ns,
            end_ns=scenario.end_ns,
        )
        self.rows = dict.fromkeys(scenario.tables, 0)
        self._sink = sink
        self._kept = Kept()
        self._kept.open(self.run_info)
        self._digest = Digest(self.run_info)
        self.clock.process(self._run_days())
        post = Post(self.clock)
        self.venues = [Venue(v, self.clock, self.exchange, self.flow, self._days, scenario, post) for v in range(len(universe.venues))]
        if scenario.session_pacing:
            crosser = auction_crosser(self._days, scenario.start_ns, lambda t: self.clock.at(t, CROSS), self._call_cross)
            self.clock.process(crosser)
        for refresh in scenario.refreshes:
            self.refresh(refresh)
        self._watches = Watches(self.exchange)
        self._watchdog = Watchdog()
        self.desks = self._make_desks()
        self._desk_of = {desk.owner: desk for desk in self.desks}
        for venue in self.venues:
            venue.on_phase.append(self._tell_phase)

    @property
    def now_ns(self) -> int:
        return self.clock.now

    @property
    def phase(self) -> Phase:
        """Of the first venue; all venues change together."""
        return self.venues[0].phase

    def run_until(self, ts_ns: int) -> None:
        """Simulate everything before ``ts_ns`` and hand it to the sink. Raises ``AgentError`` for what an agent does wrong."""
        try:
            with self._watchdog.watching() if self.desks else nullcontext():
                self.clock.run_until(ts_ns)
        except AgentError:
            self._flush_before(self.clock.now)  # the market up to the mistake
            raise
        self._flush_before(min(ts_ns, self.flow.next_ns, self._next_python_ns()))

    def refresh(self, refresh: Refresh) -> None:
        """Let prices drift to new references at the refresh's time. Raises ``ScheduleError`` if that is over."""
        self.clock.process(self._refresh_at(refresh))

    def _refresh_at(self, refresh: Refresh) -> Generator[Any, Any, None]:
        names = [self.scenario.universe.symbols[i].name for i in self.symbols]
        yield self.clock.at(refresh.ts_ns, DAY)
        for k, name in enumerate(names):
            if name in refresh.prices:
                self.flow.refresh(k, refresh.prices[name], refresh.ts_ns, refresh.over_ns)

    def book(self, symbol: str, venue: str) -> BookView:
        """A book, as it is now. Raises ``InputError`` for names unknown, or a symbol that this market does not simulate."""
        universe = self.scenario.universe
        index = universe.symbol_index(symbol)
        if index not in self.symbols:
            simulated = ", ".join(universe.symbols[i].name for i in self.symbols)
            raise InputError(explain("symbol", symbol, f"this market simulates {simulated}", "Name one of them, or widen only=."))
        place = self.symbols.index(index)
        return BookView(self.exchange, place * len(universe.venues) + universe.venue_index(venue))

    def tape(self) -> dict[str, Batch]:
        """All rows so far by table, as numpy columns. Tables without a row are left out. Raises ``InputError`` as ``arrow`` does."""
        return {table: rows for table in self.scenario.tables if len(rows := self._own_rows().numpy(table))}

    def arrow(self, table: str) -> Any:
        """All rows so far of a table as a ``pyarrow.Table``, as the Parquet files have them: names, prices in USD.

        Raises ``InputError`` for a table that the run does not have, or if the market was made with a sink, which has the rows.
        """
        return self._own_rows().arrow(table)

    def pandas(self, table: str) -> Any:
        """The same as a ``pandas.DataFrame``; each of ``bids`` and ``asks`` is float64[2, N], prices and sizes."""
        return self._own_rows().pandas(table)

    def _own_rows(self) -> Kept:
        if self._sink is not None:
            limit = "the market hands its rows to that sink and keeps none"
            raise InputError(explain("sink", type(self._sink).__name__, limit, "Ask the sink, or make the market without one."))
        return self._kept

    def result(self) -> Result:
        """What the run has come to so far."""
        universe = self.scenario.universe
        totals = []
        for b, (rows, prints, shares, crossed) in enumerate(self.exchange.written().tolist()):
            k, v = divmod(b, len(universe.venues))
            symbol, venue = universe.symbols[self.symbols[k]].name, universe.venues[v].name
            totals.append(VenueTotals(symbol=symbol, venue=venue, book_rows=rows, prints=prints, shares=shares, shares_crossed=crossed))
        crosses = sorted((c for venue in self.venues for c in venue.crosses), key=lambda c: (c.ts_ns, c.symbol))
        return Result(rows=dict(self.rows), digest_parts=self._digest.parts(), totals=totals, crosses=crosses, agents=self.agents())

    def agents(self) -> dict[str, AgentResult]:
        """What each agent has come to so far, by name: by the venues' fills, whether or not they have reached the agent."""
        universe = self.scenario.universe
        simulated = [universe.symbols[i] for i in self.symbols]
        names, venues = [s.name for s in simulated], [v.name for v in universe.venues]
        marks_usd = [self.mark_usd(name) for name in names] if self.desks else []
        return {
            desk.spec.name: agent_result(
                desk.spec.name, desk.ledger, self.scenario.fees, names, venues, [s.tick_units for s in simulated], marks_usd
            )
            for desk in self.desks
        }

    def mark_usd(self, symbol: str) -> float:
        """The midpoint of the best quotes over the venues, now; for want of one side, the last print's price; else the reference close."""
        k = self.symbols.index(self.scenario.universe.symbol_index(symbol))
        venues = self.exchange.venues
        quotes = [self.exchange.best_now(k * venues + v) for v in range(venues)]
        bid, asks = max(bid for bid, _ in quotes), [ask for _, ask in quotes if ask]
        units = self.scenario.universe.symbols[self.symbols[k]].tick_units / PRICE_UNITS_PER_USD
        if bid and asks:
            return (bid + min(asks)) * units / 2
        prints = [row for v in range(venues) if (row := self.exchange.trade_at(k * venues + v, self.now_ns)) is not None]
        return max(prints)[1] * units if prints else self.scenario.prices[symbol].close

    def close(self, complete: bool = True) -> Result:
        """Close the sink; what was simulated has been handed to it."""
        if self._sink is not None:
            self._sink.close(complete)
        return self.result()

    def _make_flow(self) -> Flow:
        if not self.scenario.background:
            return NoFlow()
        from simulator.flow.background import BackgroundFlow

        return BackgroundFlow(self.scenario, self.symbols, self.exchange.books, self.exchange.columns)

    def _make_desks(self) -> list[Desk]:
        """The agents whose symbols this worker has; in order of name, whatever the order in the scenario.

        Raises ``InputError`` for a symbol that the universe does not have, ``AgentError`` for an agent that cannot be made.
        """
        universe = self.scenario.universe
        names = [universe.symbols[i].name for i in self.symbols]
        listings = [universe.listing_index(i) for i in self.symbols]
        desks: list[Desk] = []
        for spec in sorted(self.scenario.agents, key=lambda a: a.name):
            for name in spec.symbols:
                universe.symbol_index(name)
            if spec.symbols and not set(spec.symbols) & set(names):
                continue
            desk = Desk(
                spec, agent_number(spec.name), self.clock, self.exchange, self.venues, names, [v.name for v in universe.venues], listings
            )
            agent = self._make_agent(spec, desk)
            desk.runner = Runner(desk, agent, self.clock, self.exchange, self.venues, self._watches, self._watchdog, AGENT + len(desks))
            desks.append(desk)
        return desks

    def _make_agent(self, spec: AgentSpec, desk: Desk) -> Generator[Any, Any, Any]:
        try:
            view, entry = Port(desk, VIEW), Port(desk, ENTRY)
            return make_agent(spec.make, view, entry, stream(self.scenario.seed, "agent", spec.name), spec.arguments)
        except MarketSimError as error:
            raise AgentError(f"Agent {spec.name!r}: {str(error).rstrip('.')}{where_defined(spec.make)}.") from error
        except (Exception, SystemExit) as error:
            what = f"{type(error).__name__}: {error}".rstrip(".")
            place = where_raised(error, "") or where_defined(spec.make)
            raise AgentError(
                f"Agent {spec.name!r} could not be made with {dict(spec.arguments)}: {what}{place}. Check its arguments."
            ) from error

    def _run_days(self) -> Generator[Any, Any, None]:
        """At each day's start: fresh books, a new digest, and the flow's new day. Before all else at that instant."""
        for n, day in enumerate(self._days):
            start_ns = max(day.start_ns, self.scenario.start_ns)
            yield self.clock.at(start_ns, DAY)
            self._flush_before(start_ns)
            if n:
                self._end_agents_orders(start_ns)
                self.exchange.reset_day()
            self._digest.day(day.date.isoformat())
            self.flow.start_day(day, start_ns)

    def _end_agents_orders(self, ts_ns: int) -> None:
        """The day's books are gone, and all that stood in them."""
        for b in range(len(self.symbols) * self.exchange.venues):
            for order_id, owner, left in self.exchange.agent_orders(b):
                self._desk_of[owner].expired(ts_ns, b, order_id, left)

    def _end_day_orders(self, venue: Venue, ts_ns: int) -> None:
        """Day orders of agents end with the post-close, in order of the agents' names."""
        for desk in self.desks:
            for b, order_id, slot in desk.resting_orders():
                if b % self.exchange.venues == venue.index:
                    answer = self.exchange.cancel(b, ts_ns, slot, order_id)
                    desk.expired(answer.ts_ns, b, order_id, answer.taken_off)
        self._dispatch()

    def _call_cross(self, kind: CrossKind) -> None:
        """Cross every symbol at its listing venue."""
        universe = self.scenario.universe
        for k, i in enumerate(self.symbols):
            v = universe.listing_index(i)
            self.venues[v].cross(k * len(universe.venues) + v, kind, self._reference_ticks(k, v))

    def _reference_ticks(self, k: int, listing: int) -> int:
        """The midpoint at the listing venue, else at another, else the efficient price, else the bracket's close."""
        venues = self.exchange.venues
        for v in [listing, *(v for v in range(venues) if v != listing)]:
            bid, ask = self.exchange.best_now(k * venues + v)
            if bid and ask:
                return (bid + ask) // 2
        symbol = self.scenario.universe.symbols[self.symbols[k]]
        price = self.flow.efficient_price(k) or self.scenario.prices[symbol.name].close
        return max(1, dollars_to_ticks(price, symbol.tick_units))

    def _dispatch(self) -> None:
        """Tell the agents what the books have left for them."""
        for row in self.exchange.take_notifications():
            kind, ts_ns, b = row[NOTIFY_KIND], row[NOTIFY_TS], row[NOTIFY_BOOK]
            if kind in WATCHED:
                self._watches.happened(WATCHED[kind], b, ts_ns)
            elif kind == NOTIFY_EXPIRE:
                self._desk_of[row[NOTIFY_OWNER]].expired(ts_ns, b, row[NOTIFY_ID], row[NOTIFY_SIZE])
            else:
                self._desk_of[row[NOTIFY_OWNER]].filled(ts_ns, b, row[NOTIFY_ID], row[NOTIFY_PRICE], row[NOTIFY_SIZE], LIQUIDITY[kind])

    def _tell_phase(self, venue: Venue, ts_ns: int) -> None:
        if len(venue.phases) > 1 and venue.phases[-2][1] == Phase.POST_CLOSE:
            self._end_day_orders(venue, ts_ns)
        self._watches.happened(PHASE, venue.index, ts_ns)

    def _flush_settled(self) -> None:
        """Between two events: hand the rows that no later event can precede to digest and sink."""
        if not self._flush_before(min(self.flow.next_ns, self._next_python_ns())):
            raise LimitError(
                f"The columns are full of rows of one instant, {self.flow.next_ns} ns, and none can be written yet: agents send too many "
                "messages without letting time pass. Let them wait in between."
            )

    def _flush_before(self, ts_ns: int) -> bool:
        """Hand on the rows stamped before ``ts_ns``; returns whether there were any."""
        batches = self.exchange.drain(ts_ns)
        for batch in batches:
            self.rows[batch.table] += len(batch)
            self._digest.update(batch)
            (self._kept if self._sink is None else self._sink).write(batch)
        if batches:
            self.exchange.forget(batches)
        return bool(batches)

    def _next_python_ns(self) -> int:
        """No Python event comes before this."""
        next_event = self.clock.peek()
        return int(next_event) if next_event < NEVER_NS else NEVER_NS


def simulate(scenario: Scenario, sink: Sink) -> Result:
    """Run a scenario from start to end into a sink, in this process. The sink is closed whatever happens."""
    market = Market(scenario, sink)
    sink.open(market.run_info)
    complete = False
    try:
        market.run_until(scenario.end_ns)
        complete = True
    finally:
        result = market.close(complete)
    return result

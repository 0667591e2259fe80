"""``Market``: one worker's market, built from a scenario and run step by step."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from simulator.clock import DAY, PHASE, Clock, check_ns
from simulator.errors import AgentError, InputError, MarketSimError, ScheduleError, explain
from simulator.exchange.book_log import Tap
from simulator.exchange.book_view import BookView
from simulator.exchange.held_orders import HeldOrders
from simulator.exchange.notice_board import NoticeBoard
from simulator.exchange.order_books import Exchange
from simulator.exchange.venue import Inbox, Venue
from simulator.flow import Flow, NoFlow
from simulator.gateway.admission import admit
from simulator.gateway.day_times import DayTimes, nanoseconds
from simulator.gateway.engine import Engine
from simulator.gateway.order_endings import OrderEndings
from simulator.gateway.own_orders import OwnOrders
from simulator.gateway.previous_closes import PreviousCloses
from simulator.gateway.queue_positions import QueuePositions
from simulator.gateway.reach import Traded
from simulator.gateway.subscriptions import IMBALANCES, PHASES, QUOTES, SIPS, STATUSES, TRADES, Subscriptions
from simulator.gateway.watchdog import Watchdog
from simulator.inputs.config import EVERY_SYMBOL, Refresh, Scenario, Shock
from simulator.inputs.lots import round_lot
from simulator.inputs.sessions import TradingDay, continuous_days, new_york, require_session, trading_days
from simulator.inputs.strict_yaml import nearest
from simulator.market_outcome import MarketOutcome
from simulator.market_rows import MarketRows
from simulator.notices import StatusReason
from simulator.records import Liquidity, Phase
from simulator.rules.auctions import Auctions
from simulator.rules.breakers import Breakers
from simulator.rules.halts import PAUSE_NS, Halts
from simulator.rules.price_bands import PriceBands
from simulator.run_result import Result
from simulator.tape.columns import (
    NOTIFY_CROSSED,
    NOTIFY_EXPIRE,
    NOTIFY_FILL,
    NOTIFY_QUOTE,
    NOTIFY_TAKEN,
    NOTIFY_TRADE,
    TAPE_TICK,
)
from simulator.tape.html import table_html
from simulator.tape.sink import RunInfo, Sink

if TYPE_CHECKING:
    from simulator.analysis.report.figure import Figure
    from simulator.live.notebook import MarketView

LIQUIDITY = {NOTIFY_FILL: Liquidity.MAKER, NOTIFY_TAKEN: Liquidity.TAKER, NOTIFY_CROSSED: Liquidity.CROSS}
SHOWN = 200
"""Stretches of a run whose progress is shown."""
HTML_SYMBOLS = 10
IN_THE_MIDDLE = "it was left in the middle of a run"


def stretches(from_ns: int, until_ns: int) -> list[int]:
    """``SHOWN`` times up to and with ``until_ns``; some may be the same."""
    return [from_ns + (until_ns - from_ns) * part // SHOWN for part in range(1, SHOWN + 1)]


class Parts(NamedTuple):
    """What a market is made of, for whoever looks on: nothing in it may be changed."""

    clock: Clock
    exchange: Exchange
    venues: Sequence[Venue]
    auctions: Auctions
    halts: Halts
    own_orders: Sequence[OwnOrders]
    days: Sequence[TradingDay]
    listings: Sequence[int]
    """The listing venue of each symbol simulated."""


class Market(MarketRows, MarketOutcome):
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
        """``worker_symbols``: names; none: those of ``scenario.only``, or all. Without a sink rows stay in memory.

        Raises ``InputError`` for what is no ``Scenario``, and for times in which the exchange is closed and nothing would happen;
        ``AgentError`` for an agent that cannot be made.
        """
        if not isinstance(scenario, Scenario):
            remedy = "Market(load_scenario(...)) takes a file, or a ready scenario's name."
            raise InputError(explain("scenario", scenario, "must be a Scenario", remedy))
        if sink is not None and not all(callable(getattr(sink, name, None)) for name in ("open", "write", "close")):
            limit = "must have methods open(run), write(batch) and close(complete)"
            raise InputError(explain("sink", sink, limit, "Leave it out to keep the rows in memory."))
        self._dealt = worker_symbols, worker, workers
        universe = scenario.universe
        chosen = worker_symbols or scenario.only or [s.name for s in universe.symbols]
        self.scenario = scenario
        self._symbols = sorted({universe.symbol_index(s) for s in chosen})  # a symbol named twice would print every row twice
        make_days = trading_days if scenario.session_pacing else continuous_days
        self._days = make_days(scenario.start_ns, scenario.end_ns)
        if not any(day.is_session for day in self._days) and not scenario.goes_on_when_closed and not scenario.agents:
            require_session(scenario.start_ns, scenario.end_ns)  # which says which day it is
        self._exchange = Exchange(scenario, self._symbols)
        self._flow: Flow = self._make_flow()
        self._clock = Clock(scenario.start_ns, self._flow, slice_ns=scenario.slice_ns)
        self._clock.on_notification = self._dispatch
        self._clock.on_full = self._flush_settled
        self._exchange.make_room = lambda: self._flush_before(self._clock.now)  # more rows of this instant may follow
        self.run_info = RunInfo.of(scenario, worker=worker, workers=workers)
        self._unfinished = ""
        """Why the market cannot go on; empty while it can."""
        self._begin_rows(sink)
        self._clock.process(self._run_days())
        self._inbox = Inbox(self._clock)
        self._board = NoticeBoard(
            self._symbols, len(universe.venues), self._exchange.columns.facts[:, TAPE_TICK].tolist(), scenario.extra_tables
        )
        parts = (self._clock, self._exchange, self._flow)
        self._venues = [Venue(v, *parts, self._days, scenario, self._board) for v in range(len(universe.venues))]
        self._inbox.venues = self._venues
        self._auctions = Auctions(*parts, self._venues, self._days, scenario, self._board)
        listings = [universe.listing_index(i) for i in self._symbols]
        self._halts = Halts(self._clock, self._venues, listings, self._auctions, self._board)
        if scenario.session_pacing:
            self._bands = PriceBands(*parts, self._venues, listings, self._halts, self._board, self._days)
            Breakers(self._clock, self._halts, self._flow, self._days, scenario)
        for shock in scenario.shocks:
            self._clock.process(self._shock_at(shock))
        for refresh in scenario.refreshes:
            self.refresh(refresh)
        self._subscriptions = Subscriptions(self._exchange)
        self._board.on_status = partial(self._subscriptions.notify, STATUSES)
        self._board.on_imbalance = partial(self._subscriptions.notify, IMBALANCES)
        self._interrupt = self._clock.interrupt
        self._watchdog = Watchdog(self._interrupt)
        self._tap = Tap(self._exchange) if scenario.agents else None
        self._queues = QueuePositions(self._clock, self._exchange, self._subscriptions)
        self._held = HeldOrders(*parts)
        self._held.watch_prints = partial(self._subscriptions.keep, TRADES), partial(self._subscriptions.release, TRADES)
        self._held.watch_rows = partial(self._subscriptions.keep, QUOTES), partial(self._subscriptions.release, QUOTES)
        for venue in self._venues:
            venue.held = self._held
        self._own_orders = self._admit_agents()
        self._owner = {own.number: own for own in self._own_orders}
        self._endings = OrderEndings(self._clock, self._exchange, self._own_orders, self._held, self._dispatch)
        if scenario.session_pacing:
            self._bands.on_bands = self._endings.beyond_bands
        self.parts = Parts(
            self._clock, self._exchange, self._venues, self._auctions, self._halts, self._own_orders, self._days, listings
        )  # fmt: skip
        for venue in self._venues:
            venue.on_phase.append(self._tell_phase)
            venue.on_shut = lambda book: self._endings.after_the_close((book,), self.now_ns)

    def __repr__(self) -> str:
        rows = ", ".join(f"{count:,} {table}" for table, count in self.rows.items())
        return f"<Market of {len(self._symbols)} symbols at {new_york(self.now_ns)} New York time, {self.phase.name}: {rows}>"

    def _repr_html_(self) -> str:
        """For a notebook: the line, and the best quotes of the first symbols."""
        rows = []
        for name in self.symbols[:HTML_SYMBOLS]:
            books = [(venue, self.book(name, venue).best()) for venue in self.venues]
            rows.append([name, *(f"{bid or '-'} / {ask or '-'}" for _, (bid, ask) in books)])
        more = f"<p>and {len(self.symbols) - HTML_SYMBOLS} more</p>" if len(self.symbols) > HTML_SYMBOLS else ""
        return table_html(repr(self), ("ticks", *self.venues), rows) + more

    @property
    def now_ns(self) -> int:
        """ns since the epoch, UTC: up to here all is simulated."""
        return self._clock.now

    @property
    def symbols(self) -> tuple[str, ...]:
        """Those simulated, in the universe's order."""
        return tuple(self.scenario.universe.symbols[i].name for i in self._symbols)

    @property
    def venues(self) -> tuple[str, ...]:
        return tuple(venue.name for venue in self.scenario.universe.venues)

    @property
    def phase(self) -> Phase:
        """Of the first venue; all venues change together."""
        return self._venues[0].phase

    def reset(self, **changes: Any) -> None:
        """Back to the start, as a new market: with the same scenario, or one with other fields, such as ``seed=2``.

        Raises ``InputError`` for a field that there is not, or if the market was made with a sink, which has its rows.
        """
        if self._sink is not None:
            raise InputError(explain("sink", type(self._sink).__name__, "it has this market's rows", "Make a new Market with a new sink."))
        known = list(Scenario.__dataclass_fields__)
        for name in changes:
            if name not in known:
                raise InputError(explain("reset: argument", name, f"must be a field of Scenario: {', '.join(known)}", nearest(name, known)))
        symbols, worker, workers = self._dealt
        Market.__init__(self, replace(self.scenario, **changes), worker_symbols=symbols, worker=worker, workers=workers)

    def run_until(self, ts_ns: int, *, progress: bool = False) -> None:
        """Simulate everything before ``ts_ns`` and hand it to the sink; with ``progress`` a bar says how far it is.

        Ctrl-C ends it early with ``KeyboardInterrupt``, between two events: ``now_ns`` says where, and a later call goes on there as
        if nothing had been. What cannot go on says so: after an error, or an interrupt inside an agent's or a writer's own code,
        a later call raises ``MarketSimError``. Raises ``AgentError`` for what an agent does wrong, ``ScheduleError`` for a time that is
        over or after the scenario's end.
        """
        self._check_whole()
        check_ns("The time to run to", ts_ns)
        if progress and self.now_ns < ts_ns <= self.scenario.end_ns:
            from simulator.analysis.progress_bar import ProgressBar

            with ProgressBar("simulated", SHOWN, counts=False) as bar:
                for part, until_ns in enumerate(stretches(self.now_ns, ts_ns), 1):
                    self.run_until(until_ns)
                    bar.to(part)
            return
        if not self.now_ns <= ts_ns <= self.scenario.end_ns:
            between = f"It is {self.now_ns} ns already, and the scenario ends at {self.scenario.end_ns} ns"
            raise ScheduleError(f"Cannot run to {ts_ns} ns. {between}: ask for a time between, or give the scenario a later end_ns.")
        with self._undivided(IN_THE_MIDDLE), self._interrupt.deferred(), self._watchdog.watching():
            try:
                self._clock.run_until(ts_ns)
            except AgentError as error:
                try:
                    self._flush_before(self._clock.now)  # the market up to the mistake
                except MarketSimError as second:
                    error.add_note(f"What was simulated until then could not be written: {second}")
                raise
            self._flush_before(min(self._clock.now, self._flow.next_ns, self._next_python_ns()))
            self._unfinished = ""
        if self._interrupt.is_asked:
            raise KeyboardInterrupt

    def run_for(self, ns: int = 0, *, seconds: float = 0, minutes: float = 0) -> None:
        """``run_until`` so much later, the sum of the three, or the scenario's end if that comes first."""
        self.run_until(min(self.now_ns + check_ns("The time to run for", ns) + nanoseconds(seconds, minutes), self.scenario.end_ns))

    def step_until(self, ts_ns: int) -> None:
        """As ``run_until`` for whoever steps often with agents of his own: a tenth of its cost.

        Rows stay in the engine until its columns are full or ``run_until`` hands them on; nobody stops an agent that does not come
        back; Ctrl-C ends it anywhere, and the market with it.
        """
        self._check_whole()
        self._interrupt.is_asked = False
        with self._undivided(IN_THE_MIDDLE):
            self._clock.run_until(ts_ns)
            self._unfinished = ""

    @contextmanager
    def _undivided(self, what: str) -> Iterator[None]:
        """Around what must come to its end, and then sets ``_unfinished`` to "": else the market does not go on afterwards."""
        self._unfinished = what
        try:
            yield
        except BaseException as error:
            if self._unfinished:
                notes = " ".join(getattr(error, "__notes__", ()))
                self._unfinished = f"{type(error).__name__}: {notes or error}".removesuffix(": ")
            raise

    def _check_whole(self) -> None:
        if self._unfinished:
            raise MarketSimError(
                f"This market cannot go on. It ended at {new_york(self.now_ns)} New York time ({self._unfinished.rstrip('.')}), and what "
                "was going on then is lost. Make a new Market of the scenario: up to that moment it gives the same rows."
            )

    def refresh(self, refresh: Refresh) -> None:
        """Let prices drift to new references at the refresh's time. Raises ``ScheduleError`` if that is over."""
        self._check_whole()
        if check_ns("The time of a refresh", refresh.ts_ns) < self.now_ns:
            raise ScheduleError(f"A refresh at {refresh.ts_ns} ns is over: it is {self.now_ns} ns. Give a later time.")
        with self._undivided("a refresh was interrupted"):
            self._clock.process(self._refresh_at(refresh))
            self._unfinished = ""

    def halt(self, symbol: str, at_ns: int | None = None, reason: StatusReason = StatusReason.REGULATORY, for_ns: int = PAUSE_NS) -> None:
        """Halt a symbol at all venues at ``at_ns``, now if None, for ``for_ns`` at least; then its listing venue reopens it with a cross.

        Raises ``ScheduleError`` for a time that is over, ``InputError`` for a symbol that this market does not simulate.
        """
        self._check_whole()
        k = self.place_of(symbol)
        if at_ns is None:
            self._halts.halt(k, reason, for_ns)
            return
        event = self._clock.at(at_ns, PHASE)
        assert event.callbacks is not None
        event.callbacks.append(lambda _event: self._halts.halt(k, reason, for_ns))

    def _shock_at(self, shock: Shock) -> Generator[Any, Any, None]:
        if shock.ts_ns < self.now_ns:  # the run starts after it
            return
        yield self._clock.at(shock.ts_ns, DAY)
        for k, name in enumerate(self.symbols):
            if shock.symbol in (name, EVERY_SYMBOL):
                self._flow.shock(k, shock.log_return, shock.ts_ns, shock.over_ns)

    def _refresh_at(self, refresh: Refresh) -> Generator[Any, Any, None]:
        names = [self.scenario.universe.symbols[i].name for i in self._symbols]
        yield self._clock.at(refresh.ts_ns, DAY)
        for k, name in enumerate(names):
            if name in refresh.prices:
                self._flow.refresh(k, refresh.prices[name], refresh.ts_ns, refresh.over_ns)

    def book(self, symbol: str, venue: str) -> BookView:
        """A book, as it is now. Raises ``InputError`` for names unknown, or a symbol that this market does not simulate."""
        place = self.place_of(symbol)
        return BookView(self._exchange, place * self._exchange.venues + self.scenario.universe.venue_index(venue))

    def view(self, *, port: int = 0) -> MarketView:
        """A page on this machine that shows the market while ``view.run_until`` moves it; it draws itself in a notebook."""
        from simulator.live.notebook import MarketView

        return MarketView(self, port=port)

    def report(self) -> Figure:
        """A page about the run so far, which draws itself in a notebook: ``market.report().save("report.html")``.

        Raises ``InputError`` if the market was made with a sink, which has the rows.
        """
        from simulator.analysis.report.memory import report

        return report(self)

    def place_of(self, symbol: str) -> int:
        """Among those simulated. Raises ``InputError``."""
        universe = self.scenario.universe
        index = universe.symbol_index(symbol)
        if index not in self._symbols:
            simulated = ", ".join(universe.symbols[i].name for i in self._symbols)
            raise InputError(explain("symbol", symbol, f"this market simulates {simulated}", "Name one of them, or widen only=."))
        return self._symbols.index(index)

    def close(self, complete: bool = True) -> Result:
        """Close the sink; what was simulated has been handed to it. A market that was cut off is never ``complete``."""
        if self._sink is not None:
            complete = complete and not self._unfinished
            with self._undivided("its sink was being closed"):
                self._sink.close(complete)
                self._unfinished = "its sink is closed"
        return self.result()

    def _make_flow(self) -> Flow:
        if not self.scenario.background:
            return NoFlow()
        from simulator.flow.background import BackgroundFlow

        return BackgroundFlow(self.scenario, self._symbols, self._exchange.books, self._exchange.columns)

    def _admit_agents(self) -> list[OwnOrders]:
        """The agents whose symbols this worker has. Raises ``InputError`` for a symbol that the universe does not have."""
        universe = self.scenario.universe
        for spec in self.scenario.agents:
            for name in spec.symbols:
                universe.symbol_index(name)
        traded = Traded(
            symbols=tuple(universe.symbols[i].name for i in self._symbols),
            venues=tuple(venue.name for venue in universe.venues),
            listings=tuple(universe.listing_index(i) for i in self._symbols),
        )
        if self._tap is None:
            return []
        times = DayTimes(self._clock, self._days)
        closes = PreviousCloses(self._exchange, self._venues, self._tap.prints, times, self.scenario)
        engine = Engine(
            self._clock, self._exchange, self._venues, self._inbox, self._subscriptions, self._watchdog, self._board, self._tap,
            self._queues, times, self.scenario.fees, closes.ticks,
        )  # fmt: skip
        with self._watchdog.watching():
            return admit(self.scenario.agents, self.scenario.agent_numbers, self.scenario.seed, traded, engine)

    def _run_days(self) -> Generator[Any, Any, None]:
        """At each day's start: fresh books, a new digest, and the flow's new day. Before all else at that instant."""
        for n, day in enumerate(self._days):
            start_ns = max(day.start_ns, self.scenario.start_ns)
            yield self._clock.at(start_ns, DAY)
            self._flush_before(start_ns)
            if n:
                self._endings.end_of_day(start_ns)
                self._exchange.reset_day()
                self._held.start_day()
                self._board.start_day()
            self._digest.day(day.date.isoformat())
            self._start_lots(day)
            self._flow.start_day(day, start_ns)

    def _start_lots(self, day: TradingDay) -> None:
        """Round lots go by the date, and the consolidated quote begins anew."""
        names = [self.scenario.universe.symbols[i].name for i in self._symbols]
        self._exchange.set_lots([round_lot(day.date, self.scenario.prices[name].close) for name in names])
        if self._consolidator is not None:
            self._consolidator.start_day(self._exchange.lots)
        if self._tap is not None:
            self._tap.start_day()

    def _dispatch(self) -> None:
        """Tell the agents what the books have left for them."""
        subscriptions = self._subscriptions
        for ts_ns, b, kind, order_id, price, size, owner in self._exchange.take_notifications():
            if kind == NOTIFY_QUOTE:
                subscriptions.notify(QUOTES, b, ts_ns)
                if subscriptions.sips:
                    subscriptions.notify(SIPS, b, ts_ns)
            elif kind == NOTIFY_TRADE:
                subscriptions.notify(TRADES, b, ts_ns)
            elif kind == NOTIFY_EXPIRE:
                self._owner[owner].on_expiry(ts_ns, b, order_id, size)
            else:
                self._owner[owner].on_fill(ts_ns, b, order_id, price, size, LIQUIDITY[kind])
        self._queues.look()

    def _tell_phase(self, venue: Venue, ts_ns: int) -> None:
        if len(venue.phases) > 1 and venue.phases[-2][1] == Phase.POST_CLOSE:
            self._endings.after_the_close(venue.books, ts_ns)
        self._subscriptions.notify(PHASES, venue.index, ts_ns)

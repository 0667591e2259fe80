"""``BackgroundFlow``: sets up the compiled flow for a worker's symbols, feeds it an hour of budgets at a time, and lets it run."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from simulator.book.jit import direct
from simulator.book.pinned import Pinned
from simulator.book.state import NO_ASK, NO_BID, Books
from simulator.errors import LimitError
from simulator.flow import ACTIVITY_EXPONENT, FULL, HORIZON, NEVER_NS, NOTIFICATION, events
from simulator.flow import state as st
from simulator.flow.closing_days import closing_factor
from simulator.flow.fundamental import (
    SECONDS_A_SESSION,
    STEP_S,
    column_sums,
    day_jumps,
    day_path,
    own_returns,
    shared_returns,
    spread_shape,
)
from simulator.flow.hours import gathered_part, modes_of, phases_of, venues_open
from simulator.flow.impact import AgentParent, parent_moments
from simulator.flow.looks import looks_of, tick_moves
from simulator.flow.new_state import BLOCK_S, new_state
from simulator.flow.profile import check_venue_names, load_profile
from simulator.flow.rates import DayRates, budgets, day_volumes
from simulator.flow.skeleton import against_usual, skeleton, volatility_levels
from simulator.inputs.config import Scenario
from simulator.inputs.reference_prices import Bracket
from simulator.inputs.sessions import TradingDay, trading_days
from simulator.records import (
    F64,
    I32,
    I64,
    NS_PER_S,
    PRICE_INT_MAX,
    PRICE_TICKS_MAX,
    PRICE_UNITS_PER_USD,
    Phase,
)
from simulator.rng import of_symbol, stream, xoshiro_state
from simulator.tape.columns import TAPE_TICK, TICK_UNITS, Columns

BLOCK_NS = BLOCK_S * NS_PER_S
TIMES = (st.SLOT, st.SHOW_AT, st.SWEEP_AT, st.HIDDEN_NEXT, st.MOVE_AT, st.ARBITRAGE_AT)
"""What a symbol waits for, besides its makers and the next second."""
PRINTS_AN_ORDER_MEAN = 1.2


@dataclass(slots=True)
class _Drift:
    """A log return that is added in each second from ``first_s`` to before ``last_s`` (seconds since the epoch)."""

    symbol: int
    first_s: int
    last_s: int
    log_return: float
    is_shock: bool = False
    """It ends with its time alone, not with a refresh."""


class BackgroundFlow:
    """The background of some symbols on all venues; satisfies ``Flow``."""

    def __init__(self, scenario: Scenario, symbols: list[int], books: Books, columns: Columns) -> None:
        """``symbols``: indices into the universe, ascending; book ``k * venues + v`` is the k-th of them at venue ``v``."""
        self._scenario = scenario
        self._symbols = symbols
        self._books = books
        self._columns = columns
        profile = load_profile(scenario.profile, scenario.populations)
        self._profile = check_venue_names(profile, [venue.name for venue in scenario.universe.venues])
        self._state = new_state(scenario, symbols, self._profile)
        self._day: TradingDay | None = None
        self._block_start_ns = 0
        self._block_end_ns = 0
        self._seeds_ns = NEVER_NS
        self._over_ns = NEVER_NS
        before = trading_days(scenario.start_ns, scenario.start_ns + 1)[0].date - dt.timedelta(days=1)
        self._brackets = {name: replace(bracket, date=bracket.date or before) for name, bracket in scenario.prices.items()}
        self._exact = {symbol for symbol in self._names() if self._brackets[symbol].is_exact}
        """Whose price at the run's start is given; it has not begun yet."""
        self._tick_moves = tick_moves(scenario, self._profile)
        self._drifts: list[_Drift] = []
        self._agent_parents: dict[tuple[int, int], AgentParent] = {}
        """By symbol and owner: each has a slot of its own."""
        self._on_due: Callable[[int], None] = lambda ts_ns: None
        self._market = Pinned(books, columns, self._state)
        self._advance: Callable[[Pinned, int], int] | None = None
        """``events.advance``; compiled, or loaded, when it is first needed."""
        self._tell: Callable[..., None] | None = None
        """``events.on_agent_trade``."""
        self._heap, self._whole = self._state.heap.data, self._state.whole.data  # numbers of arrays cost a third through a memoryview
        self.next_ns: int = NEVER_NS

    def start_day(self, day: TradingDay, start_ns: int) -> None:
        """Begin a trading day at its start, or at a later whole second if the run starts inside it."""
        self._keep_shocks()
        self._day = day
        self._drifts = []
        self._agent_parents = {}
        self._over_ns = NEVER_NS
        fl = self._state
        fl.whole[:] = 0
        fl.whole[:, TIMES] = NEVER_NS
        fl.parents[:] = 0
        fl.hidden[:] = [NEVER_NS, 0, 0, 0, 0]
        fl.news_at[:] = NEVER_NS
        fl.seen_at[:] = 0
        fl.seen[:] = [0, NO_BID, NO_ASK]
        first_ns = -(-max(day.start_ns, start_ns) // NS_PER_S) * NS_PER_S
        self._plan_day(day)
        levels = volatility_levels(self._scenario.seed, day.date, self._scenario.universe.symbols)
        self._volumes = day_volumes(self._scenario.seed, day.date, levels)
        self._day_moves = self._tick_moves * against_usual(levels)
        fl.parameter[st.P_CLOSE] = self._profile.close_share * closing_factor(day.date)
        if self._exact:
            for k, name in enumerate(self._names()):
                if name in self._exact:
                    bracket = self._brackets[name]
                    self._brackets[name] = replace(bracket, close=bracket.close * bracket.close / self._price_at(k, first_ns))
            self._exact.clear()
            self._plan_day(day)
        for k, i in enumerate(self._symbols):
            self._start_symbol(k, i, first_ns)
        self._seeds_ns = self._first_active(first_ns)
        self._load_block(self._seeds_ns)

    def _plan_day(self, day: TradingDay) -> None:
        seed = self._scenario.seed
        symbols = [self._scenario.universe.symbols[i] for i in self._symbols]
        self._skeleton = skeleton(seed, day.date, symbols, self._brackets, self._profile)
        paced = self._scenario.session_pacing
        self._jumps = day_jumps(seed, day, symbols, self._skeleton, self._profile, paced)
        self._day_path = day_path(seed, day, symbols, self._skeleton, paced, self._jumps)

    def advance(self, horizon_ns: int) -> int:
        """Run the events before ``horizon_ns``. Raises ``LimitError`` if a book can no longer be quoted."""
        advance, market = self._advance, self._market
        if advance is None:
            advance = self._advance = direct(events.advance, market, horizon_ns)
        while True:
            status = advance(market, horizon_ns if horizon_ns < self._block_end_ns else self._block_end_ns)
            self.next_ns = self._whole[self._heap[0], st.NEXT]
            if status in (NOTIFICATION, FULL):
                return status
            if status == events.DUE:
                self._on_due(int(self._state.whole[:, st.SECOND_END].max()) - NS_PER_S)
                return NOTIFICATION
            if status >= events.STUCK:
                self._explain_stuck(status - events.STUCK)
            if self.next_ns >= horizon_ns:
                return HORIZON
            if self.next_ns >= self._block_end_ns:
                self._load_block(self._first_active(self._block_end_ns))
                if self.next_ns >= horizon_ns:
                    return HORIZON

    def on_agent_trade(self, book: int, ts_ns: int, side: int, shares: int, owner: int) -> None:
        """A Python agent's order has traded: the efficient price moves as its parent order tells, and makers look at their books."""
        symbol, venue = divmod(book, self._state.repricing.shape[1])
        worth = shares / (self._profile.shares_a_print * PRINTS_AN_ORDER_MEAN)
        parent = self._agent_parents.setdefault((symbol, owner), AgentParent())
        moved, falls = parent.trade(1 - 2 * side, worth, ts_ns, float(self._state.real[symbol, st.IMPACT]))
        tell = self._tell
        if tell is None:
            tell = self._tell = direct(events.on_agent_trade, self._state, 0, 0, 0, 0.0, 0.0)
        tell(self._state, symbol, venue, ts_ns, moved, falls)
        self._note_next()

    def on_cross(self, book: int, ts_ns: int) -> None:
        """A cross has been carried out: the venue's maker looks at what it has left."""
        symbol, venue = divmod(book, self._state.repricing.shape[1])
        events.on_cross(self._state, symbol, venue, ts_ns)
        events.build_heap(self._state)
        self._note_next()

    def efficient_price(self, symbol: int) -> float:
        """USD, now."""
        units = self._columns.facts[self._first_book(symbol), TICK_UNITS]
        return float(self._state.real[symbol, st.PRICE] * units / PRICE_UNITS_PER_USD)

    def refresh(self, symbol: int, bracket: Bracket, from_ns: int, over_ns: int) -> None:
        """Let the efficient price of ``symbol`` (the worker's own index) drift to the bracket's close; later days open there.

        The drift takes whole seconds, begins with the first one after ``from_ns`` and adds to whatever else moves the price.
        """
        assert self._day is not None
        self._brackets[self._name(symbol)] = replace(bracket, date=self._day.date)
        first_s = from_ns // NS_PER_S + 1
        seconds = max(over_ns // NS_PER_S, 1)
        drift = _Drift(symbol, first_s, first_s + seconds, math.log(bracket.close / self.efficient_price(symbol)) / seconds)
        self._drifts = [d for d in self._drifts if d.is_shock or d.last_s >= first_s - 1]
        for running in self._drifts:
            if running.symbol == symbol and not running.is_shock:  # the new drift has the whole way to go: what is left of the old one ends
                self._add(running, first_s, -1.0)
                running.last_s = min(running.last_s, first_s)
        self._drifts.append(drift)
        self._add(drift, first_s, 1.0)

    def shock(self, symbol: int, log_return: float, from_ns: int, over_ns: int) -> None:
        """Let the efficient price of ``symbol`` move by ``log_return``, and the day's fixed points with it; later days keep the step.

        It takes whole seconds, begins with the first one after ``from_ns`` and adds to whatever else moves the price.
        """
        first_s = from_ns // NS_PER_S + 1
        seconds = max(over_ns // NS_PER_S, 1)
        drift = _Drift(symbol, first_s, first_s + seconds, log_return / seconds, is_shock=True)
        self._drifts.append(drift)
        self._add(drift, first_s, 1.0)

    def _keep_shocks(self) -> None:
        """At a day's end: what its shocks came to, in ticks, is kept for the days to come."""
        fl = self._state
        for k in {drift.symbol for drift in self._drifts if drift.is_shock}:
            moved = sum(d.log_return * (d.last_s - d.first_s) for d in self._drifts if d.is_shock and d.symbol == k)
            symbol = self._scenario.universe.symbols[self._symbols[k]]
            fl.real[k, st.SHIFT] += math.expm1(moved) * float(self._skeleton.end[k]) * PRICE_UNITS_PER_USD / symbol.tick_units

    def set_bands(self, symbol: int, low_ticks: int, high_ticks: int) -> None:
        """Price bands from now on; zeros for none."""
        self._state.real[symbol, [st.BAND_LOW, st.BAND_HIGH]] = low_ticks, high_ticks

    def watch_bands(self, on_due: Callable[[int], None]) -> tuple[I64, I64]:
        """The arrays of ``price_look`` that it keeps; it looks at each symbol that is WATCHED as the symbol's second begins."""
        self._on_due = on_due
        return self._state.bands, self._state.past

    def end_session(self, ts_ns: int) -> None:
        """Nothing trades any more for the rest of the trading day: nobody enters interest for a cross from the next second on."""
        self._over_ns = ts_ns
        self._end_interest()

    def _end_interest(self) -> None:
        """In the hour at hand."""
        first = int(np.clip((self._over_ns - self._block_start_ns) // NS_PER_S + 1, 0, BLOCK_S))
        self._state.mode[:, first:] &= st.MODE_TRADES

    def _add(self, drift: _Drift, from_s: int, sign: float) -> None:
        """Put a drift into the hour at hand, from that second on."""
        block_s = self._block_start_ns // NS_PER_S
        first, last = (int(np.clip(s - block_s, 0, BLOCK_S)) for s in (max(drift.first_s, from_s), drift.last_s))
        path = self._state.path[drift.symbol]
        path[first:last, st.FACTOR] += sign * drift.log_return
        gone = np.clip(block_s + np.arange(BLOCK_S) - max(drift.first_s, from_s), 0, drift.last_s - max(drift.first_s, from_s))
        path[:, st.TARGET] *= np.exp(sign * drift.log_return * gone)

    def _first_book(self, symbol: int) -> int:
        return symbol * self._state.repricing.shape[1]

    def _note_next(self) -> None:
        self.next_ns = self._whole[self._heap[0], st.NEXT]

    def _explain_stuck(self, symbol: int) -> None:
        name = self._name(symbol)
        raise LimitError(
            f"The background can no longer quote {name}: {events.TRIES_MAX} attempts to change one of its books failed; orders far from "
            f"the market fill the price window of {self._scenario.price_window} ticks, or {self._scenario.max_orders} orders fill the "
            "book. Raise price_window or max_orders in the scenario."
        )

    def _start_symbol(self, k: int, i: int, first_ns: int) -> None:
        """The state of the ``k``-th symbol of the worker, universe index ``i``, at the start of the day."""
        assert self._day is not None
        fl, scenario, profile = self._state, self._scenario, self._profile
        symbol = scenario.universe.symbols[i]
        day = self._day.date
        ticks = self._price_at(k, first_ns) * PRICE_UNITS_PER_USD / symbol.tick_units
        fl.random[k] = xoshiro_state(scenario.seed, day.isoformat(), of_symbol(symbol.name), "flow")
        fl.whole[k, st.LISTING] = scenario.universe.listing_index(i)
        fl.whole[k, st.SECOND_END] = first_ns
        real = fl.real[k]
        shift = real[st.SHIFT] - real[st.FALL]
        real[:] = 0.0
        real[st.SHIFT] = shift
        real[st.PRICE] = ticks + shift
        real[st.PRINTS_USUAL] = PRINTS_AN_ORDER_MEAN
        real[st.SHOWS_LATE] = 1.0
        real[st.FAR] = scenario.price_window // 8
        tape_tick = int(self._columns.facts[self._first_book(k), TAPE_TICK])
        real[st.HIGHEST] = min(PRICE_TICKS_MAX, PRICE_INT_MAX // tape_tick) - scenario.price_window
        volatility = float(self._skeleton.volatility[k])
        looks = looks_of(symbol, self._brackets[symbol.name].close, volatility, profile)
        real[st.HALF_SPREAD], real[st.SCALE], real[st.ODD] = looks.half_spread, looks.scale, looks.odd_lots
        fl.target[k] = looks.scale * profile.level_targets(fl.target.shape[1])

        weights = np.array([s.daily_volume for s in scenario.universe.symbols], np.float64) ** profile.volume_exponent
        weight = float(weights[i] / weights.sum())
        rates = scenario.rates
        rows_s = weight * (rates.market_data_min_eps + 0.3 * (rates.market_data_max_eps - rates.market_data_min_eps))
        prints_s = weight * (rates.trades_min_eps + 0.3 * (rates.trades_max_eps - rates.trades_min_eps))
        real[st.VOLATILITY_USUAL] = max(volatility / math.sqrt(SECONDS_A_SESSION), 1e-12)
        sigma = real[st.VOLATILITY_USUAL] * ticks
        jump = sigma * math.sqrt(len(scenario.universe.venues) / profile.news_row_share / max(rows_s, 1e-3))
        real[st.ALERT] = max(0.6, profile.alert_part * (real[st.HALF_SPREAD] + looks.away), 0.3 * sigma)
        real[st.GAP] = min(float(profile.level_gap_max), max(1.0, profile.level_gap_jump * jump))
        if self._day.is_session and scenario.session_pacing:
            real[st.GATHERED] = gathered_part(symbol.listing, self._day, first_ns)
        real[st.AUCTION_SHARES] = prints_s * SECONDS_A_SESSION * profile.shares_a_print
        self._start_venues(k, i, first_ns, looks.away)

    def _start_venues(self, k: int, i: int, first_ns: int, away: float) -> None:
        """Offsets, latencies and the seeding time of each venue; first quotes come within 20 ms."""
        fl, universe, profile = self._state, self._scenario.universe, self._profile
        assert self._day is not None
        listing = universe.listing_index(i)
        open_venues = int(venues_open(self._scenario, self._day, [i], first_ns, 1)[0, 0])
        draws = xoshiro_state(self._scenario.seed, self._day.date.isoformat(), of_symbol(universe.symbols[i].name), "venues")
        for v, venue in enumerate(universe.venues):
            unit = float((int(draws[v % 4]) >> (11 * (v // 4) + 3) & 0xFFFF) / 65536)
            fl.venue[k, v, st.OFFSET] = 0.0 if v == listing else 0.5 * (unit - 0.5)
            fl.venue[k, v, st.EXTRA_SPREAD] = 0.0 if v == listing else away
            usual = profile.reaction_ns["listing" if v == listing else "other"]
            fl.venue[k, v, st.REACTION_NS] = profile.reaction_ns.get(venue.name, usual)
            fl.venue[k, v, st.SIZE_MULTIPLIER] = venue.size_multiplier
            fl.venue[k, v, st.INVENTORY] = 0.0
            fl.venue[k, v, st.ANCHOR] = fl.real[k, st.PRICE]
            fl.venue[k, v, st.ATTRACTION] = profile.attraction["listing"] if v == listing else profile.attraction.get(venue.name, 1.0)
            is_open = (open_venues >> v) & 1
            fl.repricing[k, v] = first_ns + 1_000 + int(20e6 * unit) if is_open else NEVER_NS

    def _first_active(self, from_ns: int) -> int:
        """The first instant from ``from_ns`` on at which the background quotes; NEVER_NS if the day has none left."""
        assert self._day is not None
        for segment in self._day.segments:
            if segment.end_ns > from_ns and self._is_active(segment.phase):
                return max(segment.start_ns, from_ns)
        return NEVER_NS

    def _is_active(self, phase: Phase) -> bool:
        is_open = self._scenario.offhours_quotes or self._scenario.offsession_trades != "none"
        return phase not in (Phase.OFF_HOURS, Phase.CLOSED) or is_open

    def _load_block(self, from_ns: int) -> None:
        """Make the hour of ``from_ns`` current, from that second on; NEVER_NS ends the day."""
        fl = self._state
        if from_ns >= NEVER_NS:
            fl.whole[:, [*TIMES, st.SECOND_END]] = NEVER_NS
            fl.repricing[:] = NEVER_NS
            fl.news_at[:] = NEVER_NS
            self._block_end_ns = NEVER_NS
        else:
            self._fill_block(from_ns)
        events.build_heap(fl)
        self._note_next()

    def _fill_block(self, from_ns: int) -> None:
        day, scenario, profile = self._day, self._scenario, self._profile
        assert day is not None
        fl, universe = self._state, scenario.universe
        hour = (from_ns - day.start_ns) // BLOCK_NS
        block_ns = day.start_ns + hour * BLOCK_NS
        phases = phases_of(day, block_ns, BLOCK_S)
        wanted = DayRates(
            seed=scenario.seed, day=day, universe=universe, rates=scenario.rates, profile=profile, offsession=scenario.offsession_trades,
            pacing=scenario.session_pacing, tick_moves=self._day_moves, volumes=self._volumes,
        )  # fmt: skip
        seeds_at = (from_ns - block_ns) // NS_PER_S if from_ns == self._seeds_ns else None
        budget, busy, prints_s = budgets(wanted, hour, block_ns, phases, self._symbols, seeds_at)
        fl.budget[:] = budget.transpose(1, 0, 2)
        self._fill_path(hour, phases, np.ascontiguousarray(busy), np.ascontiguousarray(prints_s))
        self._block_start_ns = block_ns
        for drift in self._drifts:
            self._add(drift, drift.first_s, 1.0)
        fl.mode[:] = modes_of(scenario, day, self._symbols, block_ns, phases)
        self._end_interest()
        fl.open[:] = venues_open(scenario, day, self._symbols, block_ns, BLOCK_S)
        fl.whole[:, st.WERE_OPEN] = venues_open(scenario, day, self._symbols, max(block_ns - NS_PER_S, day.start_ns), 1)[:, 0]
        active = np.array([self._is_active(Phase(p)) for p in range(len(Phase))])[phases]
        first = (from_ns - block_ns) // NS_PER_S
        idle = np.flatnonzero(~active[first:])
        last = first + (int(idle[0]) if len(idle) else BLOCK_S - first)
        self._block_end_ns = block_ns + last * NS_PER_S
        fl.whole[:, st.SECOND] = first - 1
        fl.whole[:, st.SECOND_END] = from_ns

    def _fill_path(self, hour: int, phases: I32, busy: F64, prints_s: F64) -> None:
        """``busy``, ``prints_s``: [seconds, symbols], ln of the share against the usual, and the prints that are usual then."""
        day, scenario, profile = self._day, self._scenario, self._profile
        assert day is not None
        fl = self._state
        symbols = [scenario.universe.symbols[i] for i in self._symbols]
        first = hour * BLOCK_S // STEP_S
        rows = np.minimum(first + np.arange(BLOCK_S) // STEP_S, len(self._day_path.pull) - 1)
        base, pull, target = (part[rows] for part in self._day_path)
        lively = np.exp(ACTIVITY_EXPONENT * busy)
        volatility = base * lively * len(lively) / column_sums(lively)
        date = day.date
        shared = shared_returns(scenario.seed, date, hour, volatility, symbols, profile)
        own = own_returns(scenario.seed, date, hour, volatility, symbols, profile)
        begin_s = day.start_ns // NS_PER_S + hour * BLOCK_S
        for k, news in enumerate(self._jumps):
            inside = (news.second >= begin_s) & (news.second < begin_s + BLOCK_S)
            np.add.at(own[:, k], news.second[inside] - begin_s, news.log_return[inside])
        units = np.array([PRICE_UNITS_PER_USD / s.tick_units for s in symbols])
        ticks = np.exp(target) * units
        mean_length, mean_impact, mean_square = parent_moments()
        parents_s = np.maximum(prints_s, 1e-3) / PRINTS_AN_ORDER_MEAN / mean_length
        impact = base * ticks * np.sqrt(profile.variance_flow / (parents_s * mean_square))
        trades = (phases == Phase.CONTINUOUS) | (scenario.offsession_trades != "none")
        moved = parents_s * mean_impact * impact * np.ones_like(pull)  # nothing, if orders have no part in the variance
        lean = np.divide(profile.variance_flow * pull, moved, out=np.zeros_like(pull), where=moved > 0) * trades[:, None]
        shape = spread_shape(self._minutes(hour), phases, profile.spread_opening)
        for column, values in (
            (st.BUSY, busy), (st.VOLATILITY, volatility), (st.FACTOR, shared), (st.OWN, own), (st.PULL, pull), (st.TARGET, ticks),
            (st.SPREAD, shape[:, None]), (st.IMPACTS, impact), (st.LEAN, lean),
        ):  # fmt: skip
            fl.path[:, :, column] = values.T

    def _minutes(self, hour: int) -> F64:
        """float64[seconds]: minutes since the open, as of a session of 390; of its middle where there is no session."""
        day = self._day
        assert day is not None
        if not (day.is_session and self._scenario.session_pacing):
            return np.full(BLOCK_S, 195.0)
        seconds_ns = day.start_ns + hour * BLOCK_NS + np.arange(BLOCK_S) * NS_PER_S
        return np.asarray((seconds_ns - day.open_ns) / (day.close_ns - day.open_ns) * 390.0, np.float64)

    def _price_at(self, k: int, ts_ns: int) -> float:
        """USD at which symbol ``k`` of the worker begins: at a fixed point of the day, or somewhere on the way between two."""
        day, bones, path = self._day, self._skeleton, self._day_path
        assert day is not None
        points = [(day.start_ns, float(bones.start[k]))]
        if day.is_session and self._scenario.session_pacing:
            evening_ns = next(s.end_ns for s in day.segments if s.phase == Phase.POST_CLOSE)
            points += [(day.open_ns, float(bones.open[k])), (day.close_ns, float(bones.close[k])), (evening_ns, float(bones.end[k]))]
        points.append((day.end_ns, float(bones.next_start[k])))
        (from_ns, before), (to_ns, after) = next((a, b) for a, b in pairwise(points) if a[0] <= ts_ns < b[0])
        first, now, last = ((t - day.start_ns) // (STEP_S * NS_PER_S) for t in (from_ns, ts_ns, to_ns))
        square = path.volatility[first:last, k] ** 2 * STEP_S
        gone = float(square[: now - first].sum() / square.sum())
        draw = float(stream(self._scenario.seed, day.date.isoformat(), of_symbol(self._name(k)), "start").standard_normal())
        return math.exp(
            math.log(before) + gone * math.log(after / before) + draw * math.sqrt(gone * (1.0 - gone) * float(square.sum()))
        )

    def _name(self, k: int) -> str:
        return self._scenario.universe.symbols[self._symbols[k]].name

    def _names(self) -> list[str]:
        return [self._name(k) for k in range(len(self._symbols))]

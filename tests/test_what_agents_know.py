"""What an agent can know: times, prints summed up, streams (its own orders: ``test_known_orders``); each as of what has reached it, and no sooner."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import OPEN, assert_same_tapes, run, scenario
from scripted import BASE_NS, BUY, LATENCIES, MS, SELL, VENUES, A, B, S, Stroke, near, scripted_run
from test_agents import trade_much
from test_known_orders import follow_queue

from simulator.agents import Quotes, Status, Trades
from simulator.errors import AgentError, LimitError
from simulator.exchange import book_log
from simulator.inputs.config import AgentSpec
from simulator.inputs.sessions import parse_ts
from simulator.notices import SipBatch
from simulator.records import MarketDataBatch, OrderType, TradeBatch

DEPTH = 3


# --- times -----------------------------------------------------------------------------------------------------------------


def test_times_as_people_say_them() -> None:
    said: dict[str, Any] = {}

    def make(market: Any, orders: Any, rng: Any) -> Any:
        said["at"] = [market.at(time) for time in ("15:45", "9:30", "09:30:05.25", "02:00")]
        said["bells"] = (market.open_ns, market.close_ns, market.to_open_ns, market.to_close_ns)
        said["cut"] = [market.cut_off_ns("AAPL", OrderType.MARKET_ON_CLOSE), market.cut_off_ns("JPM", OrderType.LIMIT_ON_OPEN)]
        yield market.wait(5, seconds=1.5, minutes=2)
        said["waited"] = market.now_ns

    market = scripted_run([], near(make), start="2025-07-01T13:29:00Z", run_ns=0)
    market.run_for(minutes=3)
    assert market.now_ns == parse_ts("2025-07-01T13:32:00Z")
    assert said["at"] == [parse_ts(f"2025-07-0{t}Z") for t in ("1T19:45:00", "1T13:30:00", "1T13:30:05.25", "2T06:00:00")]
    assert said["bells"] == (parse_ts("2025-07-01T13:30:00Z"), parse_ts("2025-07-01T20:00:00Z"), 60 * S, 6 * 3600 * S + 31 * 60 * S)
    assert said["cut"] == [parse_ts("2025-07-01T19:55:00Z"), parse_ts("2025-07-01T13:30:00Z")]
    assert said["waited"] == parse_ts("2025-07-01T13:31:01.500000005Z")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda market: market.at("25:00"), 'gave time = .25:00.; it must be a time of day in New York, as "15:45"'),
        (lambda market: market.at(945), "gave time = 945"),
        (lambda market: market.wait(seconds="2"), "gave seconds = .2.; it must be a number from 0"),
        (lambda market: market.wait(minutes=-1), "gave minutes = -1; it must be a number from 0"),
        (lambda market: market.cut_off_ns("AAPL", OrderType.LIMIT), "asked for the cut-off of LIMIT; only on-open and on-close"),
        (lambda market: market.bars("AAPL", 0), "gave length_ns = 0; it must be an int of at least 1"),
        (lambda market: market.trades(*A, 0), "gave count = 0; it must be an int of at least 1"),
        (lambda market: market.record("pnl", math.nan), "gave value = nan of the record 'pnl'; it must be a finite number"),
        (lambda market: market.record("", 1), "gave name = '' of a record"),
        (lambda market: market.order(7), "used order reference 7; its references so far are none"),
    ],
)
def test_what_makes_no_sense_is_said_to_make_none(call: Callable[[Any], Any], says: str) -> None:
    def make(market: Any, orders: Any, rng: Any) -> Any:
        yield market.wait(1)
        call(market)

    with pytest.raises(AgentError, match=says):
        scripted_run([], near(make))


def test_what_an_agent_records_is_in_its_results() -> None:
    def make(market: Any, orders: Any, rng: Any) -> Any:
        for n in range(3):
            market.record("queue", n)
            market.record("spread", np.float64(n) / 2)
            yield market.wait(MS)

    table = scripted_run([], near(make)).agents()["lone"].arrow("records")
    assert table.column_names == ["timestamp_ns", "name", "value"]
    assert table["name"].to_pylist() == ["queue", "spread"] * 3
    assert table["value"].to_pylist() == [0, 0, 1, 0.5, 2, 1]
    assert [t.value - BASE_NS for t in table["timestamp_ns"].to_pylist()] == [0, 0, MS, MS, 2 * MS, 2 * MS]


# --- what everybody can know, against the truth ----------------------------------------------------------------------------


def attack(market: Any, orders: Any, rng: np.random.Generator, log: list[tuple[Any, ...]], symbols: tuple[str, ...]) -> Any:
    """Looks at everything at random times, and writes down what it saw."""
    streams = {(of, s): getattr(market, f"{of}_stream")(s) for of in ("trade", "quote", "status", "sip") for s in symbols}
    whole = market.trade_stream()
    while True:
        if rng.random() < 0.5:
            yield market.wait(int(rng.integers(1, 40 * MS)))
        else:
            ways = (streams[of, symbols[0]].next() for of in ("trade", "quote", "sip"))
            came = yield market.any_of(*ways, limit_ns=30 * MS)
            if came is not None:
                assert len(came)
                of = "trade" if isinstance(came, Trades) else "quote" if isinstance(came, Quotes) else "sip"
                log.append((of, market.now_ns, symbols[0], came))
        symbol, venue = str(rng.choice(symbols)), str(rng.choice(VENUES))
        now = market.now_ns
        since_ns = now - int(rng.integers(2 * S))
        where = venue if rng.random() < 0.5 else None
        log.append(("quotes", now, symbol, market.quotes(symbol), [market.best(symbol, v) for v in VENUES], market.nbbo(symbol)))
        log.append(("depth", now, (symbol, venue), market.depth(symbol, venue, BUY, DEPTH), market.depth(symbol, venue, SELL, DEPTH)))
        log.append(("volume", now, (symbol, where, since_ns), market.volume(symbol, where, since_ns), market.vwap(symbol, where, since_ns)))
        log.append(("last", now, (symbol, where), market.trades(symbol, where, 7), market.last_trades(symbol, venue, 3), venue))
        log.append(("bars", now, (symbol, where), market.bars(symbol, 700 * MS, where), market.low_high(symbol, where)))
        if rng.random() < 0.3:
            (of, s), stream = list(streams.items())[int(rng.integers(len(streams)))]
            log.append((of, now, s, stream.drain()))
        if rng.random() < 0.1:
            log.append(("trade", now, None, whole.drain()))


class Truth:
    """The tape, and what of it has reached an agent."""

    def __init__(self, market: Any, latencies: dict[str, int]) -> None:
        tape, universe = market.tape(), market.scenario.universe
        rows, prints = tape["market_data"], tape["trades"]
        assert isinstance(rows, MarketDataBatch)
        assert isinstance(prints, TradeBatch)
        self.rows, self.prints, self.index = rows, prints, universe.symbol_index
        self.late = np.array([latencies.get(venue, latencies["*"]) for venue in VENUES])
        self.symbols = [universe.symbols[i].name for i in range(len(universe.symbols))]
        self.listing = {symbol.name: universe.listing_index(i) for i, symbol in enumerate(universe.symbols)}
        self.sip = tape.get("sip")

    def late_ns(self, symbol: str) -> int:
        """To the processor."""
        return int(self.late[self.listing[symbol]])

    def sip_quotes(self, symbol: str, after_ns: int, until_ns: int) -> list[tuple[Any, ...]]:
        """Published in that time."""
        sip, names = self.sip, (*VENUES, "")
        assert isinstance(sip, SipBatch)
        mine = (sip.symbol == self.index(symbol)) & (sip.ts_ns > after_ns) & (sip.ts_ns <= until_ns)
        columns = (sip.ts_ns, sip.bid_price // 100, sip.bid_size, sip.bid_venue, sip.ask_price // 100, sip.ask_size, sip.ask_venue)
        return [(t, b, bs, names[bv], a, s, names[av]) for t, b, bs, bv, a, s, av in zip(*(c[mine].tolist() for c in columns), strict=True)]

    def seen(self, batch: Any, now_ns: int, symbol: str | None, venue: str | None) -> np.ndarray:
        """Places of the rows that have arrived, in order of time."""
        mine = batch.ts_ns + self.late[batch.venue] <= now_ns
        if symbol is not None:
            mine &= batch.symbol == self.index(symbol)
        if venue is not None:
            mine &= batch.venue == VENUES.index(venue)
        return np.flatnonzero(mine)

    def best(self, now_ns: int, symbol: str, venue: str) -> tuple[int, ...]:
        places = self.seen(self.rows, now_ns, symbol, venue)
        if not len(places):
            return (0, 0, 0, 0, 0)
        last = places[-1]
        bid, bid_size, ask, ask_size = self.rows.quotes[last, :, 0].tolist()
        return (int(self.rows.ts_ns[last]), bid // 100, bid_size, ask // 100, ask_size)


def columns_of(truth: Truth, places: np.ndarray) -> list[list[int]]:
    p = truth.prints
    return [column[places].tolist() for column in (p.ts_ns, p.price // 100, p.size, p.side, p.venue)]


def told(trades: Trades) -> list[list[int]]:
    return [column.tolist() for column in (trades.ts_ns, trades.price_ticks, trades.size, trades.side, trades.venue)]


@pytest.mark.parametrize(("latencies", "history"), [(LATENCIES, 4096), ({"*": 70 * MS}, 64)])
def test_nothing_arrives_early_and_nothing_is_missing(latencies: dict[str, int], history: int) -> None:
    """All that an agent sees is what the tape says had happened a latency before, and every bit of it; rings are short in the second run."""
    log: list[tuple[Any, ...]] = []
    symbols = ("AAPL", "JPM")
    spec = near(attack, arguments={"log": log, "symbols": symbols}, latency_ns=latencies)
    trader = AgentSpec(name="trader", make=trade_much)
    market = run(scenario(OPEN, "2025-07-01T13:30:08Z", agents=(spec, trader), names=symbols, history=history, extra_tables=("sip",)))
    truth = Truth(market, latencies)
    check(truth, log)
    for of, batch in (("trade", truth.prints), ("quote", truth.rows)):
        got = [entry for entry in log if entry[0] == of and entry[2] == "AAPL"]
        places = truth.seen(batch, got[-1][1], "AAPL", None)
        arrival = batch.ts_ns[places] + truth.late[batch.venue[places]]
        in_order = places[np.argsort(arrival, kind="stable")]
        assert sorted(np.concatenate([entry[3].ts_ns for entry in got]).tolist()) == sorted(batch.ts_ns[in_order].tolist())
    assert {entry[0] for entry in log} == {"quotes", "depth", "volume", "last", "bars", "trade", "quote", "status", "sip"}
    assert len(log) > 1_200


def check(truth: Truth, log: list[tuple[Any, ...]]) -> None:
    """Each entry against the tape; streams: each row once, when it has arrived, in order of arrival."""
    prints = truth.prints
    until: dict[tuple[Any, ...], int] = {}
    for kind, now_ns, about, *got in log:
        if kind == "quotes":
            expected = [truth.best(now_ns, about, venue) for venue in VENUES]
            assert [tuple(q)[:5] for q in got[0]] == expected
            assert [tuple(q)[:5] for q in got[1]] == expected
            assert got[2] == (max(q[1] for q in expected), min((q[3] for q in expected if q[3]), default=0))
        elif kind == "depth":
            places = truth.seen(truth.rows, now_ns, *about)
            sides = truth.rows.quotes[places[-1], :, :DEPTH].tolist() if len(places) else [[]] * 4
            assert got[0] == [(price // 100, size) for price, size in zip(*sides[:2], strict=True) if size]
            assert got[1] == [(price // 100, size) for price, size in zip(*sides[2:], strict=True) if size]
        elif kind == "volume":
            symbol, venue, since_ns = about
            places = truth.seen(prints, now_ns, symbol, venue)
            places = places[prints.ts_ns[places] >= since_ns]
            assert got[0] == prints.size[places].sum()
            assert math.isnan(got[1]) if not len(places) else got[1] == pytest.approx(np.average(prints.price[places] // 100, weights=prints.size[places]))
        elif kind == "last":
            assert told(got[0]) == columns_of(truth, truth.seen(prints, now_ns, *about)[-7:])
            newest = truth.seen(prints, now_ns, about[0], got[2])[-3:][::-1]
            assert [(t.ts_ns, t.price_ticks, t.size) for t in got[1]] == list(zip(*columns_of(truth, newest)[:3], strict=True))
        elif kind == "bars":
            check_bars(truth, truth.seen(prints, now_ns, *about), *got)
        elif kind in ("trade", "quote"):
            batch = prints if kind == "trade" else truth.rows
            arrival = got[0].ts_ns + truth.late[got[0].venue]
            assert (arrival <= now_ns).all()
            assert (np.diff(arrival) >= 0).all()
            places = truth.seen(batch, now_ns, about, None)
            after = until.get((kind, about))
            if after is not None:
                places = places[batch.ts_ns[places] + truth.late[batch.venue[places]] > after]
                assert len(places) == len(got[0]), (kind, now_ns)
                if kind == "trade":
                    order = np.lexsort((batch.symbol[places] * 5 + batch.venue[places], batch.ts_ns[places] + truth.late[batch.venue[places]]))
                    assert told(got[0]) == columns_of(truth, places[order])
                    assert [("AAPL", "JPM")[k] for k in got[0].symbol] == [truth.symbols[i] for i in prints.symbol[places[order]]]
            until[kind, about] = now_ns
        elif kind == "sip":
            late_ns = truth.late_ns(about)
            quotes = truth.sip_quotes(about, until.get((kind, about), -1) - late_ns, now_ns - late_ns)
            if (kind, about) in until:
                assert [tuple(q)[:-1] for q in got[0]] == quotes
            assert all(q.ts_ns + late_ns <= now_ns for q in got[0])
            until[kind, about] = now_ns
        else:
            assert kind == "status"
            assert all(isinstance(s, Status) and s.ts_ns + truth.late[VENUES.index(s.venue)] <= now_ns for s in got[0])


def check_bars(truth: Truth, places: np.ndarray, bars: Any, low_high: tuple[int, int]) -> None:
    stretch = truth.prints.ts_ns[places] // (700 * MS)
    price = truth.prints.price[places] // 100
    assert bars.start_ns.tolist() == (np.unique(stretch) * 700 * MS).tolist()
    assert low_high == ((price.min(), price.max()) if len(places) else (0, 0))
    for n, start in enumerate(np.unique(stretch)):
        mine, size = price[stretch == start], truth.prints.size[places][stretch == start]
        made = [c[n] for c in (bars.open_ticks, bars.high_ticks, bars.low_ticks, bars.close_ticks, bars.volume, bars.trades)]
        assert made == [mine[0], mine.max(), mine.min(), mine[-1], size.sum(), len(mine)]
        assert bars.vwap_ticks[n] == pytest.approx(np.average(mine, weights=size))


@pytest.mark.parametrize("of", ["trade", "quote", "sip"])
def test_a_stream_ends_a_wait_exactly_when_something_has_arrived(of: str) -> None:
    """Also what came while the agent waited for something else; rows that move no consolidated quote wake nobody who waits for that."""
    woke: list[tuple[int, int]] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        stream = getattr(market, f"{of}_stream")("AAPL")
        for _ in range(2):
            came = yield stream.next()
            woke.append((market.now_ns - BASE_NS, len(came)))
        yield market.wait(20 * MS)
        assert (yield stream.next(limit_ns=0)) is not None
        assert (yield stream.next(limit_ns=5)) is None
        woke.append((market.now_ns - BASE_NS, 0))

    strokes = [Stroke(5 * MS, *A, SELL, 10_000, 300), Stroke(6 * MS, *A, SELL, 10_007, 300)]  # the second moves no best price
    strokes += [Stroke(7 * MS, *A, BUY, 10_000, 100), Stroke(8 * MS, *A, BUY, 10_000, 100), Stroke(15 * MS, *A, BUY, 10_000, 50)]
    market = scripted_run(strokes, near(make, latency_ns=2 * MS))
    sip_ns = market._exchange.sip_delays_ns[0]
    expected = {
        "trade": [(9 * MS, 1), (10 * MS, 1)], "quote": [(7 * MS, 1), (8 * MS, 1)],
        "sip": [(7 * MS + sip_ns, 1), (9 * MS + 1 + sip_ns, 1)],
    }[of]  # fmt: skip
    assert woke[:2] == expected
    assert woke[2] == (expected[1][0] + 20 * MS + 5, 0)


def test_notices_of_a_stream_come_once_and_in_time() -> None:
    seen: dict[str, list[Any]] = {"status": [], "imbalance": []}

    def make(market: Any, orders: Any, rng: Any) -> Any:
        streams = {"status": market.status_stream("AAPL"), "imbalance": market.imbalance_stream("AAPL")}
        while True:
            came = yield market.any_of(*(stream.next() for stream in streams.values()))
            of = "status" if isinstance(came[0], Status) else "imbalance"
            seen[of] += [(market.now_ns, notice) for notice in came]

    market = scripted_run(
        [], near(make, latency_ns=3 * MS), start="2025-07-01T13:29:55Z", run_ns=10 * S, extra_tables=("status", "imbalances")
    )
    tape = market.tape()
    told = tape["imbalances"]
    mine = told.ts_ns[told.symbol == market.scenario.universe.symbol_index("AAPL")]  # type: ignore[union-attr]
    assert [(now_ns, notice.ts_ns) for now_ns, notice in seen["imbalance"]] == [(ts_ns + 3 * MS, ts_ns) for ts_ns in mine.tolist()]
    changes = tape["status"]
    here = (changes.symbol == market.scenario.universe.symbol_index("AAPL")) & (changes.venue < len(VENUES))  # type: ignore[union-attr]
    assert {ts_ns + 3 * MS for ts_ns in changes.ts_ns[here].tolist()} <= {now_ns for now_ns, _ in seen["status"]}
    assert all(now_ns == notice.ts_ns + 3 * MS for now_ns, notice in seen["status"])
    assert {notice.venue for _, notice in seen["status"]} == set(VENUES)


def test_the_attack_notices_what_comes_too_early() -> None:
    """The same run against a truth that is a little later."""
    log: list[tuple[Any, ...]] = []
    spec = near(attack, arguments={"log": log, "symbols": ("AAPL", "JPM")}, latency_ns={"*": 5 * MS})
    market = run(scenario(OPEN, "2025-07-01T13:30:12Z", agents=(spec,), names=("AAPL", "JPM"), extra_tables=("sip",)))
    check(Truth(market, {"*": 5 * MS}), log)
    for kind in ("quotes", "depth", "volume", "last", "bars", "trade", "quote", "sip"):
        with pytest.raises((AssertionError, ValueError, IndexError)):
            check(Truth(market, {"*": 6 * MS}), [entry for entry in log if entry[0] == kind])


def test_looking_at_everything_changes_no_row() -> None:
    log: list[Any] = []
    queue: list[Any] = []
    chosen = {"start": OPEN, "end": "2025-07-01T13:30:04Z", "extra_tables": ("orders", "truth")}
    trader = AgentSpec(name="a trader", make=trade_much)
    looks = AgentSpec(name="b", make=attack, arguments={"log": log, "symbols": ("AAPL", "JPM")}, latency_ns=7 * MS)
    maker = AgentSpec(name="m", make=follow_queue, arguments={"log": queue, "latency_ns": 1_000}, latency_ns=1_000)
    without = AgentSpec(name="m", make=follow_queue, arguments={"log": [], "latency_ns": 1_000}, latency_ns=1_000)
    alone = run(scenario(**chosen, agents=(trader, without))).tape()
    assert_same_tapes(alone, run(scenario(**chosen, agents=(trader, looks, maker))).tape())
    assert_same_tapes(alone, run(scenario(**chosen, agents=(trader, looks, maker), slice_ns=900_000)).tape())


def test_prints_are_kept_beyond_the_ring_and_no_longer_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    strokes = [Stroke(0, *A, SELL, 10_000, 10_000), *(Stroke(k * MS, *A, BUY, 10_000, k) for k in range(1, 101))]
    seen: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        yield market.until(BASE_NS + 60 * MS)
        if looks_early:
            assert market.volume("AAPL") == sum(range(1, 60))
        yield market.until(BASE_NS + 200 * MS)
        seen.append((market.volume(*A), market.trades(*A).size.tolist(), market.trades(*A, 2).size.tolist(), market.low_high("AAPL")))

    for looks_early in (True, False):  # noqa: B007
        scripted_run(strokes, near(make), history=64)
        assert seen.pop() == (5_050, list(range(1, 101)), [99, 100], (10_000, 10_000))
    monkeypatch.setattr(book_log, "BOOK_MAX", 40)
    with pytest.raises(LimitError, match="asked for prints of AAPL at NASDAQ since 2025-07-01 04:00:00 New York time, but only those since"):
        scripted_run(strokes, near(make), history=64)


def test_the_previous_close_is_the_reference_then_the_last_cross() -> None:
    closes: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        closes.append((market.previous_close("AAPL"), market.previous_close("JPM")))
        orders.buy(*A, 0, 100, type=OrderType.MARKET_ON_CLOSE)
        orders.sell(*A, 12_345, 200, type=OrderType.LIMIT_ON_CLOSE)
        orders.buy(*B, 9_876, 10)
        yield market.wait(MS)
        orders.sell(*B, 9_876, 10)
        yield market.until(market.at("19:00"))
        closes.append((market.previous_close("AAPL"), market.previous_close("JPM")))
        yield market.until(market.close_ns + 24 * 3600 * S)
        closes.append((market.previous_close("AAPL"), market.previous_close("JPM")))

    market = scripted_run([], near(make), run_ns=32 * 3600 * S)
    prices = market.scenario.prices
    reference = (round(prices["AAPL"].close * 100), round(prices["JPM"].close * 100))
    assert closes == [reference, reference, (12_345, 9_876)]

"""What the live page keeps of the last minutes: against slow twins, and as a viewer who comes late gets it."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest

from simulator.inputs.config import AgentSpec
from simulator.live.camera import Camera
from simulator.live.past import STEPS_S, WIDE, Columns, Recent, Ring, step_for
from simulator.live.server import LiveServer
from simulator.market import Market
from simulator.notices import StatusReason
from simulator.records import NS_PER_MS, NS_PER_S, Cond, CrossKind, MarketDataBatch, TradeBatch, slice_batch
from tests.helpers import scenario
from tests.test_live import Viewer


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_a_ring_keeps_the_newest_rows(rows: int) -> None:
    rng, ring, kept = np.random.default_rng(rows), Ring(rows, [((), np.int32), ((2,), np.int32)]), []
    now = 0
    for _ in range(60):
        ts_ns = now + np.cumsum(rng.integers(0, 3, rng.integers(0, 20)))
        now = int(ts_ns[-1]) if len(ts_ns) else now
        numbers = rng.integers(0, 99, (len(ts_ns), 3)).astype(np.int32)
        ring.write(ts_ns, numbers[:, 0], numbers[:, 1:])
        kept = [*kept, *zip(ts_ns.tolist(), numbers.tolist(), strict=True)][-rows:]
        assert ring.oldest_ns == (kept[0][0] if kept else None)
        for count in (0, 1, 5, 100):
            assert ring.last(count)[1].tolist() == [ts_ns for ts_ns, _ in kept[max(len(kept) - count, 0) :]]
        for since in (0, now - 5, now, now + 1):
            places, times = ring.since(since)
            found = [[a, *b] for a, b in zip(ring.columns[0][places].tolist(), ring.columns[1][places].tolist(), strict=True)]
            assert list(zip(times.tolist(), found, strict=True)) == [row for row in kept if row[0] >= since]


@pytest.mark.parametrize("step_s", STEPS_S)
def test_columns_stand_for_the_seconds_that_were_told(step_s: int) -> None:
    """Seconds come in pieces, the last of each piece again with the next; a slow twin has all of them."""
    rng, columns = np.random.default_rng(step_s), Columns(step_s)
    told: dict[int, tuple[dict[int, int], list[int]]] = {}
    second = 1_000
    for _ in range(400):
        piece = []
        for n in range(rng.integers(1, 4)):
            second += int(rng.integers(1, 4)) if n or rng.random() < 0.5 else 0
            books, prints = told.get(second, ({}, []))
            told[second] = books | {int(venue): int(rng.integers(99)) for venue in rng.integers(0, 5, 2)}, [*prints, int(rng.integers(9))]
            piece.append([second, [[venue, size] for venue, size in told[second][0].items()], told[second][1]])
        columns.take(False, piece)
    stood: dict[int, int] = {}
    wanted: dict[int, tuple[dict[int, int], list[int]]] = {}
    for at in sorted(told):
        stood |= told[at][0]
        begin = at // step_s * step_s
        wanted[begin] = dict(stood), [*(wanted[begin][1] if begin in wanted else []), *told[at][1]]
    found, now = {}, {}
    for begin, books, prints in columns.since(-1):
        now |= dict(books)
        found[begin] = dict(now), prints
    first = second // step_s * step_s - (WIDE - 1) * step_s
    assert {begin for begin in wanted if begin >= first} == {begin for begin in found if begin >= first}
    assert len(found) <= WIDE + 1
    assert {begin: wanted[begin] for begin in found} == found
    assert [column[0] for column in columns.since(second - 5)] == [begin for begin in found if begin >= second - 5]
    columns.take(True, [[second + 900, [], []]])
    assert [column[0] for column in columns.since(-1)] == [(second + 900) // step_s * step_s]


def books_of(columns: list[Any], until_s: int) -> dict[int, Any]:
    """By venue, as they stood at the end of a second."""
    found: dict[int, Any] = {}
    for second, books, _ in columns:
        if second <= until_s:
            found |= {venue: sides for venue, *sides in books}
    return found


def test_whoever_comes_late_sees_what_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two symbols' columns against the run's rows; a second look has only what is new."""
    chosen = scenario()
    market = Market(chosen)
    camera = Camera(market)
    half_ns = chosen.start_ns + 15 * NS_PER_S + NS_PER_S // 2
    market.run_until(half_ns)
    anew, first = camera.look("AAPL")["past"]
    assert anew
    market.run_until(chosen.end_ns)
    again, second = camera.look("AAPL")["past"]
    assert not again
    assert second[0][0] == half_ns // NS_PER_S
    tape = market.tape()
    books, trades = tape["market_data"], tape["trades"]
    assert isinstance(books, MarketDataBatch)
    assert isinstance(trades, TradeBatch)
    whole = [*first[:-1], *second]
    assert [column[0] for column in whole] == sorted({column[0] for column in whole})
    number = market.run_info.symbols.index("AAPL")
    for until_s in range(whole[0][0], whole[-1][0] + 1):
        for venue, (bids, sizes, asks, _) in books_of(whole, until_s).items():
            rows = np.flatnonzero((books.symbol == number) & (books.venue == venue) & (books.ts_ns < (until_s + 1) * NS_PER_S))
            quote = books.quotes[rows[-1]]
            assert [*bids, *sizes, *asks] == [int(n) for side in quote[:3] for n in side if n]
    prints = [row for column in whole for row in column[2]]
    mine = trades.symbol == number
    times_ms = [ts_ns / NS_PER_MS for ts_ns in trades.ts_ns[mine].tolist()]
    assert [tuple(row[:3]) for row in prints] == list(zip(times_ms, trades.price[mine].tolist(), trades.size[mine].tolist(), strict=True))
    sides = ["X" if cond != Cond.TRADE else "BS"[side] for cond, side in zip(trades.cond[mine].tolist(), trades.side[mine].tolist(), strict=True)]
    assert [row[3] for row in prints] == sides
    assert sides.count("X") == 1
    monkeypatch.setattr("simulator.live.past.FINE_S", 2)
    quick = Recent(market.venues, chosen.levels)
    early = books.ts_ns < chosen.start_ns + 3 * NS_PER_S
    quick.take_books(slice_batch(books, 0, int(early.sum())))
    told = quick.columns(number, 1, chosen.start_ns + 3 * NS_PER_S)[1]
    quick.take_books(slice_batch(books, int(early.sum()), len(books)))
    quick.take_prints(trades)
    again, rest = quick.columns(number, 1, market.now_ns - 1)
    assert not again
    assert len(rest) <= 4
    assert [row for column in rest for row in column[2]] == prints
    assert books_of([*told[:-1], *rest], whole[-1][0]) == books_of(whole, whole[-1][0])
    newest = np.flatnonzero(mine)[-40:]
    for reach in (1, 50, 10_000):
        monkeypatch.setattr("simulator.live.past.TAPE_REACH", reach)
        assert [row[0] for row in camera._recent.tape(number, 40)] == trades.ts_ns[newest].tolist()
    monkeypatch.setattr("simulator.live.past.BOOKS_KEPT", 100)
    few = Recent(market.venues, chosen.levels)
    few.take_books(books)
    assert few.columns(number, 1, market.now_ns)[1][0][0] > whole[0][0]


def test_each_viewer_is_sent_what_it_has_not_seen() -> None:
    live = LiveServer(["AAPL"], step_s=5)
    live.start()
    column = [[3, 1_000_000], [5], [1_000_100], [7]]
    live.put("AAPL", {"n": 1, "past": [True, [[second, [[0, *column]] if second == 100 else [], []] for second in range(100, 112)]]})
    with contextlib.closing(Viewer(live)) as early, contextlib.closing(Viewer(live, step=1)) as fine:
        frame, each = early.next(), fine.next()
        assert isinstance(frame, dict)
        assert isinstance(each, dict)
        assert [at for at, *_ in frame["past"]["columns"]] == [100, 105, 110]
        assert [at for at, *_ in each["past"]["columns"]] == list(range(100, 112))
        live.put("AAPL", {"n": 2, "past": [False, [[111, [[0, *column]], []], [112, [], []]]]})
        frame = early.next()
        assert isinstance(frame, dict)
        assert [at for at, *_ in frame["past"]["columns"]] == [110]
        live.put("AAPL", {"n": 3, "past": [True, [[900, [[0, *column]], []]]]})
        frame = early.next()
        assert isinstance(frame, dict)
        assert [at for at, *_ in frame["past"]["columns"]] == [900]
        assert frame["past"]["beginning"] == 2
    live.close()


def test_what_is_seen_of_a_cross_and_of_agents() -> None:
    """A line a second before the open; orders and fills with their venues."""

    def buyer(market: Any, orders: Any, rng: Any) -> Any:
        yield market.wait(11 * NS_PER_S)
        bid, ask = market.nbbo("AAPL")
        orders.buy("AAPL", "NASDAQ", ask, 100)
        orders.buy("AAPL", "NYSE", bid - 3, 200)
        yield market.wait(60 * NS_PER_S)

    market = Market(scenario(agents=(AgentSpec(name="buyer", make=buyer, symbols=("AAPL",)),)))
    camera = Camera(market)
    for tenth in range(60, 96):
        market.run_until(market.scenario.start_ns + tenth * NS_PER_S // 10)
        cross = camera.look("AAPL")["cross"]
        camera.look("JPM")
    told = [line["ms"] for line in cross["told"]]
    assert len(told) == 4
    assert told == sorted(told, reverse=True)
    assert (cross["paired"], cross["venue"]) == (cross["told"][0]["paired"], "NASDAQ")
    assert {"imbalance", "side", "reference", "price", "far"} <= cross.keys()
    market.run_until(market.scenario.start_ns + 13 * NS_PER_S)
    (agent,) = camera.look("AAPL")["agents"]
    assert [(side, shares, venue) for side, _, shares, venue in agent["orders"] if shares == 200] == [("B", 200, "NYSE")]
    assert sum(shares for *_, shares, _ in agent["done"]) == agent["position"]
    assert {side for _, side, *_ in agent["done"]} <= {"B"}
    assert camera.look("JPM")["agents"][0]["done"] == []


def test_all_symbols_crosses_are_told_one_after_the_other() -> None:
    """Near a cross each symbol's comes once a second, the one looked at longest ago first; and its end."""
    market = Market(scenario())
    camera, start_ns = Camera(market), market.scenario.start_ns
    market.run_until(start_ns + 6 * NS_PER_S)
    told = [camera.crosses() for _ in market.symbols]
    assert [list(lines) for lines in told] == [[symbol] for symbol in market.symbols]
    assert camera.crosses() == {}
    for place, symbol in enumerate(market.symbols):
        line, notice = told[place][symbol], market.parts.auctions.imbalance(place, CrossKind.OPEN)
        assert line is not None
        assert (line["kind"], line["at_ms"]) == ("OPEN", (start_ns + 10 * NS_PER_S) / NS_PER_MS)
        assert (line["paired"], line["imbalance"]) == (notice.paired, notice.imbalance)
        assert (round(line["price"] * 100), round(line["far"] * 100)) == (notice.near_ticks, notice.far_ticks)
    market.run_until(start_ns + 8 * NS_PER_S)
    assert [list(camera.crosses()) for _ in range(2)] == [[symbol] for symbol in market.symbols[:2]]
    market.run_until(start_ns + 11 * NS_PER_S)
    assert camera.crosses() == dict.fromkeys(market.symbols)
    assert camera.crosses() == {}
    market.halt("NVDA")
    assert [(symbol, line and line["kind"]) for symbol, line in camera.crosses().items()] == [("NVDA", "RESUME")]
    market.parts.halts.end_session(StatusReason.MWCB)
    assert camera.crosses() == {"NVDA": None}  # trading is over for the day: there is neither a reopening nor a close
    frame = camera.look("NVDA")
    assert frame["cross"] is None
    assert frame["halts"][0] == ["AAPL", StatusReason.MWCB.name, None]


def test_each_viewer_is_sent_each_symbol_s_cross_once() -> None:
    live = LiveServer(["AAPL"])
    live.start()

    def crosses(viewer: Viewer) -> Any:
        frame = viewer.next()
        assert isinstance(frame, dict)
        return frame["crosses"]

    live.put_crosses({"AAPL": {"paired": 1}, "JPM": {"paired": 2}})
    live.put("AAPL", {"n": 1})
    with contextlib.closing(Viewer(live)) as early:
        assert crosses(early) == {"AAPL": {"paired": 1}, "JPM": {"paired": 2}}
        live.put_crosses({"JPM": {"paired": 3}})
        live.put_crosses({"AAPL": None})
        live.put("AAPL", {"n": 2})
        assert crosses(early) == {"AAPL": None, "JPM": {"paired": 3}}
        live.put("AAPL", {"n": 3})
        assert crosses(early) == {}
        with contextlib.closing(Viewer(live)) as late:
            assert crosses(late) == {"AAPL": None, "JPM": {"paired": 3}}
    live.close()


@pytest.mark.parametrize(("speed", "step_s"), [(1.0, 1), (16.0, 1), (30.0, 5), (60.0, 5), (300.0, 15), (None, 15)])
def test_a_quicker_market_has_wider_columns(speed: float | None, step_s: int) -> None:
    assert step_for(speed) == step_s

"""A picture of one symbol of a market as it is now: numbers and words alone, small enough to be sent twenty times a second.

It reads books and ledgers between two stretches of a run, and changes nothing. While nobody looks it copies the rows that pass into two
rings, so that whoever comes sees the last minutes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulator.book.state import META, PRICE, SHOWN
from simulator.clock import Clock
from simulator.exchange.order_books import Exchange
from simulator.flow import NEVER_NS
from simulator.inputs.sessions import new_york
from simulator.live.past import LEVELS, SIDES, Recent
from simulator.records import (
    NS_PER_MINUTE,
    NS_PER_MS,
    NS_PER_S,
    PRICE_UNITS_PER_USD,
    Batch,
    CrossKind,
    MarketDataBatch,
    Phase,
    Side,
    TradeBatch,
)

PRINTS = 40
"""Of the symbol, the newest ones."""
AGENTS_MAX, ORDERS_MAX, FILLS_MAX = 12, 40, 20
"""Orders of an agent that stand in the symbol, and its newest fills there."""
NOTICES_MAX = 10
"""The newest ones that were told of the next cross."""
CROSS_WITHIN_NS = 10 * NS_PER_MINUTE
"""An indicative price is worked out so long before a cross."""
PHASES = {
    Phase.CLOSED: "closed", Phase.PRE_OPEN: "pre-open", Phase.CONTINUOUS: "continuous", Phase.HALTED: "halted",
    Phase.POST_CLOSE: "post-close", Phase.OFF_HOURS: "off hours",
}  # fmt: skip

Frame = dict[str, Any]


class Camera:
    """Of one worker's market."""

    def __init__(self, market: Any) -> None:
        """``market``: a ``simulator.market.Market``."""
        self._market = market
        self._venues: tuple[str, ...] = tuple(market.venues)
        self._recent = Recent(self._venues, market.scenario.levels)
        market.on_batch.append(self._take)
        self._indicated: dict[str, tuple[int, int, list[Frame]]] = {}
        """By symbol: the next cross's time, the second in which it was last looked at, and what was seen of it then and before."""
        self._crosses: dict[int, tuple[tuple[int, CrossKind], int]] = {}
        """By place, of those that ``crosses`` has told: the cross, and the second in which it was looked at."""

    def _take(self, batch: Batch) -> None:
        """The rows of all symbols, as they pass."""
        if isinstance(batch, MarketDataBatch):
            self._recent.take_books(batch)
        elif isinstance(batch, TradeBatch):
            self._recent.take_prints(batch)

    def _tape(self, number: int, scale: int) -> list[list[Any]]:
        """The symbol's, the oldest first: [ms, USD, shares, side (X: a cross), venue]."""
        return [
            [ts_ns / NS_PER_MS, price * scale / PRICE_UNITS_PER_USD, size, SIDES[side], self._venues[venue]]
            for ts_ns, venue, price, size, side in self._recent.tape(number, PRINTS)
        ]

    def look(self, symbol: str) -> Frame:
        """The symbol now. Raises ``InputError`` for one that the market does not simulate."""
        market = self._market
        parts = market.parts
        exchange: Exchange = parts.exchange
        clock: Clock = parts.clock
        place = market.place_of(symbol)
        universe = market.scenario.universe
        facts = universe.symbols[exchange.symbols[place]]
        usd = facts.tick_units / PRICE_UNITS_PER_USD
        venues = []
        bid, ask = (0, 0), (0, 0)
        for v in range(exchange.venues):
            book = place * exchange.venues + v
            sides = [exchange.levels_now(book, side, LEVELS) for side in Side]
            venues.append({"name": self._venues[v], "bids": _usd(sides[0], usd), "asks": _usd(sides[1], usd)})
            bid, ask = _better(bid, sides[0], 1), _better(ask, sides[1], -1)
        listing = parts.listings[place]
        number = exchange.symbols[place]
        scale = market.run_info.price_scales[number] if market.run_info.price_scales else 1
        return {
            "symbol": symbol, "now_ms": clock.now / NS_PER_MS, "clock": f"{new_york(clock.now)}.{clock.now // NS_PER_MS % 1000:03d}",
            "tick": usd, "phase": PHASES[parts.venues[listing].phase_of(place * exchange.venues + listing)], "venues": venues,
            "nbbo": [round(bid[0] * usd, 4), bid[1], round(ask[0] * usd, 4), ask[1]],
            "tape": self._tape(number, scale), "past": list(self._recent.columns(number, scale, clock.now)),
            "cross": self._cross(place, symbol, usd),
            "halts": [
                [market.symbols[k], halt.reason.name, None if halt.until_ns == NEVER_NS else halt.until_ns / NS_PER_MS]
                for k, halt in sorted(parts.halts.halts.items())
            ],
            "agents": [self._agent(own, place, usd) for own in parts.own_orders[:AGENTS_MAX]],
            "rows": dict(market.rows),
        }  # fmt: skip

    def crosses(self) -> dict[str, Frame | None]:
        """What is new of all symbols' coming crosses, near them: of one symbol at each call, that which was looked at longest ago.

        So a call costs a millisecond at most, however many symbols there are. None: a symbol's cross is over.
        """
        market = self._market
        now_ns = market.parts.clock.now
        of_days = self._of_days()
        halts = market.parts.halts.halts
        if not self._crosses and not halts and (not of_days or of_days[0][0] - now_ns > CROSS_WITHIN_NS):
            return {}
        near = {}
        for place in range(len(market.symbols)):
            coming = self._next(place, of_days)
            if coming is not None and coming[0] - now_ns <= CROSS_WITHIN_NS:
                near[place] = coming
        found: dict[str, Frame | None] = {}
        for place in [place for place, (cross, _) in self._crosses.items() if near.get(place) != cross]:
            del self._crosses[place]
            found[market.symbols[place]] = None
        place = min(near, key=lambda each: self._crosses[each][1] if each in self._crosses else -1, default=-1)
        second = now_ns // NS_PER_S
        if place < 0 or (place in self._crosses and self._crosses[place][1] >= second):
            return found
        at_ns, kind = near[place]
        self._crosses[place] = (near[place], second)
        tick_units = market.scenario.universe.symbols[market.parts.exchange.symbols[place]].tick_units
        usd = tick_units / PRICE_UNITS_PER_USD
        symbol = market.symbols[place]
        line, *_ = self._indication(symbol, kind, at_ns, usd)
        venue = self._venues[market.parts.listings[place]]
        found[symbol] = {"kind": kind.name, "at_ms": at_ns / NS_PER_MS, "venue": venue, "tick": usd, **line}
        return found

    def _of_days(self) -> list[tuple[int, CrossKind]]:
        """Opening and closing crosses that are still to come, the next one first."""
        if not self._market.scenario.session_pacing:
            return []
        now_ns = self._market.parts.clock.now
        days = [day for day in self._market.parts.days if day.is_session]
        found = [cross for day in days for cross in ((day.open_ns, CrossKind.OPEN), (day.close_ns, CrossKind.CLOSE))]
        return sorted(cross for cross in found if cross[0] > now_ns)

    def _next(self, place: int, of_days: Sequence[tuple[int, CrossKind]]) -> tuple[int, CrossKind] | None:
        """A symbol's: a halt ends with one of its own, and one for the rest of the day with the next opening."""
        halt = self._market.parts.halts.halts.get(place)
        coming = list(of_days[:1])
        if halt is not None and halt.until_ns == NEVER_NS:
            coming = [cross for cross in of_days if cross[1] == CrossKind.OPEN]
        elif halt is not None and halt.until_ns > self._market.parts.clock.now and self._market.scenario.session_pacing:
            coming.append((halt.until_ns, CrossKind.RESUME))
        return min(coming, default=None)

    def _cross(self, place: int, symbol: str, usd: float) -> Frame | None:
        """The next one: the seconds until then, and near it what would come of it."""
        coming = self._next(place, self._of_days())
        if coming is None:
            return None
        at_ns, kind = coming
        left_ns = at_ns - self._market.parts.clock.now
        found: Frame = {"kind": kind.name, "seconds": left_ns / NS_PER_S, "venue": self._venues[self._market.parts.listings[place]]}
        if left_ns <= CROSS_WITHIN_NS:
            told = self._indication(symbol, kind, at_ns, usd)
            found |= {**told[0], "told": told}
        return found

    def _indication(self, symbol: str, kind: CrossKind, at_ns: int, usd: float) -> list[Frame]:
        """What would come of the cross now, and what would have in the seconds before, the newest first."""
        parts = self._market.parts
        second = parts.clock.now // NS_PER_S
        then_ns, then, told = self._indicated.get(symbol, (at_ns, -1, []))
        if (then_ns, then) != (at_ns, second):  # it sorts all orders: once a second will do
            notice = parts.auctions.imbalance(self._market.place_of(symbol), kind)
            line = {
                "ms": notice.ts_ns / NS_PER_MS, "paired": notice.paired, "imbalance": notice.imbalance,
                "side": "" if notice.side is None else notice.side.code, "reference": round(notice.reference_ticks * usd, 4),
                "price": round(notice.near_ticks * usd, 4), "far": round(notice.far_ticks * usd, 4),
            }  # fmt: skip
            told = [line, *(told[: NOTICES_MAX - 1] if then_ns == at_ns else [])]
            self._indicated[symbol] = (at_ns, second, told)
        return told

    def _agent(self, own: Any, place: int, usd: float) -> Frame:
        """What it holds and has at the venues; USD before fees."""
        market = self._market
        exchange: Exchange = market.parts.exchange
        accounts = own.ledger.accounts()
        worth, fills, position = 0.0, 0, 0
        for book, account in accounts.items():
            k = book // exchange.venues
            units = market.scenario.universe.symbols[exchange.symbols[k]].tick_units / PRICE_UNITS_PER_USD
            worth += account.cash_ticks * units + (account.position * market.mark_usd(market.symbols[k]) if account.position else 0.0)
            fills += account.fills
            position += account.position if k == place else 0
        resting = own.resting_orders()
        mine = [(book, slot) for book, _, slot in resting if book // exchange.venues == place][:ORDERS_MAX]
        records = [(self._venues[book % exchange.venues], exchange.books.order[book, slot].tolist()) for book, slot in mine]
        done = own.ledger.latest_fills(FILLS_MAX, place * exchange.venues, (place + 1) * exchange.venues)
        return {
            "name": own.spec.name, "position": position, "fills": fills, "worth": round(worth, 2), "open": len(resting),
            "orders": [["BS"[record[META] & 1], round(record[PRICE] * usd, 4), record[SHOWN], venue] for venue, record in records],
            "done": [
                [ts_ns / NS_PER_MS, "BS"[side], round(price * usd, 4), size, self._venues[book % exchange.venues]]
                for ts_ns, book, side, price, size in done
            ],
        }  # fmt: skip


def _usd(levels: list[tuple[int, int]], usd: float) -> list[list[float]]:
    return [[round(price * usd, 4), size] for price, size in levels]


def _better(best: tuple[int, int], levels: list[tuple[int, int]], sign: int) -> tuple[int, int]:
    """The best price over venues, and all shares at it."""
    if not levels:
        return best
    price, size = levels[0]
    if not best[0] or sign * price > sign * best[0]:
        return price, size
    return (price, best[1] + size) if price == best[0] else best

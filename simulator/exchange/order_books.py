"""``Exchange``: the books and the tape columns of one worker, every way in which Python reaches them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from simulator.book import cross as crossing
from simulator.book import matching
from simulator.book.codes import ADD, EXECUTE, REJECT, REPLACE, REST
from simulator.book.jit import direct, entry
from simulator.book.matching import DO_ADD, DO_CANCEL, DO_GO_ON, DO_REDUCE, DO_REPLACE
from simulator.book.reports import Indication
from simulator.book.state import (
    BEST_ASK,
    BEST_BID,
    HIDDEN,
    ID,
    LAST_TS,
    LOG_A,
    LOG_B,
    LOG_ID,
    LOG_KIND,
    LOG_SIZE,
    LOG_SLOT,
    META,
    META_OWNER_SHIFT,
    NO_ASK,
    NO_BID,
    SHOWN,
    SHOWN_ASK,
    SHOWN_BID,
    TRADING,
    Books,
    NewOrder,
    Request,
    make_books,
)
from simulator.book.view import top_levels
from simulator.errors import LimitError
from simulator.exchange.band_limits import capped, side_of, within
from simulator.exchange.order_messages import Answer, refusal
from simulator.exchange.recent_states import RecentStates
from simulator.inputs.config import Scenario
from simulator.records import (
    BACKGROUND_OWNERS,
    I32,
    I64,
    PRICE_INT_MAX,
    PRICE_UNITS_PER_USD,
    Batch,
    CrossKind,
    MarketDataBatch,
    Reject,
    Side,
)
from simulator.tape.batches import market_data_batch, order_batch, trade_batch, truth_batch
from simulator.tape.columns import (
    ALL_ROWS,
    LOT,
    NOTIFICATIONS,
    RING_PRINTS,
    RING_ROWS,
    ROWS_MD,
    ROWS_OR,
    ROWS_TH,
    ROWS_TR,
    SHARES_CROSSED,
    TAPE_TICK,
    TICK_UNITS,
    WATCH,
    WATCHED_FROM,
    Columns,
    finish_action,
    keep_rest,
)

GOT_REASON, GOT_ID, GOT_SLOT, GOT_EXECUTED, GOT_TAKEN_OFF, GOT_HAPPENED = range(6)


@entry
def run_command(bk: Books, out: Columns, b: int, ts: int, request: Request, efficient_price: float, got: I64) -> int:
    """One command of a Python agent, with its rows. Fills ``got`` (int64[6]). Returns DONE or MORE (then DO_GO_ON, for the same owner)."""
    bk.logged[0] = 0
    more = matching.carry_out(bk, b, request)
    for i in range(bk.logged[0]):
        row = bk.log[i, LOG_KIND]
        if row == REJECT:
            got[GOT_REASON] = bk.log[i, LOG_A]
        elif row == ADD:
            got[GOT_ID] = bk.log[i, LOG_ID]
        elif row == REPLACE:
            got[GOT_ID] = bk.log[i, LOG_B]
        elif row == EXECUTE:
            got[GOT_EXECUTED] += bk.log[i, LOG_SIZE]
        elif row == REST:
            got[GOT_SLOT] = bk.log[i, LOG_SLOT]
        else:
            got[GOT_HAPPENED] = row
            got[GOT_TAKEN_OFF] = bk.log[i, LOG_SIZE]
    if got[GOT_REASON] != 0:
        bk.logged[0] = 0
        return matching.DONE
    finish_action(bk, out, b, ts, request.owner, 0, efficient_price, more == matching.DONE)
    return more


@entry
def finish_cross(bk: Books, out: Columns, b: int, ts: int, efficient_price: float) -> tuple[int, int]:
    """The rows of a cross that the log holds."""
    return finish_action(bk, out, b, ts, 0, 0, efficient_price, True)


@entry
def read_levels(bk: Books, b: int, quotes: I32) -> tuple[int, int]:
    """Write book ``b``'s best levels, prices in ticks, into ``quotes`` (int32[1, 4, count]); returns the counts filled."""
    return top_levels(bk, b, quotes, 0, 1)


MOST = 2**31
REASONS = {int(reason): reason for reason in Reject}
NOTHING_NEW = NewOrder(0, 0, 0, 0, 0, 0)
NOTHING_ASKED = Request(0, 0, 0, 0, 0, 0, 0, 0, 0)


class Exchange(RecentStates):
    """Books of some symbols at all venues; book ``k * venues + v`` is the k-th symbol at venue v."""

    def __init__(self, scenario: Scenario, symbols: Sequence[int]) -> None:
        """``symbols``: indices into the universe, ascending."""
        super().__init__(scenario, symbols)
        count = len(self.symbols) * self.venues
        self._window = scenario.price_window
        self._max_orders = scenario.max_orders
        self.books = make_books(count, max_orders=scenario.max_orders, price_window=scenario.price_window)
        self.bands = [(0, 0)] * len(self.symbols)
        """Lower and upper price band of each symbol, ticks; zeros: none. Set by ``PriceBands``."""
        self._got = np.zeros(6, np.int64)
        self._command: Callable[..., int] | None = None
        """``run_command``; compiled, or loaded, when it is first needed."""
        self._used = self.columns.used.data  # a number of an array costs a third through a memoryview
        self._head = self.books.head.data
        self._rows_max = _rows_max(self.columns, len(self.books.log))
        self._notifications = self.columns.notifications.data
        self.make_room: Callable[[], object] = lambda: None
        """Called when the columns are nearly full; set by the market, which drains them."""

    def submit(self, b: int, ts_ns: int, order: NewOrder, efficient_price: float) -> Answer:
        """A new order. A limit too far from the market is refused, so that no agent can take up the book's price window.

        One beyond a price band is capped there; a market order becomes immediate-or-cancel at it.
        """
        if order.price and (reason := self.refuses_price(b, order.price, efficient_price)):
            return refusal(ts_ns, reason)
        return self._run(b, ts_ns, DO_ADD, (0, 0), capped(self.bands[b // self.venues], order), efficient_price)

    def cancel(self, b: int, ts_ns: int, resting: tuple[int, int]) -> Answer:
        """``resting``: (order id, slot) of the order, as its owner has them."""
        return self._run(b, ts_ns, DO_CANCEL, resting, NOTHING_NEW, 0.0)

    def reduce(self, b: int, ts_ns: int, resting: tuple[int, int], size: int) -> Answer:
        return self._run(b, ts_ns, DO_REDUCE, resting, NOTHING_NEW._replace(size=size), 0.0)

    def replace(self, b: int, ts_ns: int, resting: tuple[int, int], order: NewOrder, efficient_price: float) -> Answer:
        """``order``: its new price and size, and its owner; side, type and style stay."""
        if reason := self.refuses_price(b, order.price, efficient_price):
            return refusal(ts_ns, reason)
        if (side := side_of(self.books, b, resting)) is not None:
            order = order._replace(price=within(self.bands[b // self.venues], side, order.price))
        return self._run(b, ts_ns, DO_REPLACE, resting, order, efficient_price)

    def cross(self, b: int, ts_ns: int, kind: CrossKind, reference_ticks: int, efficient_price: float) -> tuple[int, int]:
        """Carry out a cross; returns (price in ticks, shares), zeros if nothing traded."""
        self._ensure_room()
        self.books.logged[0] = 0
        paired = crossing.cross(self.books, b, int(kind), reference_ticks)
        price = int(self.books.log[0, 3])
        finish_cross(self.books, self.columns, b, ts_ns, efficient_price)
        return price, paired

    def indicative(self, b: int, kind: CrossKind, reference_ticks: int) -> Indication:
        """What a cross would do now."""
        price, paired, surplus = crossing.indicate(self.books, b, int(kind), reference_ticks)
        return Indication(price, paired, abs(surplus), int(Side.BUY if surplus >= 0 else Side.SELL))

    def set_trading(self, b: int, allowed: bool) -> None:
        """Whether orders of book ``b`` may trade outside a cross."""
        self.books.head[b, TRADING] = int(allowed)

    def best_now(self, b: int) -> tuple[int, int]:
        """Best displayed bid and ask in ticks, 0 where a side shows nothing."""
        bid, ask = int(self.books.head[b, SHOWN_BID]), int(self.books.head[b, SHOWN_ASK])
        return (0 if bid == NO_BID else bid), (0 if ask == NO_ASK else ask)

    def levels_now(self, b: int, side: Side, count: int) -> list[tuple[int, int]]:
        """(price in ticks, displayed shares) of the best levels."""
        quotes = np.zeros((1, 4, max(1, count)), np.int32)
        filled = read_levels(self.books, b, quotes)[side]
        return [(int(price), int(size)) for price, size in quotes[0, 2 * side : 2 * side + 2, : min(filled, count)].T]

    def reset_day(self) -> None:
        """Empty all books, forget the past, and count orders from 1 again. Totals stay."""
        trading = self.books.head[:, TRADING].copy()
        fresh = make_books(1, max_orders=1, price_window=64).head[0]
        last_ts = self.books.head[:, LAST_TS].copy()
        self.books.head[:] = fresh
        self.books.head[:, TRADING] = trading
        self.books.head[:, LAST_TS] = last_ts
        for array in (self.books.level, self.books.held, self.books.shown, self.books.order):
            array[:] = 0
        self.columns.facts[:, [RING_ROWS, RING_PRINTS]] = 0

    def agent_orders(self, b: int) -> list[tuple[int, int, int]]:
        """(order id, owner, shares left) of the live orders of Python agents."""
        records = self.books.order[b]
        owners = records[:, META] >> META_OWNER_SHIFT
        live = np.flatnonzero((records[:, ID] != 0) & (owners >= BACKGROUND_OWNERS))
        return sorted((int(records[o, ID]), int(owners[o]), int(records[o, SHOWN] + records[o, HIDDEN])) for o in live)

    def drain(self, before_ns: int) -> list[Batch]:
        """The rows stamped before ``before_ns``, as views that hold until ``forget`` is called with them."""
        out, used = self.columns, self.columns.used
        batches: list[Batch] = []
        if rows := self.rows_before(before_ns, self._levels):
            batches.append(rows)
        for stamps, place, make in (
            (out.tr_ts, ROWS_TR, trade_batch),
            (out.or_ts, ROWS_OR, order_batch),
            (out.th_ts, ROWS_TH, truth_batch),
        ):
            n = int(np.searchsorted(stamps[: used[place]], before_ns))
            if n:
                batches.append(make(out, n))
        return batches

    def rows_before(self, before_ns: int, levels: int) -> MarketDataBatch | None:
        """The book rows stamped before ``before_ns``, as ``drain`` gives them, with so many levels; None without any."""
        n = int(np.searchsorted(self.columns.md_ts[: self.columns.used[ROWS_MD]], before_ns))
        return market_data_batch(self.columns, n, levels) if n else None

    def forget(self, batches: Sequence[Batch]) -> None:
        """Make room: the rows of ``drain``'s batches have been written."""
        rows = {batch.table: len(batch) for batch in batches}
        keep_rest(self.columns, rows.get("market_data", 0), rows.get("trades", 0), rows.get("orders", 0), rows.get("truth", 0))

    def written(self) -> I64:
        """int64[B, 4] over the run: book rows, prints, shares, shares crossed that were drained; not what still waits to be."""
        out, venues = self.columns, self.venues
        counts: I64 = out.facts[:, ALL_ROWS : SHARES_CROSSED + 1].copy()
        place = {symbol: k for k, symbol in enumerate(self.symbols)}
        for symbol, venue in out.md_key[: out.used[ROWS_MD], :2].tolist():
            counts[place[symbol] * venues + venue, 0] -= 1
        for symbol, venue, _, size, _, cond in out.tr[: out.used[ROWS_TR]].tolist():
            counts[place[symbol] * venues + venue, 1:] -= (1, size, size if cond else 0)
        return counts

    def take_notifications(self) -> list[list[int]]:
        """What Python must hear of, in order; rows as in ``columns.notifications``."""
        n: int = self._used[NOTIFICATIONS]
        if n == 0:
            return []
        self._used[NOTIFICATIONS] = 0
        return self._notifications[:n].tolist()  # type: ignore[return-value]

    def watch(self, b: int, flag: int, on: bool) -> None:
        """Ask for a notification of every book row (WATCH_QUOTES) or print (WATCH_TRADES) of book ``b``, or no longer."""
        if on:
            self.columns.facts[b, WATCH] |= flag
        else:
            self.columns.facts[b, WATCH] &= ~flag

    def come_nearer(self, b: int, distance_ns: int) -> None:
        """Somebody is about to watch book ``b`` who hears of its rows and prints so much later; 0: at once. Called before ``watch``."""
        facts = self._facts
        if not facts[b, WATCH] or distance_ns < facts[b, WATCHED_FROM]:
            self.watch_from(b, distance_ns)

    def watch_from(self, b: int, distance_ns: int) -> None:
        """Nobody who watches book ``b`` hears of its rows and prints sooner."""
        self.columns.facts[b, WATCHED_FROM] = distance_ns

    def set_lots(self, lots: Sequence[int]) -> None:
        """The symbols' round lots from now on."""
        self.lots = list(lots)
        self.columns.facts[:, LOT] = np.repeat(self.lots, self.venues)

    def refuses_price(self, b: int, price_ticks: int, efficient_price: float) -> Reject:
        """Why a limit is none for an agent though it is one for the book; NONE if it is one."""
        if self._is_far(b, price_ticks, efficient_price):
            return Reject.PRICE_RANGE
        is_beyond = price_ticks * int(self.columns.facts[b, TAPE_TICK]) > PRICE_INT_MAX  # the tape's prices end before the book's
        return Reject.BAD_PRICE if is_beyond else Reject.NONE

    def _is_far(self, b: int, price_ticks: int, efficient_price: float) -> bool:
        """Far from both best prices; in an empty book, from the efficient price, where the background will quote."""
        bid, ask, most = self._head[b, BEST_BID], self._head[b, BEST_ASK], self._window // 4
        if bid == NO_BID and ask == NO_ASK:
            if not efficient_price:
                return False
            return abs(price_ticks - dollars_to_ticks(efficient_price, int(self.columns.facts[b, TICK_UNITS]))) > most
        return (bid == NO_BID or abs(price_ticks - bid) > most) and (ask == NO_ASK or abs(price_ticks - ask) > most)

    def _ensure_room(self) -> None:
        """Drain if an order that meets every other one might not fit."""
        used = self._used
        for _ in range(2):
            for place, most in self._rows_max:
                if used[place] > most:
                    break
            else:
                return
            self.make_room()
        raise LimitError(
            f"More rows at one instant than the columns hold ({len(self.columns.tr_ts)} prints): an agent sends too many messages without "
            "letting time pass, or trades against too many orders at once. Let it wait in between, or use smaller orders."
        )

    def _run(self, b: int, ts_ns: int, verb: int, resting: tuple[int, int], order: NewOrder, efficient_price: float) -> Answer:
        got = self._got
        got[:] = 0
        side, price, size, display, kind, owner = order
        if not (-1 <= price <= MOST and -1 <= size <= MOST and -1 <= display <= MOST):
            price, size, display = (max(-1, min(number, MOST)) for number in (price, size, display))  # more is refused all the same
        order_id, slot = resting
        stamp = max(ts_ns, self._head[b, LAST_TS] + 1)
        request = Request(verb, slot, order_id, int(side), price, size, display, int(kind), owner)
        command, more = self._command, 1
        if command is None:
            command = self._command = direct(run_command, self.books, self.columns, 0, 0, NOTHING_ASKED, 0.0, got)
        while more:
            self._ensure_room()
            more = command(self.books, self.columns, b, ts_ns, request, efficient_price, got)
            request = request._replace(verb=DO_GO_ON) if more else request
        reason, new_id, new_slot, executed, taken_off, _ = got.tolist()
        return Answer(stamp, REASONS[reason], new_id, new_slot, executed, taken_off)


def _rows_max(columns: Columns, need: int) -> list[tuple[int, int]]:
    """(place in ``used``, rows) that leave room for an order that meets every other one, ``need`` of them; of those that are kept."""
    wanted = (
        (ROWS_TR, columns.tr_ts, need), (ROWS_MD, columns.md_ts, 64), (NOTIFICATIONS, columns.notifications, need),
        (ROWS_OR, columns.or_ts, 2 * need), (ROWS_TH, columns.th_ts, need),
    )  # fmt: skip
    return [(place, len(rows) - more) for place, rows, more in wanted if len(rows) > 1]


def dollars_to_ticks(price: float, tick_units: int) -> int:
    """The nearest tick of a USD price."""
    return round(price * PRICE_UNITS_PER_USD / tick_units)

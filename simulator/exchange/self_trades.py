"""New and replacing orders of agents that would trade with their own: what is done first, and with how many shares they enter."""

from __future__ import annotations

from simulator.book.matching import DO_ADD, DO_REPLACE
from simulator.book.prevention import foresee
from simulator.book.state import NewOrder, Request
from simulator.exchange.band_limits import capped, side_of, within
from simulator.exchange.order_books import Exchange
from simulator.exchange.order_messages import Answer, OrderOwner, refusal
from simulator.records import Reject, SelfTrade, Side


def enter(
    exchange: Exchange, b: int, ts_ns: int, order: NewOrder, owner: OrderOwner, mode: SelfTrade, efficient_price: float,
    replaces: tuple[int, int] | None = None,
) -> Answer:  # fmt: skip
    """As ``Exchange.submit`` or ``replace``, after the owner's resting orders that are in its way have been taken off."""
    if mode != SelfTrade.ALLOW and not (order.price and exchange.refuses_price(b, order.price, efficient_price)):
        entering, refused = _prevent(exchange, b, ts_ns, order, owner, mode, replaces)
        if refused:
            return refusal(ts_ns, refused)
        if cut := order.size - entering:
            order = order._replace(size=entering, display=min(order.display, entering))
            return _plainly(exchange, b, ts_ns, order, efficient_price, replaces)._replace(cut=cut)
    return _plainly(exchange, b, ts_ns, order, efficient_price, replaces)


def _plainly(exchange: Exchange, b: int, ts_ns: int, order: NewOrder, efficient_price: float, replaces: tuple[int, int] | None) -> Answer:
    if replaces is None:
        return exchange.submit(b, ts_ns, order, efficient_price)
    return exchange.replace(b, ts_ns, replaces, order, efficient_price)


def _prevent(
    exchange: Exchange, b: int, ts_ns: int, order: NewOrder, owner: OrderOwner, mode: SelfTrade, replaces: tuple[int, int] | None
) -> tuple[int, Reject]:
    """The shares with which it enters, and why it does not, if so."""
    bands = exchange.bands[b // exchange.venues]
    if replaces is None:
        order = capped(bands, order)
        request = Request(DO_ADD, 0, 0, int(order.side), order.price, order.size, order.display, int(order.type), order.owner)
    else:
        side = side_of(exchange.books, b, replaces)
        price = order.price if side is None else within(bands, Side(side), order.price)
        request = Request(DO_REPLACE, replaces[1], replaces[0], 0, price, order.size, order.size)
    if not 0 < order.size < 2**31 or not -1 <= order.price < 2**31:
        return order.size, Reject.NONE  # it will be refused
    found = foresee(exchange.books, b, request, mode)
    for slot, order_id, shares in found.taken:
        answer = exchange.reduce(b, ts_ns, (order_id, slot), shares)
        owner.on_prevented(answer.ts_ns, b, order_id, answer.taken_off)
    return found.size, found.reason

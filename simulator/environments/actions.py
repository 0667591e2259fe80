"""How an action becomes orders. A scheme has a ``space(task)`` and acts for a ``Seat`` when it wakes; others of that shape may be given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from simulator.agents.interface import BEST
from simulator.environments.seat import Scheme, Seat
from simulator.errors import InputError, explain
from simulator.inputs.strict_yaml import nearest
from simulator.records import OrderType, Side


class Pace:
    """Execution: ``[pace, haste]``, each 0 to 1. So much of what is left and due is sent now: twice ``pace`` of an even share (0.5 keeps
    the schedule); of it the part ``haste`` takes the far side, the rest stands at the near side.
    """

    def space(self, task: Any) -> Any:
        return gymnasium.spaces.Box(0.0, 1.0, (2,), np.float32)

    def act(self, seat: Seat, action: Any) -> None:
        pace, haste = float(action[0]), float(action[1])
        work_order(seat, 2 * pace, haste)


MENU = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (2.0, 1.0))


class Menu:
    """Execution: 0 waits, 1 stands with an even share at the near side, 2 takes it, 3 takes twice as much."""

    def space(self, task: Any) -> Any:
        return gymnasium.spaces.Discrete(len(MENU))

    def act(self, seat: Seat, action: Any) -> None:
        work_order(seat, *MENU[action])


class Offsets:
    """Market making: ``[bid, ask]``, each 0 to 1: how far from the midpoint the quotes stand, as a part of ``most_ticks``."""

    def space(self, task: Any) -> Any:
        return gymnasium.spaces.Box(0.0, 1.0, (2,), np.float32)

    def act(self, seat: Seat, action: Any) -> None:
        task, touch = seat.task, seat.touch()
        if not touch.bid or not touch.ask:
            seat.orders.cancel_all(task.symbol)
            return
        middle = (touch.bid + touch.ask) / 2
        held, away = seat.position(), [float(part) * task.most_ticks for part in action]
        wanted = {Side.BUY: math.floor(middle - away[0]), Side.SELL: math.ceil(middle + away[1])}
        for side, sign in ((Side.BUY, 1), (Side.SELL, -1)):
            mine = [order for order in seat.own_orders() if order.side == side]
            for order in mine:
                if order.price_ticks != wanted[side]:
                    seat.orders.cancel(order.ref)
            stands = any(order.price_ticks == wanted[side] for order in mine)
            if not stands and wanted[side] > 0 and sign * held < task.most_shares:
                seat.orders.add(side, task.symbol, task.venue, wanted[side], task.size, type=OrderType.POST_ONLY)


class Target:
    """Trading: 0 goes short by ``most_shares``, 1 goes flat, 2 goes long."""

    def space(self, task: Any) -> Any:
        return gymnasium.spaces.Discrete(3)

    def act(self, seat: Seat, action: Any) -> None:
        trade_to(seat, (action - 1) * seat.task.most_shares)


class Position:
    """Trading: ``[part]`` from -1 to 1: to hold that part of ``most_shares``, in whole shares."""

    def space(self, task: Any) -> Any:
        return gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def act(self, seat: Seat, action: Any) -> None:
        trade_to(seat, round(float(action[0]) * seat.task.most_shares))


def work_order(seat: Seat, share: float, haste: float) -> None:
    """Send ``share`` times an even part of what is left. No share more than the order can be filled, with any latency: what stands,
    or is being cancelled, counts until it is known to be gone.
    """
    task = seat.task
    side = Side.BUY if seat.side_sign > 0 else Side.SELL
    touch = seat.touch()
    near, far = (touch.bid, touch.ask) if side == Side.BUY else (touch.ask, touch.bid)
    left = task.shares - abs(seat.position())
    alive = seat.own_orders()
    free = left - sum(order.left for order in alive)
    wanted = min(left, math.ceil(share * left / (seat.steps - seat.step)))
    stands, resting = 0, round(wanted * (1 - haste))
    for order in alive:
        if order.price_ticks == near and stands + order.left <= resting:
            stands += order.left
        else:
            seat.orders.cancel(order.ref)
    taken = min(free, wanted - resting)
    if taken > 0 and far:
        take(seat, side, taken)
        free -= taken
    rests = min(free, resting - stands)
    if rests > 0 and near:
        seat.orders.add(side, task.symbol, _longest(seat, side, near), near, rests)


def trade_to(seat: Seat, target: int) -> None:
    """Take the far side until ``target`` shares are held, counting what is on its way."""
    coming = sum(order.left if order.side == Side.BUY else -order.left for order in seat.own_orders())
    missing = target - seat.position() - coming
    if missing:
        take(seat, Side.BUY if missing > 0 else Side.SELL, abs(missing))


def take(seat: Seat, side: Side, shares: int) -> None:
    """Take what is displayed over the venues, the best price first, a tick beyond the best one at most; the rest to the best venue."""
    symbol = seat.task.symbol
    sign = 1 if side == Side.BUY else -1
    far = []
    for venue in seat.view.venues:
        quote = seat.view.best(symbol, venue)
        price, size = (quote.ask_ticks, quote.ask_size) if side == Side.BUY else (quote.bid_ticks, quote.bid_size)
        if price:
            far.append((sign * price, -size, venue))
    far.sort()
    sent: dict[str, int] = {}
    for price, size, venue in far:
        if shares > 0 and price <= far[0][0] + 1:
            sent[venue] = min(shares, -size)
            shares -= sent[venue]
    if far and shares > 0:
        sent[far[0][2]] = sent.get(far[0][2], 0) + shares
    for venue, size in sent.items():
        seat.orders.add(side, symbol, venue, sign * (far[0][0] + 1), size, type=OrderType.IOC)


def _longest(seat: Seat, side: Side, near: int) -> str:
    """The venue that shows most at the near price."""
    best, most = BEST, 0
    for venue in seat.view.venues:
        quote = seat.view.best(seat.task.symbol, venue)
        price, size = (quote.bid_ticks, quote.bid_size) if side == Side.BUY else (quote.ask_ticks, quote.ask_size)
        if price == near and size > most:
            best, most = venue, size
    return best


def find_scheme(given: str | Scheme, known: Mapping[str, type]) -> Scheme:
    """By name, or as it is. Raises ``InputError``."""
    if isinstance(given, str):
        if given not in known:
            limit = f"there is {', '.join(known)}, or an object with space(task) and act(seat, action)"
            raise InputError(explain("actions", given, limit, nearest(given, list(known))))
        found: Scheme = known[given]()
        return found
    if not callable(getattr(given, "space", None)) or not callable(getattr(given, "act", None)):
        limit = "must be a name, or have methods space(task) and act(seat, action)"
        raise InputError(explain("actions", given, limit, "docs/environments.md shows one."))
    return given

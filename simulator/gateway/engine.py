"""``Engine``: what all agents of a worker share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from simulator.clock import Clock
from simulator.exchange.book_log import Tap
from simulator.exchange.notice_board import NoticeBoard
from simulator.exchange.order_books import Exchange
from simulator.exchange.venue import Inbox, Venue
from simulator.gateway.day_times import DayTimes
from simulator.gateway.queue_positions import QueuePositions
from simulator.gateway.subscriptions import Subscriptions
from simulator.gateway.watchdog import Watchdog
from simulator.inputs.config import Fees


class Engine(NamedTuple):
    """Of one market."""

    clock: Clock
    exchange: Exchange
    venues: Sequence[Venue]
    inbox: Inbox
    subscriptions: Subscriptions
    watchdog: Watchdog
    board: NoticeBoard
    tap: Tap
    queues: QueuePositions
    times: DayTimes
    fees: Fees
    previous_close: Callable[[int], int]
    """Of the worker's k-th symbol, in ticks."""

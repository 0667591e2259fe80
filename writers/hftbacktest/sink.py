"""hftbacktest's feed files: one per symbol, venue, day and feed.

    OUT/hftbacktest/NASDAQ/AAPL_20250701.l3.npz          every displayed order
    OUT/hftbacktest/NASDAQ/AAPL_20250701.l2.npz          what each price displays

Each begins with a clear of the book, so that files of several days can follow each other. Local times are the exchange's and a feed
latency: that of one of the run's agents to the venue, or the venue's own. ``writers.hftbacktest.latency`` has the file of order latencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from simulator.errors import InputError, explain
from simulator.inputs.config import LATENCY_NS_MAX
from simulator.inputs.sessions import TradingDay
from simulator.tape.sink import RunInfo
from writers.feed.displayed import Messages
from writers.feed.sink import FeedSink, by_book
from writers.hftbacktest.events import CLEAR, EVENT, FEEDS, Timed, events
from writers.hftbacktest.npz import NpzFile

LATENCY_NS_DEFAULT = 100_000
"""Of a run that knows neither its agents' latencies nor its venues'."""


class _Feed:
    """One book in one feed."""

    def __init__(self, kind: str, path: Path, timed: Timed) -> None:
        self.kind = kind
        self.file = NpzFile(path, EVENT)
        self._timed = timed

    def write(self, made: object) -> None:
        self.file.write(self._timed.take(made))

    def finish(self) -> None:
        self.file.write(self._timed.take(np.zeros(0, EVENT), last=True))
        self.file.finish()


class HftBacktestSink(FeedSink):
    """Writes npz files below ``folder/hftbacktest``."""

    NAME = "hftbacktest"
    FILES_A_BOOK = 2 * len(FEEDS)

    def __init__(
        self, folder: Path | str, worker: int = 0, *, venues: Sequence[str] = (), symbols: Sequence[str] = (),
        feeds: Sequence[str] = tuple(FEEDS), agent: str = "", feed_latency_ns: int | None = None, trade_delay_ns: int = 0,
    ) -> None:  # fmt: skip
        """``feeds``: l3, l2. ``agent``: whose latency the feed has, by default the run's first, else the venue's own.

        ``feed_latency_ns``: instead of that. ``trade_delay_ns``: by which prints come later than the book. Raises ``InputError``.
        """
        super().__init__(folder, worker, venues=venues, symbols=symbols)
        self._kinds = (feeds,) if isinstance(feeds, str) else tuple(feeds)
        for feed in self._kinds:
            if feed not in FEEDS:
                raise InputError(explain("--feeds", feed, f"must be some of {', '.join(FEEDS)}", "Leave it out for all."))
        for name, value, least in (("feed_latency_ns", feed_latency_ns, 1), ("trade_delay_ns", trade_delay_ns, 0)):
            if value is not None and not least <= value <= LATENCY_NS_MAX:
                limit = f"must be {least} to {LATENCY_NS_MAX:,} ns"
                raise InputError(explain(f"--{name}", value, limit, "Leave it out for the default."))
        self._agent = agent
        self._latency_ns = feed_latency_ns
        self._delay_ns = trade_delay_ns
        self._feeds: dict[int, list[_Feed]] = {}

    def check(self, run: RunInfo) -> None:
        """Refuse an agent that the run does not have."""
        if self._agent and self._agent not in run.agent_latency_ns:
            known = ", ".join(run.agent_latency_ns) or "none"
            raise InputError(explain("--agent", self._agent, f"the run's agents are {known}", "Name one of them, or leave it out."))

    def start_day(self, day: TradingDay) -> None:
        self._start_ns = max(day.start_ns, self.run.start_ns)
        self._date = f"{day.date:%Y%m%d}"

    def _begin(self, book: int) -> list[_Feed]:
        """The files of a book, at its first message of the day: another worker may have it."""
        symbol, venue = self.books[book]
        stem = f"{self.run.symbols[symbol]}_{self._date}"
        feeds = self._feeds[book] = []
        for kind in self._kinds:
            timed = Timed(self.latency_ns(venue), self._delay_ns)
            feeds.append(_Feed(kind, self.folder / self.run.venues[venue] / f"{stem}.{kind}.npz", timed))
            clear = np.zeros(1, EVENT)
            clear["ev"], clear["exch_ts"] = CLEAR, self._start_ns
            feeds[-1].write(clear)
        return feeds

    def latency_ns(self, venue: int) -> int:
        """From the venue to whoever listens."""
        if self._latency_ns is not None:
            return self._latency_ns
        agents = self.run.agent_latency_ns
        name = self._agent or next(iter(agents), "")
        if name:
            return agents[name][venue]
        return self.run.venue_latency_ns[venue] if self.run.venue_latency_ns else LATENCY_NS_DEFAULT

    def write_messages(self, messages: Messages) -> None:
        for book, rows in by_book(messages):
            columns = messages.columns[:, rows]
            for feed in self._feeds.get(book) or self._begin(book):
                feed.write(events(feed.kind, columns))

    def finish_day(self) -> None:
        while self._feeds:
            for feed in self._feeds.popitem()[1]:
                feed.finish()

    def abandon_day(self) -> None:
        for feeds in self._feeds.values():
            for feed in feeds:
                feed.file.abandon()
        self._feeds = {}

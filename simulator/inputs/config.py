"""Settings of a run: frozen, every default once, on its line, with its unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count
from typing import Any, Literal

from simulator.errors import InputError, explain
from simulator.inputs.checks import number, truth, whole
from simulator.inputs.reference_prices import Bracket
from simulator.inputs.sessions import new_york
from simulator.inputs.strict_yaml import nearest
from simulator.inputs.universe import Universe
from simulator.records import (
    BACKGROUND_NAMES,
    BACKGROUND_OWNERS,
    BASE_TABLES,
    EXTRA_TABLES,
    GAP_TICKS_MAX,
    LEVELS_MAX,
    LEVELS_MIN,
    NS_PER_US,
    PRICE_TICKS_MAX,
    PRICE_UNITS_PER_USD,
    SEED_LEVELS,
    SEED_ORDERS,
    Liquidity,
)

OffsessionTrades = Literal["none", "trickle", "full"]
RATE_MAX = 5_000_000
AGENT_NUMBERS = 2**23 - BACKGROUND_OWNERS
"""An order's record in a book has 23 bits for its owner (``META_OWNER_SHIFT``)."""
PRICE_WINDOW_MIN = 64
MAX_ORDERS_MIN = 1
MAX_ORDERS_MAX = 1_000_000
PRICE_WINDOW_MAX = 1_048_576
HISTORY_MAX = 1_048_576
MESSAGES_MAX = 1_000_000_000
WAKE_S_MIN = 0.001
WAKE_S_MAX = 1e9
SEED_MIN = -(2**63)
SEED_MAX = 2**63 - 1
LATENCY_NS_MAX = 60_000_000_000
ORDERS_SEEDED = 2 * SEED_LEVELS * SEED_ORDERS
TICKS_SEEDED = 2 * SEED_LEVELS * GAP_TICKS_MAX
PRICE_INT32_USD = 100_000.0
"""Half of what fits int32 units of 0.0001 USD, so that a price may double in a run; a symbol that is dearer has its prices in ticks."""


def price_scales(universe: Universe, closes: Mapping[str, float]) -> tuple[int, ...]:
    """By symbol, how many 0.0001 USD one unit of a batch's prices is, from the reference closes in USD."""
    return tuple(s.tick_units if closes.get(s.name, 0.0) > PRICE_INT32_USD else 1 for s in universe.symbols)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Rows per second of simulated time over all symbols and venues; each whole second of the session lies within."""

    market_data_min_eps: int = 150
    market_data_max_eps: int = 600
    trades_min_eps: int = 30
    trades_max_eps: int = 150

    def __post_init__(self) -> None:
        for table in ("market_data", "trades"):
            low, high = getattr(self, f"{table}_min_eps"), getattr(self, f"{table}_max_eps")
            for name, value in ((f"--{table}_min_eps", low), (f"--{table}_max_eps", high)):
                whole(name, value, 0, RATE_MAX, "Give a rate in that range.", " rows a second")
            if low > high:
                raise InputError(
                    explain(
                        f"--{table}_min_eps", low, f"must be at most --{table}_max_eps, here {high:,}", "Lower the one or raise the other."
                    )
                )
        if self.market_data_max_eps < 1:
            raise InputError(explain("--market_data_max_eps", self.market_data_max_eps, "must be at least 1 row a second", "Raise it."))
        for end in ("min", "max"):
            books, trades = getattr(self, f"market_data_{end}_eps"), getattr(self, f"trades_{end}_eps")
            if trades > books:
                remedy = f"A print is followed by a book row: raise --market_data_{end}_eps or lower --trades_{end}_eps."
                raise InputError(explain(f"--trades_{end}_eps", trades, f"must be at most --market_data_{end}_eps, here {books:,}", remedy))


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpec:
    """One Python agent: a generator function ``make(market, orders, rng, **arguments)`` and what it may see and reach.

    ``latency_ns``: one way, between the agent and a venue by name; ``"*"`` for the others.
    """

    name: str
    make: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    symbols: tuple[str, ...] = ()
    """The symbols that it trades or watches; empty: all of the universe. They share a worker."""
    latency_ns: Mapping[str, int] | int = field(default_factory=lambda: {"*": 100 * NS_PER_US})
    """One number: the same for all venues."""
    max_messages_per_s: int = 10_000
    """Commands in each whole second; more are refused with ``Reject.RATE_LIMIT``."""
    keep_orders: bool = True
    """Whether each order and fill is kept for the results, or only their sums."""
    max_wake_s: float = 60.0
    """Wall time that the agent may take between two yields; then it is stopped, for a loop without a yield would never end."""
    use: str = ""
    """How a scenario file names ``make`` (module:callable); empty if it was given in Python."""
    copy_of: str = ""
    """The name that a scenario file gives to it and its ``copies``; empty if there is one of it."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or self.name in BACKGROUND_NAMES:
            limit = f"must be text, not empty, and none of {', '.join(BACKGROUND_NAMES)}"
            raise InputError(explain("agent name", self.name, limit, "These are the background's: choose another."))
        if not callable(self.make) and not hasattr(self.make, "run"):
            limit = "must be a generator function, or a class or object with a method run"
            raise InputError(explain(f"make of agent {self.name}", self.make, limit, "docs/agents.md shows one."))
        for venue, latency_ns in (self.latency_ns.items() if isinstance(self.latency_ns, Mapping) else (("*", self.latency_ns),)):
            what = f"latency_ns of agent {self.name}" + ("" if venue == "*" else f" to {venue}")
            whole(what, latency_ns, 1, LATENCY_NS_MAX, "100_000 (0.1 ms) is the default.", " ns")
        if isinstance(self.symbols, str) or not all(isinstance(symbol, str) for symbol in self.symbols):
            limit = "must be a list of names, as in ('AAPL', 'JPM')"
            raise InputError(explain(f"symbols of agent {self.name}", self.symbols, limit, "Leave it out for all."))
        if not isinstance(self.arguments, Mapping):
            limit = "must be a mapping, as in {'symbol': 'AAPL'}"
            raise InputError(explain(f"arguments of agent {self.name}", self.arguments, limit, "Leave it out if it takes none."))
        truth(f"keep_orders of agent {self.name}", self.keep_orders, "true is the default.")
        whole(f"max_messages_per_s of agent {self.name}", self.max_messages_per_s, 1, MESSAGES_MAX, "10_000 is the default.")
        number(f"max_wake_s of agent {self.name}", self.max_wake_s, WAKE_S_MIN, WAKE_S_MAX, "60 is the default.", " s")

    @property
    def latency_by_venue(self) -> Mapping[str, int]:
        """``"*"`` for the others."""
        given = self.latency_ns if isinstance(self.latency_ns, Mapping) else {"*": self.latency_ns}
        return {venue: int(latency_ns) for venue, latency_ns in given.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """USD a share that agents pay; negative: what they get. The background pays none.

    Defaults: round figures near Nasdaq's price list for shares of 1 USD and more (Equity 7, Section 118); removing may cost
    0.0030 at most (Regulation NMS, Rule 610(c)).
    """

    maker_usd: float = -0.0020
    """For a fill of an order that stood in a book."""
    taker_usd: float = 0.0030
    """For a fill of an order as it arrives."""
    cross_usd: float = 0.0015
    """For a fill in an opening or closing cross."""

    def __post_init__(self) -> None:
        for name in ("maker_usd", "taker_usd", "cross_usd"):
            number(f"fees: {name}", getattr(self, name), -1, 1, "0.003 is a usual fee, -0.002 a usual rebate.", " USD a share")

    def usd(self, liquidity: Liquidity) -> float:
        """A share's."""
        return (self.maker_usd, self.taker_usd, self.cross_usd)[liquidity]


def agent_number(name: str, attempt: int = 0) -> int:
    """The number that an agent would have by its name alone; with ``attempt``, another one."""
    salted = name if not attempt else f"{name}\0{attempt}"
    return BACKGROUND_OWNERS + int.from_bytes(blake2b(salted.encode(), digest_size=4).digest(), "big") % AGENT_NUMBERS


def agent_numbers(names: Sequence[str]) -> dict[str, int]:
    """Each agent's number in books and ``truth``, by name; no two are alike.

    It hangs on the name alone, so that another agent does not change it. Where two names hash to one number (of 4,000 names about one
    pair does), the later takes its name's next hash: an agent that is added at the end changes nobody's number.
    """
    numbers: dict[str, int] = {}
    taken: set[int] = set()
    for name in names:
        number = next(n for attempt in count() if (n := agent_number(name, attempt)) not in taken)
        numbers[name] = number
        taken.add(number)
    return numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """New reference prices in the middle of a run: from ``ts_ns`` on the efficient prices drift to their closes, for ``over_ns``."""

    ts_ns: int
    over_ns: int
    prices: Mapping[str, Bracket]
    """Of some or all symbols."""


EVERY_SYMBOL = "*"
"""Of a shock: all of the universe."""
SHOCK_LOG_RETURN_MAX = 0.7
"""Either way: prices may double in a run, or halve."""
SHOCK_NS_MAX = 86_400_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shock:
    """News: from ``ts_ns`` on the efficient price of a symbol moves by ``log_return`` within ``over_ns``, and stays there.

    It is all that a shock does; what becomes of quotes, trades and bands follows.
    """

    ts_ns: int
    symbol: str
    """A name, or ``"*"`` for all of the universe."""
    log_return: float
    over_ns: int = 1_000_000_000
    """Rounded down to whole seconds, one at least."""

    def __post_init__(self) -> None:
        whole("shocks: ts_ns", self.ts_ns, 0, 2**63 - 1, 'parse_ts("2025-07-01T14:15:00Z") gives such a number.', " ns since 1970")
        number("shocks: log_return", self.log_return, -SHOCK_LOG_RETURN_MAX, SHOCK_LOG_RETURN_MAX, "-0.05 is a fall of 4.9 %.")
        whole("shocks: over_ns", self.over_ns, 1, SHOCK_NS_MAX, "20_000_000_000 is 20 s.", " ns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything that determines the rows of a run."""

    universe: Universe
    start_ns: int
    """First instant simulated; a run that starts inside a day seeds its books there."""
    end_ns: int
    """The run ends before this instant."""
    prices: Mapping[str, Bracket]
    seed: int = 1
    levels: int = 10
    """Levels of each side in a book row; changes no other number of any row."""
    rates: Rates = field(default_factory=Rates)
    refreshes: tuple[Refresh, ...] = ()
    """In order of time. A run in real time collects them as they come."""
    shocks: tuple[Shock, ...] = ()
    """Of the efficient prices; those outside of the run do nothing."""
    session_pacing: bool = True
    offsession_trades: OffsessionTrades = "none"
    offhours_quotes: bool = False
    """Whether quotes go on at night, on weekends and on holidays even if nothing trades there: so it is in real time."""
    extra_tables: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    """Simulate just these symbols of the universe; their rows are those of the full run."""
    profile: str = "spec"
    """Name of a file of flow parameters in ``simulator/profiles``, or a path."""
    populations: Mapping[str, Any] = field(default_factory=dict)
    """Parameters that differ from the profile's."""
    background: bool = True
    """Whether the compiled flow takes part."""
    agents: tuple[AgentSpec, ...] = ()
    max_orders: int = 2048
    """Orders alive in one book at most."""
    price_window: int = 16384
    """Ticks that the resting prices of one book may span."""
    history: int = 4096
    """Recent states of each book kept for Python agents; it must span the longest latency."""
    fees: Fees = field(default_factory=Fees)
    """Of the agents; they change no row."""
    slice_ns: int | None = None
    """Longest stretch for which the flow runs without returning; changes no row. None: as far as the next event."""

    def __post_init__(self) -> None:
        whole("--levels", self.levels, LEVELS_MIN, LEVELS_MAX, "10 is the default.", " levels a side")
        whole("--seed", self.seed, SEED_MIN, SEED_MAX, "1 is the default.")
        for what, ts_ns in (("start of the run", self.start_ns), ("end of the run", self.end_ns)):
            whole(what, ts_ns, 0, 2**63 - 1, 'parse_ts("2025-07-01T13:30:00Z") gives such a number.', " ns since 1970")
        if self.end_ns <= self.start_ns:
            limit = f"must be after the start, {self.start_ns}"
            raise InputError(explain("end of the run", self.end_ns, limit, "Give a later one."))
        for name in ("session_pacing", "offhours_quotes", "background"):
            truth(name, getattr(self, name), "Leave it out for the default.")
        unknown = [t for t in self.extra_tables if t not in EXTRA_TABLES]
        if unknown:
            raise InputError(explain("--extra_tables", ",".join(unknown), f"must be some of {', '.join(EXTRA_TABLES)}", "Name those."))
        if self.offsession_trades not in ("none", "trickle", "full"):
            limit = "must be none, trickle or full"
            raise InputError(explain("--offsession_trades", self.offsession_trades, limit, "none is the default."))
        if self.slice_ns is not None:
            whole("slice_ns", self.slice_ns, 1, 2**62, "Leave it out to run as far as the next event.", " ns")
        whole("price_window", self.price_window, PRICE_WINDOW_MIN, PRICE_WINDOW_MAX, "16384 is the default.", " ticks")
        if self.price_window & (self.price_window - 1):
            limit = f"must be a power of two, {PRICE_WINDOW_MIN:,} to {PRICE_WINDOW_MAX:,} ticks"
            raise InputError(explain("price_window", self.price_window, limit, "16384 is the default."))
        for name, low, high, default in (("max_orders", MAX_ORDERS_MIN, MAX_ORDERS_MAX, 2048), ("history", 1, HISTORY_MAX, 4096)):
            whole(name, getattr(self, name), low, high, f"{default} is the default.")
        remedy = "Raise it, or leave the background out (background: false)."
        if self.background and self.max_orders < ORDERS_SEEDED:
            entered = f"2 sides x {SEED_LEVELS} levels x {SEED_ORDERS} orders"
            limit = f"must be at least {ORDERS_SEEDED}: the background enters up to {entered} at once"
            raise InputError(explain("max_orders", self.max_orders, limit, remedy))
        if self.background and self.price_window < TICKS_SEEDED:
            limit = f"must be at least {TICKS_SEEDED}: the background quotes up to 2 sides x {SEED_LEVELS} levels x {GAP_TICKS_MAX} ticks"
            raise InputError(explain("price_window", self.price_window, limit, remedy))
        self._check_prices()
        names = [a.name for a in self.agents]
        if len(set(names)) != len(names):
            raise InputError(explain("agent names", names, "each name must occur once", "Give every agent a name of its own."))
        for symbol in self.only:
            self.universe.symbol_index(symbol)
        known = [symbol.name for symbol in self.universe.symbols]
        for shock in self.shocks:
            if shock.symbol not in (*known, EVERY_SYMBOL):
                limit = f"the run has {', '.join(known)}, and {EVERY_SYMBOL!r} is all of them"
                raise InputError(explain("symbol of a shock", shock.symbol, limit, nearest(shock.symbol, known)))
        for agent in self.agents:
            unknown = [symbol for symbol in agent.symbols if symbol not in known]
            if unknown:
                limit = f"the run has {', '.join(known)}"
                raise InputError(explain(f"symbols of agent {agent.name}", unknown[0], limit, nearest(unknown[0], known)))
            missing = [symbol for symbol in agent.symbols if symbol not in self.only] if self.only else []
            if missing and len(missing) < len(agent.symbols):
                limit = f"agent {agent.name} needs {', '.join(missing)} too, and would do other things without"
                raise InputError(explain("--only", ",".join(self.only), limit, "Name all of its symbols, or none."))

    def _check_prices(self) -> None:
        """Each symbol's price is a tick at least and leaves room to double in a book's ticks."""
        for symbol in self.universe.symbols:
            if symbol.name not in self.prices:
                continue
            close, tick = self.prices[symbol.name].close, symbol.tick_units / PRICE_UNITS_PER_USD
            if not tick <= close <= PRICE_TICKS_MAX / 2 * tick:
                limit = f"must be {tick:g} to {PRICE_TICKS_MAX / 2 * tick:,.0f} USD with a tick of {tick:g} USD"
                raise InputError(explain(f"price of {symbol.name}", close, limit, "Correct the price, or the symbol's tick_units."))

    def __repr__(self) -> str:
        """A line: what differs from run to run."""
        names = [symbol.name for symbol in self.universe.symbols]
        simulated = self.only or names
        symbols = f"{', '.join(simulated[:4])}{' …' if len(simulated) > 4 else ''} ({len(simulated)} of {len(names)} symbols)"
        agents = f", agents {', '.join(a.name for a in self.agents[:4])}{' …' if len(self.agents) > 4 else ''}" if self.agents else ""
        return f"<Scenario: {symbols}, {new_york(self.start_ns)} to {new_york(self.end_ns)} New York time, seed {self.seed}{agents}>"

    @property
    def price_scales(self) -> tuple[int, ...]:
        """By symbol of the universe: how many 0.0001 USD one unit of a batch's prices is. 1, but for symbols above 100,000 USD a tick's."""
        return price_scales(self.universe, {name: bracket.close for name, bracket in self.prices.items()})

    @property
    def goes_on_when_closed(self) -> bool:
        """Whether anything can happen while the exchange is closed."""
        return not self.session_pacing or self.offsession_trades != "none" or self.offhours_quotes

    @property
    def agent_numbers(self) -> dict[str, int]:
        """Of the Python agents in books and ``truth``, by name."""
        return agent_numbers([agent.name for agent in self.agents])

    @property
    def agent_names(self) -> dict[int, str]:
        """By the numbers that ``truth`` carries: the background's populations, then the Python agents."""
        return dict(enumerate(BACKGROUND_NAMES)) | {number: name for name, number in self.agent_numbers.items()}

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that the run writes, in the order of ``records.TABLES``."""
        return (*BASE_TABLES, *(t for t in EXTRA_TABLES if t in self.extra_tables))

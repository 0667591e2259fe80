"""Admits the scenario's agents to the market: makes each, gives it its two sides of the gateway, and starts its process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from simulator.agents.factory import make_agent
from simulator.clock import AGENT
from simulator.errors import AgentError, MarketSimError
from simulator.gateway.agent_process import AgentProcess
from simulator.gateway.engine import Engine
from simulator.gateway.market_view import LatentMarketView
from simulator.gateway.order_entry import LatentOrderEntry
from simulator.gateway.own_orders import OwnOrders
from simulator.gateway.reach import Reach, Traded
from simulator.gateway.user_traceback import where_defined, where_raised
from simulator.gateway.watchdog import AgentStuck, Watchdog
from simulator.inputs.config import AgentSpec
from simulator.records import CrossKind
from simulator.rng import stream

VIEW = (
    "best", "depth", "nbbo", "last_trade", "last_trades", "phase", "own_orders", "own_order", "position", "cash_ticks", "read", "wait",
    "until", "message", "quote", "trade", "phase_change", "status", "status_change", "last_imbalance", "imbalance", "sip", "any_of",
    "symbols", "venues", "quotes", "trades", "volume", "vwap", "bars", "previous_close", "low_high", "order", "queue_ahead", "at",
    "cut_off_ns", "record", "trade_stream", "quote_stream", "status_stream", "imbalance_stream", "sip_stream",
)  # fmt: skip
ENTRY = ("buy", "sell", "add", "cancel", "cancel_all", "reduce", "replace", "stop", "peg", "sweep", "prevent_self_trades")


class Port:
    """Some methods of an object, and nothing else of it. It cannot be changed."""

    __slots__ = (*VIEW, *ENTRY, "_bell", "_now", "_there")

    _bell: Callable[[CrossKind], int | None]
    _now: Callable[[], int]
    _there: tuple[str, ...]

    def __init__(self, behind: object, names: tuple[str, ...], now: Callable[[], int], bell: Callable[[CrossKind], int | None]) -> None:
        for name in names:
            object.__setattr__(self, name, getattr(behind, name))
        object.__setattr__(self, "_now", now)
        object.__setattr__(self, "_bell", bell)
        object.__setattr__(self, "_there", names)

    @property
    def now_ns(self) -> int:
        return self._now()

    @property
    def open_ns(self) -> int | None:
        return self._bell(CrossKind.OPEN)

    @property
    def close_ns(self) -> int | None:
        return self._bell(CrossKind.CLOSE)

    @property
    def to_open_ns(self) -> int | None:
        return None if (bell_ns := self.open_ns) is None else bell_ns - self._now()

    @property
    def to_close_ns(self) -> int | None:
        return None if (bell_ns := self.close_ns) is None else bell_ns - self._now()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{name!r} cannot be set here: keep it in a variable of the agent's own")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):  # what Python itself asks for, to copy it for example
            raise AttributeError(name)
        near = get_close_matches(name, self._there, 1)
        raise AttributeError(f"there is no {name!r} here" + (f"; did you mean {near[0]}?" if near else f", only {', '.join(self._there)}"))


def admit(specs: Sequence[AgentSpec], numbers: Mapping[str, int], seed: int, traded: Traded, engine: Engine) -> list[OwnOrders]:
    """The orders, none yet, of the agents whose symbols are traded here; in order of name, whatever the order in the scenario.

    ``numbers``: of the agents in the books, by name. Raises ``AgentError`` for an agent that cannot be made.
    """
    admitted: list[OwnOrders] = []
    clock = engine.clock

    def now() -> int:
        return clock.now

    for spec in sorted(specs, key=lambda spec: spec.name):
        if spec.symbols and not set(spec.symbols) & set(traded.symbols):
            continue
        reach = Reach(spec, numbers[spec.name], engine.clock, traded)
        own = OwnOrders(reach, engine.fees, engine.queues)
        view = LatentMarketView(reach, own, engine)
        entry = LatentOrderEntry(reach, own, engine.exchange, engine.inbox)
        bell = engine.times.bell_ns
        agent = _make(spec, Port(view, VIEW, now, bell), Port(entry, ENTRY, now, bell), stream(seed, "agent", spec.name), engine.watchdog)
        AgentProcess(agent, reach, own, view, engine, AGENT + len(admitted))
        admitted.append(own)
    return admitted


def _make(spec: AgentSpec, view: Any, entry: Any, rng: Any, dog: Watchdog) -> Generator[Any, Any, Any]:
    try:
        try:
            dog.stretches += 1
            dog.max_s = spec.max_wake_s
            return make_agent(spec.make, view, entry, rng, spec.arguments)
        except AgentStuck:
            dog.forget()
            raise
        finally:
            dog.max_s = 0.0
            if dog.is_aiming:
                dog.let_it_land()
    except AgentStuck as error:
        dog.forget()  # it may have landed on the way to this line
        place = where_raised(error, "") or where_defined(spec.make)
        raise AgentError(
            f"Agent {spec.name!r} has been running for {spec.max_wake_s:g} s while it was made (max_wake_s){place}. A function without any "
            "yield runs on the spot: yield what it waits for, for example yield market.wait(1_000_000_000)."
        ) from None
    except MarketSimError as error:
        raise AgentError(f"Agent {spec.name!r}: {str(error).rstrip('.')}{where_defined(spec.make)}.") from error
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}".rstrip(".")
        place = where_raised(error, "") or where_defined(spec.make)
        arguments = dict(spec.arguments)
        raise AgentError(f"Agent {spec.name!r} could not be made with {arguments}: {what}{place}. Check its arguments.") from error

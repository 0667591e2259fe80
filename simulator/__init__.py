"""A discrete-event simulator of the US equities market, order by order. Public names; each module loads when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.agents import (
        Accepted,
        Cancelled,
        Expired,
        Fill,
        MarketView,
        OrderEntry,
        OwnOrder,
        PhaseChange,
        Quote,
        Rejected,
        Trade,
        Wait,
    )
    from simulator.book.limit_order_book import LimitOrderBook
    from simulator.config import AgentSpec, Fees, Rates, Scenario
    from simulator.errors import AgentError, InputError, LimitError, MarketSimError, ScheduleError, SinkError
    from simulator.impact import Impact, with_and_without
    from simulator.market import Market, Result, simulate
    from simulator.prices import reference_prices
    from simulator.records import Cond, CrossKind, Event, EventKind, OrderType, Phase, Reject, Side
    from simulator.results import AgentResult, Position
    from simulator.scenario import load_scenario
    from simulator.sessions import format_ts, parse_ts
    from simulator.tape import NullSink, RunInfo, Sink
    from simulator.universe import load_universe

_HOMES = {
    "agents": (
        "Accepted", "Cancelled", "Expired", "Fill", "MarketView", "OrderEntry", "OwnOrder", "PhaseChange",
        "Quote", "Rejected", "Trade", "Wait",
    ),
    "book.limit_order_book": ("LimitOrderBook",),
    "config": ("AgentSpec", "Fees", "Rates", "Scenario"),
    "errors": ("AgentError", "InputError", "LimitError", "MarketSimError", "ScheduleError", "SinkError"),
    "impact": ("Impact", "with_and_without"),
    "market": ("Market", "Result", "simulate"),
    "prices": ("reference_prices",),
    "records": ("Cond", "CrossKind", "Event", "EventKind", "OrderType", "Phase", "Reject", "Side"),
    "results": ("AgentResult", "Position"),
    "scenario": ("load_scenario",),
    "sessions": ("format_ts", "parse_ts"),
    "tape": ("NullSink", "RunInfo", "Sink"),
    "universe": ("load_universe",),
}

__all__ = [
    "Accepted",
    "AgentError",
    "AgentResult",
    "AgentSpec",
    "Cancelled",
    "Cond",
    "CrossKind",
    "Event",
    "EventKind",
    "Expired",
    "Fees",
    "Fill",
    "Impact",
    "InputError",
    "LimitError",
    "LimitOrderBook",
    "Market",
    "MarketSimError",
    "MarketView",
    "NullSink",
    "OrderEntry",
    "OrderType",
    "OwnOrder",
    "Phase",
    "PhaseChange",
    "Position",
    "Quote",
    "Rates",
    "Reject",
    "Rejected",
    "Result",
    "RunInfo",
    "Scenario",
    "ScheduleError",
    "Side",
    "Sink",
    "SinkError",
    "Trade",
    "Wait",
    "format_ts",
    "load_scenario",
    "load_universe",
    "parse_ts",
    "reference_prices",
    "simulate",
    "with_and_without",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"simulator.{home}"), name)
    raise AttributeError(f"module 'simulator' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

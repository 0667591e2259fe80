"""A discrete-event simulator of the US equities market, order by order. Public names; each module loads when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.agents import (
        Accepted,
        Bars,
        Cancelled,
        CancelRejected,
        Ended,
        Expired,
        Fill,
        Imbalance,
        MarketView,
        OrderEntry,
        OrderState,
        OwnOrder,
        PhaseChange,
        Quote,
        Quotes,
        Rejected,
        Repriced,
        SipQuote,
        Status,
        Stream,
        Trade,
        Trades,
        Triggered,
        Wait,
    )
    from simulator.analysis.agent_report import AgentReport, agent_report
    from simulator.analysis.agent_result import AgentResult, Position
    from simulator.analysis.impact import Impact, with_and_without
    from simulator.analysis.sweep import Sweep, sweep
    from simulator.book.limit_order_book import LimitOrderBook
    from simulator.book.reports import Event
    from simulator.errors import AgentError, InputError, LimitError, MarketSimError, ScheduleError, SinkError
    from simulator.inputs.config import AgentSpec, Fees, Rates, Scenario
    from simulator.inputs.reference_prices import reference_prices
    from simulator.inputs.scenario_file import load_scenario
    from simulator.inputs.sessions import format_ts, parse_ts
    from simulator.inputs.universe import load_universe
    from simulator.market import Market
    from simulator.notices import StatusReason
    from simulator.records import Cond, CrossKind, EventKind, Liquidity, OrderType, Peg, Phase, Reject, SelfTrade, Side
    from simulator.run_result import Result
    from simulator.simulation import simulate
    from simulator.tape.sink import NullSink, RunInfo, Sink

_HOMES = {
    "agents": (
        "Accepted", "Bars", "CancelRejected", "Cancelled", "Ended", "Expired", "Fill", "Imbalance",
        "MarketView", "OrderEntry", "OrderState", "OwnOrder", "PhaseChange", "Quote", "Quotes",
        "Rejected", "Repriced", "SipQuote", "Status", "Stream", "Trade", "Trades", "Triggered", "Wait",
    ),
    "book.limit_order_book": ("LimitOrderBook",),
    "inputs.config": ("AgentSpec", "Fees", "Rates", "Scenario"),
    "errors": ("AgentError", "InputError", "LimitError", "MarketSimError", "ScheduleError", "SinkError"),
    "analysis.impact": ("Impact", "with_and_without"),
    "analysis.sweep": ("Sweep", "sweep"),
    "market": ("Market",),
    "run_result": ("Result",),
    "simulation": ("simulate",),
    "notices": ("StatusReason",),
    "inputs.reference_prices": ("reference_prices",),
    "book.reports": ("Event",),
    "records": ("Cond", "CrossKind", "EventKind", "Liquidity", "OrderType", "Peg", "Phase", "Reject", "SelfTrade", "Side"),
    "analysis.agent_report": ("AgentReport", "agent_report"),
    "analysis.agent_result": ("AgentResult", "Position"),
    "inputs.scenario_file": ("load_scenario",),
    "inputs.sessions": ("format_ts", "parse_ts"),
    "tape.sink": ("NullSink", "RunInfo", "Sink"),
    "inputs.universe": ("load_universe",),
}

__all__ = [
    "Accepted",
    "AgentError",
    "AgentReport",
    "AgentResult",
    "AgentSpec",
    "Bars",
    "CancelRejected",
    "Cancelled",
    "Cond",
    "CrossKind",
    "Ended",
    "Event",
    "EventKind",
    "Expired",
    "Fees",
    "Fill",
    "Imbalance",
    "Impact",
    "InputError",
    "LimitError",
    "LimitOrderBook",
    "Liquidity",
    "Market",
    "MarketSimError",
    "MarketView",
    "NullSink",
    "OrderEntry",
    "OrderState",
    "OrderType",
    "OwnOrder",
    "Peg",
    "Phase",
    "PhaseChange",
    "Position",
    "Quote",
    "Quotes",
    "Rates",
    "Reject",
    "Rejected",
    "Repriced",
    "Result",
    "RunInfo",
    "Scenario",
    "ScheduleError",
    "SelfTrade",
    "Side",
    "Sink",
    "SinkError",
    "SipQuote",
    "Status",
    "StatusReason",
    "Stream",
    "Sweep",
    "Trade",
    "Trades",
    "Triggered",
    "Wait",
    "agent_report",
    "format_ts",
    "load_scenario",
    "load_universe",
    "parse_ts",
    "reference_prices",
    "simulate",
    "sweep",
    "with_and_without",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"simulator.{home}"), name)
    raise AttributeError(f"module 'simulator' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

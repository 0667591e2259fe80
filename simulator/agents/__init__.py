"""The user's extension point: what an agent sees, what it can do, how it waits; and the roles, written to be read and copied."""

from simulator.agents.avellaneda_stoikov import AvellanedaStoikov
from simulator.agents.columns import Bars, Quotes, Trades
from simulator.agents.execution import POV, TWAP, VWAP, ImplementationShortfall
from simulator.agents.factory import agent_parameters
from simulator.agents.interface import BEST, Agent, MarketView, OrderEntry, Stream, Wait
from simulator.agents.messages import (
    Accepted,
    Cancelled,
    CancelRejected,
    Ended,
    Expired,
    Fill,
    Message,
    OrderState,
    OwnOrder,
    PhaseChange,
    Quote,
    Rejected,
    Repriced,
    SipQuote,
    Trade,
    Triggered,
)
from simulator.venue_notices import Imbalance, Status

__all__ = [
    "BEST",
    "POV",
    "TWAP",
    "VWAP",
    "Accepted",
    "Agent",
    "AvellanedaStoikov",
    "Bars",
    "CancelRejected",
    "Cancelled",
    "Ended",
    "Expired",
    "Fill",
    "Imbalance",
    "ImplementationShortfall",
    "MarketView",
    "Message",
    "OrderEntry",
    "OrderState",
    "OwnOrder",
    "PhaseChange",
    "Quote",
    "Quotes",
    "Rejected",
    "Repriced",
    "SipQuote",
    "Status",
    "Stream",
    "Trade",
    "Trades",
    "Triggered",
    "Wait",
    "agent_parameters",
]

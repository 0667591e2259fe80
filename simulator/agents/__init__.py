"""The user's extension point: what an agent sees, what it can do, how it waits; and the roles, written to be read and copied."""

from simulator.agents.factory import agent_parameters
from simulator.agents.interface import (
    BEST,
    Accepted,
    Agent,
    Cancelled,
    CancelRejected,
    Expired,
    Fill,
    MarketView,
    Message,
    OrderEntry,
    OwnOrder,
    PhaseChange,
    Quote,
    Rejected,
    Trade,
    Wait,
)

__all__ = [
    "BEST",
    "Accepted",
    "Agent",
    "CancelRejected",
    "Cancelled",
    "Expired",
    "Fill",
    "MarketView",
    "Message",
    "OrderEntry",
    "OwnOrder",
    "PhaseChange",
    "Quote",
    "Rejected",
    "Trade",
    "Wait",
    "agent_parameters",
]

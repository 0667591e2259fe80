"""The user's extension point: what an agent sees, what it can do, how it waits. Agents are generator functions."""

from simulator.agents.interface import (
    Accepted,
    Cancelled,
    Expired,
    Fill,
    MarketView,
    Message,
    OrderEntry,
    Rejected,
    Wait,
)

__all__ = ["Accepted", "Cancelled", "Expired", "Fill", "MarketView", "Message", "OrderEntry", "Rejected", "Wait"]

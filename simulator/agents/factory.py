"""From what a scenario names to a running generator: a generator function, a class with a method ``run``, or an object with one."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Generator, Mapping
from typing import Any

from simulator.agents.interface import MarketView, OrderEntry
from simulator.errors import AgentError

GIVEN = 3
"""market, orders and rng come first."""


def make_agent(
    make: Any, market: MarketView, orders: OrderEntry, rng: Any, arguments: Mapping[str, Any]
) -> Generator[Any, Any, Any]:
    """The agent's generator, not started. Raises ``AgentError`` if it is none, or what the user's own code raises.

    A class is made anew from ``arguments`` for each run; an object is copied, so that a second run finds it as the first did.
    """
    if inspect.isclass(make):
        made: Any = make(**arguments)
        agent = made.run(market, orders, rng)
    elif inspect.isroutine(make) or not hasattr(make, "run"):
        agent = make(market, orders, rng, **arguments)
    else:
        agent = copy.deepcopy(make).run(market, orders, rng, **arguments)
    if not isinstance(agent, Generator):
        kind = type(agent).__name__
        is_async = kind in ("coroutine", "async_generator")
        hint = " (an async function does not run here: write def, and yield instead of await)" if is_async else ""
        if kind == "coroutine":
            agent.close()
        raise AgentError(
            f"{_name(make)} must be a generator function (with yield in it), or a class whose run(market, orders, rng) is one, but it "
            f"returned {kind}{hint}. Yield what the agent waits for, for example market.wait(1_000_000_000)."
        )
    return agent


def agent_parameters(make: Callable[..., Any]) -> inspect.Signature:
    """What a scenario's arguments must fit: for a class those of its making, else those after market, orders and rng.

    ``agent_parameters(make).bind(**arguments)`` raises ``TypeError`` where they do not. Raises ``AgentError`` for what is no agent.
    """
    if inspect.isclass(make):
        if not callable(getattr(make, "run", None)):
            raise AgentError(f"{_name(make)} has no method run(market, orders, rng). Give it one, with yield in it.")
        return inspect.signature(make)
    called = make if inspect.isroutine(make) or not hasattr(make, "run") else make.run
    if not callable(called):
        raise AgentError(f"{_name(make)} is not a function, nor a class or object with a method run. Name a generator function.")
    signature = inspect.signature(called)
    parameters = list(signature.parameters.values())
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(plain) < GIVEN and not any(p.kind == p.VAR_POSITIONAL for p in parameters):
        raise AgentError(f"{_name(make)} takes {signature}; an agent's first three parameters are market, orders and rng. Add them.")
    return signature.replace(parameters=[p for p in parameters if p not in plain[:GIVEN]])


def _name(make: Any) -> str:
    """As the user calls it."""
    name = getattr(make, "__qualname__", None)
    return repr(make) if name is None else f"{make.__module__}:{name}"

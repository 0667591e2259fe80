"""The PettingZoo parallel environment: several agents, each with a task of its own, in one market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.utils import seeding

from simulator.environments.actions import find_scheme
from simulator.environments.episode import Episode, Episodes, draw
from simulator.environments.features import LIMIT, find_features, observe
from simulator.environments.seat import checked
from simulator.environments.tasks import Execution, MarketMaking, Task, Trading
from simulator.errors import InputError, explain
from simulator.inputs.config import AgentSpec
from simulator.inputs.strict_yaml import nearest

try:
    from pettingzoo import ParallelEnv
except ModuleNotFoundError:
    raise InputError("pettingzoo is not installed. Install the extra: pip install 'equities-market-simulator[rl]'.") from None


def _nobody() -> None:
    """In place of an agent."""


class MarketParallelEnv(ParallelEnv):
    """``tasks``: by the agents' names; the other arguments are those of ``Episodes``. All act at the same instants."""

    metadata: ClassVar[dict[str, Any]] = {"name": "equities_v0", "render_modes": [], "is_parallelizable": True}
    render_mode = None

    def __init__(self, tasks: Mapping[str, Task] | None = None, **settings: Any) -> None:
        """Raises ``InputError``."""
        self._tasks: dict[str, Task] = dict(tasks or {"market_maker": MarketMaking(), "buyer": Execution(), "trader": Trading()})
        for name, task in self._tasks.items():
            if not isinstance(task, Task):
                raise InputError(explain(f"tasks: {name}", task, "must be Execution(...), MarketMaking(...) or Trading(...)", "Give one."))
            AgentSpec(name=name, make=_nobody)  # whether it can be a name
        known = [f.name for f in fields(Episodes)]
        for name in settings:
            if name not in known:
                raise InputError(explain("argument", name, f"there is tasks, {', '.join(known)}", nearest(name, known)))
        self.episodes = Episodes(**settings)
        self._windows = self.episodes.windows()
        self._base = self.episodes.base([task.symbol for task in self._tasks.values()])
        self._rewards = {name: task.find_reward() for name, task in self._tasks.items()}
        self.possible_agents = list(self._tasks)
        self.agents: list[str] = []
        self.action_spaces, self.observation_spaces = {}, {}
        for name, task in self._tasks.items():
            self.action_spaces[name] = find_scheme(task.actions, task.SCHEMES).space(task)
            self.observation_spaces[name] = gymnasium.spaces.Box(-LIMIT, LIMIT, (len(find_features(task.observations)),), np.float32)
        self._rng: np.random.Generator | None = None
        self.episode: Episode | None = None

    def observation_space(self, agent: str) -> Any:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """A new episode; options as of the single environments. Raises ``InputError``."""
        if seed is not None or self._rng is None:
            self._rng, _ = seeding.np_random(seed)
        market_seed, start_ns = draw(self.episodes, self._windows, self._rng, options or {})
        self.episode = Episode(self.episodes, self._base, self._tasks, market_seed, start_ns)
        self.agents = list(self.possible_agents)
        seats = self.episode.seats
        return {name: observe(seat) for name, seat in seats.items()}, {name: self.episode.info(seat) for name, seat in seats.items()}

    def step(self, actions: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Any]]:
        """One step of all agents that are still there. Raises ``InputError``."""
        if self.episode is None or not self.agents:
            raise InputError("There is no episode going on. Call reset().")
        missing = [name for name in self.agents if name not in actions]
        if missing or set(actions) - set(self.agents):
            limit = f"there must be one for each of {', '.join(self.agents)}, and no other"
            raise InputError(explain("actions", sorted(actions), limit, "Give {name: action for name in env.agents}."))
        episode = self.episode
        episode.step({name: checked(self.action_spaces[name], actions[name]) for name in self.agents})
        seats = {name: episode.seats[name] for name in self.agents}
        is_over = episode.is_over
        terminated = {name: s.task.is_done(s) or (is_over and isinstance(s.task, Execution)) for name, s in seats.items()}
        truncated = {name: is_over and not terminated[name] for name in seats}
        self.agents = [name for name in self.agents if not terminated[name] and not truncated[name]]
        return (
            {name: observe(seat) for name, seat in seats.items()},
            {name: float(self._rewards[name](seat)) for name, seat in seats.items()},
            terminated, truncated, {name: episode.info(seat) for name, seat in seats.items()},
        )  # fmt: skip

    def render(self) -> None:
        return None

    def close(self) -> None:
        self.episode = None

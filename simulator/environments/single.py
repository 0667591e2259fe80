"""The Gymnasium environments: one agent in a market."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np

from simulator.environments.actions import find_scheme
from simulator.environments.episode import Episode, draw, split
from simulator.environments.features import LIMIT, find_features, observe
from simulator.environments.seat import Seat, checked
from simulator.environments.tasks import Execution, MarketMaking, Task, Trading
from simulator.errors import InputError

NAME = "agent"


class MarketEnv(gymnasium.Env):
    """Arguments are the fields of the task and of ``Episodes``. ``reset(options={"market_seed": ..., "start_ns": ...})`` repeats one."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}
    task_type: type[Task] = Task

    def __init__(self, *, render_mode: None = None, **settings: Any) -> None:
        """Raises ``InputError``."""
        self.render_mode = render_mode
        self.episodes, self.task = split(settings, self.task_type)
        self._windows = self.episodes.windows()
        self._base = self.episodes.base([self.task.symbol])
        scheme = find_scheme(self.task.actions, self.task.SCHEMES)
        features = find_features(self.task.observations)
        self._reward = self.task.find_reward()
        self.action_space = scheme.space(self.task)
        self.observation_space = gymnasium.spaces.Box(-LIMIT, LIMIT, (len(features),), np.float32)
        self.episode: Episode | None = None

    @property
    def seat(self) -> Seat:
        """What the agent knows and has. Raises ``InputError`` before the first reset."""
        return self._playing().seats[NAME]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """A new episode. Raises ``InputError``."""
        super().reset(seed=seed)
        market_seed, start_ns = draw(self.episodes, self._windows, self.np_random, options or {})
        self.episode = Episode(self.episodes, self._base, {NAME: self.task}, market_seed, start_ns)
        return observe(self.seat), self.episode.info(self.seat)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One step. Raises ``InputError`` for an action out of its space, and after the episode's end.

        An order that is executed, or whose time is over, is ``terminated``; any other task is ``truncated`` when its time is over.
        """
        episode, seat = self._playing(), self.seat
        if episode.is_over or self.task.is_done(seat):
            raise InputError("The episode is over. Call reset() for another one.")
        episode.step({NAME: checked(self.action_space, action)})
        is_over = episode.is_over
        is_done = self.task.is_done(seat) or (is_over and isinstance(self.task, Execution))
        return observe(seat), float(self._reward(seat)), is_done, is_over and not is_done, episode.info(seat)

    def _playing(self) -> Episode:
        if self.episode is None:
            raise InputError("There is no episode yet. Call reset() first.")
        return self.episode


class ExecutionEnv(MarketEnv):
    """``equities/Execution-v0``: buy or sell so many shares in the episode's time."""

    task_type = Execution


class MarketMakingEnv(MarketEnv):
    """``equities/MarketMaking-v0``: quote both sides at one venue."""

    task_type = MarketMaking


class TradingEnv(MarketEnv):
    """``equities/Trading-v0``: be long, flat or short."""

    task_type = Trading

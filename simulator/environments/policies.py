"""Policies to measure others against: each is called with the environment and gives an action of its default actions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


class Policy(Protocol):
    """Of one episode after the other; ``seed`` is the episode's."""

    def start(self, env: Any, seed: int) -> None: ...

    def act(self, env: Any, observation: Any) -> Any: ...


@dataclass
class Random:
    """Any action, drawn evenly."""

    def start(self, env: Any, seed: int) -> None:
        env.action_space.seed(seed)

    def act(self, env: Any, observation: Any) -> Any:
        return env.action_space.sample()


@dataclass
class Idle:
    """Never trades: waits, goes flat, or quotes as far away as may be."""

    def start(self, env: Any, seed: int) -> None:
        pass

    def act(self, env: Any, observation: Any) -> Any:
        name = type(env.unwrapped.task).__name__
        return {"Execution": np.zeros(2, np.float32), "MarketMaking": np.ones(2, np.float32), "Trading": 1}[name]


@dataclass
class Twap:
    """Execution with equal parts of the order at equal times (``actions="pace"``): each part is taken at once, or, ``haste`` 0, offered at
    the near side until it is time to cancel, and to take what is left with the last step.
    """

    haste: float = 1.0

    def start(self, env: Any, seed: int) -> None:
        pass

    def act(self, env: Any, observation: Any) -> Any:
        seat = env.unwrapped.seat
        if self.haste < 1.0 and seat.step == seat.steps - 2:
            return np.zeros(2, np.float32)
        return np.array([0.5, 1.0 if seat.is_last else self.haste], np.float32)


@dataclass
class AvellanedaStoikov:
    """Avellaneda and Stoikov (2008), for ``actions="offsets"``: the reservation price r = s - q γ σ² (T - t), and quotes at
    (γ σ² (T - t) + 2/γ ln(1 + γ/κ)) / 2 on both sides of it; s in ticks, q in quotes' sizes, t in steps, σ over the last steps.
    """

    gamma: float = 0.02
    kappa: float = 1.0
    horizon: int = 20
    """T - t in steps at most: an intraday maker's risk is that of the near future."""

    def start(self, env: Any, seed: int) -> None:
        pass

    def act(self, env: Any, observation: Any) -> Any:
        seat = env.unwrapped.seat
        task = seat.task
        held = seat.position() / task.size
        risk = self.gamma * seat.volatility_ticks() ** 2 * min(seat.steps - seat.step, self.horizon)
        half = risk / 2 + math.log1p(self.gamma / self.kappa) / self.gamma
        shift = -held * risk
        return np.clip(np.array([half - shift, half + shift]) / task.most_ticks, 0.0, 1.0).astype(np.float32)

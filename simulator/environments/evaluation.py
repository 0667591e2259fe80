"""What a policy comes to over many episodes, each of a seed of its own: the same seeds make the same markets for every policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import gymnasium

from simulator.analysis.estimates import CONFIDENCE, Estimate, estimate
from simulator.analysis.processes import check_processes, run_tasks
from simulator.analysis.progress_bar import ProgressBar
from simulator.analysis.variation import parse_seeds
from simulator.environments.policies import Policy


class Played(NamedTuple):
    """One episode."""

    seed: int
    reward: float
    """The sum of its rewards."""
    pnl_usd: float
    shares: int
    """Held at its end."""
    steps: int


class Evaluation(NamedTuple):
    """Of one policy."""

    episodes: tuple[Played, ...]
    """By seed."""

    def of(self, name: str = "reward", confidence: float = CONFIDENCE) -> Estimate:
        """The mean of ``reward``, ``pnl_usd``, ``shares`` or ``steps`` with its interval."""
        return estimate([float(getattr(each, name)) for each in self.episodes], confidence)

    def minus(self, other: Evaluation, name: str = "reward", confidence: float = CONFIDENCE) -> Estimate:
        """Of the differences to another policy, episode by episode: they have their markets in common."""
        pairs = zip(self.episodes, other.episodes, strict=True)
        return estimate([float(getattr(one, name)) - float(getattr(two, name)) for one, two in pairs], confidence)


class _Task(NamedTuple):
    env: str
    settings: Mapping[str, Any]
    policy: Policy
    seed: int


def evaluate(
    env: str, policy: Policy, seeds: str | Iterable[int], *, processes: int = 1, progress: bool = False, **settings: Any
) -> Evaluation:
    """Play one episode of ``gymnasium.make(env, **settings)`` for each seed. Raises ``InputError``."""
    tasks = [_Task(env, settings, policy, seed) for seed in parse_seeds(seeds)]
    if check_processes(processes) > 1:
        _made(tasks[0]).reset(seed=0)  # loads the kernels, once rather than in every process
    found: dict[int, Played] = {}
    with ProgressBar("episodes", len(tasks), is_wanted=progress) as bar:

        def done(n: int, played: Played) -> None:
            found[n] = played
            bar.to(len(found))

        run_tasks(_play, tasks, processes, done)
    return Evaluation(tuple(found[n] for n in range(len(tasks))))


def _made(task: _Task) -> Any:
    return gymnasium.make(f"simulator.environments:{task.env}" if task.env.startswith("equities/") else task.env, **task.settings)


def _play(task: _Task) -> Played:
    env = _made(task)
    try:
        observation, info = env.reset(seed=task.seed)
        task.policy.start(env, task.seed)
        total, steps, is_over = 0.0, 0, False
        while not is_over:
            observation, reward, terminated, truncated, info = env.step(task.policy.act(env, observation))
            total, steps, is_over = total + reward, steps + 1, terminated or truncated
    finally:
        env.close()
    return Played(task.seed, total, info["pnl_usd"], info["shares"], steps)

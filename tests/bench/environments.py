"""Environments and sweeps: `python tests/bench/environments.py`. Steps a second beside a bare agent; a sweep beside the same runs alone.

What one process does is in processor seconds, so that a busy machine moves it less; what several do is in elapsed ones, on whatever the machine
has to give. What is done in rounds counts as it was fastest. Kernels are loaded before the clock starts.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from rich.console import Console
from rich.table import Table

import simulator.environments  # noqa: F401  it registers them
from simulator import Market, NullSink, load_scenario, sweep
from simulator.analysis.sweep import outcome

EXECUTION = "equities/Execution-v0"
ACTION = np.array([0.5, 0.3], np.float32)


def steps_rate(steps: int, episodes: int, rounds: int) -> tuple[float, float]:
    """(steps a second without resets, seconds of a reset) of one environment; of each episode the round in which it was fastest."""
    env: Any = gymnasium.make(EXECUTION, steps=steps, shares=10_000_000)
    resets_s, steps_s = [], []
    for seed in range(episodes):
        tries = []
        for _ in range(rounds):
            start_s = time.process_time()
            env.reset(seed=seed)
            begun_s = time.process_time()
            for _ in range(steps):
                env.step(ACTION)
            tries.append((begun_s - start_s, time.process_time() - begun_s))
        reset_s, step_s = map(min, zip(*tries, strict=True))
        resets_s.append(reset_s)
        steps_s.append(step_s)
    return steps * episodes / sum(steps_s), sum(resets_s) / episodes


def bare_rate(steps: int, episodes: int, rounds: int) -> float:
    """Wake-ups a second of a bare agent: the same seat, with the same actions, in one call of ``run_until``; from the first to the last."""
    env: Any = gymnasium.make(EXECUTION, steps=steps, shares=10_000_000).unwrapped
    took_s = 0.0
    for seed in range(episodes):
        tries = []
        for _ in range(rounds):
            env.reset(seed=seed)
            episode = env.episode
            episode.seats["agent"].action = ACTION
            start_s = time.process_time()
            episode.market.run_until(episode.end_ns)
            tries.append(time.process_time() - start_s)
        took_s += min(tries)
    return steps * episodes / took_s


def vector_rates(steps: int, rounds: int) -> list[float]:
    """Steps a second over all environments of gymnasium's vectors of one process and of two, with shared memory, resets aside.

    In turn, over the same episodes each time; of each step the round in which it was fastest, so that others on the machine count less.
    """
    how = {"shared_memory": True}
    made = [
        gymnasium.make_vec(EXECUTION, num_envs=n, vectorization_mode="async", vector_kwargs=how, steps=steps + 1, shares=10_000_000) for n in (1, 2)
    ]
    took: list[list[list[float]]] = [[], []]
    for k in (0, 1) * rounds:
        envs, actions, steps_s = made[k], np.tile(ACTION, (k + 1, 1)), []
        envs.reset(seed=list(range(k + 1)))
        for _ in range(steps):
            start_s = time.perf_counter()
            envs.step(actions)
            steps_s.append(time.perf_counter() - start_s)
        took[k].append(steps_s)
    for envs in made:
        envs.close()
    return [(k + 1) * steps / sum(map(min, zip(*took[k], strict=True))) for k in (0, 1)]


def sweep_costs(runs: int, rounds: int) -> tuple[float, float, float]:
    """Of a sweep in one process, processor seconds over those of the same runs one by one; and in two, elapsed seconds over those of one;
    and the processor seconds of a run.
    """
    scenario = load_scenario("momentum", end_ns=load_scenario("momentum").start_ns + 600_000_000_000)
    alone_s: list[float] = []
    busy_s: list[list[float]] = [[], []]
    elapsed_s: list[list[float]] = [[], []]
    for _ in range(rounds):
        began_s = time.process_time()
        for seed in range(runs):
            market = Market(replace(scenario, seed=seed), NullSink())
            market.run_until(scenario.end_ns)
            outcome(market)
        alone_s.append(time.process_time() - began_s)
        for k in (0, 1):
            began_s, start_s = time.process_time(), time.perf_counter()
            sweep(scenario, seeds=range(runs), processes=k + 1)
            busy_s[k].append(time.process_time() - began_s)
            elapsed_s[k].append(time.perf_counter() - start_s)
    return min(busy_s[0]) / min(alone_s), min(elapsed_s[1]) / min(elapsed_s[0]), min(alone_s) / runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    steps_rate(5, 1, 1)
    table = Table("what", "figure", "relative to")
    bare = bare_rate(given.steps, given.episodes, given.rounds)
    one, reset_s = steps_rate(given.steps, given.episodes, given.rounds)
    table.add_row("a bare agent that does the same", f"{bare:,.0f} wake-ups/s", "1")
    table.add_row("Execution-v0, one process", f"{one:,.0f} steps/s", f"{one / bare:.2f} of the bare agent")
    rates = vector_rates(given.steps, given.rounds)
    table.add_row("AsyncVectorEnv, 1 process", f"{rates[0]:,.0f} steps/s elapsed", "1")
    table.add_row("AsyncVectorEnv, 2 processes", f"{rates[1]:,.0f} steps/s elapsed", f"{rates[1] / rates[0]:.2f} of one")
    table.add_row("reset of one environment", f"{1_000 * reset_s:,.0f} ms", f"as {reset_s * one:,.0f} steps")
    runs = 8 * given.episodes
    busy, elapsed, run_s = sweep_costs(runs, min(given.rounds, 4))
    table.add_row(f"{runs} runs of ten minutes, one by one", f"{1_000 * run_s:,.0f} ms each", "1")
    table.add_row("the same as a sweep, one process", "", f"{busy:.2f}")
    table.add_row("the same as a sweep, two processes", "", f"{elapsed:.2f} of the time of one")
    console = Console(width=120)
    console.print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    console.print(table)


if __name__ == "__main__":
    main()

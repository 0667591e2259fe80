"""Environments and sweeps: `python tests/bench/environments.py`. Steps a second beside a bare agent; a sweep beside the same runs alone.

What one process does is in processor seconds, so that a busy machine moves it less; what several do is in elapsed ones, on whatever the machine
has to give. Kernels are loaded before the clock starts.
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


def steps_rate(steps: int, episodes: int) -> tuple[float, float]:
    """(steps a second without resets, seconds of a reset) of one environment."""
    env: Any = gymnasium.make(EXECUTION, steps=steps, shares=10_000_000)
    reset_s, step_s = 0.0, 0.0
    for seed in range(episodes):
        start_s = time.process_time()
        env.reset(seed=seed)
        begun_s = time.process_time()
        for _ in range(steps):
            env.step(ACTION)
        reset_s, step_s = reset_s + begun_s - start_s, step_s + time.process_time() - begun_s
    return steps * episodes / step_s, reset_s / episodes


def bare_rate(steps: int, episodes: int) -> float:
    """Wake-ups a second of a bare agent: the same seat, with the same actions, in one call of ``run_until``; from the first to the last."""
    env: Any = gymnasium.make(EXECUTION, steps=steps, shares=10_000_000).unwrapped
    took_s = 0.0
    for seed in range(episodes):
        env.reset(seed=seed)
        episode = env.episode
        episode.seats["agent"].action = ACTION
        start_s = time.process_time()
        episode.market.run_until(episode.end_ns)
        took_s += time.process_time() - start_s
    return steps * episodes / took_s


def vector_rate(processes: int, steps: int) -> float:
    """Steps a second over all environments, gymnasium's processes with shared memory, resets aside."""
    how = {"shared_memory": True}
    envs = gymnasium.make_vec(EXECUTION, num_envs=processes, vectorization_mode="async", vector_kwargs=how, steps=steps + 1, shares=10_000_000)
    envs.reset(seed=list(range(processes)))
    start_s = time.perf_counter()
    for _ in range(steps):
        envs.step(np.tile(ACTION, (processes, 1)))
    took_s = time.perf_counter() - start_s
    envs.close()
    return processes * steps / took_s


def sweep_costs(runs: int) -> tuple[float, float, float]:
    """Of a sweep in one process, processor seconds over those of the same runs one by one; and in two, elapsed seconds over those of one;
    and the processor seconds of a run.
    """
    scenario = load_scenario("momentum", end_ns=load_scenario("momentum").start_ns + 600_000_000_000)
    began_s = time.process_time()
    for seed in range(runs):
        market = Market(replace(scenario, seed=seed), NullSink())
        market.run_until(scenario.end_ns)
        outcome(market)
    alone_s = time.process_time() - began_s
    busy_s, elapsed_s = [], []
    for processes in (1, 2):
        began_s, start_s = time.process_time(), time.perf_counter()
        sweep(scenario, seeds=range(runs), processes=processes)
        busy_s.append(time.process_time() - began_s)
        elapsed_s.append(time.perf_counter() - start_s)
    return busy_s[0] / alone_s, elapsed_s[1] / elapsed_s[0], alone_s / runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=5)
    parser.add_argument("--steps", type=int, default=600)
    given = parser.parse_args()
    steps_rate(5, 1)
    table = Table("what", "figure", "relative to")
    bare = bare_rate(given.steps, given.episodes)
    one, reset_s = steps_rate(given.steps, given.episodes)
    table.add_row("a bare agent that does the same", f"{bare:,.0f} wake-ups/s", "1")
    table.add_row("Execution-v0, one process", f"{one:,.0f} steps/s", f"{one / bare:.2f} of the bare agent")
    rates = [vector_rate(processes, given.steps) for processes in (1, 2)]
    table.add_row("AsyncVectorEnv, 1 process", f"{rates[0]:,.0f} steps/s elapsed", "1")
    table.add_row("AsyncVectorEnv, 2 processes", f"{rates[1]:,.0f} steps/s elapsed", f"{rates[1] / rates[0]:.2f} of one")
    table.add_row("reset of one environment", f"{1_000 * reset_s:,.0f} ms", f"as {reset_s * one:,.0f} steps")
    runs = 4 * given.episodes
    busy, elapsed, run_s = sweep_costs(runs)
    table.add_row(f"{runs} runs of ten minutes, one by one", f"{1_000 * run_s:,.0f} ms each", "1")
    table.add_row("the same as a sweep, one process", "", f"{busy:.2f}")
    table.add_row("the same as a sweep, two processes", "", f"{elapsed:.2f} of the time of one")
    console = Console(width=120)
    console.print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    console.print(table)


if __name__ == "__main__":
    main()

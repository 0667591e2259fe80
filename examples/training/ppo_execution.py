"""Trains PPO (stable-baselines3) to buy 6,000 JPM in a minute, and compares it with TWAP in markets that training has not seen.

    pip install '.[train]'
    python examples/training/ppo_execution.py                  # some minutes on two cores; what it printed: ppo_execution.txt

It chooses from the environment's menu: wait, offer an even share, take it, take two. It learns from a reward with less luck in it than what
it is judged by: what the shares that were bought in a step cost over the midpoint at the step's end. The market's own drift is in the
judgement, not in the lesson.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import SubprocVecEnv, VecMonitor

from simulator.environments import Seat, Twap, evaluate

SETTINGS: dict[str, Any] = {"symbol": "JPM", "shares": 6_000, "steps": 60}
TRAINED_ON, JUDGED_ON = 1, "1000001..1000120"
"""Seeds: the generator's of the training, and those of the episodes that judge."""


def cost_of_the_step(seat: Seat) -> float:
    """Basis points of the order's value, less than 0: shares bought in the step, fees, and at the end what is left."""
    bought = seat.after.shares - seat.before.shares
    paid_usd = seat.before.cash_usd - seat.after.cash_usd + seat.after.fees_usd - seat.before.fees_usd
    cost_usd = paid_usd - bought * seat.after.mark_usd
    if seat.step == seat.steps:
        cost_usd += (seat.task.shares - seat.after.shares) * seat.after.mark_usd * seat.task.penalty_bps / 10_000
    return -cost_usd / (seat.task.shares * seat.start.mark_usd) * 10_000


def made(seed: int) -> Callable[[], gymnasium.Env[Any, Any]]:
    def make() -> gymnasium.Env[Any, Any]:
        env = gymnasium.make("simulator.environments:equities/Execution-v0", reward=cost_of_the_step, actions="menu", **SETTINGS)
        env.reset(seed=seed)
        return env

    return make


class Trained:
    """What PPO finds most likely to be right."""

    def __init__(self, model: PPO) -> None:
        self.model = model

    def start(self, env: Any, seed: int) -> None:
        pass

    def act(self, env: Any, observation: Any) -> Any:
        action, _ = self.model.predict(observation, deterministic=True)
        return int(action)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30_000, help="Of training (default 30000).")
    parser.add_argument("--judged_on", default=JUDGED_ON, help=f"Seeds of the episodes that judge (default {JUDGED_ON}).")
    given = parser.parse_args()
    torch.set_num_threads(1)
    envs = VecMonitor(SubprocVecEnv([made(TRAINED_ON + n) for n in range(2)], start_method="fork"))
    started_s = time.monotonic()
    model = PPO(
        "MlpPolicy", envs, n_steps=600, batch_size=200, n_epochs=10, learning_rate=1e-3, gamma=1.0, gae_lambda=0.95, ent_coef=0.0,
        seed=TRAINED_ON, policy_kwargs={"net_arch": [32, 32]}, device="cpu",
    )  # fmt: skip
    model.learn(given.steps)
    envs.close()
    minutes = (time.monotonic() - started_s) / 60
    episodes = f"episodes of {SETTINGS['steps']} s, {SETTINGS['shares']:,} JPM"
    print(f"PPO, {given.steps:,} steps of training; judged on {given.judged_on}, {episodes}")
    policies = {"PPO": Trained(model), "TWAP, taking": Twap(), "TWAP, offering": Twap(haste=0.0)}
    found = {
        name: evaluate("equities/Execution-v0", policy, given.judged_on, actions="menu" if name == "PPO" else "pace", **SETTINGS)
        for name, policy in policies.items()
    }
    for name, each in found.items():
        mean, left = each.of(), SETTINGS["shares"] - each.of("shares").mean
        print(f"{name:<15} reward {mean.mean:+.3f} bps, standard error {mean.se:.3f}; shares left {left:,.0f}")
    for name in list(policies)[1:]:
        more = found["PPO"].minus(found[name])
        verdict = "beats it" if more.mean > 2 * more.se else "does not beat it"
        errors = f"standard error {more.se:.3f}, {more.mean / more.se:+.1f} of them"
        print(f"PPO less {name}: {more.mean:+.3f} bps, {errors}: PPO {verdict} by two")
    print(f"(training took {minutes:.1f} minutes)")


if __name__ == "__main__":
    main()

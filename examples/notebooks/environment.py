# %% [markdown]
# # A policy in an environment
# `pip install '.[rl]'`; `docs/environments.md` has the arguments.

# %%
from simulator.environments import Random, Twap, evaluate


class Patient:
    """Offers at the near side, and takes what is left in the last ten seconds."""

    def start(self, env, seed):
        pass

    def act(self, env, observation):
        seat = env.unwrapped.seat
        return [0.5, 0.0] if seat.steps - seat.step > 10 else [0.5, 1.0]


# %%
policies = {"patient": Patient(), "TWAP": Twap(), "random": Random()}
played = {name: evaluate("equities/Execution-v0", policy, seeds="1..3", shares=1_500, steps=20) for name, policy in policies.items()}
means = {name: each.of() for name, each in played.items()}
means

# %%
difference = played["patient"].minus(played["TWAP"])
difference

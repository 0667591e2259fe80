# %% [markdown]
# # Is one setting better than another?
# The same seeds with each setting, and the differences seed by seed (`docs/sweeps.md`).

# %%
from simulator import load_scenario, sweep

scenario = load_scenario("momentum")
scenario = load_scenario("momentum", end_ns=scenario.start_ns + 120_000_000_000)
found = sweep(scenario, seeds=range(1, 5), vary={"agents.momentum.with.threshold_ticks": [4, 8]})
found

# %%
found.pandas()

# %%
found.differences()

# %% [markdown]
# # What an order does to the market
# Each seed with and without it; the mean path of the difference, with its interval.

# %%
from dataclasses import replace

from simulator import load_scenario, with_and_without

scenario = load_scenario("parent_order")
(parent,) = scenario.agents
quick = replace(parent, arguments={**parent.arguments, "shares": 9_000, "start_ns": 5_000_000_000, "duration_ns": 30_000_000_000, "slices": 6})
scenario = replace(scenario, agents=(quick,), end_ns=scenario.start_ns + 45_000_000_000)
impacts = with_and_without(scenario, "parent", seeds="1..4", every_ns=5_000_000_000)
impacts

# %%
impacts.pandas()

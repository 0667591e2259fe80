"""Gymnasium and PettingZoo environments of the market (extra ``rl``): ``docs/environments.md``.

Importing this registers ``equities/Execution-v0``, ``equities/MarketMaking-v0`` and ``equities/Trading-v0`` with gymnasium, as its
packages do; ``parallel_env`` makes a PettingZoo environment of several agents in one market.
"""

from __future__ import annotations

from simulator.errors import InputError

try:
    import gymnasium
except ModuleNotFoundError:
    raise InputError("gymnasium is not installed. Install the extra: pip install 'equities-market-simulator[rl]'.") from None

from simulator.environments.episode import Episodes
from simulator.environments.evaluation import evaluate
from simulator.environments.features import FEATURES
from simulator.environments.policies import AvellanedaStoikov, Idle, Random, Twap
from simulator.environments.seat import Seat
from simulator.environments.single import ExecutionEnv, MarketMakingEnv, TradingEnv
from simulator.environments.tasks import Execution, MarketMaking, Trading

__all__ = [
    "FEATURES", "AvellanedaStoikov", "Episodes", "Execution", "ExecutionEnv", "Idle", "MarketMaking", "MarketMakingEnv", "Random", "Seat",
    "Trading", "TradingEnv", "Twap", "evaluate", "parallel_env",
]  # fmt: skip


def parallel_env(**settings: object) -> object:
    """``simulator.environments.parallel.MarketParallelEnv``; pettingzoo is loaded only here."""
    from simulator.environments.parallel import MarketParallelEnv

    return MarketParallelEnv(**settings)  # type: ignore[arg-type]


for _name in ("Execution", "MarketMaking", "Trading"):
    if f"equities/{_name}-v0" not in gymnasium.registry:
        gymnasium.register(id=f"equities/{_name}-v0", entry_point=f"simulator.environments.single:{_name}Env")

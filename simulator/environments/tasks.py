"""What an agent of an environment is to do: its symbol, its means, and what it is rewarded for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from simulator.environments.actions import Menu, Offsets, Pace, Position, Target
from simulator.environments.features import Feature
from simulator.environments.seat import Scheme, Seat
from simulator.errors import InputError, explain
from simulator.inputs.checks import number, whole
from simulator.inputs.config import LATENCY_NS_MAX
from simulator.inputs.strict_yaml import nearest
from simulator.records import SIZE_MAX

Reward = Callable[[Seat], float]
"""Of the step that has just ended, from ``seat.before`` and ``seat.after``."""
DAMPENED = 0.5


def pnl(seat: Seat) -> float:
    """USD: what the equity has risen by, held shares at the midpoint, fees paid. Over an episode they add up to its PnL."""
    return seat.after.equity_usd - seat.before.equity_usd


def dampened(seat: Seat) -> float:
    """PnL less half of what held shares have gained by the midpoint's move, but none of what they lost (Spooner et al. 2018)."""
    drift_usd = seat.before.shares * (seat.after.mark_usd - seat.before.mark_usd)
    return pnl(seat) - max(0.0, DAMPENED * drift_usd)


def shortfall(seat: Seat) -> float:
    """Less of the implementation shortfall (Perold 1988), in basis points of the order's value at arrival; what is left at the end is
    counted at the midpoint and ``penalty_bps``. Over an episode they add up to less the order's whole cost.
    """
    task = seat.task
    value_usd = task.shares * seat.start.mark_usd
    cost_usd = _cost_usd(seat, after=True) - _cost_usd(seat, after=False)
    if seat.step == seat.steps:
        cost_usd += (task.shares - abs(seat.after.shares)) * seat.after.mark_usd * task.penalty_bps / 10_000
    return float(-cost_usd / value_usd * 10_000)


def _cost_usd(seat: Seat, *, after: bool) -> float:
    """Of what is filled, and of what is left as if it were filled at the midpoint, over the midpoint at the start."""
    account = seat.after if after else seat.before
    sign, arrival_usd = seat.side_sign, seat.start.mark_usd
    left = seat.task.shares - abs(account.shares)
    paid_usd = -account.cash_usd + sign * left * account.mark_usd
    return float(paid_usd - sign * seat.task.shares * arrival_usd + account.fees_usd)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What all tasks have."""

    symbol: str = "JPM"
    latency_ns: int | Mapping[str, int] = 100_000
    """One way, as in a scenario."""
    observations: tuple[str | Feature, ...] = ()
    """Names (``FEATURES``) or functions of the seat."""
    actions: str | Scheme = ""
    reward: str | Reward = ""

    SCHEMES: ClassVar[Mapping[str, type]] = {}
    REWARDS: ClassVar[Mapping[str, Reward]] = {"pnl": pnl, "dampened": dampened}

    @property
    def most_shares(self) -> int:
        """What inventories are counted in."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        for latency_ns in self.latency_ns.values() if isinstance(self.latency_ns, Mapping) else (self.latency_ns,):
            whole("latency_ns", latency_ns, 1, LATENCY_NS_MAX, "100_000 (0.1 ms) is the default.", " ns")
        if isinstance(self.observations, str):
            raise InputError(explain("observations", self.observations, "must be a list of names", "For example ('spread', 'inventory')."))
        self.find_reward()

    def find_reward(self) -> Reward:
        """Raises ``InputError``."""
        if callable(self.reward):
            return self.reward
        if self.reward not in self.REWARDS:
            limit = f"there is {', '.join(self.REWARDS)}, or a function of the Seat"
            raise InputError(explain("reward", self.reward, limit, nearest(str(self.reward), list(self.REWARDS))))
        return self.REWARDS[self.reward]

    def is_done(self, seat: Seat) -> bool:
        """Whether nothing is left to do before the time is over."""
        return False


OBSERVED = ("time_left", "inventory", "spread", "imbalance", "moved_1", "moved_5", "moved_20", "volatility", "halted")


@dataclass(frozen=True, kw_only=True)
class Execution(Task):
    """Buy or sell so many shares until the episode ends."""

    side: Literal["buy", "sell", "either"] = "buy"
    """``either``: drawn for each episode."""
    shares: int = 6_000
    penalty_bps: float = 10.0
    """What each share that is left costs over the midpoint at the end."""
    observations: tuple[str | Feature, ...] = (*OBSERVED, "moved", "resting_bid", "resting_ask")
    actions: str | Scheme = "pace"
    reward: str | Reward = "shortfall"

    SCHEMES: ClassVar[Mapping[str, type]] = {"pace": Pace, "menu": Menu}
    REWARDS: ClassVar[Mapping[str, Reward]] = {"shortfall": shortfall, **Task.REWARDS}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.side not in ("buy", "sell", "either"):
            raise InputError(explain("side", self.side, "must be buy, sell or either", "buy is the default."))
        whole("shares", self.shares, 1, SIZE_MAX, "6_000 is the default.")
        number("penalty_bps", self.penalty_bps, 0, 10_000, "10 is the default.", " bps")

    @property
    def most_shares(self) -> int:
        return self.shares

    def is_done(self, seat: Seat) -> bool:
        return abs(seat.after.shares) >= self.shares


@dataclass(frozen=True, kw_only=True)
class MarketMaking(Task):
    """Quote both sides at one venue."""

    venue: str = "NYSE"
    size: int = 100
    """Of each quote."""
    max_position: int = 1_000
    """Held, it stops buying, as many short, it stops selling; orders on their way may pass it by one ``size``."""
    most_ticks: int = 10
    """From the midpoint to a quote."""
    observations: tuple[str | Feature, ...] = (*OBSERVED, "resting_bid", "resting_ask")
    actions: str | Scheme = "offsets"
    reward: str | Reward = "pnl"

    SCHEMES: ClassVar[Mapping[str, type]] = {"offsets": Offsets}

    def __post_init__(self) -> None:
        super().__post_init__()
        whole("size", self.size, 1, SIZE_MAX, "100 is the default.", " shares")
        whole("max_position", self.max_position, 1, SIZE_MAX, "1_000 is the default.", " shares")
        whole("most_ticks", self.most_ticks, 1, 10_000, "10 is the default.", " ticks")

    @property
    def most_shares(self) -> int:
        return self.max_position


@dataclass(frozen=True, kw_only=True)
class Trading(Task):
    """Be long, flat or short."""

    max_position: int = 200
    observations: tuple[str | Feature, ...] = OBSERVED
    actions: str | Scheme = "target"
    reward: str | Reward = "pnl"

    SCHEMES: ClassVar[Mapping[str, type]] = {"target": Target, "position": Position}

    def __post_init__(self) -> None:
        super().__post_init__()
        whole("max_position", self.max_position, 1, SIZE_MAX, "200 is the default.", " shares")

    @property
    def most_shares(self) -> int:
        return self.max_position

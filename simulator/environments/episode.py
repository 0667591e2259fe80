"""Episodes: when they are, in which market, and one that is being played."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from simulator.environments.actions import find_scheme
from simulator.environments.features import find_features
from simulator.environments.seat import Seat
from simulator.environments.tasks import Task
from simulator.errors import InputError, explain
from simulator.inputs.checks import whole
from simulator.inputs.config import AgentSpec, Rates, Scenario
from simulator.inputs.reference_prices import reference_prices
from simulator.inputs.scenario_file import load_scenario
from simulator.inputs.sessions import DEFAULT_DATE, NEW_YORK, TradingDay, new_york, session_bounds, trading_days
from simulator.inputs.strict_yaml import nearest
from simulator.inputs.universe import load_universe
from simulator.market import Market
from simulator.records import NS_PER_S
from simulator.tape.sink import NullSink

STEPS_MAX = 10_000_000
SEEDS = 2**62


@dataclass(frozen=True, kw_only=True)
class Episodes:
    """The arguments that all environments share."""

    steps: int = 60
    """Of an episode."""
    step_ns: int = NS_PER_S
    dates: Sequence[str] | str = (DEFAULT_DATE.isoformat(),)
    """Of sessions; one is drawn for each episode."""
    starts: tuple[str, str] = ("09:45", "15:45")
    """New York time, HH:MM; an episode begins, and ends, between the two, at a whole second that is drawn."""
    warm_up_ns: int = 5 * NS_PER_S
    """Simulated before the first observation."""
    scenario: Scenario | Path | str | None = None
    """What the market is like, and who else trades in it: a scenario, a file or a ready one's name; its times and seed do not count."""
    rates: Rates | Mapping[str, int] | None = None
    """Rows a second; by default 20 to 80 of books and 5 to 20 trades for each symbol, or the scenario's."""
    levels: int = 5

    def __post_init__(self) -> None:
        whole("steps", self.steps, 1, STEPS_MAX, "60 is the default.")
        whole("step_ns", self.step_ns, 1_000, 3_600 * NS_PER_S, "1_000_000_000 (a second) is the default.", " ns")
        whole("warm_up_ns", self.warm_up_ns, 1_000_000, 3_600 * NS_PER_S, "5_000_000_000 is the default.", " ns")

    def windows(self) -> list[tuple[int, int]]:
        """By date: the first and the last instant at which an episode may begin. Raises ``InputError``."""
        windows = []
        for date in [self.dates] if isinstance(self.dates, str) else self.dates:
            (day,) = trading_days(*_bounds(date))[:1]
            first_ns, last_ns = (_clock_time(day, text) for text in self.starts)
            if not day.open_ns <= first_ns < last_ns <= day.close_ns:
                hours = f"{new_york(day.open_ns)} to {new_york(day.close_ns)}"
                limit = f"must be HH:MM, the second later, within the session of {date}: {hours}"
                raise InputError(explain("starts", self.starts, limit, 'For example ("10:00", "15:30").'))
            last_start_ns = last_ns - self.steps * self.step_ns
            if last_start_ns < first_ns:
                seconds = self.steps * self.step_ns / NS_PER_S
                between = f"from {self.starts[0]} to {self.starts[1]}"
                limit = f"{self.steps:,} steps of {self.step_ns:,} ns take {seconds:,.0f} s, longer than {between}"
                raise InputError(explain("steps", self.steps, limit, "Give fewer or shorter steps, or earlier and later starts."))
            windows.append((first_ns, last_start_ns))
        if not windows:
            raise InputError(explain("dates", self.dates, "at least one is needed", "For example ('2025-07-01',)."))
        return windows

    def base(self, symbols: Sequence[str]) -> Scenario:
        """The scenario of all episodes but for times, seed and seats. Raises ``InputError``."""
        if self.scenario is not None:
            found = self.scenario if isinstance(self.scenario, Scenario) else load_scenario(self.scenario)
            for symbol in symbols:
                found.universe.symbol_index(symbol)
            return found if self.rates is None else replace(found, rates=_rates(self.rates))
        universe = load_universe().select(sorted(set(symbols)))
        first = dt.date.fromisoformat(self.dates if isinstance(self.dates, str) else self.dates[0])
        prices = reference_prices("builtin", [s.name for s in universe.symbols], (first, first)).brackets
        n = len(universe.symbols)
        rates = Rates(market_data_min_eps=20 * n, market_data_max_eps=80 * n, trades_min_eps=5 * n, trades_max_eps=20 * n)
        start_ns = self.windows()[0][0]
        return Scenario(
            universe=universe, prices=prices, start_ns=start_ns, end_ns=start_ns + NS_PER_S, levels=self.levels,
            rates=rates if self.rates is None else _rates(self.rates),
        )  # fmt: skip


class Episode:
    """A market with some seats, from the reset to the last step."""

    def __init__(self, episodes: Episodes, base: Scenario, tasks: Mapping[str, Task], seed: int, start_ns: int) -> None:
        """``seed``: the market's. ``start_ns``: of the first observation."""
        self.seed, self.start_ns = seed, start_ns
        self.end_ns = start_ns + episodes.steps * episodes.step_ns
        self.seats = {
            name: Seat(
                name, task, find_features(task.observations), find_scheme(task.actions, task.SCHEMES), episodes.steps, episodes.step_ns
            )
            for name, task in tasks.items()
        }  # fmt: skip
        for seat in self.seats.values():
            seat.first_ns = start_ns
        self.scenario = scenario_of(episodes, base, self.seats, seed, start_ns)
        self.market = Market(self.scenario, NullSink())
        self._step_ns = episodes.step_ns
        self._advance = self.market.run_until if base.agents else self.market.step_until
        self._advance(start_ns)
        for seat in self.seats.values():
            side = getattr(seat.task, "side", "buy")
            seat.side_sign = {"buy": 1, "sell": -1, "either": 1 if seed % 2 else -1}[side]
            seat.begin(self.market)

    @property
    def is_over(self) -> bool:
        return self.market.now_ns >= self.end_ns

    def step(self, actions: Mapping[str, Any]) -> None:
        """Each seat's action, None for those that do nothing any more."""
        for name, seat in self.seats.items():
            seat.action = actions.get(name)
        self._advance(self.market.now_ns + self._step_ns)
        for seat in self.seats.values():
            seat.end_step()

    def info(self, seat: Seat) -> dict[str, Any]:
        """What is not observed: for people, and for tests."""
        return {
            "market_seed": self.seed, "start_ns": self.start_ns, "now_ns": self.market.now_ns, "shares": seat.after.shares,
            "pnl_usd": seat.after.equity_usd - seat.start.equity_usd, "fees_usd": seat.after.fees_usd,
        }  # fmt: skip


def scenario_of(episodes: Episodes, base: Scenario, seats: Mapping[str, Seat], seed: int, start_ns: int) -> Scenario:
    """The scenario of one episode: the base's, and each seat an agent of it."""
    specs = [
        AgentSpec(name=name, make=seat.run, symbols=(seat.task.symbol,), latency_ns=seat.task.latency_ns, keep_orders=False)
        for name, seat in seats.items()
    ]
    return replace(
        base, seed=seed, start_ns=start_ns - episodes.warm_up_ns, end_ns=start_ns + episodes.steps * episodes.step_ns,
        agents=(*base.agents, *specs),
    )  # fmt: skip


def draw(episodes: Episodes, windows: Sequence[tuple[int, int]], rng: np.random.Generator, options: Mapping[str, Any]) -> tuple[int, int]:
    """The market's seed and the start of the next episode; ``options`` may give either: ``market_seed``, ``start_ns``.

    As many numbers are drawn whatever is given. Raises ``InputError`` for an episode beyond its day's ``starts``.
    """
    seed = int(rng.integers(SEEDS))
    first_ns, last_ns = windows[int(rng.integers(len(windows)))]
    start_ns = first_ns + int(rng.integers((last_ns - first_ns) // NS_PER_S + 1)) * NS_PER_S
    if options.get("market_seed") is not None:
        seed = whole("options: market_seed", options["market_seed"], 0, SEEDS, "Leave it out to draw one.")
    if options.get("start_ns") is not None:
        start_ns = whole("options: start_ns", options["start_ns"], 0, 2**63 - 1, "Leave it out to draw one.", " ns since 1970")
        if not any(first <= start_ns <= last for first, last in windows):
            between = " or ".join(f"{new_york(first)} to {new_york(last)}" for first, last in windows[:3])
            limit = f"the episode would reach beyond the day's starts: it may begin from {between} New York time"
            raise InputError(explain("options: start_ns", start_ns, limit, "Give another one, or other starts, or fewer steps."))
    return seed, start_ns


def split(settings: Mapping[str, Any], task: type[Task]) -> tuple[Episodes, Task]:
    """An environment's arguments. Raises ``InputError`` for one that there is not."""
    of_episodes, of_task = ([f.name for f in fields(kind)] for kind in (Episodes, task))
    for name in settings:
        if name not in (*of_episodes, *of_task):
            known = [*of_task, *of_episodes]
            raise InputError(explain("argument", name, f"{task.__name__} takes {', '.join(known)}", nearest(name, known)))
    chosen: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    return (
        Episodes(**{name: chosen[name] for name in of_episodes if name in chosen}),
        task(**{name: chosen[name] for name in of_task if name in chosen}),
    )


def _bounds(date: object) -> tuple[int, int]:
    try:
        return session_bounds(dt.date.fromisoformat(str(date)))
    except ValueError:
        raise InputError(explain("dates", date, "must be written YYYY-MM-DD", "For example 2025-07-01.")) from None


def _clock_time(day: TradingDay, text: str) -> int:
    if not isinstance(text, str) or not re.fullmatch(r"\d\d:\d\d", text) or int(text[:2]) > 23 or int(text[3:]) > 59:
        raise InputError(explain("starts", text, "must be a time of day in New York, HH:MM", 'For example ("10:00", "15:30").'))
    moment = dt.datetime.combine(day.date, dt.time.fromisoformat(text), NEW_YORK)
    return int(moment.timestamp()) * NS_PER_S


def _rates(rates: Rates | Mapping[str, int]) -> Rates:
    if isinstance(rates, Rates):
        return rates
    known = [f.name for f in fields(Rates)]
    for name in rates:
        if name not in known:
            raise InputError(explain("rates", name, f"there is {', '.join(known)}", nearest(name, known)))
    return Rates(**rates)

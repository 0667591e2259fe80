"""Which symbols share a worker: those of one agent, and else so that each worker has about as many rows to make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np

from simulator.inputs.config import AgentSpec, Scenario

AIM = 0.3
"""Where in their band rows are on average."""
EVEN = 0.15
"""Of the rows: about what makers' answers take beyond the seconds' aims, which are dealt by another measure (``ceiling_evenness``)."""
DEALT_SINGLY = 60
"""Symbols of each worker up to which they are dealt one by one, rather than by the groups that are drawn together."""


def deal(scenario: Scenario, names: Sequence[str], workers: int) -> list[tuple[str, ...]]:
    """The symbols of each worker, so that the one with most rows to expect has as few as may be; those of one Python agent together.

    Fewer lists than ``workers`` if there are fewer groups of symbols; each list is in the universe's order.
    """
    rows = expected_rows(scenario)
    place = {name: n for n, name in enumerate(names)}
    groups = _groups(names, scenario.agents, _drawn_together(scenario, names) if len(names) > DEALT_SINGLY * workers else None)
    load = {group[0]: sum(rows[name] for name in group) for group in groups}
    groups.sort(key=lambda group: (-load[group[0]], place[group[0]]))
    dealt: list[list[list[str]]] = [[] for _ in range(min(workers, len(groups)))]
    for group in groups:  # the heaviest first, to the least loaded
        min(dealt, key=lambda part: sum(load[g[0]] for g in part)).append(group)
    while _swap(dealt, load):
        pass
    return [tuple(sorted((name for group in part for name in group), key=place.__getitem__)) for part in dealt]


def symbol_groups(scenario: Scenario) -> list[list[str]]:
    """The groups that the symbols of a scenario are simulated in when it is cut into shards, in the universe's order."""
    names = scenario.only or tuple(symbol.name for symbol in scenario.universe.symbols)
    place = {name: n for n, name in enumerate(names)}
    groups = [sorted(group, key=place.__getitem__) for group in _groups(names, scenario.agents, _drawn_together(scenario, names))]
    return sorted(groups, key=lambda group: place[group[0]])


def _drawn_together(scenario: Scenario, names: Sequence[str]) -> list[list[str]]:
    """The names by the groups of the universe whose rates are drawn together: a worker that has a whole one draws nothing for others."""
    chosen = set(names)
    symbols = scenario.universe.symbols
    groups = [[symbols[i].name for i in group if symbols[i].name in chosen] for group in scenario.universe.groups]
    return [group for group in groups if group]


def _swap(dealt: list[list[list[str]]], load: Mapping[str, float]) -> bool:
    """Exchange two groups of two workers, or give one away, where that makes the workers most alike (least sum of squares)."""
    total = [sum(load[group[0]] for group in part) for part in dealt]
    best, exchange = 1e-9 * max(total) ** 2, None
    ends = (total.index(max(total)), total.index(min(total)))
    for a, b in permutations(range(len(dealt)), 2):
        apart = total[a] - total[b]
        if apart <= 0.0 or (a != ends[0] and b != ends[1]):
            continue
        light = [(j, load[group[0]]) for j, group in enumerate(dealt[b])]
        for i, heavy in enumerate(dealt[a]):
            for j, given in [*light, (-1, 0.0)][: None if len(dealt[a]) > 1 else len(light)]:
                moved = load[heavy[0]] - given
                gain = moved * (apart - moved)
                if gain > best:
                    best, exchange = gain, (a, b, i, j)
    if exchange is None:
        return False
    a, b, i, j = exchange
    if j < 0:
        dealt[b].append(dealt[a].pop(i))
    else:
        dealt[a][i], dealt[b][j] = dealt[b][j], dealt[a][i]
    return True


def expected_rows(scenario: Scenario) -> dict[str, float]:
    """Book rows a second of each symbol in the session, as ``simulator/flow/rates.py`` deals them: a part alike, the rest by volume and by
    how many ticks the price moves."""
    from simulator.flow.looks import tick_moves
    from simulator.flow.profile import load_profile
    from simulator.flow.rates import answering_of, quoting_of

    symbols, rates = scenario.universe.symbols, scenario.rates
    if not scenario.background:
        return {symbol.name: 1.0 for symbol in symbols}
    profile = load_profile(scenario.profile, scenario.populations)
    alike = min(profile.rows_a_venue * len(scenario.universe.venues), rates.market_data_min_eps // len(symbols))
    aim = rates.market_data_min_eps + AIM * (rates.market_data_max_eps - rates.market_data_min_eps)
    rest = max(aim - alike * len(symbols), 0.0)
    quoting = quoting_of(tick_moves(scenario, profile), profile)
    weights = np.array([s.daily_volume for s in symbols], np.float64) ** profile.volume_exponent * quoting
    answers = answering_of(quoting, profile)
    rows = alike + rest * ((1.0 - EVEN) * weights / weights.sum() + EVEN * answers / answers.sum())
    return dict(zip((s.name for s in symbols), rows.tolist(), strict=True))


def _groups(names: Sequence[str], agents: Sequence[AgentSpec], start: list[list[str]] | None = None) -> list[list[str]]:
    """Symbols that must share a worker. ``start``: those that are to, whatever the agents have."""
    groups = [[name] for name in names] if start is None else start
    for agent in agents:
        shared = set(agent.symbols or names)
        touched = [group for group in groups if shared.intersection(group)]
        groups = [group for group in groups if group not in touched]
        if touched:
            groups.append([name for group in touched for name in group])
    return groups

"""What a market has come to so far: its totals, and its agents' accounts."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.analysis.agent_result import AgentResult, agent_result
from simulator.clock import Clock
from simulator.errors import InputError, explain
from simulator.exchange.order_books import Exchange
from simulator.exchange.venue import Venue
from simulator.gateway.ledger import Ledger
from simulator.gateway.own_orders import OwnOrders
from simulator.inputs.config import Scenario
from simulator.inputs.strict_yaml import nearest
from simulator.records import PRICE_UNITS_PER_USD
from simulator.run_result import Result, VenueTotals
from simulator.tape.digest import Digest
from simulator.tape.sink import RunInfo


class MarketOutcome:
    """Of a ``Market``: by what its books and venues know now."""

    scenario: Scenario
    rows: dict[str, int]
    run_info: RunInfo
    _symbols: list[int]
    _clock: Clock
    _exchange: Exchange
    _venues: list[Venue]
    _own_orders: Sequence[OwnOrders]
    _digest: Digest

    def ledger(self, agent: str) -> Ledger:
        """What the venues know of an agent's trades so far. Raises ``InputError``."""
        for own in self._own_orders:
            if own.spec.name == agent:
                return own.ledger
        names = [own.spec.name for own in self._own_orders]
        raise InputError(explain("agent", agent, f"the market has {', '.join(names) or 'none'}", nearest(agent, names)))

    def result(self) -> Result:
        """What the run has come to so far."""
        universe = self.scenario.universe
        totals = []
        for b, (rows, prints, shares, crossed) in enumerate(self._exchange.written().tolist()):
            k, v = divmod(b, len(universe.venues))
            symbol, venue = universe.symbols[self._symbols[k]].name, universe.venues[v].name
            totals.append(VenueTotals(symbol=symbol, venue=venue, book_rows=rows, prints=prints, shares=shares, shares_crossed=crossed))
        crosses = sorted((c for venue in self._venues for c in venue.crosses), key=lambda c: (c.ts_ns, c.symbol))
        return Result(rows=dict(self.rows), digest_parts=self._digest.parts(), totals=totals, crosses=crosses, agents=self.agents())

    def agents(self) -> dict[str, AgentResult]:
        """What each agent has come to so far, by name: by the venues' fills, whether or not they have reached the agent."""
        universe = self.scenario.universe
        simulated = [universe.symbols[i] for i in self._symbols]
        names, venues = [s.name for s in simulated], [v.name for v in universe.venues]
        marks_usd = [self.mark_usd(name) for name in names] if self._own_orders else []
        units, universe_names = [s.tick_units for s in simulated], self.run_info.symbols
        return {
            own.spec.name: agent_result(own.spec.name, own.ledger, self.scenario.fees, names, venues, units, marks_usd, universe_names)
            for own in self._own_orders
        }

    def mark_usd(self, symbol: str) -> float:
        """The midpoint of the best quotes over the venues, now; for want of one side, the last print's price; else the reference close."""
        k = self._symbols.index(self.scenario.universe.symbol_index(symbol))
        venues = self._exchange.venues
        quotes = [self._exchange.best_now(k * venues + v) for v in range(venues)]
        bid, asks = max(bid for bid, _ in quotes), [ask for _, ask in quotes if ask]
        units = self.scenario.universe.symbols[self._symbols[k]].tick_units / PRICE_UNITS_PER_USD
        if bid and asks:
            return (bid + min(asks)) * units / 2
        prints = [row for v in range(venues) if (row := self._exchange.trade_at(k * venues + v, self._clock.now)) is not None]
        return max(prints)[1] * units if prints else self.scenario.prices[symbol].close

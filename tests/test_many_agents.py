"""The musts with several agents at once: on several symbols, at one nanosecond, with different latencies, in one process and in several."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import LOW, assert_same_tapes, run, scenario
from in_process import command
from test_runs import rows_of

from simulator.inputs import config
from simulator.inputs.config import AgentSpec, agent_number, agent_numbers
from simulator.market import Market
from simulator.records import BACKGROUND_OWNERS, Batch, MarketDataBatch, OrderType, Side, TruthBatch, columns

MS = 1_000_000
WINDOW = {"start": "2025-07-01T13:29:59Z", "end": "2025-07-01T13:30:03Z", "rates": LOW, "extra_tables": ("orders", "truth")}
LATENCIES: dict[str, dict[str, int]] = {
    "a": {"*": 1}, "b": {"*": MS}, "c": {"*": MS}, "d": {"NASDAQ": 7, "NYSE": MS, "*": 2 * MS}, "e": {"*": 3 * MS}, "f": {"*": MS // 2},
}  # fmt: skip


def trader(market: Any, orders: Any, rng: np.random.Generator, symbols: tuple[str, ...]) -> Any:
    """Wakes every millisecond, as all of them do; trades in its symbols by its own generator."""
    refs: list[int] = []
    while True:
        yield market.wait(MS)
        if rng.random() < 0.7:
            continue
        symbol, venue = str(rng.choice(symbols)), str(rng.choice(market.venues))
        bid, ask = market.nbbo(symbol)
        side = Side(int(rng.integers(2)))
        if bid and ask:
            joins = rng.random() < 0.6
            price = (bid if side == Side.BUY else ask) if joins else (ask if side == Side.BUY else bid)
            kind = OrderType.LIMIT if joins else OrderType.IOC
            refs.append(orders.add(side, symbol, None if rng.random() < 0.3 else venue, price, 100 * int(rng.integers(1, 4)), type=kind))
        if len(refs) > 5:
            orders.cancel(refs.pop(0))
        market.read()


def watcher(market: Any, orders: Any, rng: Any, symbol: str) -> Any:
    while True:
        yield market.any_of(market.quote(symbol), market.trade(symbol), market.phase_change("NYSE"), limit_ns=MS)
        market.nbbo(symbol)


def specs(*groups: tuple[str, tuple[str, ...]]) -> list[AgentSpec]:
    return [
        AgentSpec(name=name, make=trader, arguments={"symbols": symbols}, symbols=symbols, latency_ns=LATENCIES[name])
        for name, symbols in groups
    ]


EVERYWHERE = (("a", ("AAPL", "JPM")), ("b", ("AAPL", "NVDA")), ("c", ("NVDA", "AAPL")), ("d", ("JPM",)), ("e", ("XOM", "AAPL")))
APART = (("a", ("AAPL",)), ("b", ("AAPL", "NVDA")), ("c", ("NVDA",)), ("d", ("JPM",)), ("e", ("XOM",)), ("f", ("XOM",)))


@pytest.fixture(scope="module")
def alone() -> dict[str, Batch]:
    """The rows of five traders without anything else."""
    tape = run(scenario(**WINDOW, agents=tuple(specs(*EVERYWHERE)))).tape()
    truth = tape["truth"]
    assert isinstance(truth, TruthBatch)
    for name, _ in EVERYWHERE:
        assert ((truth.taker == agent_number(name)) | (truth.maker == agent_number(name))).sum() > 20
    return tape


def test_the_order_of_the_scenario_moves_no_row(alone: dict[str, Batch]) -> None:
    assert_same_tapes(alone, run(scenario(**WINDOW, agents=tuple(specs(*EVERYWHERE[::-1])))).tape())


def test_watchers_move_no_row(alone: dict[str, Batch]) -> None:
    watchers = [
        AgentSpec(name=name, make=watcher, arguments={"symbol": symbol}, latency_ns={"*": latency})
        for name, symbol, latency in (("A first", "AAPL", 1), ("bb", "NVDA", MS), ("z last", "XOM", 3 * MS))
    ]
    assert_same_tapes(alone, run(scenario(**WINDOW, agents=(*watchers, *specs(*EVERYWHERE)))).tape())


def test_neither_slices_nor_steps_move_a_row(alone: dict[str, Batch]) -> None:
    assert_same_tapes(alone, run(scenario(**WINDOW, agents=tuple(specs(*EVERYWHERE)), slice_ns=333_333)).tape())
    chosen = scenario(**WINDOW, agents=tuple(specs(*EVERYWHERE)))
    market = Market(chosen)
    for ts_ns in range(chosen.start_ns + 777_777, chosen.end_ns, 7_777_777):
        market.run_until(ts_ns)
    market.run_until(chosen.end_ns)
    assert_same_tapes(alone, market.tape())


def test_another_name_moves_rows() -> None:
    """Ties are broken by name, and each name has its own generator: the comparisons above do compare something."""
    one = run(scenario(**WINDOW, agents=tuple(specs(("a", ("AAPL",)))))).tape()
    renamed = AgentSpec(name="aa", make=trader, arguments={"symbols": ("AAPL",)}, symbols=("AAPL",), latency_ns=LATENCIES["a"])
    with pytest.raises(AssertionError):
        assert_same_tapes(one, run(scenario(**WINDOW, agents=(renamed,))).tape())


def of_symbols(tape: dict[str, Batch], wanted: list[int]) -> dict[str, dict[str, Any]]:
    found = {}
    for table, batch in tape.items():
        mine = np.isin(batch.symbol, wanted)
        found[table] = {name: column[mine] for name, column in columns(batch)}
    return found


def test_workers_that_share_the_symbols_give_the_rows_of_one() -> None:
    chosen = scenario(**WINDOW, agents=tuple(specs(*APART)))
    whole = run(chosen).tape()
    universe = chosen.universe
    for part in (("AAPL", "NVDA"), ("JPM",), ("XOM",), ("JPM", "XOM")):
        indices = [universe.symbol_index(name) for name in part]
        mine = run(chosen, worker_symbols=part).tape()
        assert isinstance(mine["market_data"], MarketDataBatch)
        expected = of_symbols(whole, indices)
        for table, batch in mine.items():
            for name, column in columns(batch):
                np.testing.assert_array_equal(column, expected[table][name], err_msg=f"{part} {table}.{name}")


SCENARIO = """
symbols: [AAPL, NVDA, JPM, XOM]
start_ts: 2025-07-01T13:29:59Z
end_ts: 2025-07-01T13:30:03Z
rates: {market_data_min_eps: 20, market_data_max_eps: 90, trades_min_eps: 4, trades_max_eps: 20}
extra_tables: [orders, truth]
agents:
"""


def test_processes_move_no_row_of_agents_either(tmp_path: Path) -> None:
    """Symbols that share an agent share a worker, so there are three at most here."""
    text = SCENARIO
    for name, symbols in APART:
        latency = json.dumps(LATENCIES[name])
        names = ", ".join(symbols)
        text += f"  - {{name: {name}, use: 'many_traders:trader', with: {{symbols: [{names}]}}, symbols: [{names}], latency_ns: {latency}}}\n"
    path = tmp_path / "many.yaml"
    path.write_text(text)
    (tmp_path / "many_traders.py").write_text(TRADER)
    rows, digests, accounts = [], set(), set()
    for n in (1, 2, 3):
        out = tmp_path / str(n)
        done = command("--scenario", str(path), "--processes", str(n), "--out", str(out))
        assert done.returncode == 0, done.stderr[-2000:]
        manifest = json.loads((out / "manifest.json").read_text())
        assert manifest["processes"] == n
        digests.add(manifest["digest"])
        rows.append(rows_of(out))
        accounts.add("".join(line for line in done.stdout.splitlines() if line.startswith("│")))
    assert len(digests) == 1
    assert rows[0] == rows[1] == rows[2]
    assert len(accounts) == 1


TRADER = Path(__file__).read_text().split("def watcher(")[0].replace("from test_runs import rows_of\n", "").replace("from in_process import command\n", "").replace(
    "from helpers import LOW, assert_same_tapes, run, scenario\n", "LOW = None\n"
)  # fmt: skip


def test_agents_numbers_never_collide_and_another_agent_changes_none() -> None:
    """The fault: taker-44 and taker-172 had one number, and 200 copies were always refused."""
    names = [f"taker-{n}" for n in range(1, 1_001)] + [f"{kind}-{n}" for kind in ("maker", "noise", "fund") for n in range(1, 1_001)]
    numbers = agent_numbers(names)
    assert len(set(numbers.values())) == len(names)
    assert BACKGROUND_OWNERS <= min(numbers.values()) <= max(numbers.values()) < 2**23
    assert sum(numbers[name] == agent_number(name) for name in names) >= len(names) - 10
    assert agent_numbers(names[:500]) == {name: numbers[name] for name in names[:500]}


def test_two_names_that_hash_to_one_number_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "AGENT_NUMBERS", 7)
    five = [f"agent {n}" for n in range(5)]
    agents = tuple(AgentSpec(name=name, make=trader, arguments={"symbols": ("AAPL",)}, symbols=("AAPL",)) for name in five)
    chosen = scenario(**WINDOW, names=("AAPL",), agents=agents)
    assert len(set(chosen.agent_numbers.values())) == 5
    assert chosen.agent_numbers != {name: agent_number(name) for name in five}
    market = run(chosen)
    rows = market.arrow("truth")
    traded = {name: sum(position.fills for position in result.positions) for name, result in market.agents().items()}
    told = Counter(rows["taker"].to_pylist()) + Counter(rows["maker"].to_pylist())
    assert {name: told[name] for name in five} == traded
    assert min(traded.values()) > 0


def test_twenty_agents_with_a_thousand_live_orders_each_lose_no_message() -> None:
    """Every order is acknowledged, and cancelled when asked; ``tests/bench/run.py`` has what it costs."""
    told: dict[str, list[int]] = {}

    def holder(market: Any, orders: Any, rng: Any, name: str) -> Any:
        refs = [orders.buy("AAPL", "NASDAQ", 20_000 - n % 200, 100) for n in range(1_000)]
        yield market.wait(100 * MS)
        accepted = [m.ref for m in market.read()]
        alive = len(market.own_orders())
        for ref in refs:
            orders.cancel(ref)
        yield market.wait(100 * MS)
        cancelled = [m.ref for m in market.read()]
        told[name] = [accepted == refs, alive, cancelled == refs, len(market.own_orders())]

    agents = [AgentSpec(name=f"holder {n}", make=holder, arguments={"name": f"holder {n}"}, latency_ns={"*": 1_000 + n}) for n in range(20)]
    chosen = scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:01Z", names=("AAPL",), agents=tuple(agents), max_orders=32_768)
    market = run(chosen)
    assert told == {spec.name: [True, 1_000, True, 0] for spec in agents}
    assert all(result.commands == 2_000 and result.refused == 0 for result in market.agents().values())

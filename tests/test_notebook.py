"""As in a notebook: progress when asked, several processes, a reset, arguments that are named, and representations that fit a screen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import LOW, assert_same_tapes, scenario

from simulator import (
    AgentSpec,
    InputError,
    Market,
    NullSink,
    OrderType,
    agent_report,
    load_scenario,
    load_universe,
    simulate,
    with_and_without,
)
from simulator.records import columns
from writers.memory import MemorySink
from writers.parquet import ParquetSink

MS = 1_000_000
NOTEBOOKS = sorted((Path(__file__).parent.parent / "examples" / "notebooks").glob("*.py"))
WINDOW: dict[str, Any] = {"start": "2025-07-01T13:29:59Z", "end": "2025-07-01T13:30:03Z", "rates": LOW}


def buyer(market: Any, orders: Any, rng: Any, symbol: str) -> Any:
    for _ in range(3):
        yield market.wait(1_200 * MS)
        orders.buy(symbol, None, 0, 200, type=OrderType.MARKET)


def chosen(**settings: Any) -> Any:
    agents = tuple(AgentSpec(name=f"buys {s}", make=buyer, arguments={"symbol": s}, symbols=(s,)) for s in ("AAPL", "XOM"))
    return scenario(**WINDOW, agents=agents, **settings)


def test_several_processes_give_the_rows_and_results_of_one(tmp_path: Path) -> None:
    one, two = MemorySink(), MemorySink()
    alone = simulate(chosen(extra_tables=("orders",)), one)
    dealt = simulate(chosen(extra_tables=("orders",)), two, processes=2)
    for table in ("market_data", "trades", "orders"):
        first, second = (sink.numpy(table) for sink in (one, two))
        order = np.lexsort((first.symbol, first.ts_ns))
        for name, column in columns(first):
            np.testing.assert_array_equal(column[order], getattr(second, name), err_msg=f"{table}.{name}")
    assert (alone.rows, alone.digest_parts) == (dealt.rows, dealt.digest_parts)
    assert alone.totals == dealt.totals
    assert sorted(alone.crosses, key=lambda c: (c.ts_ns, c.symbol)) == dealt.crosses
    assert {name: agent.positions for name, agent in alone.agents.items()} == {name: agent.positions for name, agent in dealt.agents.items()}
    files = simulate(chosen(), ParquetSink(tmp_path), processes=2)
    import duckdb

    assert duckdb.sql(f"SELECT count(*) FROM read_parquet('{tmp_path}/equities_trades/**/*.parquet')").fetchall() == [(files.rows["trades"],)]
    with pytest.raises(InputError, match="it cannot be copied"):
        simulate(chosen(), Unpicklable(), processes=2)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="processes: got 0"):
        simulate(chosen(), processes=0)
    assert simulate(chosen()).rows["trades"] == alone.rows["trades"]


class Unpicklable(NullSink):
    def __init__(self) -> None:
        super().__init__()
        self.made = lambda: None


def test_a_bar_moves_no_row(capsys: pytest.CaptureFixture[str]) -> None:
    plain, shown = Market(chosen()), Market(chosen())
    plain.run_until(plain.scenario.end_ns)
    shown.run_until(shown.scenario.end_ns, progress=True)
    assert_same_tapes(plain.tape(), shown.tape())
    assert "simulated" in capsys.readouterr().err
    assert simulate(chosen(), progress=True).digest_parts == plain.result().digest_parts
    assert "simulated" in capsys.readouterr().err
    simulate(chosen())
    assert capsys.readouterr().err == ""


def test_a_reset_market_is_a_new_one() -> None:
    market = Market(chosen())
    market.run_until(market.scenario.end_ns)
    first = market.tape()
    market.reset()
    assert market.now_ns == market.scenario.start_ns
    assert market.tape() == {}
    market.run_until(market.scenario.end_ns)
    assert_same_tapes(first, market.tape())
    market.reset(seed=7)
    market.run_until(market.scenario.end_ns)
    other = Market(replace(chosen(), seed=7))
    other.run_until(other.scenario.end_ns)
    assert_same_tapes(other.tape(), market.tape())
    with pytest.raises(InputError, match=r"reset: argument: got 'sead'.*Did you mean seed"):
        market.reset(sead=3)
    with pytest.raises(InputError, match="Make a new Market with a new sink"):
        Market(chosen(), NullSink()).reset()


def test_arguments_that_are_wrong_are_named() -> None:
    for message, call in (
        ("scenario: got 'momentum'", lambda: Market("momentum")),  # type: ignore[arg-type]
        (r"sink: got 'out'; must have methods open\(run\)", lambda: Market(chosen(), "out")),  # type: ignore[arg-type]
        ("APPL", lambda: Market(chosen(), worker_symbols=["APPL"])),
    ):
        with pytest.raises(InputError, match=message):
            call()
    assert load_scenario("momentum").agents[0].name == "momentum"


def test_what_a_person_meets_fits_a_screen() -> None:
    market = Market(chosen())
    market.run_until(market.scenario.end_ns)
    impact = with_and_without(chosen(), "buys AAPL", seeds=[1])
    seen = [
        market, market.scenario, load_universe(), market.run_info, market.result(), market.agents()["buys AAPL"], market.book("AAPL", "NASDAQ"),
        agent_report(market, "buys AAPL"), impact, impact.each[0], load_scenario("full_day"), Market(load_scenario("full_day")),
    ]  # fmt: skip
    for value in seen:
        assert len(repr(value)) < 400, repr(value)
        assert "\n" not in repr(value)
        html = value._repr_html_() if hasattr(value, "_repr_html_") else ""
        assert html.count("<tr") <= 40
        assert len(html) < 20_000
    assert "NASDAQ" in market._repr_html_()
    assert "and 20 more" in seen[-1]._repr_html_()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_its_first_cell_to_its_last(notebook: Path) -> None:
    """Cell by cell, as a notebook does; what the last line of each shows is not empty."""
    assert len(NOTEBOOKS) == 5
    cells = [cell for cell in notebook.read_text().split("# %%\n")[1:] if cell.strip()]
    assert len(cells) >= 2
    names: dict[str, Any] = {"__name__": "notebook"}
    for cell in cells:
        code = cell.split("# %% [markdown]")[0].rstrip()
        exec(compile(code, str(notebook), "exec"), names)
        last = code.splitlines()[-1]
        if last.replace("_", "a").replace(".", "a").isalnum():
            assert repr(eval(last, names))

"""Each mechanism of the background switched off loses its effect, and the others stay: ``python -m tests.ablations`` writes what is seen
into docs/realism.md; tests/test_ablations.py asks it of a smaller market.

A market of six symbols in its last minutes, with its closing crosses; every number straight from the rows. Most mechanisms are switched by
a parameter of the profile, the others by a constant that nothing compiled holds.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

from simulator.analysis.scorecard.estimators import sign_memory
from simulator.flow.background import BackgroundFlow
from simulator.flow.fundamental import SECONDS_A_SESSION, own_returns
from simulator.flow.state import VOLATILITY
from simulator.inputs.config import Rates, Scenario
from simulator.inputs.sessions import format_ts, parse_ts
from simulator.market import Market
from simulator.records import NS_PER_MINUTE, NS_PER_S
from tests.helpers import scenario

NAMES = ("AAPL", "MSFT", "NVDA", "JPM", "XOM", "UNH")
CLOSE_NS = parse_ts("2025-07-01T20:00:00Z")
RATES = Rates(market_data_min_eps=60, market_data_max_eps=240, trades_min_eps=12, trades_max_eps=60)
PAGE = Path(__file__).parent.parent / "docs" / "realism.md"
BEGINS, ENDS = "<!-- ablations: python -m tests.ablations -->", "<!-- end of ablations -->"


def small(minutes: int, seed: int = 11) -> Scenario:
    start = format_ts(CLOSE_NS - minutes * NS_PER_MINUTE)
    return scenario(
        start, format_ts(CLOSE_NS + 10 * NS_PER_S), names=NAMES, profile="market", rates=RATES, seed=seed, extra_tables=("truth", "sip")
    )  # fmt: skip


def measured(chosen: Scenario) -> dict[str, float]:
    """What each mechanism should bring about."""
    market = Market(chosen)
    market.run_until(chosen.end_ns)
    trades, truth, nbbo, sip, quotes = (market.pandas(table) for table in ("trades", "truth", "nbbo", "sip", "quotes"))
    for rows in (trades, truth, nbbo, sip, quotes):
        rows["ns"] = rows.timestamp_ns.astype("int64")
    plain = trades[trades.cond == "T"]
    seconds = (CLOSE_NS - chosen.start_ns) // NS_PER_S
    memory, ratio, silent, locked, moves, late, through = [], [], [], 0.0, [], [], []
    for name in NAMES:
        mine = plain[(plain.symbol == name) & (plain.ns < CLOSE_NS)]
        signs = np.where(mine.side == "B", 1.0, -1.0)[np.append(True, np.diff(mine.ns) > 1_000)]
        memory.append(sign_memory(signs, 8)[1:].mean())
        counts = np.bincount((mine.ns - chosen.start_ns) // NS_PER_S, minlength=seconds)[:seconds]
        ratio.append(counts.var() / max(counts.mean(), 1e-9))
        silent.append((counts == 0).mean())
        best = nbbo[(nbbo.symbol == name) & (nbbo.ns < CLOSE_NS)]
        stood = np.diff(np.append(best.ns, CLOSE_NS)) / NS_PER_S
        locked += stood[(best.bid >= best.ask) & (best.bid > 0)].sum()
        grid = np.searchsorted(best.ns, chosen.start_ns + np.arange(5, seconds, 5) * NS_PER_S)
        moves.append(np.diff(np.log(best.mid.to_numpy()[np.minimum(grid, len(best) - 1)])))
        rows = quotes[quotes.symbol == name].ns.to_numpy()
        told = sip[sip.symbol == name].ns.to_numpy()
        late.append(np.median(told - rows[np.maximum(np.searchsorted(rows, told, side="right") - 1, 0)]))
        through.append(traded_through(mine, best))
    crossed = trades[trades.cond == "C"]["size"].sum()
    off = truth[truth.taker != 0]
    pairs = np.corrcoef(moves)[np.triu_indices(len(NAMES), 1)]
    sizes = np.concatenate([sip.bid_size, sip.ask_size])
    return {
        "memory of signs": float(np.nanmean(memory)),
        "correlation": float(np.nanmean(pairs)),
        "variance : mean": float(np.mean(ratio)),
        "silent seconds": float(np.mean(silent)),
        "locked, s": float(locked / len(NAMES)),
        "hidden volume": float(off.hidden_size.sum() / off["size"].sum()),
        "closing volume": float(crossed / plain["size"].sum()),
        "trade-throughs, inverse": 1.0 / max(float(np.mean(through)), 0.002),
        "SIP's delay, us": float(np.median(late) / 1_000),
        "SIP's whole lots": float((sizes % 100 == 0).mean()),
        **paths(chosen),
    }


def traded_through(prints: pd.DataFrame, best: pd.DataFrame) -> float:
    """Of prints, those at a worse price than the best quote that stood just before."""
    place = np.searchsorted(best.ns, prints.ns) - 1
    prints, quote = prints[place >= 0], best.iloc[place[place >= 0]]
    stood = (quote.bid.to_numpy() < quote.ask.to_numpy()) & (quote.bid.to_numpy() > 0)
    price, buys = prints.price.to_numpy(), (prints.side == "B").to_numpy()
    return float((stood & np.where(buys, price > quote.ask.to_numpy() + 1e-9, price < quote.bid.to_numpy() - 1e-9)).mean())


def paths(chosen: Scenario) -> dict[str, float]:
    """Of what the symbols' paths are made of, before any order: the hour's volatility, and the day's own moves."""
    market = Market(replace(chosen, end_ns=chosen.start_ns + 1_000))
    market.run_until(market.scenario.end_ns)
    flow = market._flow
    assert isinstance(flow, BackgroundFlow)
    level = np.log(flow._state.path[:, :, VOLATILITY])
    symbols, day = chosen.universe.symbols, market._days[0].date
    second = flow._skeleton.volatility / np.sqrt(SECONDS_A_SESSION)  # of the day's volatility
    calm = np.ones((3_600, len(symbols)))
    own = np.concatenate([own_returns(chosen.seed, day, hour, calm, symbols, flow._profile) for hour in range(5, 12)])
    for mine, news, sd in zip(own.T, flow._jumps, second, strict=True):
        mine[: len(news.log_return)] += news.log_return / sd
    return {
        "spread of volatility": float(level.std(axis=1).mean()),
        "largest own move, sd": float((abs(own).max(axis=0) / own.std(axis=0)).mean()),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """One mechanism off."""

    loses: str
    """What it brings about, of ``measured``."""
    keeps: float
    """Of that, a larger part never stays."""
    how: str
    populations: Mapping[str, Any] = field(default_factory=dict)
    patches: Mapping[str, Any] = field(default_factory=dict)
    """By place: module:name."""
    universe: Callable[[Scenario], Scenario] = lambda chosen: chosen
    along: tuple[str, ...] = ()
    """What goes with it, for it is made of it."""


def _sip_at_once(chosen: Scenario) -> Scenario:
    venues = tuple(replace(venue, sip_delay_ns=0) for venue in chosen.universe.venues)
    return replace(chosen, universe=replace(chosen.universe, venues=venues))


ABLATIONS = {
    "parent orders": Ablation(
        loses="memory of signs", keeps=0.35, how="`LENGTH_MAX = 1` (`impact.py`): each is of one trade", patches={"simulator.flow.impact:LENGTH_MAX": 1},
    ),
    "common factor": Ablation(
        loses="correlation", keeps=0.35, how="`variance_market: 0`, `variance_sector: 0`", populations={"variance_market": 0.0, "variance_sector": 0.0},
    ),
    "busy and silent symbols": Ablation(
        loses="variance : mean", keeps=0.75, how="`share_sd: 0`, `total_sd: 0`", populations={"share_sd": 0.0, "total_sd": 0.0}, along=("silent seconds",),
    ),
    "latency between venues": Ablation(
        loses="locked, s", keeps=0.02, how="`reaction_ns` of a nanosecond", populations={"reaction_ns": {"listing": 1, "other": 1, "IEX": 1}},
    ),
    "hidden orders": Ablation(loses="hidden volume", keeps=0.5, how="`hidden_rate: 0`", populations={"hidden_rate": 0.0}),
    "interest for the crosses": Ablation(
        loses="closing volume", keeps=0.05, how="`open_share: 0`, `close_share: 0`", populations={"open_share": 0.0, "close_share": 0.0},
    ),
    "volatility's clusters": Ablation(
        loses="spread of volatility", keeps=0.75, how="`SLOW_SD = FAST_SD = 0` (`fundamental.py`), `ACTIVITY_EXPONENT = 0`; the day's shape stays",
        patches={
            "simulator.flow.fundamental:SLOW_SD": 0.0, "simulator.flow.fundamental:FAST_SD": 0.0, "simulator.flow.background:ACTIVITY_EXPONENT": 0.0,
        },
    ),
    "jumps": Ablation(
        loses="largest own move, sd", keeps=0.9, how="`JUMP_MINUTES = 0` (`fundamental.py`)", patches={"simulator.flow.fundamental:JUMP_MINUTES": 0.0},
    ),
    "order protection": Ablation(
        loses="trade-throughs, inverse", keeps=0.2, how="`order_protection: false`", populations={"order_protection": False},
    ),
    "the SIP's delay": Ablation(loses="SIP's delay, us", keeps=0.2, how="`sip_delay_ns: 0` of each venue", universe=_sip_at_once),
    "the SIP's round lots": Ablation(
        loses="SIP's whole lots", keeps=0.9, how="round lots of one share", patches={"simulator.market:round_lot": lambda date, close: 1},
    ),
}  # fmt: skip


@contextlib.contextmanager
def patched(patches: Mapping[str, Any]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for place, value in patches.items():
            stack.enter_context(mock.patch(place.replace(":", "."), value))
        yield


def without(name: str, chosen: Scenario) -> dict[str, float]:
    """``measured`` of the market without a mechanism."""
    ablation = ABLATIONS[name]
    with patched(ablation.patches):
        return measured(ablation.universe(replace(chosen, populations=ablation.populations)))


def table(minutes: int) -> str:
    """All of them beside the whole market."""
    chosen = small(minutes)
    whole = measured(chosen)
    found = {name: without(name, chosen) for name in ABLATIONS}
    lines = ["| without | switched by | " + " | ".join(whole) + " |", "|---|---|" + "---|" * len(whole)]
    lines.append("| nothing | | " + " | ".join(f"{value:.3g}" for value in whole.values()) + " |")
    for name, values in found.items():
        shown = [f"**{value:.3g}**" if key == ABLATIONS[name].loses else f"{value:.3g}" for key, value in values.items()]
        lines.append(f"| {name} | {ABLATIONS[name].how} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    page = PAGE.read_text()
    first, last = page.index(BEGINS) + len(BEGINS), page.index(ENDS)
    PAGE.write_text(page[:first] + "\n\n" + table(int(sys.argv[1]) if sys.argv[1:] else 8) + "\n\n" + page[last:])

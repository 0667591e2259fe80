"""Run one world in all its ways and say what came of it."""

from __future__ import annotations

import signal
import time
import traceback
from dataclasses import dataclass, replace
from typing import Literal

from simulator.errors import InputError, LimitError
from simulator.inputs.config import Scenario
from simulator.market import Market
from simulator.records import Batch
from simulator.tape.sink import NullSink
from tests.worlds.draw import World, draw
from tests.worlds.questions import Wrong, ask_integrity, ask_parts, ask_replay, dealt

Kind = Literal["right", "refused", "limit", "wrong"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``refused``: by an ``InputError`` before it began. ``limit``: ended by a ``LimitError``, which says which limit to raise."""

    seed: int
    kind: Kind
    rows: int = 0
    replayed: int = 0
    wall_s: float = 0.0
    said: str = ""

    def __str__(self) -> str:
        end = f": {self.said}" if self.said else ""
        return f"world {self.seed}: {self.kind}, {self.rows:,} rows in {self.wall_s:.2f} s{end}  (python -m tests.worlds --seed {self.seed})"


class InterruptedSink(NullSink):
    """Ctrl-C is pressed while a batch is written, once."""

    def __init__(self, at: int) -> None:
        self.left = at

    def write(self, batch: Batch) -> None:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)


def run_world(seed: int) -> Outcome:
    """Never raises but for Ctrl-C from outside."""
    started_s = time.monotonic()
    outcome = _run(draw(seed))
    return replace(outcome, wall_s=time.monotonic() - started_s)


def _run(world: World) -> Outcome:
    try:
        scenario = world.scenario()
        market = Market(scenario)
    except InputError as error:
        return Outcome(seed=world.seed, kind="refused", said=str(error))
    except Exception:
        return Outcome(seed=world.seed, kind="wrong", said=traceback.format_exc())
    try:
        market.run_until(scenario.end_ns)
        replayed = 0
        expected = market.result().digest_parts
        ask_integrity(world, scenario, market)
        replayed = ask_replay(world, scenario, market.tape())
        _run_otherwise(world, scenario, expected)
    except LimitError as error:
        kind: Kind = "limit" if world.is_narrow else "wrong"
        return Outcome(seed=world.seed, kind=kind, rows=sum(market.rows.values()), said=str(error))
    except Wrong as error:
        return Outcome(seed=world.seed, kind="wrong", rows=sum(market.rows.values()), said=str(error))
    except Exception:
        return Outcome(seed=world.seed, kind="wrong", rows=sum(market.rows.values()), said=traceback.format_exc())
    return Outcome(seed=world.seed, kind="right", rows=sum(market.rows.values()), replayed=replayed)


def _run_otherwise(world: World, scenario: Scenario, expected: dict[tuple[str, str, str], str]) -> None:
    """In slices and pieces, interrupted by Ctrl-C, by several workers: the same rows."""
    in_pieces = Market(replace(scenario, slice_ns=world.slice_ns), InterruptedSink(world.interrupt_at))
    lasts_ns = scenario.end_ns - scenario.start_ns
    for stop_ns in (*(scenario.start_ns + int(part * lasts_ns) for part in world.stops), scenario.end_ns):
        try:
            in_pieces.run_until(stop_ns)
        except KeyboardInterrupt:
            in_pieces.run_until(stop_ns)
    ask_parts("in slices and pieces, interrupted", in_pieces.result().digest_parts, expected)
    parts: dict[tuple[str, str, str], str] = {}
    shares = dealt(world, scenario)
    for n, symbols in enumerate(shares):
        market = Market(scenario, NullSink(), worker_symbols=symbols, worker=n, workers=len(shares))
        market.run_until(scenario.end_ns)
        parts |= market.result().digest_parts
    ask_parts(f"by {len(shares)} workers", parts, expected)

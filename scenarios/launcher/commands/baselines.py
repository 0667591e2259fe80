"""``baselines``: what simple policies earn in the environments, with confidence intervals."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from rich.console import Console

from scenarios.launcher.lasting_streams import check_printed
from scenarios.launcher.stop_signals import StopSignals
from scenarios.launcher.tables import print_table, say, summary_console
from simulator.analysis.estimates import Estimate
from simulator.analysis.variation import parse_seeds
from simulator.errors import InputError

PROGRAM = "python -m scenarios baselines"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}. {PROGRAM} --help lists what there is.")


def start(words: Sequence[str], console: Console, _signals: StopSignals) -> int:
    """The words after ``baselines``. Raises ``MarketSimError``."""
    given = _parser().parse_args(list(words))
    seeds = parse_seeds(given.seeds)
    from simulator.environments import AvellanedaStoikov, Idle, Random, Twap, evaluate
    from simulator.environments.policies import Policy

    orders: dict[str, Policy] = {"TWAP, taking": Twap(), "TWAP, offering": Twap(haste=0.0), "random": Random()}
    quotes: dict[str, Policy] = {"Avellaneda-Stoikov": AvellanedaStoikov(), "random": Random(), "far away": Idle()}
    trades: dict[str, Policy] = {"flat": Idle(), "random": Random()}
    policies = {
        "equities/Execution-v0": ("bps of the order's value", orders),
        "equities/MarketMaking-v0": ("USD", quotes),
        "equities/Trading-v0": ("USD", trades),
    }
    out = summary_console()
    for env, (unit, chosen) in policies.items():
        found = {
            name: evaluate(env, policy, seeds, processes=given.processes, progress=console.is_terminal, steps=given.steps)
            for name, policy in chosen.items()
        }
        first = next(iter(found))
        say(out, f"{env}: reward of an episode of {given.steps} steps, {unit}; {len(seeds)} episodes, 95 % intervals")
        rows = [
            (name, _text(each.of()), "" if name == first else _text(each.minus(found[first])), _text(each.of("pnl_usd")))
            for name, each in found.items()
        ]
        print_table(out, ("policy", "reward", f"more than {first}", "PnL, USD"), rows)
    check_printed()
    return 0


def _text(found: Estimate) -> str:
    return f"{found.mean:+.2f} ({found.low:+.2f} to {found.high:+.2f})"


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=PROGRAM, description=str(__doc__).partition(":")[2].strip().capitalize(), allow_abbrev=False)
    parser.add_argument("--seeds", default="1001..1040", help="One episode each (default 1001..1040).")
    parser.add_argument("--steps", type=int, default=60, help="Of an episode, a second each (default 60).")
    parser.add_argument("--processes", type=int, default=1, help="Episodes at once (default 1).")
    return parser

"""Golden files for a book in any language: commands, what a book says to each, what it shows after each, and a hash of it all.

    python -m simulator.testing.golden --out DIR --seed 7 --count 10000      writes them
    python -m simulator.testing.golden --check DIR --book module:callable    gives them to a book in Python, by default ours
    python -m simulator.testing.golden --bench DIR --book module:callable    and says how many it does a second, by command

docs/golden_files.md says what each line means. The answers are the twin's, so they owe nothing to the compiled book.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

import numpy as np

from simulator.book.reports import Event
from simulator.errors import InputError, MarketSimError, SinkError, explain
from simulator.inputs.import_path import find
from simulator.records import PRICE_TICKS_MAX, SIZE_MAX, CrossKind, EventKind, OrderType, Reject, Side
from simulator.rng import stream
from simulator.testing.protocol import Book
from simulator.testing.streams import Command, apply
from simulator.testing.twin import TwinBook

FORMAT = 1
COUNT_MAX = 10_000_000
MID_TICKS = 10_000
COMMAND_FIELDS = ("n", "command", "order_id", "side", "price_ticks", "size", "type", "display", "owner", "cross", "trading")
EVENT_FIELDS = ("n", *Event._fields)
LEVEL_FIELDS = ("n", "bids", "asks")
TABLES = {"commands": COMMAND_FIELDS, "events": EVENT_FIELDS, "levels": LEVEL_FIELDS}
OURS = "simulator.book.limit_order_book:LimitOrderBook"
LEVELS_MOST = 1_000
"""No more than orders are alive."""
CROWD = 400
"""Orders alive, beyond which most commands are cancels."""
PRICELESS = (OrderType.MARKET, OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE)
TARGETED = {"cancel": ("order_id",), "reduce": ("order_id", "size"), "replace": ("order_id", "price_ticks", "size")}
MAY_HIDE = (OrderType.LIMIT, OrderType.POST_ONLY)


class GoldenMismatch(MarketSimError):
    """A book answers otherwise than the files."""


def invent(seed: int, count: int) -> Iterator[tuple[Command, list[Event], Book]]:
    """So many commands over all order types, each with the twin's events and the twin as it stands after it."""
    rng = stream(seed, "golden")
    twin = TwinBook()
    mid = MID_TICKS
    for _ in range(count):
        mid += int(rng.integers(-1, 2)) if rng.random() < 0.1 else 0
        alive = sorted(row[0] for row in twin.orders())
        command = _invent_one(rng, twin, mid, alive)
        yield command, apply(twin, command), twin


def _invent_one(rng: np.random.Generator, twin: TwinBook, mid: int, alive: Sequence[int]) -> Command:
    chance = rng.random()
    crowded = len(alive) > CROWD
    if not twin.trading and chance < 0.2:
        return Command("trading", (True,))
    if chance < 0.005:
        return Command("trading", (False,))
    if chance < 0.015:
        return Command("cross", (CrossKind(int(rng.integers(len(CrossKind)))), mid))
    price = mid + int(rng.integers(-12, 13))
    size = int(rng.integers(1, 10)) * (100 if rng.random() < 0.6 else 1)
    nonsense = rng.random()
    if nonsense < 0.01:
        price = int(rng.choice([0, -1, PRICE_TICKS_MAX + 1]))
    elif nonsense < 0.02:
        size = int(rng.choice([0, -5, SIZE_MAX + 1]))
    order_id = int(rng.choice(alive)) if alive and nonsense < 0.97 else int(rng.integers(0, 10_000))
    if chance < (0.8 if crowded else 0.25):
        return Command("cancel", (order_id,))
    if chance < (0.84 if crowded else 0.32):
        return Command("reduce", (order_id, size))
    if chance < (0.88 if crowded else 0.42):
        return Command("replace", (order_id, price, size))
    side = Side(int(rng.integers(2)))
    kind = OrderType.LIMIT if rng.random() < 0.7 else OrderType(int(rng.integers(len(OrderType))))
    if kind == OrderType.LIMIT and rng.random() < 0.7:
        price -= (6, -6)[side]  # most of them rest
    display = None
    if kind in MAY_HIDE and rng.random() < 0.3:
        display = 0 if rng.random() < 0.4 else max(1, size // int(rng.integers(2, 6)))
    elif nonsense > 0.995:
        display = size + 1
    return Command("add", (side, 0 if kind in PRICELESS and nonsense >= 0.01 else price, size, kind, display, int(rng.integers(1, 5))))


def command_row(n: int, command: Command) -> dict[str, Any]:
    """The command's line; what it does not need is left out."""
    name, args = command
    row: dict[str, Any] = {"n": n, "command": name}
    if name == "add":
        side, price, size, kind, display, owner = args
        row |= {"side": side.name, "price_ticks": price, "size": size, "type": kind.name, "display": display, "owner": owner}
    elif name == "cross":
        row |= {"price_ticks": args[1], "cross": args[0].name}
    elif name == "trading":
        row |= {"trading": int(args[0])}
    else:
        row |= dict(zip(TARGETED[name], args, strict=True))
    return {key: value for key, value in row.items() if value is not None}


def event_rows(n: int, events: Sequence[Event]) -> list[dict[str, Any]]:
    """Their lines: the kind by name, everything else as numbers; what the kind has nothing for is left out."""
    own = [{name: value for name, value in event._asdict().items() if value is not None} for event in events]
    return [{"n": n, **fields, "kind": EventKind(fields["kind"]).name} for fields in own]


def level_row(n: int, book: Any) -> dict[str, Any]:
    """All displayed levels, best first."""
    bids, asks = ([[int(price), int(size)] for price, size in book.levels(side, LEVELS_MOST)] for side in Side)
    return {"n": n, "bids": bids, "asks": asks}


def write(folder: Path, seed: int, count: int) -> dict[str, Any]:
    """Make the files; returns the summary. Raises ``InputError`` for numbers that cannot be, ``SinkError`` if the disk fails."""
    if not 1 <= count <= COUNT_MAX:
        raise InputError(explain("--count", count, f"must be 1 to {COUNT_MAX:,}", "10000 commands are small enough to commit."))
    hashed = hashlib.sha256()
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("commands", "types", "events", "rejects")}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = [path.name for path in folder.iterdir()]
        if taken:
            raise InputError(explain("--out", str(folder), f"it has files already ({taken[0]})", "Name a new or an empty folder."))
        with _Pairs(folder) as pairs:
            for n, (command, events, twin) in enumerate(invent(seed, count), 1):
                row = command_row(n, command)
                counts["commands"][command.name] += 1
                if command.name == "add":
                    counts["types"][row["type"]] += 1
                counts["events"].update(EventKind(event.kind).name for event in events)
                counts["rejects"].update(Reject(event.reason).name for event in events if event.kind == EventKind.REJECT)
                pairs.write("commands", [row])
                for table, rows in (("events", event_rows(n, events)), ("levels", [level_row(n, twin)])):
                    hashed.update(pairs.write(table, rows).encode())
        summary = {"format": FORMAT, "seed": seed, "count": count, **{name: dict(sorted(c.items())) for name, c in counts.items()},
                   "sha256": hashed.hexdigest()}  # fmt: skip
        (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"The golden files could not be written to {folder}: {error}. Free some space, or name another folder.") from error
    return summary


class _Pairs:
    """Each table as CSV and as JSON lines."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, tuple[TextIO, TextIO]] = {}
        for table, names in TABLES.items():
            pair = tuple((folder / f"{table}.{kind}").open("w", encoding="utf-8", newline="\n") for kind in ("csv", "jsonl"))
            self._files[table] = (pair[0], pair[1])
            pair[0].write(",".join(names) + "\n")

    def __enter__(self) -> _Pairs:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for pair in self._files.values():
            for file in pair:
                file.close()
                if kind is not None:
                    Path(file.name).unlink()  # whole or not at all

    def write(self, table: str, rows: Sequence[dict[str, Any]]) -> str:
        """Returns the lines of the CSV."""
        as_csv, as_json = self._files[table]
        lines = "".join(csv_line(table, row) for row in rows)
        as_csv.write(lines)
        as_json.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
        return lines


def csv_line(table: str, row: dict[str, Any]) -> str:
    """Levels as ``price:size`` with blanks between them."""

    def text(value: Any) -> str:
        return " ".join(f"{price}:{size}" for price, size in value) if isinstance(value, list) else str(value)

    return ",".join(text(row.get(name, "")) for name in TABLES[table]) + "\n"


def read_commands(folder: Path) -> list[Command]:
    """From the CSV. Raises ``InputError``."""
    path = folder / "commands.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_parse(row) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(explain("golden files", str(path), f"it cannot be read: {error}", "Write them anew with --out.")) from error


def _parse(row: dict[str, str]) -> Command:
    name = row["command"]
    if name == "add":
        display = int(row["display"]) if row["display"] else None
        numbers = (int(row["price_ticks"]), int(row["size"]))
        return Command(name, (Side[row["side"]], *numbers, OrderType[row["type"]], display, int(row["owner"])))
    if name == "cross":
        return Command(name, (CrossKind[row["cross"]], int(row["price_ticks"])))
    if name == "trading":
        return Command(name, (row["trading"] == "1",))
    return Command(name, tuple(int(row[field]) for field in TARGETED[name]))


def check(folder: Path, make_book: Callable[[], Any], events: bool = True) -> str:
    """Give the commands to a book, compare all that it says and shows; returns the hash. Raises ``GoldenMismatch`` at a difference.

    ``events`` false compares only levels, for a book that reports otherwise. An order's id is its number among the accepted ones, from 1.
    """
    book = make_book()
    hashed = hashlib.sha256()
    commands = read_commands(folder)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    with (folder / "events.csv").open(encoding="utf-8") as said, (folder / "levels.csv").open(encoding="utf-8") as shown:
        next(said), next(shown)
        upcoming = next(said, "")
        for n, command in enumerate(commands, 1):
            expected = ""
            while upcoming.partition(",")[0] == str(n):
                expected += upcoming
                upcoming = next(said, "")
            got = apply(book, command)
            answers = "".join(csv_line("events", row) for row in event_rows(n, got)) if events else expected
            levels, wanted = csv_line("levels", level_row(n, book)), next(shown, "")
            for what, mine, right in (("says", answers, expected), ("shows", levels, wanted)):
                if mine != right:
                    row = csv_line("commands", command_row(n, command)).rstrip()
                    told = f"{what}\n{mine or 'nothing'}\nand should\n{right or 'nothing'}"
                    raise GoldenMismatch(f"After command {n} ({row}) the book {told}")
                hashed.update(mine.encode())
    if hashed.hexdigest() != summary["sha256"]:
        raise GoldenMismatch(f"The files are not those of their summary: their hash is {hashed.hexdigest()}, must be {summary['sha256']}.")
    return hashed.hexdigest()


def bench(folder: Path, make_book: Callable[[], Any]) -> dict[str, tuple[int, float]]:
    """Commands and seconds that the book takes for them, by command (an ``add`` with its order type)."""
    took: dict[str, float] = defaultdict(float)
    counted: Counter[str] = Counter()
    commands = read_commands(folder)
    warm = make_book()
    for command in commands[:1_000]:
        apply(warm, command)
    book = make_book()
    for command in commands:
        name = f"add {command.args[3].name}" if command.name == "add" else command.name
        start = time.perf_counter()
        apply(book, command)
        took[name] += time.perf_counter() - start
        counted[name] += 1
    return {name: (counted[name], took[name]) for name in sorted(counted)}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}. python -m simulator.testing.golden --help lists what there is.")


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    try:
        _run(_parser().parse_args(arguments))
    except MarketSimError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _run(given: argparse.Namespace) -> None:
    make_book = find(given.book, "--book")
    if given.out is not None:
        summary = write(Path(given.out), given.seed, given.count)
        print(f"{summary['count']:,} commands, {sum(summary['events'].values()):,} events in {given.out}\nsha256 {summary['sha256']}")
    elif given.check is not None:
        print(f"The book answers as the files say.\nsha256 {check(Path(given.check), make_book, given.events == 'true')}")
    else:
        found = bench(Path(given.bench), make_book)
        for name, (count, seconds) in {**found, "all": tuple(map(sum, zip(*found.values(), strict=True)))}.items():
            print(f"{name:24} {count:>10,} commands {count / max(seconds, 1e-9):>12,.0f} a second")


def _parser() -> argparse.ArgumentParser:
    about = "Golden files for order books (docs/golden_files.md)."
    parser = _Parser(prog="python -m simulator.testing.golden", description=about, allow_abbrev=False)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", metavar="DIR", help="Write the files into a new folder.")
    what.add_argument("--check", metavar="DIR", help="Give the files to a book and compare.")
    what.add_argument("--bench", metavar="DIR", help="Time a book on the files' commands.")
    parser.add_argument("--seed", type=int, default=1, help="Same seed, same files (default 1).")
    parser.add_argument("--count", type=int, default=10_000, help="Commands (default 10000).")
    parser.add_argument("--book", default=OURS, help="module:callable: makes a book like simulator.testing.Book (default: ours).")
    parser.add_argument("--events", choices=("true", "false"), default="true", help="false: compare only levels.")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

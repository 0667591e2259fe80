"""The flags of the command: one pydantic model has their types, defaults and help; argparse only splits the words.

pydantic-settings' own command line is not used: it cannot group the help by topic, nor name the closest flag.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import MISSING, fields
from difflib import get_close_matches
from typing import Annotated, Any, Literal, NoReturn

from pydantic import AfterValidator, BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, SecretStr, ValidationError

from simulator.errors import InputError, explain
from simulator.inputs.config import SEED_MAX, SEED_MIN, OffsessionTrades, Rates, Scenario
from simulator.inputs.strict_yaml import must
from simulator.records import EXTRA_TABLES
from writers.formats import FORMATS

PROGRAM = "python -m scenarios.full_day"
PROCESSES_DEFAULT_MAX = 4
PROCESSES_MAX = 256


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _default(owner: type, name: str) -> Any:
    """The default that a settings class gives this field: it stands there, once."""
    value = next(f.default for f in fields(owner) if f.name == name)
    if value is MISSING:
        raise TypeError(f"{owner.__name__}.{name} has no default")
    return value


def _split(value: object) -> object:
    """A comma list as a tuple without repetitions."""
    if not isinstance(value, str):
        return value
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if not names:
        raise ValueError("must be at least one name, several with commas between them")
    return names


def _check_suffix(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]*", value, re.ASCII):
        raise ValueError("must be letters, digits and underscores")
    return value


def _check_share(value: str) -> str:
    k, _, n = value.partition("/")
    if not re.fullmatch(r"[0-9]{1,7}/[0-9]{1,7}", value) or not 1 <= int(k) <= int(n):
        raise ValueError("must be K/N, two whole numbers with K from 1 to N")
    return value


WRITERS = ("parquet", "questdb", "memory", "null", *FORMATS)


def _check_writer(value: str) -> str:
    if value not in WRITERS and not re.fullmatch(r"[\w.]+:[\w.]+", value):
        near = get_close_matches(value, WRITERS, 1)
        raise ValueError(f"{', '.join(WRITERS)} or module:callable" + (f" (did you mean {near[0]}?)" if near else ""))
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
Count = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Secret = Annotated[SecretStr, Field(repr=False)]


class Flags(BaseModel):
    """The command's settings. Ranges that the engine depends on are checked by ``Scenario`` and ``Rates``, not here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    market_data_min_eps: int = Field(_default(Rates, "market_data_min_eps"), description="Book rows per simulated second, at least.")
    market_data_max_eps: int = Field(_default(Rates, "market_data_max_eps"), description="Book rows per simulated second, at most.")
    trades_min_eps: int = Field(_default(Rates, "trades_min_eps"), description="Trades per simulated second, at least.")
    trades_max_eps: int = Field(_default(Rates, "trades_max_eps"), description="Trades per simulated second, at most.")
    total_market_data_events: Count | None = Field(
        None, description="Book rows of the run at most: it ends after the last whole second that fits (default: no limit)."
    )

    start_ts: str | None = Field(
        None, description="First instant, ISO-8601 with a zone, to the ns: 2025-07-01T13:30:00Z (default: 04:00 New York time of the day)."
    )
    end_ts: str | None = Field(
        None, description="The run ends before this instant (default: 20:00 New York time of the day, 17:00 after an early close)."
    )

    scenario: str | None = Field(
        None, description="A scenario file (YAML, docs/scenarios.md), or the name of a ready one; other flags win over it (default: none)."
    )
    check_scenario: bool = Field(False, description="true: say what would run, and do not run it.")
    print_scenario_schema: bool = Field(False, description="true: print the JSON Schema of scenario files, and do nothing else.")

    session_pacing: bool = Field(_default(Scenario, "session_pacing"), description="true: the exchange's phases and crosses; false: none.")
    offsession_trades: OffsessionTrades = Field(
        _default(Scenario, "offsession_trades"), description="Trades outside of the session: none, a tenth (trickle), or full."
    )
    seed: Annotated[int, Field(ge=SEED_MIN, le=SEED_MAX)] = Field(
        _default(Scenario, "seed"), description="Same seed, same rows; any whole number of 64 bits."
    )
    levels: int = Field(_default(Scenario, "levels"), description="Price levels of each side in a book row, 1 to 40.")
    symbols: Names | None = Field(None, description="The universe, as a comma list; rates are totals over it (default: all 30).")
    only: Names | None = Field(None, description="Simulate just these; their rows are the same as in the full run (default: all).")
    prices: str | None = Field(
        None,
        description="Where prices start: yahoo, builtin, or FILE.csv (default builtin; yahoo with --writer questdb).",
    )
    repeat: str | None = Field(
        None,
        description="Repeat a run from its record: its manifest or folder, or database (database:RUN_ID for another than the newest, "
        "QuestDB's flags say where); other flags win over it (default: none).",
    )
    profile: str = Field(_default(Scenario, "profile"), description="Parameters of the background flow: a name or a YAML file.")
    processes: Annotated[int, Field(ge=1, le=PROCESSES_MAX)] = Field(
        default_factory=lambda: min(usable_cores(), PROCESSES_DEFAULT_MAX),
        description=f"Workers; the rows do not depend on it (default: the usable cores, at most {PROCESSES_DEFAULT_MAX}).",
    )

    shard: Annotated[str, AfterValidator(_check_share)] | None = Field(
        None, description="K/N: cut the run into shards, a day and a group of symbols each, and make the K-th of N shares of them; "
        "those that are done are skipped (docs/scale.md) (default: one run).",
    )  # fmt: skip
    plan_shards: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None, description="Say what each of so many machines would make, with rows, bytes and core-hours, and run nothing (default: none)."
    )
    cluster: str | None = Field(
        None, description="Make all shards by a Dask cluster: local (a process a core of this machine), slurm (as many jobs as "
        "--processes), or the address of a scheduler, tcp://host:8786 (pip install '.[cluster]') (default: none).",
    )  # fmt: skip

    table_format: Literal["none", "delta"] = Field(
        "none", description="With shards: none, Parquet files by date and hour; delta, the same as Delta tables, one commit a shard "
        "(pip install '.[delta]').",
    )  # fmt: skip

    mode: Literal["faster-than-life", "real-time"] = Field(
        "faster-than-life", description="faster-than-life: as fast as the machine allows; real-time: rows carry the wall clock's time."
    )
    speed: Annotated[float, Field(gt=0, le=1e6)] | None = Field(
        None, description="Simulated seconds a second, for demos of a past day: 60 shows an hour in a minute (default: no limit)."
    )

    view: Literal["true", "false", "terminal"] = Field(
        "false", description="true: a page at 127.0.0.1 shows the market while it moves; terminal: the terminal does (docs/looking.md)."
    )
    view_port: Annotated[int, Field(ge=0, le=65_535)] = Field(0, description="Port of the page; 0: any that is free.")
    writer: Annotated[str, AfterValidator(_check_writer)] = Field(
        "parquet",
        description="parquet, questdb, memory, null, a format of docs/formats.md (" + ", ".join(FORMATS) + "), or module:callable, called "
        "with (folder, worker) to make a Sink (default parquet; questdb if one of QuestDB's flags is given).",
    )
    venue: Names | None = Field(None, description="With a format of docs/formats.md: the venues to write, as a comma list (default: all).")
    out: str = Field("out", description="Folder for the files, or the address of a store for shards (s3://bucket/folder); given, also for "
        "the agents' results of a run whose rows go elsewhere.")
    overwrite: bool = Field(False, description="true: replace an earlier run in that folder.")
    report: bool = Field(
        True, description="Parquet: leave a page about the run in --out, report.html; false: none; given as true, of QuestDB's rows, too."
    )
    suffix: Annotated[str, AfterValidator(_check_suffix)] = Field("", description="Appended to the tables' names (default: nothing).")
    extra_tables: Names | None = Field(None, description=f"More tables, as a comma list: {', '.join(EXTRA_TABLES)} (default: none).")
    memory_limit: ByteSize = Field(
        ByteSize(2_000_000_000), description="Bytes that --writer memory may hold, such as 500MB or 2GB (default 2GB)."
    )

    host: str = Field(
        "127.0.0.1", description="QuestDB's host; embedded starts a server of the run's own in --out (pip install '.[embedded]')."
    )
    protocol: Literal["http", "tcp"] = Field("http", description="How rows are sent: http tells of errors, tcp does not.")
    pg_port: Port = Field(8812, description="QuestDB's port for SQL.")
    http_port: Port = Field(9000, description="QuestDB's port for --protocol http.")
    tcp_port: Port = Field(9009, description="QuestDB's port for --protocol tcp.")
    user: str = Field("", description="User for SQL and http (default: admin for SQL, none for http).")
    password: Secret = Field(SecretStr(""), description="Password of --user; or in the environment, QUESTDB_PASSWORD.")
    token: Secret = Field(SecretStr(""), description="Bearer token (http) or private key (tcp); or in the environment, QUESTDB_TOKEN.")
    token_x: str = Field("", description="Public key for tcp, first half.")
    token_y: str = Field("", description="Public key for tcp, second half.")
    ilp_user: str = Field("", description="Name of the key for tcp (kid).")
    tls: bool = Field(False, description="true: http and tcp use TLS.")
    tls_verify: bool = Field(True, description="false: any certificate will do.")
    tls_roots: str = Field("", description="PEM file of the authorities to trust (default: the system's).")
    create_views: Literal["true", "false", "after"] = Field(
        "true", description="true: the five views exist while rows come in; after: they are created when all is loaded; false: not at all."
    )
    short_ttl: bool = Field(False, description="true: TTL of 3 days on hour partitions, of 1 month on day partitions.")
    print_ddl: bool = Field(False, description="true: print the SQL of tables and views, and do nothing else.")
    incremental: bool = Field(
        False, description="true: go on where the run in the database, or in --out as Parquet, ended (faster-than-life only)."
    )
    resend: Literal["window", "all"] = Field(
        "window", description="With --incremental true: send the last ten seconds again, or all of the day that is continued."
    )
    yahoo_refresh_secs: Annotated[int, Field(ge=0)] = Field(
        0, description="Real time only: ask Yahoo for prices so often and move towards them; 0 is never."
    )
    pause_rows: Count = Field(2_000_000, description="The run pauses when the database has so many rows to apply.")
    resume_rows: Annotated[int, Field(ge=0)] = Field(500_000, description="It goes on when there are fewer than that.")
    keep_server: bool = Field(False, description="true: the embedded server stays up after the run until Ctrl-C.")


    @property
    def is_cut(self) -> bool:
        """Whether the run is made, or planned, shard by shard."""
        return self.shard is not None or self.cluster is not None or self.plan_shards is not None


GROUPS = {
    "Rates (rows per second of simulated time, over all symbols and venues)": (
        "market_data_min_eps", "market_data_max_eps", "trades_min_eps", "trades_max_eps", "total_market_data_events",
    ),
    "Scenario": ("scenario", "repeat", "check_scenario", "print_scenario_schema"),
    "Timing": ("start_ts", "end_ts", "mode", "speed", "view", "view_port"),
    "Behaviour": (
        "session_pacing", "offsession_trades", "seed", "levels", "symbols", "only", "prices", "yahoo_refresh_secs", "profile", "processes",
    ),
    "Many machines (docs/scale.md)": ("shard", "plan_shards", "cluster", "table_format"),
    "Output": ("writer", "venue", "out", "overwrite", "report", "incremental", "suffix", "extra_tables", "memory_limit"),
    "QuestDB (any of these flags implies --writer questdb)": (
        "host", "protocol", "pg_port", "http_port", "tcp_port", "user", "password", "token", "token_x", "token_y", "ilp_user",
        "tls", "tls_verify", "tls_roots", "create_views", "short_ttl", "print_ddl", "resend", "pause_rows", "resume_rows",
        "keep_server",
    ),
}  # fmt: skip
QUESTDB_FLAGS = next(names for title, names in GROUPS.items() if title.startswith("QuestDB"))

def parse_flags(arguments: Sequence[str], program: str = PROGRAM) -> Flags:
    """Raises ``InputError`` that names the flag, its value, what is allowed and the remedy; ``SystemExit(0)`` after ``--help``."""
    known, unknown = _parser(program).parse_known_args(arguments)
    if unknown:
        raise InputError(_unknown_flag(unknown[0]))
    return check_flags({name: value for name, value in vars(known).items() if value is not None})


def scenario_first(words: Sequence[str]) -> list[str]:
    """A command's words; the first may be a scenario without its flag."""
    return ["--scenario", *words] if words and not words[0].startswith("-") else list(words)


def program_version() -> str:
    """Of the program and of what its rows may depend on."""
    from simulator.inputs.versions import versions

    found = versions()
    return f"equities-market-simulator {found.pop('program')} ({', '.join(f'{name} {version}' for name, version in found.items())})"


def check_flags(values: dict[str, Any]) -> Flags:
    """The same from values by name, as text or of the field's type; ``model_fields_set`` keeps which were given."""
    if "writer" not in values and not values.keys().isdisjoint(QUESTDB_FLAGS) and not names_database(values.get("repeat")):
        values = values | {"writer": "questdb"}
    try:
        flags = Flags.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        raise InputError(explain(f"--{name}", first["input"], must(first), _remedy(name))) from None
    _check_together(flags)
    given = flags.extra_tables or ()
    missing = tuple(table for table in (FORMATS[flags.writer].tables if flags.writer in FORMATS else ()) if table not in given)
    if missing:  # a format has what it is made of without being told
        kept = flags.model_fields_set
        flags = flags.model_copy(update={"extra_tables": (*given, *missing)})
        flags.model_fields_set.intersection_update(kept)
    return flags


def _check_together(flags: Flags) -> None:
    """Flags that exclude each other. Raises ``InputError``."""
    given = flags.model_fields_set
    if flags.writer != "questdb" and not given.isdisjoint(QUESTDB_FLAGS) and not names_database(flags.repeat):
        name = next(name for name in QUESTDB_FLAGS if name in given)
        raise InputError(explain("--writer", flags.writer, f"--{name} is for QuestDB", f"Leave out --{name}, or use --writer questdb."))
    live = flags.mode == "real-time"
    for name, is_wrong, limit, remedy in (
        ("start_ts", live and flags.start_ts is not None, "real time starts now", "Leave it out, or use --mode faster-than-life."),
        ("end_ts", live and flags.end_ts is not None, "real time ends at Ctrl-C", "Leave it out, or use --mode faster-than-life."),
        (
            "incremental",
            live and flags.incremental,
            "it is for --mode faster-than-life",
            "Leave it out: real time goes on from the last prices.",
        ),
        ("speed", live and flags.speed is not None, "real time has speed 1", "Leave it out, or use --mode faster-than-life."),
        ("yahoo_refresh_secs", not live and flags.yahoo_refresh_secs > 0, "it is for --mode real-time", "Leave it out."),
        (
            "venue",
            flags.venue is not None and flags.writer not in FORMATS,
            f"it is for --writer {', '.join(FORMATS)}",
            "Leave it out: the other writers write all venues.",
        ),
        ("incremental", flags.incremental and flags.only is not None, "it continues whole runs", "Leave out --only."),
        (
            "incremental", flags.incremental and flags.writer not in ("questdb", "parquet"),
            f"--writer {flags.writer} keeps nothing to continue", "Leave it out, or use --writer parquet or questdb.",
        ),
        ("incremental", flags.incremental and flags.overwrite, "--overwrite true begins anew", "Leave out one of the two."),
        (
            "repeat", names_database(flags.repeat) and flags.writer == "questdb", "it would write into the tables that it reads from",
            "Write Parquet, or keep the run's manifest (column of the runs table) in a file and name that.",
        ),
        ("view", flags.is_cut and flags.view != "false", "shards are made one after the other", "Leave it out."),
        ("shard", flags.shard is not None and flags.cluster is not None, "--cluster makes all shards", "Leave out one of the two."),
        ("table_format", flags.table_format != "none" and not flags.is_cut, "it is for shards", "Add --shard 1/1, or leave it out."),
        (
            "out", "://" in flags.out and not flags.is_cut, "a store takes whole shards", "Add --shard 1/1, or name a folder.",
        ),
        ("resume_rows", flags.resume_rows >= flags.pause_rows, f"must be less than --pause_rows, here {flags.pause_rows:,}", "Lower it."),
        ("keep_server", flags.keep_server and flags.host != "embedded", "only an embedded server is ours to keep", "Add --host embedded."),
    ):
        if is_wrong:
            raise InputError(explain(f"--{name}", _shown(getattr(flags, name)), limit, remedy))


def names_database(repeat: object) -> bool:
    """Whether ``--repeat`` names a run that a database has recorded."""
    return isinstance(repeat, str) and repeat.partition(":")[0] == "database"


class _Parser(argparse.ArgumentParser):
    """Tells what is wrong by ``InputError``, like everything else here."""

    def _print_message(self, message: str, file: Any = None) -> None:
        """To what stdout is now: argparse's own knows fewer ways in which it can fail."""
        print(message, end="")

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}; each flag takes one value, as in --seed 7. --help lists the flags.")


class _Version(argparse.Action):
    """``--version``: loads what it names only when asked."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        print(program_version())
        parser.exit()


def _parser(program: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=program,
        usage="%(prog)s [--FLAG VALUE ...]",
        description="Simulates trading days of the US equities market, order by order. Without flags: 2025-07-01, 04:00 to 20:00 New York "
        "time, written as Parquet. Every flag takes a value: --overwrite true, --total_market_data_events 100_000_000.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="Say the versions of the program and of what its rows depend on.")
    for title, names in GROUPS.items():
        group = parser.add_argument_group(title)
        for name in names:
            group.add_argument(f"--{name}", metavar="VALUE", help=_help(name))
    return parser


def _help(name: str) -> str:
    field = Flags.model_fields[name]
    text = str(field.description)
    if field.default in ("", SecretStr("")):
        text = f"{text[:-1]} (default: none)."
    if "(default" not in text:
        text = f"{text[:-1]} (default {_shown(field.default)})."
    return text.replace("%", "%%")


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:_}" if isinstance(value, int) else str(value)


def _remedy(name: str) -> str:
    default = Flags.model_fields[name].get_default(call_default_factory=True)
    return f"{_shown(default)} is the default." if default not in (None, "") else "Leave the flag out for the default; --help explains it."


def _unknown_flag(word: str) -> str:
    name = word.split("=")[0]
    flags = [f"--{field}" for field in Flags.model_fields]
    near = get_close_matches(name.replace("-", "_").replace("__", "--", 1), flags, 1, cutoff=0.7)
    remedy = f"Did you mean {near[0]}?" if near else "--help lists the flags."
    what = "Unknown flag" if name.startswith("-") else "A word without a flag"
    return explain(what, name, "flags are spelled --name VALUE, with underscores", remedy)

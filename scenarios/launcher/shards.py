"""What a large run is cut into: a shard is a day and a fixed group of symbols, whatever the number of machines.

Days and groups are independent of each other, so a shard's rows are those of the whole run. Where they are not (agents, shocks and exact
prices carry something from day to day), a shard is all days of a group; symbols that share an agent are in one group.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scenarios.launcher.flags import Flags
from scenarios.launcher.plan import Plan
from simulator.errors import InputError, explain
from simulator.inputs.config import Scenario
from simulator.inputs.day_parts import is_divisible_by_day, part_of
from simulator.inputs.dealing import symbol_groups
from simulator.inputs.run_record import RunRecord
from simulator.inputs.sessions import continuous_days, trading_days
from writers.stores.store import Store

TableFormat = Literal["none", "delta"]
FORMAT: Literal["equities-market-simulator/shards/1"] = "equities-market-simulator/shards/1"
DONE = "_done"
PLAN = f"{DONE}/plan.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A piece of a run that is simulated, published and noted as done alone."""

    name: str
    """Day and group: ``2025-07-01-g003``."""
    start_ns: int
    end_ns: int
    symbols: tuple[str, ...]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class Piece(_Strict):
    """A shard in the plan."""

    start_ns: int
    end_ns: int
    group: str


class DatabasePlace(_Strict):
    """The QuestDB that all machines send to, over http. Its secrets are in no plan: each machine has them in its environment."""

    host: str
    pg_port: int
    http_port: int
    user: str
    tls: bool
    tls_verify: bool
    tls_roots: str
    short_ttl: bool
    create_views: Literal["true", "false", "after"]
    pause_rows: int
    resume_rows: int


class ShardPlan(_Strict):
    """``_done/plan.json``: the run that all shards of a folder are pieces of."""

    format: Literal["equities-market-simulator/shards/1"]
    identity: str
    """Of all that decides the rows, versions too; not of the places of files."""
    suffix: str
    table_format: TableFormat = "none"
    database: DatabasePlace | None = None
    """Where the rows go, if not into files."""
    tables: tuple[str, ...]
    symbols: tuple[str, ...]
    """Of the universe."""
    groups: dict[str, tuple[str, ...]]
    shards: dict[str, Piece]
    record: RunRecord

    def pieces(self) -> list[Shard]:
        """In order of time, then of groups."""
        return [
            Shard(name=name, start_ns=piece.start_ns, end_ns=piece.end_ns, symbols=self.groups[piece.group])
            for name, piece in self.shards.items()
        ]


class File(_Strict):
    """A file of a shard."""

    path: str
    bytes: Annotated[int, Field(ge=0)]
    rows: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Done(_Strict):
    """``_done/<shard>.json``: what a shard came to; it is written last."""

    format: Literal["equities-market-simulator/shards/1"]
    shard: str
    identity: str
    """Of the run: its record stands once, in ``plan.json``."""
    digest: str
    digest_parts: dict[str, str]
    rows: dict[str, int]
    files: tuple[File, ...]
    seconds: float
    made_on: str


def cut(scenario: Scenario) -> tuple[dict[str, tuple[str, ...]], dict[str, Piece]]:
    """The groups, and the shards in order of time, then of groups."""
    groups = {f"g{n:03}": tuple(group) for n, group in enumerate(symbol_groups(scenario), 1)}
    days = (trading_days if scenario.session_pacing else continuous_days)(scenario.start_ns, scenario.end_ns)
    active = [day for day in days if day.is_session or scenario.goes_on_when_closed]
    if is_divisible_by_day(scenario):
        times = [(day.date.isoformat(), max(day.start_ns, scenario.start_ns), min(day.end_ns, scenario.end_ns)) for day in active]
    else:
        times = [(f"{days[0].date}_{days[-1].date}", scenario.start_ns, scenario.end_ns)]
    pieces = {
        f"{label}-{group}": Piece(start_ns=start_ns, end_ns=end_ns, group=group) for label, start_ns, end_ns in times for group in groups
    }
    return groups, pieces


def plan_shards(plan: Plan) -> ShardPlan:
    """How a run is cut. Raises ``InputError`` for one that cannot be."""
    flags, scenario = plan.flags, plan.scenario
    for name, is_wrong, limit, remedy in (
        ("writer", flags.writer not in ("parquet", "questdb"), "shards are written as Parquet or into QuestDB", "Leave it out."),
        ("table_format", flags.writer == "questdb" and flags.table_format != "none", "a database has no files", "Leave it out."),
        ("protocol", flags.protocol != "http", "tcp does not say what has arrived", "Use --protocol http."),
        ("host", flags.host == "embedded", "many machines send there, and an embedded server is one run's", "Start a server of its own."),
        ("mode", flags.mode == "real-time", "shards are simulated in any order", "Leave it out."),
        ("speed", flags.speed is not None, "shards are simulated as fast as may be", "Leave it out."),
        ("incremental", flags.incremental, "shards that are done are skipped anyway", "Leave it out: give the same command again."),
        ("overwrite", flags.overwrite, "many machines write there", "Remove the folder yourself, or name another."),
        (
            "total_market_data_events", flags.total_market_data_events is not None, "the count is over all shards",
            "Leave it out, and give an --end_ts.",
        ),
    ):  # fmt: skip
        if is_wrong:
            raise InputError(explain(f"--{name} with shards", getattr(flags, name), limit, remedy))
    record = plan.record()
    groups, pieces = cut(scenario)
    return ShardPlan(
        format=FORMAT, identity=identity_of(record), suffix=flags.suffix, table_format=flags.table_format,
        database=_place(flags) if flags.writer == "questdb" else None, tables=scenario.tables,
        symbols=tuple(symbol.name for symbol in scenario.universe.symbols), groups=groups, shards=pieces, record=record,
    )  # fmt: skip


def _place(flags: Flags) -> DatabasePlace:
    return DatabasePlace.model_validate({name: getattr(flags, name) for name in DatabasePlace.model_fields})


def identity_of(record: RunRecord) -> str:
    """A hash of what decides the rows: the same wherever the scenario's file and the agents' modules lie."""
    return hashlib.sha256(json.dumps(_deciding(record), sort_keys=True).encode()).hexdigest()[:32]


def _deciding(record: RunRecord) -> dict[str, Any]:
    values = record.model_dump(mode="json", exclude={"scenario_file"})
    for agent in values["agents"]:
        agent["sources"] = sorted(source["sha256"] for source in agent["sources"])
    return values


def scenario_of(scenario: Scenario, shard: Shard) -> Scenario:
    """The scenario in the shard's time."""
    return part_of(scenario, shard.start_ns, shard.end_ns)


def share(wanted: ShardPlan, k: int, n: int) -> list[Shard]:
    """What the k-th of n machines makes: as many shards as the others, of all groups in turn, and with the others through the days."""
    groups = len(wanted.groups)
    step = groups % n
    while math.gcd(step, n) != 1:  # else a machine would have the same groups every day, and groups are not alike
        step += 1
    pieces = enumerate(wanted.pieces())
    return [shard for number, shard in pieces if (number % groups + number // groups * step) % n == k - 1]


def parse_share(text: str) -> tuple[int, int]:
    """K and N of ``K/N``, which the flag has checked."""
    k, _, n = text.partition("/")
    return int(k), int(n)


def enter(store: Store, wanted: ShardPlan) -> None:
    """Note in the folder which run its shards are of. Raises ``InputError`` if it is another's, and says what differs."""
    there = read_plan(store)
    if there is None:
        if any(store.sizes(DONE)):
            limit = f"{PLAN} in it is missing or damaged, and there are shards"
            raise InputError(explain("--out", store.where, limit, f"Put it back, or remove {DONE} to have all shards made again."))
        if other := next((key for table in wanted.tables for key in store.sizes(f"equities_{table}{wanted.suffix}")), None):
            limit = f"it has rows that no shard of this run wrote ({other})"
            raise InputError(explain("--out", store.where, limit, "Name another folder, or remove what is there."))
        store.put((wanted.model_dump_json(indent=1) + "\n").encode(), PLAN)
        there = read_plan(store)  # another machine may have written at the same moment
        if there is None:
            raise InputError(explain("--out", store.where, f"{PLAN} was written and is not there", "Check the store's rights to read."))
    if any(getattr(there, name) != getattr(wanted, name) for name in ("identity", *HOW)):
        limit = f"its shards are of another run: {differences(there, wanted)}"
        raise InputError(explain("--out", store.where, limit, "Name another folder, or give that run's command, on the same versions."))


def read_plan(store: Store) -> ShardPlan | None:
    """None if there is none, or none that can be read."""
    content = store.get(PLAN)
    if content is None:
        return None
    try:
        return ShardPlan.model_validate_json(content, strict=True)
    except ValidationError:
        return None


HOW = ("suffix", "table_format", "database")
"""What of a plan decides the files besides the rows."""


def differences(there: ShardPlan, here: ShardPlan) -> str:
    """The first few things that differ between two runs, in words."""
    for name in HOW:
        if getattr(there, name) != getattr(here, name):
            return "; ".join(_different(_plain(getattr(there, name)), _plain(getattr(here, name)), name))
    before, now = _deciding(there.record), _deciding(here.record)
    lines = list(_different(before, now, ""))
    return "; ".join(lines[:3]) + (f"; and {len(lines) - 3} more" if len(lines) > 3 else "")


def _plain(value: object) -> object:
    return value.model_dump() if isinstance(value, BaseModel) else value


def _different(before: Any, now: Any, place: str) -> list[str]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        keys = [*before, *(key for key in now if key not in before)]
        return [line for key in keys for line in _different(before.get(key), now.get(key), f"{place}.{key}".lstrip("."))]
    return [f"{place} {_short(before)} there, {_short(now)} here"] if before != now else []


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def read_done(store: Store, name: str) -> Done | None:
    """None if the shard is not done, or its note is half-written or another's."""
    content = store.get(f"{DONE}/{name}.json")
    if content is None:
        return None
    try:
        done = Done.model_validate_json(content, strict=True)
    except ValidationError:
        return None
    return done if done.shard == name else None


def faults_of(done: Done | None, identity: str, sizes: Mapping[str, int]) -> list[str]:
    """Why a shard counts as not done, by its note and the sizes of what is there; nothing if it does."""
    if done is None:
        return ["it is not done"]
    if done.identity != identity:
        return ["it is of another run"]
    missing = [file.path for file in done.files if file.path not in sizes]
    other = [file.path for file in done.files if file.path in sizes and sizes[file.path] != file.bytes]
    return [f"{path} is missing" for path in missing] + [f"{path} has {sizes[path]:,} bytes, not those written" for path in other]

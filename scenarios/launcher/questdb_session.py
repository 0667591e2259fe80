"""A run's QuestDB, from the command's side: what it has before, what is made in it, how far it is behind, and what it has in the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from rich.console import Console

from scenarios.launcher.backpressure import Sent
from scenarios.launcher.flags import Flags
from scenarios.launcher.manifest import build_manifest
from scenarios.launcher.plan import History, Plan
from scenarios.launcher.recorded import Recorded, connection_of
from scenarios.launcher.row_counts import Counts
from scenarios.launcher.tables import print_table, say
from simulator.errors import InputError, SinkError, explain
from simulator.flow import NEVER_NS
from simulator.inputs.manifest import Manifest
from simulator.inputs.sessions import format_ts
from simulator.records import BASE_TABLES, I64, NS_PER_S
from writers.questdb import existing, resume, runs, schema
from writers.questdb.claims import Claim
from writers.questdb.connection import Connection
from writers.questdb.cut_short import drop_cut_short
from writers.questdb.doors import check
from writers.questdb.keeper import Keeper
from writers.questdb.limits import Stopped, never
from writers.questdb.monitor import Monitor
from writers.questdb.sql import Sql
from writers.questdb.views import catch_up

WINDOW_ROWS = 200_000
"""Book rows that a worker may be ahead of the last one."""
TCP_COMMITS_WITHIN_S = 8.0
"""The server commits what came over tcp after two seconds or so; without any new row for that long, rows are taken for lost."""
LOOK_EVERY_S = 0.1
LAST_WORD_WITHIN_S = 2.0
"""A run that ends early says so to the database, and lets go of the tables, if it answers that soon."""


@contextmanager
def open_database(flags: Flags, console: Console) -> Iterator[Database]:
    """The database that the flags name, started first if it is embedded, checked and compared; and ended. Raises ``InputError``."""
    if flags.host != "embedded":
        with closing(Database(flags, connection_of(flags, flags.host), console)) as database:
            yield database
        return
    from writers.questdb.server import EmbeddedServer

    with EmbeddedServer(Path(flags.out) / "questdb") as server:
        until = "" if flags.keep_server else ", until the run ends (with --keep_server true until Ctrl-C)"
        console.print(
            f"QuestDB {server.version} is up in {server.folder}; its web console: {server.console_url}{until}",
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
        ports = {"pg_port": server.pg_port, "http_port": server.http_port, "tcp_port": server.tcp_port}
        there = replace(connection_of(flags, "127.0.0.1", **ports), log=str(server.log))
        with closing(Database(flags, there, console, is_alive=lambda: server.is_alive)) as database:
            yield database
        if flags.keep_server:
            console.print(f"The server stays up until Ctrl-C: {server.console_url}", highlight=False, soft_wrap=True)
            with suppress(KeyboardInterrupt):
                while server.is_alive:
                    time.sleep(0.5)


@dataclass(slots=True)
class Database:
    """Answers over SQL; the workers send by themselves."""

    flags: Flags
    connection: Connection
    console: Console = field(default_factory=lambda: Console(stderr=True))
    """For what is to be said while it is asked."""
    is_alive: Callable[[], bool] | None = None
    """Of an embedded server."""
    run_id: str = field(default_factory=lambda: uuid4().hex)
    _pg: Sql | None = None
    _claim: Claim | None = None
    _keeper: Keeper | None = None
    _monitor: Monitor | None = None
    _newest_ns: int = resume.NOTHING_NS
    """Of the newest row when the plan was made."""
    _is_gone: bool = False
    _warnings: tuple[str, ...] = ()
    """What was not quite as wanted when the run began."""

    @property
    def resend_ns(self) -> int:
        """How much of what the database has is sent again when a run is continued."""
        return NEVER_NS if self.flags.resend == "all" else resume.RESEND_NS

    @property
    def pg(self) -> Sql:
        if self._pg is None:
            self._pg = Sql(self.connection)
        return self._pg

    def tables(self, names: Sequence[str]) -> list[str]:
        """Names in the database."""
        return [schema.table_name(name, self.flags.suffix) for name in names]

    def history(self) -> History:
        """What is there. Raises ``InputError`` if the server cannot be used, or another run writes into its tables."""
        check(self.connection)
        suffix = self.flags.suffix
        self._claim = Claim(self.pg, suffix, self.run_id)
        tables = schema.ddl(suffix, self.flags.short_ttl, self.flags.extra_tables or (), views=False)
        self._drop_cut_short(tables)
        existing.compare(self.pg, tables)  # before any of their columns is asked for
        own = [name for name in self.tables(["runs", "claims"]) if existing.exists(self.pg, name)]
        existing.wait_applied(self.pg, own)
        self._claim.check_free(say=self._say)
        present = [name for name in BASE_TABLES if existing.exists(self.pg, schema.table_name(name, suffix))]
        if not present:
            return History(newest_ns=resume.NOTHING_NS, mids={})
        existing.wait_applied(self.pg, self.tables(present))
        newest_ns = self._newest_ns = resume.newest_ns(self.pg, suffix, present)
        mids = resume.last_mids(self.pg, suffix) if "market_data" in present else {}
        here = History(newest_ns=newest_ns, mids=mids)
        run = runs.newest_run(self.pg, suffix) if self.flags.incremental else None
        if run is None or run.started.record.mode != "faster-than-life" or newest_ns >= run.started.record.end_ns:
            return here
        record = run.started.record
        ends_ns = [
            int(resume.newest_by_symbol(self.pg, suffix, table, record.symbols, record.start_ns, record.end_ns).min())
            if existing.exists(self.pg, schema.table_name(table, suffix)) else resume.NOTHING_NS
            for table in record.tables
        ]  # fmt: skip
        recorded = Recorded(manifest=run.started, where=f"{schema.table_name('runs', suffix)}", is_complete=run.is_complete)
        return replace(here, recorded=recorded, oldest_end_ns=min(ends_ns))

    def prepare(self, plan: Plan, console: Console) -> dict[str, I64] | None:
        """Create what is missing, compare what is there, record the run. Returns where each (table, symbol) goes on, if it continues."""
        flags, scenario = self.flags, plan.scenario
        wanted = self._wanted(plan, views=flags.create_views == "true")
        self._drop_cut_short(wanted)
        self._warnings = tuple(existing.compare(self.pg, wanted, needs_dedup=flags.incremental))
        for warning in self._warnings:
            self._say(warning)
        last_ns = scenario.end_ns if flags.mode == "faster-than-life" else scenario.start_ns
        existing.check_ttl(self.pg, wanted, plan.run_start_ns, last_ns)
        schema.create(self.pg, wanted)
        self._take()
        self._record(runs.STARTED, build_manifest(plan))
        if not plan.replays:
            return None
        symbols = [symbol.name for symbol in scenario.universe.symbols]
        return {
            table: resume.newest_by_symbol(self.pg, flags.suffix, table, symbols, scenario.start_ns, scenario.end_ns)
            for table in scenario.tables
        }

    def refreshed(self, manifest: Manifest) -> None:
        """Record new prices while a run in real time goes on: killed, it can be repeated with them. Raises ``SinkError``."""
        runs.record(self.pg, self.flags.suffix, self.run_id, runs.REFRESHED, manifest)

    def rows_before(self, plan: Plan) -> int:
        """Book rows of a continued run before the part of it that is replayed."""
        symbols = [symbol.name for symbol in plan.scenario.universe.symbols]
        counts = resume.count_by_symbol(self.pg, self.flags.suffix, "market_data", symbols, plan.run_start_ns, plan.scenario.start_ns)
        return int(counts.sum())

    def finish(self, plan: Plan, manifest: Manifest, console: Console, *, is_whole: bool) -> None:
        """Record the end, create the views that had to wait, and show what a query finds."""
        flags = self.flags
        if not is_whole:
            self.pg.close()
            self._pg = Sql(self.connection, patience_s=0.0, query_s=LAST_WORD_WITHIN_S)  # the run waits for nobody any more
        try:
            self._record(runs.ENDED, manifest)
        except SinkError:
            self._is_gone = True
            raise
        if not is_whole:
            return
        if flags.create_views != "false":
            wanted = self._wanted(plan, views=True)
            self._drop_cut_short(wanted)
            schema.create(self.pg, wanted)  # those that had to wait
            catch_up(self.pg, wanted)
        table = schema.table_name("trades", flags.suffix)
        query = f"SELECT symbol, count() trades, sum(size) shares, last(price) last FROM {table} ORDER BY shares DESC LIMIT 3"
        say(console, f"\n{query};")
        found = self.pg.execute(query)
        header = [column.name for column in found.description]
        rows = [[f"{value:,}" if isinstance(value, int) else str(value) for value in row] for row in found.fetchall()]
        print_table(console, header, rows)

    def _record(self, event: str, manifest: Manifest) -> None:
        """Keep in the runs table what would repeat the run."""
        runs.record(self.pg, self.flags.suffix, self.run_id, event, manifest)
        existing.wait_applied(self.pg, self.tables(["runs"]))

    def _wanted(self, plan: Plan, *, views: bool) -> list[schema.Wanted]:
        return schema.ddl(self.flags.suffix, self.flags.short_ttl, plan.scenario.extra_tables, views=views)

    def _drop_cut_short(self, wanted: Sequence[schema.Wanted]) -> None:
        for text in drop_cut_short(self.pg, wanted):
            self._say(text)

    def _take(self) -> None:
        """Make the tables this run's own. Raises ``InputError`` if they are another's, or were in the meantime."""
        claim = self._claim = self._claim or Claim(self.pg, self.flags.suffix, self.run_id)
        claim.take(say=self._say)
        existing.wait_applied(self.pg, self.tables(BASE_TABLES))  # what the other sent is there only then
        newest_ns = resume.newest_ns(self.pg, self.flags.suffix, BASE_TABLES)
        if newest_ns > self._newest_ns:
            before = f"it was {format_ts(self._newest_ns)}" if self._newest_ns >= 0 else "there was none"
            limit = f"{before} when this run was planned: another run has written since"
            raise InputError(explain("The newest row in the database", format_ts(newest_ns), limit, "Repeat the command."))
        self._keeper = Keeper(self.connection, claim)

    def close(self) -> None:
        """Let go of the tables; a database that is gone sees from the claim's silence that they are free."""
        if self._keeper is not None:
            self._keeper.close()
        if self._monitor is not None:
            self._monitor.close()
        if self._claim is not None and not self._is_gone:
            last = Sql(self.connection, patience_s=0.0, query_s=LAST_WORD_WITHIN_S)
            with suppress(SinkError, InputError):
                self._claim.over(last).release()
            last.close()
        self.pg.close()

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def valve(self, plan: Plan) -> Valve:
        """For the throttle."""
        names = self.tables(plan.scenario.tables)
        monitor = self._monitor = Monitor(
            self.connection, names, pause_rows=self.flags.pause_rows, resume_rows=self.flags.resume_rows, is_alive=self.is_alive
        )
        # What a continued run sends again makes no new rows: there only the count at the end can tell.
        counts = self.flags.protocol == "tcp" and not plan.replays
        check_owner = self._keeper.check if self._keeper is not None else None
        return Valve(monitor, (lambda rows, stop_asked: self.check_sent(plan, rows, stop_asked)) if counts else None, check_owner)

    def check_sent(self, plan: Plan, rows: int, stop_asked: Callable[[], bool] = never) -> None:
        """Over tcp, which never answers: whether as many rows as were sent have come. Raises ``SinkError`` if not, after some patience;
        does not wait for a run that is to end, whose rows are counted by who continues it."""
        self.pg.is_stopped = stop_asked
        try:
            self._check_sent(plan, rows)
        except Stopped:
            pass
        finally:
            self.pg.is_stopped = never

    def _check_sent(self, plan: Plan, rows: int) -> None:
        start_ns, names = plan.scenario.start_ns, self.tables(plan.scenario.tables)
        changed_s, last = time.monotonic(), -1
        while True:
            existing.wait_applied(self.pg, names)
            found = sum(resume.count_from(self.pg, name, start_ns) for name in names)
            if found != last:
                changed_s, last = time.monotonic(), found
            if found >= rows:
                return
            if time.monotonic() - changed_s >= TCP_COMMITS_WITHIN_S:
                raise SinkError(
                    f"QuestDB has {found:,} of the {rows:,} rows that went over tcp: {rows - found:,} are lost. "
                    "Repeat the command with --incremental true --resend all; --protocol http would have said why."
                )
            time.sleep(LOOK_EVERY_S)

    def check_counts(self, plan: Plan, counts: Counts, end_ns: int) -> None:
        """Wait until all rows are applied and compare tables and numbers, symbol by symbol. Raises ``SinkError`` for what is not as it was
        made, and for what is missing or too much."""
        self._compare_again(plan)
        symbols = [symbol.name for symbol in plan.scenario.universe.symbols]
        start_ns = plan.scenario.start_ns
        lost: list[str] = []
        strange: list[str] = []
        for table in plan.scenario.tables:
            expected = counts.by_symbol[table]
            found = self._settled_counts(plan, table, expected, end_ns)
            for symbol, want, have in zip(symbols, expected.tolist(), found.tolist(), strict=True):
                if want != have:
                    (lost if have < want else strange).append(
                        f"{schema.table_name(table, self.flags.suffix)} {symbol}: {have:,} of {want:,} rows"
                    )
        period = f"from {format_ts(start_ns)} to {format_ts(end_ns)}"
        if strange:
            raise SinkError(
                f"The database has more than was sent {period}: {_few([*strange, *lost])}. Something else has written there, "
                "or a table has no DEDUP and was sent rows twice. Sending again takes nothing away: repeat the run into other tables with "
                "--suffix, or drop these and repeat it."
            )
        if lost:
            raise SinkError(
                f"The database does not have what was sent {period}: {_few(lost)}. "
                "Repeat the command with --incremental true --resend all: it sends every row again, and DEDUP keeps one of each."
            )

    def _compare_again(self, plan: Plan) -> None:
        """What was compared when the run began is compared when it ends. Raises ``SinkError``."""
        try:
            now = existing.compare(self.pg, self._wanted(plan, views=self.flags.create_views == "true"), must_exist=True)
        except InputError as error:
            raise SinkError(f"The tables were changed while the run went on. {error}") from None
        for warning in now:
            if warning not in self._warnings:
                self._say(f"Changed while the run went on: {warning}")

    def _settled_counts(self, plan: Plan, table: str, expected: I64, end_ns: int) -> I64:
        """[symbols]: rows of the run, when all have come or none has for a while. What came over tcp may still wait for its commit."""
        symbols = [symbol.name for symbol in plan.scenario.universe.symbols]
        patience_s = TCP_COMMITS_WITHIN_S if self.flags.protocol == "tcp" else 0.0
        changed_s, last = time.monotonic(), -1
        while True:
            existing.wait_applied(self.pg, self.tables([table]))
            found = resume.count_by_symbol(self.pg, self.flags.suffix, table, symbols, plan.scenario.start_ns, end_ns)
            if int(found.sum()) != last:
                changed_s, last = time.monotonic(), int(found.sum())
            if (found >= expected).all() or time.monotonic() - changed_s >= patience_s:
                return found
            time.sleep(LOOK_EVERY_S)


@dataclass(slots=True)
class Valve:
    """The monitor as the throttle wants it."""

    monitor: Monitor
    check_sent: Callable[[int, Callable[[], bool]], None] | None = None
    """Called at the end of each pause with the rows that were sent, and whether the run is to end; raises if some did not arrive."""
    check_owner: Callable[[], None] | None = None
    """Raises if the tables are another run's by now."""

    @property
    def pending_rows(self) -> int:
        """That the server has taken and not applied, when it was last asked."""
        return self.monitor.lag.pending_rows

    def paused(self, sent: Sent, stop_asked: Callable[[], bool] = never) -> bool:
        if self.check_owner is not None:
            self.check_owner()
        was_paused = self.monitor.is_paused
        is_paused = self.monitor.update(self.monitor.look(stop_asked), sent.in_flight)
        if was_paused and not is_paused and self.check_sent is not None:
            self.check_sent(sent.acknowledged, stop_asked)
        return is_paused


def window_ns(flags: Flags) -> int:
    """Simulated time in which at most ``WINDOW_ROWS`` book rows come."""
    return max(WINDOW_ROWS // max(flags.market_data_max_eps, 1), 1) * NS_PER_S


def _few(faults: Sequence[str]) -> str:
    more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
    return f"{'; '.join(faults[:3])}{more}"

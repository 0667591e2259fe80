"""Shards into QuestDB, from any number of machines at once.

What one sends twice stands there once (DEDUP), so a shard that failed is sent again. All machines of a run share its claim on the tables:
they have one name, the run's identity. The pace comes from one place, the server: each machine pauses while the server has too many rows
to apply, whoever sent them. ``_done`` notes lie in ``--out``, as those of files do; they have no files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from scenarios.launcher.row_counts import Counts
from scenarios.launcher.secrets import secret
from scenarios.launcher.shards import DatabasePlace, Done, Shard, ShardPlan
from simulator.errors import InputError, SinkError, explain
from simulator.inputs.manifest import FORMAT, Manifest
from simulator.records import BASE_TABLES
from writers.questdb import existing, resume, runs, schema
from writers.questdb.claims import Claim
from writers.questdb.connection import Connection
from writers.questdb.cut_short import drop_cut_short
from writers.questdb.doors import check
from writers.questdb.keeper import Keeper
from writers.questdb.monitor import Monitor
from writers.questdb.sink import QuestDBSink
from writers.questdb.sql import Sql
from writers.questdb.views import catch_up

LOOK_EVERY_S = 0.25


def connection_to(place: DatabasePlace) -> Connection:
    """Secrets come from this machine's environment: a plan has none."""
    return Connection(
        host=place.host, pg_port=place.pg_port, http_port=place.http_port, user=place.user, tls=place.tls, tls_verify=place.tls_verify,
        tls_roots=place.tls_roots, password=secret("", "--password"), token=secret("", "--token"),
    )  # fmt: skip


@dataclass(slots=True)
class ShardRows:
    """One process's part of it."""

    connection: Connection
    wanted: ShardPlan
    place: DatabasePlace
    say: Callable[[str], None] = lambda text: None
    _sql: Sql | None = None
    _claim: Claim | None = None
    _keeper: Keeper | None = None
    _monitor: Monitor | None = None
    _looked_s: float = field(default=0.0)

    @property
    def sql(self) -> Sql:
        if self._sql is None:
            self._sql = Sql(self.connection)
        return self._sql

    def names(self, tables: Sequence[str]) -> list[str]:
        """In the database."""
        return [schema.table_name(name, self.wanted.suffix) for name in tables]

    def prepare(self) -> None:
        """Check, compare and create the tables, claim them for the run, and record it. Raises ``InputError`` if they are another's."""
        check(self.connection)
        wanted, record = self.wanted, self.wanted.record
        tables = self._ddl(views=self.place.create_views == "true")
        self._drop_cut_short(tables)
        for warning in existing.compare(self.sql, tables, needs_dedup=True):
            self.say(warning)
        claim = self._claim = Claim(self.sql, wanted.suffix, wanted.identity)
        claim.check_free(say=self.say)
        existing.check_ttl(self.sql, tables, record.start_ns, record.end_ns)
        schema.create(self.sql, tables)
        claim.take(say=self.say)
        existing.wait_applied(self.sql, self.names([*BASE_TABLES, "runs"]))
        newest_ns = resume.newest_ns(self.sql, wanted.suffix, BASE_TABLES)
        if not self._is_recorded():
            if newest_ns != resume.NOTHING_NS:
                limit = "they have rows that no shard of this run has sent"
                where = f"{schema.table_name('*', wanted.suffix)} at {self.connection.host}:{self.connection.pg_port}"
                raise InputError(explain("The tables", where, limit, "Write to others with --suffix, or drop them."))
            self._record(runs.STARTED, self._just_started())
        self._keeper = Keeper(self.connection, claim)
        self._keeper.check()
        self._monitor = Monitor(
            self.connection, self.names(wanted.tables), pause_rows=self.place.pause_rows, resume_rows=self.place.resume_rows
        )

    def sink(self) -> QuestDBSink:
        """For one shard's rows."""
        return QuestDBSink(self.connection)

    def wait(self, in_flight: int, stop: Callable[[], bool]) -> None:
        """While the server is behind. Raises ``SinkError`` when there is no going on, or the tables are another run's by now."""
        assert self._keeper is not None
        assert self._monitor is not None
        while True:
            self._keeper.check()
            now_s = time.monotonic()
            if now_s - self._looked_s >= LOOK_EVERY_S or self._monitor.is_paused:
                self._looked_s = now_s
                self._monitor.update(self._monitor.look(stop), in_flight)
            if not self._monitor.is_paused or stop():
                return
            time.sleep(LOOK_EVERY_S)

    def check(self, shard: Shard, counts: Counts) -> None:
        """That the server has applied what was sent of a shard, and no more. Raises ``SinkError``."""
        existing.wait_applied(self.sql, self.names(self.wanted.tables))
        lost = [fault for table, rows in counts.rows.items() if (fault := self._fault(shard, table, rows))]
        if lost:
            raise SinkError(f"{'; '.join(lost)}. Give the command again: the shard is sent once more, and DEDUP keeps one of each row.")

    def finish(self, manifest: Manifest) -> None:
        """All shards are done: let the views catch up, and record the end, once or more often. Raises ``MarketSimError``."""
        if self.place.create_views != "false":
            wanted = self._ddl(views=True)
            self._drop_cut_short(wanted)
            schema.create(self.sql, wanted)
            catch_up(self.sql, wanted)
        self._record(runs.ENDED, manifest)

    def faults(self, notes: Mapping[str, Done]) -> list[str]:
        """Which shards the tables do not have as they were sent, and whether there are other rows in the run's time."""
        wanted = self.wanted
        existing.wait_applied(self.sql, self.names(wanted.tables))
        found = []
        for shard in wanted.pieces():
            if shard.name in notes:
                faults = [self._fault(shard, table, rows) for table, rows in notes[shard.name].rows.items()]
                found += [f"shard {shard.name}: {fault}" for fault in faults if fault]
        if not found and notes.keys() == wanted.shards.keys():
            for table in wanted.tables:
                start_ns, end_ns = wanted.record.start_ns, wanted.record.end_ns
                there = resume.count_by_symbol(self.sql, wanted.suffix, table, wanted.symbols, start_ns, end_ns).sum()
                sent = sum(done.rows[table] for done in notes.values())
                if there != sent:
                    name = schema.table_name(table, wanted.suffix)
                    found.append(f"{name}: it has {there:,} rows of the run's time, and {sent:,} were sent")
        return found

    def close(self) -> None:
        """Let go of the tables."""
        if self._keeper is not None:
            self._keeper.close()
        if self._monitor is not None:
            self._monitor.close()
        if self._claim is not None:
            self._claim.release()
        if self._sql is not None:
            self._sql.close()

    def _fault(self, shard: Shard, table: str, rows: int) -> str:
        found = resume.count_by_symbol(self.sql, self.wanted.suffix, table, shard.symbols, shard.start_ns, shard.end_ns).sum()
        return "" if found == rows else f"{schema.table_name(table, self.wanted.suffix)} has {found:,} of its {rows:,} rows"

    def _drop_cut_short(self, wanted: Sequence[schema.Wanted]) -> None:
        for text in drop_cut_short(self.sql, wanted):
            self.say(text)

    def _ddl(self, *, views: bool) -> list[schema.Wanted]:
        extra = [table for table in self.wanted.tables if table not in BASE_TABLES]
        return schema.ddl(self.wanted.suffix, self.place.short_ttl, extra, views=views)

    def _is_recorded(self) -> bool:
        name = schema.table_name("runs", self.wanted.suffix)
        query = f"SELECT count() FROM {name} WHERE event = '{runs.STARTED}' AND run_id = %s"
        return int(self.sql.execute(query, (self.wanted.identity,)).fetchone()[0]) > 0

    def _record(self, event: str, manifest: Manifest) -> None:
        runs.record(self.sql, self.wanted.suffix, self.wanted.identity, event, manifest)
        existing.wait_applied(self.sql, self.names(["runs"]))

    def _just_started(self) -> Manifest:
        record = self.wanted.record
        return Manifest(
            format=FORMAT, complete=False, reason="It has just started.", asked_start_ts=record.start_ts, replayed_from_ts=None,
            suffix=self.wanted.suffix, record=record, rows={}, digest=None, digest_parts={}, processes=0, wall_seconds=0.0,
        )  # fmt: skip

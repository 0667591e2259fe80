"""A run that was: its record, and how the one that a database has is found there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenarios.launcher.flags import Flags
from scenarios.launcher.secrets import secret
from simulator.inputs.manifest import Manifest
from simulator.inputs.run_record import RunRecord

if TYPE_CHECKING:
    from writers.questdb.connection import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A run that was, and where its record was found."""

    manifest: Manifest
    where: str
    """For messages."""
    is_complete: bool = False
    """Whether the run ended as it was to end: a database has another record of the end."""
    names_code: bool = False
    """Whether it may name Python to import: a file that the user names may, what a database says may not."""

    @property
    def record(self) -> RunRecord:
        """What decided its rows."""
        return self.manifest.record


def connection_of(flags: Flags, host: str, **ports: int) -> Connection:
    """Where and how to connect."""
    from writers.questdb.connection import Connection  # only for those who use a database

    return Connection(
        host=host,
        pg_port=ports.get("pg_port", flags.pg_port),
        http_port=ports.get("http_port", flags.http_port),
        tcp_port=ports.get("tcp_port", flags.tcp_port),
        user=flags.user,
        password=secret(flags.password.get_secret_value(), "--password"),
        protocol=flags.protocol,
        token=secret(flags.token.get_secret_value(), "--token"),
        token_x=flags.token_x,
        token_y=flags.token_y,
        ilp_user=flags.ilp_user,
        tls=flags.tls,
        tls_verify=flags.tls_verify,
        tls_roots=flags.tls_roots,
    )


def recorded_in_database(flags: Flags, run_id: str) -> Recorded:
    """The run that ``--repeat database:RUN_ID`` names, the newest one without an id: as it ended if it has. Raises ``InputError``."""
    from writers.questdb import runs
    from writers.questdb.doors import check
    from writers.questdb.sql import Sql

    connection = connection_of(flags, flags.host)
    check(connection)
    pg = Sql(connection)
    try:
        run = runs.run_by_id(pg, flags.suffix, run_id)
    finally:
        pg.close()
    return Recorded(manifest=run.ended or run.started, where=f"run {run.run_id} of the database", is_complete=run.is_complete)

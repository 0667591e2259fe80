"""The report of a run that is in a database says what that of its files says."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.launcher.main import command_line
from tests.database import SMALL, at, command
from tests.test_report import data_of
from writers.questdb.server import EmbeddedServer


def test_a_database_s_report_is_that_of_its_files(
    server: EmbeddedServer, suffix: str, plain: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    done = command(*SMALL, *at(server), "--suffix", suffix, "--create_views", "false", "--report", "true", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert f"A page about it: {(out / 'report.html').as_uri()}" in done.stdout
    page = tmp_path / "page.html"
    where = ("--host", "127.0.0.1", "--pg_port", str(server.pg_port))
    assert command_line(("report", *where, "--suffix", suffix, "--html", str(page))) == 0
    assert page.as_uri() in capsys.readouterr().out
    assert data_of(page.read_text()) == data_of((out / "report.html").read_text())
    of_files = tmp_path / "files.html"
    assert command_line(("report", str(plain[0]), "--html", str(of_files))) == 0
    assert data_of(page.read_text()) == data_of(of_files.read_text())

"""The query load without a server: what is asked of what, in which order; bad input; a server that goes."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scenarios.launcher import query_load
from scenarios.launcher.main import command_line
from scenarios.launcher.queries import read_queries
from scenarios.launcher.query_load import Ask, Clients, Load, Topics, Waits, choose, deck
from scenarios.launcher.query_page import as_html, row
from simulator.errors import InputError, SinkError
from simulator.records import NS_PER_MINUTE
from writers.questdb.connection import Connection
from writers.questdb.schema import ddl

QUERIES = read_queries()
ALL = {each.name for each in ddl("_x", extra_tables=("orders", "truth", "status", "imbalances", "sip"))}
TOPICS = Topics(symbols=("AAPL", "JPM"), minutes_ns=tuple(range(0, 90 * NS_PER_MINUTE, NS_PER_MINUTE)))


def ask(name: str, *, views: bool = True) -> Ask:
    return Ask(query=next(query for query in QUERIES if query.name == name), views=views)


def test_queries_of_views_are_asked_of_views_and_of_tables() -> None:
    with_views = sum(bool(query.views) for query in QUERIES)
    for views, count in (("both", 40 + with_views), ("true", 40), ("false", 40)):
        asks, said = choose(QUERIES, ALL, "_x", views)  # type: ignore[arg-type]
        assert (len(asks), said) == (count, [])
    reads = [each.reads for each in choose(QUERIES, ALL, "_x", "both")[0] if each.query.name == "18_bars_with_the_market"]
    assert reads == ["views", "tables"]


def test_what_is_missing_is_left_out_and_said() -> None:
    asks, said = choose(QUERIES, ALL - {"equities_sip_x"}, "_x", "both")
    assert not [each for each in asks if "equities_sip" in each.query.tables]
    assert "Left out: 28_markouts, which reads equities_sip_x." in said
    without_views = {name for name in ALL if name.startswith("equities_")}
    asks, said = choose(QUERIES, without_views, "_x", "both")
    assert {each.reads for each in asks} == {"", "tables"}
    assert "12_nbbo_locked_or_crossed is asked of the tables alone: there is no nbbo_1s_x." in said
    assert len(choose(QUERIES, without_views, "_x", "true")[1]) == sum(bool(query.views) for query in QUERIES)
    with pytest.raises(InputError, match=r"There is nothing to ask\. Left out: .* Run something"):
        choose([QUERIES[0]], set(), "_x", "both")


def test_the_same_seed_asks_the_same() -> None:
    def cards(seed: int, client: int) -> list[Any]:
        return list(itertools.islice(deck(seed, client, 40, TOPICS), 80))

    assert cards(1, 0) == cards(1, 0)
    assert cards(1, 0) != cards(1, 1)
    assert cards(1, 0) != cards(2, 0)
    for part in (cards(1, 0)[:40], cards(1, 0)[40:]):
        assert sorted(at for at, _ in part) == list(range(40))
    values = [values for _, values in cards(1, 0)]
    assert {each["symbol"] for each in values} == {"AAPL", "JPM"}
    assert all("1970-01-01T00:00" <= each["from"] < each["to"] <= "1970-01-01T01:30:00.000000000Z" for each in values)
    assert sum(each["to"].startswith("1970-01-01T01:30:00") and each["from"].startswith("1970-01-01T00:00:00") for each in values) > 10


def test_percentiles_are_by_nearest_rank() -> None:
    waits = Waits(seconds=[n / 1000 for n in range(100, 0, -1)], rows=505)
    assert [round(waits.percentile_ms(share)) for share in (0.5, 0.95, 0.99)] == [50, 95, 99]
    assert waits.rows_per_s == pytest.approx(100)
    assert math.isnan(Waits().percentile_ms(0.5))
    assert row(ask("28_markouts"), Waits(seconds=[0.0123, 0.09994, 12.3456], rows=1))[4:] == ["99.9", "12,346", "12,346"]
    assert row(ask("28_markouts"), Waits())[2:] == ["0", "0", "-", "-", "-"]


class Line:
    """A connection that answers, until it is lost."""

    def __init__(self, answers: float = math.inf) -> None:
        self.left, self.closed, self.asked = answers, False, []  # type: ignore[var-annotated]

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def execute(self, sql: str) -> Any:
        self.asked.append(sql)
        self.left -= 1
        if self.left < 0:
            self.closed = True
            raise psycopg.OperationalError("server closed the connection")
        if "nbbo_1s_x" in sql:
            raise psycopg.DatabaseError("table does not exist [table=<nbbo_1s_x>]")
        return type("Answer", (), {"rowcount": 3})


def clients(monkeypatch: pytest.MonkeyPatch, asks: list[Ask], lines: list[Line]) -> Clients:
    rest = iter(lines)
    monkeypatch.setattr(query_load, "connect_pg", lambda _: next(rest))
    return Clients(Connection(host="there"), "_x", asks, TOPICS, clients=len(lines), seed=1)


def test_refused_queries_are_counted_and_shown_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    asks, lines = [ask("12_nbbo_locked_or_crossed"), ask("28_markouts")], [Line(), Line()]
    load = clients(monkeypatch, asks, lines).run(60.0, 3, lambda: False)
    assert [(len(waits.seconds), waits.rows, waits.refused) for waits in load.waits] == [(0, 0, 6), (6, 18, 0)]
    assert [len(line.asked) for line in lines] == [6, 6]
    assert all(line.closed for line in lines)
    page = as_html(load, ["two <clients>"])
    assert "two &lt;clients&gt;" in page
    assert "Refused 6 times: 12_nbbo_locked_or_crossed (table does not exist [table=&lt;nbbo_1s_x&gt;])" in page
    assert "<script" not in page


def test_the_page_has_a_scale_that_the_bars_keep_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a logarithmic scale from a tenth of a millisecond to the longest wait."""
    waits = [Waits(seconds=[0.001, 0.01, 0.1, 1.0], rows=4), Waits(), Waits(seconds=[0.0000001], rows=1)]
    asks = [ask("12_nbbo_locked_or_crossed"), ask("28_markouts"), ask("16_bars_of_time")]
    page = as_html(Load(asks=asks, waits=waits, took_s=1.0, ended_early=False), [])
    ticks = {text: float(x) for x, text in re.findall(r'<text x="([\d.]+)" y="11"[^>]*>([\d.,]+)</text>', page)}
    assert list(ticks) == ["0.1", "1", "10", "100", "1,000"]
    assert (ticks["0.1"], ticks["1,000"]) == (0.0, 220.0)
    bars = [(float(x), float(width)) for x, width in re.findall(r'<rect class="c1" x="([\d.]+)" y="3" width="([\d.]+)"', page)]
    assert bars[0][0] == ticks["10"]  # the median, by nearest rank
    assert sum(bars[0]) == pytest.approx(ticks["1,000"])
    assert bars[1:] == [(0.0, 2.0)]
    assert "nan" not in page


def test_a_lost_server_ends_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SinkError, match=r"there:8812 does not answer any more: server closed the connection\. Its log"):
        clients(monkeypatch, [ask("28_markouts")], [Line(), Line(answers=5)]).run(60.0, None, lambda: False)


def test_time_and_a_request_to_stop_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asks = [ask("28_markouts")]
    assert clients(monkeypatch, asks, [Line()]).run(0.05, None, lambda: False).ended_early is False
    load: Load = clients(monkeypatch, asks, [Line()]).run(60.0, None, lambda: True)
    assert load.ended_early
    assert load.took_s < 30


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--clients", "0"), "--clients: got 0; must be a whole number from 1 to 256"),
        (("--clients", "many"), "invalid int value: 'many'"),
        (("--rounds", "0"), "--rounds: got 0; must be a whole number from 1 to 1,000"),
        (("--seconds", "nan"), "--seconds: got nan; must be above 0 and at most 86,400"),
        (("--seconds", "-1"), "--seconds: got -1.0; must be above 0"),
        (("--pg_port", "70000"), "--pg_port: got 70000; must be a whole number from 1 to 65,535"),
        (("--suffix", "a b"), "--suffix: got 'a b'; must be letters"),
        (("--host", "embedded"), "a server that starts now has no rows"),
        (("--queries", "16_bars"), "Did you mean 16_bars_of_time?"),
        (("--queries", ","), "--queries: got ''"),
        (("--views", "some"), "invalid choice: 'some'"),
        (("--ingest", "--host there"), "--host is taken from query_load's own"),
        (("--ingest", "--out 'a"), "cannot be split into words"),
        (("--pg_port", "1"), "--host: got '127.0.0.1'; nothing answers at 127.0.0.1:1"),
    ],
)
def test_bad_input_is_answered(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str) -> None:
    assert command_line(("query_load", *words)) == 2
    said = capsys.readouterr()
    assert message in " ".join(said.err.split())
    assert said.out == ""


def test_a_page_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(("query_load", "--pg_port", "1", "--html", str(tmp_path / "none" / "page.html"))) == 1
    assert re.search(r"--html: got '.*page.html'; it cannot be written: No such file", " ".join(capsys.readouterr().err.split()))

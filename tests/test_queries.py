"""The list of queries says what it has, on its page too; files that do not are refused."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from scenarios.launcher import queries
from scenarios.launcher.queries import VIEWS, parse, read_queries
from simulator.errors import InputError
from simulator.records import BASE_TABLES, EXTRA_TABLES

ROOT = Path(__file__).parent.parent
TABLES = {f"equities_{table}" for table in (*BASE_TABLES, *EXTRA_TABLES)}


def test_the_page_lists_every_query_in_its_own_words() -> None:
    page = (ROOT / "docs" / "queries.md").read_text()
    listed = re.findall(r"^\| \[`(\w+)`\]\((\S+)\) \| (.*?) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    want = []
    for query in read_queries():
        others = [name.removeprefix("equities_") for name in query.tables if name.removeprefix("equities_") not in BASE_TABLES]
        want.append((query.name, f"../examples/sql/questdb/{query.name}.sql", query.about, query.shape, ", ".join(others)))
    assert listed == want


def test_a_query_says_which_extra_tables_it_needs_and_reads_no_others() -> None:
    for path in sorted((ROOT / "examples" / "sql" / "questdb").glob("*.sql")):
        query = parse(path)
        assert set(query.tables) <= TABLES | VIEWS.keys(), path.name
        extra = [name.removeprefix("equities_") for name in query.tables if name.removeprefix("equities_") in EXTRA_TABLES]
        said = re.findall(r"^-- Needs --extra_tables (.*)$", path.read_text(), re.MULTILINE)
        assert said == ([",".join(extra)] if extra else []), path.name
        assert not query.views or {"@from", "@to"} <= set(re.findall(r"@\w+", query.sql)), path.name


def test_the_text_for_a_suffix_a_symbol_and_without_views() -> None:
    query = next(query for query in read_queries() if query.name == "12_nbbo_locked_or_crossed")
    text = query.text("_x", {"symbol": "it's", "from": "2025-01-02T00:00:00Z"})
    assert "FROM nbbo_1s_x\n" in text
    assert "@symbol := 'it''s', @from := '2025-01-02T00:00:00Z', @to := '2025-07-01T20:00:00Z'" in text
    text = query.text("_x", views=False)
    assert "nbbo" not in text
    assert "FROM equities_market_data_x WHERE timestamp_ns >= @from AND timestamp_ns < @to AND symbol = @symbol SAMPLE BY 1s" in text


@pytest.mark.parametrize("text", ["", "SELECT 1;\n", "-- One thing.\nSELECT 1;\n", "-- One thing.\n-- Gives columns\nSELECT 1;\n"])
def test_a_file_that_does_not_say_what_it_gives_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "questdb").mkdir()
    with pytest.raises(InputError, match="there are none"):
        read_queries(tmp_path)
    (tmp_path / "questdb" / "01_x.sql").write_text(text)
    with pytest.raises(InputError, match="its second line must be"):
        read_queries(tmp_path)


def test_pip_takes_the_list_along() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert settings["package-dir"] == {"scenarios.sql": "examples/sql"}
    taken = {name for name in settings["packages"] if name.startswith("scenarios.sql")}
    folders = {path.relative_to(ROOT / "examples") for path in (ROOT / "examples" / "sql").rglob("*") if path.is_dir()}
    assert taken == {"scenarios.sql"} | {"scenarios." + ".".join(folder.parts) for folder in folders}
    assert all(settings["package-data"][name] == ["*.sql"] for name in taken - {"scenarios.sql"})
    assert queries.HOMES[1] == ROOT / "scenarios" / "sql"

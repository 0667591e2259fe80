"""What version 0.1 has left is read, or refused with what to do. ``tests/data/version_0_1`` was written by the program of 0.1."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from scenarios.launcher.flags import parse_flags
from scenarios.launcher.main import main
from scenarios.launcher.plan import make_plan
from simulator.errors import InputError
from simulator.inputs.manifest import parse_manifest, read_manifest
from writers.questdb.existing import compare_columns
from writers.questdb.schema import TableDef, ddl
from writers.questdb.upgrade import upgrade_statements

OLD = Path(__file__).parent / "data" / "version_0_1"
ORDERS_TODAY = next(each.columns for each in ddl(extra_tables=("orders",)) if isinstance(each, TableDef) and each.name == "equities_orders")
ROOT = Path(__file__).parent.parent
OLD_ORDERS = (
    ("timestamp_ns", "TIMESTAMP_NS"), ("symbol", "SYMBOL"), ("venue", "SYMBOL"), ("action", "LONG"), ("kind", "SYMBOL"), ("order_id", "LONG"),
    ("side", "SYMBOL"), ("price", "DOUBLE"), ("size", "LONG"), ("a", "LONG"), ("b", "LONG"), ("ordinal", "LONG"),
)  # fmt: skip
NEW_ORDERS = (*OLD_ORDERS[:9], ("display", "LONG"), ("hidden_size", "LONG"), ("other_id", "LONG"), ("order_type", "SYMBOL"), ("imbalance", "LONG"), ("cross_kind", "SYMBOL"), OLD_ORDERS[-1])


def text_of(**changes: Any) -> str:
    manifest = json.loads((OLD / "manifest.json").read_text())
    return json.dumps({key: value for key, value in (manifest | changes).items() if value is not ...})


def test_a_manifest_of_0_1_is_repeated_and_says_that_another_version_made_it() -> None:
    old = json.loads((OLD / "manifest.json").read_text())
    assert old["format"] == "equities-market-simulator/1"
    plan = make_plan(parse_flags(["--repeat", str(OLD)]))
    assert "The recorded run was made with sources of 0.1 (now " in " ".join(plan.notes), "the program's number may be the same"
    scenario = plan.scenario
    assert [s.name for s in scenario.universe.symbols] == old["symbols"]
    assert (scenario.seed, scenario.levels, scenario.tables) == (old["seed"], old["settings"]["levels"], tuple(old["tables"]))
    assert {name: (b.low, b.high, b.close) for name, b in scenario.prices.items()} == {
        name: (p["low"], p["high"], p["close"]) for name, p in old["prices"].items()
    }
    line = f"--symbols {','.join(old['symbols'])} --start_ts {old['start_ts']} --end_ts {old['end_ts']} --seed {old['seed']} --extra_tables orders"
    rates = " ".join(f"--{name} {old['settings'][name]}" for name in ("market_data_min_eps", "market_data_max_eps", "trades_min_eps", "trades_max_eps"))
    assert scenario == make_plan(parse_flags(f"{line} {rates}".split())).scenario


def test_a_live_run_of_0_1_keeps_its_quotes_off_hours_and_its_refreshes() -> None:
    refresh = {"ts_ns": 1751378402000000000, "over_ns": 60_000_000_000, "prices": {"JPM": [280.0, 300.0, 291.5, "yahoo"]}}
    record = parse_manifest(text_of(mode="real-time", refreshes=[refresh]), "here").record
    assert record.offhours_quotes
    (kept,) = record.to_scenario().refreshes
    assert (kept.ts_ns, kept.over_ns, kept.prices["JPM"].close) == (1751378402000000000, 60_000_000_000, 291.5)


def test_a_record_of_0_1_from_the_runs_table_is_read_too() -> None:
    """There it had no format, only a format_version."""
    assert parse_manifest(text_of(format=...), "the runs table") == read_manifest(OLD)


def test_a_run_of_0_1_with_a_scenario_file_is_refused_with_the_command() -> None:
    settings = json.loads((OLD / "manifest.json").read_text())["settings"] | {"scenario": "/home/me/mine.yaml"}
    with pytest.raises(InputError, match=r"--scenario /home/me/mine\.yaml --seed 7 --start_ts .*docs/upgrading\.md"):
        parse_manifest(text_of(settings=settings), "mine.json")


@pytest.mark.parametrize(("change", "says"), [({"prices": {}}, "none for"), ({"refreshes": [5]}, "refreshes"), ({"settings": {}}, "missing"), ({"processes": "x"}, "processes")])
def test_a_damaged_manifest_of_0_1_is_told(change: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_manifest(text_of(**change), "mine.json")
    assert "mine.json" in str(raised.value)
    assert says in str(raised.value)


def test_a_folder_of_0_1_is_not_continued(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = tmp_path / "old"
    shutil.copytree(OLD, old)
    assert main(["--incremental", "true", "--out", str(old)]) == 2
    assert f"version 0.1 wrote it, whose files may hold a part of their hour. Make it again: --repeat {old}" in capsys.readouterr().err


def test_old_flags_are_answered_with_the_new(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--prices", str(OLD / "manifest.json")]) == 2
    assert f"--repeat {OLD / 'manifest.json'}" in capsys.readouterr().err


def test_an_orders_table_of_0_1_gets_the_statements_that_the_page_shows() -> None:
    statements = upgrade_statements("equities_orders", dict(OLD_ORDERS), dict(NEW_ORDERS))
    (page,) = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "upgrading.md").read_text(), re.DOTALL)
    shown = [line.replace("imbalance = a WHERE kind = 'CROSS'", "imbalance = a WHERE kind IN ('CROSS')") for line in page.strip().splitlines()]
    assert [line for line in statements if "order_type = CASE" not in line] == shown
    assert "WHEN 0 THEN 'LIMIT'" in statements[-4]
    assert [name for name, _ in NEW_ORDERS] == [name for name, _ in ORDERS_TODAY]
    assert upgrade_statements("equities_orders", dict(NEW_ORDERS), dict(NEW_ORDERS)) == []
    assert upgrade_statements("equities_trades", {"price": "DOUBLE"}, {"price": "LONG"}) == []


def test_the_order_of_columns_is_no_matter() -> None:
    wanted = TableDef(name="equities_orders", columns=NEW_ORDERS, partition_by="HOUR")
    compare_columns(wanted, [*NEW_ORDERS[:4], *reversed(NEW_ORDERS[4:])])
    with pytest.raises(InputError, match=r"ALTER TABLE equities_orders ADD COLUMN display LONG;.*DROP COLUMN a; ALTER TABLE equities_orders DROP COLUMN b;"):
        compare_columns(wanted, OLD_ORDERS)
    with pytest.raises(InputError, match="exists and is another"):
        compare_columns(wanted, NEW_ORDERS[1:])

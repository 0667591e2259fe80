"""Writes the three dashboards as JSON: ``python examples/grafana/make_dashboards.py``, after ``pip install '.[grafana]'``.

The panels and their SQL are in panels.py; this builds what Grafana reads of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import barchart, candlestick, dashboard, stat, table, timeseries
from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.candlestick import VizDisplayMode
from grafana_foundation_sdk.models.common import GraphDrawStyle, StackingMode

sys.path.insert(0, str(Path(__file__).parent))
import panels

PLUGIN = "questdb-questdb-datasource"
SOURCE = model.DataSourceRef(type_val=PLUGIN, uid="${datasource}")
TIME_SERIES, TABLE = 0, 1
"""How the plugin is told what to make of an answer: numbers, not the words of other data sources."""
FOLDER = Path(__file__).parent / "dashboards"


class Query(variants.Dataquery):
    """A panel's question, as the plugin stores it."""

    def __init__(self, sql: str, form: int) -> None:
        self.sql, self.form = sql, form

    def to_json(self) -> dict[str, Any]:
        return {
            "refId": "A", "datasource": SOURCE, "queryType": "sql", "rawSql": self.sql, "format": self.form, "selectedFormat": self.form,
        }  # fmt: skip


class QueryBuilder(builder.Builder[variants.Dataquery]):
    def __init__(self, query: Query) -> None:
        self.query = query

    def build(self) -> variants.Dataquery:
        return self.query


def panel_of(kind: panels.Kind) -> tuple[Any, int]:
    """A builder, and the form that it wants its rows in."""
    if kind == "candles":
        made = candlestick.Panel().mode(VizDisplayMode.CANDLES_VOLUME).include_all_fields(True)
        names = candlestick.CandlestickFieldMap().open("open").high("high").low("low").close("close").volume("volume")
        return made.fields(names), TABLE
    if kind == "lines":
        return timeseries.Panel().draw_style(GraphDrawStyle.LINE).line_width(1).fill_opacity(8), TIME_SERIES
    if kind == "bars":
        return timeseries.Panel().draw_style(GraphDrawStyle.BARS).fill_opacity(70).line_width(0), TIME_SERIES
    if kind == "columns":
        return barchart.Panel().stacking(StackingMode.NONE), TABLE
    return (stat.Panel() if kind == "stat" else table.Panel()), TABLE


def dashboard_of(title: str, uid: str, about: str, shown: Sequence[panels.Panel]) -> model.Dashboard:
    """All of it, with its variables."""
    made = dashboard.Dashboard(title).uid(uid).description(about).tags(["equities", "questdb"]).editable()
    made.time("2025-07-01T13:30:00.000Z", "2025-07-01T20:00:00.000Z").timezone("America/New_York").refresh("")
    made.with_variable(dashboard.DatasourceVariable("datasource").label("QuestDB").type(PLUGIN))
    made.with_variable(dashboard.TextBoxVariable("suffix").label("Suffix").default_value(""))
    for name, sql in panels.VARIABLES.items():
        choice = dashboard.QueryVariable(name).label(name.capitalize()).datasource(SOURCE).query(sql)
        choice.refresh(model.VariableRefresh.ON_DASHBOARD_LOAD).sort(model.VariableSort.ALPHABETICAL_ASC)
        made.with_variable(choice.multi(True).include_all(True) if name == "venue" else choice)
    at, row_height, down = 0, 0, 0
    for number, panel in enumerate(shown, 1):
        if at + panel.width > 24:
            at, down, row_height = 0, down + row_height, 0
        one, form = panel_of(panel.kind)
        place = model.GridPos(h=panel.height, w=panel.width, x=at, y=down)
        one.id(number).title(panel.title).description(panel.about).datasource(SOURCE).unit(panel.unit).grid_pos(place)
        made.with_panel(one.with_target(QueryBuilder(Query(panel.sql, form))))
        at, row_height = at + panel.width, max(row_height, panel.height)
    return made.build()


def without_nulls(value: Any) -> Any:
    """Grafana takes what is not there for its default, and not what is null."""
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


def main(folder: Path = FOLDER) -> int:
    """Write the files."""
    folder.mkdir(exist_ok=True)
    for name, title, about, shown in (
        ("market", "Market", "One symbol: depth, candles, spread, volume, tape.", panels.MARKET),
        ("venues", "Venues and execution", "Shares, lead, markouts, trade-throughs, imbalances, halts.", panels.VENUE),
        ("load", "Load", "Rows a second, lag, partitions, memory.", panels.LOAD),
    ):
        made = json.loads(json.dumps(dashboard_of(title, f"equities-{name}", about, shown), cls=JSONEncoder))
        (folder / f"{name}.json").write_text(json.dumps(without_nulls(made), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

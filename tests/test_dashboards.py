"""The dashboards are what their script makes, and have what Grafana needs to find its way; their SQL runs in tests/questdb."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

HOME = Path(__file__).parent.parent / "examples" / "grafana"
FILES = sorted((HOME / "dashboards").glob("*.json"))
VARIABLES = {"datasource", "suffix", "symbol", "venue"}


def panels(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file.read_text())["panels"]
    return found


def test_the_files_are_what_the_script_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    runpy.run_path(str(HOME / "make_dashboards.py"))["main"](tmp_path)
    monkeypatch.delitem(sys.modules, "panels")
    assert [path.name for path in sorted(tmp_path.iterdir())] == [path.name for path in FILES] == ["load.json", "market.json", "venues.json"]
    for file in FILES:
        assert (tmp_path / file.name).read_text() == file.read_text(), f"{file.name}: run examples/grafana/make_dashboards.py"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dashboard_holds_together(file: Path) -> None:
    made = json.loads(file.read_text())
    assert {variable["name"] for variable in made["templating"]["list"]} == VARIABLES
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in made["panels"]:
        place, target = panel["gridPos"], panel["targets"][0]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["title"]
        assert panel["description"]
        assert target["datasource"] == {"type": "questdb-questdb-datasource", "uid": "${datasource}"}
        assert target["format"] == target["selectedFormat"] == (0 if panel["type"] == "timeseries" else 1)
        assert set(re.findall(r"\$\{(\w+)", target["rawSql"])) <= VARIABLES
        assert set(re.findall(r"\$(__\w+)", target["rawSql"])) <= {"__timeFilter", "__sampleByInterval"}  # those that the plugin has


def test_what_docker_is_told_names_what_is_there() -> None:
    compose = yaml.safe_load((HOME / "compose.yaml").read_text())
    source = yaml.safe_load((HOME / "provisioning" / "datasources" / "questdb.yaml").read_text())["datasources"][0]
    provider = yaml.safe_load((HOME / "provisioning" / "dashboards" / "equities.yaml").read_text())["providers"][0]
    mounts = dict(mount.split(":")[:2] for mount in compose["services"]["grafana"]["volumes"])
    assert {Path(HOME, name).is_dir() for name in mounts} == {True}
    assert provider["options"]["path"] in mounts.values()
    assert source["jsonData"]["server"] in compose["services"]
    assert source["type"] == compose["services"]["grafana"]["environment"]["GF_INSTALL_PLUGINS"]
    assert all(port.startswith("127.0.0.1:") for service in compose["services"].values() for port in service["ports"])
    assert "No Grafana has opened them yet" in (HOME / "README.md").read_text()

"""The default universe is the spec's; a file of the user's own is checked strictly."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import InputError
from simulator.inputs.universe import Universe, load_universe

SPEC_SECTORS = {
    "tech": "AAPL MSFT NVDA AMZN GOOGL META TSLA AVGO ADBE ORCL CRM NFLX AMD INTC",
    "finance": "JPM BAC GS MS V MA CME ICE NDAQ",
    "healthcare": "LLY JNJ UNH",
    "energy": "XOM CVX",
    "consumer": "COST WMT",
}
NASDAQ_LISTED = set(["AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA", "AVGO", "ADBE", "NFLX", "AMD", "INTC", "CME", "NDAQ", "COST"])
SMALL = """\
venues: [{name: NYSE, size_multiplier: 1, latency_ns: 1000}, {name: IEX, size_multiplier: 0.8, latency_ns: 2000}]
symbols:
  - {name: AA, sector: metal, listing: NYSE, mega_cap: false, beta: 1, daily_volatility: 0.01, daily_volume: 10_000}
  - {name: BB, sector: metal, listing: IEX, mega_cap: true, beta: 1, daily_volatility: 0.01, daily_volume: 10_000, tick_units: 50}
"""


@pytest.fixture(scope="module")
def spec() -> Universe:
    return load_universe()


def test_default_symbols_sectors_and_order_are_the_specs(spec: Universe) -> None:
    expected = [(name, sector) for sector, names in SPEC_SECTORS.items() for name in names.split()]
    assert [(s.name, s.sector) for s in spec.symbols] == expected


def test_default_venues_and_multipliers_are_the_specs(spec: Universe) -> None:
    multipliers = {"NASDAQ": 1.0, "NYSE": 1.0, "ARCA": 0.9, "BATS": 0.9, "IEX": 0.8}
    assert {v.name: v.size_multiplier for v in spec.venues} == multipliers
    assert [v.latency_ns for v in spec.venues] == [180_000, 200_000, 220_000, 240_000, 580_000]


def test_default_symbols_stand_where_they_are_listed(spec: Universe) -> None:
    assert {s.name for s in spec.symbols if s.listing == "NASDAQ"} == NASDAQ_LISTED
    assert {s.listing for s in spec.symbols if s.name not in NASDAQ_LISTED} == {"NYSE"}
    assert spec.venues[spec.listing_index(spec.symbol_index("JPM"))].name == "NYSE"
    assert spec.venues[spec.listing_index(0)].name == "NASDAQ"


def test_default_numbers_are_plausible(spec: Universe) -> None:
    assert {s.name for s in spec.symbols if s.mega_cap} == set(["AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA", "AVGO"])
    assert all(s.tick_units == 100 for s in spec.symbols)
    assert all(0.010 <= s.daily_volatility <= 0.030 for s in spec.symbols)
    assert [s.name for s in spec.symbols if s.beta * 0.010 >= s.daily_volatility] == [], "no noise of its own would be left"


def test_selection_keeps_the_universes_order_and_venues(spec: Universe) -> None:
    chosen = spec.select(["ADBE", "WMT", "AAPL", "WMT"])
    assert [s.name for s in chosen.symbols] == ["AAPL", "ADBE", "WMT"]
    assert chosen.venues == spec.venues
    assert chosen.symbol_index("WMT") == 2


@pytest.mark.parametrize(("name", "hint"), [("aapl", "Did you mean AAPL?"), ("GOGL", "Did you mean GOOGL?"), ("123456", "Name one of")])
def test_unknown_symbol_names_the_closest(spec: Universe, name: str, hint: str) -> None:
    with pytest.raises(InputError) as raised:
        spec.select(["AAPL", name])
    assert hint in str(raised.value)
    assert repr(name) in str(raised.value)


def test_unknown_venue_and_empty_selection_are_errors(spec: Universe) -> None:
    with pytest.raises(InputError, match="Did you mean NASDAQ"):
        spec.venue_index("NASDQ")
    with pytest.raises(InputError, match="at least one"):
        spec.select([])


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SMALL)
    universe = load_universe(path)
    assert [(s.name, s.tick_units) for s in universe.symbols] == [("AA", 100), ("BB", 50)]
    assert universe.listing_index(1) == 1


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("beta: 1", "betta: 1", ["symbols[0].betta", "unknown key", "beta, daily_volatility"]),
        ("mega_cap: false, ", "", ["symbols[0].mega_cap", "is missing"]),
        ("mega_cap: true", "mega_cap: 1", ["line 4: symbols[1].mega_cap", "got 1", "true or false"]),
        ("beta: 1", "beta: '1'", ["symbols[0].beta", "got '1'", "number"]),
        ("beta: 1", "beta: .nan", ["symbols[0].beta", "finite"]),
        ("daily_volatility: 0.01", "daily_volatility: 1", ["symbols[0].daily_volatility", "must be at most 0.2"]),
        ("10_000", "10_000.5", ["symbols[0].daily_volume", "whole number"]),
        ("tick_units: 50", "tick_units: 0", ["symbols[1].tick_units", "must be at least 1"]),
        ("tick_units: 50", "tick_units: 1000", ["symbols[1].tick_units", "must be at most 500"]),
        ("name: AA", "name: true", ["symbols[0].name", "got True", "needs quotes"]),
        ("name: AA", "name: 'A A'", ["symbols[0].name", "'A A'"]),
        ("name: BB", "name: AA", ["symbols[1].name", "'AA'", "once"]),
        ("name: IEX", "name: NYSE", ["venues[1].name", "'NYSE'", "once"]),
        ("listing: NYSE", "listing: ARCA", ["symbols[0].listing", "'ARCA'", "NYSE, IEX"]),
        ("latency_ns: 2000", "latency_ns: 0", ["venues[1].latency_ns"]),
        ("size_multiplier: 0.8", "size_multiplier: 0", ["venues[1].size_multiplier"]),
        ("beta: 1", "beta: 1, beta: 2", ["'beta' occurs twice", "line 3"]),
        ("symbols:", "symbols: []\nothers:", ["others", "unknown key", "venues, symbols"]),
        ("symbols:", "symbols: [", ["not valid YAML"]),
        ("beta: 1", "2025-01-01: 1", ["2025-01-01", "unknown key"]),
    ],
)
def test_a_wrong_file_names_file_key_and_what_is_allowed(tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SMALL.replace(old, new, 1))
    with pytest.raises(InputError) as raised:
        load_universe(path)
    for part in [str(path), *expected]:
        assert part in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"- 1\n", b"text", b"\xff\xfe\xff", b"venues: []\nsymbols: []\n"])
def test_a_file_of_another_kind_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"mine\.yaml"):
        load_universe(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load_universe(tmp_path / "none.yaml")

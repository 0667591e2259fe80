"""``Manifest``: a run's record and what the run came to, as a folder's ``manifest.json`` and the database's runs table have it.

What is read comes from outside: its types, sizes and depth are checked, and reading it imports nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from simulator.errors import InputError, explain
from simulator.inputs.old_records import OLD_FORMAT, from_version_1
from simulator.inputs.run_record import LIST_MAX, MODEL, TEXT_MAX, Instant, RunRecord, Short, Strict
from simulator.inputs.strict_yaml import YamlFile, why_invalid
from simulator.inputs.universe import check_universe

FORMAT: Literal["equities-market-simulator/2"] = "equities-market-simulator/2"
"""Of manifests; its number is raised whenever a record of before would no longer say all that decides the rows."""
MANIFEST = "manifest.json"
BYTES_MAX = 64 * 2**20
"""Of a manifest: a year of refreshed prices every minute stays below it."""


class Manifest(Strict):
    """A run's record, and what it came to; ``complete`` is false while it goes on and after it ended early."""

    format: Literal["equities-market-simulator/2"]
    complete: bool
    reason: Annotated[str, StringConstraints(max_length=TEXT_MAX)] | None
    """Why it is not complete."""
    asked_start_ts: Instant
    """What the command asked for: later than that is the record's start if the tables had rows already."""
    replayed_from_ts: Instant | None
    suffix: Short
    record: RunRecord
    rows: Annotated[dict[Short, int], Field(max_length=10)]
    digest: Short | None
    digest_parts: Annotated[dict[Short, Short], Field(max_length=LIST_MAX * 100)]
    processes: int
    wall_seconds: Annotated[float, Field(allow_inf_nan=False)]

    def to_json(self, indent: int | None = None) -> str:
        """For a file or a column; ``parse_manifest`` is the reverse."""
        return json.dumps(self.model_dump(mode="json"), indent=indent)


def parse_manifest(text: bytes | str, where: str) -> Manifest:
    """A manifest from JSON; ``where`` is for messages. Raises ``InputError`` for anything else, and for another version's."""
    if len(text) > BYTES_MAX:
        limit = f"a manifest must have at most {BYTES_MAX:,}"
        raise InputError(explain(where, f"{len(text):,} bytes", limit, "Name the manifest of a run."))
    try:
        manifest = Manifest.model_validate_json(text, strict=True)
    except ValidationError as error:
        found = _format_of(text)
        if found == OLD_FORMAT:
            manifest = _from_version_1(text, where)
        elif found is not None and found != FORMAT:
            raise InputError(_other_version(where, found)) from None
        else:
            raise InputError(why_invalid(Manifest, YamlFile(where, None, {}, "", MODEL), error)) from None
    _check(manifest.record, where)
    return manifest


def read_manifest(path: Path | str) -> Manifest:
    """The manifest of a run, from its folder or file. Raises ``InputError``."""
    path = Path(path)
    try:
        if path.is_dir():
            path = path / MANIFEST
        with path.open("rb") as file:
            text = file.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        remedy = "Name a run's folder or its manifest.json."
        raise InputError(explain("manifest", str(path), f"it cannot be read: {reason}", remedy)) from None
    return parse_manifest(text, f"manifest {path}")


def _check(record: RunRecord, where: str) -> None:
    """What no single value shows: the model's parts against each other. Raises ``InputError``; imports nothing."""
    try:
        check_universe(YamlFile("universe", None, {}, "", MODEL), record.universe)
        missing = [name for name in record.symbols if name not in record.prices]
        if missing:
            raise InputError(explain("prices", sorted(record.prices), f"there are none for {', '.join(missing)}", "Add them."))
        for place, prices in (("prices", record.prices), *((f"refreshes of {r.ts}", r.prices) for r in record.refreshes)):
            for name, price in prices.items():
                if price.low > price.high:
                    given = [price.low, price.high]
                    raise InputError(explain(f"{place}: {name}", given, "low must be at most high", "Put them in that order."))
        record.without_code()
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


class _Said(BaseModel):
    format: Short | None = None
    format_version: int | None = None
    """Without a format: in a runs table of 0.1."""


def _format_of(text: bytes | str) -> str | None:
    """What the text says that it is, if it says anything."""
    try:
        said = _Said.model_validate_json(text)
    except ValidationError:
        return None
    return OLD_FORMAT if said.format is None and said.format_version == 1 else said.format


def _from_version_1(text: bytes | str, where: str) -> Manifest:
    try:
        return Manifest.model_validate({"format": FORMAT, **from_version_1(text, where)})
    except ValidationError as error:
        raise InputError(why_invalid(Manifest, YamlFile(where, None, {}, "", "a manifest of version 0.1"), error)) from None


def _other_version(where: str, found: str) -> str:
    meaning = "it does not hold all that decides the rows here, or holds more than this program knows"
    limit = f"this program reads {FORMAT}; of another version {meaning}"
    return explain(f"{where}: format", found, limit, "Use the version that wrote it; docs/upgrading.md says how to go on with this one.")

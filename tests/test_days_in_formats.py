"""A day is written once: a second run of it into the same folder is refused in each format, and what is there stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import contents, opening

from simulator.errors import SinkError
from writers.formats import FORMATS, make_sink


@pytest.mark.parametrize("name", FORMATS)
def test_a_second_part_of_a_day_is_refused(name: str, tmp_path: Path) -> None:
    made = opening()
    options = {"venues": ("IEX",), "symbols": ("XOM",)}
    if not FORMATS[name].needs_orders:
        options["tables"] = ("trades",)

    def write(later: bool) -> None:
        sink = make_sink(name, tmp_path, **options)
        sink.open(made.info)
        try:
            for batch in made.batches():
                sink.write(batch if not later else type(batch)(**{f: getattr(batch, f)[len(batch) // 2 :] for f in batch.__dataclass_fields__}))
        except BaseException:
            sink.close(False)
            raise
        sink.close(True)

    write(False)
    before = contents(tmp_path)
    assert before
    with pytest.raises(SinkError, match="already"):
        write(name in ("csv", "arrow"))
    assert contents(tmp_path) == before
